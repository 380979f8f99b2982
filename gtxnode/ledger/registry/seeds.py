"""Seeds on the registry: what each block reveals, and what an epoch's end makes of it.

A turn has one value (consensus/hash_chain.py): that of the block's author stands in its header or
is withheld, that of everybody else who was called at a height is used up, which its child's commit
shows. A reveal that is due and missing costs the block's fees at once, and a turn for the
reputation.
"""

from msgspec.structs import replace

from consensus.hash_chain import NO_CHAIN, HashChain, committed, in_epoch, passed
from consensus.seed import SeedState, proposed, turned
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.registry.proposers import (
    RevealChain,
    Seeds,
    chain_coin_id,
    reveal_due,
    seeds_coin_id,
)
from gtxnode.ledger.registry.validators import Committee, committee_coin_id, epoch_of


def begin(state: BlockState) -> None:
    """Use up the values of the parent's turns, and take the block's own reveal."""
    context = state.context
    if not context.parameters.registry:
        return
    if context.turns is not None:
        epoch = epoch_of(context.height - 1, context.parameters.staking.epoch_blocks)
        for key in sorted(context.turns.used_up):
            before = _chain(state, key)
            _keep(state, key, before, passed(in_epoch(before, epoch)))
    if context.author is not None:
        _take_turn(state, context.author, context.reveal)


def end(state: BlockState) -> None:
    """Close the epoch's contributions: the next epoch's committee is given its seed."""
    chain_id = state.context.chain_id
    after = turned(chain_id, seeds(state))
    keep_seeds(state, after)
    coin_id = committee_coin_id(chain_id, after.epoch)
    committee = state.coins.get(coin_id)
    assert isinstance(committee, Committee), "committees are fixed ahead"
    state.coins.make(coin_id, replace(committee, seed=after.seed))


def seeds(state: BlockState) -> SeedState:
    """What the seeds of this epoch and the next two come from."""
    coin = state.coins.get(seeds_coin_id(state.context.chain_id))
    assert isinstance(coin, Seeds), "the registry's genesis makes it"
    return coin.state


def keep_seeds(state: BlockState, after: SeedState) -> None:
    """Put what has become of them in their place."""
    state.coins.make(seeds_coin_id(state.context.chain_id), Seeds(after))


def has_committed(state: BlockState, public_key: bytes, epoch: int) -> bool:
    """Whether a validator has committed to a new chain in this epoch."""
    successor = _chain(state, public_key).successor
    return successor is not None and successor.epoch == epoch + 1


def commit(state: BlockState, public_key: bytes, epoch: int, chain_end: bytes) -> None:
    """Take a validator's commitment to a new chain."""
    before = _chain(state, public_key)
    _keep(state, public_key, before, committed(in_epoch(before, epoch), chain_end, epoch))


def forget(state: BlockState, public_key: bytes) -> None:
    """Drop the chain of who is no validator any more."""
    coin_id = chain_coin_id(state.context.chain_id, public_key)
    if state.coins.get(coin_id) is not None:
        state.coins.spend(coin_id)


def _take_turn(state: BlockState, author: bytes, reveal: bytes | None) -> None:
    context = state.context
    before, known = _chain(state, author), seeds(state)
    after, chain = proposed(context.chain_id, known, author, before, reveal)
    _keep(state, author, before, chain)
    if after != known:
        keep_seeds(state, after)
    state.forfeits_fees = reveal is None and reveal_due(context.parameters, context.height)


def _chain(state: BlockState, public_key: bytes) -> HashChain:
    coin = state.coins.get(chain_coin_id(state.context.chain_id, public_key))
    assert coin is None or isinstance(coin, RevealChain), "chains' ids are their own domain"
    return coin.chain if coin is not None else NO_CHAIN


def _keep(state: BlockState, public_key: bytes, before: HashChain, after: HashChain) -> None:
    if after != before:
        state.coins.make(chain_coin_id(state.context.chain_id, public_key), RevealChain(after))
