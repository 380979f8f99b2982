"""What peers say about a chain's heights: decoded, held against where we are, verified.

Invariant: only verified inputs of the height at hand reach the engine's inbox. A message of the
next height waits, one of an older height tells who needs help, and garbage is charged to its
sender.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog
import trio

from consensus import verify
from consensus.driver import DriverState, knows, step
from consensus.encoding import DecodeError
from consensus.errors import PeerError, Refusal
from consensus.events import VoteReceived
from consensus.messages import (
    CommitMessage,
    Message,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    decode_message,
)
from consensus.types import VoteKind
from gtxnode.engine.ports import Application, Item, Observer
from gtxnode.relay import HeadEnvelope, Relay
from p2p.identity import PeerId
from p2p.network import Offence

log = structlog.get_logger(__name__)

# Messages of the next height kept until this one is final; past it they are dropped, and come
# again with the sender's rebroadcast.
EARLY_MESSAGES = 512
# How often a peer that is behind is told so.
HELP_INTERVAL_S = 0.5
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
    """The driver's states: of the height at hand, and of the one before for late precommits."""

    current: DriverState | None = None
    previous: DriverState | None = None


class Inbound:
    """Takes consensus messages of one chain from peers."""

    def __init__(
        self,
        chain_id: str,
        application: Application,
        relay: Relay,
        heights: Heights,
        inbox: trio.MemorySendChannel[Item],
        observer: Observer,
        charge: Callable[[PeerId, Offence], None],
    ) -> None:
        self._chain_id = chain_id
        self._application = application
        self._relay = relay
        self._heights = heights
        self._send = inbox
        self._observer = observer
        self._charge = charge
        self._early: deque[tuple[PeerId, Message]] = deque(maxlen=EARLY_MESSAGES)
        self._helped: dict[PeerId, float] = {}

    async def receive(self, peer: PeerId, data: bytes) -> None:
        """Take a consensus message as a peer sent it: decoded, verified, and only then used."""
        try:
            message = decode_message(data)
        except DecodeError as error:
            log.warning("message_refused", chain=self._chain_id, peer=peer, reason=str(error))
            self._observer.refused(Refusal.MALFORMED)
            self._charge(peer, Offence.MALFORMED)
            return
        await self._route(peer, message)

    async def hear_early(self) -> None:
        """Route what came for this height before it began."""
        waiting = tuple(self._early)
        self._early.clear()
        for peer, message in waiting:
            await self._route(peer, message)

    async def _route(self, peer: PeerId, message: Message) -> None:
        height, state = message_height(message), self._heights.current
        if state is None or height > state.height:
            if state is None or height == state.height + 1:
                self._early.append((peer, message))
            if height > 1:
                self._observer.behind(peer, height - 1)
            return
        if height < state.height:
            self._hear_late(peer, message)
            return
        if knows(state, message):
            return
        await self._verify(peer, message, state)

    async def _verify(self, peer: PeerId, message: Message, state: DriverState) -> None:
        arguments = (
            self._chain_id,
            state.height,
            state.start.validators,
            state.start.proposers,
            message,
        )
        try:
            if isinstance(message, VoteMessage):
                # One signature costs less than the way to a worker thread and back.
                verified = verify.verify_message(*arguments)
            else:
                verified = await trio.to_thread.run_sync(verify.verify_message, *arguments)
        except PeerError as error:
            self.refuse(error, peer)
            return
        await self._send.send(verified)

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

    def _hear_late(self, peer: PeerId, message: Message) -> None:
        """Count a late precommit into its block's commit, and help a peer that is behind."""
        previous = self._heights.previous
        if (
            previous is not None
            and isinstance(message, VoteMessage)
            and message.vote.kind is VoteKind.PRECOMMIT
            and message.vote.height == previous.height
        ):
            if knows(previous, message):
                return
            try:
                vote = verify.verify_vote(
                    self._chain_id, previous.height, previous.start.validators, message.vote
                )
                self._heights.previous, _ = step(previous, VoteReceived(vote))
            except PeerError as error:
                self.refuse(error, peer)
            return
        self._help(peer)

    def _help(self, peer: PeerId) -> None:
        """Tell a peer of an older height where we are; it then asks for what it lacks."""
        now = trio.current_time()
        if now - self._helped.get(peer, -HELP_INTERVAL_S) < HELP_INTERVAL_S:
            return
        self._helped = {
            other: at for other, at in self._helped.items() if now - at < HELP_INTERVAL_S
        }
        self._helped[peer] = now
        head = HeadEnvelope(self._application.head_height(), self._application.head_id())
        self._relay.broadcast(head)


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
