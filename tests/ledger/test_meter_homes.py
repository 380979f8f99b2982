"""One key's energy is minted on one chain, whatever a utility registers and however chains lag."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger.bodies import HomeMeter, RegisterMeter, RotateMeterKey
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.coins import Coin, meter_coin_id
from gtxnode.ledger.metering.meter_home_coins import HomesAt, MeterHome, meter_home_coin_id
from gtxnode.metering.meters import KeyCurve, Meter, Reading, RecordKey
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Shard
from tests.ledger.little_chain import (
    CHAIN,
    HOUR_S,
    KWH,
    START_S,
    LittleChain,
    meter_of,
    public_key,
    registration,
    signed,
)
from tests.ledger.little_registry import LittleRegistry

HERE, THERE = Shard.GEO_BANGKOK, Shard.FUNC_ENERGYTRADING
SHARDS = (HERE, THERE)
FOREIGN = RecordKey(KeyCurve.SECP256R1, b"\x04" + b"\x05" * 64, "1EMH0001", "T")


class Network:
    """A registry, and two chains whose zones overlap. All have one chain id, so that what is
    signed on the one is as good on the other: nothing but the registry keeps them apart."""

    def __init__(self) -> None:
        self.registry = LittleRegistry(("dao",))
        self.chains = {shard: LittleChain("somchai", registrations=()) for shard in SHARDS}
        for shard in SHARDS:
            self.follow(shard, 0)

    def follow(self, shard: Shard, height: int | None = None) -> None:
        """The chain's blocks name one of the registry's from now on, its newest if none is said."""
        named = self.registry.height if height is None else height
        self.chains[shard].homes = HomesAt(CHAIN, CoinView(self.registry.store), named, shard)

    def home(self, name: str, shard: Shard) -> Reason | None:
        body = HomeMeter(meter_of(name), public_key(f"{name}'s meter"), shard)
        return self.registry.block(signed(body, "MEA")).receipts[0].reason

    def register(self, name: str, shard: Shard) -> Reason | None:
        chain = self.chains[shard]
        body = registration(name, installed_s=START_S)
        return chain.block(signed(body, "MEA")).receipts[0].reason


@pytest.fixture
def network() -> Network:
    return Network()


def test_a_key_counts_where_the_registry_has_it_and_nowhere_else(network: Network) -> None:
    assert network.register("malee", HERE) is Reason.NO_HOME
    assert network.home("malee", HERE) is None
    assert network.register("malee", HERE) is Reason.NO_HOME, "its headers do not name that yet"
    network.follow(HERE)
    network.follow(THERE)
    assert network.register("malee", HERE) is None
    assert network.register("malee", THERE) is Reason.NO_HOME


def test_a_home_is_given_once_by_a_utility_on_the_registry(network: Network) -> None:
    body = HomeMeter(meter_of("malee"), public_key("malee's meter"), HERE)
    assert network.registry.refused(signed(body, "EGAT")) is Reason.NOT_AUTHORISED
    assert network.registry.refused(signed(body, "malee's meter")) is Reason.NOT_AUTHORISED
    assert network.chains[HERE].refused(signed(body, "MEA")) is Reason.NOT_REGISTRY
    network.registry.accepted(signed(body, "PEA"))
    found = network.registry.coin(meter_home_coin_id(CHAIN, body.public_key))
    assert found == MeterHome(body.meter, HERE, network.registry.height)
    assert network.home("malee", THERE) is Reason.HOME_TAKEN
    assert network.home("malee", HERE) is Reason.HOME_TAKEN


def test_a_key_is_one_meters(network: Network) -> None:
    network.home("malee", HERE)
    network.follow(HERE)
    body = registration("niran", public_key=public_key("malee's meter"))
    assert network.chains[HERE].refused(signed(body, "MEA")) is Reason.KEY_IN_USE
    assert network.register("malee", HERE) is None
    assert network.chains[HERE].refused(signed(body, "MEA")) is Reason.KEY_IN_USE


def test_a_foreign_key_has_one_home_whichever_of_its_counts_is_read(network: Network) -> None:
    network.registry.accepted(signed(HomeMeter(meter_of("malee"), FOREIGN, HERE), "MEA"))
    other = RecordKey(FOREIGN.curve, FOREIGN.point, FOREIGN.serial, "F")
    again = HomeMeter(meter_of("niran"), other, THERE)
    assert network.registry.refused(signed(again, "MEA")) is Reason.HOME_TAKEN
    for shard in SHARDS:
        network.follow(shard)
    body = registration("malee", public_key=FOREIGN)
    assert network.chains[THERE].refused(signed(body, "MEA")) is Reason.NO_HOME
    network.chains[HERE].accepted(signed(body, "MEA"))


def test_a_new_key_needs_a_home_here_too(network: Network) -> None:
    network.home("malee", HERE)
    network.home("niran", THERE)
    network.follow(HERE)
    assert network.register("malee", HERE) is None
    stolen = RotateMeterKey(meter_of("malee"), 1, public_key("niran's meter"))
    by_both = signed(stolen, "MEA", "niran's meter")
    assert network.chains[HERE].refused(by_both) is Reason.NO_HOME
    fresh = RotateMeterKey(meter_of("malee"), 1, public_key("new"))
    by_both = signed(fresh, "MEA", "new")
    assert network.chains[HERE].refused(by_both) is Reason.NO_HOME
    home = HomeMeter(meter_of("malee"), public_key("new"), HERE)
    network.registry.accepted(signed(home, "MEA"))
    network.follow(HERE)
    network.chains[HERE].accepted(by_both)


def test_without_a_registry_a_meter_needs_no_home() -> None:
    chain = LittleChain("somchai", registrations=())
    chain.accepted(signed(registration("somchai"), "MEA"))


class Attempt(NamedTuple):
    """Something that somebody tries, on one of the chains."""

    kind: str
    name: str
    shard: Shard
    lag: int


attempts = st.lists(
    st.builds(
        Attempt,
        st.sampled_from(["home", "register", "register", "follow", "follow", "read", "read"]),
        st.sampled_from(["malee", "niran"]),
        st.sampled_from(SHARDS),
        st.integers(0, 4),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(attempts)
def test_no_key_mints_on_two_chains(tried: list[Attempt]) -> None:
    """The meters run on, each signing one reading after the other; every reading goes to both."""
    network, exported = Network(), dict.fromkeys(("malee", "niran"), 0)
    for attempt in tried:
        match attempt.kind:
            case "home":
                network.home(attempt.name, attempt.shard)
            case "register":
                network.register(attempt.name, attempt.shard)
            case "follow":
                # Headers never go back to an earlier block of the registry.
                homes = network.chains[attempt.shard].homes
                assert isinstance(homes, HomesAt)
                named = max(homes.height, network.registry.height - attempt.lag)
                network.follow(attempt.shard, named)
            case "read":
                exported[attempt.name] += KWH
                for chain in network.chains.values():
                    chain.block(after_s=HOUR_S)
                    reading = next_reading(chain, attempt.name, exported[attempt.name])
                    if reading is not None:
                        chain.block(signed(reading, f"{attempt.name}'s meter"))
    for name, total_wh in exported.items():
        registered = [
            chain.coin(meter_coin_id(CHAIN, meter_of(name))) for chain in network.chains.values()
        ]
        assert sum(isinstance(coin, Meter) for coin in registered) <= 1
        minted = sum(minted_wh(coin) for coin in registered)
        assert minted <= total_wh
    metered_wh = sum(chain.supply().minted_wh for chain in network.chains.values())
    assert metered_wh <= sum(exported.values())


def next_reading(chain: LittleChain, name: str, export_wh: int) -> Reading | None:
    meter = chain.coin(meter_coin_id(CHAIN, meter_of(name)))
    if not isinstance(meter, Meter):
        return None
    counter = meter.counter + 1
    times = (meter.end_s, max(chain.now_s, meter.end_s + 1))
    return Reading(meter.meter, counter, meter.counter, *times, 0, export_wh)


def minted_wh(coin: Coin | None) -> int:
    return coin.export_wh if isinstance(coin, Meter) else 0


def test_it_is_the_check_that_keeps_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the same energy is minted twice: what the property holds can be broken."""
    monkeypatch.setattr("gtxnode.ledger.metering.meters.check_home", lambda *_: None)
    network = Network()
    body = registration("malee")
    assert isinstance(body, RegisterMeter)
    for chain in network.chains.values():
        chain.accepted(signed(body, "MEA"))
        chain.export("malee", KWH)
    assert sum(chain.supply().minted_wh for chain in network.chains.values()) == 2 * KWH
