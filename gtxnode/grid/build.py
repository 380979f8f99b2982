"""From a network to the grid model that the chain goes by.

Policy that the table of lines does not know is an argument: the average loss, which is spread over
the routes by their electrical distance; the wheeling charge, a postage stamp, and which part of it
is the transmission's. Of the rest one half goes to the utility of either end.
"""

from dataclasses import dataclass
from enum import StrEnum

from gtxnode.grid.factors import Cut, ZonalFlows, ppm, zonal_flows
from gtxnode.grid.model import PPM, Corridor, GridModel, Route, WiresCharge
from gtxnode.grid.network import Network
from gtxnode.primitives.zones import Role, Zone


class LimitRule(StrEnum):
    """Which limit a corridor gets."""

    FIRST_LINE = "first-line"
    """The flow at which its first line is full, by the power flow."""
    THERMAL = "thermal"
    """Its lines' ratings added up: an upper bound that no real flow reaches."""


@dataclass(frozen=True, slots=True)
class BuildPolicy:
    """What goes into a model beside the network. Sources beside the defaults."""

    limits: LimitRule = LimitRule.FIRST_LINE
    average_loss_ppm: int = 15_700
    """Thailand's transmission loss of 2021, 1.57 %."""
    wheeling_mgtx_per_kwh: int = 1_070
    """The draft wheeling charge of the direct-PPA pilot, 1.07 THB/kWh."""
    transmission_ppm: int = 400_000
    """Of the wheeling charge, what is EGAT's."""


UTILITY_OF_ZONE = {zone: Role.MEA if zone is Zone.BANGKOK else Role.PEA for zone in Zone}
"""Whose wires deliver in a zone. Central has both utilities; most of it is PEA's."""


def build_model(network: Network, policy: BuildPolicy | None = None) -> GridModel:
    """The model of a network. `ValueError` where policy is out of range."""
    flows = zonal_flows(network)
    policy = policy or BuildPolicy()
    return GridModel(
        zones=flows.zones,
        corridors=tuple(_corridor(cut, policy.limits) for cut in flows.cuts),
        routes=tuple(
            Route(seller, buyer, loss_ppm, _charges(seller, buyer, policy))
            for (seller, buyer), loss_ppm in _losses(flows, policy.average_loss_ppm).items()
        ),
    )


def _corridor(cut: Cut, rule: LimitRule) -> Corridor:
    limit = cut.thermal_mva if rule is LimitRule.THERMAL else cut.first_line_mw
    return Corridor(cut.first, cut.second, limit, limit, tuple(ppm(each) for each in cut.factors))


def _losses(flows: ZonalFlows, average_ppm: int) -> dict[tuple[Zone, Zone], int]:
    """The average loss, spread by electrical distance: with lines of one make, losses follow it."""
    mean = sum(flows.distances.values()) / len(flows.distances) if flows.distances else 1
    return {
        pair: min(round(average_ppm * flows.distances[pair] / mean), PPM - 1)
        for pair in sorted(flows.distances)
    }


def _charges(seller: Zone, buyer: Zone, policy: BuildPolicy) -> tuple[WiresCharge, ...]:
    total = policy.wheeling_mgtx_per_kwh
    transmission = total * policy.transmission_ppm // PPM
    first = (total - transmission) // 2
    parts: dict[Role, int] = {Role.EGAT: transmission}
    for zone, part in ((seller, first), (buyer, total - transmission - first)):
        role = UTILITY_OF_ZONE[zone]
        parts[role] = parts.get(role, 0) + part
    return tuple(WiresCharge(role, part) for role, part in sorted(parts.items()) if part)
