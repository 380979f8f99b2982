"""A libp2p stream as frames, with the library's errors turned into one.

Reads go through a buffer of our own: the library answers each of its `read` calls with a
message to the peer, also those for a single byte.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from p2p.errors import MalformedFrame
from p2p.frames import FrameDecoder, encode_frame
from p2p.identity import PeerId
from p2p.library import BaseLibp2pError, INetStream, NetStream, StreamEOF

READ_BYTES = 64 * 1024


class StreamBroken(Exception):
    """The stream or its connection is gone."""


# What reading and writing a library's stream can raise when the other side is gone.
LIBRARY_ERRORS = (
    BaseLibp2pError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    OSError,
)


@contextmanager
def broken_streams() -> Iterator[None]:
    """Turn the library's errors inside the block into StreamBroken."""
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise StreamBroken(f"{type(error).__name__}: {error}") from error


class FramedStream:
    """Frames over one stream. One task reads; writers take turns."""

    __slots__ = ("_decoder", "_stream", "_write_lock", "peer")

    def __init__(self, stream: INetStream, limit: int) -> None:
        self._stream = stream
        self._decoder = FrameDecoder(limit)
        self._write_lock = trio.Lock()
        self.peer = PeerId(stream.muxed_conn.peer_id.to_base58())

    async def receive(self) -> bytes | None:
        """The next frame's payload; None when the other side has closed its end.

        Raises MalformedFrame (also for an end in the middle of a frame) and StreamBroken.
        """
        while True:
            payload = self._decoder.next_frame()
            if payload is not None:
                return payload
            data = await self._read()
            if not data:
                if not self._decoder.is_empty():
                    raise MalformedFrame("the stream ended inside a frame")
                return None
            self._decoder.feed(data)

    async def _read(self) -> bytes:
        with broken_streams():
            try:
                return await self._stream.read(READ_BYTES)
            except StreamEOF:
                return b""

    async def send(self, *payloads: bytes) -> None:
        """Write frames in one go. Raises StreamBroken."""
        data = b"".join(encode_frame(payload) for payload in payloads)
        async with self._write_lock:
            with broken_streams():
                await self._stream.write(data)

    async def end(self) -> None:
        """Close our direction: the other side reads an end. Raises StreamBroken."""
        assert isinstance(self._stream, NetStream)
        with broken_streams():
            await self._stream.close_write()

    async def close(self) -> None:
        """Close both directions; silent when the stream is gone already."""
        await close_quietly(self._stream)

    async def reset(self) -> None:
        """Break the stream off; silent when it is gone already."""
        await reset_quietly(self._stream)


# A stream is given back within this time or left to its connection's end.
_CLOSE_S = 1.0


async def close_quietly(stream: INetStream) -> None:
    """Close a stream; also under cancellation, because the library frees a slot by it."""
    with trio.move_on_after(_CLOSE_S) as scope:
        scope.shield = True
        try:
            await stream.close()
        except LIBRARY_ERRORS:
            await stream.reset()


async def reset_quietly(stream: INetStream) -> None:
    """Reset a stream; also under cancellation."""
    with trio.move_on_after(_CLOSE_S) as scope:
        scope.shield = True
        await stream.reset()
