"""Directives: what is signed on the registry holds on every chain that follows it, and when."""

from datetime import date
from typing import NamedTuple, TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger.authority.decrees import Decreed
from gtxnode.ledger.authority.directives import MAX_TAKEN, count_of, directives_after
from gtxnode.ledger.authority.halts import (
    MAX_HALTS,
    SPOT,
    Halts,
    OfMarket,
    OfTrader,
    Scope,
    standing_halts,
)
from gtxnode.ledger.authority.tariff_series import all_tariffs
from gtxnode.ledger.bodies import (
    Body,
    GrantLicence,
    Halt,
    Lift,
    ReplaceTariff,
    RevokeLicence,
)
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.market.licence_coins import licences_of
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role, Zone
from gtxnode.tariffs.calendar import DAY_S, midnight_s
from gtxnode.tariffs.tables import FuelSurcharge, Holidays, Tariffs
from tests.ledger.little_chain import (
    CHAIN,
    HOUR_S,
    KWH,
    START_S,
    LittleChain,
    address,
    signed,
)
from tests.ledger.little_registry import LittleRegistry

EVERYTHING = OfMarket()
SOMCHAI = OfTrader(address("somchai"))
SCOPES: tuple[Scope, ...] = (EVERYTHING, OfMarket(Zone.BANGKOK), OfMarket(product=SPOT), SOMCHAI)


class TheRegistry(LittleRegistry):
    """Authorities sign here, one act a block."""

    def __init__(self) -> None:
        super().__init__(("dao",))
        self.issued_ms = START_S * 1_000

    def say(self, body: Body, by: str = "ERC") -> CheckedTransaction:
        self.issued_ms += 1
        dated = msgspec.structs.replace(body, issued_ms=self.issued_ms)
        return signed(dated, by)

    def halt(self, scope: Scope, for_s: int = DAY_S, by: str = "ERC") -> None:
        self.accepted(self.say(Halt(scope, self.now_s + 1 + for_s, "a test", 1), by))

    def lift(self, scope: Scope) -> None:
        self.accepted(self.say(Lift(scope, 1)))

    def grant(self, name: str, kwh: int) -> None:
        body = GrantLicence(1, address(name), kwh * KWH, self.now_s + 100 * DAY_S)
        self.accepted(self.say(body))

    def revoke(self, name: str) -> None:
        self.accepted(self.say(RevokeLicence(1, address(name))))


class Follower(LittleChain):
    """A chain whose blocks name the registry's, late or not."""

    def __init__(self, registry: TheRegistry) -> None:
        super().__init__("somchai", "malee")
        self.registry = registry

    def follow(self, height: int | None = None) -> BlockOutcome:
        """A block that names one of the registry's, its newest if none is said."""
        registry = self.registry
        taken = count_of(CHAIN, CoinView(self.store))
        named = registry.height if height is None else height
        found = directives_after(CHAIN, CoinView(registry.store), taken, named)
        self.decreed = Decreed(directives=found)
        outcome = self.block()
        self.decreed = None
        return outcome


@pytest.fixture
def registry() -> TheRegistry:
    return TheRegistry()


@pytest.fixture
def chain(registry: TheRegistry) -> Follower:
    follower = Follower(registry)
    follower.export("somchai", 20 * KWH)
    return follower


Standing: TypeAlias = list[tuple[Scope, Role, bool]]
Licensed: TypeAlias = list[tuple[int, bool]]


def standing(chain: LittleChain, time_s: int | None = None) -> Standing:
    at_ms = (chain.now_s if time_s is None else time_s) * 1_000
    found = standing_halts(CHAIN, CoinView(chain.store), at_ms)
    return [(halt.scope, halt.role, by_registry) for halt, by_registry in found]


def licensed_wh(chain: LittleChain, name: str) -> Licensed:
    found = licences_of(CHAIN, CoinView(chain.store), address(name))
    return [(licence.max_wh, by_registry) for licence, by_registry in found]


def test_a_halt_on_the_registry_holds_from_the_block_after_the_one_that_names_it(
    registry: TheRegistry, chain: Follower
) -> None:
    registry.halt(EVERYTHING)
    signed_at = registry.height
    registry.block()
    # A reference that lags brings nothing, and the chain goes on.
    chain.follow(signed_at - 1)
    chain.accepted(chain.buy("malee", KWH, 2_000))
    chain.follow(signed_at)
    assert standing(chain) == [(EVERYTHING, Role.ERC, True)]
    assert chain.refused(chain.buy("malee", KWH, 2_000)) is Reason.HALTED
    registry.lift(EVERYTHING)
    assert chain.refused(chain.buy("malee", KWH, 2_000)) is Reason.HALTED
    chain.follow()
    chain.accepted(chain.buy("malee", KWH, 2_000))
    assert standing(chain) == []


