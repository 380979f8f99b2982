"""What trades leave of the grid in one slot: the corridors' flows, netted, and the zones' limits.

A trade of P watts from zone s to zone b sends P times (factor of s less factor of b) along each
corridor. Trades the other way take it back: a corridor's flow is the sum with its sign, and must
stay between minus its backward and its forward limit. Beside the corridors each zone has what may
be sold out of it and what may be delivered in it, which are not netted: a feeder carries both.

All is in integers and nothing is rounded: power in watts (what a slot's energy comes to, see
`spread`), factors in parts per million, so flows are counted in millionths of a watt.

Invariant: `take` of no more than `room` never brings a flow past its limit, nor further past one
that has fallen below what is used already.

Worked example: one corridor of 10 MW from zone 1 to zone 2, which carries all of a trade.

    >>> from gtxnode.grid.corridors import Limits, SlotUse, Way
    >>> use = SlotUse.empty(corridors=1, zones=2)
    >>> limits = Limits((10,), (10,), (None, None), (None, None))
    >>> there = Way(0, 1, ((0, 1_000_000),))
    >>> back = Way(1, 0, ((0, -1_000_000),))
    >>> use.room(there, limits)
    10000000
    >>> use.take(there, 8_000_000)
    >>> use.room(there, limits), use.room(back, limits)
    (2000000, 18000000)
    >>> use.take(back, 5_000_000)
    >>> use.room(there, limits)
    7000000
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from gtxnode.grid.model import PPM, SLOT_S, GridModel
from gtxnode.primitives.zones import Zone

HOUR_S = 3_600
W_PER_MW = 1_000_000
UNLIMITED_W = 2**63 - 1

ZoneLimits: TypeAlias = tuple[int | None, ...]
"""In MW, by zone; None where there is none."""


@dataclass(frozen=True, slots=True)
class Way:
    """What a trade from one zone into another, or within one, loads."""

    seller: int
    buyer: int
    """The zones' places in the model."""
    loads: tuple[tuple[int, int], ...]
    """Corridors by their place, and the factor there in ppm; those without one are left out."""

    def relieves(self, other: "Way") -> bool:
        """Whether what goes this way makes room on a corridor for what goes the other."""
        loaded = dict(self.loads)
        return any(loaded.get(corridor, 0) * factor < 0 for corridor, factor in other.loads)


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds in one slot, in MW."""

    forward: tuple[int, ...]
    """By corridor."""
    backward: tuple[int, ...]
    sold: ZoneLimits
    delivered: ZoneLimits


@dataclass(slots=True)
class SlotUse:
    """What is used of one slot. Flows in µW by corridor; watts sold and delivered by zone."""

    flows: list[int]
    sold: list[int]
    delivered: list[int]

    @classmethod
    def empty(cls, corridors: int, zones: int) -> "SlotUse":
        """Nothing used."""
        return cls([0] * corridors, [0] * zones, [0] * zones)

    def copy(self) -> "SlotUse":
        """Another that starts from the same."""
        return SlotUse([*self.flows], [*self.sold], [*self.delivered])

    def fits(self, limits: Limits) -> bool:
        """Whether no limit is passed."""
        flows = zip(self.flows, limits.forward, limits.backward, strict=True)
        zones = chain(
            zip(self.sold, limits.sold, strict=True),
            zip(self.delivered, limits.delivered, strict=True),
        )
        return all(
            -backward * 10**12 <= flow <= forward * 10**12 for flow, forward, backward in flows
        ) and all(limit is None or used <= limit * W_PER_MW for used, limit in zones)

    def is_tight(self, limits: Limits) -> bool:
        """Whether some way may not carry a Wh more."""
        least = HOUR_S // SLOT_S
        flows = zip(self.flows, limits.forward, limits.backward, strict=True)
        zones = chain(
            zip(self.sold, limits.sold, strict=True),
            zip(self.delivered, limits.delivered, strict=True),
        )
        return any(
            min(forward * 10**12 - flow, backward * 10**12 + flow) < least * PPM
            for flow, forward, backward in flows
        ) or any(limit is not None and limit * W_PER_MW - used < least for used, limit in zones)

    def room(self, way: Way, limits: Limits) -> int:
        """The most watts that a trade that way may have; zero or above."""
        most = UNLIMITED_W
        flows, forward, backward = self.flows, limits.forward, limits.backward
        for corridor, factor in way.loads:
            if factor > 0:
                room = (forward[corridor] * 10**12 - flows[corridor]) // factor
            else:
                room = (backward[corridor] * 10**12 + flows[corridor]) // -factor
            if room < most:
                most = room
        limit = limits.sold[way.seller]
        if limit is not None:
            most = min(most, limit * W_PER_MW - self.sold[way.seller])
        limit = limits.delivered[way.buyer]
        if limit is not None:
            most = min(most, limit * W_PER_MW - self.delivered[way.buyer])
        return max(most, 0)

    def take(self, way: Way, power_w: int) -> None:
        """Use it up. A negative amount gives it back, as when a contract ends early."""
        for corridor, factor in way.loads:
            self.flows[corridor] += power_w * factor
        self.sold[way.seller] += power_w
        self.delivered[way.buyer] += power_w


def ways(model: GridModel) -> dict[tuple[Zone, Zone], Way]:
    """The way of each pair of zones, within one zone as well."""
    return {
        (one, other): Way(i, j, _loads(model, i, j))
        for i, one in enumerate(model.zones)
        for j, other in enumerate(model.zones)
    }


def spread(start_s: int, end_s: int) -> tuple[tuple[int, int], ...]:
    """The grid's slots that a delivery touches, and the watts in each that a Wh of it comes to.

    A Wh is spread evenly over its delivery, a whole part of an hour: as much of it falls into a
    slot as the two have time in common, and is taken as mean power over the slot. Exact, since
    deliveries begin at multiples of their length: four times that over the length is whole.

    >>> spread(900, 1_800), spread(0, 3_600), spread(1_200, 2_400), spread(1_740, 1_800)
    (((900, 4),), ((0, 1), (900, 1), (1800, 1), (2700, 1)), ((900, 2), (1800, 2)), ((900, 4),))
    """
    length_s = end_s - start_s
    assert not HOUR_S % length_s, "deliveries are whole parts of an hour"
    assert not start_s % length_s, "deliveries begin at multiples of their length"
    parts = []
    for start in range(start_s - start_s % SLOT_S, end_s, SLOT_S):
        common_s = min(end_s, start + SLOT_S) - max(start_s, start)
        parts.append((start, common_s * (HOUR_S // SLOT_S) // length_s))
    return tuple(parts)


def left_w(use: SlotUse, limits: Limits) -> Sequence[tuple[int, int]]:
    """What is left of each corridor, forward and backward, in whole watts; below zero if over."""
    return [
        ((forward * 10**12 - flow) // PPM, (backward * 10**12 + flow) // PPM)
        for flow, forward, backward in zip(use.flows, limits.forward, limits.backward, strict=True)
    ]


def _loads(model: GridModel, seller: int, buyer: int) -> tuple[tuple[int, int], ...]:
    loads = (
        (place, corridor.factors_ppm[seller] - corridor.factors_ppm[buyer])
        for place, corridor in enumerate(model.corridors)
    )
    return tuple((place, factor) for place, factor in loads if factor)
