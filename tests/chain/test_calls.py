"""Roll calls pay no fee: one that adds nothing is refused at the door, and not pooled alone."""

import pytest
import trio

from consensus import signing
from consensus.hashing import ZERO_HASH
from consensus.types import (
    BLOCK_VERSION,
    Anchor,
    Commit,
    CommitSignature,
    Header,
    block_id,
    precommit_digest,
)
from gtxnode.admission import Admission
from gtxnode.arrivals import Arrivals
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.intake import seal_batch
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body, RollCall
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Reason, Refused
from tests.chain.registry import ADDRESS, CHAIN, FEE, FOUNDER, GENESIS, OWNER, PUBLIC, Registry
from tests.node.little_chain import opened as another_chain
from tests.node.test_arrivals import PEER, Ear
from tests.waiting import until

SOUTH = "test/geo_southern"
EVERY = 100


def call(height: int, anchor: int) -> RollCall:
    """The founder was there."""
    header = Header(
        version=BLOCK_VERSION,
        chain_id=SOUTH,
        height=height,
        time_ms=1,
        parent_id=ZERO_HASH,
        last_commit_root=ZERO_HASH,
        payload_root=ZERO_HASH,
        app_root=ZERO_HASH,
        validators_root=GENESIS.root,
        next_validators_root=GENESIS.root,
        proposer=PUBLIC[FOUNDER],
        anchor=Anchor(anchor, b"\x07" * 32),
    )
    commit = Commit(height, 0, block_id(header), ())
    signature = signing.sign(FOUNDER, precommit_digest(SOUTH, commit, PUBLIC[FOUNDER]))
    signed = CommitSignature(PUBLIC[FOUNDER], signature)
    return RollCall(header, Commit(height, 0, block_id(header), (signed,)), 0)


def a_registry() -> Registry:
    """At the first block of an epoch, which has time to settle what is called in it."""
    registry = Registry()
    registry.to_next_epoch()
    return registry


def refusal(registry: Registry, body: RollCall, by: bytes = FOUNDER) -> Reason | None:
    admission = Admission(registry.store, lambda _: False, lambda: 0)
    try:
        admission.admit(sign(CHAIN, body, by))
    except Refused as refused:
        return refused.reason
    return None


def test_one_that_adds_nothing_is_refused_at_the_door() -> None:
    registry = a_registry()
    first = call(EVERY, 1)
    assert refusal(registry, first, OWNER) is Reason.UNKNOWN_VALIDATOR
    assert refusal(registry, call(EVERY + 1, 1)) is Reason.INVALID_ROLL_CALL
    assert refusal(registry, first) is None
    registry.add(first, by=FOUNDER)
    assert refusal(registry, first) is Reason.ROLL_CALL_ADDS_NOBODY


def test_only_the_registry_takes_any() -> None:
    store = another_chain()
    with pytest.raises(Refused) as refused:
        Admission(store, lambda _: False, lambda: 0).admit(sign(CHAIN, call(EVERY, 1), FOUNDER))
    assert refused.value.reason is Reason.NOT_REGISTRY


def batch_of(registry: Registry, *signed: tuple[Body, bytes]) -> CheckedBatch:
    """As somebody seals it who is no validator."""
    checked = tuple(sign(CHAIN, body, by) for body, by in signed)
    encoded = [each.encoded for each in checked]
    parent = registry.store.tip.height, registry.store.tip.id
    sealed = seal_batch(CHAIN, BatchKind.ORDINARY, parent, encoded, NO_WORK, OWNER)
    return CheckedBatch(sealed, checked)


async def test_a_batch_of_nothing_else_is_not_pooled() -> None:
    registry = a_registry()
    registry.add(call(EVERY, 1), by=FOUNDER)
    idle, fresh = (call(EVERY, 1), FOUNDER), (call(2 * EVERY, 2), FOUNDER)
    paying = (wallet.pay(ADDRESS, registry.cash(), ADDRESS, 5, FEE), OWNER)
    alone = batch_of(registry, idle, (call(EVERY, 2), FOUNDER))
    others = [batch_of(registry, idle, paying), batch_of(registry, idle, fresh)]
    pool, ear = BatchPool(), Ear()
    arrivals = Arrivals(registry.store, pool, ear, ear.report, ear.arrived)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(arrivals.run, 1)
        for batch in (alone, *others):
            arrivals.arrive(PEER, batch.sealed.encoded)
        await until(lambda: len(pool) == len(others))
        nursery.cancel_scope.cancel()
    assert {each.id for each in pool} == {each.id for each in others}
    assert ear.refusals == [Reason.ROLL_CALL_ADDS_NOBODY]
    assert ear.charges == []
