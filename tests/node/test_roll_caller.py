"""What one node calls, and when: in its turn, once, and a large set in several calls."""

from functools import partial

import msgspec

from consensus import signing
from consensus.messages import votes_of_commit
from consensus.types import NO_ANCHOR, Anchor, Block, Commit, CommitSignature, block_id
from consensus.types import precommit_digest as precommit
from consensus.validators import Validator, ValidatorSet
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.batches.checking import check_signatures
from gtxnode.batches.pool import CheckedBatch
from gtxnode.chain.registry import Registry, anchor_of
from gtxnode.chain.rules import build_block
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import FollowedSets, RegistrySets, ValidatorSets
from gtxnode.intake import seal_batch
from gtxnode.ledger.bodies import RollCall
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.ledger.registry.attendance import RollCalls, roll_calls_coin_id
from gtxnode.ledger.transactions import (
    MAX_TRANSACTION_BYTES,
    CheckedTransaction,
    UnverifiedTransaction,
)
from gtxnode.primitives.errors import Refused
from gtxnode.primitives.zones import Shard, Zone
from gtxnode.roll_caller import BLOCKS_AFTER, MAX_SIGNATURES, TURN_BLOCKS, RollCaller
from storage.memory import MemoryStore
from tests.node.harness import key

EVERY, EPOCH = 4, 200
RULES = StakingRules(
    epoch_blocks=EPOCH, max_validators=200, min_stake_ugtx=1, roll_call_blocks=EVERY
)


class World:
    """The registry and a chain that follows it, in memory; all of one set sign every block.

    The first `rich` by key have a stake of 100, the others of 1.
    """

    def __init__(self, validators: int, rich: int) -> None:
        numbers = range(1, validators + 1)
        self.keys = sorted((key(number) for number in numbers), key=signing.public_key)
        members = ValidatorSet(
            Validator(signing.public_key(each), 100 if place < rich else 1, 500_000, Zone.SOUTHERN)
            for place, each in enumerate(self.keys)
        )
        self.registry = _store("func_governance", members)
        self.south = _store("geo_southern", None)
        self.sent: list[UnverifiedTransaction] = []
        own = RegistrySets(self.registry.database, EPOCH)
        self.reference = Registry(self.registry, own, _reached, self.sent.append)
        self.followed = FollowedSets(own, Shard.GEO_SOUTHERN, partial(anchor_of, self.south))

    def caller(self, place: int) -> RollCaller:
        """Of the validator at this place of the set."""
        return RollCaller(
            self.south, self.followed, self.keys[place], self.reference, lambda: False
        )

    def grow(self, blocks: int) -> None:
        """Blocks of both chains, one after the other."""
        for _ in range(blocks):
            self.govern()
            self._add(self.south, self.followed, self.reference.newest())

    def govern(self, blocks: int = 1) -> None:
        """Blocks of the registry with what was sent to it, all of which takes effect."""
        for _ in range(blocks):
            checked = [
                each for each in check_signatures(self.sent) if not isinstance(each, Refused)
            ]
            assert len(checked) == len(self.sent)
            self.sent.clear()
            self._add(self.registry, self.reference.sets, NO_ANCHOR, *checked)

    def calls(self) -> RollCalls:
        coin_id = roll_calls_coin_id(self.registry.chain_id, Shard.GEO_SOUTHERN)
        coin = read_coin(self.registry, coin_id)
        assert isinstance(coin, RollCalls)
        return coin

    def sizes(self) -> list[int]:
        """How many precommits each call carries that was sent and is not final."""
        bodies = [each.body for each in self.sent]
        return [len(each.commit.signatures) for each in bodies if isinstance(each, RollCall)]

    def _add(
        self, store: ChainStore, sets: ValidatorSets, anchor: Anchor, *sent: CheckedTransaction
    ) -> None:
        height = store.tip.height + 1
        batches = []
        if sent:
            parent, encoded = (store.tip.height, store.tip.id), [each.encoded for each in sent]
            sealed = seal_batch(
                store.chain_id, BatchKind.ORDINARY, parent, encoded, NO_WORK, self.keys[0]
            )
            batches = [CheckedBatch(sealed, sent)]
        block = build_block(
            store.tip,
            [each.id for each in batches],
            store.last_commit,
            sets.at(height),
            sets.after(height, anchor),
            signing.public_key(self.keys[0]),
            store.tip.time_ms + 1_000,
            anchor,
        )
        record = store.finalise(block, self._commit(store.chain_id, block), batches)
        assert not any(each.reason for each in record.transactions)

    def _commit(self, chain_id: str, block: Block) -> Commit:
        empty = Commit(block.header.height, 0, block_id(block.header), ())
        signatures = []
        for each in self.keys:
            public = signing.public_key(each)
            digest = precommit(chain_id, empty, public)
            signatures.append(CommitSignature(public, signing.sign(each, digest)))
        return Commit(empty.height, 0, empty.block_id, tuple(signatures))


