"""The engine: carries inputs into the consensus driver of one chain and its effects out.

The driver decides, and this shell performs, in order. Invariants:
- what we say goes through `Voice`, which journals, syncs and guards it first;
- one task takes inputs, so no two steps of a height ever interleave;
- a journal that cannot be written stops the node: `JournalFailed` leaves `run`.

Block production is paced by block time: the proposer of a height answers `BuildValue` only once the
chain's interval has passed since the parent's time, and everybody's propose timer starts there.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog
import trio

from consensus.driver import DriverState, catch_up, fuller_commit, start_height, step
from consensus.errors import InvalidRecord, PeerError
from consensus.events import (
    BlockJudged,
    BuildValue,
    Decided,
    Effect,
    Evidence,
    Input,
    JudgeBlock,
    Overruled,
    Persist,
    Send,
    SetTimeout,
    Sign,
    StartHeight,
    Timeout,
    TimeoutFired,
    ValueBuilt,
    VoteReceived,
)
from consensus.messages import Message, encode_message
from consensus.presence import Window
from consensus.recovery import own_messages, rebuild
from consensus.round import TimeoutKind
from consensus.state import find_block, precommits_for
from consensus.types import (
    Block,
    Commit,
    Vote,
)
from consensus.types import (
    block_id as id_of,
)
from gtxnode.engine.inbound import Heights, Inbound, message_round, tells_a_place
from gtxnode.engine.lookout import Lookout
from gtxnode.engine.ports import Application, Heard, Help, Item, Observer, Pace, Synced, Wire
from gtxnode.engine.voice import Voice
from gtxnode.relay import ConsensusEnvelope, Envelope, HeadEnvelope
from p2p.errors import NotConnected
from p2p.identity import PeerId
from p2p.network import Offence
from storage.errors import Corrupted
from storage.journal import Journal

log = structlog.get_logger(__name__)

INBOX_INPUTS = 2_048
INPUTS_PER_SYNC = 128
# How long a peer that is helped may keep its queue full.
HELP_TIMEOUT_S = 2.0
TELL_HEAD_S = 0.25


class Engine:
    """One chain's consensus on this node; a follower when it has no signer."""

    def __init__(
        self,
        chain_id: str,
        application: Application,
        relay: Wire,
        journal: Journal,
        voice: Voice,
        pace: Pace,
        observer: Observer,
        charge: Callable[[PeerId, Offence], None],
    ) -> None:
        self._chain_id = chain_id
        self._application = application
        self._relay = relay
        self._journal = journal
        self._voice = voice
        self._pace = pace
        self._observer = observer
        self._send, self._inbox = trio.open_memory_channel[Item](INBOX_INPUTS)
        self._heights = Heights()
        self._inbound = Inbound(
            chain_id,
            self._heights,
            application.wanted_precommits,
            self._send,
            pace,
            observer,
            charge,
        )
        self._last_commit: Commit | None = None
        self._scopes: set[trio.CancelScope] = set()
        self._lookout: Lookout | None = None
        self._built: bytes | None = None

    @property
    def height(self) -> int:
        """The height being decided."""
        return self._application.head_height() + 1

    @property
    def round(self) -> int:
        """The round of that height."""
        state = self._heights.current
        return state.round if state is not None else 0

    async def run(self, last_commit: Commit | None) -> None:
        """Decide height after height, until cancelled. Resumes from what the journal recovered.

        Raises `Corrupted` for a journal that this chain's driver cannot have written,
        `JournalFailed`, `SignedElsewhere`, and what the application's `finalise` raises.
        """
        self._last_commit = last_commit
        self._recall()
        if self._voice.looks_first:
            await self._look()
        self._listen_for_late()
        async with trio.open_nursery() as nursery:
            await self._enter(nursery, *self._resume())
            while True:
                inputs = [await self._inbox.receive()]
                while len(inputs) < INPUTS_PER_SYNC:
                    try:
                        inputs.append(self._inbox.receive_nowait())
                    except trio.WouldBlock:
                        break
                await self._take(nursery, inputs)

    def _recall(self) -> None:
        try:
            self._voice.recall(own_messages(self._journal.recovered), self.height)
        except InvalidRecord as error:
            raise Corrupted(str(self._journal.path), str(error)) from error

    async def _look(self) -> None:
        """Catch up with the others, and look for signatures of ours, before anything is signed."""
        assert self._voice.me is not None, "a follower signs nothing"
        lookout = Lookout(self._voice.me, self._application.validators(self.height))
        self._lookout = lookout
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_head)
            while not lookout.is_over(self._application.head_height()):
                match await self._inbox.receive():
                    case Heard(validator, height):
                        lookout.heard(validator, height)
                    case Synced(block, commit) if block.header.height == self.height:
                        self._voice.mind(commit)
                        await self._application.finalise(block, commit)
                        self._last_commit = commit
            nursery.cancel_scope.cancel()
        self._lookout = None

    async def _tell_head(self) -> None:
        """Others may be waiting to hear of us as we are of them."""
        while True:
            self._relay.broadcast(self._head())
            await trio.sleep(TELL_HEAD_S)

    def _head(self) -> HeadEnvelope:
        application = self._application
        return HeadEnvelope(application.head_height(), application.head_id(), self._voice.me)

    def _resume(self) -> tuple[DriverState, Iterable[Effect]]:
        try:
            start = self._start_height(self.height)
            return rebuild(self._voice.me, start, self._journal.recovered)
        except InvalidRecord as error:
            raise Corrupted(str(self._journal.path), str(error)) from error

    # ---- inputs from outside ----

    async def synced(self, block: Block, commit: Commit) -> None:
        """Take a final block whose commit was verified; waits while the inbox is full."""
        await self._send.send(Synced(block, commit))

    async def heard(self, validator: bytes, height: int) -> None:
        """Take what a peer says of itself: which validator it is, and its newest final block."""
        if self._lookout is not None:
            await self._send.send(Heard(validator, height))

    async def receive(self, peer: PeerId, data: bytes) -> None:
        """Take a consensus message as a peer sent it."""
        await self._inbound.receive(peer, data)

    # ---- the driver ----

    def late_votes(self, window: Window) -> tuple[Vote, ...]:
        """What was heard of those who are missing at these heights, beside their commits."""
        return self._heights.late.choose(window)

    def _start_height(self, height: int) -> StartHeight:
        return StartHeight(
            height, self._application.validators(height), self._application.proposers(height)
        )

    def _listen_for_late(self) -> None:
        """Precommits of the head still count, though what was said of it before is forgotten."""
        height = self._application.head_height()
        if height:
            self._heights.previous, _ = start_height(None, self._start_height(height))
            self._heights.decided = self._application.head_id()

    async def _take(self, nursery: trio.Nursery, inputs: Sequence[Item]) -> None:
        """Step through inputs, then perform all their effects under one sync of the journal."""
        effects: list[Effect] = []
        for item in inputs:
            if isinstance(item, Synced):
                await self._perform(nursery, effects)
                effects = []
                if item.block.header.height == self.height:
                    self._voice.mind(item.commit)
                    await self._decide(nursery, item.block, item.commit)
            elif isinstance(item, Help):
                await self._perform(nursery, effects)
                effects = []
                await self._help(nursery, item)
            elif not isinstance(item, Heard):
                self._voice.mind(item)
                effects.extend(self._step(item))
        await self._perform(nursery, effects)

    @property
    def _state(self) -> DriverState:
        assert self._heights.current is not None, "the first height has begun"
        return self._heights.current

    def _step(self, item: Input) -> Iterable[Effect]:
        if isinstance(item, VoteReceived) and item.vote.vote.height < self._state.height:
            # It waited here while its height was decided.
            self._inbound.count_late(item.vote, None)
            return ()
        try:
            self._heights.current, effects = step(self._state, item)
        except PeerError as error:
            self._inbound.refuse(error, None)
            return ()
        return effects

    async def _help(self, nursery: trio.Nursery, behind: Help) -> None:
        """Send a peer what brings it to where we are: to our height, or into our round.

        Nothing of it tells of an older round than ours, so it is never answered with help again.
        """
        state = self._state
        if behind.height < state.height:
            self._start(nursery, self._send_to(behind.peer, (self._head(),)))
            return
        # Our own votes are in it.
        await self._voice.sync()
        useful = [
            ConsensusEnvelope(encode_message(message))
            for message in catch_up(state)
            if not tells_a_place(message) or message_round(message) == state.round
        ]
        self._start(nursery, self._send_to(behind.peer, useful))

    async def _perform(self, nursery: trio.Nursery, effects: Iterable[Effect]) -> None:
        queue: deque[Effect] = deque()
        said: list[Message] = []
        self._journal_and_queue(effects, queue)
        while queue:
            match queue.popleft():
                case Sign(unsigned):
                    signed = self._voice.sign(unsigned)
                    if signed is not None:
                        self._journal_and_queue(self._step(signed), queue)
                case Send(message):
                    said.append(message)
                case JudgeBlock(block_id, _) if block_id == self._built:
                    # By the very rules it was built by.
                    self._journal_and_queue(self._step(BlockJudged(block_id, True)), queue)
                case BuildValue(height, round_):
                    self._start(nursery, self._build(height, round_))
                case JudgeBlock(block_id, block):
                    self._start(nursery, self._judge(block_id, block))
                case SetTimeout(timeout):
                    self._start(nursery, self._tick(timeout))
                case Overruled(block_id, commit):
                    log.error(
                        "overruled",
                        chain=self._chain_id,
                        height=commit.height,
                        block=block_id.hex(),
                    )
                    held = find_block(self._state, block_id)
                    if held is not None:
                        # The application holds it against the rules once more, and stops the
                        # node. Without the block, sync settles it so.
                        await self._voice.sync()
                        await self._decide(nursery, held, commit)
                        return
                case Evidence(first, second) as proof:
                    self._observer.evidence(first, second)
                    self._voice.remember(proof)
                case Decided(block, commit):
                    await self._voice.say(said)
                    # What else this height wanted is void: the next one begins inside.
                    await self._decide(nursery, block, commit)
                    return
        await self._voice.say(said)
        await self._voice.cut_journal(self._pace.journal_max_bytes, self._state)

    def _journal_and_queue(self, effects: Iterable[Effect], queue: deque[Effect]) -> None:
        """Append every record at once, so that one sync covers all sends queued behind them."""
        for effect in effects:
            if isinstance(effect, Persist):
                self._voice.note(effect.record)
            else:
                queue.append(effect)

    async def _decide(self, nursery: trio.Nursery, block: Block, commit: Commit) -> None:
        """Write a decided block and enter the next height."""
        for scope in self._scopes:
            scope.cancel()
        self._scopes.clear()
        await self._application.finalise(block, commit)
        self._keep_late()
        self._heights.previous, self._last_commit = self._heights.current, commit
        self._heights.decided = commit.block_id
        await self._voice.empty_journal(self._pace.journal_max_bytes)
        state, effects = start_height(self._voice.me, self._start_height(self.height))
        await self._enter(nursery, state, effects)

    def _keep_late(self) -> None:
        """Keep the precommits of the height before that its commit has left out: of any round, and
        also where others brought us the block before we had decided."""
        late, previous, final = self._heights.late, self._heights.previous, self._heights.decided
        if previous is not None and final is not None:
            late.keep(precommits_for(previous, final))
        late.trim(self._application.wanted_precommits(), self._application.head_height())

    async def _enter(
        self, nursery: trio.Nursery, state: DriverState, effects: Iterable[Effect]
    ) -> None:
        self._heights.current = state
        nursery.start_soon(self._inbound.hear_early)
        await self._perform(nursery, effects)

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

    async def _send_to(self, peer: PeerId, envelopes: Sequence[Envelope]) -> None:
        with trio.move_on_after(HELP_TIMEOUT_S):
            for envelope in envelopes:
                try:
                    await self._relay.send(peer, envelope)
                except NotConnected:
                    return

    async def _build(self, height: int, round_: int) -> Input | None:
        if round_ == 0:
            await trio.sleep(self._pace.until_due_s(self._application.head_time_ms()))
        late = self._heights.late.choose(self._application.late_window())
        block = await self._application.build(height, self._best_last_commit(height), late)
        self._built = id_of(block.header)
        return ValueBuilt(height, round_, block)

    def _best_last_commit(self, height: int) -> Commit | None:
        """The parent's commit, with the late precommits that have come in since."""
        previous, commit = self._heights.previous, self._last_commit
        if previous is None or commit is None or not previous.height == commit.height == height - 1:
            return commit
        return fuller_commit(previous, commit)

    async def _judge(self, block_id: bytes, block: Block) -> Input | None:
        return BlockJudged(block_id, await self._application.judge(block))

    async def _tick(self, timeout: Timeout) -> Input | None:
        wait = self._pace.timeouts.duration_ms(timeout) / 1_000
        if timeout.kind is TimeoutKind.PROPOSE and timeout.round == 0:
            wait += self._pace.until_due_s(self._application.head_time_ms())
        await trio.sleep(wait)
        return TimeoutFired(timeout)
