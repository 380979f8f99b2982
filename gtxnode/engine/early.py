"""Messages that come for a height before this node has begun it, kept within named bounds.

Nothing in here is verified, so no peer may take the room of the others: each has its own share.
What does not fit is dropped, and comes again with its sender's rebroadcast.
"""

from collections import Counter

from consensus.errors import Refusal
from p2p.identity import PeerId

# How many heights ahead messages are kept.
EARLY_HEIGHTS = 2
EARLY_BYTES = 8 * 1024 * 1024
EARLY_BYTES_PER_PEER = 1024 * 1024
# What holding a message costs besides its bytes.
ITEM_BYTES = 256


class Early:
    """Encoded messages in order of arrival, each of a peer's once."""

    def __init__(self) -> None:
        self._messages: dict[tuple[PeerId, bytes], None] = {}
        self._held_by: Counter[PeerId] = Counter()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    def keep(self, peer: PeerId, data: bytes) -> Refusal | None:
        """Hold a message, if it is new and there is room for it; why not, where it is not held."""
        size = len(data) + ITEM_BYTES
        if (peer, data) in self._messages:
            return Refusal.DUPLICATE
        if (
            self.size_bytes + size > EARLY_BYTES
            or self._held_by[peer] + size > EARLY_BYTES_PER_PEER
        ):
            return Refusal.TOO_MANY
        self._messages[peer, data] = None
        self._held_by[peer] += size
        self.size_bytes += size
        return None

    def take(self) -> tuple[tuple[PeerId, bytes], ...]:
        """All that is held, first come first; nothing is held afterwards."""
        taken = tuple(self._messages)
        self._messages.clear()
        self._held_by.clear()
        self.size_bytes = 0
        return taken
