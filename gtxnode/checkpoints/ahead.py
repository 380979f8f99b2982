"""What a peer's certificates say lies ahead of this node's tip: blocks that its chain has to hit.

Pure. Invariant: the certificates lead on from what is certified here, one to the next.
"""

from collections.abc import Iterable, Mapping, Sequence

from consensus.checkpoints import Certificate
from p2p.identity import PeerId


class Ahead:
    """One lead at a time, and whose it is."""

    def __init__(self) -> None:
        self._certificates: Mapping[int, Certificate] = {}
        self.peer = PeerId("")

    @property
    def height(self) -> int:
        """Of the highest, 0 for none."""
        return max(self._certificates, default=0)

    def take(self, peer: PeerId, certificates: Iterable[Certificate]) -> None:
        """Hold to these in place of any others."""
        self.peer = peer
        self._certificates = {each.checkpoint.height: each for each in certificates}

    def reached(self, tip_height: int) -> Sequence[Certificate]:
        """Those whose blocks this chain has come to, rising."""
        return [self._certificates[at] for at in sorted(self._certificates) if at <= tip_height]

    def drop(self, up_to: int | None = None) -> None:
        """Forget those up to a height, or all of them."""
        kept = self._certificates.items() if up_to is not None else ()
        self._certificates = {at: each for at, each in kept if at > (up_to or 0)}

    def points(self) -> dict[int, bytes]:
        """The blocks by height."""
        return {at: each.checkpoint.block_id for at, each in self._certificates.items()}
