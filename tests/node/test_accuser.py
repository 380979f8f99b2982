"""An accusation is sent once for each validator and epoch, alike by all who saw the same pair."""

import pytest

from consensus import signing
from consensus.light import check_commit_shape
from consensus.types import Commit, CommitSignature, Proposal, Vote
from consensus.validators import Validator, ValidatorSet
from gtxnode.accuser import Accuser, accusation, fewest_signatures
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import FixedSets, RegistrySets
from gtxnode.ledger.bodies import Evidence
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.ledger.transactions import UnverifiedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Zone
from storage.memory import MemoryStore
from tests.ledger.little_chain import CHAIN
from tests.ledger.little_registry import node, precommit, prevote, proposal

EPOCH = 5
KEY = bytes(31) + b"\x07"


class Seen:
    """An accuser of a chain in memory, and what it has sent."""

    def __init__(self, *, registry: bool = True) -> None:
        founders = ValidatorSet([Validator(node("anan"), 100, region=Zone.BANGKOK)])
        store = ChainStore.on(
            MemoryStore(),
            CHAIN,
            bytes(32),
            0,
            ChainParameters(staking=StakingRules(epoch_blocks=EPOCH), registry=registry),
            initial_coins(CHAIN, [], validators=founders if registry else None),
        )
        self.sent: list[UnverifiedTransaction] = []
        self.full = False
        sets = RegistrySets(store.database, EPOCH) if registry else FixedSets(founders, bytes(32))
        self.accuser = Accuser(store, sets, KEY, self._submit)

    def _submit(self, parsed: UnverifiedTransaction) -> None:
        if self.full:
            raise Refused(Reason.POOL_FULL)
        self.sent.append(parsed)


def pair(height: int, salt: str = "") -> tuple[Vote, Vote]:
    return prevote("anan", height, f"one{salt}"), prevote("anan", height, f"two{salt}")


def test_an_offence_is_brought_once_for_each_epoch() -> None:
    seen = Seen()
    assert seen.accuser.accuse(*pair(1))
    assert not seen.accuser.accuse(*pair(1))
    assert not seen.accuser.accuse(*pair(2, "other"))
    assert not seen.accuser.accuse(precommit("anan", 5, "one"), precommit("anan", 5, "two"))
    assert seen.accuser.accuse(*pair(EPOCH + 1))
    assert len(seen.sent) == 2
    (sent, _) = seen.sent
    assert isinstance(sent.body, Evidence)
    assert all(signing.verify_slice(sent.signature_checks()))


def test_only_the_registry_is_told() -> None:
    seen = Seen(registry=False)
    assert not seen.accuser.accuse(*pair(1))
    assert seen.sent == []


def test_what_could_not_be_sent_is_sent_with_the_next_pair() -> None:
    seen = Seen()
    seen.full = True
    assert not seen.accuser.accuse(*pair(1))
    seen.full = False
    assert seen.accuser.accuse(*pair(2))


@pytest.mark.parametrize(
    ("first", "second"),
    [pair(1), (proposal("anan", 1, "one"), proposal("anan", 1, "two"))],
    ids=["votes", "proposals"],
)
def test_the_order_of_the_two_does_not_matter(
    first: Vote | Proposal, second: Vote | Proposal
) -> None:
    assert accusation(first, second) == accusation(second, first)


def test_the_place_of_an_offence_has_as_few_signatures_as_prove_it() -> None:
    stakes = {"anan": 40, "boon": 30, "chai": 20, "dao": 10}
    voters = ValidatorSet([Validator(node(name), stake) for name, stake in stakes.items()])
    signatures = [CommitSignature(node(name), bytes(64)) for name in stakes]
    signatures.sort(key=lambda each: each.validator)
    fewest = fewest_signatures(voters, Commit(7, 0, bytes(32), tuple(signatures)))
    assert {each.validator for each in fewest.signatures} == {node("anan"), node("boon")}
    check_commit_shape(voters, bytes(32), 7, fewest)
    away = [each for each in signatures if each.validator != node("anan")]
    few = Commit(7, 0, bytes(32), tuple(away))
    assert fewest_signatures(voters, few) == few
