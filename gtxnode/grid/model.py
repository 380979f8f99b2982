"""The grid model: the chain parameter that says what trades between zones load, lose and pay.

Units: limits in MW, factors, losses and percentages in parts per million, charges in mGTX per kWh.
Made off chain by `gtxnode grid build`; a chain without one trades without a grid.

Invariant, checked whenever a model is made or read: zones and corridors are sorted and stand once,
every corridor has a factor for each zone, every ordered pair of different zones has one route, and
nothing that is divided by, or subtracted, can be out of range.
"""

from itertools import pairwise, permutations
from typing import Annotated

import msgspec

from gtxnode.grid.status import StatusRules
from gtxnode.primitives.zones import Role, Zone

PPM = 1_000_000
MAX_LIMIT_MW = 1_000_000
SLOT_S = 900
"""The grid's own slot. Longer delivery slots are several of these."""

Limit = Annotated[int, msgspec.Meta(ge=0, le=MAX_LIMIT_MW)]
Factor = Annotated[int, msgspec.Meta(ge=-PPM, le=PPM)]
Share = Annotated[int, msgspec.Meta(ge=0, le=PPM)]
Charge = Annotated[int, msgspec.Meta(ge=0, le=PPM)]


class Corridor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All lines between two zones."""

    first: Zone
    second: Zone
    forward_mw: Limit
    """From first to second, where no authority has set another for the slot."""
    backward_mw: Limit
    factors_ppm: tuple[Factor, ...]
    """By zone: what 1 put in there and taken out in the model's first zone sends forward."""


class WiresCharge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one authority gets for its wires: so much per kWh, and a share of the price."""

    role: Role
    mgtx_per_kwh: Charge = 0
    share_ppm: Share = 0


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a trade from one zone into another loses and pays."""

    seller: Zone
    buyer: Zone
    loss_ppm: Share
    charges: tuple[WiresCharge, ...] = ()


class CurtailmentRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What buyer and seller of energy that cannot be carried get, while the grid's fund lasts."""

    seller_ppm: Share = 100_000
    buyer_ppm: Share = 100_000
    """Both of the value of what was cut, at the price agreed."""


class GridModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What trades between zones are held against."""

    zones: tuple[Zone, ...]
    corridors: tuple[Corridor, ...]
    routes: tuple[Route, ...]
    status: StatusRules = StatusRules()
    curtailment: CurtailmentRules = CurtailmentRules()

    def __post_init__(self) -> None:
        _strictly_rising("zones", [(zone,) for zone in self.zones])
        known = set(self.zones)
        _strictly_rising("corridors", [(each.first, each.second) for each in self.corridors])
        for number, corridor in enumerate(self.corridors):
            where = f"corridors[{number}]"
            if not {corridor.first, corridor.second} <= known or corridor.first >= corridor.second:
                raise ValueError(f"{where}: joins two of the zones, the lower one first")
            if len(corridor.factors_ppm) != len(self.zones):
                raise ValueError(f"{where}.factors_ppm: one for each of {len(self.zones)} zones")
        pairs = [(each.seller, each.buyer) for each in self.routes]
        if pairs != sorted(permutations(self.zones, 2)):
            raise ValueError("routes: one for each pair of different zones, by seller, then buyer")
        for each in self.routes:
            _check_route(each)


def _check_route(route: Route) -> None:
    where = f"routes.{route.seller.name}.{route.buyer.name}"
    if route.loss_ppm >= PPM:
        raise ValueError(f"{where}.loss_ppm: {route.loss_ppm} leaves nothing to arrive")
    _strictly_rising(f"{where}.charges", [(each.role,) for each in route.charges])


def _strictly_rising(path: str, keys: list[tuple[int, ...]]) -> None:
    if any(one >= other for one, other in pairwise(keys)):
        raise ValueError(f"{path}: must be sorted, each once")
