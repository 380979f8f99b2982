"""The engine: carries inputs into the consensus driver of one chain and its effects out.

The driver decides, and this shell performs, in order. Invariants:
- whatever a message rests on is in the journal and fsynced before the message leaves;
- one task takes inputs, so no two steps of a height ever interleave;
- a journal that cannot be written stops the node: `JournalFailed` leaves `run`.

Block production is paced by block time: the proposer of a height answers `BuildValue` only once the
chain's interval has passed since the parent's time, and everybody's propose timer starts there.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog
import trio

from consensus import verify
from consensus.driver import DriverState, decided_commit, knows, start_height, step
from consensus.encoding import DecodeError
from consensus.errors import PeerError, Refusal
from consensus.events import (
    BlockJudged,
    BuildValue,
    Decided,
    Effect,
    Evidence,
    Input,
    JudgeBlock,
    Persist,
    ProposalSigned,
    Send,
    SetTimeout,
    Sign,
    StartHeight,
    Timeout,
    TimeoutFired,
    ValueBuilt,
    VoteReceived,
    VoteSigned,
)
from consensus.messages import (
    Message,
    VoteMessage,
    decode_message,
    encode_message,
)
from consensus.proposers import ProposerSchedule
from consensus.recovery import rebuild
from consensus.round import TimeoutKind
from consensus.timeouts import Timeouts
from consensus.types import (
    Block,
    Commit,
    Proposal,
    Vote,
    VoteKind,
    proposal_digest,
    vote_digest,
)
from consensus.validators import ValidatorSet
from gtxnode.relay import ConsensusEnvelope, HeadEnvelope, Relay
from gtxnode.signer import Signer, Step, WouldSignTwice
from p2p.identity import PeerId
from p2p.network import Offence
from storage.journal import Journal

log = structlog.get_logger(__name__)

INBOX_INPUTS = 2_048
INPUTS_PER_SYNC = 128
# Messages of the next height kept until this one is final; past it they are dropped, and come
# again with the sender's rebroadcast.
EARLY_MESSAGES = 512
# How often one peer that is behind is told so.
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


class Application(Protocol):
    """What the engine asks of the chain that it finalises."""

    def head_height(self) -> int:
        """The height of the newest final block, 0 before the first."""

    def head_id(self) -> bytes:
        """Its id."""

    def head_time_ms(self) -> int:
        """Its time."""

    def validators(self, height: int) -> ValidatorSet:
        """Who votes at a height."""

    def proposers(self, height: int) -> ProposerSchedule:
        """Who proposes at a height, round by round."""

    def build(self, height: int, last_commit: Commit | None) -> Block:
        """A new block on the head, proposed by us."""

    async def judge(self, block: Block) -> bool:
        """Whether a block is valid, once everything that it names is here; until then, wait."""

    async def finalise(self, block: Block, commit: Commit) -> None:
        """Execute a decided block and write it, synced. Fetches what is missing first."""


class Observer(Protocol):
    """What the engine tells those who measure."""

    def refused(self, reason: str) -> None:
        """A consensus message was refused."""

    def synced(self, seconds: float) -> None:
        """The journal was fsynced."""

    def behind(self, peer: PeerId, height: int) -> None:
        """A peer has shown that `height` is final."""

    def evidence(self, first: object, second: object) -> None:
        """A validator signed two messages that contradict."""


@dataclass(frozen=True, slots=True)
class Synced:
    """A final block that was fetched and whose commit was verified."""

    block: Block
    commit: Commit


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a chain goes. `now_ms` is the wall clock, milliseconds since 1970."""

    block_interval_ms: int
    timeouts: Timeouts
    journal_max_bytes: int
    """The journal is emptied at the first height that ends with it larger than this."""
    now_ms: Callable[[], int]


Inbound = Input | Synced


