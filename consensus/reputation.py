"""Reputation: a fixed-point average over what final blocks show of a validator, epoch by epoch.

Fixed point in millionths: `SCALE` stands for one. Only integers, only final facts.

Invariant: a reputation is within its rule's floor and cap; more votes signed or turns made never
lower it, more turns missed or offences never raise it; but for an offence, which costs all at
once, an epoch moves it by at most `max_change`.
"""

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from consensus.encoding import MAX_HEIGHT

SCALE: Final = 1_000_000
"""One, in millionths."""

Millionths = Annotated[int, msgspec.Meta(ge=0, le=SCALE)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_HEIGHT)]
Weight = Annotated[int, msgspec.Meta(ge=0, le=1_000)]


class ReputationRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How facts become a reputation. `ValueError` where the figures contradict one another."""

    floor: Millionths = 50_000
    """Not zero: who fell to it can be drawn again, and can mend."""
    start: Millionths = 500_000
    """Of a validator that has not been seen at work."""
    cap: Millionths = SCALE
    votes_weight: Weight = 1
    turns_weight: Weight = 1
    average_epochs: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 8
    """An epoch moves the average by one part in this many of the way to its score."""
    max_change: Annotated[int, msgspec.Meta(ge=1, le=SCALE)] = 50_000
    """By which one epoch may move a reputation at most, offences apart."""
    min_attendance: Millionths = 500_000
    """Whoever signed a lower share of an epoch's heights was down."""
    min_heights: Annotated[int, msgspec.Meta(ge=1, le=MAX_HEIGHT)] = 20
    """Of fewer heights nobody is said to have been down."""

    def __post_init__(self) -> None:
        if not self.floor <= self.start <= self.cap:
            raise ValueError(f"start {self.start} is not within {self.floor} and {self.cap}")
        if self.votes_weight + self.turns_weight == 0:
            raise ValueError("neither votes nor turns weigh anything")


class Conduct(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What final blocks showed of one validator in one epoch.

    `signed` of `heights` precommits that it could give, late ones included
    (`consensus/presence.py`); turns to propose (`consensus/turns.py`); offences that evidence
    proved.
    """

    heights: Count = 0
    signed: Count = 0
    made: Count = 0
    missed: Count = 0
    offences: Count = 0
    withheld: Count = 0
    """Of the turns missed, those whose block came without its reveal."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an epoch's conduct comes to. Who `was_down` is jailed, which costs no stake."""

    reputation: int
    was_down: bool


def judge(reputation: int, conduct: Conduct, rule: ReputationRule) -> Judgement:
    """The reputation after an epoch, from the one before it.

    The average moves a part of the way to the epoch's score, cut toward zero, by `max_change`
    at most. An epoch without facts leaves it alone; an offence leaves the floor.
    """
    assert conduct.signed <= conduct.heights, "nobody signs more heights than there are"
    was_down = (
        conduct.heights >= rule.min_heights
        and SCALE * conduct.signed < rule.min_attendance * conduct.heights
    )
    if conduct.offences:
        return Judgement(rule.floor, was_down)
    change = 0
    if conduct.heights:
        away = _score(conduct, rule) - reputation
        step = min(abs(away) // rule.average_epochs, rule.max_change)
        change = step if away > 0 else -step
    return Judgement(min(max(reputation + change, rule.floor), rule.cap), was_down)


def _score(conduct: Conduct, rule: ReputationRule) -> int:
    """The epoch by itself, 0 to `SCALE`: the weighted mean of precommits signed and turns made.

    Who was never drawn is judged by its precommits alone.
    """
    attendance = SCALE * conduct.signed // conduct.heights
    turns = conduct.made + conduct.missed
    kept = SCALE * conduct.made // turns if turns else attendance
    weights = rule.votes_weight + rule.turns_weight
    return (rule.votes_weight * attendance + rule.turns_weight * kept) // weights
