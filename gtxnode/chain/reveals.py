"""Where the validators' hash chains stand when a block is proposed on the head.

The state has taken the reveal of the head. Which turns of the head's height left no block, and so
used up a value, stands in the commit that the new block carries.
"""

from consensus.hash_chain import NO_CHAIN, HashChain, in_epoch, passed
from consensus.seed import SeedState
from consensus.turns import Turns
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.registry.proposers import RevealChain, Seeds, chain_coin_id, seeds_coin_id
from gtxnode.ledger.registry.validators import epoch_of


def chain_on_head(store: ChainStore, public_key: bytes, turns: Turns | None) -> HashChain | None:
    """A validator's chain as its reveal in the next block finds it; None on chains without.

    `turns` are those that the next block's commit shows.
    """
    if not store.parameters.registry:
        return None
    chain = _chain(store, public_key)
    height, blocks = store.tip.height, store.parameters.staking.epoch_blocks
    if turns is not None and public_key in turns.used_up:
        chain = passed(in_epoch(chain, epoch_of(height, blocks)))
    return in_epoch(chain, epoch_of(height + 1, blocks))


def reveal_chain(store: ChainStore, public_key: bytes) -> HashChain:
    """A validator's chain on the registry, in the epoch of the next block."""
    epoch = epoch_of(store.tip.height + 1, store.parameters.staking.epoch_blocks)
    return in_epoch(_chain(store, public_key), epoch)


def seed_state(store: ChainStore) -> SeedState:
    """What the registry's seeds of this epoch and the next two come from."""
    coin = read_coin(store, seeds_coin_id(store.chain_id))
    assert isinstance(coin, Seeds), "the registry's genesis makes it"
    return coin.state


def _chain(store: ChainStore, public_key: bytes) -> HashChain:
    coin = read_coin(store, chain_coin_id(store.chain_id, public_key))
    assert coin is None or isinstance(coin, RevealChain), "chains' ids are their own domain"
    return coin.chain if coin is not None else NO_CHAIN
