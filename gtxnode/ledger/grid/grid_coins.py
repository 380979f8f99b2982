"""The grid's coins: conditions by zone, limits by slot, what is used of a slot, and the fund.

None of them belongs to anybody. Invariants: a slot's use has a coin if and only if the slot is
among the open ones, and has not ended at the last block that began a slot; the ranges of one
corridor or zone are sorted and do not overlap.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec

from consensus.hashing import domain
from gtxnode.grid.model import SLOT_S, Limit
from gtxnode.grid.status import GridStatus
from gtxnode.market.orders import Mark
from gtxnode.market.slots import Slot
from gtxnode.metering.meters import Seconds
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Role, Zone

MAX_RANGES = 2_048
"""Limits that are known at a time, of corridors and of zones each."""
MAX_OPEN_SLOTS = 4_096
"""Slots in use at a time: 42 days of them."""
MAX_SWEEPS = 1_024
"""Books that are due at a time. In what there is beyond, orders wait for the next that comes."""

Flow = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Watts = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ZoneStatus(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=30):
    """The condition of a zone's grid, as last posted."""

    zone: Zone
    status: GridStatus
    posted_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    """The time of the block that took it."""
    role: Role


class CorridorRange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a corridor carries between two times."""

    first: Zone
    second: Zone
    start_s: Seconds
    end_s: Seconds
    forward_mw: Limit
    backward_mw: Limit

    @property
    def place(self) -> tuple[Zone, ...]:
        """What it limits."""
        return (self.first, self.second)

    @property
    def limits(self) -> tuple[int | None, int | None]:
        """Either way."""
        return self.forward_mw, self.backward_mw


class ZoneRange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What may be sold out of a zone, and delivered in it, between two times."""

    zone: Zone
    start_s: Seconds
    end_s: Seconds
    sold_mw: Limit | None
    delivered_mw: Limit | None

    @property
    def place(self) -> tuple[Zone, ...]:
        """What it limits."""
        return (self.zone,)

    @property
    def limits(self) -> tuple[int | None, int | None]:
        """Of what goes out and what comes in; None where there is none."""
        return self.sold_mw, self.delivered_mw


class GridLimits(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=31):
    """The limits that authorities have set and that are not over. None exists before the first."""

    corridors: Annotated[tuple[CorridorRange, ...], msgspec.Meta(max_length=MAX_RANGES)] = ()
    zones: Annotated[tuple[ZoneRange, ...], msgspec.Meta(max_length=MAX_RANGES)] = ()


class CorridorUse(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=32):
    """What trades have used of a slot: grid/corridors.py `SlotUse`."""

    start_s: Seconds
    flows: tuple[Flow, ...]
    """By corridor, in millionths of a watt, with the sign of their direction."""
    sold: tuple[Watts, ...]
    delivered: tuple[Watts, ...]


class Sweep(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A book whose orders may trade that were passed over: to be gone through again."""

    slot: Slot | None
    """None for the spot book."""
    since: Mark | None = None
    """Where it goes on; None at the beginning."""
    again: bool = False
    """Whether something traded since the beginning, which may have made room for what is before."""


class OpenSlots(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=33):
    """What goes on from block to block. None exists while nothing does."""

    starts: Annotated[tuple[Seconds, ...], msgspec.Meta(max_length=MAX_OPEN_SLOTS)] = ()
    """The slots that have a use, by their beginnings, earliest first."""
    sweeps: Annotated[tuple[Sweep, ...], msgspec.Meta(max_length=MAX_SWEEPS)] = ()
    """The books that are due, in the order in which they are gone through."""


class GridFund(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=34):
    """Money from premiums and from EGAT, out of which curtailment is compensated."""

    amount_ugtx: Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)]


Range = TypeVar("Range", CorridorRange, ZoneRange)


def overlaid(ranges: Iterable[Range], new: Range, now_s: int) -> tuple[Range, ...]:
    """The ranges with a new one in the place of what it covers, without those that are over.

    What of an old range sticks out before or after the new one stays.
    """
    kept: list[Range] = [new]
    for old in ranges:
        if old.end_s <= now_s:
            continue
        if old.place != new.place or old.end_s <= new.start_s or old.start_s >= new.end_s:
            kept.append(old)
            continue
        if old.start_s < new.start_s:
            kept.append(msgspec.structs.replace(old, end_s=new.start_s))
        if old.end_s > new.end_s:
            kept.append(msgspec.structs.replace(old, start_s=new.end_s))
    return tuple(sorted(kept, key=lambda each: (each.place, each.start_s)))


def is_raised(ranges: Iterable[Range], new: Range, usual: tuple[int | None, int | None]) -> bool:
    """Whether a new range lets anything more through than the ranges so far.

    `usual` holds where no range does.
    """
    before = [usual]
    uncovered_s = new.end_s - new.start_s
    for old in ranges:
        common_s = min(old.end_s, new.end_s) - max(old.start_s, new.start_s)
        if old.place == new.place and common_s > 0:
            uncovered_s -= common_s
            before.append(old.limits)
    if not uncovered_s:
        del before[0]
    return any(
        was is not None and (now is None or now > was)
        for limits in before
        for was, now in zip(limits, new.limits, strict=True)
    )


def slot_start(time_s: int) -> int:
    """The beginning of the grid's slot at a time."""
    return time_s - time_s % SLOT_S


def zone_status_coin_id(chain_id: str, zone: Zone) -> bytes:
    """The coin of a zone's condition."""
    return domain("coin/zone_status", chain_id).hash(int(zone).to_bytes(8, "big")) + b"\x00\x00"


def use_coin_id(chain_id: str, start_s: int) -> bytes:
    """The coin of what is used of a slot."""
    return domain("coin/corridor_use", chain_id).hash(start_s.to_bytes(8, "big")) + b"\x00\x00"


@lru_cache(maxsize=64)
def limits_coin_id(chain_id: str) -> bytes:
    """The coin of all limits."""
    return domain("coin/grid_limits", chain_id).hash() + b"\x00\x00"


@lru_cache(maxsize=64)
def open_slots_coin_id(chain_id: str) -> bytes:
    """The coin of the slots that have a use."""
    return domain("coin/open_slots", chain_id).hash() + b"\x00\x00"


@lru_cache(maxsize=64)
def fund_coin_id(chain_id: str) -> bytes:
    """The coin of the grid's fund."""
    return domain("coin/grid_fund", chain_id).hash() + b"\x00\x00"


def curtailment_id(chain_id: str, act_id: bytes, contract_id: bytes) -> bytes:
    """Stands for a transaction's id in the ids of coins that a contract's curtailment pays out."""
    return domain("curtailment", chain_id).hash(act_id, contract_id)


def wires_coin_id(chain_id: str, height: int, role: Role) -> bytes:
    """The coin with what an authority's wires earned in a block."""
    place = height.to_bytes(8, "big") + int(role).to_bytes(8, "big")
    return domain("coin/wires", chain_id).hash(place) + b"\x00\x00"
