"""What a meter exported, delivered against what was sold: oldest contract first, once.

A reading may cover part of a slot or several. Its energy is spread over its interval by time: up
to a moment t of the interval from s to e, `floor(energy * (t - s) / (e - s))` Wh had flowed. So
what falls into a slot is a difference of two such figures, the parts of any division add up to the
whole, and how one divides makes no difference.

Every Wh goes to one place: to the oldest contract whose slot it falls into and which still wants
it, and what no contract wants is the seller's own.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from gtxnode.market.slots import Slot


class Export(NamedTuple):
    """Energy that a meter gave in an interval."""

    start_s: int
    end_s: int
    energy_wh: int

    def by(self, time_s: int) -> int:
        """The Wh that had flowed by then.

        >>> export = Export(0, 3_600, 1_001)
        >>> [export.by(t) for t in (0, 900, 1_800, 2_700, 3_600, 9_999)]
        [0, 250, 500, 750, 1001, 1001]
        """
        time_s = min(max(time_s, self.start_s), self.end_s)
        return self.energy_wh * (time_s - self.start_s) // (self.end_s - self.start_s)

    def within(self, slot: Slot) -> int:
        """The Wh that fall into a slot."""
        return self.by(slot.end_s) - self.by(slot.start_s)


class Claim(NamedTuple):
    """What a contract still wants of its slot."""

    slot: Slot
    open_wh: int


class Delivery(NamedTuple):
    """Where the energy of an export went."""

    delivered_wh: tuple[int, ...]
    """For each claim, in their order."""
    left_wh: int
    """What is the seller's own."""


def deliver(export: Export, claims: Sequence[Claim]) -> Delivery:
    """Share an export out among the claims on it, oldest first.

    A claim takes from its slot's energy in order of time. Slots may overlap: the time between any
    two of their edges is a piece, and a piece's energy is taken at most once.

    >>> quarter, hour = Slot(0, 900), Slot(0, 3_600)
    >>> deliver(Export(0, 3_600, 1_000), [Claim(hour, 400), Claim(quarter, 100)])
    Delivery(delivered_wh=(400, 0), left_wh=600)
    >>> deliver(Export(0, 3_600, 1_000), [Claim(quarter, 100), Claim(hour, 400)])
    Delivery(delivered_wh=(100, 400), left_wh=500)
    """
    edges = _edges(export, claims)
    flowed = [export.by(edge) for edge in edges]
    pieces = [after - before for before, after in pairwise(flowed)]
    place_of = {edge: place for place, edge in enumerate(edges)}
    delivered = []
    for slot, open_wh in claims:
        wanted = open_wh
        # Few: in it are only the edges of shorter slots, four quarters in an hour.
        for piece in range(
            place_of[_clipped(slot.start_s, export)], place_of[_clipped(slot.end_s, export)]
        ):
            taken = min(wanted, pieces[piece])
            wanted -= taken
            pieces[piece] -= taken
        delivered.append(open_wh - wanted)
    return Delivery(tuple(delivered), export.energy_wh - sum(delivered))


def _edges(export: Export, claims: Sequence[Claim]) -> list[int]:
    """The interval's ends and every slot's, inside it."""
    edges = {export.start_s, export.end_s}
    for slot, _ in claims:
        edges.add(_clipped(slot.start_s, export))
        edges.add(_clipped(slot.end_s, export))
    return sorted(edges)


def _clipped(time_s: int, export: Export) -> int:
    return min(max(time_s, export.start_s), export.end_s)
