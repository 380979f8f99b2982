"""The grid through a chain's store: its model, what is used, its condition, and quotes."""

from functools import partial

import msgspec
import pytest

from consensus import signing
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.checking import check_batch
from gtxnode.chain.rules import build_block
from gtxnode.chain.store import ChainStore
from gtxnode.grid.corridors import W_PER_MW
from gtxnode.grid.model import SLOT_S
from gtxnode.intake import seal_batch
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body, PostGridStatus, SetCorridorLimits, SetZoneLimits
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.grid import passed_over
from gtxnode.ledger.grid.grid_coins import slot_start
from gtxnode.ledger.parameters import Authority
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.zones import Role, Zone
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.events import ContractEvent
from gtxnode.views.grid import GridView
from tests.grid import little_grid
from tests.ledger.grid_chain import CALM, FAILING, STRAINED
from tests.ledger.little_chain import (
    CHAIN,
    GTX,
    START_S,
    address,
    public_key,
    registration,
    signed,
)
from tests.node import test_forward_views as forward_views
from tests.node.little_chain import commit_on

BANGKOK, CENTRAL, SOUTHERN = little_grid.ZONES
QUARTER, VALIDATORS = forward_views.QUARTER, forward_views.VALIDATORS
SHARD = "func_energytrading"


class Chain(forward_views.Chain):
    """A store over the triangle, with a seller in Bangkok and a buyer in the south."""

    def opened(self) -> ChainStore:
        keys = tuple(Authority(role, public_key(role.name)) for role in Role)
        parameters = msgspec.structs.replace(
            forward_views.CALM, zones=little_grid.ZONES, grid=little_grid.model(), authorities=keys
        )
        coins = initial_coins(
            CHAIN,
            [(address(name), 1_000 * GTX) for name in ("malee", "niran")],
            [registration("malee"), registration("niran", province=Province.SONGKHLA)],
        )
        return ChainStore.on(
            self.database, CHAIN, forward_views.GENESIS_ID, START_S * 1_000, parameters, coins
        )

    def act(self, time_s: int, body: Body, by: str) -> None:
        """An authority's act, in a block of its own."""
        store = self.store
        encoded = [signed(body, by).encoded]
        place = (store.tip.height, store.tip.id)
        producer = forward_views.PRODUCER
        sealed = seal_batch(CHAIN, BatchKind.ORDINARY, place, encoded, NO_WORK, producer)
        batch = check_batch(CHAIN, sealed.encoded, store.easiest_target)
        block = build_block(
            *(store.tip, [batch.id], store.last_commit, VALIDATORS, VALIDATORS),
            *(signing.public_key(producer), time_s * 1_000),
        )
        record = store.finalise(block, commit_on(block), [batch])
        assert [item.reason for item in record.transactions] == [None]

    @property
    def grid(self) -> GridView:
        return GridView(SHARD, self.store)


async def test_a_chain_without_a_grid_says_so() -> None:
    view = GridView(SHARD, forward_views.Chain().store)
    with pytest.raises(NotFound):
        view.model()
    with pytest.raises(NotFound):
        await view.corridors(None)


async def test_the_model_is_what_the_chain_goes_by() -> None:
    model = Chain().grid.model()
    assert model.zones == ("bangkok", "central", "southern")
    assert [(c.first, c.second, c.forward_mw) for c in model.corridors] == [
        ("bangkok", "central", 30),
        ("bangkok", "southern", 30),
        ("central", "southern", 30),
    ]
    assert len(model.routes) == 6
    route = model.routes[0]
    assert (route.seller, route.buyer, route.loss_ppm) == ("bangkok", "central", 30_000)
    assert sum(each.amount_mgtx_per_kwh for each in route.charges) == 1_070


async def test_what_trades_have_used_and_limits_leave_is_shown() -> None:
    chain = Chain()
    start_s = slot_start(QUARTER.start_s)
    end_s = start_s + SLOT_S
    chain.act(START_S + 10, SetCorridorLimits(BANGKOK, SOUTHERN, start_s, end_s, 20, 10, 1), "EGAT")
    chain.act(START_S + 11, SetZoneLimits(SOUTHERN, start_s, end_s, None, 7, 2), "PEA")
    chain.block(START_S + 20, chain.offer(1_000, 3_000, QUARTER))
    bid = wallet.forward_bid(
        address("niran"), list(chain.cash("niran")), QUARTER, SOUTHERN, 1_000, 4_500
    )
    chain.block(START_S + 30, (bid, "niran"))
    slot = await chain.grid.corridors(start_s + 5)
    direct = slot.corridors[1]
    assert (slot.start_s, slot.end_s) == (start_s, start_s + SLOT_S)
    assert (direct.forward_mw, direct.backward_mw, direct.flow_w) == (20, 10, 2_666)
    assert (direct.left_forward_w, direct.left_backward_w) == (
        20 * W_PER_MW - 2_667,
        10 * W_PER_MW + 2_666,
    )
    south = slot.zones[2]
    assert (south.sold_w, south.delivered_w) == (0, 4_000)
    assert (south.sold_limit_mw, south.delivered_limit_mw) == (None, 7)
    now = await chain.grid.corridors(None)
    assert now.start_s == slot_start(START_S + 30)
    assert [each.flow_w for each in now.corridors] == [0, 0, 0]


