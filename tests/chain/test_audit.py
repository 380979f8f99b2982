"""The trail for regulators: days that come to the chain's totals, every act and violation."""

from collections import Counter
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.types import Header
from gtxnode.chain.audit import Audit, acts_after, day_totals, violations_after
from gtxnode.chain.days import Count, DayTotals, day_of
from gtxnode.ledger.authority.compliance import VIOLATIONS
from gtxnode.ledger.authority.halts import OfMarket
from gtxnode.ledger.authority.mandates import MANDATES
from gtxnode.ledger.bodies import KIND_NAMES, Halt, Lift
from gtxnode.ledger.execute import BlockOutcome
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role
from gtxnode.tariffs.calendar import DAY_S, local_day
from storage.kv import WriteBatch
from storage.memory import MemoryStore
from tests.ledger.little_chain import (
    CHAIN,
    HOUR_S,
    KWH,
    START_S,
    LittleChain,
    address,
    registration,
    signed,
)

NAMES = ("somchai", "malee")
START = (0, 0)


class AuditedChain(LittleChain):
    """A little chain whose blocks leave their trail; `seen` is what it is held against."""

    def __init__(self, *people: Any, **how: Any) -> None:
        self.database = MemoryStore()
        self.audit = Audit(CHAIN, self.database)
        self.seen: list[tuple[int, tuple[CheckedTransaction, ...], BlockOutcome]] = []
        super().__init__(*people, **how)
        self.audit.resume(START_S * 1_000, self.supply())

    def block(self, *transactions: CheckedTransaction, after_s: int = 1) -> BlockOutcome:
        parameters = self.parameters
        outcome = super().block(*transactions, after_s=after_s)
        write = WriteBatch()
        root, now_ms = bytes(32), self.now_s * 1_000
        roots = (root, root, root, root, root, root)
        header = Header(1, CHAIN, self.height, now_ms, *roots, bytes(33))
        self.audit.put(write, header, parameters, transactions, outcome)
        self.database.write(write, sync=False)
        self.seen.append((self.now_s, transactions, outcome))
        return outcome

    def restart(self) -> None:
        self.audit = Audit(CHAIN, self.database)
        self.audit.resume(self.now_s * 1_000, self.supply())

    def day(self, number: int) -> DayTotals | None:
        return day_totals(self.database, number)


@pytest.fixture
def chain() -> AuditedChain:
    return AuditedChain(*NAMES)


def test_a_day_is_bangkoks() -> None:
    midnight_s = START_S + 9 * HOUR_S  # the chain starts at three in the afternoon
    assert day_of(midnight_s * 1_000 - 1) + 1 == day_of(midnight_s * 1_000)
    assert local_day(midnight_s) == date.fromordinal(
        date(1970, 1, 1).toordinal() + day_of(midnight_s * 1_000)
    )


def test_the_worked_example(chain: AuditedChain) -> None:
    """Sell 100 kWh at 3.5, buy 50 at 4.0: 50 kWh are traded for 175 GTX."""
    chain.export("somchai", 100 * KWH)
    chain.accepted(chain.sell("somchai", 100 * KWH, 3_500))
    chain.accepted(chain.buy("malee", 50 * KWH, 4_000))
    totals = chain.day(day_of(START_S * 1_000))
    assert totals is not None
    assert (totals.trades, totals.traded_wh, totals.traded_ugtx) == (1, 50 * KWH, 175_000_000)
    assert totals.minted_wh == totals.closing.minted_wh == 100 * KWH
    assert totals.kinds == (Count("place_buy", 1), Count("place_sell", 1), Count("reading", 1))


def test_a_block_that_does_nothing_leaves_nothing(chain: AuditedChain) -> None:
    chain.block()
    assert not list(chain.database.scan(b"\x00", b"\xff"))


