"""A node without trio, time or sockets: a driver, a disk and the shell between them.

The shell does what `driver.py` asks of one, in order, and can die between any two steps
of it; a disk that cannot be written ends it. There is no signer's guard here: that nothing is
ever signed twice must come out of the journal alone.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from consensus.compaction import can_be_cut, compacted
from consensus.driver import start_height, step
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
    ProposalReceived,
    Send,
    SetTimeout,
    Sign,
    StartHeight,
    Timeout,
    TimeoutFired,
    ValueBuilt,
)
from consensus.messages import CommitMessage, VoteMessage
from consensus.proposers import ProposerSchedule
from consensus.recovery import rebuild
from consensus.round import TimeoutKind
from consensus.state import DriverState
from consensus.timeliness import is_timely, wait_ms
from consensus.timeouts import Timeouts
from consensus.types import Block, Vote
from consensus.validators import ValidatorSet
from tests.simulation.attendance import Attendance
from tests.simulation.blocks import is_valid, make_block, time_of
from tests.simulation.disk import CannotWrite, Disk
from tests.simulation.inputs import height_of, signed, verified
from tests.simulation.reveals import Reckoning

TIMEOUTS = Timeouts(
    propose_ms=300, prevote_ms=150, precommit_ms=150, delta_ms=100, rebroadcast_ms=400
)
EPOCH_MS = 1_000_000
"""What correct clocks show when the world begins."""
CUT_CHANCE = 0.03
"""How likely after a step the journal is cut to the state: far more often than one that is long."""
EXPECTED = (
    Refusal.DUPLICATE,
    Refusal.STALE_ROUND,
    Refusal.EQUIVOCATION,
    Refusal.TOO_MANY,
    Refusal.FUTURE_ROUND,
)


@dataclass(frozen=True)
class AskFor:
    """A node that is behind asks for the decision of a height."""

    height: int


class Surroundings(Protocol):
    """What a node needs of the world around it."""

    rng: random.Random
    now_ms: int
    healed_ms: int
    validators: ValidatorSet

    def later(self, delay_ms: int, action: Callable[[], None]) -> None: ...
    def send(self, sender: "Node", receiver: str, message: object) -> None: ...
    def built(self, node: "Node", block: Block) -> None: ...
    def decided(self, node: "Node", decision: CommitMessage) -> None: ...
    def evidence(self, node: "Node", evidence: Evidence) -> None: ...
    def died(self, node: "Node") -> None: ...
    def peers(self, node: "Node") -> list[str]: ...
    def proposers(self, blocks: Mapping[int, CommitMessage]) -> ProposerSchedule: ...
    def start(self, node: "Node", height: int) -> StartHeight: ...


class Died(Exception):
    """The process was killed between two steps."""


class Node:
    """One process and its disk. `lives` counts its incarnations."""

    def __init__(
        self,
        name: str,
        key: bytes,
        world: Surroundings,
        *,
        drift: float = 1.0,
        skew_ms: int = 0,
    ) -> None:
        self.name = name
        self.key = key
        self.disk = Disk()
        self.proposers = world.proposers(self.disk.blocks)
        self.lives = 0
        self.refused = 0
        self.steps_to_live: int | None = None
        self.running = False
        self.state: DriverState
        self._world = world
        self._drift = drift
        self._skew_ms = skew_ms

    @property
    def clock_ms(self) -> int:
        """What its wall clock shows. Only blocks that it builds and judges go by it."""
        return EPOCH_MS + self._world.now_ms + self._skew_ms

    def boot(self) -> None:
        """Start, or start again, from what the disk holds."""
        self.lives += 1
        self.running = True
        self._reckoning = Reckoning()
        self._attendance = Attendance(self._world.validators)
        height = len(self.disk.blocks) + 1
        if height > 1:
            # What comes late still counts, though what was heard before is forgotten.
            state, _ = start_height(None, self._world.start(self, height - 1))
            self.attendance().leave(state, self.disk.blocks[height - 1].commit.block_id)
        self._guarded(lambda: self._enter(height, self.disk.recover()))

    def take(self, life: int, event: Input) -> None:
        """An answer or a timer of this life."""
        if self.running and life == self.lives:
            self._guarded(lambda: self._step(event))

    def receive(self, sender: str, message: object) -> None:
        """Something from the network."""
        if self.running:
            self._guarded(lambda: self._receive(sender, message))

    def has_come_to(self, height: int) -> bool:
        """Whether it runs and can make use of what is said of a height."""
        return self.running and height <= len(self.disk.blocks) + 1

    def die(self) -> None:
        """Killed; what was not synced may be gone."""
        self.running = False
        self.steps_to_live = None
        self.disk.crash(self._world.rng)
        self._world.died(self)

    def perform(self, effect: Effect) -> None:
        """One effect."""
        match effect:
            case Persist(record):
                self.disk.append(record)
            case Sign(unsigned):
                self._later(0, signed(unsigned))
            case Send(message):
                self.disk.sync()
                self._mortal()
                for peer in self._world.peers(self):
                    self._world.send(self, peer, message)
            case BuildValue(height, round_):
                self._later(self._world.rng.randint(0, 60), self._build(height, round_))
            case JudgeBlock(judged, block):
                self._judge(judged, block)
            case SetTimeout(timeout):
                delay_ms = int(TIMEOUTS.duration_ms(timeout) * self._drift)
                self._later(delay_ms, TimeoutFired(timeout))
            case Decided(block, commit):
                self._decide(CommitMessage(commit, block))
            case Evidence():
                self._world.evidence(self, effect)

    def _enter(self, height: int, records: Sequence[bytes]) -> None:
        self.state, effects = rebuild(self.key, self._world.start(self, height), records)
        self._perform(effects)

    def _step(self, event: Input) -> None:
        try:
            self.state, effects = step(self.state, event)
        except PeerError as error:
            if error.reason not in EXPECTED:
                raise AssertionError(f"between correct nodes: {error}") from error
            self.refused += 1
            return
        self._perform(effects)
        if can_be_cut(self.state) and self._world.rng.random() < CUT_CHANCE:
            self.disk.rotate(compacted(self.state, ()))

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self._mortal()
            self.perform(effect)
        self._mortal()

    def _decide(self, decision: CommitMessage) -> None:
        self.disk.store(decision)
        self._world.decided(self, decision)
        self._mortal()
        self.disk.rotate()
        self._mortal()
        self.attendance().leave(self.state, decision.commit.block_id)
        self._enter(decision.commit.height + 1, ())

    def _receive(self, sender: str, message: object) -> None:
        if isinstance(message, AskFor):
            known = self.disk.blocks.get(message.height)
            if known is not None:
                self._world.send(self, sender, known)
            return
        height = height_of(message)
        if height < self.state.height:
            if isinstance(message, VoteMessage):
                self._hear_late(message.vote)
            if not isinstance(message, CommitMessage):
                self._world.send(self, sender, self.disk.blocks[height])
        elif height > self.state.height:
            self._world.send(self, sender, AskFor(self.state.height))
        else:
            self._step(self._timed(verified(message)))

    def _hear_late(self, vote: Vote) -> None:
        try:
            effects = self.attendance().hear(vote)
        except PeerError:
            self.refused += 1
            return
        for effect in effects:
            if isinstance(effect, Evidence):
                self.perform(effect)

    def _timed(self, event: Input) -> Input:
        """As the engine: a proposal, and whether it came at its time."""
        if not isinstance(event, ProposalReceived):
            return event
        time_ms = event.proposal.block.header.time_ms
        timely = is_timely(time_ms, self.clock_ms, delay_ms(event.proposal.proposal.round))
        return replace(event, timely=timely)

    def _build(self, height: int, round_: int) -> ValueBuilt:
        # No two builds are alike, so a proposer that forgot its proposal is found out.
        name = f"{self.name} {height} {round_} {self._world.rng.getrandbits(64):x}"
        last, late = self.carried(self.disk.blocks.get(height - 1))
        time_ms = self.block_time_ms(time_of(last))
        block = make_block(height, name.encode(), last, self.key, time_ms, self.reveal(last), late)
        self._world.built(self, block)
        return ValueBuilt(height, round_, block)

    def carried(self, last: CommitMessage | None) -> tuple[CommitMessage | None, tuple[Vote, ...]]:
        """What the application puts into a block of the precommits before it."""
        return self.attendance().carried(last)

    def attendance(self) -> Attendance:
        """Who was there, after what is on the disk."""
        while self._attendance.height < len(self.disk.blocks):
            self._attendance.take(self.disk.blocks[self._attendance.height + 1].block)
        return self._attendance

    def reveal(self, last: CommitMessage | None) -> bytes | None:
        """What the application puts into a block that carries this decision's commit."""
        commit = None if last is None else last.commit
        return self.reckoning().next_reveal(self.proposers, self.key, commit)

    def reckoning(self) -> Reckoning:
        """Where the hash chains stand after what is on the disk."""
        while self._reckoning.height < len(self.disk.blocks):
            block = self.disk.blocks[self._reckoning.height + 1].block
            self._reckoning.take(self.proposers, block)
        return self._reckoning

    def block_time_ms(self, parent_ms: int) -> int:
        """What the application puts into a block: its clock, but later than the parent."""
        return max(self.clock_ms, parent_ms + 1)

    def _judge(self, judged: bytes, block: Block) -> None:
        """As the application: what can never be valid at once, the rest when its time has come."""
        time_ms = block.header.time_ms
        parent = self.disk.blocks.get(block.header.height - 1)
        valid = is_valid(block) and time_ms > time_of(parent)
        valid = valid and self.reckoning().fits(self.proposers, block)
        valid = valid and self.attendance().fits(block)
        later_ms = wait_ms(time_ms, self.clock_ms) if valid else 0
        self._later(later_ms + self._world.rng.randint(0, 40), BlockJudged(judged, valid))

    def _later(self, delay_ms: int, event: Input) -> None:
        life = self.lives
        self._world.later(delay_ms, lambda: self.take(life, event))

    def _mortal(self) -> None:
        if self.steps_to_live is not None:
            self.steps_to_live -= 1
            if self.steps_to_live < 0:
                raise Died

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (Died, CannotWrite):
            self.die()


def delay_ms(round_: int) -> int:
    """How long a proposal of this round may be on its way."""
    return TIMEOUTS.duration_ms(Timeout(TimeoutKind.PROPOSE, 1, round_))