async def test_conditions_are_shown_with_what_follows_from_them() -> None:
    chain = Chain()
    before = await chain.grid.status()
    assert {(each.standing, each.frequency_mhz) for each in before.zones} == {("normal", None)}
    chain.act(START_S + 10, PostGridStatus((SOUTHERN,), FAILING, 1), "EGAT")
    chain.act(START_S + 20, PostGridStatus((BANGKOK,), CALM, 2), "EGAT")
    chain.act(START_S + 30, PostGridStatus((CENTRAL,), STRAINED, 3), "EGAT")
    status = await chain.grid.status()
    assert [each.standing for each in status.zones] == ["normal", "conditional", "refused"]
    assert status.zones[2].outside == ("frequency 49000 mHz, between 49800 and 50200",)
    assert status.zones[0].posted_ms == (START_S + 20) * 1_000
    # What is too old is not known any more.
    chain.block(START_S + 2_000)
    assert (await chain.grid.status()).zones[2].standing == "normal"


async def test_a_quote_says_what_a_way_takes() -> None:
    chain = Chain()
    ask = partial(chain.grid.quote, quantity_wh=1_000, price_mgtx_per_kwh=3_000, length_s=900)
    quote = await ask(BANGKOK, SOUTHERN, start_s=None)
    assert (quote.standing, quote.lost_wh, quote.landed_mgtx_per_kwh) == ("normal", 30, 4_070)
    assert [(each.role, each.amount_mgtx_per_kwh) for each in quote.wires] == [
        ("egat", 428),
        ("mea", 321),
        ("pea", 321),
    ]
    # 45 MW for a quarter of an hour, by factors that are rounded to millionths.
    assert quote.room_wh == 11_249_994
    chain.act(START_S + 10, PostGridStatus((SOUTHERN,), FAILING, 1), "EGAT")
    assert (await ask(BANGKOK, SOUTHERN, start_s=None)).room_wh == 0
    later = await ask(BANGKOK, SOUTHERN, start_s=QUARTER.start_s)
    assert later.room_wh == 11_249_994
    inside = await ask(BANGKOK, BANGKOK, start_s=QUARTER.start_s)
    assert (inside.landed_mgtx_per_kwh, inside.lost_wh) == (3_000, 0)
    with pytest.raises(NotFound):
        await ask(BANGKOK, SOUTHERN, start_s=QUARTER.start_s + 1)
    with pytest.raises(NotFound):
        await ask(BANGKOK, Zone.EASTERN, start_s=None)


def test_a_node_that_starts_in_the_middle_of_a_sweep_goes_on_as_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passed_over, "MAX_LOOKS", 6)
    monkeypatch.setattr(passed_over, "MAX_ASKED", 2)
    roots, bought = [], []
    for restarts in (False, True):
        chain = Chain()
        start_s = slot_start(QUARTER.start_s)
        nothing = SetZoneLimits(SOUTHERN, start_s, start_s + SLOT_S, None, 0, 1)
        chain.act(START_S + 10, nothing, "PEA")
        for number in range(6):
            chain.block(START_S + 20 + number, chain.offer(1_000, 3_000 + number, QUARTER))
        for number in range(6):
            cash = list(chain.cash("niran"))
            bid = wallet.forward_bid(address("niran"), cash, QUARTER, SOUTHERN, 1_000, 4_500)
            chain.block(START_S + 30 + number, (bid, "niran"))
        anything = SetZoneLimits(SOUTHERN, start_s, start_s + SLOT_S, None, None, 2)
        chain.act(START_S + 40, anything, "PEA")
        found, contracts = [], []
        for number in range(9):
            if restarts:
                chain.restart()
            events = chain.block(START_S + 50 + number)
            found.append(chain.store.tip.app_root)
            made = [each.body for each in events if isinstance(each.body, ContractEvent)]
            contracts.append([each.trade.price_mgtx_per_kwh for each in made])
        roots.append(found)
        bought.append(contracts)
    assert roots[0] == roots[1]
    assert bought[0] == bought[1]
    prices = [price for block in bought[0] for price in block]
    assert prices == [3_000 + number for number in range(6)]
    assert sum(block != [] for block in bought[0]) > 1
    assert bought[0][-1] == []