def test_acts_and_violations_are_on_record(chain: AuditedChain) -> None:
    scope = OfMarket()
    until_s, now_ms = chain.now_s + HOUR_S, chain.now_s * 1_000
    acts = [
        signed(Halt(scope, until_s, "a test", now_ms), "EGAT"),
        signed(registration("niran"), "MEA"),
        signed(Lift(scope, now_ms), "ERC"),
    ]
    chain.accepted(*acts[:2])
    attempt = chain.buy("malee", KWH, 3_500)
    assert chain.refused(attempt) is Reason.HALTED
    chain.block(signed(Lift(scope, now_ms), "malee"), acts[2])
    found = [record for _, _, record in acts_after(chain.database, START)]
    assert [(each.kind, each.role) for each in found] == [
        ("halt", Role.EGAT),
        ("register_meter", Role.MEA),
        ("lift", Role.ERC),
    ]
    assert [each.transaction for each in found] == [act.encoded for act in acts]
    held = [
        (h, p, r.rule, r.kind, r.signers) for h, p, r in violations_after(chain.database, START)
    ]
    assert held == [
        (2, 0, "halted", "place_buy", (address("malee"),)),
        (3, 0, "not_authorised", "lift", (address("malee"),)),
    ]
    assert [h for h, _, _ in violations_after(chain.database, (2, 1))] == [3]


steps = st.lists(
    st.tuples(
        st.sampled_from(["sell", "buy", "export", "dear", "halt", "lift", "restart", "wait"]),
        st.sampled_from(NAMES),
        st.integers(1, 12),
    ),
    max_size=30,
)


def sent(chain: AuditedChain, kind: str, name: str, size: int) -> CheckedTransaction | None:
    match kind:
        case "sell" if chain.energy(name) >= size * KWH:
            return chain.sell(name, size * KWH, 3_000 + size)
        case "buy":
            return chain.buy(name, size * KWH, 3_006)
        case "dear":
            return chain.buy(name, KWH, 1_000_000)
        case "halt":
            until_s = chain.now_s + size * HOUR_S
            return signed(Halt(OfMarket(), until_s, "a test", chain.now_s * 1_000), "ERC")
        case "lift":
            return signed(Lift(OfMarket(), chain.now_s * 1_000), "ERC" if size > 3 else name)
    return None


@settings(max_examples=40)
@given(steps)
def test_the_days_come_to_the_chains_totals(history: list[tuple[str, str, int]]) -> None:
    chain = AuditedChain(*NAMES)
    for kind, name, size in history:
        transaction = sent(chain, kind, name, size)
        if kind == "export":
            chain.export(name, size * KWH)
        elif kind == "restart":
            chain.restart()
        elif transaction is not None:
            chain.block(transaction, after_s=size * 600)
        else:
            chain.block(after_s=size * 4 * HOUR_S)
    numbers = range(day_of(START_S * 1_000), day_of(chain.now_s * 1_000) + 1)
    days = [totals for number in numbers if (totals := chain.day(number)) is not None]
    supply = chain.supply()
    assert sum(each.minted_wh for each in days) == supply.minted_wh
    assert sum(each.retired_wh for each in days) == supply.retired_wh
    trades = [trade for _, _, outcome in chain.seen for trade in outcome.trades]
    assert sum(each.trades for each in days) == len(trades)
    assert sum(each.traded_ugtx for each in days) == sum(trade.cost_ugtx for trade in trades)
    for each in days:
        assert each.opening.minted_wh + each.minted_wh == each.closing.minted_wh
        check_day(chain, each)
    for earlier, later in pairwise(days):
        assert earlier.closing == later.opening
    if days:
        assert days[-1].closing == supply


def check_day(chain: AuditedChain, totals: DayTotals) -> None:
    """Against every block of the day, read anew."""
    kinds: Counter[str] = Counter()
    acts: Counter[str] = Counter()
    violations: Counter[str] = Counter()
    for time_s, transactions, outcome in chain.seen:
        if (time_s + 7 * HOUR_S) // DAY_S != totals.day:
            continue
        for transaction, receipt in zip(transactions, outcome.receipts, strict=True):
            name = KIND_NAMES[type(transaction.body)]
            if receipt.ok:
                kinds[name] += 1
                acts[name] += type(transaction.body) in MANDATES
            elif receipt.reason in VIOLATIONS:
                violations[str(receipt.reason)] += 1
    assert {each.name: each.number for each in totals.kinds} == kinds
    assert {each.name: each.number for each in totals.acts} == +acts
    assert {each.name: each.number for each in totals.violations} == violations
    assert totals.transactions == sum(kinds.values())
