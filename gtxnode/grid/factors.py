"""Transfer factors between zones by DC power flow: what share of a trade each corridor carries.

The DC approximation (R. Stott, J. Jardim, O. Alsaç, "DC Power Flow Revisited", IEEE Transactions
on Power Systems 24, 2009): voltages flat, resistance nil, angles small. With the incidence A
(lines by substations) and the susceptances b, injections p and angles t are joined by

    p = A' diag(b) A t,        flows = diag(b) A t

The matrix is singular by one: only differences of angles count, so one angle is set to nothing, and
the flows are those of the pseudo-inverse. It is nearly empty, and solved as such (`_angles`).

Power into a zone is spread over its substations by weight, here the ratings of the lines that end
there; a corridor is all lines between two zones, and its flow their sum.

Floats live in this module alone; `ppm` rounds them once, half to even, and the chain goes on with
integers. Measured against AC power flow and against a transport model in docs/decisions/grid.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

from gtxnode.grid.network import Line, Network
from gtxnode.primitives.zones import Zone

if TYPE_CHECKING:
    import numpy as np

    Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float64]]

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Cut:
    """The lines between two zones, and what a trade between any two zones puts on them."""

    first: Zone
    second: Zone
    lines: tuple[Line, ...]
    factors: tuple[float, ...]
    """By zone: the flow from first to second of 1 put in there and taken out in the first zone."""
    thermal_mva: int
    """The ratings added up: what no flow can pass."""
    first_line_mw: int
    """The transfer between the two zones' flow on the cut at which its first line is full."""


@dataclass(frozen=True, slots=True)
class ZonalFlows:
    """What the power flow says of a network: its cuts, and how far apart zones are."""

    zones: tuple[Zone, ...]
    cuts: tuple[Cut, ...]
    """By their zones."""
    distances: Mapping[tuple[Zone, Zone], float]
    """The effective reactance between two zones, per unit: what losses go by."""


def zonal_flows(network: Network) -> ZonalFlows:
    """Solve the power flow for one unit between each zone and the first."""
    import numpy as np

    zones = network.zones
    spread = _spread(network)
    angles = _angles(network, spread - spread.mean(axis=0))
    index = {name: place for place, name in enumerate(network.substations)}
    ends = np.array([(index[line.first], index[line.second]) for line in network.lines])
    susceptance = np.array([line.susceptance for line in network.lines])
    flows = susceptance[:, None] * (angles[ends[:, 0]] - angles[ends[:, 1]])
    flows -= flows[:, :1]
    energy = spread.T @ angles
    distances = {
        (one, other): float(energy[i, i] + energy[j, j] - energy[i, j] - energy[j, i])
        for i, one in enumerate(zones)
        for j, other in enumerate(zones)
        if i != j
    }
    return ZonalFlows(zones, _cuts(network, flows), distances)


def ppm(factor: float) -> int:
    """A factor in parts per million, half to even."""
    return round(factor * PPM)


def _spread(network: Network) -> "Matrix":
    """Substations by zones: where a unit that a zone puts in comes from. Columns add up to 1."""
    import numpy as np

    weight = network.connected_mva()
    column = {zone: place for place, zone in enumerate(network.zones)}
    spread = np.zeros((len(network.substations), len(column)))
    for row, name in enumerate(network.substations):
        zone = network.zone_of[name]
        if zone is not None:
            spread[row, column[zone]] = weight[name]
    return np.asarray(spread / spread.sum(axis=0))


def _angles(network: Network, power: "Matrix") -> "Matrix":
    """What each column of injections, which add up to nothing, turns the substations by.

    Gauss's elimination, of the substation with the fewest ties first: its neighbours share its
    power and its ties (a star becomes a mesh) as if it were not there. Nothing is subtracted, so
    nothing is lost to rounding, and what is left of a network of lines stays as sparse as it was.
    The last substation left is the one that all angles are measured from.
    """
    import numpy as np

    place = {name: number for number, name in enumerate(network.substations)}
    ties: list[dict[int, float]] = [{} for _ in place]
    for line in network.lines:
        _tie(ties, place[line.first], place[line.second], line.susceptance)
    power = power.copy()
    stars: list[tuple[int, float, dict[int, float]]] = []
    fewest = [(len(each), node) for node, each in enumerate(ties)]
    heapify(fewest)
    left = set(range(len(ties)))
    while len(left) > 1:
        count, node = heappop(fewest)
        star = ties[node]
        if node not in left or count != len(star):
            continue  # It has others by now, and stands there with these as well.
        left.remove(node)
        total = sum(star.values())
        for other, susceptance in star.items():
            del ties[other][node]
            power[other] += susceptance / total * power[node]
        for (one, first), (other, second) in combinations(star.items(), 2):
            _tie(ties, one, other, first * second / total)
        for other in star:
            heappush(fewest, (len(ties[other]), other))
        stars.append((node, total, star))
    angles = np.zeros_like(power)
    for node, total, star in reversed(stars):
        pulled = sum(susceptance * angles[other] for other, susceptance in star.items())
        angles[node] = (power[node] + pulled) / total
    return angles


def _tie(ties: list[dict[int, float]], one: int, other: int, susceptance: float) -> None:
    ties[one][other] = ties[other][one] = ties[one].get(other, 0.0) + susceptance


def _cuts(network: Network, flows: "Matrix") -> tuple[Cut, ...]:
    """The lines between zones, by the two zones, with their flows from the lower to the higher."""
    rows: dict[tuple[Zone, Zone], list[tuple[int, int]]] = {}
    for row, line in enumerate(network.lines):
        one, other = network.zone_of[line.first], network.zone_of[line.second]
        if one is None or other is None or one == other:
            continue
        pair, sign = ((one, other), 1) if one < other else ((other, one), -1)
        rows.setdefault(pair, []).append((row, sign))
    return tuple(_cut(network, flows, pair, rows[pair]) for pair in sorted(rows))


def _cut(
    network: Network, flows: "Matrix", pair: tuple[Zone, Zone], rows: list[tuple[int, int]]
) -> Cut:
    zones = network.zones
    signed = [flows[row] * sign for row, sign in rows]
    factors = tuple(float(sum(each[column] for each in signed)) for column in range(len(zones)))
    first, second = zones.index(pair[0]), zones.index(pair[1])
    total = factors[first] - factors[second]
    lines = tuple(network.lines[row] for row, _ in rows)
    full = min(
        line.rating_mva * total / abs(share)
        for line, each in zip(lines, signed, strict=True)
        if abs(share := float(each[first] - each[second])) > 0
    )
    thermal = sum(line.rating_mva for line in lines)
    return Cut(*pair, lines, factors, thermal, min(int(full), thermal))