def test_it_stops_the_registrys_own_trading_at_once(registry: TheRegistry) -> None:
    registry.halt(EVERYTHING)
    assert standing(registry) == [(EVERYTHING, Role.ERC, True)]
    order = registry.buy("dao's node", KWH, 2_000)
    assert registry.refused(order) is Reason.HALTED


def test_a_halted_traders_orders_end_on_every_chain(registry: TheRegistry, chain: Follower) -> None:
    cash, energy = chain.cash("somchai"), chain.energy("somchai")
    resting = [chain.sell("somchai", 5 * KWH, 3_500), chain.buy("somchai", KWH, 2_000)]
    others = chain.buy("malee", KWH, 1_500)
    chain.accepted(*resting, others)
    registry.halt(SOMCHAI)
    outcome = chain.follow()
    assert sorted(outcome.cancelled) == sorted(order.id for order in resting)
    assert (chain.cash("somchai"), chain.energy("somchai")) == (cash, energy)
    assert chain.order(others) is not None
    assert chain.refused(chain.buy("somchai", KWH, 2_000)) is Reason.HALTED


def test_each_is_lifted_where_it_was_signed(registry: TheRegistry, chain: Follower) -> None:
    registry.halt(EVERYTHING)
    chain.follow()
    issued_ms = chain.now_s * 1_000
    lift = signed(Lift(EVERYTHING, issued_ms), "ERC")
    outcome = chain.block(lift)
    assert outcome.receipts[0].reason is Reason.UNKNOWN_HALT
    assert "registry" in outcome.receipts[0].detail
    # One of the chain's own stands beside it, whoever of the two made it.
    halt = Halt(EVERYTHING, chain.now_s + HOUR_S, "here", issued_ms)
    chain.accepted(signed(halt, "EGAT"))
    assert standing(chain) == [(EVERYTHING, Role.EGAT, False), (EVERYTHING, Role.ERC, True)]
    chain.accepted(lift)
    assert chain.refused(chain.buy("malee", KWH, 2_000)) is Reason.HALTED
    registry.lift(EVERYTHING)
    chain.follow()
    chain.accepted(chain.buy("malee", KWH, 2_000))


def test_what_ended_before_it_arrived_stops_nothing(registry: TheRegistry, chain: Follower) -> None:
    registry.halt(EVERYTHING, for_s=10)
    chain.follow()
    assert standing(chain) == [], "an hour later than on the registry"
    chain.accepted(chain.buy("malee", KWH, 2_000))


def test_a_licence_of_the_registry_counts_beside_the_chains_own(
    registry: TheRegistry, chain: Follower
) -> None:
    large = chain.buy("malee", 1_500 * KWH, 2_000)
    assert chain.refused(large) is Reason.NO_LICENCE
    registry.grant("malee", 1_500)
    chain.follow()
    issued_ms = chain.now_s * 1_000
    own = GrantLicence(issued_ms, address("malee"), 1_200 * KWH, chain.now_s + DAY_S)
    chain.accepted(signed(own, "ERC"))
    assert licensed_wh(chain, "malee") == [(1_200 * KWH, False), (1_500 * KWH, True)]
    assert chain.refused(chain.buy("malee", 1_500 * KWH + 1, 2_000)) is Reason.NO_LICENCE
    chain.accepted(large)
    registry.revoke("malee")
    chain.follow()
    assert chain.refused(chain.buy("malee", 1_300 * KWH, 2_000)) is Reason.NO_LICENCE
    chain.accepted(chain.buy("malee", 1_200 * KWH, 2_000))
    assert registry.refused(registry.say(RevokeLicence(1, address("malee")))) is (
        Reason.UNKNOWN_LICENCE
    )


def test_a_licence_of_the_registry_is_not_revoked_elsewhere(
    registry: TheRegistry, chain: Follower
) -> None:
    registry.grant("malee", 1_500)
    chain.follow()
    outcome = chain.block(signed(RevokeLicence(chain.now_s * 1_000, address("malee")), "ERC"))
    assert outcome.receipts[0].reason is Reason.UNKNOWN_LICENCE
    assert "registry" in outcome.receipts[0].detail


def tariffs(chain: LittleChain) -> Tariffs:
    return all_tariffs(CHAIN, chain.parameters.tariffs, CoinView(chain.store).get)


def surcharge(from_s: int) -> FuelSurcharge:
    return FuelSurcharge(from_s=from_s, source="ERC", ft_uthb_per_kwh=1)


