"""What peers claim to be final, and what of it they have proved by the blocks that they delivered.

Pure. Anyone can claim any height, so a claim decides only whom to ask. What is known to be final
is what verified blocks have shown, and, while a peer delivers all that is asked of it, its claim.
Invariant: a peer that delivers less than it claims loses its claim, and is asked after the others.
"""

from collections.abc import Collection

from p2p.identity import PeerId

MAX_CLAIMS = 1_024


class Claims:
    """The heights that peers claim, and who is worth asking. All heights are of final blocks."""

    def __init__(self) -> None:
        self._claims: dict[PeerId, int] = {}
        self._failures: dict[PeerId, int] = {}
        self._last: PeerId | None = None
        self._promised = 0
        self.proved_height = 0
        """The highest height of which a block with its commit was verified."""

    @property
    def best_height(self) -> int:
        """The highest final height that there is reason to believe in."""
        return max(self.proved_height, self._promised)

    def of(self, peer: PeerId) -> int:
        """What a peer claims, 0 for nothing."""
        return self._claims.get(peer, 0)

    def note(self, peer: PeerId, height: int) -> None:
        """Take a claim; one that is not higher than the peer's last says nothing new."""
        if height <= self.of(peer):
            return
        if peer not in self._claims and len(self._claims) >= MAX_CLAIMS:
            del self._claims[next(iter(self._claims))]
        self._claims[peer] = height

    def keep(self, connected: Collection[PeerId]) -> None:
        """Forget whoever is not connected."""
        self._claims = {peer: at for peer, at in self._claims.items() if peer in connected}
        self._failures = {peer: n for peer, n in self._failures.items() if peer in connected}

    def ahead_of(self, height: int) -> list[PeerId]:
        """Who claims more than this height, the most promising first.

        Whoever delivered last, then those who failed least often, then the highest claims.
        """
        return sorted(
            (peer for peer, claimed in self._claims.items() if claimed > height),
            key=lambda peer: (
                peer != self._last,
                self._failures.get(peer, 0),
                -self._claims[peer],
                peer,
            ),
        )

    def delivered(self, peer: PeerId, height: int, *, more: bool) -> None:
        """A peer has proved blocks up to a height, and said whether it has `more`."""
        self._last = peer
        self._failures.pop(peer, None)
        self.proved_height = max(self.proved_height, height)
        self._promised = self.of(peer) if more else 0

    def failed(self, peer: PeerId) -> None:
        """A peer has not proved its claim; an honest one makes it again."""
        self._claims.pop(peer, None)
        self._failures[peer] = self._failures.get(peer, 0) + 1
        self._promised = 0
        if self._last == peer:
            self._last = None
