"""The engine: carries inputs into the consensus driver of one chain and its effects out.

The driver decides, and this shell performs, in order. Invariants:
- whatever a signature rests on is in the journal and fsynced before the guard signs, so that
  after a crash the same signature is asked for again and given, and no vote is lost to it;
- what a message says is in the journal and fsynced before the message leaves;
- one task takes inputs, so no two steps of a height ever interleave;
- a journal that cannot be written stops the node: `JournalFailed` leaves `run`.

Block production is paced by block time: the proposer of a height answers `BuildValue` only once the
chain's interval has passed since the parent's time, and everybody's propose timer starts there.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import msgspec
import structlog
import trio

from consensus.driver import DriverState, catch_up, decided_commit, start_height, step
from consensus.errors import PeerError
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
    ProposalSigned,
    Send,
    SetTimeout,
    Sign,
    StartHeight,
    Timeout,
    TimeoutFired,
    ValueBuilt,
    VoteSigned,
)
from consensus.messages import Message, encode_message
from consensus.recovery import rebuild
from consensus.round import TimeoutKind
from consensus.types import (
    Block,
    Commit,
    Proposal,
    Vote,
    VoteKind,
    proposal_digest,
    vote_digest,
)
from gtxnode.engine.inbound import Heights, Inbound
from gtxnode.engine.ports import Application, Help, Item, Observer, Pace, Synced, Wire
from gtxnode.relay import ConsensusEnvelope
from gtxnode.signer import Signer, Step, WouldSignTwice
from p2p.errors import NotConnected
from p2p.identity import PeerId
from p2p.network import Offence
from storage.journal import Journal

log = structlog.get_logger(__name__)

INBOX_INPUTS = 2_048
INPUTS_PER_SYNC = 128
# How long a peer that is helped may keep its queue full.
HELP_TIMEOUT_S = 2.0


class Engine:
    """One chain's consensus on this node; a follower when it has no signer."""

    def __init__(
        self,
        chain_id: str,
        application: Application,
        relay: Wire,
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
        self._send, self._inbox = trio.open_memory_channel[Item](INBOX_INPUTS)
        self._heights = Heights()
        self._inbound = Inbound(
            chain_id, application, relay, self._heights, self._send, observer, charge
        )
        self._last_commit: Commit | None = None
        self._scopes: set[trio.CancelScope] = set()
        self._unsynced = False

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
        """Take a consensus message as a peer sent it."""
        await self._inbound.receive(peer, data)

    # ---- the driver ----

    def _start_height(self) -> StartHeight:
        height = self.height
        return StartHeight(
            height, self._application.validators(height), self._application.proposers(height)
        )

    async def _take(self, nursery: trio.Nursery, inputs: Sequence[Item]) -> None:
        """Step through inputs, then perform all their effects under one sync of the journal."""
        effects: list[Effect] = []
        for item in inputs:
            if isinstance(item, Synced):
                await self._perform(nursery, effects)
                effects = []
                if item.block.header.height == self.height:
                    await self._decide(nursery, item.block, item.commit)
            elif isinstance(item, Help):
                await self._perform(nursery, effects)
                effects = []
                await self._help(nursery, item.peer)
            else:
                effects.extend(self._step(item))
        await self._perform(nursery, effects)

    def _step(self, item: Input) -> Iterable[Effect]:
        assert self._heights.current is not None
        try:
            self._heights.current, effects = step(self._heights.current, item)
        except PeerError as error:
            self._inbound.refuse(error, None)
            return ()
        return effects

    async def _help(self, nursery: trio.Nursery, peer: PeerId) -> None:
        """Send a peer what brings it into our round; our own votes are in it, so sync first."""
        assert self._heights.current is not None
        await self._sync_journal()
        self._start(nursery, self._send_to(peer, catch_up(self._heights.current)))

    async def _perform(self, nursery: trio.Nursery, effects: Iterable[Effect]) -> None:
        queue: deque[Effect] = deque()
        self._journal_and_queue(effects, queue)
        while queue:
            match queue.popleft():
                case Sign(unsigned):
                    await self._sync_journal()
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
                case Overruled(block_id, commit):
                    # Sync settles it: the block comes with its commit, and takes effect where
                    # only our clock spoke against it; else the application stops the node.
                    log.error(
                        "overruled",
                        chain=self._chain_id,
                        height=commit.height,
                        block=block_id.hex(),
                    )
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
        self._heights.previous, self._last_commit = self._heights.current, commit
        if self._journal.size_bytes > self._pace.journal_max_bytes:
            await trio.to_thread.run_sync(self._journal.rotate)
            self._unsynced = False
        state, effects = start_height(self._me, self._start_height())
        await self._enter(nursery, state, effects)

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

    async def _send_to(self, peer: PeerId, messages: Sequence[Message]) -> None:
        with trio.move_on_after(HELP_TIMEOUT_S):
            for message in messages:
                try:
                    await self._relay.send(peer, ConsensusEnvelope(encode_message(message)))
                except NotConnected:
                    return

    async def _build(self, height: int, round_: int) -> Input | None:
        if round_ == 0:
            await trio.sleep(self._pace.until_due_s(self._application.head_time_ms()))
        block = self._application.build(height, self._best_last_commit(height))
        return ValueBuilt(height, round_, block)

    def _best_last_commit(self, height: int) -> Commit | None:
        """The parent's commit, with the late precommits that have come in since."""
        if self._heights.previous is not None and self._heights.previous.height == height - 1:
            return decided_commit(self._heights.previous) or self._last_commit
        return self._last_commit

    async def _judge(self, block_id: bytes, block: Block) -> Input | None:
        return BlockJudged(block_id, await self._application.judge(block))

    async def _tick(self, timeout: Timeout) -> Input | None:
        wait = self._pace.timeouts.duration_ms(timeout) / 1_000
        if timeout.kind is TimeoutKind.PROPOSE and timeout.round == 0:
            wait += self._pace.until_due_s(self._application.head_time_ms())
        await trio.sleep(wait)
        return TimeoutFired(timeout)