def _store(shard: str, members: ValidatorSet | None) -> ChainStore:
    chain_id = f"test/{shard}"
    parameters = ChainParameters(staking=RULES, registry=members is not None)
    coins = initial_coins(chain_id, [], validators=members)
    return ChainStore.on(MemoryStore(), chain_id, bytes(32), 0, parameters, coins)


async def _reached(_: int) -> None:
    raise AssertionError("nothing is waited for")


def test_a_height_is_called_by_whose_turn_it_is_and_once() -> None:
    world = World(4, rich=4)
    # The turn of a height goes on by one with every height that is called.
    first, second, third = world.caller(1), world.caller(2), world.caller(3)
    world.grow(EVERY + BLOCKS_AFTER - 1)
    first.advanced(())
    assert world.sizes() == []
    world.grow(1)
    for each in (third, second, first, first):
        each.advanced(())
    assert world.sizes() == [4]
    world.govern()
    assert world.calls().height == EVERY
    for each in (first, second, third):
        each.advanced(())
    assert world.sizes() == []


def test_the_next_waits_for_the_one_before() -> None:
    world = World(4, rich=4)
    first, second, third = world.caller(1), world.caller(2), world.caller(3)
    world.grow(EVERY + BLOCKS_AFTER)
    since = world.followed.place(EVERY + BLOCKS_AFTER + 1) - 1
    while world.registry.tip.height < since + TURN_BLOCKS:
        for each in (second, third):
            each.advanced(())
        assert world.sizes() == []
        world.govern()
    for each in (third, second):
        each.advanced(())
    assert world.sizes() == [4]
    first.advanced(())
    # It is late, not wrong: the registry takes the same call once.
    assert world.sizes() == [4, 4]
    assert len({each.id for each in world.sent}) == 1


def test_a_height_that_nobody_called_in_time_keeps_no_later_one_back() -> None:
    world = World(4, rich=4)
    world.grow(EVERY + BLOCKS_AFTER)
    world.govern(2 * EPOCH)
    world.grow(EVERY)
    world.caller(2).advanced(())
    (sent,) = world.sent
    assert isinstance(sent.body, RollCall)
    assert sent.body.header.height == 2 * EVERY
    world.govern()
    # Between the two were more blocks of the registry than a step may count.
    assert [each.weight for each in world.calls().open] == [EVERY]


def test_a_precommit_of_another_round_takes_nobody_out_of_the_commit() -> None:
    world = World(4, rich=4)
    world.grow(EVERY + BLOCKS_AFTER)
    _, commit = world.south.block(EVERY)
    again = [
        msgspec.structs.replace(each, round=1)
        for each in votes_of_commit(commit)
        if each.validator != signing.public_key(world.keys[1])
    ]
    world.caller(1).advanced(again)
    assert world.sizes() == [4]


def test_a_set_that_does_not_fit_is_called_by_the_largest_stakes_first() -> None:
    world = World(200, rich=60)
    caller = world.caller(1)
    world.grow(EVERY + BLOCKS_AFTER)
    caller.advanced(())
    assert world.sizes() == [MAX_SIGNATURES]
    assert len(world.sent[0].encoded) <= MAX_TRANSACTION_BYTES
    world.govern()
    (call,) = world.calls().open
    assert len(call.place.missing) == 200 - MAX_SIGNATURES
    caller.advanced(())
    assert world.sizes() == [200 - MAX_SIGNATURES]
    world.govern()
    assert world.calls().open[0].place.missing == ()
    caller.advanced(())
    assert world.sizes() == []


def test_a_set_that_needs_more_for_two_thirds_is_not_called() -> None:
    world = World(220, rich=0)
    caller = world.caller(1)
    world.grow(EVERY + BLOCKS_AFTER)
    caller.advanced(())
    assert world.sizes() == []
