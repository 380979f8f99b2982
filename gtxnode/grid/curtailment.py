"""Which sales of a slot are cut when its limits fall below what was sold.

The rule. Corridors are taken in their order, then what zones sell, then what is delivered in them.
Where one is over its limit, every sale that adds to it in that direction is cut by the same part,
the smallest that brings it within, each cut rounded up to whole units of power; sales that relieve
it are left whole. A cut sale relieves other corridors less as well, so the corridors are gone
through again until none is over. Cuts only ever add up, so this ends; if it has
not after `MAX_PASSES`, from then on whatever adds to a corridor that is over is cut altogether.

Worked example. A corridor of 10 MW holds 9 MW and 6 MW one way and 3 MW the other: 12 MW net. When
its limit falls to 7 MW, 5 of the 15 MW that add to it go, a third of each.

    >>> from gtxnode.grid.corridors import Limits, SlotUse, Way
    >>> from gtxnode.grid.curtailment import Sale, curtailed
    >>> there, back = Way(0, 1, ((0, 1_000_000),)), Way(1, 0, ((0, -1_000_000),))
    >>> sales = [Sale(there, 9_000_000), Sale(there, 6_000_000), Sale(back, 3_000_000)]
    >>> fallen = Limits((7,), (7,), (None, None), (None, None))
    >>> curtailed(sales, fallen, SlotUse.empty(corridors=1, zones=2))
    [6000000, 4000000, 3000000]
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gtxnode.grid.corridors import W_PER_MW, Limits, SlotUse, Way

MAX_PASSES = 32


@dataclass(frozen=True, slots=True)
class Sale:
    """Something sold for the slot, that can be cut."""

    way: Way
    power_w: int
    unit_w: int = 1
    """What it is cut by multiples of: the power of a Wh."""


_Load: TypeAlias = Callable[[Way], int]
"""What a watt that way adds to what is limited; below zero where it relieves it."""


def curtailed(sales: Sequence[Sale], limits: Limits, fixed: SlotUse) -> list[int]:
    """What is left of each sale, in watts and by multiples of its unit less than it was.

    `fixed` is used as well and cannot be cut: it may leave a limit passed with all sales gone.
    """
    left = [sale.power_w for sale in sales]
    rows = [
        ([load(sale.way) for sale in sales], used, limit)
        for load, used, limit in _limited(limits, fixed)
    ]
    passes, cut = 0, True
    while cut:
        cut = False
        for loads, used, limit in rows:
            excess = used + sum(map(int.__mul__, loads, left)) - limit
            if excess > 0:
                cut |= _cut(sales, left, loads, excess, altogether=passes >= MAX_PASSES)
        passes += 1
    return left


def _cut(
    sales: Sequence[Sale], left: list[int], loads: list[int], excess: int, *, altogether: bool
) -> bool:
    """Cut what adds to it by the same part, so that `excess` goes; whether there was any."""
    adding = sum(load * power for load, power in zip(loads, left, strict=True) if load > 0)
    if not adding:
        return False
    for place, (sale, load) in enumerate(zip(sales, loads, strict=True)):
        if load > 0 and left[place]:
            part = -(-left[place] * min(excess, adding) // adding)
            if altogether:
                part = left[place]
            left[place] -= min(left[place], -(-part // sale.unit_w) * sale.unit_w)
    return True


def _limited(limits: Limits, fixed: SlotUse) -> Iterator[tuple[_Load, int, int]]:
    """Everything that has a limit, in the rule's order: its load, what is fixed, the limit."""
    for place, (forward, backward) in enumerate(zip(limits.forward, limits.backward, strict=True)):
        flow = fixed.flows[place]
        yield _flow(place, 1), flow, forward * 10**12
        yield _flow(place, -1), -flow, backward * 10**12
    for zone, limit in enumerate(limits.sold):
        if limit is not None:
            yield _sold(zone), fixed.sold[zone], limit * W_PER_MW
    for zone, limit in enumerate(limits.delivered):
        if limit is not None:
            yield _delivered(zone), fixed.delivered[zone], limit * W_PER_MW


def _flow(corridor: int, sign: int) -> _Load:
    def load(way: Way) -> int:
        return sign * next((factor for place, factor in way.loads if place == corridor), 0)

    return load


def _sold(zone: int) -> _Load:
    return lambda way: int(way.seller == zone)


def _delivered(zone: int) -> _Load:
    return lambda way: int(way.buyer == zone)
