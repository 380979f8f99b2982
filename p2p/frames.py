"""Cutting a byte stream into frames: a varint length, then that many bytes.

A pure piece. The one sentence that its fuzz test states: garbage parses or raises
MalformedFrame. Lengths are unsigned LEB128 as everywhere in libp2p, in their shortest form.
"""

from p2p.errors import MalformedFrame

# Nine bytes of seven bits hold any length that a stream can carry.
MAX_VARINT_BYTES = 9


def encode_varint(number: int) -> bytes:
    """The shortest unsigned LEB128 form of a number from 0 to 2**63 - 1."""
    assert 0 <= number < 1 << 63
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_frame(payload: bytes) -> bytes:
    """One frame, ready to be written."""
    return encode_varint(len(payload)) + payload


class FrameDecoder:
    """Takes bytes as they come and gives frames as they are complete.

    Holds at most one frame's bytes beyond what was fed last, because a length over `limit`
    is refused as soon as it is read.
    """

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take up what was read."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """The next complete frame's payload, or None until more is fed.

        Raises MalformedFrame: a length over the limit or not in its shortest form. The
        stream cannot be read on after that.
        """
        header = self._read_length()
        if header is None:
            return None
        start, length = header
        if len(self._buffer) < start + length:
            return None
        payload = bytes(memoryview(self._buffer)[start : start + length])
        del self._buffer[: start + length]
        return payload

    def is_empty(self) -> bool:
        """Whether nothing of a frame has been read: a stream may end here."""
        return not self._buffer

    def _read_length(self) -> tuple[int, int] | None:
        """Where the payload starts, and its length; None while the length is incomplete."""
        length = 0
        for position, byte in enumerate(self._buffer[:MAX_VARINT_BYTES]):
            length |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                if byte == 0 and position > 0:
                    raise MalformedFrame("length not in its shortest form")
                if length > self._limit:
                    raise MalformedFrame(f"frame of {length} bytes, the limit is {self._limit}")
                return position + 1, length
        if len(self._buffer) >= MAX_VARINT_BYTES:
            raise MalformedFrame("length too long")
        return None
