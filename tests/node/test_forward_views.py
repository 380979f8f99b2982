"""Delivery slots through a chain's store: what the interfaces answer, and what a restart keeps."""

from collections.abc import Iterable

import msgspec
import pytest

from consensus import signing
from consensus.validators import Validator, ValidatorSet
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.checking import check_batch
from gtxnode.chain.rules import build_block
from gtxnode.chain.store import ChainStore
from gtxnode.events import events_of
from gtxnode.intake import seal_batch
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Amend, Body
from gtxnode.ledger.coins import Cash, decode_coin
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.outcome import Curtailment, Settlement
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.orders import Terms
from gtxnode.market.slots import HOUR_S, Slot
from gtxnode.metering.meters import Reading
from gtxnode.metering.readings import ReadingLimits
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.methods.row import Topic
from gtxnode.rpc.subscriptions import Interest, concerns
from gtxnode.rpc.views.events import (
    AssignmentEvent,
    ContractEvent,
    CurtailmentEvent,
    Event,
    OrderEvent,
    SettlementEvent,
)
from gtxnode.rpc.views.forwards import ContractView, IndicationView, SlotView
from gtxnode.rpc.wire import Address
from gtxnode.views.accounts import AccountsView
from gtxnode.views.forwards import ForwardsView
from storage.memory import MemoryStore
from tests.ledger.little_chain import (
    CHAIN,
    GTX,
    PARAMETERS,
    START_S,
    address,
    meter_of,
    private_key,
    registration,
    signed,
)
from tests.node.little_chain import commit_on

GENESIS_ID = b"\x07" * 32
PRODUCER = private_key("a validator")
VALIDATORS = ValidatorSet([Validator(signing.public_key(PRODUCER), 1)])
NOON = START_S + 4 * HOUR_S
HOUR = Slot(NOON, HOUR_S)
QUARTER = Slot(NOON, 900)
CALM = msgspec.structs.replace(PARAMETERS, readings=ReadingLimits(anomalies=None))
"""Without rules about suspect readings: noon here is after sunset."""
SHARD = "geo_bangkok"


class Chain:
    """A store whose blocks a test makes, with cash and a meter for two people."""

    def __init__(self, parameters: ChainParameters = CALM) -> None:
        self.parameters = parameters
        self.database = MemoryStore()
        self.store = self.opened()
        self.view = ForwardsView(SHARD, self.store)

    def opened(self) -> ChainStore:
        names = ("malee", "niran")
        coins = initial_coins(
            CHAIN,
            [(address(name), 1_000 * GTX) for name in names],
            [registration(name) for name in names],
        )
        return ChainStore.on(
            self.database, CHAIN, GENESIS_ID, START_S * 1_000, self.parameters, coins
        )

    def restart(self) -> None:
        self.store = self.opened()
        self.view = ForwardsView(SHARD, self.store)

    def block(
        self, time_s: int, *sent: tuple[Body, str], kind: BatchKind = BatchKind.ENERGY
    ) -> tuple[Event, ...]:
        """Make a block final; its events."""
        store, batches = self.store, []
        if sent:
            parent = store.parent(store.tip.height)
            assert parent is not None
            sealed = seal_batch(
                CHAIN,
                kind,
                (store.tip.height, store.tip.id),
                [signed(body, name).encoded for body, name in sent],
                parent.target if kind is BatchKind.ENERGY else NO_WORK,
                PRODUCER,
            )
            batches.append(check_batch(CHAIN, sealed.encoded, store.easiest_target))
        block = build_block(
            store.tip,
            [batch.id for batch in batches],
            store.last_commit,
            VALIDATORS,
            VALIDATORS,
            signing.public_key(PRODUCER),
            time_s * 1_000,
        )
        record = store.finalise(block, commit_on(block), batches)
        assert [item.reason for item in record.transactions] == [None] * len(sent)
        return events_of(block, record)

    def cash(self, name: str) -> Iterable[tuple[bytes, Cash]]:
        with self.store.snapshot() as reader:
            for coin_id, encoded in self.store.owned(reader, address(name), None, None):
                coin = decode_coin(encoded)
                if isinstance(coin, Cash):
                    yield coin_id, coin

    def offer(self, wh: int, price: int, slot: Slot) -> tuple[Body, str]:
        meter = meter_of("malee")
        cash = list(self.cash("malee"))
        body = wallet.forward_offer(address("malee"), cash, slot, meter, wh, price, 3_000)
        return body, "malee"

    def bid(self, wh: int, price: int, slot: Slot) -> tuple[Body, str]:
        cash = list(self.cash("niran"))
        return wallet.forward_bid(address("niran"), cash, slot, Zone.BANGKOK, wh, price), "niran"

    def reading(self, counter: int, start_s: int, end_s: int, export_wh: int) -> tuple[Body, str]:
        body = Reading(meter_of("malee"), counter, counter - 1, start_s, end_s, 0, export_wh)
        return body, "malee's meter"


