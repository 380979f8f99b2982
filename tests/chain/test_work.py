"""The work that a chain asks for: a batch goes by the target after the very block it names."""

import pytest

from benchmarks.replay import CHAIN, GENESIS_ID, PRODUCER, final_block, initial, keys
from consensus import signing
from consensus.validators import Validator, ValidatorSet
from consensus.work import decode_target, encode_target
from gtxnode.batches.batch import BatchKind, BatchParent
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.rules import Fault, InvalidBlock, check_batches, may_be_ordered
from gtxnode.chain.store import ChainStore
from gtxnode.intake import StaleWork, seal_batch
from gtxnode.ledger.bodies import Cancel
from gtxnode.ledger.parameters import AdmissionRules, ChainParameters
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Reason, Refused
from storage.memory import MemoryStore

# Blocks come each second here, so a batch in each is nine seconds too many: nearly a half-life.
RULES = AdmissionRules(least_hashes=16, batch_spacing_ms=10_000, halflife_ms=10_000)
VALIDATORS = ValidatorSet([Validator(signing.public_key(PRODUCER), 1)])


def opened(database: MemoryStore) -> ChainStore:
    parameters = ChainParameters(admission=RULES)
    return ChainStore.on(database, CHAIN, GENESIS_ID, 0, parameters, initial(1))


def sealed_on(store: ChainStore, parent: tuple[int, BatchParent], number: int) -> CheckedBatch:
    """An energy batch of one transaction. Nothing asks whether that takes effect."""
    height, block = parent
    cancel = sign(CHAIN, Cancel(number.to_bytes(32, "big")), keys()[0]).encoded
    encoded = seal_batch(
        CHAIN, BatchKind.ENERGY, (height, block.id), [cancel], block.target, PRODUCER
    ).encoded
    return check_batch(CHAIN, encoded, store.easiest_target)


def parent_at(store: ChainStore, height: int) -> tuple[int, BatchParent]:
    block = store.parent(height)
    assert block is not None
    return height, block


def extend(store: ChainStore, batches: list[CheckedBatch]) -> None:
    store.finalise(*final_block(store, batches, VALIDATORS), batches)


def test_each_block_of_a_flood_asks_for_more_of_the_next() -> None:
    database = MemoryStore()
    store = opened(database)
    targets = [decode_target(parent_at(store, 0)[1].target)]
    for height in range(5):
        extend(store, [sealed_on(store, parent_at(store, height), height)])
        targets.append(decode_target(parent_at(store, height + 1)[1].target))
    assert targets == sorted(set(targets), reverse=True)
    extend(store, [])
    assert decode_target(parent_at(store, 6)[1].target) > targets[-1]
    # A node that starts again knows the same.
    assert [opened(database).parent(each) for each in range(7)] == [
        store.parent(each) for each in range(7)
    ]


def test_a_batch_carries_the_work_of_the_block_it_names() -> None:
    store = opened(MemoryStore())
    extend(store, [sealed_on(store, parent_at(store, 0), 0)])
    _, genesis = parent_at(store, 0)
    _, first = parent_at(store, 1)
    honest = sealed_on(store, (1, first), 1)
    early = sealed_on(store, (0, genesis), 2)
    cheap = sealed_on(store, (1, first._replace(target=genesis.target)), 3)
    dear = sealed_on(store, (1, first._replace(target=encode_target(1 << 250))), 4)
    assert [may_be_ordered(2, batch, store.parent) for batch in (honest, early, cheap, dear)] == [
        True,
        True,
        False,
        False,
    ]
    check_batches(2, [honest, early], store.parent)
    with pytest.raises(InvalidBlock) as invalid:
        check_batches(2, [honest, cheap], store.parent)
    assert invalid.value.fault is Fault.BATCH_DEAD


def test_nothing_is_easier_than_the_easiest() -> None:
    store = opened(MemoryStore())
    height, genesis = parent_at(store, 0)
    easier = encode_target(decode_target(genesis.target) + 1)
    with pytest.raises(Refused) as refused:
        sealed_on(store, (height, genesis._replace(target=easier)), 0)
    assert refused.value.reason is Reason.WRONG_TARGET


def test_work_is_given_up_once_it_is_stale() -> None:
    asked: list[None] = []

    def stale() -> bool:
        asked.append(None)
        return len(asked) == 3

    with pytest.raises(StaleWork):
        seal_batch(
            CHAIN, BatchKind.ENERGY, (0, GENESIS_ID), [b"\x00"], encode_target(1), PRODUCER, stale
        )
    assert len(asked) == 3
