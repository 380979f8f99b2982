"""The tally of one height: votes in, thresholds out.

A vote counts once per (validator, height, round, kind), whatever its signature, so the
second vote of an equivocator weighs nothing. Stake is the only weight. Values are never
changed in place: a tally that is handed on stays what it was.

A certificate is taken whole: its quorum stands even where we had counted a different
vote of one of its signers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from consensus.types import Vote, VoteKind, without_signature
from consensus.validators import ValidatorSet

Quorum = tuple[VoteKind, int, bytes | None]
"""(kind, round, value) that two thirds voted for."""


@dataclass(frozen=True, slots=True)
class Count:
    """The votes of one kind in one round."""

    votes: Mapping[bytes, Vote] = field(default_factory=dict)
    stake_by_value: Mapping[bytes | None, int] = field(default_factory=dict)
    stake: int = 0


@dataclass(frozen=True, slots=True)
class RoundVotes:
    """Both counts of one round, and the stake of all who voted in it."""

    prevotes: Count = Count()
    precommits: Count = Count()
    voters_stake: int = 0

    def of(self, kind: VoteKind) -> Count:
        """The count of this kind."""
        return self.prevotes if kind is VoteKind.PREVOTE else self.precommits


_EMPTY = RoundVotes()


@dataclass(frozen=True, slots=True)
class Tally:
    """All votes of one height that count, and the quorums they or certificates made."""

    validators: ValidatorSet
    rounds: Mapping[int, RoundVotes] = field(default_factory=dict)
    quorums: frozenset[Quorum] = frozenset()
    equivocators: frozenset[tuple[bytes, int, VoteKind]] = frozenset()

    def votes(self, round_: int, kind: VoteKind) -> Mapping[bytes, Vote]:
        """The votes that count, by validator."""
        return self.rounds.get(round_, _EMPTY).of(kind).votes

    def find(self, vote: Vote) -> Vote | None:
        """The vote that counts under this vote's key, if there is one."""
        return self.votes(vote.round, vote.kind).get(vote.validator)

    def has_quorum(self, kind: VoteKind, round_: int, value: bytes | None) -> bool:
        """Two thirds for this value."""
        return (kind, round_, value) in self.quorums

    def has_any_quorum(self, kind: VoteKind, round_: int) -> bool:
        """Two thirds voted, whatever for."""
        return self.validators.has_quorum(self.rounds.get(round_, _EMPTY).of(kind).stake)

    def highest_skip(self, above: int) -> int | None:
        """The highest round over `above` in which more than a third have voted."""
        reached = (
            number
            for number, votes in self.rounds.items()
            if number > above and self.validators.has_honest(votes.voters_stake)
        )
        return max(reached, default=None)


def add(tally: Tally, vote: Vote) -> Tally:
    """Count a vote of a validator of the set whose key is still free."""
    assert tally.find(vote) is None, "one vote per validator, round and kind"
    before = tally.rounds.get(vote.round, _EMPTY)
    stake = tally.validators.stake_of(vote.validator)
    count = before.of(vote.kind)
    weight = count.stake_by_value.get(vote.block_id, 0) + stake
    count = Count(
        {**count.votes, vote.validator: vote},
        {**count.stake_by_value, vote.block_id: weight},
        count.stake + stake,
    )
    # Spelled out, since `replace` costs more than all the rest of a vote.
    if vote.kind is VoteKind.PREVOTE:
        prevotes, precommits, other = count, before.precommits, before.precommits
    else:
        prevotes, precommits, other = before.prevotes, count, before.prevotes
    is_new = vote.validator not in other.votes
    voters_stake = before.voters_stake + (stake if is_new else 0)
    quorums = tally.quorums
    if tally.validators.has_quorum(weight):
        quorums |= {(vote.kind, vote.round, vote.block_id)}
    rounds = {**tally.rounds, vote.round: RoundVotes(prevotes, precommits, voters_stake)}
    return Tally(tally.validators, rounds, quorums, tally.equivocators)


def add_certificate(tally: Tally, votes: Iterable[Vote], quorum: Quorum) -> Tally:
    """Take a verified certificate whole; votes whose key is taken only stand in its quorum.

    Who voted otherwise under that key has voted twice, and is marked.
    """
    for vote in votes:
        counted = tally.find(vote)
        if counted is None:
            tally = add(tally, vote)
        elif without_signature(counted) != without_signature(vote):
            tally = mark_equivocator(tally, vote)
    return replace(tally, quorums=tally.quorums | {quorum})


def mark_equivocator(tally: Tally, vote: Vote) -> Tally:
    """Note that evidence was given under this vote's key, so that it is given once."""
    key = (vote.validator, vote.round, vote.kind)
    return replace(tally, equivocators=tally.equivocators | {key})


def without_rounds(tally: Tally, dropped: Iterable[int]) -> Tally:
    """Forget whole rounds."""
    gone = frozenset(dropped)
    return replace(
        tally,
        rounds={number: votes for number, votes in tally.rounds.items() if number not in gone},
        quorums=frozenset(quorum for quorum in tally.quorums if quorum[1] not in gone),
        equivocators=frozenset(key for key in tally.equivocators if key[1] not in gone),
    )


def without_votes(tally: Tally, validator: bytes, round_: int) -> Tally:
    """Forget one validator's votes in one round; quorums already made by them stand."""
    kept = [
        vote
        for kind in VoteKind
        for vote in tally.votes(round_, kind).values()
        if vote.validator != validator
    ]
    rounds = {number: votes for number, votes in tally.rounds.items() if number != round_}
    emptied = replace(tally, rounds=rounds)
    for vote in kept:
        emptied = add(emptied, vote)
    return emptied
