"""What a node sends for its validator and authorities: each once, in time, and again if lost."""

import msgspec

from consensus import signing
from consensus.hash_chain import HashChain, in_epoch
from consensus.seed import SeedState, pledge_commitment
from gtxnode.ledger.bodies import Body, PledgeSeed, RenewChain, RevealSeed
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.parameters import Authority
from gtxnode.ledger.registry.proposers import RevealChain, Seeds, chain_coin_id, seeds_coin_id
from gtxnode.ledger.transactions import UnverifiedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Role
from gtxnode.seeds.duty import PATIENCE_BLOCKS, SeedDuty
from gtxnode.seeds.secrets import OwnChains
from tests.chain.registry import CHAIN, FOUNDER, NEWCOMER, PARAMETERS, PUBLIC, RULES, Registry

EPOCH = 6
ERC, SECOND_ERC, MEA = (bytes([number]) * 32 for number in (0x21, 0x22, 0x23))
"""Two machines of one role, and another's."""
SEEDED = msgspec.structs.replace(
    PARAMETERS,
    staking=msgspec.structs.replace(RULES, epoch_blocks=EPOCH),
    authorities=tuple(
        Authority(role, signing.public_key(key))
        for role, key in ((Role.ERC, ERC), (Role.ERC, SECOND_ERC), (Role.MEA, MEA))
    ),
)


class Node:
    """A duty on a registry, and what it has sent."""

    def __init__(
        self, registry: Registry, *authorities: bytes, key: bytes | None = None, length: int = 30
    ) -> None:
        self.registry = registry
        self.sent: list[Body] = []
        self.refuses = False
        own = OwnChains(CHAIN, key, length) if key is not None else None
        self.duty = SeedDuty(registry.store, own, authorities, self.take, lambda: False)

    def take(self, parsed: UnverifiedTransaction) -> None:
        if self.refuses:
            raise Refused(Reason.POOL_FULL)
        self.sent.append(parsed.body)

    def look(self) -> list[Body]:
        """What it sends now."""
        self.sent.clear()
        self.duty.send(self.duty.due())
        return list(self.sent)

    def owed(self) -> list[Body]:
        return [body for body, _ in self.duty.due()]


def to_epoch(registry: Registry, epoch: int) -> None:
    """Until the next block is the first of it."""
    while registry.store.tip.height < epoch * EPOCH:
        registry.add()


def seeds(registry: Registry) -> SeedState:
    encoded = registry.store.get(seeds_coin_id(CHAIN))
    assert encoded is not None
    coin = decode_coin(encoded)
    assert isinstance(coin, Seeds)
    return coin.state


def chain_of(registry: Registry) -> HashChain:
    encoded = registry.store.get(chain_coin_id(CHAIN, PUBLIC[FOUNDER]))
    assert encoded is not None
    coin = decode_coin(encoded)
    assert isinstance(coin, RevealChain)
    return coin.chain


def test_a_validator_without_a_chain_commits_to_one() -> None:
    registry = Registry(SEEDED)
    node = Node(registry, key=FOUNDER)
    (body,) = node.owed()
    assert body == RenewChain(PUBLIC[FOUNDER], 0, OwnChains(CHAIN, FOUNDER, 30).end(1))
    registry.add(body, by=FOUNDER)
    assert node.owed() == []
    to_epoch(registry, 1)
    assert node.owed() == []
    assert Node(registry, key=FOUNDER).owed() == []  # nor after a restart


def test_it_is_renewed_while_half_of_it_is_left() -> None:
    registry = Registry(SEEDED)
    node = Node(registry, key=FOUNDER, length=10)
    registry.add(*node.owed(), by=FOUNDER)
    to_epoch(registry, 1)
    for turn in range(1, EPOCH + 1):
        assert node.owed() == []
        registry.add()
        if turn > 5:
            break
    # Six of ten turns have passed, whether or not anything was revealed.
    (body,) = node.owed()
    assert isinstance(body, RenewChain)
    registry.add(body, by=FOUNDER)
    to_epoch(registry, 3)
    chain = in_epoch(chain_of(registry), 3)
    assert chain.since == 3
    assert node.duty.next_reveal(chain) is not None


