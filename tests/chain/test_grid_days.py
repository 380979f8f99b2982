"""The daily report of a chain over a grid: its figures against what the chain's coins say."""

from collections import Counter

from hypothesis import given, settings
from msgspec.structs import replace

from gtxnode.chain.days import Count, DayTotals, day_of
from gtxnode.ledger.authority.decrees import Decreed
from gtxnode.ledger.authority.directives import Directive, Halted
from gtxnode.ledger.authority.halts import OfTrader, StandingHalt
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.delivery.forward_rules import ForwardRules
from gtxnode.ledger.grid.corridors import account_of
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.primitives.zones import Role
from tests.chain.test_audit import AuditedChain
from tests.ledger.forward_chain import ForwardChain
from tests.ledger.grid_chain import GridChain
from tests.ledger.little_chain import FEE, HOUR_S, KWH, START_S, address
from tests.ledger.test_forward_histories import GRACE_S, Step, rules
from tests.ledger.test_grid_forward_histories import ZONE_OF, CutBooks, histories, play


class AuditedForwards(AuditedChain, ForwardChain):
    """Slots, with their trail."""


class AuditedGrid(AuditedChain, GridChain):
    """A grid, with its trail."""


def sums(chain: AuditedChain) -> Counter[str]:
    """The figures of all days, added up."""
    found: Counter[str] = Counter()
    for number in range(day_of(START_S * 1_000), day_of(chain.now_s * 1_000) + 1):
        totals = chain.day(number) or DayTotals(number, chain.supply(), chain.supply())
        for name in totals.__struct_fields__:
            value = getattr(totals, name)
            if isinstance(value, int) and name != "day":
                found[name] += value
    return found


@settings(max_examples=25)
@given(rules, histories)
def test_the_days_of_a_grid_come_to_what_its_coins_say(
    forwards: ForwardRules, history: list[tuple[list[Step], int]]
) -> None:
    chain, books = AuditedGrid(ZONE_OF), CutBooks()
    limits = OrderLimits(min_wh=1, trading_fee_ppm=10_000)
    chain.parameters = replace(chain.parameters, forwards=forwards, orders=limits)
    seen: Counter[str] = Counter()
    play(chain, history, books, seen)
    open_wh = sum(each.open_wh for each in chain.contracts())
    found = sums(chain)
    kept = ("delivered_wh", "short_wh", "curtailed_wh")
    assert found["forward_wh"] == sum(found[name] for name in kept) + open_wh
    chain.now_s += 4 * HOUR_S + GRACE_S
    chain.block()
    found = sums(chain)
    assert found["forward_wh"] == sum(found[name] for name in kept)
    assert found["lost_wh"] == chain.supply().retired_wh == found["retired_wh"]
    assert chain.fund() == found["premiums_ugtx"] - found["compensated_ugtx"]
    accounts = {account_of(chain.parameters, role) for role in Role}
    coins = [coin for _, coin in chain.all_coins() if isinstance(coin, Cash)]
    earned = sum(coin.amount_ugtx for coin in coins if coin.owner in accounts)
    assert found["wires_ugtx"] == earned
    # Of all that is sent here, only handing a contract on pays a fee of its own.
    assert found["fees_ugtx"] == found["trading_fees_ugtx"] + seen["assigned"] * FEE
    assert found["fees_ugtx"] == chain.cash("proposer")


def test_what_nobody_sent_is_counted() -> None:
    """A contract whose grace is over, an order whose time is, a halt of the registry's."""
    chain = AuditedForwards("somchai", "malee")
    chain.accepted(chain.offer("somchai", 2 * KWH, 3_500), chain.bid("malee", KWH, 4_000))
    chain.accepted(chain.buy("malee", KWH, 2_000), chain.buy("somchai", KWH, 2_000))
    before = sums(chain)
    halt = StandingHalt(OfTrader(address("somchai")), Role.ERC, 1, chain.now_s + 9, "a test")
    chain.decreed = Decreed(directives=(Directive(1, 1, Halted(halt)),))
    chain.block()
    chain.decreed = None
    assert sums(chain)["cancelled"] == before["cancelled"] + 2
    today = chain.day(day_of(chain.now_s * 1_000))
    assert today is not None
    assert (today.directives, today.acts) == ((Count("halt", 1),), ())
    chain.block(after_s=3 * 24 * HOUR_S)
    found = sums(chain)
    assert (found["forward_wh"], found["short_wh"]) == (KWH, KWH)
    assert found["short_ugtx"] > found["forward_ugtx"] == 3_500 * KWH
    assert found["expired"] == before["expired"] + 1
