"""Transfer factors: against numpy's pseudo-inverse, an independent package, and physics."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtxnode.grid.factors import PPM, ZonalFlows, ppm, zonal_flows
from gtxnode.grid.network import Line, Network, checked
from gtxnode.grid_data import thai_network
from gtxnode.primitives.zones import Zone
from tests.grid import little_grid, power_flow

# PYPOWER multiplies with numpy's old matrix class, which warns of its age.
pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")

THAI = thai_network()
FLOWS = zonal_flows(THAI)


def naive_factors(network: Network) -> dict[tuple[Zone, Zone], list[float]]:
    """By the textbook: flows = diag(b) A pinv(A' diag(b) A), written out with whole matrices."""
    names = list(network.substations)
    incidence = np.zeros((len(network.lines), len(names)))
    for row, line in enumerate(network.lines):
        incidence[row, names.index(line.first)] = 1
        incidence[row, names.index(line.second)] = -1
    weighted = np.diag([line.susceptance for line in network.lines]) @ incidence
    nodal = weighted @ np.linalg.pinv(incidence.T @ weighted)
    weight = network.connected_mva()
    zonal = {}
    for zone in network.zones:
        own = np.array([weight[n] if network.zone_of[n] == zone else 0.0 for n in names])
        zonal[zone] = nodal @ (own / own.sum())
    factors: dict[tuple[Zone, Zone], list[float]] = {}
    for one, other in permutations(network.zones, 2):
        if one < other:
            rows = {}
            for row, line in enumerate(network.lines):
                ends = (network.zone_of[line.first], network.zone_of[line.second])
                if set(ends) == {one, other}:
                    rows[row] = 1 if ends[0] == one else -1
            if rows:
                factors[one, other] = [
                    sum(
                        sign * (zonal[z][row] - zonal[network.zones[0]][row])
                        for row, sign in rows.items()
                    )
                    for z in network.zones
                ]
    return factors


def cut_factors(found: ZonalFlows) -> dict[tuple[Zone, Zone], list[float]]:
    return {(cut.first, cut.second): list(cut.factors) for cut in found.cuts}


def test_the_thai_factors_are_the_textbooks() -> None:
    naive, found = naive_factors(THAI), cut_factors(FLOWS)
    assert naive.keys() == found.keys()
    for pair, factors in found.items():
        assert factors == pytest.approx(naive[pair], abs=1e-10)


@pytest.mark.parametrize(("seller", "buyer"), list(permutations(Zone, 2)))
def test_an_independent_package_finds_the_same_flows(seller: Zone, buyer: Zone) -> None:
    injections = power_flow.transfer(THAI, seller, buyer, 100.0)
    flows = power_flow.over_cuts(THAI, FLOWS, power_flow.dc_flows(THAI, injections))
    i, j = FLOWS.zones.index(seller), FLOWS.zones.index(buyer)
    for cut, flow in zip(FLOWS.cuts, flows, strict=True):
        assert flow / 100.0 == pytest.approx(cut.factors[i] - cut.factors[j], abs=1e-9)


def test_ac_power_flow_is_nearer_to_the_factors_than_to_a_transport_model() -> None:
    seller, buyer = Zone.NORTHERN, Zone.BANGKOK
    i, j = FLOWS.zones.index(seller), FLOWS.zones.index(buyer)
    injections = power_flow.transfer(THAI, seller, buyer, 200.0)
    ac = power_flow.over_cuts(THAI, FLOWS, power_flow.ac_flows(THAI, injections))
    factors = [cut.factors[i] - cut.factors[j] for cut in FLOWS.cuts]
    transport = power_flow.transport(FLOWS, seller, buyer)

    def worst(model: list[float]) -> float:
        return max(abs(share - flow / 200.0) for share, flow in zip(model, ac, strict=True))

    assert worst(factors) < 0.05 < 0.2 < worst(transport)


def test_the_three_cuts_are_those_computed_before() -> None:
    thermal = {(cut.first, cut.second): cut.thermal_mva for cut in FLOWS.cuts}
    assert thermal[Zone.WESTERN, Zone.SOUTHERN] == 3_400
    assert thermal[Zone.CENTRAL, Zone.NORTHEASTERN] == 6_800
    assert thermal[Zone.CENTRAL, Zone.NORTHERN] == 7_650
    lines = {
        frozenset((line.first, line.second))
        for cut in FLOWS.cuts
        if cut.second is Zone.SOUTHERN
        for line in cut.lines
    }
    assert lines == {frozenset(("BangSaphan", "Chumphon")), frozenset(("BangSaphan", "LangSuan"))}


def test_what_a_zone_puts_in_leaves_it_and_arrives() -> None:
    for i, seller in enumerate(FLOWS.zones):
        for j, buyer in enumerate(FLOWS.zones):
            for zone in FLOWS.zones:
                out = sum(
                    (ppm(cut.factors[i]) - ppm(cut.factors[j])) * (1 if cut.first == zone else -1)
                    for cut in FLOWS.cuts
                    if zone in (cut.first, cut.second)
                )
                expected = PPM * ((zone == seller) - (zone == buyer))
                assert abs(out - expected) <= len(FLOWS.cuts)


def test_a_triangle_sends_two_thirds_the_short_way() -> None:
    found = zonal_flows(little_grid.network())
    assert [ppm(each) for cut in found.cuts for each in cut.factors] == [
        0, -666_667, -333_333,
        0, -333_333, -666_667,
        0, 333_333, -333_333,
    ]  # fmt: skip
    assert set(map(round_6, found.distances.values())) == {0.666667}
    # Two thirds of 45 MW fill the line of 30; one corridor alone carries no more than its line.
    assert [cut.first_line_mw for cut in found.cuts] == [30, 30, 30]


def round_6(value: float) -> float:
    return round(value, 6)


def test_of_parallel_lines_the_first_to_fill_sets_the_limit() -> None:
    found = zonal_flows(
        checked(
            [
                Line("a", "b1", 1.0, 100),
                Line("a", "b2", 3.0, 100),
                Line("b1", "b2", 1_000_000.0, 1_000_000),
            ],
            {"a": Zone.BANGKOK, "b1": Zone.CENTRAL, "b2": Zone.CENTRAL},
        )
    )
    (cut,) = found.cuts
    # A quarter takes one line and three quarters the other, full at 133 MW and not at 200.
    assert (cut.thermal_mva, cut.first_line_mw) == (200, 133)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    size = draw(st.integers(3, 9))
    zone_of = {str(n): draw(st.sampled_from([*Zone, None])) for n in range(size)}
    zone_of["0"] = Zone.BANGKOK
    pairs = {(draw(st.integers(0, n - 1)), n) for n in range(1, size)}
    pairs |= draw(st.sets(st.tuples(st.integers(0, size - 2), st.integers(1, size - 1))))
    return checked(
        [
            Line(str(a), str(b), draw(st.floats(0.01, 10.0)), draw(st.integers(1, 5_000)))
            for a, b in sorted(pairs)
            if a < b
        ],
        zone_of,
    )


@given(networks())
def test_any_network_solves_as_the_textbook_says(network: Network) -> None:
    naive, found = naive_factors(network), cut_factors(zonal_flows(network))
    assert naive.keys() == found.keys()
    for pair, factors in found.items():
        assert factors == pytest.approx(naive[pair], abs=1e-6)
