"""The genesis: one canonical form, one id per chain, and a named error for everything else."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import signing
from consensus.validators import ValidatorSet
from gtxnode.genesis import (
    Allocation,
    Genesis,
    GenesisFault,
    GenesisValidator,
    InvalidGenesis,
    arranged,
    chain_id,
    check,
    genesis_id,
    is_public_key,
    new_genesis,
)
from gtxnode.genesis_file import format_genesis, parse_genesis, read_genesis
from gtxnode.ledger.parameters import StakingRules
from gtxnode.ledger.registry.validators import Serving
from gtxnode.primitives.addresses import address_of, format_address
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import REGISTRY, Role, Shard, Zone

KEYS = [signing.public_key(bytes([number]) * 32) for number in range(1, 9)]
NINE_KEYS = [signing.public_key(bytes([number]) * 32) for number in range(11, 20)]
ALICE = address_of(KEYS[6])
BOB = address_of(KEYS[7])
VECTOR = "83c3df2e5985a6cc66b7860469fe0baec71e11412fe984da508c62b9890c24a8"

Change = Callable[[dict[str, Any]], object]


def sample() -> Genesis:
    return new_genesis(
        network="gtx-test",
        time_ms=1_767_225_600_000,
        shards=[Shard.GEO_NORTHERN, Shard.GEO_BANGKOK],
        validators=[
            GenesisValidator("bravo", KEYS[1], 200, Zone.NORTHERN),
            GenesisValidator("alpha", KEYS[0], 100, Zone.BANGKOK),
        ],
        authorities={Role.ERC: (KEYS[5],), Role.MEA: (KEYS[3], KEYS[4]), Role.EGAT: (KEYS[2],)},
        allocations=[
            Allocation(Shard.GEO_NORTHERN, BOB, 7),
            Allocation(Shard.GEO_BANGKOK, ALICE, 5_000_000),
        ],
    )


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(format_genesis(sample()))
    return found


def refusal(text: bytes) -> InvalidGenesis:
    with pytest.raises(InvalidGenesis) as caught:
        parse_genesis(text)
    return caught.value


def test_what_is_written_is_read_back_the_same() -> None:
    assert parse_genesis(format_genesis(sample())) == sample()


def test_the_order_in_the_file_does_not_matter() -> None:
    def reversed_order(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reversed_order(inner) for key, inner in reversed(value.items())}
        return value

    assert parse_genesis(json.dumps(reversed_order(document())).encode()) == sample()


def test_ids_differ_by_chain_and_by_every_field() -> None:
    ids = {genesis_id(sample(), shard) for shard in (Shard.GEO_BANGKOK, Shard.GEO_NORTHERN)}
    for change in (
        {"network": "gtx-other"},
        {"time_ms": 1},
        {"parameters": msgspec.structs.replace(sample().parameters, min_fee_ugtx=2)},
        {"allocations": ()},
        {"authorities": ()},
    ):
        changed = msgspec.structs.replace(sample(), **change)
        ids |= {genesis_id(changed, shard) for shard in (Shard.GEO_BANGKOK, Shard.GEO_NORTHERN)}
    assert len(ids) == 12


def test_the_id_is_the_published_one() -> None:
    # A vector: it changes only with the format, and then every network's ids change.
    assert chain_id("gtx-test", Shard.GEO_BANGKOK) == "gtx-test/geo_bangkok"
    assert genesis_id(sample(), Shard.GEO_BANGKOK).hex() == VECTOR


def test_a_shard_gets_its_zones_authorities_and_validators() -> None:
    parameters = sample().chain_parameters(Shard.GEO_NORTHERN)
    assert parameters.zones == (Zone.NORTHERN,)
    assert parameters.keys_of(frozenset({Role.MEA})) == {KEYS[3], KEYS[4]}
    validators = sample().validator_set(Shard.GEO_BANGKOK)
    assert validators.total_stake == 300
    assert validators.stake_of(KEYS[1]) == 200
    assert sample().allocations_on(Shard.GEO_BANGKOK) == (
        Allocation(Shard.GEO_BANGKOK, ALICE, 5_000_000),
    )
    with pytest.raises(KeyError):
        sample().shard(Shard.GEO_EASTERN)


def test_whoever_votes_on_some_chains_only_has_its_stake_on_the_registry() -> None:
    plain = sample()
    bangkok, northern = plain.shards
    registry = msgspec.structs.replace(northern, id=REGISTRY)
    partly = msgspec.structs.replace(bangkok, validators=("alpha",))
    governed = arranged(msgspec.structs.replace(plain, shards=(partly, northern, registry)))
    assert governed.serving() == (Serving(KEYS[1], (REGISTRY, Shard.GEO_NORTHERN)),)
    assert plain.serving() == ()
    stakeless = msgspec.structs.replace(registry, validators=("bravo",))
    with pytest.raises(InvalidGenesis) as refused:
        arranged(msgspec.structs.replace(plain, shards=(partly, stakeless), allocations=()))
    assert refused.value.code is GenesisFault.UNKNOWN_VALIDATOR
    assert refused.value.path == "shards.geo_bangkok.validators"


def test_the_registry_holds_the_stakes_beside_the_money() -> None:
    governed = msgspec.structs.replace(
        sample(), shards=(msgspec.structs.replace(sample().shards[0], id=REGISTRY),), allocations=()
    )
    check(governed)
    assert governed.chain_parameters(REGISTRY).registry
    start = StakingRules().reputation.start
    assert governed.stakes_on(REGISTRY) == ValidatorSet(
        msgspec.structs.replace(each, reputation=start) for each in governed.validator_set(REGISTRY)
    )
    assert not sample().chain_parameters(Shard.GEO_BANGKOK).registry
    assert sample().stakes_on(Shard.GEO_BANGKOK) is None

    staking = StakingRules(max_validators=1)
    parameters = msgspec.structs.replace(governed.parameters, staking=staking)
    with pytest.raises(InvalidGenesis) as crowded:
        check(msgspec.structs.replace(governed, parameters=parameters))
    assert (crowded.value.code, crowded.value.path) == (
        GenesisFault.TOO_MUCH,
        f"shards.{REGISTRY}.validators",
    )
    rich = (Allocation(REGISTRY, ALICE, MAX_AMOUNT),)
    with pytest.raises(InvalidGenesis) as drowned:
        check(msgspec.structs.replace(governed, allocations=rich))
    assert drowned.value.code is GenesisFault.TOO_MUCH


def _validators(names: list[str]) -> Change:
    return lambda doc: doc["shards"]["geo_bangkok"].update(validators=names)


WRONG: list[tuple[Change, GenesisFault, str]] = [
    (lambda d: d.update(extra=1), GenesisFault.UNKNOWN_KEY, "extra"),
    (lambda d: d.pop("network"), GenesisFault.BAD_VALUE, "network"),
    (lambda d: d.update(version=2), GenesisFault.BAD_VALUE, "version"),
    (lambda d: d.update(network="A/b"), GenesisFault.BAD_VALUE, "network"),
    (lambda d: d.update(time_ms=-1), GenesisFault.BAD_VALUE, ""),
    (lambda d: d.update(time_ms=-(2**63) - 1), GenesisFault.BAD_VALUE, ""),
    (lambda d: d.update(shards={}), GenesisFault.EMPTY, "shards"),
    (lambda d: d.update(validators={}), GenesisFault.EMPTY, "validators"),
    (
        lambda d: d["shards"].update(geo_moon=d["shards"]["geo_bangkok"]),
        GenesisFault.UNKNOWN_SHARD,
        "shards.geo_moon",
    ),
    (
        lambda d: d["shards"]["geo_bangkok"].update(block_interval_ms=1),
        GenesisFault.BAD_VALUE,
        "shards.geo_bangkok.block_interval_ms",
    ),
    (
        lambda d: d["shards"]["geo_bangkok"]["timeouts"].update(propse_ms=1),
        GenesisFault.UNKNOWN_KEY,
        "shards.geo_bangkok.timeouts.propse_ms",
    ),
    (_validators([]), GenesisFault.EMPTY, "shards.geo_bangkok.validators"),
    (_validators(["ghost"]), GenesisFault.UNKNOWN_VALIDATOR, "shards.geo_bangkok.validators"),
    (_validators(["alpha", "alpha"]), GenesisFault.DUPLICATE, "shards.geo_bangkok.validators"),
    (
        lambda d: d["validators"]["alpha"].update(public_key="zz"),
        GenesisFault.BAD_KEY,
        "validators.alpha.public_key",
    ),
    (
        # No point has this x: x³ + 7 is no square.
        lambda d: d["validators"]["alpha"].update(public_key="02" + "00" * 31 + "05"),
        GenesisFault.BAD_KEY,
        "validators.alpha.public_key",
    ),
    (
        lambda d: d["validators"]["bravo"].update(public_key=KEYS[0].hex()),
        GenesisFault.DUPLICATE,
        "validators.bravo.public_key",
    ),
    (
        lambda d: d["validators"]["alpha"].update(stake=0),
        GenesisFault.BAD_VALUE,
        "validators.alpha.stake",
    ),
    (
        lambda d: d["validators"]["alpha"].update(region="moon"),
        GenesisFault.BAD_VALUE,
        "validators.alpha.region",
    ),
    (
        lambda d: d["authorities"].update(NASA={"public_keys": []}),
        GenesisFault.UNKNOWN_KEY,
        "authorities.NASA",
    ),
    (
        lambda d: d["authorities"]["EGAT"].update(public_keys=[]),
        GenesisFault.EMPTY,
        "authorities.EGAT.public_keys",
    ),
    (
        lambda d: d["authorities"]["EGAT"].update(public_keys=[KEYS[5].hex()]),
        GenesisFault.DUPLICATE,
        "authorities.ERC.public_keys[0]",
    ),
    (
        lambda d: d["authorities"]["EGAT"].update(public_keys=[key.hex() for key in NINE_KEYS]),
        GenesisFault.TOO_MUCH,
        "authorities.EGAT.public_keys",
    ),
    (
        lambda d: d["parameters"]["checkpoints"].update(threshold=1),
        GenesisFault.BAD_VALUE,
        "parameters.checkpoints.threshold",
    ),
    (
        lambda d: d["parameters"]["checkpoints"].update(interval_blocks=0),
        GenesisFault.BAD_VALUE,
        "parameters.checkpoints.interval_blocks",
    ),
    (
        lambda d: d["allocations"].update(geo_eastern={format_address(BOB): "1"}),
        GenesisFault.UNKNOWN_SHARD,
        "allocations.geo_eastern",
    ),
    (
        lambda d: d["allocations"]["geo_bangkok"].update(gtx1nobody="1"),
        GenesisFault.BAD_ADDRESS,
        "allocations.geo_bangkok.gtx1nobody",
    ),
    (
        lambda d: d["allocations"]["geo_bangkok"].update({format_address(BOB): 1}),
        GenesisFault.BAD_VALUE,
        f"allocations.geo_bangkok.{format_address(BOB)}",
    ),
    (
        lambda d: d["allocations"]["geo_bangkok"].update({format_address(BOB): "1.5"}),
        GenesisFault.BAD_VALUE,
        f"allocations.geo_bangkok.{format_address(BOB)}",
    ),
    (
        lambda d: d["allocations"]["geo_bangkok"].update({format_address(ALICE): str(MAX_AMOUNT)}),
        GenesisFault.TOO_MUCH,
        f"allocations.geo_northern.{format_address(BOB)}",
    ),
    (lambda d: d["parameters"].update(zones=[1]), GenesisFault.UNKNOWN_KEY, "parameters.zones"),
    (
        lambda d: d["parameters"]["orders"].update(min_wh="a"),
        GenesisFault.BAD_VALUE,
        "parameters.orders.min_wh",
    ),
]


@pytest.mark.parametrize(
    ("change", "fault", "path"), WRONG, ids=[f"{fault}-{path[:60]}" for _, fault, path in WRONG]
)
def test_an_error_names_the_key(change: Change, fault: GenesisFault, path: str) -> None:
    changed = document()
    change(changed)
    error = refusal(json.dumps(changed).encode())
    assert (error.code, error.path) == (fault, path)
    assert error.reason


def test_a_key_that_stands_twice_is_refused() -> None:
    text = format_genesis(sample()).replace(b'"network"', b'"version": 1, "network"')
    assert refusal(text).code == GenesisFault.DUPLICATE


def test_two_allocations_to_one_address_are_refused() -> None:
    twice = (*sample().allocations, Allocation(Shard.GEO_BANGKOK, ALICE, 1))
    with pytest.raises(InvalidGenesis) as caught:
        arranged(msgspec.structs.replace(sample(), allocations=twice))
    assert caught.value.code == GenesisFault.DUPLICATE


def test_a_missing_file_is_named(tmp_path: Any) -> None:
    with pytest.raises(InvalidGenesis) as caught:
        read_genesis(tmp_path / "genesis.json")
    assert caught.value.code == GenesisFault.UNREADABLE
    assert str(tmp_path) in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_refused_by_name(data: bytes) -> None:
    refusal(data)


@given(st.data(), json_values)
def test_a_genesis_with_garbage_in_it_is_read_or_refused_by_name(
    data: st.DataObject, garbage: Any
) -> None:
    changed = document()
    place: Any = changed
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = garbage
    with suppress(InvalidGenesis):
        found = parse_genesis(json.dumps(changed).encode())
        assert parse_genesis(format_genesis(found)) == found


@given(st.binary(min_size=33, max_size=33) | st.sampled_from(KEYS))
def test_a_public_key_is_what_the_curve_says(key: bytes) -> None:
    from coincurve import PublicKey

    try:
        PublicKey(key)
    except ValueError:
        assert not is_public_key(key)
    else:
        assert is_public_key(key)


def test_the_deepest_nesting_is_refused_by_name() -> None:
    assert refusal(b"[" * 100_000).code == GenesisFault.MALFORMED
