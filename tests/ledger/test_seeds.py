"""Seeds on the registry: who commits, who reveals, who withholds, and what an epoch draws from."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.hash_chain import HashChain, OwnChain, in_epoch, passed
from consensus.hashing import ZERO_HASH, Domain
from consensus.reputation import ReputationRule
from consensus.seed import SeedState, first_state, pledge_commitment, withholding
from consensus.turns import Turns
from gtxnode.ledger import wallet
from gtxnode.ledger.authority.authorities import BarredKey, BarredKeys, barred_coin_id
from gtxnode.ledger.bodies import Body, PledgeSeed, RenewChain, RevealSeed
from gtxnode.ledger.coins import Cash, encode_coin
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.ledger.registry.proposers import RevealChain, Seeds, chain_coin_id, seeds_coin_id
from gtxnode.ledger.registry.validators import epoch_of
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Role, Zone
from tests.ledger.little_chain import (
    CHAIN,
    FEE,
    GTX,
    LittleChain,
    address,
    private_key,
    public_key,
    signed,
)
from tests.ledger.little_registry import RULES, LittleRegistry, node

EPOCH = 6
LENGTH = 60
FOUNDERS = ("anan", "boon", "chai")
SEEDED = msgspec.structs.replace(
    RULES, epoch_blocks=EPOCH, late_heights=0, reputation=ReputationRule(min_heights=100)
)


def own(name: str) -> OwnChain:
    return OwnChain(CHAIN, node(name), name.encode().ljust(32, b"."), LENGTH)


def value_of(role: Role, epoch: int) -> bytes:
    """What an authority commits to in an epoch."""
    return bytes([role]) * 16 + epoch.to_bytes(16, "big")


def renewal(name: str, epoch: int, *, by: str | None = None) -> CheckedTransaction:
    body = RenewChain(node(name), epoch, own(name).end)
    return signed(body, by or f"{name}'s node")


def pledge(role: Role, epoch: int) -> CheckedTransaction:
    commitment = pledge_commitment(CHAIN, epoch, role, value_of(role, epoch))
    return signed(PledgeSeed(epoch, commitment), role.name)


def reveal(role: Role, epoch: int, value: bytes | None = None) -> CheckedTransaction:
    """In `epoch`, of what was committed to two before."""
    return signed(RevealSeed(epoch, value or value_of(role, epoch - 2)), role.name)


class Seeded(LittleRegistry):
    """A registry whose founders propose as a test says."""

    def __init__(self) -> None:
        super().__init__(FOUNDERS, ("malee",), rules=SEEDED)

    def block_of(
        self, name: str, *transactions: CheckedTransaction, shows: bool = True
    ) -> BlockOutcome:
        """A block of this founder, with its reveal where it has one and `shows` it."""
        self.author = node(name)
        self.reveal = own(name).next_reveal(self.chain_of(name)) if shows else None
        outcome = self.accepted(*transactions)
        self.author = self.reveal = None
        return outcome

    def payment(self) -> CheckedTransaction:
        """Something that pays a fee."""
        cash = self.coins("malee", Cash)
        return signed(wallet.pay(address("malee"), cash, address("anan"), GTX, FEE), "malee")

    def chain_of(self, name: str) -> HashChain:
        """As its reveal in the next block finds it."""
        coin = self.coin(chain_coin_id(CHAIN, node(name)))
        assert coin is None or isinstance(coin, RevealChain)
        chain = coin.chain if coin is not None else HashChain()
        if self.turns is not None and node(name) in self.turns.used_up:
            chain = passed(in_epoch(chain, epoch_of(self.height, EPOCH)))
        return in_epoch(chain, self.epoch)

    @property
    def seeds(self) -> SeedState:
        coin = self.coin(seeds_coin_id(CHAIN))
        assert isinstance(coin, Seeds)
        return coin.state

    def seed_of(self, epoch: int) -> bytes:
        committee = self.committee(epoch)
        assert committee is not None
        return committee.seed


def committed() -> Seeded:
    """At the beginning of epoch 1, all founders with a chain."""
    chain = Seeded()
    chain.accepted(*[renewal(name, 0) for name in FOUNDERS])
    chain.to_epoch(1)
    return chain


def hashed(tag: str, *parts: bytes | int) -> bytes:
    """By the definition in docs/decisions/seed.md."""
    encoded = (part.to_bytes(8, "big") if isinstance(part, int) else part for part in parts)
    return Domain(tag, CHAIN).hash(*encoded)


def test_an_epochs_seed_mixes_its_proposers_reveals_and_the_authorities_values() -> None:
    """Computed by hand: seed(4) of the reveals of epoch 2, and of what authorities committed to
    in epoch 1 and revealed in epoch 3."""
    chain = committed()
    chain.accepted(pledge(Role.ERC, 1), pledge(Role.MEA, 1))
    chain.to_epoch(2)
    mix, shown = ZERO_HASH, dict.fromkeys(FOUNDERS, 0)
    for name in ("boon", "anan", "boon"):
        shown[name] += 1
        value = OwnChain(CHAIN, node(name), name.encode().ljust(32, b"."), LENGTH - shown[name]).end
        mix = hashed("seed/mix", mix, node(name), value)
        chain.block_of(name)
    assert chain.seeds.mix == mix
    chain.to_epoch(3)
    third = chain.seed_of(3)
    assert chain.seed_of(4) == ZERO_HASH  # it is not fixed yet
    chain.accepted(reveal(Role.ERC, 3))
    chain.accepted(reveal(Role.MEA, 3))
    chain.to_epoch(4)
    # By role, not in the order of their transactions.
    values = (Role.MEA, value_of(Role.MEA, 1), Role.ERC, value_of(Role.ERC, 1))
    assert chain.seed_of(4) == hashed("seed", 4, third, mix, *values)


def test_the_first_seeds_follow_from_genesis() -> None:
    chain = Seeded()
    first = first_state(CHAIN, ZERO_HASH).seed
    assert chain.seed_of(0) == first
    chain.to_epoch(2)
    assert chain.seed_of(1) == hashed("seed", 1, first, ZERO_HASH)
    assert chain.seed_of(2) == hashed("seed", 2, chain.seed_of(1), ZERO_HASH)


def test_turns_without_a_block_use_up_their_values() -> None:
    """Missed, or used to bring another's block through: the commit in the child shows it."""
    chain = committed()
    chain.block_of("anan")
    three = frozenset(node(name) for name in FOUNDERS)
    chain.turns = Turns(three - {node("chai")}, frozenset({node("chai")}), node("anan"))
    chain.block_of("boon")
    chain.turns = None
    assert (chain.chain_of("anan").skipped, chain.chain_of("chai").skipped) == (0, 1)
    # Boon's own reveal lay one deeper than before its turn at that height.
    assert chain.chain_of("boon").tip == own_value("boon", 2)
    chain.block_of("chai")
    assert chain.chain_of("chai").tip == own_value("chai", 2)


