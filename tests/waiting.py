"""Waiting for what happens outside this process, with an end to it."""

from collections.abc import Awaitable, Callable

import trio

POLL_S = 0.02


async def until(holds: Callable[[], bool], *, within_s: float = 30) -> None:
    """Return as soon as it holds; `trio.TooSlowError` if it does not in time."""
    with trio.fail_after(within_s):
        while not holds():  # noqa: ASYNC110 - other processes set no event of ours
            await trio.sleep(POLL_S)


async def until_true(holds: Callable[[], Awaitable[bool]], *, within_s: float = 30) -> None:
    """As `until`, for a question that itself has to wait for its answer."""
    with trio.fail_after(within_s):
        while not await holds():  # noqa: ASYNC110 - nor of what they answer
            await trio.sleep(POLL_S)