@pytest.fixture
def chain() -> Chain:
    return Chain()


async def test_a_slot_from_its_orders_to_its_settlement(chain: Chain) -> None:
    offer = chain.offer(5_000, 3_000, HOUR)
    opened = chain.block(START_S + 1, offer, chain.bid(4_000, 4_000, HOUR))
    orders = [event.body for event in opened if isinstance(event.body, OrderEvent)]
    assert {(o.side, o.change, o.slot) for o in orders} == {
        ("sell", "opened", SlotView(NOON, HOUR_S)),
        ("buy", "opened", SlotView(NOON, HOUR_S)),
    }
    (summary,) = (await chain.view.slots()).slots
    assert (summary.mechanism, summary.closes_s) == ("uniform", NOON - 900)
    assert (summary.best_bid_mgtx_per_kwh, summary.best_ask_mgtx_per_kwh) == (4_000, 3_000)
    book = await chain.view.book(NOON, HOUR_S, 10)
    assert book.indication == IndicationView(3_000, 4_000)  # type: ignore[arg-type]
    assert (book.bid_orders, book.ask_orders) == (1, 1)

    chain.restart()
    assert await chain.view.book(NOON, HOUR_S, 10) == book
    closed = chain.block(NOON - 900)
    (made,) = [event for event in closed if isinstance(event.body, ContractEvent)]
    assert isinstance(made.body, ContractEvent)
    assert made.body.trade.number == made.number
    assert made.body.trade.cost_ugtx == 12 * GTX
    assert (await chain.view.slots()).slots == ()
    assert (await chain.view.trades(after=None, limit=5)).trades == (made.body.trade,)
    for name in ("malee", "niran"):
        (contract,) = (await chain.view.contracts(address(name), after=None, limit=5)).contracts
        assert contract.id == made.body.trade.id
        assert (contract.sold_wh, contract.open_wh, contract.locked_ugtx) == (
            4_000,
            4_000,
            25_520_000,
        )

    chain.restart()
    chain.block(NOON, chain.reading(1, START_S, NOON, 1_000))
    settled = chain.block(NOON + HOUR_S, chain.reading(2, NOON, NOON + HOUR_S, 4_000))
    (event,) = [event for event in settled if isinstance(event.body, SettlementEvent)]
    assert isinstance(event.body, SettlementEvent)
    settlement = event.body.settlement
    assert settlement.number == event.number
    assert (settlement.delivered_wh, settlement.short_wh, settlement.open_wh) == (3_000, 1_000, 0)
    assert (settlement.paid_ugtx, settlement.compensation_ugtx) == (9 * GTX, 3_380_000)
    page = await chain.view.settlements(after=event.number - 1, limit=5)
    assert page.settlements == (settlement,)
    assert page.next is None
    assert (await chain.view.contracts(address("niran"), after=None, limit=5)).contracts == ()


