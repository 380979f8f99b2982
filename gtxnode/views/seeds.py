"""What proposers are drawn from and who does their part in it, as the interfaces show it."""

from collections.abc import Iterator
from typing import Literal

from consensus.reputation import Conduct
from consensus.seed import Pledge, SeedState, may_reveal, next_seed
from consensus.turns import NO_MISSES, Misses
from gtxnode.chain.presence import presence
from gtxnode.chain.proposers import missed_turns
from gtxnode.chain.reveals import reveal_chain, seed_state
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import SetUnknown, ValidatorSets
from gtxnode.primitives.zones import Role
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.seeds import PledgeView, ProposerView, SeedsView
from gtxnode.rpc.wire import Hex


def seeds_view(shard: str, store: ChainStore, sets: ValidatorSets) -> SeedsView:
    """As of the next height. `NotFound` while this node does not know who votes there."""
    height = store.tip.height + 1
    try:
        voters, seed, epoch = sets.at(height), sets.seed(height), sets.epoch(height)
    except SetUnknown as error:
        raise NotFound(f"the seed of height {height}") from error
    state = seed_state(store) if store.parameters.registry else None
    blocks = store.parameters.staking.epoch_blocks
    in_time = may_reveal((height - 1) % blocks, blocks)
    fixed = state is not None and not in_time
    missed = missed_turns(store.chain_id, store)
    rows = missed.by_key() if missed is not None else {}
    conducts = {each.public_key: each.conduct for each in presence(store).records} if state else {}
    return SeedsView(
        shard=shard,
        height=height,
        epoch=epoch,
        epoch_ends=sets.until(height),
        seed=Hex(seed),
        next_seed=Hex(next_seed(store.chain_id, state)) if fixed and state is not None else None,
        authorities=tuple(_pledges(state, in_time=in_time)) if state is not None else (),
        proposers=tuple(
            _proposer(
                store,
                each.public_key,
                rows.get(each.public_key, NO_MISSES),
                conducts.get(each.public_key, Conduct()) if state is not None else None,
            )
            for each in voters
        ),
    )


def _pledges(state: SeedState, *, in_time: bool) -> Iterator[PledgeView]:
    """The oldest first."""
    for each in state.revealing:
        owed: Literal["owed", "withheld"] = "owed" if in_time else "withheld"
        yield _pledge(each, state.epoch - 2, owed if each.value is None else "revealed")
    for epoch, pledges in ((state.epoch - 1, state.waiting), (state.epoch, state.committing)):
        for each in pledges:
            yield _pledge(each, epoch, "committed")


def _pledge(
    pledge: Pledge, epoch: int, state: Literal["committed", "owed", "revealed", "withheld"]
) -> PledgeView:
    value = Hex(pledge.value) if pledge.value is not None else None
    name = Role(pledge.role).name.lower()
    return PledgeView(name, epoch, Hex(pledge.commitment), state, value)


def _proposer(
    store: ChainStore, key: bytes, misses: Misses, conduct: Conduct | None
) -> ProposerView:
    resting = misses.rests_from <= store.tip.height + 1 < misses.rests_until
    until = misses.rests_until if resting else None
    if conduct is None:
        return ProposerView(Hex(key), misses.in_a_row, until)
    return ProposerView(
        Hex(key),
        misses.in_a_row,
        until,
        conduct.made,
        conduct.missed,
        conduct.withheld,
        _chain(store, key),
    )


def _chain(store: ChainStore, key: bytes) -> Literal["none", "waiting", "in_use"]:
    chain = reveal_chain(store, key)
    if chain.tip is not None:
        return "in_use"
    return "waiting" if chain.successor is not None else "none"
