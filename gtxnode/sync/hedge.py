"""Asking several peers without waiting for a slow one.

Invariant: a peer that is asleep costs `patience_s`, not the timeout of a request.
"""

from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import TypeVar

import trio

from p2p.identity import PeerId

T = TypeVar("T")

# So many peers are asked the same at the most; one of them failing does not make room for more.
MAX_ASKED = 4


async def ask_in_turn(
    peers: Iterable[PeerId], ask: Callable[[PeerId], Awaitable[T | None]], *, patience_s: float
) -> T | None:
    """The first answer that is not None; the others are cancelled. None where nobody has one.

    The next of `peers` is asked as soon as the one before has failed, or has taken longer than
    `patience_s` and may still be first.
    """
    answers: list[T] = []
    async with trio.open_nursery() as nursery:

        async def ask_one(peer: PeerId, answered: trio.Event) -> None:
            answer = await ask(peer)
            if answer is not None:
                answers.append(answer)
                nursery.cancel_scope.cancel()
            answered.set()

        for peer in islice(peers, MAX_ASKED):
            answered = trio.Event()
            nursery.start_soon(ask_one, peer, answered)
            with trio.move_on_after(patience_s):
                await answered.wait()
    return answers[0] if answers else None
