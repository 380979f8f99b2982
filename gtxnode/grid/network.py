"""A transmission network as a table of lines between substations, checked.

Invariant: a `Network` is connected, has each pair of substations once, and every susceptance and
rating is above zero: so a power flow on it has one solution. Which zone a substation lies in is
part of it; substations abroad lie in none, and only pass power on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique

from gtxnode.primitives.zones import Zone

MAX_LINES = 100_000


@unique
class NetworkFault(StrEnum):
    """What is wrong with a network. The values are stable."""

    EMPTY = "network.empty"
    TOO_MANY_LINES = "network.too_many_lines"
    BAD_VALUE = "network.bad_value"
    SAME_ENDS = "network.same_ends"
    DUPLICATE = "network.duplicate"
    UNKNOWN_SUBSTATION = "network.unknown_substation"
    ISLANDS = "network.islands"
    EMPTY_ZONE = "network.empty_zone"


class InvalidNetwork(Exception):
    """A network on which no power flow can be computed: `code`, and the row or name at fault."""

    def __init__(self, code: NetworkFault, reason: str) -> None:
        super().__init__(f"{code.value}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Line:
    """A path between two substations; parallel circuits are one."""

    first: str
    second: str
    susceptance: float
    """Per unit. Only its ratio to other lines' counts."""
    rating_mva: int
    """The thermal limit."""


@dataclass(frozen=True, slots=True)
class Network:
    """Lines, and the zone of every substation (None abroad). Make it with `checked`."""

    lines: tuple[Line, ...]
    zone_of: Mapping[str, Zone | None]

    @property
    def substations(self) -> tuple[str, ...]:
        """By name: the order of rows and columns in every matrix."""
        return tuple(sorted(self.zone_of))

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Those that it has substations in."""
        return tuple(sorted({zone for zone in self.zone_of.values() if zone is not None}))

    def connected_mva(self) -> dict[str, int]:
        """The ratings of all lines that end at a substation, added up."""
        total = dict.fromkeys(self.zone_of, 0)
        for line in self.lines:
            total[line.first] += line.rating_mva
            total[line.second] += line.rating_mva
        return total


def checked(lines: Iterable[Line], zone_of: Mapping[str, Zone | None]) -> Network:
    """The network of these lines. `InvalidNetwork` names the first line or substation at fault."""
    network = Network(tuple(lines), dict(zone_of))
    if not network.lines:
        raise InvalidNetwork(NetworkFault.EMPTY, "there is no line")
    if len(network.lines) > MAX_LINES:
        reason = f"{len(network.lines)} lines, at most {MAX_LINES}"
        raise InvalidNetwork(NetworkFault.TOO_MANY_LINES, reason)
    seen: set[frozenset[str]] = set()
    for number, line in enumerate(network.lines, start=1):
        _check_line(number, line, zone_of)
        ends = frozenset((line.first, line.second))
        if ends in seen:
            raise InvalidNetwork(NetworkFault.DUPLICATE, f"line {number}: {_name(line)} again")
        seen.add(ends)
    _check_connected(network)
    if not network.zones:
        raise InvalidNetwork(NetworkFault.EMPTY_ZONE, "no substation lies in a zone")
    return network


def network_of(lines: Iterable[Mapping[str, str]], zones: Iterable[Mapping[str, str]]) -> Network:
    """The network of two tables' rows, as text.

    `lines` has the columns source, sink, linesus and linemva; `zones` has substation and zone (a
    zone's name, or nothing for what lies abroad). `InvalidNetwork` names the row at fault.
    """
    zone_of: dict[str, Zone | None] = {}
    for number, row in enumerate(zones, start=1):
        name = _cell(row, "substation", number)
        if name in zone_of:
            raise InvalidNetwork(NetworkFault.DUPLICATE, f"row {number}: substation {name} again")
        zone_of[name] = _zone(_cell(row, "zone", number), number)
    return checked(
        (_line(row, number) for number, row in enumerate(lines, start=1)),
        zone_of,
    )


def _line(row: Mapping[str, str], number: int) -> Line:
    try:
        susceptance = float(_cell(row, "linesus", number))
        rating_mva = int(_cell(row, "linemva", number))
    except ValueError as error:
        raise InvalidNetwork(NetworkFault.BAD_VALUE, f"line {number}: {error}") from error
    return Line(_cell(row, "source", number), _cell(row, "sink", number), susceptance, rating_mva)


def _zone(name: str, number: int) -> Zone | None:
    if not name:
        return None
    try:
        return Zone[name.upper()]
    except KeyError:
        reason = f"row {number}: no zone is called {name}"
        raise InvalidNetwork(NetworkFault.BAD_VALUE, reason) from None


def _cell(row: Mapping[str, str], column: str, number: int) -> str:
    value = row.get(column)
    if value is None:
        raise InvalidNetwork(NetworkFault.BAD_VALUE, f"row {number} has no column {column}")
    return value.strip()


def _check_line(number: int, line: Line, zone_of: Mapping[str, Zone | None]) -> None:
    for end in (line.first, line.second):
        if end not in zone_of:
            reason = f"line {number}: {end} is not in the table of zones"
            raise InvalidNetwork(NetworkFault.UNKNOWN_SUBSTATION, reason)
    if line.first == line.second:
        raise InvalidNetwork(NetworkFault.SAME_ENDS, f"line {number}: {_name(line)}")
    # Written so that NaN fails too.
    if not 0 < line.susceptance < float("inf"):
        reason = f"line {number}: susceptance {line.susceptance}, must be above 0 and finite"
        raise InvalidNetwork(NetworkFault.BAD_VALUE, reason)
    if not 0 < line.rating_mva <= 10**6:
        reason = f"line {number}: rating {line.rating_mva} MVA, must be between 1 and 1000000"
        raise InvalidNetwork(NetworkFault.BAD_VALUE, reason)


def _check_connected(network: Network) -> None:
    """Without a path between two substations no flow between them can be computed."""
    beside: dict[str, list[str]] = {name: [] for name in network.zone_of}
    for line in network.lines:
        beside[line.first].append(line.second)
        beside[line.second].append(line.first)
    start = network.lines[0].first
    reached, edge = {start}, [start]
    while edge:
        for name in beside[edge.pop()]:
            if name not in reached:
                reached.add(name)
                edge.append(name)
    if len(reached) < len(beside):
        apart = min(set(beside) - reached)
        raise InvalidNetwork(NetworkFault.ISLANDS, f"no path leads from {start} to {apart}")


def _name(line: Line) -> str:
    return f"{line.first} to {line.second}"
