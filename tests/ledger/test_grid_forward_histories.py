"""Random histories of slots over a grid: tolls, losses, falling limits, contracts that are cut.

As in test_forward_histories.py, `LittleChain` holds every block against the invariants, and here
the energy of a contract is delivered, missing or cut, to the Wh.
"""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.slots import Slot
from tests.grid import little_grid
from tests.ledger.grid_chain import CALM, STRAINED, GridChain
from tests.ledger.little_chain import HOUR_S, signed
from tests.ledger.test_forward_histories import (
    GRACE_S,
    LENGTHS_S,
    MAX_BLOCK_WH,
    PEOPLE,
    Books,
    Step,
    amendment,
    assignment,
    how,
    rules,
)

BANGKOK, CENTRAL, SOUTHERN = little_grid.ZONES
ZONE_OF = dict(zip(PEOPLE, little_grid.ZONES, strict=True))
PAIRS = ((BANGKOK, CENTRAL), (CENTRAL, SOUTHERN), (BANGKOK, SOUTHERN))

steps = st.builds(
    Step,
    st.sampled_from(
        ["offer"] * 4 + ["bid"] * 4 + ["read"] * 3 + ["amend", "assign", "limit", "status"]
    ),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(1, 3_000),
    st.integers(0, 3),
)
blocks = st.tuples(st.lists(steps, min_size=3, max_size=7), st.integers(1, 3))
histories = st.lists(blocks, min_size=8, max_size=14)


class CutBooks(Books):
    """With what was cut of contracts."""

    def __init__(self) -> None:
        super().__init__()
        self.cut: Counter[bytes] = Counter()

    def take(self, outcome: BlockOutcome, now_s: int) -> None:
        super().take(outcome, now_s)
        for each in outcome.curtailments:
            assert 0 < each.cut_wh <= each.contract.open_wh
            self.cut[each.contract_id] += each.cut_wh

    def settled(self, contract_id: bytes) -> int:
        return super().settled(contract_id) + self.cut[contract_id]


def a_chain(forwards: ForwardRules) -> GridChain:
    chain = GridChain(ZONE_OF)
    chain.parameters = msgspec.structs.replace(
        chain.parameters,
        forwards=forwards,
        orders=OrderLimits(min_wh=1, max_block_traded_wh=MAX_BLOCK_WH, trading_fee_ppm=3_000),
    )
    return chain


def slot_of(chain: GridChain, number: int) -> Slot:
    """Everybody trades the same few slots for two hours, so that contracts wait for a while."""
    start_s = (chain.now_s // (2 * HOUR_S) + 1) * 2 * HOUR_S
    return Slot(start_s, LENGTHS_S[number % len(LENGTHS_S)])


def transaction(chain: GridChain, step: Step) -> CheckedTransaction | None:
    who, slot = PEOPLE[step.who], slot_of(chain, step.slot)
    price = 3_000 + 100 * step.price
    try:
        match step.kind:
            case "read":
                return chain.reading(who, step.amount)
            case "offer":
                return chain.offer(who, step.amount, price, slot, **how(chain, step, slot))
            case "bid":
                terms = how(chain, step, slot)
                return chain.bid(who, step.amount, price + 1_300, slot, **terms)
            case "assign":
                return assignment(chain, step)
            case "amend":
                body = amendment(chain, step)
                return None if body is None else signed(body, who)
    except wallet.InsufficientFunds:
        return None
    if step.kind == "status":
        return chain.status(CALM if step.price else STRAINED)
    # Nothing at all, or far more than anyone here trades.
    megawatts = 0 if step.price < 2 else 30
    return chain.limit(*PAIRS[step.who], megawatts, start_s=slot.start_s, slots=4)


def play(
    chain: GridChain, history: list[tuple[list[Step], int]], books: CutBooks, seen: Counter[str]
) -> None:
    for wanted, spans in history:
        chain.now_s += 600 * spans
        block = tuple(t for step in wanted if (t := transaction(chain, step)))
        outcome = chain.block(*block)
        books.take(outcome, chain.now_s)
        seen["traded"] += len(outcome.forward_trades)
        seen["paid for the way"] += sum(
            each.wheeling is not None and each.wheeling.paid_ugtx > 0
            for each in outcome.forward_trades
        )
        seen["delivered"] += sum(each.delivered_wh > 0 for each in outcome.settlements)
        seen["cut"] += len(outcome.curtailments)
        seen["assigned"] += len(outcome.assignments)


@settings(max_examples=60)
@given(rules, histories)
def test_money_and_energy_are_conserved_over_a_grid(
    forwards: ForwardRules, history: list[tuple[list[Step], int]]
) -> None:
    chain, books = a_chain(forwards), CutBooks()
    money = sum(coin.amount_ugtx for _, coin in chain.all_coins() if isinstance(coin, Cash))
    assert money == chain.supply().gtx_ugtx
    play(chain, history, books, Counter())
    chain.now_s += 4 * HOUR_S + GRACE_S
    books.take(chain.block(), chain.now_s)
    books.check(chain)
    assert not chain.orders.forwards.books


def test_the_histories_reach_what_they_are_about() -> None:
    seen: Counter[str] = Counter()

    def reached() -> bool:
        return all(seen[what] >= 3 for what in ("traded", "paid for the way", "delivered", "cut"))

    @settings(max_examples=200, database=None, derandomize=True)
    @given(rules, histories)
    def draw(forwards: ForwardRules, history: list[tuple[list[Step], int]]) -> None:
        if not reached():
            play(a_chain(forwards), history, CutBooks(), seen)

    draw()
    assert reached(), seen
