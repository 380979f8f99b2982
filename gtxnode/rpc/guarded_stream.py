"""A TCP stream under a WebSocket, counted, and cut off where the protocol sets no limit itself.

A WebSocket message may come in fragments without end, each of no bytes at all: the size limit never
sees them, yet each takes memory. So the bytes that arrive between two whole messages are counted,
with an allowance that refills slowly for the pings of a client that only listens.
"""

from __future__ import annotations

import trio
from prometheus_client import Counter

REFILL_BYTES_PER_S = 128
"""More than the largest ping a second; a fragmenter at this pace takes 15 MB of memory a day."""

DISCARDED_BYTES = 65_536


class GuardedStream(trio.abc.Stream):
    """A stream that breaks when `allowance` bytes came in since `whole_message` was last called."""

    def __init__(
        self, stream: trio.abc.Stream, *, allowance: int, bytes_in: Counter, bytes_out: Counter
    ) -> None:
        self._stream = stream
        self._allowance = allowance
        self._bytes_in = bytes_in
        self._bytes_out = bytes_out
        self._pending = 0.0
        self._counted_at = trio.current_time()
        self._receiving = trio.Lock()
        self.closed = trio.Event()

    def whole_message(self) -> None:
        """A message was taken out: nothing of it is held any more."""
        self._pending = 0.0

    async def send_all(self, data: bytes | memoryview) -> None:
        await self._stream.send_all(data)
        self._bytes_out.inc(len(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        async with self._receiving:
            data = await self._stream.receive_some(max_bytes)
        self._bytes_in.inc(len(data))
        now = trio.current_time()
        refilled = (now - self._counted_at) * REFILL_BYTES_PER_S
        self._counted_at = now
        self._pending = max(0.0, self._pending - refilled) + len(data)
        if self._pending > self._allowance:
            raise trio.BrokenResourceError("fragments without end")
        return data

    async def discard_all(self) -> None:
        """Read and forget until the peer closes.

        A socket closed over unread bytes is reset, and a reset may overtake the close frame.
        """
        try:
            async with self._receiving:
                while await self._stream.receive_some(DISCARDED_BYTES):
                    pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # That is what it waited for.

    async def aclose(self) -> None:
        self.closed.set()
        await self._stream.aclose()
