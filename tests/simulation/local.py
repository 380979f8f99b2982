"""One correct validator as a value: the real driver, what it sent, and what may reach it.

The parts of an exhaustive search; `exhaustive.py` says what is searched.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from consensus.driver import DriverState, step
from consensus.errors import PeerError
from consensus.events import (
    BlockJudged,
    BuildValue,
    CommitReceived,
    Effect,
    Input,
    PolkaReceived,
    ProposalReceived,
    ProposalSigned,
    Send,
    Sign,
    Timeout,
    TimeoutFired,
    ValueBuilt,
    VerifiedCommit,
    VerifiedPolka,
    VerifiedProposal,
    VerifiedVote,
    VoteReceived,
    VoteSigned,
)
from consensus.evidence import offence_of
from consensus.messages import (
    ProposalMessage,
    VoteMessage,
    commit_from_votes,
    polka_from_votes,
)
from consensus.round import Step, TimeoutKind
from consensus.types import Block, Proposal, Vote, VoteKind, block_id
from tests.simulation.blocks import make_block
from tests.simulation.checker import Violation

Sent = Vote | ProposalMessage
Place = tuple[int, int]
"""Round, and 0 for a proposal, 1 for a prevote, 2 for a precommit."""


@dataclass(frozen=True, slots=True)
class Local:
    """One correct validator: its driver, and all that it ever sent."""

    state: DriverState
    sent: tuple[Sent, ...]


@cache
def key_of(place: int) -> bytes:
    """The key of a validator."""
    return bytes([2]) + bytes([place]) * 32


@cache
def value(round_: int, variant: str) -> Block:
    """A block made up for a round."""
    return make_block(1, f"{round_}{variant}".encode(), None, bytes(33))


@cache
def id_of(block: Block) -> bytes:
    """The block's id."""
    identity = block_id(block.header)
    _made[identity] = block
    return identity


_made: dict[bytes, Block] = {}


def deliver(local: Local, batch: Iterable[Input]) -> Local | None:
    """After these inputs; None where the driver refuses one."""
    for event in batch:
        try:
            state, effects = step(local.state, event)
        except PeerError:
            return None
        local = settle(Local(state, local.sent), effects)
    return local


def settle(local: Local, effects: tuple[Effect, ...]) -> Local:
    """Sign and build at once, which is as good as sending late. Judging takes its time."""
    state, sent, waiting = local.state, local.sent, list(effects)
    while waiting:
        event: Input
        match waiting.pop(0):
            case Sign(Vote() as vote):
                event = VoteSigned(vote)
            case Sign(Proposal() as proposal):
                event = ProposalSigned(proposal)
            case BuildValue(height, round_):
                event = ValueBuilt(height, round_, value(round_, "a"))
            case Send(VoteMessage(vote)):
                sent = (*sent, vote)
                continue
            case Send(ProposalMessage(proposal, block)):
                # The polka beside it is votes that can be had one by one.
                sent = (*sent, ProposalMessage(proposal, block, None))
                continue
            case _:
                continue
        state, more = step(state, event)
        waiting.extend(more)
    return Local(state, sent)


def answers(local: Local) -> Iterator[tuple[Input, ...]]:
    """What its own timers and its own application may say."""
    state = local.state
    for kind in sorted(state.timers):
        yield (TimeoutFired(Timeout(kind, 1, state.round)),)
    for held in state.proposals.values():
        for each in held:
            if each.proposal.block_id not in state.judged:
                yield (BlockJudged(each.proposal.block_id, True),)


def taken(message: ProposalMessage) -> tuple[Input, ...]:
    """A proposal arrives, and is judged at once, which is as good as arriving late."""
    verified = VerifiedProposal(message.proposal, message.block, None)
    return ProposalReceived(verified), BlockJudged(message.proposal.block_id, True)


def received(vote: Vote) -> Input:
    """A vote arrives."""
    return VoteReceived(VerifiedVote(vote))


def certified(votes: list[Vote]) -> tuple[Input, ...]:
    """A certificate arrives, a commit with its block."""
    if votes[0].kind is VoteKind.PREVOTE:
        return (PolkaReceived(VerifiedPolka(polka_from_votes(votes))),)
    commit = commit_from_votes(votes)
    verified = VerifiedCommit(commit, _made[commit.block_id])
    return CommitReceived(verified), BlockJudged(commit.block_id, True)


def votes_in(bag: Collection[Sent], kind: VoteKind, number: int) -> list[Vote]:
    """The votes of one kind in one round."""
    return [
        each for each in bag if isinstance(each, Vote) and (each.kind, each.round) == (kind, number)
    ]


def useful(state: DriverState) -> frozenset[TimeoutKind]:
    """The timers that run and can still do something."""
    return frozenset(kind for kind in state.timers if state.step in _USEFUL[kind])


def place_of(message: Sent) -> Place:
    """Where in the height a message belongs."""
    if isinstance(message, ProposalMessage):
        return message.proposal.round, 0
    return message.round, 1 if message.kind is VoteKind.PREVOTE else 2


def check_rules(local: Local) -> None:
    """Nothing that it sent accuses it."""
    said = (each if isinstance(each, Vote) else each.proposal for each in local.sent)
    for first, second in combinations(said, 2):
        if offence_of(first, second) is not None:
            raise Violation(f"a correct validator can be accused: {first}, {second}")


_USEFUL = {
    TimeoutKind.PROPOSE: (Step.PROPOSE,),
    TimeoutKind.PREVOTE: (Step.PREVOTE,),
    TimeoutKind.PRECOMMIT: (Step.PROPOSE, Step.PREVOTE, Step.PRECOMMIT),
    TimeoutKind.REBROADCAST: (),
}