class Engine:
    """One chain's consensus on this node; a follower when it has no signer."""

    def __init__(
        self,
        chain_id: str,
        application: Application,
        relay: Relay,
        journal: Journal,
        signer: Signer | None,
        public_key: bytes | None,
        pace: Pace,
        observer: Observer,
        charge: Callable[[PeerId, Offence], None],
    ) -> None:
        self._chain_id = chain_id
        self._application = application
        self._relay = relay
        self._journal = journal
        self._signer = signer
        self._me = public_key if signer is not None else None
        self._pace = pace
        self._observer = observer
        self._charge = charge
        self._send, self._inbox = trio.open_memory_channel[Inbound](INBOX_INPUTS)
        self._state: DriverState | None = None
        self._previous: DriverState | None = None
        self._last_commit: Commit | None = None
        self._early: deque[tuple[PeerId, Message]] = deque(maxlen=EARLY_MESSAGES)
        self._helped: dict[PeerId, float] = {}
        self._scopes: set[trio.CancelScope] = set()
        self._unsynced = False

    @property
    def height(self) -> int:
        """The height being decided."""
        return self._application.head_height() + 1

    @property
    def round(self) -> int:
        """The round of that height."""
        return self._state.round if self._state is not None else 0

    async def run(self, last_commit: Commit | None) -> None:
        """Decide height after height, until cancelled. Resumes from what the journal recovered."""
        self._last_commit = last_commit
        async with trio.open_nursery() as nursery:
            start = self._start_height()
            state, effects = rebuild(self._me, start, self._journal.recovered)
            await self._enter(nursery, state, effects)
            while True:
                inputs = [await self._inbox.receive()]
                while len(inputs) < INPUTS_PER_SYNC:
                    try:
                        inputs.append(self._inbox.receive_nowait())
                    except trio.WouldBlock:
                        break
                await self._take(nursery, inputs)

    # ---- inputs from outside ----

    async def synced(self, block: Block, commit: Commit) -> None:
        """Take a final block whose commit was verified; waits while the inbox is full."""
        await self._send.send(Synced(block, commit))

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

    async def _route(self, peer: PeerId, message: Message) -> None:
        height = message_height(message)
        if self._state is None or height > self._state.height:
            if height == self.height + 1 or self._state is None:
                self._early.append((peer, message))
            if height > 1:
                self._observer.behind(peer, height - 1)
            return
        if height < self._state.height:
            self._hear_late(peer, message)
            return
        if knows(self._state, message):
            return
        await self._verify(peer, message)

    async def _verify(self, peer: PeerId, message: Message) -> None:
        assert self._state is not None
        height, validators = self._state.height, self._state.start.validators
        arguments = (
            self._chain_id,
            height,
            validators,
            self._application.proposers(height),
            message,
        )
        try:
            if isinstance(message, VoteMessage):
                # One signature costs less than the way to a worker thread and back.
                verified = verify.verify_message(*arguments)
            else:
                verified = await trio.to_thread.run_sync(verify.verify_message, *arguments)
        except PeerError as error:
            self._refuse(error, peer)
            return
        await self._send.send(verified)

    def _refuse(self, error: PeerError, peer: PeerId | None) -> None:
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
        previous = self._previous
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
                self._previous, _ = step(previous, VoteReceived(vote))
            except PeerError as error:
                self._refuse(error, peer)
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

    # ---- the driver ----

    def _start_height(self) -> StartHeight:
        height = self.height
        return StartHeight(
            height, self._application.validators(height), self._application.proposers(height)
        )

    async def _take(self, nursery: trio.Nursery, inputs: Sequence[Inbound]) -> None:
        """Step through inputs, then perform all their effects under one sync of the journal."""
        effects: list[Effect] = []
        for item in inputs:
            if isinstance(item, Synced):
                await self._perform(nursery, effects)
                effects = []
                if item.block.header.height == self.height:
                    await self._decide(nursery, item.block, item.commit)
            else:
                effects.extend(self._step(item))
        await self._perform(nursery, effects)

    def _step(self, item: Input) -> Iterable[Effect]:
        assert self._state is not None
        try:
            self._state, effects = step(self._state, item)
        except PeerError as error:
            self._refuse(error, None)
            return ()
        return effects

    async def _perform(self, nursery: trio.Nursery, effects: Iterable[Effect]) -> None:
        queue: deque[Effect] = deque()
        self._journal_and_queue(effects, queue)
        while queue:
            match queue.popleft():
                case Sign(unsigned):
                    signed = await self._sign(unsigned)
                    if signed is not None:
                        self._journal_and_queue(self._step(signed), queue)
                case Send(message):
                    await self._sync_journal()
                    self._relay.broadcast(ConsensusEnvelope(encode_message(message)))
                case BuildValue(height, round_):
                    self._start(nursery, self._build(height, round_))
                case JudgeBlock(block_id, block):
                    self._start(nursery, self._judge(block_id, block))
                case SetTimeout(timeout):
                    self._start(nursery, self._tick(timeout))
                case Evidence(first, second):
                    self._observer.evidence(first, second)
                case Decided(block, commit):
                    await self._sync_journal()
                    # What else this height wanted is void: the next one begins inside.
                    await self._decide(nursery, block, commit)
                    return

    def _journal_and_queue(self, effects: Iterable[Effect], queue: deque[Effect]) -> None:
        """Append every record at once, so that one sync covers all sends queued behind them."""
        for effect in effects:
            if isinstance(effect, Persist):
                self._journal.append(effect.record)
                self._unsynced = True
            else:
                queue.append(effect)

    async def _sync_journal(self) -> None:
        if self._unsynced:
            started = trio.current_time()
            await trio.to_thread.run_sync(self._journal.sync)
            self._unsynced = False
            self._observer.synced(trio.current_time() - started)

    async def _sign(self, unsigned: Vote | Proposal) -> Input | None:
        assert self._signer is not None, "a follower is never asked to sign"
        if isinstance(unsigned, Vote):
            place = Step.PREVOTE if unsigned.kind is VoteKind.PREVOTE else Step.PRECOMMIT
            digest = vote_digest(self._chain_id, unsigned)
        else:
            place, digest = Step.PROPOSE, proposal_digest(self._chain_id, unsigned)
        try:
            signature = await trio.to_thread.run_sync(
                self._signer.sign, unsigned.height, unsigned.round, place, digest
            )
        except WouldSignTwice as error:
            log.error("refused_to_sign", chain=self._chain_id, reason=str(error))
            return None
        if isinstance(unsigned, Vote):
            return VoteSigned(msgspec.structs.replace(unsigned, signature=signature))
        return ProposalSigned(msgspec.structs.replace(unsigned, signature=signature))

    async def _decide(self, nursery: trio.Nursery, block: Block, commit: Commit) -> None:
        """Write a decided block and enter the next height."""
        for scope in self._scopes:
            scope.cancel()
        self._scopes.clear()
        await self._application.finalise(block, commit)
        self._previous, self._last_commit = self._state, commit
        if self._journal.size_bytes > self._pace.journal_max_bytes:
            await trio.to_thread.run_sync(self._journal.rotate)
            self._unsynced = False
        state, effects = start_height(self._me, self._start_height())
        await self._enter(nursery, state, effects)

    async def _enter(
        self, nursery: trio.Nursery, state: DriverState, effects: Iterable[Effect]
    ) -> None:
        self._state = state
        nursery.start_soon(self._hear_early)
        await self._perform(nursery, effects)

    async def _hear_early(self) -> None:
        """Route what came for this height before it began."""
        waiting = tuple(self._early)
        self._early.clear()
        for peer, message in waiting:
            await self._route(peer, message)

    # ---- answers to the driver's effects, each in its own task until the height is decided ----

    def _start(self, nursery: trio.Nursery, work: Coroutine[Any, Any, Input | None]) -> None:
        scope = trio.CancelScope()
        self._scopes.add(scope)
        nursery.start_soon(self._answer, scope, work)

    async def _answer(
        self, scope: trio.CancelScope, work: Coroutine[Any, Any, Input | None]
    ) -> None:
        with scope:
            answer = await work
            if answer is not None:
                await self._send.send(answer)
        self._scopes.discard(scope)

    def _until_due_s(self) -> float:
        """Seconds until the next block's time has come, never more than one interval."""
        interval = self._pace.block_interval_ms
        due = self._application.head_time_ms() + interval - self._pace.now_ms()
        return max(0, min(due, interval)) / 1_000

    async def _build(self, height: int, round_: int) -> Input | None:
        if round_ == 0:
            await trio.sleep(self._until_due_s())
        block = self._application.build(height, self._best_last_commit(height))
        return ValueBuilt(height, round_, block)

    def _best_last_commit(self, height: int) -> Commit | None:
        """The parent's commit, with the late precommits that have come in since."""
        if self._previous is not None and self._previous.height == height - 1:
            return decided_commit(self._previous) or self._last_commit
        return self._last_commit

    async def _judge(self, block_id: bytes, block: Block) -> Input | None:
        return BlockJudged(block_id, await self._application.judge(block))

    async def _tick(self, timeout: Timeout) -> Input | None:
        wait = self._pace.timeouts.duration_ms(timeout) / 1_000
        if timeout.kind is TimeoutKind.PROPOSE and timeout.round == 0:
            wait += self._until_due_s()
        await trio.sleep(wait)
        return TimeoutFired(timeout)


def message_height(message: Message) -> int:
    """The height that a message is about."""
    body = getattr(message, "vote", None) or getattr(message, "proposal", None)
    body = body or getattr(message, "polka", None) or getattr(message, "commit", None)
    height = body.height  # type: ignore[union-attr]
    assert isinstance(height, int)
    return height