def own_value(name: str, turn: int) -> bytes:
    secret = name.encode().ljust(32, b".")
    return OwnChain(CHAIN, node(name), secret, LENGTH - turn).end


def test_the_last_turn_of_an_epoch_is_one_of_the_old_chain() -> None:
    """A renewal takes over where the next epoch begins; what passed before passed on the old."""
    chain = committed()
    chain.accepted(signed(RenewChain(node("boon"), 1, bytes(32)), "boon's node"))
    chain.to_epoch(2)
    chain.turns = Turns(frozenset({node("anan")}), frozenset({node("boon")}), node("anan"))
    chain.block()
    chain.turns = None
    assert chain.chain_of("boon") == HashChain(bytes(32), since=2)


def test_who_withholds_loses_the_blocks_fees_and_a_turn() -> None:
    chain = committed()
    chain.to_epoch(2)
    pay = chain.payment()
    before = chain.supply()
    chain.block_of("boon", pay, shows=False)
    assert chain.supply().burned_ugtx == before.burned_ugtx + FEE
    assert chain.chain_of("boon").skipped == 1
    boon = frozenset({node("boon")})
    chain.turns = Turns(boon, frozenset(), node("boon"), withheld=True)
    chain.block()
    chain.turns = None
    (conduct,) = [
        each.conduct for each in chain.presence().records if each.public_key == node("boon")
    ]
    assert (conduct.made, conduct.missed, conduct.withheld) == (0, 1, 1)
    before_epoch = {name: chain.validator(name) for name in FOUNDERS}
    chain.to_epoch(3)
    change = {}
    for name, was in before_epoch.items():
        now = chain.validator(name)
        assert was is not None
        assert now is not None
        change[name] = now.reputation - was.reputation
    # All signed, and none of boon's turns counts as made: half a score, against a whole one.
    assert change["boon"] < 0 < change["anan"] == change["chai"]


