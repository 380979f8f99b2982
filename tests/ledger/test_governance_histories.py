"""Random histories of votes, held against a reference that follows each proposal by hand.

`LittleRegistry` holds every block against the invariants: deposits are money, the agenda names what
is open, what is voted on has an electorate. Here stakes move, validators are slashed, votes are
cast twice and by strangers, and changes overlap.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import CastVote, Propose
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.registry.amendments import amended, value_of
from gtxnode.ledger.registry.proposals import Proposal, Status
from gtxnode.ledger.registry.validators import last_height_of
from gtxnode.ledger.registry.votes import Choice, tally
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Refused
from tests.ledger.little_chain import GTX
from tests.ledger.little_registry import LittleRegistry, double_vote

FOUNDERS = ("anan", "boon")
OTHERS = ("chai", "dao")
PEOPLE = (*FOUNDERS, *OTHERS)
CHANGES = (
    ("min_fee_ugtx", "2000"),
    ("min_fee_ugtx", "3000"),
    ("orders.min_wh", "200"),
    ("governance.voting_epochs", "1"),
    ("governance.deposit_ugtx", "5000000"),
    ("governance.quorum_ppm", "900000"),
    ("min_fee_ugtx", "-1"),
)

steps = st.tuples(
    st.sampled_from(
        ["propose", "propose", "poll", "poll", "vote", "stake", "unstake", "cheat", "steal"]
    ),
    st.integers(0, len(PEOPLE) - 1),
    st.integers(0, len(CHANGES) - 1),
    st.sampled_from([Choice.YES, Choice.YES, *Choice]),
)  # fmt: skip
blocks = st.tuples(st.lists(steps, max_size=3), st.integers(0, 2))
histories = st.lists(blocks, min_size=15, max_size=40)


@dataclass
class Followed:
    """A proposal as the reference knows it."""

    body: Propose
    made: Proposal
    stakes: dict[bytes, int] | None = None
    votes: dict[bytes, Choice] = field(default_factory=dict)
    status: Status = Status.WAITING


def sent_by(
    chain: LittleRegistry, made: int, kind: str, who: int, which: int, choice: Choice
) -> list[CheckedTransaction]:
    """What a step sends, if there is a way to; `made` is how many proposals there are."""
    name, number = PEOPLE[who], max(1, made - which % 3)
    owner = owner_of(name)
    try:
        match kind:
            case "propose":
                return [chain.propose(owner, CHANGES[which])]
            case "poll":
                # Most agree.
                against = Choice(1 + which % 3)
                voters = [each for each in PEOPLE if chain.validator(each) is not None]
                return [
                    chain.vote(each, number, against if each == name else choice, by=owner_of(each))
                    for each in voters
                ]
            case "vote":
                return [chain.vote(name, number, choice, by=owner)]
            case "steal":
                return [chain.vote(name, number, choice, by="thief")]
            case "stake":
                known = chain.validator(name) is not None
                return [chain.stake(name, (10 + which) * GTX, by=owner, register=not known)]
            case "unstake":
                return [chain.unstake(name, (10 + 9 * which) * GTX, by=owner)]
            case _:
                return [double_vote(name, max(1, chain.height - which))]
    except wallet.InsufficientFunds:
        return []


def owner_of(name: str) -> str:
    """Founders' stakes belong to their nodes' own keys."""
    return f"{name}'s node" if name in FOUNDERS else name


def end_of_epoch(
    chain: LittleRegistry, followed: dict[int, Followed], held: ChainParameters, epoch: int
) -> ChainParameters:
    """What the rules say becomes of each proposal where an epoch has ended; what holds next."""
    for number in sorted(followed):
        each = followed[number]
        if each.status is Status.WAITING and each.made.voting_epoch == epoch + 1:
            found = [chain.validator(name) for name in PEOPLE]
            each.stakes = {
                v.public_key: v.stake_ugtx for v in found if v is not None and v.eligible
            }
            each.status = Status.VOTING
        elif each.status is Status.VOTING and each.made.last_voting_epoch == epoch:
            assert each.stakes is not None
            keys = sorted(each.stakes)
            choices = bytes(each.votes.get(key, 0) for key in keys)
            count = tally([each.stakes[key] for key in keys], choices)
            if not count.is_quorate(each.made.quorum_ppm):
                each.status = Status.NO_QUORUM
            elif count.is_approved(each.made.approval_ppm):
                each.status = Status.PASSED
            else:
                each.status = Status.REJECTED
        if each.status is Status.PASSED and each.made.activation_epoch == epoch + 1:
            now = tuple(value_of(held, change.name) for change in each.body.changes)
            if now != each.made.replaced:
                each.status = Status.SUPERSEDED
                continue
            try:
                held = amended(held, each.body.changes)
                each.status = Status.ENACTED
            except Refused:
                each.status = Status.INVALID
    return held


@settings(max_examples=25)
@given(histories)
def test_votes_come_out_as_the_reference_has_them(
    history: list[tuple[list[tuple[str, int, int, Choice]], int]],
) -> None:
    chain = LittleRegistry(FOUNDERS, (*OTHERS, "thief"))
    followed: dict[int, Followed] = {}
    held = chain.parameters.shared()
    for wanted, empty in history:
        sent = [each for step in wanted for each in sent_by(chain, len(followed), *step)]
        for batch in (sent, *[[]] * empty):
            epoch = chain.epoch
            outcome = chain.block(*batch)
            for each, receipt in zip(batch, outcome.receipts, strict=True):
                if not receipt.ok:
                    continue
                if isinstance(each.body, Propose):
                    number = len(followed) + 1
                    followed[number] = Followed(each.body, chain.proposal(number))
                elif isinstance(each.body, CastVote):
                    voted = followed[each.body.proposal]
                    assert voted.status is Status.VOTING
                    assert voted.stakes is not None
                    assert each.body.validator in voted.stakes
                    voted.votes[each.body.validator] = each.body.choice
            if chain.height == last_height_of(epoch, chain.rules.epoch_blocks):
                held = end_of_epoch(chain, followed, held, epoch)
            assert chain.parameters.shared() == held
            for number, known in followed.items():
                assert chain.proposal(number).status is known.status
