"""What pays no fee in a peer's batch: pooled only from those who may send it, valid in a block."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import msgspec
import pytest
import trio

from consensus import signing
from consensus.checkpoints import Checkpoint, SignedCheckpoint, checkpoint_digest
from consensus.types import UNSIGNED, Vote, VoteKind, vote_digest
from gtxnode.admission import Admission
from gtxnode.arrivals import Arrivals
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import BatchPool, CheckedBatch
from gtxnode.intake import seal_batch
from gtxnode.ledger.bodies import (
    Body,
    CheckpointPair,
    Evidence,
    PledgeSeed,
    RenewChain,
    RotateKeys,
    VotePair,
)
from gtxnode.ledger.senders import FEE_FREE
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Role
from p2p.network import NetworkConfig, Offence
from p2p.simulated import SimulatedWorld, Weather
from tests.chain.registry import CHAIN, FOUNDER, PUBLIC, Registry, commit_on
from tests.ledger.transaction_vectors import SIGNED
from tests.node.test_arrivals import PEER, Ear
from tests.seeds.test_duty import ERC, MEA, SECOND_ERC, SEEDED
from tests.waiting import until

STRANGER = b"\x77" * 32


def votes(key: bytes, height: int = 1) -> Evidence:
    """Two prevotes of one round."""
    made = []
    for block in (b"\x01" * 32, b"\x02" * 32):
        vote = Vote(VoteKind.PREVOTE, height, 0, block, -1, signing.public_key(key), UNSIGNED)
        signature = signing.sign(key, vote_digest(CHAIN, vote))
        made.append(msgspec.structs.replace(vote, signature=signature))
    return Evidence(VotePair(*made))


def words(key: bytes) -> Evidence:
    """Two checkpoints of one height."""
    made = []
    for block in (b"\x01" * 32, b"\x02" * 32):
        stated = Checkpoint(CHAIN, 0, 100, block, *[bytes(32)] * 3)
        signature = signing.sign(key, checkpoint_digest(stated))
        made.append(SignedCheckpoint(stated, signing.public_key(key), signature))
    return Evidence(CheckpointPair(*made))


@dataclass
class Gate:
    """A registry's arrivals, running, and what becomes of batches."""

    registry: Registry
    pool: BatchPool
    arrivals: Arrivals
    ear: Ear
    senders: int = 0

    def batch(self, *sent: tuple[Body, bytes], parent: int | None = None) -> CheckedBatch:
        """A stranger's, of bodies and who signs them."""
        store = self.registry.store
        height = store.tip.height if parent is None else parent
        at = store.parent(height)
        signed = [sign(CHAIN, body, by).encoded for body, by in sent]
        place = (height, at.id if at is not None else b"\x05" * 32)
        sealed = seal_batch(CHAIN, BatchKind.ORDINARY, place, signed, NO_WORK, STRANGER)
        return check_batch(CHAIN, sealed.encoded, NO_WORK)

    async def send(self, *batches: CheckedBatch) -> None:
        for batch in batches:
            self.arrivals.arrive(PEER, batch.sealed.encoded)
        self.senders += 1
        self.arrivals.arrive(PEER, b"no batch %d" % self.senders)
        await until(lambda: "malformed_batch" in self.ear.refusals)
        self.ear.refusals.remove("malformed_batch")
        self.ear.charges.pop()


@asynccontextmanager
async def gate() -> AsyncIterator[Gate]:
    registry, pool, ear = Registry(SEEDED), BatchPool(1_000_000), Ear()
    arrivals = Arrivals(registry.store, pool, ear, ear.report, ear.arrived)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(arrivals.run, 1)
        yield Gate(registry, pool, arrivals, ear)
        nursery.cancel_scope.cancel()


ACTS = {type(body).__name__: body for body, _ in SIGNED if type(body) in FEE_FREE}


def refused_by(body: Body) -> tuple[Body, Reason]:
    """A stranger's, as it is well formed here, and why it is refused."""
    if isinstance(body, Evidence):
        return votes(STRANGER), Reason.INVALID_EVIDENCE
    if isinstance(body, RenewChain):
        validator = signing.public_key(STRANGER)
        return msgspec.structs.replace(body, validator=validator), Reason.UNKNOWN_VALIDATOR
    return body, Reason.NOT_AUTHORISED


def test_every_kind_that_pays_no_fee_is_tried() -> None:
    assert {kind.__name__ for kind in FEE_FREE} <= {*ACTS, "Halt", "Lift"}


@pytest.mark.parametrize("kind", ACTS)
async def test_a_strangers_is_refused_by_name_counted_and_charged(kind: str) -> None:
    body, reason = refused_by(ACTS[kind])
    async with gate() as at:
        await at.send(at.batch((body, STRANGER)))
        assert at.ear.refusals == [reason]
        assert at.ear.charges == [Offence.INVALID]
        assert len(at.pool) == 0
        assert at.registry.store.live_batches() == []
        # A client is told the same.
        with pytest.raises(Refused) as refused:
            Admission(at.registry.store, lambda _: False, lambda: 0).admit(
                sign(CHAIN, body, STRANGER)
            )
        assert refused.value.reason is reason


