"""What is counted of the market between zones, and what the authorities do there."""

import pytest

from gtxnode.devnet.acts import BLACKOUT, USUAL, Act
from gtxnode.devnet.exchange import Exchange, used_percent
from gtxnode.grid.build import build_model
from gtxnode.grid.status import Standing, StatusRules, standing_of
from gtxnode.grid_data import thai_network
from gtxnode.ledger.authority.mandates import MANDATES
from gtxnode.ledger.bodies import PostGridStatus, SetCorridorLimits
from gtxnode.rpc.views.events import (
    ContractEvent,
    CurtailmentEvent,
    Event,
    EventBody,
    SettlementEvent,
)
from gtxnode.rpc.views.forwards import (
    CurtailmentView,
    ForwardTradeView,
    SettlementView,
    SlotView,
)
from gtxnode.rpc.views.grid import CorridorView
from gtxnode.rpc.wire import Address, Amount, Hex

SLOT = SlotView(1_800_000_000, 15)
ID, SELLER, BUYER = Hex(bytes(32)), Address(b"\x01" * 20), Address(b"\x02" * 20)
NOW_MS = 1_800_000_123_456


def event(number: int, body: EventBody) -> Event:
    return Event(number, 1, body)


def wh(amount: int) -> Amount:
    return Amount(amount)


def test_contracts_and_what_came_of_them_are_added_up() -> None:
    exchange = Exchange()
    nothing = wh(0)
    trade = ForwardTradeView(
        id=ID,
        number=1,
        height=1,
        time_ms=1,
        slot=SLOT,
        sell_order=ID,
        buy_order=ID,
        seller=SELLER,
        buyer=BUYER,
        meter=Hex(bytes(16)),
        energy_wh=wh(90_000),
        price_mgtx_per_kwh=wh(2_600),
        imbalance_mgtx_per_kwh=wh(6_380),
        cost_ugtx=wh(234_000_000),
        toll_ugtx=nothing,
        lost_wh=nothing,
        trading_fee_ppm=0,
    )
    exchange.take(event(1, ContractEvent(trade)))
    settled = SettlementView(
        *(ID, 2, 2, 2, SLOT, SELLER, BUYER, wh(60_000), wh(10_000)),
        *(nothing, nothing, nothing, nothing),
    )
    exchange.take(event(2, SettlementEvent(settled)))
    cut = CurtailmentView(
        *(ID, 3, 3, 3, SLOT, SELLER, BUYER, wh(20_000), nothing, nothing, nothing)
    )
    exchange.take(event(3, CurtailmentEvent(cut)))
    assert exchange.as_object() == {
        "contracts": 1,
        "sold_wh": 90_000,
        "delivered_wh": 60_000,
        "short_wh": 10_000,
        "curtailed_wh": 20_000,
    }
    assert exchange.as_text().startswith("1 contracts, 90.0 kWh sold ahead, 60.0 kWh delivered")


@pytest.mark.parametrize(
    ("forward_mw", "backward_mw", "flow_w", "percent"),
    [(2, 1, 1_000_000, 50), (2, 1, -1_000_000, 100), (0, 1, 0, 100), (5, 0, 0, 0)],
)
def test_a_corridor_is_as_full_as_its_flow_makes_it(
    forward_mw: int, backward_mw: int, flow_w: int, percent: int
) -> None:
    left = Amount(0)
    corridor = CorridorView(
        "central", "northern", forward_mw, backward_mw, Amount(flow_w), left, left
    )
    assert used_percent(corridor) == percent


@pytest.mark.parametrize("acts", [USUAL, BLACKOUT], ids=["usual", "blackout"])
def test_every_act_of_a_script_is_its_authoritys_to_sign(acts: tuple[Act, ...]) -> None:
    assert [act.at_s for act in acts] == sorted(act.at_s for act in acts)
    corridors = {(each.first, each.second) for each in build_model(thai_network()).corridors}
    for act in acts:
        body = act.body(NOW_MS)
        assert act.role in MANDATES[type(body)].roles
        assert act.says.startswith(act.role.name)
        if isinstance(body, SetCorridorLimits):
            assert (body.first, body.second) in corridors
            assert body.start_s * 1_000 <= NOW_MS < body.end_s * 1_000


def test_the_blackout_gets_worse_until_the_south_is_dark_and_then_well_again() -> None:
    bodies = [act.body(NOW_MS) for act in BLACKOUT]
    left = [each.forward_mw for each in bodies if isinstance(each, SetCorridorLimits)]
    assert left == [2, 1, 0, 2]
    standings = [
        standing_of(StatusRules(), each.status)
        for each in bodies
        if isinstance(each, PostGridStatus)
    ]
    assert standings == [
        Standing.NORMAL,
        Standing.CONDITIONAL,
        Standing.REFUSED,
        Standing.NORMAL,
    ]
