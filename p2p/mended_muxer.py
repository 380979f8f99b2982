"""Mends of the library's stream muxer (yamux), for the whole process.

- Window updates are sent when half the window has been read, not for every read: each costs
  an encryption and a system call on both sides. The window stays at its first size, 256 KiB,
  so that a stalled reader holds no more than that.
- A peer that sends more than its window allows loses its connection. The library logs it and
  takes the bytes, as many as come.
- A ping that a caller can wait for, which tells a frozen process from an idle one. The
  library's own measuring of round trips is off: it would take our answers.
"""

import functools
import logging
import struct
from collections.abc import Iterable
from typing import Any, SupportsIndex

import trio

from p2p.library import Yamux, YamuxStream, yamux_module

# Twice the window, for peers that count a little differently.
MAX_UNREAD_BYTES = 2 * yamux_module.DEFAULT_WINDOW_SIZE


async def _batched_window_update(self: YamuxStream, *, bytes_read: int = 0) -> None:
    """Give the sender credit once half of the window has been read."""
    self._pending_recv_release += bytes_read
    if self._pending_recv_release < yamux_module.DEFAULT_WINDOW_SIZE // 2:
        return
    increment, self._pending_recv_release = self._pending_recv_release, 0
    self.recv_window += increment
    if not self.recv_closed:
        await self.send_window_update(increment)


class _WindowOverrun(trio.TooSlowError):
    """Of this type, because the library ends a connection for it."""


class _Buffer(bytearray):
    """What a stream has received and nobody has read yet."""

    def extend(self, data: Iterable[SupportsIndex]) -> None:
        assert isinstance(data, bytes)
        if len(self) + len(data) > MAX_UNREAD_BYTES:
            raise _WindowOverrun(f"{len(self) + len(data)} bytes unread on one stream")
        super().extend(data)


class _Buffers(dict[int, bytearray]):
    """Buffers by stream, each a bounded one."""

    def __setitem__(self, stream_id: int, buffer: bytearray) -> None:
        super().__setitem__(stream_id, _Buffer(buffer))


_library_init = Yamux.__init__


@functools.wraps(_library_init)
def _init_with_bounded_buffers(self: Yamux, *arguments: Any, **options: Any) -> None:
    _library_init(self, *arguments, **options)
    self.stream_buffers = _Buffers()


async def _no_round_trips(self: Yamux) -> None:
    """Stands in for the library's own pinging."""


async def ping(muxer: Yamux) -> None:
    """Return when the other process has answered; the caller sets the deadline."""
    muxer._ping_id += 1
    answered = muxer._ping_event = trio.Event()
    await muxer._write_frame(
        struct.pack(
            yamux_module.YAMUX_HEADER_FORMAT,
            0,
            yamux_module.TYPE_PING,
            yamux_module.FLAG_SYN,
            0,
            muxer._ping_id & 0xFFFFFFFF,
        )
    )
    await answered.wait()


def mend() -> None:
    """Put the mends in place; doing it again changes nothing."""
    # The library logs as errors what is ordinary: a peer that lacks a protocol, a connection
    # that ended. What matters comes to us as an exception, and is logged here.
    library_logger = logging.getLogger("libp2p")
    if library_logger.level in (logging.NOTSET, logging.WARNING):
        library_logger.setLevel(logging.CRITICAL)
    YamuxStream._auto_tune_and_send_window_update = _batched_window_update  # type: ignore[method-assign]
    Yamux.__init__ = _init_with_bounded_buffers  # type: ignore[method-assign]
    Yamux._measure_rtt_loop = _no_round_trips  # type: ignore[method-assign]
