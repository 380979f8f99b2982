"""A connection's outgoing messages: bounded in number and in bytes, with a limit on waiting.

Whoever has something to say waits for room. A queue that makes no room for the stated time belongs
to a client that does not read: `SlowClient`, and the connection ends with its close code.
"""

from __future__ import annotations

from collections import deque

import trio


class SlowClient(Exception):
    """The client took nothing out of a full queue for the stated time."""


class OutboxClosed(Exception):
    """The connection is ending: nothing more goes out."""


class Outbox:
    """Messages on their way out, in order."""

    def __init__(self, *, max_messages: int, max_bytes: int, patience_s: float) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._patience_s = patience_s
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._closed = False
        self._room = trio.lowlevel.ParkingLot()
        self._arrival = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        return len(self._messages)

    async def put(self, message: bytes) -> None:
        """Queue a message, waiting for room; raises `SlowClient` or `OutboxClosed`.

        A message larger than the whole limit goes in alone.
        """
        while not self._closed and not self._has_room(len(message)):
            with trio.move_on_after(self._patience_s) as patience:
                await self._room.park()
            if patience.cancelled_caught:
                raise SlowClient
        if self._closed:
            raise OutboxClosed
        self._messages.append(message)
        self._bytes += len(message)
        self._arrival.unpark()

    async def get(self) -> bytes:
        """The next message; raises `OutboxClosed` when closed and empty."""
        while not self._messages:
            if self._closed:
                raise OutboxClosed
            await self._arrival.park()
        message = self._messages.popleft()
        self._bytes -= len(message)
        self._room.unpark_all()
        return message

    def close(self, *, discard: bool) -> None:
        """Take no more messages; drop those queued, or let them be taken out."""
        self._closed = True
        if discard:
            self._messages.clear()
            self._bytes = 0
        self._room.unpark_all()
        self._arrival.unpark_all()

    def _has_room(self, size: int) -> bool:
        if not self._messages:
            return True
        return len(self._messages) < self._max_messages and self._bytes + size <= self._max_bytes