def test_a_table_reaches_every_chain_and_changes_nothing_that_is_over(
    registry: TheRegistry, chain: Follower
) -> None:
    early, late = registry.now_s + HOUR_S // 2, registry.now_s + 9 * HOUR_S
    for from_s in (early, late):
        registry.accepted(registry.say(ReplaceTariff(1, surcharge(from_s))))
    before = tariffs(chain).at(FuelSurcharge, early)
    chain.follow()
    # The chain's time was past the first one's already: that one holds from its arrival on.
    assert early < chain.now_s < late
    assert tariffs(chain).at(FuelSurcharge, chain.now_s) == before
    assert tariffs(chain).at(FuelSurcharge, chain.now_s + 1).from_s == chain.now_s + 1
    assert tariffs(chain).at(FuelSurcharge, late) == surcharge(late)


def test_a_calendar_that_arrives_late_leaves_the_days_that_have_begun(
    registry: TheRegistry, chain: Follower
) -> None:
    known = tariffs(chain).holidays
    passed, ahead = date(2027, 1, 16), date(2027, 1, 20)
    assert registry.now_s < midnight_s(passed)
    assert not {passed, ahead} & known
    days = tuple(sorted({day for day in known if day.year == 2027} | {passed, ahead}))
    calendar = Holidays(from_s=registry.now_s + 9, source="ERC", year=2027, days=days)
    registry.accepted(registry.say(ReplaceTariff(1, calendar)))
    chain.block(after_s=midnight_s(passed) + HOUR_S - chain.now_s)
    chain.follow()
    assert tariffs(chain).holidays == known | {ahead}


def test_a_block_takes_so_many_and_the_next_the_rest(
    registry: TheRegistry, chain: Follower
) -> None:
    for number in range(MAX_TAKEN // 2 + 1):
        registry.halt(OfTrader(number.to_bytes(20, "big")))
        registry.lift(OfTrader(number.to_bytes(20, "big")))
    chain.follow()
    assert count_of(CHAIN, CoinView(chain.store)) == MAX_TAKEN
    chain.follow()
    assert count_of(CHAIN, CoinView(chain.store)) == MAX_TAKEN + 2 == registry_count(registry)


def test_where_the_registrys_time_is_ahead_a_chain_has_no_more_halts_than_it(
    registry: TheRegistry, chain: Follower
) -> None:
    ends_s = chain.now_s + DAY_S
    halts = [
        registry.say(Halt(OfTrader(number.to_bytes(20, "big")), ends_s + number, "a test", 1))
        for number in range(MAX_HALTS)
    ]
    registry.accepted(*halts)
    registry.block(after_s=ends_s - registry.now_s)
    registry.halt(SOMCHAI)
    while count_of(CHAIN, CoinView(chain.store)) < MAX_HALTS + 1:
        chain.follow()
    found = [scope for scope, *_ in standing(chain)]
    assert len(found) == MAX_HALTS
    assert OfTrader(bytes(20)) not in found
    assert SOMCHAI in found


def registry_count(registry: TheRegistry) -> int:
    return count_of(CHAIN, CoinView(registry.store))


class Said(NamedTuple):
    """One act on the registry, and how far the two followers lag behind it afterwards."""

    what: int
    whom: int
    lags: tuple[int, int]


saids = st.lists(
    st.builds(Said, st.integers(0, 3), st.integers(0, 3), st.tuples(*[st.integers(0, 4)] * 2)),
    max_size=12,
)


@settings(max_examples=20)
@given(saids)
def test_followers_have_what_the_registry_had_where_they_name_it(history: list[Said]) -> None:
    """Held against what stood on the registry at each of its blocks."""
    registry = TheRegistry()
    followers = Follower(registry), Follower(registry)
    stood: dict[int, tuple[Standing, Licensed]] = {}
    named = [0, 0]
    for said in history:
        act(registry, said)
        stood[registry.height] = (standing(registry), licensed_wh(registry, "malee"))
        for place, chain in enumerate(followers):
            named[place] = max(named[place], registry.height - said.lags[place])
            chain.follow(named[place])
            expected = stood.get(named[place], ([], []))
            assert (standing(chain, START_S), licensed_wh(chain, "malee")) == expected
    for chain in followers:
        chain.follow()
        assert standing(chain, START_S) == standing(registry)
        coin = [coin for _, coin in chain.all_coins() if isinstance(coin, Halts)]
        assert len(coin) <= 1


def act(registry: TheRegistry, said: Said) -> None:
    scope, name = SCOPES[said.whom], "malee"
    body: Body
    match said.what:
        case 0:
            body = Halt(scope, registry.now_s + DAY_S, "a test", 1)
        case 1:
            body = Lift(scope, 1)
        case 2:
            body = GrantLicence(1, address(name), (said.whom + 1) * KWH, registry.now_s + DAY_S)
        case _:
            body = RevokeLicence(1, address(name))
    registry.block(registry.say(body), after_s=1)
