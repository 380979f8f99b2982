"""The registry as another chain of this node goes by it: blocks that are final and verified here.

A chain that has no registry beside it, the registry itself among them, goes by `NoRegistry`: its
headers name nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from consensus.types import NO_ANCHOR, Anchor, block_id
from gtxnode.chain.rules import Fault, InvalidBlock, check_anchor
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import RegistrySets
from gtxnode.ledger.authority.decrees import Decreed, decreed_in
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.metering.meter_home_coins import Homes, HomesAt
from gtxnode.ledger.transactions import UnverifiedTransaction
from gtxnode.primitives.zones import Shard


class Reference(Protocol):
    """What a chain's headers name."""

    def newest(self) -> Anchor:
        """What the next block is to name."""

    def decreed(self, anchor: Anchor, taken: int) -> Decreed | None:
        """What holds on the registry after a block of it that is here; None without one. Of its
        directives, those after the first `taken`."""

    def homes(self, anchor: Anchor, shard: Shard | None) -> Homes | None:
        """Where meters' keys count, for one chain, after a block of the registry that is here;
        None without one."""

    async def check(self, before: Anchor, anchor: Anchor) -> None:
        """Return once a reference is known to be right; raises `InvalidBlock` for a wrong one.

        What is not here yet is waited for. `before` is the parent's.
        """


def anchor_of(store: ChainStore, height: int) -> Anchor:
    """What a final block of a chain names; `KeyError` where there is no block."""
    tip = store.tip
    if height == tip.height:
        return tip.anchor
    return store.block(height)[0].header.anchor if height else NO_ANCHOR


class NoRegistry:
    """Nothing to go by."""

    def newest(self) -> Anchor:
        """Nothing."""
        return NO_ANCHOR

    def decreed(self, anchor: Anchor, taken: int) -> Decreed | None:
        """Only its own votes change a chain that goes by no other."""
        return None

    def homes(self, anchor: Anchor, shard: Shard | None) -> Homes | None:
        """There is nothing to ask."""
        return None

    async def check(self, before: Anchor, anchor: Anchor) -> None:
        """Only nothing is right."""
        if anchor != NO_ANCHOR:
            raise InvalidBlock(Fault.ANCHOR, "this chain goes by no other")


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry's chain on this node.

    `reached` returns once its head is at a height; `submit` sends it a transaction, or raises
    `Refused`.
    """

    store: ChainStore
    sets: RegistrySets
    reached: Callable[[int], Awaitable[None]]
    submit: Callable[[UnverifiedTransaction], object]

    def newest(self) -> Anchor:
        """Its head; nothing before its first block."""
        tip = self.store.tip
        return Anchor(tip.height, tip.id) if tip.height else NO_ANCHOR

    def decreed(self, anchor: Anchor, taken: int) -> Decreed | None:
        """As its state says; any thread may ask."""
        epoch = self.sets.epoch(anchor.height + 1)
        coins = CoinView(self.store)
        return decreed_in(self.store.chain_id, coins, epoch, anchor.height, taken)

    def homes(self, anchor: Anchor, shard: Shard | None) -> Homes:
        """As its state says; any thread may ask."""
        return HomesAt(self.store.chain_id, CoinView(self.store), anchor.height, shard)

    async def check(self, before: Anchor, anchor: Anchor) -> None:
        """Hold a reference against its blocks, once they are here."""
        check_anchor(before, anchor)
        if anchor == before:
            return
        await self.reached(anchor.height)
        if anchor.id != self._id_at(anchor.height):
            raise InvalidBlock(Fault.ANCHOR, f"not the registry's block {anchor.height}")

    def _id_at(self, height: int) -> bytes:
        if not height:
            return NO_ANCHOR.id
        tip = self.store.tip
        if height == tip.height:
            return tip.id
        return block_id(self.store.block(height)[0].header)
