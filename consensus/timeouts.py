"""How long each timer runs: base + round * delta, in milliseconds, per shard.

Growing timeouts are what termination rests on: after enough rounds they exceed the
network's delay, whatever it is.
"""

from dataclasses import dataclass

from consensus.events import Timeout
from consensus.round import TimeoutKind

MAX_TIMEOUT_MS = 60_000
"""No timer runs longer; by then the operator should look."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """One shard's timers, in milliseconds."""

    propose_ms: int
    prevote_ms: int
    precommit_ms: int
    delta_ms: int
    rebroadcast_ms: int

    def __post_init__(self) -> None:
        bases = (self.propose_ms, self.prevote_ms, self.precommit_ms, self.rebroadcast_ms)
        if min(*bases, self.delta_ms) < 1 or max(bases) > MAX_TIMEOUT_MS:
            raise ValueError(f"timeouts are within 1 to {MAX_TIMEOUT_MS} ms")

    def duration_ms(self, timeout: Timeout) -> int:
        """How long to wait before `TimeoutFired` is due. Rebroadcasts do not slow down."""
        match timeout.kind:
            case TimeoutKind.PROPOSE:
                base = self.propose_ms
            case TimeoutKind.PREVOTE:
                base = self.prevote_ms
            case TimeoutKind.PRECOMMIT:
                base = self.precommit_ms
            case TimeoutKind.REBROADCAST:
                return self.rebroadcast_ms
        return min(base + timeout.round * self.delta_ms, MAX_TIMEOUT_MS)