async def test_what_an_order_does_not_show_is_told_to_whoever_asks_for_its_trader(
    chain: Chain,
) -> None:
    terms = Terms(partner=address("niran"), display_wh=1_000)
    meter, cash = meter_of("malee"), list(chain.cash("malee"))
    body = wallet.forward_offer(
        *(address("malee"), cash, QUARTER, meter, 5_000, 3_500, 3_000), terms=terms
    )
    opened = chain.block(START_S + 1, (body, "malee"))
    (event,) = [event.body for event in opened if isinstance(event.body, OrderEvent)]
    assert event.energy_wh == 1_000
    book = await chain.view.book(NOON, 900, 5)
    assert [(level.energy_wh, level.orders) for level in book.asks] == [(1_000, 1)]
    (order,) = (await chain.view.orders(address("malee"))).orders
    assert (order.energy_wh, order.shown_wh) == (5_000, 1_000)
    assert order.partner == Address(address("niran"))
    assert (order.meter, order.zone, order.locked_ugtx) == (meter, "bangkok", 14_400_000)
    assert (order.expires_s, order.revision) == (NOON - 900, 0)
    chain.block(START_S + 2, (Amend(bytes(order.id), 4_000, 3_500), "malee"))
    (order,) = (await chain.view.orders(address("malee"))).orders
    assert (order.energy_wh, order.revision) == (4_000, 1)
    assert (await chain.view.orders(address("niran"))).orders == ()


def test_whoever_is_put_out_of_a_full_slot_is_told() -> None:
    crowded = msgspec.structs.replace(CALM, forwards=ForwardRules(max_orders_per_slot=1))
    chain = Chain(crowded)
    placed = chain.bid(1_000, 3_500, HOUR)
    chain.block(START_S + 1, placed)
    better = wallet.forward_bid(
        *(address("malee"), list(chain.cash("malee")), HOUR, Zone.BANGKOK, 2_000, 3_500)
    )
    events = chain.block(START_S + 2, (better, "malee"))
    orders = [event for event in events if isinstance(event.body, OrderEvent)]
    changes = {event.body.owner: event.body for event in orders}  # type: ignore[union-attr]
    lost = changes[Address(address("niran"))]
    assert isinstance(lost, OrderEvent)
    assert (lost.change, lost.energy_wh) == ("displaced", 0)
    assert sum(coin.amount_ugtx for _, coin in chain.cash("niran")) == 1_000 * GTX
    (told,) = [event for event in orders if event.body is lost]
    assert concerns(told, Interest(Topic.ADDRESS, Address(address("niran"))))


def test_what_of_an_immediate_order_goes_back_is_cancelled(chain: Chain) -> None:
    cash = list(chain.cash("niran"))
    body = wallet.forward_bid(
        *(address("niran"), cash, QUARTER, Zone.BANGKOK, 5_000, 3_500), immediate=True
    )
    events = chain.block(START_S + 1, chain.offer(4_000, 3_500, QUARTER), (body, "niran"))
    orders = [event.body for event in events if isinstance(event.body, OrderEvent)]
    assert {(o.side, o.change) for o in orders} == {("sell", "filled"), ("buy", "cancelled")}


def test_what_concerns_a_contract_is_told_to_both_sides_and_to_the_market(chain: Chain) -> None:
    chain.block(START_S + 1, chain.offer(4_000, 3_500, QUARTER), chain.bid(4_000, 3_500, QUARTER))
    block, _ = chain.store.block(1)
    record = chain.store.record(1)
    assert record is not None
    ((contract_id, *_, contract, _),) = [
        msgspec.structs.astuple(trade) for trade in record.forward_trades
    ]
    short = Settlement(contract_id, contract, 3_000, 1_000)
    cut = Curtailment(contract_id, contract, 500, 7, 9)
    events = events_of(
        block, msgspec.structs.replace(record, settlements=(short,), curtailments=(cut,))
    )
    assert [event.number for event in events] == list(range(2**20, 2**20 + len(events)))
    *_, made, settled, curtailed = events
    assert isinstance(made.body, ContractEvent)
    assert isinstance(settled.body, SettlementEvent)
    assert isinstance(curtailed.body, CurtailmentEvent)
    view = curtailed.body.curtailment
    assert (view.number, view.open_wh, view.cut_wh) == (curtailed.number, 3_500, 500)
    for event in (made, settled, curtailed):
        assert concerns(event, Interest(Topic.MARKET, None))
        for name in ("malee", "niran"):
            assert concerns(event, Interest(Topic.ADDRESS, Address(address(name))))
        assert not concerns(event, Interest(Topic.ADDRESS, Address(address("somchai"))))


