"""Whose turns to propose a final block shows as made or missed, and who rests for missing them.

A block that became final in round r shows the turns of rounds 0 to r. Its commit stands in its
child, and only there is r the same for all: a height's turns count once its child is final, so
the schedule of height h goes by the turns up to h - 2.

Invariant: one height counts at most once for or against a validator, however many rounds it took.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from consensus.encoding import Height
from consensus.proposers import ProposerSchedule

MAX_COUNTED_ROUNDS: Final = 64
"""Of a height that took longer, the turns after these are nobody's fault: a network that was
down, not a proposer."""


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of one height; nobody stands in both `made` and `missed`."""

    made: frozenset[bytes]
    missed: frozenset[bytes]
    author: bytes
    """Whose block it is; among those who made theirs."""
    withheld: bool = False
    """Whether the block came without the reveal that was due (consensus/hash_chain.py)."""

    @property
    def used_up(self) -> frozenset[bytes]:
        """Whose turn left no block of theirs, and so used up a value of their hash chain."""
        return (self.made | self.missed) - {self.author}


class RestRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After `misses` in a row a proposer rests for `heights`."""

    misses: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 3
    heights: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 100


class Misses(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A validator's turns missed in a row, and the heights of its last rest: the first of them,
    and the first after them."""

    in_a_row: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    rests_from: Height = 0
    rests_until: Height = 0


NO_MISSES = Misses()


def turns_of(schedule: ProposerSchedule, height: int, round: int, author: bytes) -> Turns:
    """The turns of a height whose block, made by `author`, became final in `round`.

    The author made its turn, though a later round may have been needed to agree on its block.
    So did the proposer of the last round, who proposed what was agreed on.
    """
    last = schedule.proposer(height, round)
    made = frozenset((author, last))
    called = {schedule.proposer(height, each) for each in range(min(round, MAX_COUNTED_ROUNDS))}
    return Turns(made, frozenset(called - made), author)


def after_turns(
    records: Mapping[bytes, Misses], turns: Turns, height: int, rule: RestRule
) -> dict[bytes, Misses]:
    """The records that change once the turns of a height count, `NO_MISSES` for those that end.

    A turn made ends the row. A miss lengthens it, and from the rule's number on every miss
    brings a rest: who comes back and misses again, rests again. The schedule of the next height
    stands already, so who rests changes from the one after on, and the records go on telling
    who rests at both.
    """
    first = height + 2
    changed = {}
    for key in turns.made | turns.missed | _over(records, first):
        before = records.get(key, NO_MISSES)
        rests_on = before.rests_until >= first
        if key in turns.missed:
            in_a_row = min(before.in_a_row + 1, rule.misses)
            since = before.rests_from if rests_on else first
            rests = in_a_row == rule.misses
            after = Misses(in_a_row, since, first + rule.heights) if rests else Misses(in_a_row)
        elif rests_on:
            after = Misses(0, before.rests_from, first)
        else:
            after = NO_MISSES
        if after != before:
            changed[key] = after
    return changed


def resting(records: Iterable[tuple[bytes, Misses]], height: int) -> frozenset[bytes]:
    """Who rests at a height, the head's or the next."""
    return frozenset(
        key for key, record in records if record.rests_from <= height < record.rests_until
    )


def _over(records: Mapping[bytes, Misses], first: int) -> set[bytes]:
    """Whose record says no more than that a rest has been cut short."""
    return {
        key for key, record in records.items() if not record.in_a_row and record.rests_until < first
    }
