"""The two ends of a channel's numbered stream: what to resend, what to drop.

Pure pieces. Together they give the channel's promise: within a session each message is
delivered once and in order, over any number of broken streams.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from p2p.errors import MalformedFrame
from p2p.records import Data


class Outbox:
    """The sender's end: numbers messages and holds each until it is acknowledged."""

    __slots__ = ("_held", "_held_bytes", "_max_bytes", "_max_messages", "_next", "_sent", "session")

    def __init__(self, session: bytes, max_messages: int, max_bytes: int) -> None:
        self.session = session
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._held: deque[Data] = deque()
        self._held_bytes = 0
        self._next = 1
        # How many of the held ones went out on the present stream.
        self._sent = 0

    def __len__(self) -> int:
        return len(self._held)

    def has_room(self, size: int) -> bool:
        """Whether a message of this size may be added now."""
        fits = self._held_bytes + size <= self._max_bytes or not self._held
        return fits and len(self._held) < self._max_messages

    def add(self, payload: bytes) -> None:
        """Queue a message. The caller has asked `has_room`."""
        self._held.append(Data(self._next, payload))
        self._held_bytes += len(payload)
        self._next += 1

    def resume(self, last: int) -> None:
        """A new stream is up, and the peer has everything up to `last`.

        Raises MalformedFrame when the peer claims what was never sent to it.
        """
        if last >= self._next:
            raise MalformedFrame(f"welcome for {last}, the next number is {self._next}")
        self._drop_until(last)
        self._sent = 0

    def take(self, max_bytes: int) -> tuple[Data, ...]:
        """The next unsent messages, at most `max_bytes` of payload but at least one."""
        taken: list[Data] = []
        size = 0
        for data in self._unsent():
            size += len(data.payload)
            if taken and size > max_bytes:
                break
            taken.append(data)
        self._sent += len(taken)
        return tuple(taken)

    def has_unsent(self) -> bool:
        """Whether `take` would give something."""
        return self._sent < len(self._held)

    def acknowledge(self, number: int) -> None:
        """The peer has everything up to `number`. Raises MalformedFrame if that was not sent."""
        highest_sent = self._next - 1 - (len(self._held) - self._sent)
        if number > highest_sent:
            raise MalformedFrame(f"acknowledged {number}, sent up to {highest_sent}")
        self._drop_until(number)

    def abandon(self, session: bytes) -> int:
        """Give up on everything held and begin a new session; returns how many were lost."""
        lost = len(self._held)
        self._held.clear()
        self._held_bytes = 0
        self._sent = 0
        self._next = 1
        self.session = session
        return lost

    def _unsent(self) -> Iterator[Data]:
        return islice(self._held, self._sent, None)

    def _drop_until(self, number: int) -> None:
        while self._held and self._held[0].number <= number:
            self._held_bytes -= len(self._held.popleft().payload)
            self._sent = max(0, self._sent - 1)


class Inbox:
    """The receiver's end: knows the last number of the sender's session."""

    __slots__ = ("_session", "last")

    def __init__(self) -> None:
        self._session = b""
        self.last = 0

    def greet(self, session: bytes) -> int:
        """A stream of this session begins; the number to answer with."""
        if session != self._session:
            self._session = session
            self.last = 0
        return self.last

    def is_new(self, number: int) -> bool:
        """Whether to deliver this message; False for one that was delivered before.

        Raises MalformedFrame for a gap, which an honest sender never leaves. Only where
        nothing of the session is known (this end has restarted) may it begin anywhere.
        """
        if number <= self.last:
            return False
        if self.last and number != self.last + 1:
            raise MalformedFrame(f"number {number} after {self.last}")
        return True

    def delivered(self, number: int) -> None:
        """The message with this number is in the reader's hands."""
        self.last = number