def test_one_that_is_not_its_own_is_replaced() -> None:
    registry = Registry(SEEDED)
    registry.add(RenewChain(PUBLIC[FOUNDER], 0, bytes(32)), by=FOUNDER)
    node = Node(registry, key=FOUNDER)
    assert node.owed() == []  # it has committed in this epoch
    to_epoch(registry, 1)
    assert [type(body) for body in node.owed()] == [RenewChain]
    assert node.duty.next_reveal(in_epoch(chain_of(registry), 1)) is None


def test_who_is_no_validator_commits_to_nothing() -> None:
    registry = Registry(SEEDED)
    assert Node(registry, key=NEWCOMER).owed() == Node(registry).owed() == []


def test_an_authority_commits_in_each_epoch_and_reveals_two_later() -> None:
    registry = Registry(SEEDED)
    node = Node(registry, ERC)
    revealed = 0
    for epoch in range(5):
        to_epoch(registry, epoch)
        kinds = [type(body) for body in node.owed()]
        assert kinds == [PledgeSeed] + [RevealSeed] * (epoch >= 2)
        for body in node.owed():
            registry.add(body, by=ERC)
        revealed += len(kinds) - 1
        assert node.owed() == []
        assert sum(each.value is not None for each in seeds(registry).revealing) == (epoch >= 2)
    assert revealed == 3


def test_what_was_not_revealed_in_the_first_half_is_not_sent_any_more() -> None:
    registry = Registry(SEEDED)
    node = Node(registry, ERC)
    registry.add(*node.owed(), by=ERC)
    to_epoch(registry, 2)
    assert RevealSeed in map(type, node.owed())
    while registry.store.tip.height < 2 * EPOCH + EPOCH // 2:
        assert RevealSeed in map(type, node.owed())
        registry.add()
    assert [type(body) for body in node.owed()] == [PledgeSeed]


def test_only_the_machine_that_committed_can_reveal() -> None:
    """Each role commits once in an epoch, whichever of its keys is first."""
    registry = Registry(SEEDED)
    first, second = Node(registry, ERC, MEA), Node(registry, SECOND_ERC)
    registry.add(*[body for body, key in first.duty.due() if key == ERC], by=ERC)
    assert second.owed() == []
    assert len(first.owed()) == 1  # MEA's
    to_epoch(registry, 2)
    assert [type(body) for body in second.owed()] == [PledgeSeed]
    (reveal,) = [body for body in first.owed() if isinstance(body, RevealSeed)]
    (pledge,) = seeds(registry).revealing
    assert pledge_commitment(CHAIN, 0, Role.ERC, reveal.value) == pledge.commitment


def test_a_key_that_was_rotated_can_still_be_revealed_for() -> None:
    """By a machine that has the old one beside one that is in force."""
    registry = Registry(SEEDED)
    registry.add(*Node(registry, ERC).owed(), by=ERC)
    to_epoch(registry, 2)
    registry.store.parameters = msgspec.structs.replace(
        SEEDED, authorities=(Authority(Role.ERC, signing.public_key(SECOND_ERC)),)
    )
    assert Node(registry, ERC).owed() == []
    due = Node(registry, SECOND_ERC, ERC).duty.due()
    (body,) = [body for body, key in due if isinstance(body, RevealSeed) and key == SECOND_ERC]
    registry.add(body, by=SECOND_ERC)
    assert all(each.value is not None for each in seeds(registry).revealing)


def test_nothing_is_sent_twice_within_its_patience() -> None:
    registry = Registry(SEEDED)
    node = Node(registry, key=FOUNDER)
    node.refuses = True
    assert node.look() == []  # there was no room; the next block is another chance
    node.refuses = False
    assert len(node.look()) == 1
    assert node.look() == []
    to_epoch(registry, 1)
    # Another epoch's is another transaction.
    assert len(node.look()) == 1
    for _ in range(PATIENCE_BLOCKS - 1):
        registry.add()
    assert [body.epoch for body in node.look() if isinstance(body, RenewChain)] == [2]
