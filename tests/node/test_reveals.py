"""Reveals in blocks: the right one is built and taken, any other makes a block invalid."""

import msgspec
import pytest
import trio

from consensus.hash_chain import HashChain
from consensus.reputation import Conduct
from consensus.types import Block, Commit
from gtxnode.application import ChainApplication, Diverged
from gtxnode.batches.pool import BatchPool
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.registry import NoRegistry
from gtxnode.chain.reveals import chain_on_head
from gtxnode.ledger.bodies import RenewChain
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.registry.validators import Presence, presence_coin_id
from gtxnode.seeds.secrets import OwnChains
from tests.chain.registry import CHAIN, EPOCH, FOUNDER, NEWCOMER, PUBLIC, Registry, commit_on
from tests.node.little_chain import PUBLIC_KEY, Shelf, next_block, opened
from tests.node.test_application import Chain

LENGTH = 60
OWN = OwnChains(CHAIN, FOUNDER, LENGTH)
OTHER = OwnChains(CHAIN, NEWCOMER, LENGTH)


async def ignore(block: Block, commit: Commit, record: BlockRecord, seconds: float) -> None:
    await trio.lowlevel.checkpoint()


class Scene:
    """The founder's node, which has committed to a chain and is in the first epoch of it."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.registry.add(RenewChain(PUBLIC[FOUNDER], 0, OWN.end(1)), by=FOUNDER)
        self.application = self.restarted()

    def restarted(self) -> ChainApplication:
        """A node that knows no more than the disk has."""
        store, sets = self.registry.opened()
        self.registry.store, self.registry.sets = store, sets
        own = OwnChains(CHAIN, FOUNDER, LENGTH)
        arguments = (sets, NoRegistry(), PUBLIC[FOUNDER], own.next_reveal)
        self.application = ChainApplication(
            store, BatchPool(), Shelf(), *arguments, lambda: 10**6, ignore
        )
        return self.application

    async def built(self) -> Block:
        store = self.registry.store
        return await self.application.build(store.tip.height + 1, store.last_commit)

    async def decide(self, block: Block) -> None:
        await self.application.finalise(block, commit_on(block))

    async def to_height(self, height: int) -> None:
        while self.registry.store.tip.height < height:
            await self.decide(await self.built())


def value(since: int, turn: int) -> bytes:
    """What the founder reveals at the turn of a chain, counted from 1."""
    own = OwnChains(CHAIN, FOUNDER, LENGTH)
    reveal = None
    chain = HashChain(own.end(since), since=since)
    for _ in range(turn):
        reveal = own.next_reveal(chain)
        assert reveal is not None
        chain = HashChain(reveal, since=since)
    assert reveal is not None
    return reveal


def showing(block: Block, reveal: bytes | None) -> Block:
    return msgspec.structs.replace(
        block, header=msgspec.structs.replace(block.header, reveal=reveal)
    )


async def test_blocks_reveal_from_the_epoch_after_the_commitment() -> None:
    scene = Scene()
    await scene.to_height(EPOCH)
    shown = [scene.registry.store.block(height)[0].header.reveal for height in (2, 3)]
    assert shown == [None, None]
    await scene.to_height(2 * EPOCH)
    for turn in (1, 2, 3):
        block, _ = scene.registry.store.block(EPOCH + turn)
        assert block.header.reveal == value(1, turn)


async def test_a_node_that_lost_all_but_its_key_and_chain_reveals_the_same() -> None:
    scene = Scene()
    await scene.to_height(EPOCH + 2)
    before = await scene.built()
    scene.restarted()
    assert (await scene.built()).header.reveal == before.header.reveal == value(1, 3)


async def test_a_reveal_that_is_withheld_uses_its_value_up() -> None:
    scene = Scene()
    await scene.to_height(EPOCH + 1)
    withheld = showing(await scene.built(), None)
    assert await scene.application.judge(withheld)
    await scene.decide(withheld)
    assert (await scene.built()).header.reveal == value(1, 3)


@pytest.mark.parametrize(
    ("case", "reveal"),
    [
        ("of an older turn, replayed", value(1, 1)),
        ("of the turn to come", value(1, 3)),
        ("of a chain of its own that is not in use", value(2, 2)),
        ("the tip itself", OWN.end(1)),
        ("another validator's", OTHER.next_reveal(HashChain(OTHER.end(1), since=1))),
        ("nonsense", bytes(32)),
    ],
)
async def test_a_wrong_reveal_makes_a_block_invalid(case: str, reveal: bytes) -> None:
    scene = Scene()
    await scene.to_height(EPOCH + 1)
    good = await scene.built()
    assert good.header.reveal == value(1, 2)
    wrong = showing(good, reveal)
    assert not await scene.application.judge(wrong), case
    # Nor does it take effect where two thirds have signed it all the same.
    with pytest.raises(Diverged, match="wrong_reveal"):
        await scene.decide(wrong)
    assert await scene.application.judge(good)


async def test_nobody_reveals_before_its_chain_is_in_use() -> None:
    scene = Scene()
    assert not await scene.application.judge(showing(await scene.built(), value(1, 1)))


async def test_a_renewed_chain_takes_over_with_its_epoch() -> None:
    scene = Scene()
    await scene.to_height(EPOCH)
    scene.registry.add(RenewChain(PUBLIC[FOUNDER], 1, OWN.end(2)), by=FOUNDER)
    # Its block came without a reveal. The old chain goes on.
    assert (await scene.built()).header.reveal == value(1, 2)
    await scene.to_height(2 * EPOCH)
    assert (await scene.built()).header.reveal == value(2, 1)


async def test_only_the_registry_takes_reveals() -> None:
    chain = Chain()
    block = await chain.application.build(1, None)
    assert block.header.reveal is None
    assert not await chain.application.judge(showing(block, bytes(32)))
    assert chain_on_head(opened(), PUBLIC_KEY, None) is None
    assert next_block(opened()).header.reveal is None


async def test_final_state_names_who_withheld_once_that_turn_counts() -> None:
    """In the first epoch nobody can have a chain, and nobody is named."""
    scene = Scene()
    await scene.to_height(EPOCH)
    await scene.decide(showing(await scene.built(), None))
    # With this block the turn of the epoch's last height counts, which had no reveal either.
    assert conduct(scene) == Conduct(heights=1, signed=1, made=1)
    await scene.to_height(EPOCH + 2)
    assert conduct(scene) == Conduct(heights=2, signed=2, made=1, missed=1, withheld=1)


def conduct(scene: Scene) -> Conduct:
    encoded = scene.registry.store.get(presence_coin_id(CHAIN))
    assert encoded is not None
    presence = decode_coin(encoded)
    assert isinstance(presence, Presence)
    (record,) = presence.records
    return record.conduct
