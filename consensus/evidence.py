"""What two signed messages of one validator prove against it, and how such a pair is found.

| offence          | the pair, of one height                                                     |
|------------------|-----------------------------------------------------------------------------|
| DOUBLE_PREVOTE   | two different prevotes of one round                                         |
| DOUBLE_PRECOMMIT | two different precommits of one round                                       |
| DOUBLE_PROPOSAL  | two different proposals of one round                                        |
| AMNESIA          | a precommit for a block in round p, and a prevote for another block in a    |
|                  | round after p, whose `valid_round` is before p                              |

Why the last is one: who precommits a block in p is locked on it (36-39), and prevotes another
block only by a polka of p or later (28-30), which its prevote names as `valid_round`. A lock
that has moved on since was moved by a later polka, and the prevote names that one.

Invariant: no pair of messages that this library ever asked a signer for is an offence, however
they were lost, delayed or reordered, as long as the journal is kept. What two messages cannot
prove: a validator that forgets its lock and *claims* a later polka that never was. The claim
names a round, and nobody can show that round's polka; that takes an enquiry, not a pair.

Sources: Buchman, Kwon, Milosevic, algorithm 1; the fork scenarios of the same protocol's
accountability specification (equivocation, amnesia).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from consensus import signing
from consensus.errors import PeerError, Refusal
from consensus.events import Evidence
from consensus.tally import Tally
from consensus.types import (
    Proposal,
    Vote,
    VoteKind,
    proposal_digest,
    vote_digest,
    without_signature,
)
from consensus.validators import ValidatorSet

Signed = Vote | Proposal

MAX_MESSAGES_PER_VALIDATOR = 256
"""Of one validator and height, `find_evidence` looks at this many different messages, the
first; a flood of more proves its double votes long before."""


class Offence(StrEnum):
    """What a pair proves. The values are stable."""

    DOUBLE_PREVOTE = "double_prevote"
    DOUBLE_PRECOMMIT = "double_precommit"
    DOUBLE_PROPOSAL = "double_proposal"
    AMNESIA = "amnesia"


class InvalidEvidence(PeerError):
    """Two messages that prove nothing; `reason` says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An offence and the pair that proves it. One is enough to punish (signer, height, offence):
    a faulty signer can make any number of pairs, and of signatures under each."""

    offence: Offence
    first: Signed
    second: Signed


def check_evidence(
    chain_id: str, validators: ValidatorSet, first: Signed, second: Signed
) -> Offence:
    """What the pair proves, its signatures checked. `validators`: those of the pair's height.

    The order of the two does not matter. `InvalidEvidence` otherwise.
    """
    for message in (first, second):
        if signer_of(message) not in validators:
            raise InvalidEvidence(Refusal.UNKNOWN_VALIDATOR, signer_of(message).hex())
        if not _well_formed(message):
            raise InvalidEvidence(Refusal.BAD_VALID_ROUND, "no peer takes such a message")
    offence = offence_of(first, second)
    if offence is None:
        raise InvalidEvidence(Refusal.NO_OFFENCE, "the two can stand beside each other")
    checks = [
        (signer_of(each), _digest(chain_id, each), each.signature) for each in (first, second)
    ]
    if not all(signing.verify_slice(checks)):
        raise InvalidEvidence(Refusal.BAD_SIGNATURE, "one of the two was never signed")
    return offence


def offence_of(first: Signed, second: Signed) -> Offence | None:
    """What the contents of two messages prove, if their signatures hold; None for nothing."""
    if signer_of(first) != signer_of(second) or first.height != second.height:
        return None
    match first, second:
        case Proposal(), Proposal():
            return Offence.DOUBLE_PROPOSAL if _differ(first, second) else None
        case Vote(kind=one), Vote(kind=other) if one is other:
            if not _differ(first, second):
                return None
            prevotes = one is VoteKind.PREVOTE
            return Offence.DOUBLE_PREVOTE if prevotes else Offence.DOUBLE_PRECOMMIT
        case Vote(kind=VoteKind.PRECOMMIT), Vote():
            return Offence.AMNESIA if _forgot(first, second) else None
        case Vote(), Vote():
            return Offence.AMNESIA if _forgot(second, first) else None
    return None


def accusations(tally: Tally, votes: Iterable[Vote]) -> tuple[Evidence, ...]:
    """What votes prove beside those that count; one accusation at most for each vote.

    Who was accused of two votes under a key is not accused under it again. Bounded by the
    rounds that the tally keeps.
    """
    found = (_accusation(tally, vote) for vote in votes)
    return tuple(each for each in found if each is not None)


def find_evidence(messages: Iterable[Signed]) -> tuple[Finding, ...]:
    """One finding for each signer, height and offence that these messages prove, in the order
    of signers and heights. For an audit of all that several nodes have seen.

    Signatures are not checked: every finding goes through `check_evidence` before it counts.
    """
    seen: dict[tuple[bytes, int], dict[Signed, Signed]] = defaultdict(dict)
    for message in messages:
        kept = seen[signer_of(message), message.height]
        if len(kept) < MAX_MESSAGES_PER_VALIDATOR:
            kept.setdefault(without_signature(message), message)
    return tuple(
        finding for place in sorted(seen) for finding in _findings(tuple(seen[place].values()))
    )


def signer_of(message: Signed) -> bytes:
    """Whose message it is."""
    return message.validator if isinstance(message, Vote) else message.proposer


def _findings(messages: tuple[Signed, ...]) -> Iterator[Finding]:
    named: set[Offence] = set()
    for first, second in combinations(messages, 2):
        offence = offence_of(first, second)
        if offence is not None and offence not in named:
            named.add(offence)
            yield Finding(offence, first, second)


def _accusation(tally: Tally, vote: Vote) -> Evidence | None:
    counted = tally.find(vote)
    if counted is not None:
        known = (vote.validator, vote.round, vote.kind) in tally.equivocators
        return None if known or not _differ(counted, vote) else Evidence(counted, vote)
    other = VoteKind.PREVOTE if vote.kind is VoteKind.PRECOMMIT else VoteKind.PRECOMMIT
    for number in sorted(tally.rounds):
        beside = tally.votes(number, other).get(vote.validator)
        if beside is not None and offence_of(beside, vote) is Offence.AMNESIA:
            return Evidence(beside, vote)
    return None


def _differ(first: Signed, second: Signed) -> bool:
    return first.round == second.round and without_signature(first) != without_signature(second)


def _forgot(precommit: Vote, prevote: Vote) -> bool:
    return (
        precommit.block_id is not None
        and prevote.block_id is not None
        and precommit.block_id != prevote.block_id
        and prevote.valid_round < precommit.round < prevote.round
    )


def _well_formed(message: Signed) -> bool:
    """What `verify` lets through: only a proposal, or a prevote for a block, has a valid round."""
    if isinstance(message, Proposal):
        return message.valid_round < message.round
    if message.kind is VoteKind.PREVOTE and message.block_id is not None:
        return message.valid_round < message.round
    return message.valid_round == -1


def _digest(chain_id: str, message: Signed) -> bytes:
    if isinstance(message, Vote):
        return vote_digest(chain_id, message)
    return proposal_digest(chain_id, message)
