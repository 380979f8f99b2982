"""What the registry has decided: after a restart, and on the chains that follow.

Parameters that governance has changed, and what authorities have said for every chain.
"""

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from consensus import signing
from consensus.types import NO_ANCHOR, Anchor
from gtxnode.chain import registry as references
from gtxnode.chain.registry import NoRegistry
from gtxnode.chain.rules import build_block
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.authority.directives import count_of
from gtxnode.ledger.authority.halts import OfMarket, standing_halts
from gtxnode.ledger.bodies import GrantLicence, Halt, Lift
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.market.licence_coins import licences_of
from gtxnode.ledger.parameters import Authority, ChainParameters
from gtxnode.ledger.registry.proposals import InForce
from gtxnode.primitives.zones import Role, Zone
from storage.memory import MemoryStore
from tests.chain.registry import (
    ADDRESS,
    EPOCH,
    FOUNDER,
    GENESIS,
    PARAMETERS,
    PUBLIC,
    Registry,
    commit_on,
)

FOLLOWER = "test/geo_southern"
ERC = b"\x09" * 32
REGULATED = replace(PARAMETERS, authorities=(Authority(Role.ERC, signing.public_key(ERC)),))


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def reference_of() -> Callable[[Registry], references.Registry]:
    def named(registry: Registry) -> references.Registry:
        async def reached(height: int) -> None:
            assert registry.store.tip.height >= height

        return references.Registry(registry.store, registry.sets, reached, lambda _: None)

    return named


@pytest.fixture
def reference(
    registry: Registry, reference_of: Callable[[Registry], references.Registry]
) -> references.Registry:
    return reference_of(registry)


class Follower:
    """A chain whose blocks name a registry's, as `application.py` has them executed."""

    def __init__(self, reference: references.Registry) -> None:
        self.reference = reference
        self.database = MemoryStore()
        self.store = self.opened()

    def opened(self) -> ChainStore:
        parameters = ChainParameters(zones=(Zone.SOUTHERN,))
        coins = initial_coins(FOLLOWER, [])
        return ChainStore.on(self.database, FOLLOWER, b"\x08" * 32, 0, parameters, coins)

    def add(self, anchor: Anchor) -> bytes:
        """A block that names the registry's; the root after it."""
        store = self.store
        now_ms = store.tip.time_ms + 1_000
        block = build_block(
            store.tip, [], store.last_commit, GENESIS, GENESIS, PUBLIC[FOUNDER], now_ms, anchor
        )
        taken = count_of(FOLLOWER, CoinView(store))
        decreed = self.reference.decreed(anchor, taken)
        store.finalise(block, commit_on(block), [], decreed=decreed)
        return store.tip.app_root


def anchors(registry: Registry) -> Iterator[Anchor]:
    for height in range(registry.store.tip.height + 1):
        parent = registry.store.parent(height)
        assert parent is not None
        yield Anchor(height, parent.id) if height else NO_ANCHOR


def test_a_change_holds_at_once_where_its_epoch_begins_and_after_a_restart(
    registry: Registry,
) -> None:
    registry.change("min_fee_ugtx", "1500")
    assert registry.store.tip.height % EPOCH == 0
    assert registry.store.parameters.min_fee_ugtx == 1_500
    assert registry.store.parameters.registry
    again, _ = registry.opened()
    assert again.parameters == registry.store.parameters
    registry.change("min_fee_ugtx", "1700")
    assert registry.store.parameters.min_fee_ugtx == 1_700


def test_a_chain_takes_over_what_held_at_the_block_that_its_header_names(
    registry: Registry, reference: references.Registry
) -> None:
    registry.change("min_fee_ugtx", "1500")
    first = registry.store.tip.height
    registry.change("min_fee_ugtx", "1700")
    second = registry.store.tip.height
    followers = Follower(reference), Follower(reference)
    for anchor in anchors(registry):
        # The second one starts anew before each block.
        followers[1].store = followers[1].opened()
        roots = {follower.add(anchor) for follower in followers}
        assert len(roots) == 1
        for follower in followers:
            held = follower.store.parameters
            expected = (
                1_000 if anchor.height < first else 1_500 if anchor.height < second else 1_700
            )
            assert held.min_fee_ugtx == expected
            assert (held.zones, held.registry) == ((Zone.SOUTHERN,), False)


def test_what_held_is_the_same_however_late_it_is_asked(
    registry: Registry, reference: references.Registry
) -> None:
    asked: list[InForce | None] = []
    for fee in range(1_500, 1_503):
        registry.change("min_fee_ugtx", str(fee))
        asked.append(decreed_parameters(reference, registry_head(registry)))
    assert [held.parameters.min_fee_ugtx for held in asked if held] == [1_500, 1_501, 1_502]
    for held in asked:
        assert held is not None
        last_before = Anchor((held.epoch) * EPOCH, b"\x01" * 32)
        assert decreed_parameters(reference, last_before) == held


def test_what_was_said_on_the_registry_holds_where_a_header_names_it(
    reference_of: Callable[[Registry], references.Registry],
) -> None:
    registry = Registry(REGULATED)
    reference = reference_of(registry)
    registry.add()
    until_s = registry.store.tip.time_ms // 1_000 + 3_600
    registry.add(Halt(OfMarket(), until_s, "a test", 1), by=ERC)
    halted = registry.store.tip.height
    registry.add()
    registry.add(Lift(OfMarket(), 2), by=ERC)
    lifted = registry.store.tip.height
    registry.add(GrantLicence(3, ADDRESS, 5_000, until_s), by=ERC)
    steady, anew, late = (Follower(reference) for _ in range(3))
    for anchor in anchors(registry):
        # The second one starts anew before each block, the third one's reference lags.
        anew.store = anew.opened()
        steady.add(anchor)
        assert anew.add(anchor) == steady.store.tip.app_root
        late.add(NO_ANCHOR)
        for follower in (steady, anew):
            assert len(stands(follower)) == (halted <= anchor.height < lifted)
        assert stands(late) == []
    late.add(Anchor(halted, b"\x01" * 32))
    assert len(stands(late)) == 1
    late.add(registry_head(registry))
    assert (stands(late), stands(steady)) == ([], [])
    for follower in (steady, anew, late):
        (found,) = licences_of(FOLLOWER, CoinView(follower.store), ADDRESS)
        assert (found[0].max_wh, found[1]) == (5_000, True)


def stands(follower: Follower) -> list[bool]:
    store = follower.store
    found = standing_halts(FOLLOWER, CoinView(store), store.tip.time_ms)
    return [by_registry for _, by_registry in found]


def decreed_parameters(reference: references.Registry, anchor: Anchor) -> InForce | None:
    decreed = reference.decreed(anchor, 0)
    assert decreed is not None
    return decreed.parameters


def registry_head(registry: Registry) -> Anchor:
    return Anchor(registry.store.tip.height, registry.store.tip.id)


def test_a_chain_without_a_registry_keeps_its_own() -> None:
    assert NoRegistry().decreed(NO_ANCHOR, 0) is None
