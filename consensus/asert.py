"""The target that admitted work follows: ASERT, as aserti3-2d defines it, in integers.

    target = anchor_target * 2 ** ((time_delta - ideal_spacing * (height_delta + 1)) / halflife)

Absolutely scheduled: the target follows from an anchor and two differences, not from the
targets between, so nothing is carried along and no rounding adds up.

Invariant: the same arguments give the same target on every machine, within 0.013 % of the
formula; it is within 1 and the maximum, never falls as time goes on and never rises as more
is admitted.

Source: the specification of aserti3-2d (Bitcoin Cash, November 2020), whose published vectors
`tests/vectors/test_asert.py` replays. Units: any one unit of time throughout.
"""

from dataclasses import dataclass
from typing import Final

from consensus.work import MAX_TARGET

_RADIX_BITS: Final = 16
_RADIX: Final = 1 << _RADIX_BITS
"""Exponents are counted in 65,536ths."""
_TARGET_BITS: Final = 256


def asert_target(
    anchor_target: int,
    time_delta: int,
    height_delta: int,
    ideal_spacing: int,
    halflife: int,
    max_target: int = MAX_TARGET,
) -> int:
    """The target after `height_delta` more steps than the anchor, `time_delta` later.

    As in aserti3-2d `time_delta` counts from the anchor's *parent*, which is why one spacing
    more than `height_delta` is due; from an anchor that has no parent, pass one step less.
    Either difference may be negative. One `halflife` late doubles the target.

    The one division truncates toward zero; the split into whole and fractional powers, and the
    shift at the end, round down. `ValueError` for a target outside 1 to `max_target`, and for a
    spacing or half-life that is not positive.
    """
    if not 1 <= anchor_target <= max_target <= MAX_TARGET:
        raise ValueError(f"target {anchor_target} is not within 1 to {max_target}")
    if ideal_spacing <= 0 or halflife <= 0:
        raise ValueError(f"spacing {ideal_spacing} and half-life {halflife} must be positive")
    late = time_delta - ideal_spacing * (height_delta + 1)
    exponent = _divide_toward_zero(late * _RADIX, halflife)
    doublings, fraction = exponent >> _RADIX_BITS, exponent % _RADIX
    # Beyond these the clamp is certain, and a shift could ask for any amount of memory.
    if doublings >= _TARGET_BITS:
        return max_target
    if doublings < -_TARGET_BITS:
        return 1
    scaled = anchor_target * _power_of_two(fraction)
    shift = doublings - _RADIX_BITS
    target = scaled << shift if shift >= 0 else scaled >> -shift
    return min(max(target, 1), max_target)


def _power_of_two(fraction: int) -> int:
    """2 ** (fraction / 65536) in 65,536ths, for a fraction from 0 up to 65,535.

    The cubic of the specification; it deviates by less than 0.013 %.
    """
    cubic = 195_766_423_245_049 * fraction + 971_821_376 * fraction**2 + 5_127 * fraction**3
    return _RADIX + ((cubic + (1 << 47)) >> 48)


def _divide_toward_zero(dividend: int, divisor: int) -> int:
    """As C divides; Python's own `//` rounds down."""
    quotient = abs(dividend) // divisor
    return quotient if dividend >= 0 else -quotient


@dataclass(frozen=True, slots=True)
class WorkRule:
    """The parameters of a chain: the rate at which work stays at its price, how quickly the
    price follows, and the target that asks for next to nothing."""

    ideal_spacing_ms: int
    halflife_ms: int
    max_target: int = MAX_TARGET

    def __post_init__(self) -> None:
        if self.ideal_spacing_ms <= 0 or self.halflife_ms <= 0:
            raise ValueError("spacing and half-life must be positive")
        if not 1 <= self.max_target <= MAX_TARGET:
            raise ValueError("the maximum target is not within 1 to 2**256 - 1")


def ahead_after(rule: WorkRule, ahead_ms: int, elapsed_ms: int, admitted: int) -> int:
    """How far admission is ahead of its schedule, once a block is final that admitted so much,
    so long after its parent. Never less than nothing.

    Without that bound a quiet night would be saved up, and a flood in the morning would be free
    until it had used the night's share.
    """
    return max(0, ahead_ms + admitted * rule.ideal_spacing_ms - elapsed_ms)


def target_ahead(rule: WorkRule, ahead_ms: int) -> int:
    """The target for work that builds on a final block which left admission so far ahead."""
    return asert_target(
        rule.max_target,
        -ahead_ms,
        -1,  # What was admitted is in `ahead_ms`, and the anchor is no step of its own.
        rule.ideal_spacing_ms,
        rule.halflife_ms,
        rule.max_target,
    )
