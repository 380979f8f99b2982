"""What an order would trade where terms have a say: its own, or those of what it meets.

The walk. Orders of the other side are met by priority, best price first and at one price first
come, first served. One is passed over, and keeps its place, where

- it is the same trader's, or a preference of either of the two rules the other out;
- it is all-or-none, and more than is still wanted at its turn;
- the grid carries nothing between the two, or not all of an all-or-none order, or the buyer's limit
  does not cover what the way costs (carriage.py). What is carried in part only is cut to that.

An iceberg's next slice is met after everything that was in its price's queue, as it queues anew.
The walk is greedy: it never goes back for another combination, which would be the knapsack
problem. An all-or-none or fill-or-kill order trades only if the walk fills it. Such a walk, and one
over a grid, ends after the first `MAX_VISITS` orders that it meets.

Nothing is changed here: the steps are what `Book` then does, all of them or none.
"""

from itertools import chain
from typing import Final, NamedTuple, TypeAlias

from gtxnode.market.carriage import Walk
from gtxnode.market.ladder import Ladder, Level, Resting, next_slice
from gtxnode.market.orders import Order, Side

MAX_VISITS: Final = 500
"""Orders that a walk looks at which has to fill its order whole, or crosses a grid: such a walk may
be in vain, and be taken again for the next order that comes."""

Step: TypeAlias = tuple[Level, Resting, int]
"""A trade of this quantity with an order of this level."""


class Plan(NamedTuple):
    """What a walk comes to."""

    steps: list[Step]
    left_wh: int
    """What they leave wanting."""
    met: int
    """Orders that it looked at, where it is bounded."""


def plan(
    order: Order | Resting,
    want_wh: int,
    ladder: Ladder,
    limit: int,
    *,
    whole: bool,
    grid: Walk | None = None,
) -> Plan:
    """The steps of a walk along `ladder` down to the rank `limit`, and what they leave wanting.

    With `whole`, steps that leave anything wanting are not to be taken.
    """
    bounded = whole or grid is not None
    steps: list[Step] = []
    trader = order.trader
    visits = 0
    for level in reversed(ladder.levels):
        if level.rank < limit or not want_wh:
            break
        renewed: list[Resting] = []
        for resting in chain(level.queue, renewed):
            shown_wh = resting.remaining_wh
            if not shown_wh:
                continue
            if bounded:
                if visits == MAX_VISITS:
                    return Plan(steps, want_wh, visits)
                visits += 1
            terms = resting.terms
            if terms is not None:
                if terms.all_or_none and shown_wh > want_wh:
                    continue
                # `meets` would say so too. Said here, it is what many in the way cost least.
                if terms.partner is not None and terms.partner != trader:
                    continue
            if not meets(order, resting):
                continue
            traded_wh = min(want_wh, shown_wh)
            if grid is not None:
                traded_wh = carried_wh(order, resting, traded_wh, grid)
                if not traded_wh:
                    continue
            steps.append((level, resting, traded_wh))
            want_wh -= traded_wh
            if not want_wh:
                break
            if resting.reserve_wh and traded_wh == shown_wh:
                renewed.append(next_slice(resting))
    return Plan(steps, want_wh, visits)


def carried_wh(order: Order | Resting, resting: Resting, wanted_wh: int, grid: Walk) -> int:
    """What the grid carries of a trade, which it then reckons with; zero to pass over it."""
    sell, buy = (resting, order) if order.side is Side.BUY else (order, resting)
    room_wh = grid.room_wh(sell, buy)
    if room_wh < wanted_wh:
        terms = resting.terms
        if not room_wh or (terms is not None and terms.all_or_none):
            return 0
        wanted_wh = room_wh
    grid.take(sell, buy, wanted_wh)
    return wanted_wh


def meets(one: Order | Resting, other: Order | Resting) -> bool:
    """Whether the two may trade with each other at all, prices aside."""
    return (
        one.trader != other.trader
        and (one.terms is None or _accepts(one, other))
        and (other.terms is None or _accepts(other, one))
    )


def _accepts(one: Order | Resting, other: Order | Resting) -> bool:
    terms = one.terms
    assert terms is not None, "asked of an order with terms"
    return bool(terms.sources & other.sources) and terms.partner in (None, other.trader)