async def test_whoever_may_send_it_is_let_in() -> None:
    async with gate() as at:
        mine: list[tuple[Body, bytes]] = [
            (PledgeSeed(0, bytes(32)), ERC),
            (RenewChain(PUBLIC[FOUNDER], 0, bytes(32)), FOUNDER),
            (votes(FOUNDER), STRANGER),
            (words(MEA), STRANGER),
        ]
        await at.send(*(at.batch(each) for each in mine), at.batch(*mine))
        assert len(at.pool) == 5
        assert at.ear.refusals == []


async def test_what_was_true_a_few_blocks_before_or_may_be_soon_is_not_charged() -> None:
    async with gate() as at:
        at.registry.add(votes(FOUNDER), by=STRANGER)
        await at.send(at.batch((votes(FOUNDER), STRANGER)))
        assert at.ear.refusals.pop() == "already_punished"
        at.registry.add(words(SECOND_ERC), by=STRANGER)
        barred = at.batch((PledgeSeed(0, bytes(32)), SECOND_ERC))
        await at.send(barred, at.batch((votes(FOUNDER, 90), STRANGER)))
        assert sorted(at.ear.refusals) == ["evidence_out_of_window", "not_authorised"]
        # A key that this node does not know of yet, in a batch on a block that it does not have.
        await at.send(at.batch((PledgeSeed(0, bytes(32)), STRANGER), parent=10))
        assert at.ear.refusals[-1] == "not_authorised"
        assert at.ear.charges == []
        await at.send(barred)
        assert len(at.ear.refusals) == 4, "it is looked at again"


async def test_a_rotated_out_key_is_not_charged() -> None:
    async with gate() as at:
        new = b"\x44" * 32
        rotation = RotateKeys(Role.MEA, 1, (signing.public_key(new),))
        at.registry.add(rotation, by=ERC, beside=(MEA, new))
        while signing.public_key(MEA) in at.registry.store.parameters.keys_of(
            frozenset({Role.MEA})
        ):
            at.registry.add()
        await at.send(at.batch((PledgeSeed(1, bytes(32)), MEA)))
        assert at.ear.refusals == ["not_authorised"]
        assert at.ear.charges == []
        await at.send(at.batch((PledgeSeed(1, bytes(32)), new)))
        assert len(at.pool) == 1


async def test_a_block_may_hold_what_is_not_relayed_and_execution_refuses_it() -> None:
    """Whether a block is valid does not hang on what a node lets in."""
    async with gate() as at:
        body = PledgeSeed(0, bytes(32))
        await at.send(at.batch((body, STRANGER)))
        assert len(at.pool) == 0
        assert at.registry.add_any(body, by=STRANGER) == ["not_authorised"]


FLOOD_BATCHES, IN_EACH = 20, 40


def flood(at: Gate) -> Sequence[CheckedBatch]:
    """Acts that nobody may do, each another one, in batches as full as one likes."""
    bodies = iter(range(FLOOD_BATCHES * IN_EACH))
    return [
        at.batch(
            *((PledgeSeed(0, next(bodies).to_bytes(32, "big")), STRANGER) for _ in range(IN_EACH))
        )
        for _ in range(FLOOD_BATCHES)
    ]


def dealt_with(at: Gate, batches: int) -> bool:
    return len(at.pool) + len(at.ear.refusals) == batches


@pytest.mark.parametrize("held", [False, True])
async def test_what_a_flood_of_them_costs(held: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts: without the rule all of it is pooled, stored, ordered and executed; with it nothing,
    and its sender is cut off with its third batch."""
    if not held:
        monkeypatch.setattr("gtxnode.arrivals.check_senders", lambda store, batch: None)
    world = SimulatedWorld(1, Weather())
    async with (
        world.open(NetworkConfig(private_key=b"\x01" * 32)) as ours,
        world.open(NetworkConfig(b"\x02" * 32, bootstrap=ours.addresses())) as theirs,
        gate() as at,
        trio.open_nursery() as nursery,
    ):
        await ours.wait_for_peers(1)
        arrivals = Arrivals(at.registry.store, at.pool, at.ear, ours.report, at.ear.arrived)
        nursery.start_soon(arrivals.run, 1)
        for sent, batch in enumerate(flood(at), 1):
            if not ours.peers():
                break  # it is banned
            arrivals.arrive(theirs.peer_id, batch.sealed.encoded)
            await until(partial(dealt_with, at, sent))
        pooled = list(at.pool)
        block = at.registry.next_block(pooled)
        record = at.registry.store.finalise(block, commit_on(block), pooled)
        taken = ours.counters.offences[Offence.INVALID]
        counts = (len(pooled), len(record.transactions), taken)
        assert counts == ((0, 0, 3) if held else (20, 800, 0))
        nursery.cancel_scope.cancel()
