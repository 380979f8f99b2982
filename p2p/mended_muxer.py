"""Mends of the library's stream muxer (yamux), for the whole process.

- Window updates are sent when half the window has been read, not for every read: each costs
  an encryption and a system call on both sides. The window stays at its first size, 256 KiB,
  so that a stalled reader holds no more than that.
- A ping that a caller can wait for, which tells a frozen process from an idle one. The
  library's own measuring of round trips is off: it would take our answers.
"""

import logging
import struct

import trio

from p2p.library import Yamux, YamuxStream, yamux_module


async def _batched_window_update(self: YamuxStream, *, bytes_read: int = 0) -> None:
    """Give the sender credit once half of the window has been read."""
    self._pending_recv_release += bytes_read
    if self._pending_recv_release < yamux_module.DEFAULT_WINDOW_SIZE // 2:
        return
    increment, self._pending_recv_release = self._pending_recv_release, 0
    self.recv_window += increment
    if not self.recv_closed:
        await self.send_window_update(increment)


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
    Yamux._measure_rtt_loop = _no_round_trips  # type: ignore[method-assign]