def test_nobody_is_charged_before_anybody_can_have_a_chain() -> None:
    chain = Seeded()
    pay = chain.payment()
    chain.block_of("boon", pay)
    assert chain.supply().burned_ugtx == 0


def test_commitments_that_are_refused() -> None:
    chain = committed()
    chain.accepted(pledge(Role.ERC, 1), renewal("anan", 1))
    refused = {
        renewal("boon", 1, by="malee"): Reason.NOT_OWNER,
        renewal("boon", 0): Reason.WRONG_EPOCH,
        renewal("boon", 2): Reason.WRONG_EPOCH,
        renewal("anan", 1): Reason.ALREADY_COMMITTED,
        signed(RenewChain(node("malee"), 1, bytes(32)), "malee's node"): Reason.UNKNOWN_VALIDATOR,
        signed(PledgeSeed(1, bytes(32)), "malee"): Reason.NOT_AUTHORISED,
        signed(PledgeSeed(1, bytes(32)), "anan's node"): Reason.NOT_AUTHORISED,
        signed(PledgeSeed(1, bytes(32)), "ERC"): Reason.ALREADY_COMMITTED,
        pledge(Role.MEA, 0): Reason.WRONG_EPOCH,
        pledge(Role.MEA, 2): Reason.WRONG_EPOCH,
    }
    for transaction, reason in refused.items():
        assert chain.refused(transaction) is reason
    # What was refused hinders nobody who is in time.
    chain.accepted(renewal("boon", 1), pledge(Role.MEA, 1))


