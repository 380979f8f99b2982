"""What peers say about a chain's heights: decoded, held against where we are, verified.

Invariant: only verified inputs of the height at hand reach the engine's inbox. A message of a
height that is about to come waits, one of an older height or round tells who needs help, and
garbage is charged to its sender. What a faulty validator can make us write in one height is bounded
in bytes a second, because a journal that is full ends the node.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog
import trio

from consensus import verify
from consensus.driver import DriverState, knows, step
from consensus.encoding import DecodeError
from consensus.errors import PeerError, Refusal
from consensus.events import Evidence, ProposalReceived, VerifiedVote, VoteReceived
from consensus.messages import (
    CommitMessage,
    Message,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    decode_message,
)
from consensus.presence import Window, check_late_vote
from consensus.round import NO_ROUND
from consensus.state import MAX_FUTURE_PROPOSALS
from consensus.types import Vote, VoteKind
from gtxnode.engine.early import EARLY_HEIGHTS, Early
from gtxnode.engine.late import LateVotes
from gtxnode.engine.ports import Heard, Help, Item, Observer, Pace
from p2p.identity import PeerId
from p2p.network import Offence
from p2p.rates import Rate

log = structlog.get_logger(__name__)

# How often a peer that is behind is helped.
HELP_INTERVAL_S = 0.5
# Certificates of no more than these are checked on the event loop: two milliseconds at most.
FEW_VALIDATORS = 32
# Votes of one validator for rounds to come: an honest one is in one round at a time, and a round
# takes a second. The rest is dropped, and comes again with its sender's rebroadcast.
FUTURE_VOTES_PER_S = 2.0
FUTURE_VOTES_BURST = 64.0
# Refusals that happen between honest nodes: counted, not charged.
NOBODYS_FAULT = frozenset(
    {
        Refusal.DUPLICATE,
        Refusal.STALE_ROUND,
        Refusal.FUTURE_ROUND,
        Refusal.WRONG_HEIGHT,
        Refusal.TOO_MANY,
        Refusal.EQUIVOCATION,
    }
)


@dataclass(slots=True)
class Heights:
    """The driver's states: of the height at hand, and of the one before for late precommits; those
    for the heights before are kept by themselves."""

    current: DriverState | None = None
    previous: DriverState | None = None
    decided: bytes | None = None
    """The id of the block that became final at the height before."""
    late: LateVotes = field(default_factory=LateVotes)


class Inbound:
    """Takes consensus messages of one chain from peers."""

    def __init__(
        self,
        chain_id: str,
        heights: Heights,
        wanted_precommits: Callable[[], Window],
        inbox: trio.MemorySendChannel[Item],
        pace: Pace,
        observer: Observer,
        charge: Callable[[PeerId, Offence], None],
    ) -> None:
        self._chain_id = chain_id
        self._heights = heights
        self._wanted_precommits = wanted_precommits
        self._send = inbox
        self._pace = pace
        self._observer = observer
        self._charge = charge
        self._early = Early()
        self._helped: dict[PeerId, float] = {}
        self._ahead: dict[bytes, Rate] = {}

    async def receive(self, peer: PeerId, data: bytes) -> None:
        """Take a consensus message as a peer sent it: decoded, verified, and only then used."""
        try:
            message = decode_message(data)
        except DecodeError as error:
            log.warning("message_refused", chain=self._chain_id, peer=peer, reason=str(error))
            self._observer.refused(Refusal.MALFORMED)
            self._charge(peer, Offence.MALFORMED)
            return
        height, state = message_height(message), self._heights.current
        if state is None or height > state.height:
            is_near = state is None or height <= state.height + EARLY_HEIGHTS
            refusal = self._early.keep(peer, data) if is_near else Refusal.WRONG_HEIGHT
            if refusal is not None:
                self._observer.refused(refusal)
            if height > 1:
                self._observer.behind(peer, height - 1)
            if state is None and isinstance(message, VoteMessage):
                await self._send.send(Heard(message.vote.validator, height - 1))
            return
        if (late := self._late_precommit(message)) is not None:
            # Late is no sign of being behind: its sender may well have the block.
            self._hear_late(peer, late)
            return
        if height < state.height:
            self._hear_older(peer, message)
        if self._is_behind(message, state) and self._may_help(peer):
            await self._send.send(Help(peer, height))
        if height < state.height:
            return
        if knows(state, message):
            self._observer.refused(Refusal.DUPLICATE)
            return
        if isinstance(message, ProposalMessage) and message.proposal.round > (
            state.round + MAX_FUTURE_PROPOSALS
        ):
            # Who proposes in many rounds to come could fill the journal with blocks. The
            # proposal comes again once its round is near.
            self.refuse(PeerError(Refusal.FUTURE_ROUND, str(message.proposal.round)), peer)
            return
        await self._verify(peer, message, state)

    async def hear_early(self) -> None:
        """Take what came for this height before it began."""
        for peer, data in self._early.take():
            await self.receive(peer, data)

    async def _verify(self, peer: PeerId, message: Message, state: DriverState) -> None:
        arguments = (
            self._chain_id,
            state.height,
            state.start.validators,
            state.start.proposers,
            message,
            state.tally,
        )
        try:
            if isinstance(message, VoteMessage) or len(state.start.validators) <= FEW_VALIDATORS:
                # A few signatures cost less than the way to a worker thread and back.
                verified = verify.verify_message(*arguments)
            else:
                verified = await trio.to_thread.run_sync(verify.verify_message, *arguments)
        except PeerError as error:
            self.refuse(error, peer)
            return
        if isinstance(message, VoteMessage) and not self._is_within_rate(message.vote, state):
            self.refuse(PeerError(Refusal.TOO_MANY, "votes of rounds to come"), peer)
            return
        if isinstance(verified, ProposalReceived):
            verified = self._timed(verified)
        await self._send.send(verified)

    def _timed(self, received: ProposalReceived) -> ProposalReceived:
        """A proposal, and whether it came at its time. A late one may be the network's fault."""
        proposal, block = received.proposal.proposal, received.proposal.block
        if proposal.valid_round != NO_ROUND or self._pace.is_timely(proposal, block):
            return received
        log.warning(
            "proposal_untimely",
            chain=self._chain_id,
            height=proposal.height,
            round=proposal.round,
            block_time_ms=block.header.time_ms,
        )
        self._observer.refused(Refusal.WRONG_TIME)
        return replace(received, timely=False)

    def _is_within_rate(self, vote: Vote, state: DriverState) -> bool:
        """Whether one more vote of a round to come is taken: each goes into the journal.

        The vote is verified, so there are at most as many rates as validators.
        """
        if vote.round <= state.round:
            return True
        now = trio.current_time()
        rate = self._ahead.get(vote.validator)
        if rate is None:
            rate = Rate(FUTURE_VOTES_PER_S, FUTURE_VOTES_BURST, now)
            self._ahead[vote.validator] = rate
        return rate.takes(now)

    def refuse(self, error: PeerError, peer: PeerId | None) -> None:
        """Count what was refused, and charge the peer where it is to blame."""
        self._observer.refused(error.reason)
        if error.reason in NOBODYS_FAULT or peer is None:
            return
        log.warning("message_refused", chain=self._chain_id, peer=peer, reason=str(error))
        offence = (
            Offence.BAD_SIGNATURE if error.reason is Refusal.BAD_SIGNATURE else Offence.INVALID
        )
        self._charge(peer, offence)

    def _is_behind(self, message: Message, state: DriverState) -> bool:
        """Whether a message shows that its sender has not come to our height or round."""
        height = message_height(message)
        if not tells_a_place(message):
            return False
        return height < state.height or message_round(message) < state.round

    def _late_precommit(self, message: Message) -> Vote | None:
        """The vote, if it may still count into the commit of the height before."""
        previous = self._heights.previous
        if previous is None or not isinstance(message, VoteMessage):
            return None
        vote = message.vote
        is_late = vote.kind is VoteKind.PRECOMMIT and vote.height == previous.height
        return vote if is_late else None

    def _hear_late(self, peer: PeerId, vote: Vote) -> None:
        """Verify a precommit for the height before that is news, and count it."""
        previous = self._heights.previous
        assert previous is not None, "a vote is late for a height that has been"
        if knows(previous, VoteMessage(vote)):
            self._observer.refused(Refusal.DUPLICATE)
            return
        try:
            verified = verify.verify_vote(
                self._chain_id, previous.height, previous.start.validators, vote
            )
        except PeerError as error:
            self.refuse(error, peer)
            return
        self.count_late(verified, peer)

    def count_late(self, verified: VerifiedVote, peer: PeerId | None) -> None:
        """Count a precommit into the commit of the block before, if it is of that height."""
        previous, vote = self._heights.previous, verified.vote
        assert previous is not None, "a vote is late for a height that has been"
        if vote.height != previous.height or knows(previous, VoteMessage(vote)):
            return
        try:
            self._heights.previous, effects = step(previous, VoteReceived(verified))
        except PeerError as error:
            self.refuse(error, peer)
            return
        if vote.block_id is not None and vote.block_id == self._heights.decided:
            # One of another round than the commit's has no place in that.
            self._heights.late.keep([vote])
        for effect in effects:
            # Its block is final, so nothing else that the driver wants is of use.
            if isinstance(effect, Evidence):
                self._observer.evidence(effect.first, effect.second)

    def _hear_older(self, peer: PeerId, message: Message) -> None:
        """Keep a precommit for a block that has been final for a while, if it still counts.

        Only those are verified: others say nothing that is of use, and are nobody's fault.
        """
        if not isinstance(message, VoteMessage):
            self._observer.refused(Refusal.WRONG_HEIGHT)
            return
        vote, window = message.vote, self._wanted_precommits()
        counts = vote.kind is VoteKind.PRECOMMIT and any(
            (each.height, each.block_id) == (vote.height, vote.block_id)
            and vote.validator in each.missing
            for each in window
        )
        if not counts or vote in self._heights.late:
            self._observer.refused(Refusal.DUPLICATE if counts else Refusal.WRONG_HEIGHT)
            return
        try:
            check_late_vote(self._chain_id, window, vote)
        except PeerError as error:
            self.refuse(error, peer)
            return
        self._heights.late.keep([vote])

    def _may_help(self, peer: PeerId) -> bool:
        """Whether it is this peer's turn to be helped; then it is not again for a while."""
        now = trio.current_time()
        self._helped = {
            other: at for other, at in self._helped.items() if now - at < HELP_INTERVAL_S
        }
        if peer in self._helped:
            return False
        self._helped[peer] = now
        return True


def tells_a_place(message: Message) -> bool:
    """Whether a message is of the height and round that its sender is in: a certificate is not."""
    return isinstance(message, VoteMessage | ProposalMessage)


def message_round(message: Message) -> int:
    """The round that a message is about."""
    match message:
        case VoteMessage(vote):
            return vote.round
        case ProposalMessage(proposal=proposal):
            return proposal.round
        case PolkaMessage(polka):
            return polka.round
        case CommitMessage(commit=commit):
            return commit.round


def message_height(message: Message) -> int:
    """The height that a message is about."""
    match message:
        case VoteMessage(vote):
            return vote.height
        case ProposalMessage(proposal=proposal):
            return proposal.height
        case PolkaMessage(polka):
            return polka.height
        case CommitMessage(commit=commit):
            return commit.height
