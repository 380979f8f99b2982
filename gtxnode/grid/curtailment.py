"""Which sales of a slot are cut when its limits fall below what was sold.

The rule. Corridors are taken in their order, then what zones sell, then what is delivered in them.
Where one is over its limit, every sale that adds to it in that direction is cut by the same part,
the smallest that brings it within, each cut rounded up to whole units of power; sales that relieve
it are left whole. A cut sale relieves other corridors less as well, so the corridors are gone
through again until none is over. Cuts only ever add up, so this ends; if it has
not after `MAX_PASSES`, from then on whatever adds to a corridor that is over is cut altogether.

Worked example. A corridor of 10 MW holds 9 MW and 6 MW one way and 3 MW the other: 12 MW net. When
its limit falls to 7 MW, 5 of the 15 MW that add to it go, a third of each.

    >>> from gtxnode.grid.corridors import Limits, Way
    >>> from gtxnode.grid.curtailment import Sale, curtailed
    >>> there, back = Way(0, 1, ((0, 1_000_000),)), Way(1, 0, ((0, -1_000_000),))
    >>> sales = [Sale(there, 9_000_000), Sale(there, 6_000_000), Sale(back, 3_000_000)]
    >>> curtailed(sales, Limits((7,), (7,), (None, None), (None, None)))
    [6000000, 4000000, 3000000]
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gtxnode.grid.corridors import W_PER_MW, Limits, Way

MAX_PASSES = 32


@dataclass(frozen=True, slots=True)
class Sale:
    """Something sold for the slot."""

    way: Way
    power_w: int


_Load: TypeAlias = Callable[[Way], int]
"""What a watt that way adds to what is limited; below zero where it relieves it."""


def curtailed(sales: Sequence[Sale], limits: Limits, unit_w: int = 1) -> list[int]:
    """What is left of each sale, in watts and multiples of `unit_w` less than it was.

    `unit_w` is the power of a Wh in the slot, so that what is left is whole Wh.
    """
    left = [sale.power_w for sale in sales]
    passes, over = 0, True
    while over:
        over = False
        for load, limit in _limited(limits):
            loads = [load(sale.way) for sale in sales]
            excess = sum(map(int.__mul__, loads, left)) - limit
            if excess > 0:
                over = True
                _cut(left, loads, excess, unit_w, altogether=passes >= MAX_PASSES)
        passes += 1
    return left


def _cut(left: list[int], loads: list[int], excess: int, unit_w: int, *, altogether: bool) -> None:
    """Cut what adds to it by the same part, so that at least `excess` goes."""
    adding = sum(load * power for load, power in zip(loads, left, strict=True) if load > 0)
    for place, load in enumerate(loads):
        if load > 0:
            part = left[place] if altogether else -(-left[place] * excess // adding)
            left[place] -= min(left[place], -(-part // unit_w) * unit_w)


def _limited(limits: Limits) -> Iterator[tuple[_Load, int]]:
    """Everything that has a limit, in the rule's order, with the limit in the load's unit."""
    for place, (forward, backward) in enumerate(zip(limits.forward, limits.backward, strict=True)):
        yield _flow(place, 1), forward * 10**12
        yield _flow(place, -1), backward * 10**12
    for zone, limit in enumerate(limits.sold):
        if limit is not None:
            yield _sold(zone), limit * W_PER_MW
    for zone, limit in enumerate(limits.delivered):
        if limit is not None:
            yield _delivered(zone), limit * W_PER_MW


def _flow(corridor: int, sign: int) -> _Load:
    def load(way: Way) -> int:
        return sign * next((factor for place, factor in way.loads if place == corridor), 0)

    return load


def _sold(zone: int) -> _Load:
    return lambda way: int(way.seller == zone)


def _delivered(zone: int) -> _Load:
    return lambda way: int(way.buyer == zone)