def test_reveals_of_authorities_that_are_refused() -> None:
    chain = committed()
    chain.accepted(pledge(Role.ERC, 1), pledge(Role.EGAT, 1))
    early = reveal(Role.ERC, 1, value_of(Role.ERC, 1))
    assert chain.refused(early) is Reason.NOTHING_COMMITTED
    chain.to_epoch(2)
    # Nor before the proposers' last, whose reveals it is mixed with.
    assert chain.refused(reveal(Role.ERC, 2, value_of(Role.ERC, 1))) is Reason.NOTHING_COMMITTED
    chain.to_epoch(3)
    refused = {
        signed(RevealSeed(3, value_of(Role.ERC, 1)), "malee"): Reason.NOT_AUTHORISED,
        reveal(Role.ERC, 3, bytes(32)): Reason.WRONG_REVEAL,
        reveal(Role.ERC, 3, value_of(Role.EGAT, 1)): Reason.WRONG_REVEAL,
        reveal(Role.ERC, 2): Reason.WRONG_EPOCH,
        reveal(Role.MEA, 3): Reason.NOTHING_COMMITTED,
    }
    for transaction, reason in refused.items():
        assert chain.refused(transaction) is reason
    chain.accepted(reveal(Role.ERC, 3))
    assert chain.refused(reveal(Role.ERC, 3)) is Reason.ALREADY_REVEALED
    assert withholding(chain.seeds) == (Role.EGAT,)
    for _ in range(EPOCH // 2 - 1):
        chain.block()
    assert chain.refused(reveal(Role.EGAT, 3)) is Reason.REVEAL_TOO_LATE
    chain.block()
    # Until the epoch ends, final state names who withheld.
    assert withholding(chain.seeds) == (Role.EGAT,)


def test_a_barred_key_commits_to_nothing() -> None:
    chain = committed()
    barred = BarredKeys((BarredKey(public_key("ERC"), 1),))
    chain.store[barred_coin_id(CHAIN)] = encode_coin(barred)
    assert chain.execute(pledge(Role.ERC, 1)).receipts[0].reason is Reason.NOT_AUTHORISED


@pytest.mark.parametrize(
    "body",
    [RenewChain(node("anan"), 0, bytes(32)), PledgeSeed(0, bytes(32)), RevealSeed(0, bytes(32))],
)
def test_only_the_registry_takes_them(body: Body) -> None:
    chain = LittleChain("malee")
    (receipt,) = chain.execute(signed(body, "ERC")).receipts
    assert receipt.reason is Reason.NOT_REGISTRY
    chain.author, chain.reveal = node("anan"), None
    assert seeds_coin_id(CHAIN) not in chain.execute().made


def test_a_registration_may_bring_the_first_commitment() -> None:
    """And who leaves takes the chain along."""
    chain = LittleRegistry(("anan",), ("malee",), rules=SEEDED)
    key = private_key("malee's node")
    proof = wallet.prove_possession(CHAIN, key, address("malee"), Zone.BANGKOK, own("malee").end)
    cash = chain.coins("malee", Cash)
    body = wallet.stake(address("malee"), cash, node("malee"), 10 * GTX, FEE, proof)
    chain.accepted(signed(body, "malee"))
    coin_id = chain_coin_id(CHAIN, node("malee"))
    coin = chain.coin(coin_id)
    assert isinstance(coin, RevealChain)
    assert in_epoch(coin.chain, 1) == HashChain(own("malee").end, since=1)
    chain.accepted(chain.unstake("malee", 10 * GTX))
    chain.to_epoch(SEEDED.unbonding_epochs)
    assert chain.coin(coin_id) is None
    assert chain.validator("malee") is None


TURNS = st.tuples(st.sampled_from(FOUNDERS), st.booleans(), st.sets(st.sampled_from(FOUNDERS)))


@settings(max_examples=30)
@given(st.lists(TURNS, min_size=EPOCH, max_size=4 * EPOCH))
def test_any_history_of_turns_gives_each_its_own_value(
    history: list[tuple[str, bool, set[str]]],
) -> None:
    """Against a naive count: a validator's n-th turn, whatever became of those before it, reveals
    the n-th value before its chain's end, and each epoch's seed is a hash of just those."""
    chain = committed()
    seed = chain.seed_of(1)
    used = dict.fromkeys(FOUNDERS, 0)
    mixes: dict[int, bytes] = {}
    called: set[str] = set()
    for author, shows, others in history:
        for name in called:
            used[name] += 1
        epoch = chain.epoch
        used[author] += 1
        if shows:
            value = own_value(author, used[author])
            mixes[epoch] = hashed("seed/mix", mixes.get(epoch, ZERO_HASH), node(author), value)
        chain.block_of(author, shows=shows)
        called = others - {author}
        keys = frozenset(node(name) for name in called)
        chain.turns = Turns(frozenset({node(author)}), keys, node(author))
    chain.turns = None
    for epoch in range(2, chain.epoch + 1):
        seed = hashed("seed", epoch, seed, mixes.get(epoch - 2, ZERO_HASH))
        if chain.committee(epoch) is not None:  # else it is too long ago for evidence
            assert chain.seed_of(epoch) == seed
