"""Waiting until something about shared state holds."""

from collections.abc import Callable

import trio


class Changes:
    """Wakes whoever waits for a condition, each time the state behind it changes.

    Whoever changes the state calls `notify`; nobody misses a change, because a waiter looks
    at the condition again before it sleeps.
    """

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = trio.Event()

    def notify(self) -> None:
        """The state has changed: every waiter looks again."""
        self._event.set()
        self._event = trio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once `holds()` is true; at once, without a checkpoint, if it is."""
        while not holds():
            await self._event.wait()
