"""A chain that goes by the registry: which references are right, and which sets they name."""

import pytest
import trio
import trio.testing

from consensus.types import NO_ANCHOR, Anchor
from gtxnode.chain import registry as references
from gtxnode.chain.registry import NoRegistry
from gtxnode.chain.rules import Fault, InvalidBlock
from gtxnode.chain.validators import FollowedSets, SetUnknown
from gtxnode.ledger.transactions import UnverifiedTransaction
from gtxnode.primitives.zones import Shard
from tests.chain.registry import EPOCH, GENESIS, Registry

ELSEWHERE = b"\x09" * 32


class Followed:
    """A registry in memory, as another chain of the node sees it."""

    def __init__(self) -> None:
        self.chain = Registry()
        self.sent: list[UnverifiedTransaction] = []
        self.reference = references.Registry(
            self.chain.store, self.chain.sets, self._reached, self.sent.append
        )
        self._grown = trio.Event()

    def grow(self, blocks: int) -> None:
        for _ in range(blocks):
            self.chain.add()
        self._grown.set()
        self._grown = trio.Event()

    async def _reached(self, height: int) -> None:
        while self.chain.store.tip.height < height:
            await self._grown.wait()

    def anchor(self, height: int) -> Anchor:
        if not height:
            return NO_ANCHOR
        identity = self.chain.store.parent(height)
        assert identity is not None
        return Anchor(height, identity.id)


async def refused(followed: Followed, before: Anchor, anchor: Anchor) -> bool:
    with pytest.raises(InvalidBlock) as error:
        await followed.reference.check(before, anchor)
    return error.value.fault is Fault.ANCHOR


async def test_a_reference_is_a_final_block_of_the_registry_and_never_goes_back() -> None:
    followed = Followed()
    assert followed.reference.newest() == NO_ANCHOR
    await followed.reference.check(NO_ANCHOR, NO_ANCHOR)
    followed.grow(5)
    assert followed.reference.newest() == followed.anchor(5)
    for height in range(3, 6):
        await followed.reference.check(followed.anchor(3), followed.anchor(height))
    for height in range(3):
        assert await refused(followed, followed.anchor(3), followed.anchor(height))
    assert await refused(followed, followed.anchor(3), Anchor(3, ELSEWHERE))
    assert await refused(followed, followed.anchor(3), Anchor(4, ELSEWHERE))
    assert await refused(followed, NO_ANCHOR, Anchor(0, ELSEWHERE))
    assert await refused(followed, followed.anchor(3), Anchor(4, followed.anchor(5).id))


async def test_what_is_not_here_yet_is_waited_for() -> None:
    followed = Followed()
    followed.grow(4)
    ahead = followed.anchor(4)
    behind = Followed()
    checked = trio.Event()

    async def check() -> None:
        await behind.reference.check(NO_ANCHOR, ahead)
        checked.set()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(check)
            for _ in range(4):
                await trio.testing.wait_all_tasks_blocked()
                assert not checked.is_set()
                behind.grow(1)
    assert checked.is_set()


async def test_without_a_registry_nothing_is_named() -> None:
    alone = NoRegistry()
    await alone.check(NO_ANCHOR, alone.newest())
    with pytest.raises(InvalidBlock):
        await alone.check(NO_ANCHOR, Anchor(1, ELSEWHERE))


def test_the_set_changes_where_the_reference_comes_to_an_epochs_end() -> None:
    followed = Followed()
    chain = followed.chain
    chain.add(chain.stake(100))
    followed.grow(3 * EPOCH)
    named: dict[int, Anchor] = {}

    def anchor_of(height: int) -> Anchor:
        return named[height] if height else NO_ANCHOR

    sets = FollowedSets(chain.sets, Shard.GEO_BANGKOK, anchor_of)
    assert (sets.at(0), sets.at(1), sets.epoch(1)) == (GENESIS, GENESIS, 0)
    with pytest.raises(SetUnknown):
        sets.at(2)
    steps = [0, 1, 2 * EPOCH - 1, 2 * EPOCH - 1, 2 * EPOCH, 2 * EPOCH + 2, 3 * EPOCH]
    for height, step in enumerate(steps, 1):
        named[height] = followed.anchor(step)
        assert sets.after(height, named[height]) == chain.sets.at(step + 1)
        assert sets.at(height + 1) == chain.sets.at(step + 1)
        assert (len(sets.at(height + 1)) == 2) == (step >= 2 * EPOCH)
        assert sets.epoch(height + 1) == step // EPOCH
    with pytest.raises(SetUnknown):
        sets.after(99, Anchor(99 * EPOCH, ELSEWHERE))
    # Whoever starts later has the same sets.
    later = FollowedSets(chain.sets, Shard.GEO_BANGKOK, anchor_of)
    assert all(later.at(height) == sets.at(height) for height in range(len(steps) + 2))
