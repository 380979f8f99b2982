"""Random histories of slots: whatever is traded, metered late, twice, in part or never.

`LittleChain` holds every block against the invariants: money in equals money out to the µGTX, what
was minted is what was metered, and what is kept of open forwards is what a node finds that starts
anew. These tests think of what to send, and hold the end of a history against what was promised.
"""

from collections import Counter
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import (
    Amend,
    Body,
    Cancel,
    ForwardBid,
    ForwardOffer,
    TransferMeter,
)
from gtxnode.ledger.coins import Cash, Energy, order_id_of
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardOrder
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.auction import Mechanism, Rationing
from gtxnode.market.imbalance import ImbalanceRule
from gtxnode.market.orders import PriceRule, Terms
from gtxnode.market.slots import Product, Slot
from gtxnode.metering.meters import Reading
from gtxnode.primitives.zones import Zone
from tests.ledger.forward_chain import ForwardChain
from tests.ledger.little_chain import (
    FEE,
    HOUR_S,
    PARAMETERS,
    address,
    meter_of,
    signed,
)

PEOPLE = ("malee", "niran", "somchai")
GRACE_S = 2 * HOUR_S
MAX_BLOCK_WH = 4_000
LENGTHS_S = (900, 1_800, 3_600)


class Step(NamedTuple):
    """One thing that someone sends. What the numbers mean depends on the kind."""

    kind: str
    who: int
    slot: int
    amount: int
    price: int


steps = st.builds(
    Step,
    st.sampled_from(
        ["offer", "offer", "offer", "offer", "bid", "bid", "bid", "bid", "read", "read", "read",
         "gap", "replay", "cancel", "sell", "buy", "amend", "amend", "amend", "assign", "assign",
         "hand"]
    ),
    st.integers(0, 2),
    st.sampled_from([0, 0, 1, 2, 3]),
    st.integers(1, 3_000),
    st.integers(0, 3),
)  # fmt: skip
blocks = st.tuples(st.lists(steps, min_size=3, max_size=7), st.integers(1, 7))
histories = st.lists(blocks, min_size=10, max_size=18)
rules = st.builds(
    lambda mechanisms, rationing, price_rule, gate_s, utility, premium, most: ForwardRules(
        tuple(
            Product(length_s, mechanism, gate_s, price_rule, rationing)
            for length_s, mechanism in zip(LENGTHS_S, mechanisms, strict=True)
        ),
        grace_s=GRACE_S,
        imbalance=ImbalanceRule(utility, premium),
        max_orders_per_slot=most,
    ),
    st.tuples(*[st.sampled_from(Mechanism)] * 3),
    st.sampled_from(Rationing),
    st.sampled_from(PriceRule),
    st.sampled_from([0, 300, 900]),
    st.sampled_from([0, 3_300, 6_380]),
    st.sampled_from([0, 100_001]),
    st.sampled_from([1, 2, 10_000]),
)


def a_chain(forwards: ForwardRules) -> ForwardChain:
    parameters = msgspec.structs.replace(
        PARAMETERS,
        forwards=forwards,
        orders=OrderLimits(min_wh=1, max_block_traded_wh=MAX_BLOCK_WH, trading_fee_ppm=3_000),
    )
    return ForwardChain(*PEOPLE, cash_ugtx=30_000_000, parameters=parameters)


def transaction(
    chain: ForwardChain, step: Step, sent: list[CheckedTransaction]
) -> CheckedTransaction | None:
    """What the step sends, as things stand before the block; None where there is no way to."""
    who = PEOPLE[step.who]
    match step.kind:
        case "read":
            return chain.reading(who, step.amount)
        case "gap":
            return gap(chain, who, step)
        case "assign":
            return assignment(chain, step)
        case "hand":
            meter, new = chain.meter(who), address(PEOPLE[step.slot % 3])
            act = TransferMeter(meter.meter, meter.revision + 1, new, meter.end_s)
            return signed(act, "MEA")
        case "replay":
            return sent[step.amount % len(sent)] if sent else None
    try:
        body = body_of(chain, step)
    except wallet.InsufficientFunds:
        return None
    return None if body is None else signed(body, who)


