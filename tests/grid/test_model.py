"""The grid model as a chain parameter: what is refused when it is read, and what is built."""

from typing import Any

import msgspec
import pytest

from gtxnode.grid.build import BuildPolicy, LimitRule, build_model
from gtxnode.grid.model import GridModel
from gtxnode.grid_data import thai_network
from gtxnode.primitives.zones import Role, Zone
from tests.grid import little_grid

MODEL = little_grid.model()


def reread(changes: dict[str, Any]) -> GridModel:
    plain = {**msgspec.to_builtins(MODEL), **changes}
    return msgspec.json.decode(msgspec.json.encode(plain), type=GridModel)


PLAIN = msgspec.to_builtins(MODEL)
CORRIDOR = PLAIN["corridors"][0]
ROUTE = PLAIN["routes"][0]
BAD = {
    "zones unsorted": ({"zones": [2, 1, 7]}, "zones"),
    "a zone twice": ({"zones": [1, 1, 7]}, "zones"),
    "a corridor twice": ({"corridors": [CORRIDOR, CORRIDOR]}, "corridors"),
    "a corridor backwards": ({"corridors": [{**CORRIDOR, "first": 2, "second": 1}]}, "corridors"),
    "a corridor to nowhere": ({"corridors": [{**CORRIDOR, "second": 5}]}, "corridors"),
    "a factor too few": ({"corridors": [{**CORRIDOR, "factors_ppm": [0, 1]}]}, "factors_ppm"),
    "a factor above one": (
        {"corridors": [{**CORRIDOR, "factors_ppm": [0, 1_000_001, 0]}]},
        "factors_ppm",
    ),
    "a limit below zero": ({"corridors": [{**CORRIDOR, "forward_mw": -1}]}, "forward_mw"),
    "a route too few": ({"routes": PLAIN["routes"][1:]}, "routes"),
    "a route that loses all": (
        {"routes": [{**ROUTE, "loss_ppm": 1_000_000}, *PLAIN["routes"][1:]]},
        "loss_ppm",
    ),
    "a share twice": (
        {"routes": [{**ROUTE, "charges": ROUTE["charges"][:1] * 2}, *PLAIN["routes"][1:]]},
        "charges",
    ),
    "an unknown key": ({"colour": "red"}, "colour"),
    "a stable band beyond the bearable": (
        {"status": {"stable": {**PLAIN["status"]["stable"], "low_mhz": 49_000}}},
        "stable",
    ),
}


def test_a_model_survives_its_file() -> None:
    assert reread({}) == MODEL


@pytest.mark.parametrize("case", BAD)
def test_a_model_that_makes_no_sense_is_not_read(case: str) -> None:
    changes, names = BAD[case]
    with pytest.raises(msgspec.ValidationError, match=names):
        reread(changes)


def test_losses_follow_distance_and_average_what_was_asked_for() -> None:
    model = build_model(thai_network(), BuildPolicy(average_loss_ppm=15_700))
    losses = {(each.seller, each.buyer): each.loss_ppm for each in model.routes}
    assert abs(sum(losses.values()) / len(losses) - 15_700) < 1
    assert losses[Zone.BANGKOK, Zone.CENTRAL] < losses[Zone.BANGKOK, Zone.SOUTHERN]
    assert all(losses[b, a] == loss for (a, b), loss in losses.items())


def test_the_wheeling_charge_is_split_among_those_whose_wires_are_used() -> None:
    routes = {(r.seller, r.buyer): r.charges for r in build_model(thai_network()).routes}
    assert all(sum(each.mgtx_per_kwh for each in parts) == 1_070 for parts in routes.values())
    to_south = {each.role: each.mgtx_per_kwh for each in routes[Zone.BANGKOK, Zone.SOUTHERN]}
    assert to_south == {Role.EGAT: 428, Role.MEA: 321, Role.PEA: 321}
    in_country = {each.role: each.mgtx_per_kwh for each in routes[Zone.NORTHERN, Zone.SOUTHERN]}
    assert in_country == {Role.EGAT: 428, Role.PEA: 642}


def test_limits_are_those_of_the_first_line_unless_asked_otherwise() -> None:
    def south(rule: LimitRule) -> int:
        model = build_model(thai_network(), BuildPolicy(limits=rule))
        return next(each.forward_mw for each in model.corridors if each.second is Zone.SOUTHERN)

    assert (south(LimitRule.FIRST_LINE), south(LimitRule.THERMAL)) == (3_243, 3_400)
