"""What the engine needs of others, and what it is set up with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from consensus.events import Input, Timeout
from consensus.evidence import Signed
from consensus.presence import Window
from consensus.proposers import ProposerSchedule
from consensus.round import TimeoutKind
from consensus.timeliness import is_timely
from consensus.timeouts import Timeouts
from consensus.types import Block, Commit, Proposal, Vote
from consensus.validators import ValidatorSet
from gtxnode.relay import Envelope
from p2p.identity import PeerId


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

    def late_window(self) -> Window:
        """The heights whose precommits a block on the head may still carry, and who is missing."""

    def wanted_precommits(self) -> Window:
        """The heights whose precommits are still of use, those of `late_window` among them."""

    async def build(self, height: int, last_commit: Commit | None, late: tuple[Vote, ...]) -> Block:
        """A new valid block on the head, proposed by us, once what it names is on the disk.

        `late` are precommits that count where the window has them missing."""

    async def judge(self, block: Block) -> bool:
        """Whether a block is valid, once everything that it names is here; until then, wait."""

    async def finalise(self, block: Block, commit: Commit) -> None:
        """Execute a decided block and write it, synced. Fetches what is missing first."""


class Wire(Protocol):
    """How the engine speaks to the chain's other nodes."""

    def broadcast(self, envelope: Envelope) -> None:
        """Send to all, without waiting."""

    async def send(self, peer: PeerId, envelope: Envelope) -> None:
        """Send to one; raises `NotConnected`."""


class Observer(Protocol):
    """What the engine tells those who measure."""

    def refused(self, reason: str) -> None:
        """A consensus message was refused."""

    def synced(self, seconds: float) -> None:
        """The journal was fsynced."""

    def behind(self, peer: PeerId, height: int) -> None:
        """A peer has shown that `height` is final."""

    def evidence(self, first: Signed, second: Signed) -> None:
        """A validator signed two messages that contradict."""


@dataclass(frozen=True, slots=True)
class Synced:
    """A final block that was fetched and whose commit was verified."""

    block: Block
    commit: Commit


@dataclass(frozen=True, slots=True)
class Help:
    """A peer is in a height, or in a round of our height, that we have left."""

    peer: PeerId
    height: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A validator says that its newest final block is at this height."""

    validator: bytes
    height: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a chain goes. `now_ms` is the wall clock, milliseconds since 1970."""

    block_interval_ms: int
    timeouts: Timeouts
    journal_max_bytes: int
    """The journal is emptied at the first height that ends with it larger than this, and cut to
    what recovery needs where it grows past it within a height."""
    now_ms: Callable[[], int]

    def is_timely(self, proposal: Proposal, block: Block) -> bool:
        """Whether a proposal that was heard of just now came at its block's time."""
        timer = Timeout(TimeoutKind.PROPOSE, proposal.height, proposal.round)
        delay_ms = self.timeouts.duration_ms(timer)
        return is_timely(block.header.time_ms, self.now_ms(), delay_ms)

    def until_due_s(self, head_time_ms: int) -> float:
        """Seconds until the time of the block after the head has come, at most one interval."""
        due = head_time_ms + self.block_interval_ms - self.now_ms()
        return max(0, min(due, self.block_interval_ms)) / 1_000


Item = Input | Synced | Help | Heard
"""What the engine takes, one after another."""