def gap(chain: ForwardChain, who: str, step: Step) -> CheckedTransaction:
    """A reading that leaves out time, and says so."""
    meter = chain.meter(who)
    start_s = meter.end_s + 100 * step.price
    body = Reading(
        *(meter.meter, meter.counter + 2, meter.counter, start_s, max(chain.now_s, start_s + 1)),
        *(meter.import_wh, meter.export_wh + step.amount),
    )
    return signed(body, f"{who}'s meter")


def body_of(chain: ForwardChain, step: Step) -> Body | None:
    owner, name = address(PEOPLE[step.who]), PEOPLE[step.who]
    price = 3_000 + 100 * step.price + (300 if step.kind in ("bid", "buy") else 0)
    slot = slot_of(chain, step.slot)
    match step.kind:
        case "offer":
            limits, imbalance = chain.parameters.orders, chain.parameters.forwards.imbalance
            collateral = imbalance.collateral(price, limits.max_price_mgtx_per_kwh)
            return wallet.forward_offer(
                *(owner, chain.coins(name, Cash), slot, meter_of(name), step.amount, price),
                collateral,
                **how(chain, step, slot),
            )
        case "bid":
            cash, said = chain.coins(name, Cash), how(chain, step, slot)
            return wallet.forward_bid(owner, cash, slot, Zone.BANGKOK, step.amount, price, **said)
        case "amend":
            return amendment(chain, step)
        case "sell":
            return wallet.sell(owner, chain.coins(name, Energy), step.amount, price)
        case "buy":
            return wallet.buy(owner, chain.coins(name, Cash), step.amount, price)
        case "cancel":
            orders = [i for i, c in chain.all_coins() if isinstance(c, ForwardOrder)]
            return Cancel(order_id_of(orders[step.amount % len(orders)])) if orders else None
    raise AssertionError(step.kind)


