"""A network that loses, delays, doubles, reorders and splits, until its faults end."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from consensus.messages import ProposalMessage, VoteMessage
from consensus.types import Vote, VoteKind

Deliver = Callable[[int, str, str, object], None]
"""(delay in ms, sender, receiver, message): put a delivery on the world's clock."""


@dataclass
class Network:
    """Probabilities hold per message; delays are in milliseconds."""

    rng: random.Random
    deliver: Deliver
    loss: float = 0.0
    prevote_loss: float = 0.0
    """For prevotes in place of `loss`: some see a polka, others do not, and locks differ."""
    duplicate: float = 0.0
    delays_ms: tuple[int, int] = (1, 20)
    unheard: frozenset[str] = frozenset()
    """Whose proposals reach nobody."""
    groups: Sequence[frozenset[str]] = field(default_factory=tuple)
    """While not empty, messages pass within a group only."""
    sent: int = 0
    lost: int = 0

    def send(self, sender: str, receiver: str, message: object) -> None:
        """Deliver it some time, perhaps twice, perhaps never."""
        self.sent += 1
        if self._cut(sender, receiver) or self.rng.random() < self._loss_of(sender, message):
            self.lost += 1
            return
        copies = 2 if self.rng.random() < self.duplicate else 1
        for _ in range(copies):
            self.deliver(self.rng.randint(*self.delays_ms), sender, receiver, message)

    def heal(self) -> None:
        """From now on every message arrives, soon."""
        self.loss = self.prevote_loss = self.duplicate = 0.0
        self.delays_ms = (1, 20)
        self.groups = ()
        self.unheard = frozenset()

    def _loss_of(self, sender: str, message: object) -> float:
        match message:
            case ProposalMessage() if sender in self.unheard:
                return 1.0
            case VoteMessage(Vote(kind=VoteKind.PREVOTE)):
                return max(self.loss, self.prevote_loss)
        return self.loss

    def _cut(self, sender: str, receiver: str) -> bool:
        return bool(self.groups) and not any(
            sender in group and receiver in group for group in self.groups
        )
