"""One validator's chain in memory, for tests of the parts around it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from benchmarks.replay import CHAIN, GENESIS_ID, PRODUCER, initial, signed_transfers
from consensus import signing
from consensus.types import (
    UNSIGNED,
    Block,
    Commit,
    CommitSignature,
    Vote,
    VoteKind,
    block_id,
    vote_digest,
)
from consensus.validators import Validator, ValidatorSet
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.checking import check_batch
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.rules import build_block
from gtxnode.chain.store import ChainStore
from gtxnode.intake import seal_batch
from gtxnode.ledger.parameters import ChainParameters
from storage.memory import MemoryStore

COINS = initial(40)
TRANSFERS = list(signed_transfers(COINS))
PUBLIC_KEY = signing.public_key(PRODUCER)
VALIDATORS = ValidatorSet([Validator(PUBLIC_KEY, 1)])


def opened(database: MemoryStore | None = None) -> ChainStore:
    """A chain at genesis, where each of `TRANSFERS` can take effect once."""
    return ChainStore.on(database or MemoryStore(), CHAIN, GENESIS_ID, 0, ChainParameters(), COINS)


def batch_of(
    store: ChainStore,
    *places: int,
    parent: tuple[int, bytes] | None = None,
    producer: bytes = PRODUCER,
) -> CheckedBatch:
    """A checked batch of the transfers at `places`, on the tip unless another parent is given."""
    encoded = seal_batch(
        CHAIN,
        BatchKind.ORDINARY,
        parent or (store.tip.height, store.tip.id),
        [TRANSFERS[place] for place in places],
        NO_WORK,
        producer,
    ).encoded
    return check_batch(CHAIN, encoded, NO_WORK)


def next_block(store: ChainStore, *batches: CheckedBatch) -> Block:
    """A valid block on the tip, a second after it."""
    return build_block(
        store.tip,
        [batch.id for batch in batches],
        store.last_commit,
        VALIDATORS,
        VALIDATORS,
        PUBLIC_KEY,
        store.tip.time_ms + 1_000,
    )


def commit_on(block: Block) -> Commit:
    """The validator's own precommit, which is two thirds of the stake."""
    identity = block_id(block.header)
    vote = Vote(VoteKind.PRECOMMIT, block.header.height, 0, identity, -1, PUBLIC_KEY, UNSIGNED)
    signature = signing.sign(PRODUCER, vote_digest(CHAIN, vote))
    return Commit(vote.height, 0, identity, (CommitSignature(PUBLIC_KEY, signature),))


def extend(store: ChainStore, blocks: int) -> None:
    """Make this many empty blocks final."""
    for _ in range(blocks):
        block = next_block(store)
        store.finalise(block, commit_on(block), [])


@dataclass
class Shelf:
    """Batches that are at hand; whoever asks for others waits until they are put here."""

    held: dict[bytes, CheckedBatch] = field(default_factory=dict)
    _news: trio.Event = field(default_factory=trio.Event)

    def put(self, *batches: CheckedBatch) -> None:
        self.held.update((batch.id, batch) for batch in batches)
        self._news.set()
        self._news = trio.Event()

    async def batches(self, identities: Sequence[bytes]) -> list[CheckedBatch]:
        while not all(identity in self.held for identity in identities):
            await self._news.wait()
        return [self.held[identity] for identity in identities]
