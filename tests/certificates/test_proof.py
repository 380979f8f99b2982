"""Every retirement proves to whoever has the genesis alone, and no changed proof proves a thing."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from consensus import merkle
from consensus.types import header_codec
from consensus.validators import Validator, ValidatorSet
from gtxnode.certificates.proof import (
    ByAuthorities,
    ByValidators,
    Fault,
    InvalidCertificate,
    RetirementProof,
    check_certificate,
    final_state,
)
from gtxnode.certificates.prove import By, NotProvable
from gtxnode.chain.retirements import NotKept
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.energy.retirement_coins import RetirementLog
from gtxnode.ledger.genesis import initial_coins
from gtxnode.rpc.errors import ErrorCode, NotFound, RpcFailure
from gtxnode.views.certificates import CertificatesView
from storage.kv import KeyValue, WriteBatch
from tests.certificates.chain import INTERVAL, PEOPLE, SigningTown, checked
from tests.ledger.little_chain import CHAIN, address, meter_of, public_key
from tests.views.town import VALIDATORS

blocks = st.lists(st.lists(st.sampled_from(PEOPLE), unique=True), min_size=1, max_size=14)


@settings(max_examples=25)
@given(blocks, st.integers(1, 3))
def test_every_retirement_proves_in_every_history(history: list[list[str]], idle: int) -> None:
    town, sent = SigningTown(), dict[bytes, tuple[int, str, bool]]()
    for number, names in enumerate(history):
        covers = number % 2 == 1
        retired = [town.cover(name, 50) if covers else town.retire(name, 50) for name in names]
        town.accepted(*retired)
        height = town.store.tip.height
        sent |= {each.id: (height, name, covers) for each, name in zip(retired, names, strict=True)}
    for _ in range(idle):
        town.block()
    anchored = town.store.tip.height // INTERVAL * INTERVAL
    for identity, (height, name, covers) in sent.items():
        ways = {By.VALIDATORS, By.AUTHORITIES} if height <= anchored else {By.VALIDATORS}
        for by in ways:
            entry = checked(town, town.prove(identity, by))
            assert (entry.transaction, entry.height) == (identity, height)
            assert (entry.consumer, entry.meter) == (
                address(name),
                meter_of(name) if covers else None,
            )
            (lot,) = entry.lots
            assert (lot.amount_wh, lot.origin.meter) == (50, meter_of(name))
            assert entry.credits_mgco2e == (50 * 500,)
        first_way = ByAuthorities if By.AUTHORITIES in ways else ByValidators
        assert isinstance(town.prove(identity).finality, first_way)


@pytest.fixture(scope="module")
def proofs() -> dict[By, RetirementProof]:
    town = SigningTown()
    for name in PEOPLE:
        town.accepted(town.retire(name, 10))
    while town.store.tip.height % INTERVAL != 1:
        town.block()
    last = town.retire("malee", 500)
    town.accepted(last)
    town.accepted(town.retire("niran", 20))
    for _ in range(INTERVAL):
        town.block()
    return {by: town.prove(last.id, by) for by in By}


def flips(proof: RetirementProof) -> Iterator[tuple[str, RetirementProof]]:
    """The proof with each of its bytes and numbers changed, by the part that is."""
    for part in ("entry", "log"):
        for changed in flipped(getattr(proof, part)):
            yield part, replace(proof, **{part: changed})
    for part in ("log_path", "state_path"):
        path: merkle.Proof = getattr(proof, part)
        for number in ("index", "total"):
            for more in (-1, 1):
                yield part, replace(proof, **{part: moved(path, number, more)})
        for place, node in enumerate(path.path):
            for changed in flipped(node):
                nodes = (*path.path[:place], changed, *path.path[place + 1 :])
                yield part, replace(proof, **{part: replace(path, path=nodes)})
        yield part, replace(proof, **{part: replace(path, path=path.path[:-1])})
        yield part, replace(proof, **{part: replace(path, path=(*path.path, bytes(32)))})
    for part in proof.finality.__struct_fields__:
        for changed in flipped(getattr(proof.finality, part)):
            yield part, replace(proof, finality=replace(proof.finality, **{part: changed}))


def moved(path: merkle.Proof, number: str, more: int) -> merkle.Proof:
    return replace(path, **{number: getattr(path, number) + more})


def flipped(data: bytes) -> Iterator[bytes]:
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        yield bytes(changed)


@pytest.mark.parametrize("by", list(By))
def test_a_proof_with_any_byte_changed_fails_by_name(
    proofs: dict[By, RetirementProof], by: By
) -> None:
    town = SigningTown(signs=False)
    assert checked(town, proofs[by]).consumer == address("malee")
    seen, tried = set[tuple[str, Fault]](), 0
    for part, changed in flips(proofs[by]):
        with pytest.raises(InvalidCertificate) as caught:
            checked(town, changed)
        seen.add((part, caught.value.code))
        tried += 1
    assert tried > 500
    assert {part for part, _ in seen} == {
        "entry",
        "log",
        "log_path",
        "state_path",
        *proofs[by].finality.__struct_fields__,
    }
    own = Fault.NOT_FINAL if by is By.VALIDATORS else Fault.NOT_ANCHORED
    assert {("entry", Fault.NOT_IN_LOG), ("log_path", Fault.NOT_IN_LOG)} <= seen
    assert {("log", Fault.NOT_IN_STATE), ("state_path", Fault.NOT_IN_STATE)} <= seen
    assert {code for part, code in seen if part in proofs[by].finality.__struct_fields__} <= {
        own,
        Fault.UNREADABLE,
    }


def test_it_is_proved_to_who_knows_the_keys_and_of_its_chain_alone(
    proofs: dict[By, RetirementProof],
) -> None:
    town = SigningTown(signs=False)
    strangers = ValidatorSet([Validator(public_key("nobody"), 1)])
    by_validators, by_authorities = proofs[By.VALIDATORS], proofs[By.AUTHORITIES]
    with pytest.raises(InvalidCertificate, match="commit"):
        final_state(CHAIN, by_validators.finality, strangers, town.founders)
    with pytest.raises(InvalidCertificate, match="no authorities"):
        final_state(CHAIN, by_authorities.finality, VALIDATORS, None)
    for proof in proofs.values():
        with pytest.raises(InvalidCertificate, match="another"):
            final_state("another", proof.finality, VALIDATORS, town.founders)
        state = final_state(CHAIN, proof.finality, VALIDATORS, town.founders)
        with pytest.raises(InvalidCertificate, match="state_path"):
            check_certificate("another", state.root, proof)
    # What is in another state's log is not in this one's.
    state = final_state(CHAIN, by_validators.finality, VALIDATORS, town.founders)
    with pytest.raises(InvalidCertificate, match="state_path"):
        check_certificate(CHAIN, state.root, by_authorities)


def test_it_is_provable_with_the_next_block_and_anchored_with_the_next_checkpoint() -> None:
    town = SigningTown()
    retired = town.retire("malee", 10)
    town.accepted(retired)
    height = town.store.tip.height
    with pytest.raises(NotProvable, match=f"block {height + 1}"):
        town.prove(retired.id)
    town.block()
    proof = town.prove(retired.id)
    assert isinstance(proof.finality, ByValidators)
    assert header_codec.decode(proof.finality.header).height == height + 1
    with pytest.raises(NotProvable, match="no checkpoint"):
        town.prove(retired.id, By.AUTHORITIES)
    while town.store.tip.height % INTERVAL:
        town.block()
    assert isinstance(town.prove(retired.id).finality, ByAuthorities)
    later = town.retire("malee", 10)
    town.accepted(later)
    town.block()
    assert isinstance(town.prove(later.id).finality, ByValidators)
    with pytest.raises(NotProvable, match=f"newest checkpoint is {INTERVAL}"):
        town.prove(later.id, By.AUTHORITIES)


def test_a_node_that_starts_anew_proves_the_same(proofs: dict[By, RetirementProof]) -> None:
    town = SigningTown()
    first, second = town.retire("malee", 10), town.retire("somchai", 10)
    town.accepted(first)
    town.accepted(second)
    town.block()
    before = [town.prove(each.id) for each in (first, second)]
    tip, parameters = town.store.tip, town.store.parameters
    town.store = ChainStore.on(
        town.store.database, CHAIN, bytes(32), 0, parameters, initial_coins(CHAIN, [], [])
    )
    assert town.store.tip == tip
    assert [town.prove(each.id) for each in (first, second)] == before
    log = decode_coin(before[1].log)
    assert isinstance(log, RetirementLog)
    assert log.total == 2
    third = town.retire("niran", 10)
    town.accepted(third)
    town.block()
    assert checked(town, town.prove(third.id)).consumer == address("niran")


def test_what_a_node_has_not_kept_is_named() -> None:
    town = SigningTown(signs=False)
    first, second = town.retire("malee", 10), town.retire("somchai", 10)
    town.accepted(first)
    town.accepted(second)
    town.block()
    database = town.store.database
    forget(database, b"y")
    with pytest.raises(NotKept, match="node 0 of level 0"):
        town.prove(second.id)
    assert town.prove(first.id).log_path.path == (), "alone in the log as it was then"
    forget(database, b"Y")
    with pytest.raises(NotProvable, match="not stored here"):
        town.prove(first.id)


async def test_the_interface_says_what_a_proof_lacks() -> None:
    town = SigningTown(signs=False)
    view = CertificatesView("geo_bangkok", town.store)
    retired = town.retire("malee", 10)
    town.accepted(retired)
    with pytest.raises(RpcFailure, match=f"block {town.store.tip.height + 1}") as caught:
        await view.prove(retired.id, None)
    assert caught.value.code is ErrorCode.NOT_FOUND
    with pytest.raises(RpcFailure, match="no checkpoint"):
        await view.prove(retired.id, "authorities")
    with pytest.raises(NotFound, match="is not known"):
        await view.prove(bytes(32), None)


def forget(database: KeyValue, prefix: bytes) -> None:
    write = WriteBatch()
    for key, _ in list(database.scan(prefix, prefix + b"\xff" * 40)):
        write.delete(key)
    database.write(write, sync=True)
