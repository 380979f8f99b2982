"""A chain in memory with its database: people with meters, blocks at the times that a test says."""

from collections.abc import Sequence

import msgspec

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
from gtxnode.batches.batch import NO_WORK, BatchKind, sign_batch, unsealed_header
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.rules import build_block
from gtxnode.chain.store import ChainStore
from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash, Credit, Energy, decode_coin, meter_coin_id
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import Authority, ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import Meter, Reading
from gtxnode.primitives.zones import Role
from storage.memory import MemoryStore
from tests.ledger.little_chain import (
    CHAIN,
    FEE,
    GTX,
    PARAMETERS,
    address,
    meter_of,
    private_key,
    public_key,
    registration,
    signed,
)

PROPOSER = private_key("proposer")
VALIDATORS = ValidatorSet([Validator(signing.public_key(PROPOSER), 1)])


class Town:
    """One chain from a time on, with 100,000 GTX and a meter for each of its people."""

    def __init__(
        self, start_s: int, *people: str, parameters: ChainParameters = PARAMETERS
    ) -> None:
        keys = tuple(Authority(role, public_key(role.name)) for role in Role)
        coins = initial_coins(
            CHAIN,
            [(address(name), 100_000 * GTX) for name in people],
            [registration(name, installed_s=start_s, capacity_w=10_000) for name in people],
        )
        self.now_s = start_s
        self.store = ChainStore.on(
            MemoryStore(),
            CHAIN,
            bytes(32),
            start_s * 1_000,
            msgspec.structs.replace(parameters, authorities=keys),
            coins,
        )

    def block(self, *transactions: CheckedTransaction, at_s: int | None = None) -> BlockRecord:
        """Make a block final, a second after the last one or at a time; what it did."""
        self.now_s = self.now_s + 1 if at_s is None else at_s
        batches = [self._batch(transactions)] if transactions else []
        tip = self.store.tip
        block = build_block(
            tip,
            [batch.id for batch in batches],
            self.store.last_commit,
            VALIDATORS,
            VALIDATORS,
            signing.public_key(PROPOSER),
            self.now_s * 1_000,
        )
        for batch in batches:
            self.store.keep_batch(batch, sync=False)
        return self.store.finalise(block, _commit_on(block), batches)

    def accepted(self, *transactions: CheckedTransaction, at_s: int | None = None) -> BlockRecord:
        """A block of which every transaction takes effect."""
        record = self.block(*transactions, at_s=at_s)
        assert [each for each in record.transactions if each.reason is not None] == []
        return record

    def reading(
        self, name: str, start_s: int, imported_wh: int, exported_wh: int, key: str | None = None
    ) -> CheckedTransaction:
        """The next reading of a person's meter: a quarter of an hour from a time on."""
        meter = self.meter(name)
        body = Reading(
            meter.meter,
            meter.counter + 2,
            meter.counter,
            start_s,
            start_s + 900,
            meter.import_wh + imported_wh,
            meter.export_wh + exported_wh,
        )
        return signed(body, key or f"{name}'s meter")

    def sell(self, name: str, wh: int, price: int) -> CheckedTransaction:
        return signed(wallet.sell(address(name), self.energy(name), wh, price), name)

    def buy(self, name: str, wh: int, price: int) -> CheckedTransaction:
        return signed(wallet.buy(address(name), self.cash(name), wh, price), name)

    def cover(self, name: str, wh: int) -> CheckedTransaction:
        """Energy of a person's, retired against the import of that person's meter."""
        body = wallet.retire(
            address(name), self.energy(name), self.cash(name), wh, FEE, meter=meter_of(name)
        )
        return signed(body, name)

    def meter(self, name: str) -> Meter:
        encoded = self.store.get(meter_coin_id(CHAIN, meter_of(name)))
        assert encoded is not None
        meter = decode_coin(encoded)
        assert isinstance(meter, Meter)
        return meter

    def cash(self, name: str) -> list[tuple[bytes, Cash]]:
        return [(i, coin) for i, coin in self._owned(name) if isinstance(coin, Cash)]

    def energy(self, name: str) -> list[tuple[bytes, Energy]]:
        return [(i, coin) for i, coin in self._owned(name) if isinstance(coin, Energy)]

    def credits(self, name: str) -> list[tuple[bytes, Credit]]:
        return [(i, coin) for i, coin in self._owned(name) if isinstance(coin, Credit)]

    def _owned(self, name: str) -> list[tuple[bytes, object]]:
        with self.store.snapshot() as reader:
            found = self.store.owned(reader, address(name), None, None)
            return [(coin_id, decode_coin(encoded)) for coin_id, encoded in found]

    def _batch(self, transactions: Sequence[CheckedTransaction]) -> CheckedBatch:
        encoded = [each.encoded for each in transactions]
        tip, producer = self.store.tip, signing.public_key(PROPOSER)
        header = unsealed_header(BatchKind.ORDINARY, producer, tip.height, tip.id, encoded, NO_WORK)
        return CheckedBatch(sign_batch(CHAIN, header, encoded, PROPOSER), tuple(transactions))


def _commit_on(block: Block) -> Commit:
    """The one validator's precommit, which is two thirds of the stake."""
    identity, proposer = block_id(block.header), signing.public_key(PROPOSER)
    vote = Vote(VoteKind.PRECOMMIT, block.header.height, 0, identity, -1, proposer, UNSIGNED)
    signature = signing.sign(PROPOSER, vote_digest(CHAIN, vote))
    return Commit(vote.height, 0, identity, (CommitSignature(proposer, signature),))
