"""The same network in PYPOWER, an independent power-flow package, and what it makes of transfers.

Run as a program it prints the figures of docs/decisions/grid.md:

    python -m tests.grid.power_flow
"""

from collections.abc import Mapping
from itertools import permutations
from typing import TypeAlias

import numpy as np
from pypower.api import ppoption, rundcpf, runpf

from gtxnode.grid.factors import ZonalFlows, zonal_flows
from gtxnode.grid.network import Network
from gtxnode.grid_data import thai_network
from gtxnode.primitives.zones import Zone

Injections: TypeAlias = Mapping[str, float]
"""MW by substation."""

BASE_MVA = 100.0
# Base of the per-unit system: 230 kV, whose susceptances the table seems to have as siemens.
OHM_BASE = 230.0**2 / BASE_MVA
# Reactance over resistance of a 230 kV line with two conductors a phase.
X_OVER_R = 9.0


def dc_flows(network: Network, injections: Injections) -> list[float]:
    """MW along each line, first to second, by `rundcpf`."""
    result, converged = rundcpf(_case(network, injections, resistance=0.0), _quiet())
    assert converged
    return [float(row[13]) for row in result["branch"]]


def ac_flows(network: Network, injections: Injections) -> list[float]:
    """The same by a full AC power flow with resistance (Newton's method), voltages held."""
    result, converged = runpf(_case(network, injections, resistance=1 / X_OVER_R), _quiet())
    assert converged
    # What is lost on the line belongs to neither end: the mean of what goes in and comes out.
    return [(float(row[13]) - float(row[15])) / 2 for row in result["branch"]]


def transfer(network: Network, seller: Zone, buyer: Zone, power_mw: float) -> dict[str, float]:
    """What the substations put in, spread as the zonal factors spread it."""
    weight = network.connected_mva()
    injections = dict.fromkeys(network.substations, 0.0)
    for zone, sign in ((seller, 1), (buyer, -1)):
        members = [name for name in network.substations if network.zone_of[name] is zone]
        total = sum(weight[name] for name in members)
        for name in members:
            injections[name] += sign * power_mw * weight[name] / total
    return injections


def over_cuts(network: Network, found: ZonalFlows, flows: list[float]) -> list[float]:
    """The flow of each cut out of those of all lines."""
    flow_of = dict(zip(network.lines, flows, strict=True))
    return [
        sum(
            flow_of[line] * (1 if network.zone_of[line.first] == cut.first else -1)
            for line in cut.lines
        )
        for cut in found.cuts
    ]


def transport(found: ZonalFlows, seller: Zone, buyer: Zone) -> list[float]:
    """Where a transport model may send a unit: the way over the fewest corridors."""
    ways: dict[Zone, list[float]] = {seller: [0.0] * len(found.cuts)}
    edge = [seller]
    while buyer not in ways:
        here = edge.pop(0)
        for number, cut in enumerate(found.cuts):
            for there, sign in ((cut.second, 1.0), (cut.first, -1.0)):
                if here in (cut.first, cut.second) and here != there and there not in ways:
                    ways[there] = [*ways[here]]
                    ways[there][number] += sign
                    edge.append(there)
    return ways[buyer]


def _case(network: Network, injections: Injections, *, resistance: float) -> dict[str, object]:
    place = {name: number for number, name in enumerate(network.substations, start=1)}
    # Every substation holds its voltage, as those of a transmission network do.
    buses = [
        [place[n], 3 if place[n] == 1 else 2, 0, 0, 0, 0, 1, 1, 0, 230, 1, 1.1, 0.9] for n in place
    ]
    generators = [
        [place[n], injections[n], 0, 9999, -9999, 1, BASE_MVA, 1, 9999, -9999, *[0] * 11]
        for n in place
    ]
    branches = [
        [
            place[line.first], place[line.second],
            resistance / line.susceptance / OHM_BASE, 1 / line.susceptance / OHM_BASE,
            0, 9999, 9999, 9999, 0, 0, 1, -360, 360,
        ]
        for line in network.lines
    ]  # fmt: skip
    return {
        "version": "2",
        "baseMVA": BASE_MVA,
        "bus": np.array(buses, float),
        "gen": np.array(generators, float),
        "branch": np.array(branches, float),
    }


def _quiet() -> object:
    return ppoption(VERBOSE=0, OUT_ALL=0)


def main() -> None:
    """Print how far DC factors and a transport model are from the AC power flow."""
    network = thai_network()
    found = zonal_flows(network)
    for power_mw in (50.0, 200.0, 500.0):
        errors: dict[str, list[float]] = {"DC factors": [], "transport": []}
        for seller, buyer in permutations(found.zones, 2):
            flows = ac_flows(network, transfer(network, seller, buyer, power_mw))
            i, j = found.zones.index(seller), found.zones.index(buyer)
            models = {
                "DC factors": [cut.factors[i] - cut.factors[j] for cut in found.cuts],
                "transport": transport(found, seller, buyer),
            }
            ac = over_cuts(network, found, flows)
            for name, model in models.items():
                errors[name] += [
                    abs(share - flow / power_mw) for share, flow in zip(model, ac, strict=True)
                ]
        for name, each in errors.items():
            print(f"{power_mw:5.0f} MW  {name:<10} mean {np.mean(each):.4f}  worst {max(each):.4f}")


if __name__ == "__main__":
    main()
