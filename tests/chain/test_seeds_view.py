"""What clients see of seeds and proposers, on a registry and elsewhere."""

import pytest

from consensus.seed import pledge_commitment
from consensus.turns import Turns
from gtxnode.chain.proposing import shown_by
from gtxnode.chain.validators import FixedSets
from gtxnode.ledger.bodies import PledgeSeed, RenewChain, RevealSeed
from gtxnode.primitives.zones import Role
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.seeds import ProposerView
from gtxnode.rpc.wire import Hex
from gtxnode.views.seeds import seeds_view
from tests.chain.registry import CHAIN, FOUNDER, PUBLIC, Registry, commit_on
from tests.chain.test_proposers import BOTH, OTHER, SEED
from tests.node import little_chain
from tests.seeds.test_duty import EPOCH, ERC, MEA, SEEDED, to_epoch

SHARD = "func_governance"


def states(chain: Registry) -> list[tuple[str, int, str]]:
    view = seeds_view(SHARD, chain.store, chain.sets)
    return [(each.role, each.epoch, each.state) for each in view.authorities]


def pledge(role: Role, epoch: int) -> PledgeSeed:
    return PledgeSeed(epoch, pledge_commitment(CHAIN, epoch, role, bytes([role]) * 32))


def withheld(chain: Registry) -> int:
    """By authorities, as the head shows."""
    block, commit = chain.store.block(chain.store.tip.height)
    return shown_by(chain.store, chain.sets, block, commit).authorities_withheld


def test_an_authoritys_pledge_is_followed_to_its_end() -> None:
    chain = Registry(SEEDED)
    chain.add(pledge(Role.ERC, 0), by=ERC)
    chain.add(pledge(Role.MEA, 0), by=MEA)
    assert states(chain) == [("mea", 0, "committed"), ("erc", 0, "committed")]
    to_epoch(chain, 2)
    assert states(chain) == [("mea", 0, "owed"), ("erc", 0, "owed")]
    assert seeds_view(SHARD, chain.store, chain.sets).next_seed is None
    chain.add(RevealSeed(2, bytes([Role.ERC]) * 32), by=ERC)
    assert states(chain) == [("mea", 0, "owed"), ("erc", 0, "revealed")]
    assert withheld(chain) == 0
    while chain.store.tip.height < 2 * EPOCH + EPOCH // 2:
        chain.add()
    assert states(chain) == [("mea", 0, "withheld"), ("erc", 0, "revealed")]
    assert withheld(chain) == 1
    fixed = seeds_view(SHARD, chain.store, chain.sets).next_seed
    chain.add()
    assert withheld(chain) == 0  # it is told once
    to_epoch(chain, 3)
    view = seeds_view(SHARD, chain.store, chain.sets)
    assert (view.seed, view.epoch, view.epoch_ends) == (fixed, 3, 4 * EPOCH)
    assert states(chain) == []


def test_a_proposers_chain_and_what_it_withholds() -> None:
    chain = Registry(SEEDED)

    def founder() -> ProposerView:
        (only,) = seeds_view(SHARD, chain.store, chain.sets).proposers
        return only

    assert founder() == ProposerView(Hex(PUBLIC[FOUNDER]), 0, None, 0, 0, 0, "none")
    chain.add(RenewChain(PUBLIC[FOUNDER], 0, bytes(32)), by=FOUNDER)
    assert founder().chain == "waiting"
    to_epoch(chain, 1)
    assert founder().chain == "in_use"
    key = frozenset({PUBLIC[FOUNDER]})
    turns = Turns(key, frozenset(), PUBLIC[FOUNDER], withheld=True)
    block = chain.next_block()
    chain.store.finalise(block, commit_on(block), [], turns)
    assert founder() == ProposerView(Hex(PUBLIC[FOUNDER]), 0, None, 0, 1, 1, "in_use")
    shown = shown_by(chain.store, chain.sets, block, commit_on(block))
    assert (shown.epoch, shown.withheld, shown.failed_rounds) == (1, True, 0)


def test_other_chains_show_their_seed_and_who_rests() -> None:
    store = little_chain.opened()
    sets = FixedSets(BOTH, SEED)
    missed = Turns(
        frozenset({little_chain.PUBLIC_KEY}), frozenset({OTHER}), little_chain.PUBLIC_KEY
    )
    for _ in range(4):
        block = little_chain.next_block(store)
        turns = missed if store.tip.height else None
        store.finalise(block, little_chain.commit_on(block), [], turns, BOTH)
    view = seeds_view("geo_bangkok", store, sets)
    assert (view.epoch, view.seed, view.next_seed, view.authorities) == (None, SEED, None, ())
    rests = {each.public_key: each.rests_until for each in view.proposers}
    assert rests == {little_chain.PUBLIC_KEY: None, OTHER: 105}
    assert all((each.chain, each.withheld) == (None, None) for each in view.proposers)
    shown = shown_by(store, sets, block, little_chain.commit_on(block))
    assert (shown.epoch, shown.resting, shown.withheld) == (None, 1, False)


def test_a_seed_that_is_not_known_is_not_found() -> None:
    chain = Registry(SEEDED)
    unknown = Registry(SEEDED).sets
    while chain.store.tip.height < EPOCH:
        chain.add()
    with pytest.raises(NotFound):
        seeds_view(SHARD, chain.store, unknown)