def how(chain: ForwardChain, step: Step, slot: Slot) -> dict[str, Any]:
    """Half of the orders of slots that are not auctioned have terms, and some end early."""
    product = chain.parameters.forwards.product_of(slot)
    if product is None:
        # A vote may have ended it.
        return {}
    closes_s = product.closes_s(slot)
    if step.amount % 13 == 7 and closes_s > chain.now_s + 700:
        return {"expires_s": chain.now_s + 700}
    if product.mechanism is not Mechanism.CONTINUOUS:
        return {}
    match step.amount % 13:
        case 0 | 1:
            return {"terms": Terms(all_or_none=True)}
        case 2 | 3:
            return {"terms": Terms(display_wh=max(1, step.amount // 3))}
        case 4:
            return {"terms": Terms(partner=address(PEOPLE[step.who - 1]))}
        case 5:
            return {"immediate": True}
        case 6:
            return {"immediate": True, "terms": Terms(all_or_none=True)}
        case _:
            return {}


def amendment(chain: ForwardChain, step: Step) -> Body | None:
    """Of one of a person's orders: another price, more or less of it."""
    owner = address(PEOPLE[step.who])
    own = [
        (order_id_of(i), c)
        for i, c in chain.all_coins()
        if isinstance(c, ForwardOrder) and c.trader == owner
    ]
    if not own:
        return None
    order_id, order = own[step.amount % len(own)]
    price = order.price_mgtx_per_kwh + 200 * (step.price // 2)
    wh = max(1, order.quantity_wh - step.amount // 2) if step.amount % 3 else step.amount
    cash = chain.coins(PEOPLE[step.who], Cash)
    return wallet.amend_ahead(order_id, order, cash, wh, price, chain.collateral(price))


def assignment(chain: ForwardChain, step: Step) -> CheckedTransaction | None:
    """Of one of the contracts, to somebody."""
    found = [(order_id_of(i), c) for i, c in chain.all_coins() if isinstance(c, Contract)]
    if not found:
        return None
    contract_id, contract = found[step.amount % len(found)]
    by = next(name for name in PEOPLE if address(name) == contract.buyer)
    cash, to = chain.coins(by, Cash), address(PEOPLE[step.who])
    try:
        body = wallet.assign_contract(contract.buyer, cash, contract_id, to, FEE)
    except wallet.InsufficientFunds:
        return None
    return signed(body, by)


def slot_of(chain: ForwardChain, number: int) -> Slot:
    """One of those around an hour ahead."""
    length_s = LENGTHS_S[number % 3]
    start_s = (chain.now_s + 1_200) // length_s * length_s + number // 3 * length_s
    return Slot(start_s, length_s)


class Books:
    """What contracts promised, and what their settlements came to."""

    def __init__(self) -> None:
        self.made: dict[bytes, Contract] = {}
        self.delivered: Counter[bytes] = Counter()
        self.short: Counter[bytes] = Counter()
        self.exported: Counter[tuple[bytes, bytes]] = Counter()
        """By meter and whose it was then."""

    def take(self, outcome: BlockOutcome, now_s: int) -> None:
        ahead_wh = sum(trade.quantity_wh for trade in outcome.forward_trades)
        assert outcome.traded_wh + ahead_wh <= MAX_BLOCK_WH
        for trade in outcome.forward_trades:
            self.made[trade.id] = trade.contract
            assert trade.contract.buyer != trade.contract.seller
        for each in outcome.settlements:
            self.delivered[each.contract_id] += each.delivered_wh
            self.short[each.contract_id] += each.short_wh
            assert each.open_wh >= 0
            if each.short_wh:
                assert each.open_wh == 0
                assert now_s >= each.contract.slot.end_s - 60
        for reading in outcome.readings:
            self.exported[reading.meter, reading.owner] += reading.exported_wh

    def settled(self, contract_id: bytes) -> int:
        """What became of a contract's energy, in Wh."""
        return self.delivered[contract_id] + self.short[contract_id]

    def check(self, chain: ForwardChain) -> None:
        """Once all is due: each contract was settled to the Wh, and no meter gave twice, nor what
        was not the seller's."""
        assert chain.contracts() == []
        given: Counter[tuple[bytes, bytes]] = Counter()
        for contract_id, contract in self.made.items():
            assert self.settled(contract_id) == contract.sold_wh
            given[contract.meter, contract.seller] += self.delivered[contract_id]
        assert all(wh <= self.exported[owned] for owned, wh in given.items())


@settings(max_examples=80)
@given(rules, histories)
def test_money_and_energy_are_conserved(
    forwards: ForwardRules, history: list[tuple[list[Step], int]]
) -> None:
    chain = a_chain(forwards)
    books = Books()
    sent: list[CheckedTransaction] = []
    for wanted, spans in history:
        chain.now_s += 600 * spans
        block = tuple(t for step in wanted if (t := transaction(chain, step, sent)))
        books.take(chain.block(*block), chain.now_s)
        sent += block
    chain.now_s += 4 * HOUR_S + GRACE_S
    books.take(chain.block(), chain.now_s)
    books.check(chain)
    assert not chain.orders.forwards.books


def test_the_histories_reach_what_they_are_about() -> None:
    """They would prove nothing if nothing was traded, delivered or short in them."""
    seen: Counter[str] = Counter()

    def reached() -> bool:
        orders = ("expired", "amended", "terms", "early", "displaced", "assigned")
        return all(seen[what] >= 5 for what in ("traded", "delivered", "short", *orders))

    # Which examples are drawn depends on constants anywhere in the sources: it may take many.
    @settings(max_examples=200, database=None, derandomize=True)
    @given(rules, histories)
    def play(forwards: ForwardRules, history: list[tuple[list[Step], int]]) -> None:
        if reached():
            return
        chain = a_chain(forwards)
        for wanted, spans in history:
            chain.now_s += 600 * spans
            block = tuple(t for step in wanted if (t := transaction(chain, step, [])))
            outcome = chain.block(*block)
            seen["traded"] += len(outcome.forward_trades)
            seen["delivered"] += sum(each.delivered_wh > 0 for each in outcome.settlements)
            seen["short"] += sum(each.short_wh > 0 for each in outcome.settlements)
            seen["expired"] += len(outcome.expired)
            accepted = [
                each.body
                for each, receipt in zip(block, outcome.receipts, strict=True)
                if receipt.ok
            ]
            seen["amended"] += sum(isinstance(body, Amend) for body in accepted)
            placed = [body for body in accepted if isinstance(body, ForwardOffer | ForwardBid)]
            seen["terms"] += sum(body.terms is not None for body in placed)
            seen["displaced"] += len(outcome.displaced)
            seen["assigned"] += len(outcome.assignments)
            seen["early"] += sum(body.expires_s > 0 for body in placed)

    play()
    assert reached(), seen
