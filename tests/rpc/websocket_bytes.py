"""WebSocket by hand, for clients that do what no library lets them (RFC 6455 section 5.2)."""

from __future__ import annotations

from dataclasses import dataclass

import trio

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = b"\x00\x00\x00\x00"
"""A client must mask; a mask of zeros changes nothing."""


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A client's frame."""
    head = bytes([opcode | 0x80 if fin else opcode])
    size = len(payload)
    if size < 126:
        return head + bytes([0x80 | size]) + MASK + payload
    if size < 2**16:
        return head + b"\xfe" + size.to_bytes(2, "big") + MASK + payload
    return head + b"\xff" + size.to_bytes(8, "big") + MASK + payload


def text_frame(text: str) -> bytes:
    return frame(1, text.encode())


class Frames:
    """The server's frames, one after another."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    async def next(self) -> Frame:
        first, length = await self._take(2)
        size = length & 0x7F
        if size == 126:
            size = int.from_bytes(await self._take(2), "big")
        elif size == 127:
            size = int.from_bytes(await self._take(8), "big")
        return Frame(first & 0x0F, await self._take(size))

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self._stream.receive_some(65_536)
            assert data, "the server closed in the middle of a frame"
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
