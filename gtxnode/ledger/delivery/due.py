"""Things that fall due at a time, earliest first: what lets a block look at those alone."""

from heapq import heapify, heappop, heappush

_SPARE = 1_024


class DueTimes:
    """Names with the second at which each falls due; equal times are taken in order of names.

    A heap in which names that were taken out stay for a while; it is at most twice as long as
    what is in it, and a little.
    """

    __slots__ = ("_due_of", "_heap")

    def __init__(self) -> None:
        self._due_of: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []

    def put(self, name: bytes, due_s: int) -> None:
        """Add a name that is not here."""
        self._due_of[name] = due_s
        heappush(self._heap, (due_s, name))

    def drop(self, name: bytes) -> None:
        """Take out a name that is there."""
        del self._due_of[name]
        if len(self._heap) > 2 * len(self._due_of) + _SPARE:
            self._heap = [(due_s, each) for each, due_s in self._due_of.items()]
            heapify(self._heap)

    def first(self, time_ms: int) -> bytes | None:
        """The name that fell due first, if any has by then. It stays until it is dropped."""
        while self._heap and self._heap[0][0] * 1_000 <= time_ms:
            due_s, name = self._heap[0]
            if self._due_of.get(name) == due_s:
                return name
            heappop(self._heap)
        return None

    def __contains__(self, name: bytes) -> bool:
        return name in self._due_of

    def __len__(self) -> int:
        return len(self._due_of)