async def test_a_contract_that_is_handed_on_is_told_to_all_three(chain: Chain) -> None:
    chain.block(START_S + 1, chain.offer(4_000, 3_500, QUARTER), chain.bid(4_000, 3_500, QUARTER))
    (contract,) = (await chain.view.contracts(address("niran"), after=None, limit=5)).contracts
    cash, to = list(chain.cash("niran")), address("somchai")
    body = wallet.assign_contract(address("niran"), cash, bytes(contract.id), to, 1_000)
    events = chain.block(START_S + 2, (body, "niran"), kind=BatchKind.ORDINARY)
    (event,) = [event for event in events if isinstance(event.body, AssignmentEvent)]
    assert isinstance(event.body, AssignmentEvent)
    view = event.body.assignment
    assert (view.number, view.contract, view.open_wh) == (event.number, contract.id, 4_000)
    assert view.to == Address(to)
    assert concerns(event, Interest(Topic.MARKET, None))
    for name in ("malee", "niran", "somchai"):
        assert concerns(event, Interest(Topic.ADDRESS, Address(address(name))))
    (taken,) = (await chain.view.contracts(to, after=None, limit=5)).contracts
    assert (taken.id, taken.buyer) == (contract.id, Address(to))
    assert (await chain.view.contracts(address("niran"), after=None, limit=5)).contracts == ()


async def test_what_is_in_contracts_is_each_sides_own_part(chain: Chain) -> None:
    chain.block(START_S + 1, chain.offer(5_000, 3_500, QUARTER), chain.bid(2_000, 3_500, QUARTER))
    accounts = AccountsView(SHARD, chain.store)
    seller, buyer = [await accounts.balance(address(name)) for name in ("malee", "niran")]
    assert buyer.money_in_contracts_ugtx == 7 * GTX
    assert seller.money_in_contracts_ugtx == 5_760_000
    assert seller.money_in_orders_ugtx == 3_000 * 2_880
    for each in (seller, buyer):
        inside = each.money_in_orders_ugtx + each.money_in_contracts_ugtx
        assert each.money_ugtx + inside == 1_000 * GTX
    coins = (await accounts.coins(address("malee"), after=None, limit=10)).coins
    assert {coin.kind for coin in coins} >= {"contract", "forward_sell"}


async def test_contracts_come_in_pages(chain: Chain) -> None:
    for number in range(3):
        chain.block(
            START_S + 1 + number,
            chain.offer(1_000, 3_500, QUARTER),
            chain.bid(1_000, 3_500, QUARTER),
        )
    whole = (await chain.view.contracts(address("niran"), after=None, limit=9)).contracts
    assert len(whole) == 3
    paged: list[ContractView] = []
    after = None
    while True:
        page = await chain.view.contracts(address("niran"), after=after, limit=1)
        paged += page.contracts
        if page.next is None:
            break
        after = page.next
    assert tuple(paged) == whole


async def test_rules_and_slots_that_are_none(chain: Chain) -> None:
    rules = chain.view.rules()
    assert [product.length_s for product in rules.products] == [900, 1_800, 3_600]
    assert rules.utility_mgtx_per_kwh == 6_380
    empty = await chain.view.book(NOON, 900, 5)
    assert (empty.bids, empty.asks, empty.indication) == ((), (), None)
    for start_s, length_s in ((NOON + 1, 900), (NOON, 600)):
        with pytest.raises(NotFound):
            await chain.view.book(start_s, length_s, 5)
