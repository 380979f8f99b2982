"""What the regulator's rules go by: figures of policy for acts, halts and limits of use."""

from typing import Annotated

import msgspec

from gtxnode.ledger.market.usage import MAX_LIMITS, UsageLimit
from gtxnode.metering.readings import DAY_S, Duration
from gtxnode.primitives.errors import Reason

VIOLATIONS = frozenset(
    {
        Reason.NOT_AUTHORISED,
        Reason.HALTED,
        Reason.USAGE_LIMIT,
        Reason.NO_LICENCE,
        Reason.ORDER_TOO_SMALL,
        Reason.ORDER_TOO_LARGE,
        Reason.PRICE_OUT_OF_BOUNDS,
        Reason.TOO_MANY_ORDERS,
        Reason.BLOCK_VOLUME_EXCEEDED,
        Reason.OVER_CAPACITY,
        Reason.UNREGISTERED_METER,
        Reason.METER_RETIRED,
        Reason.IMPORT_EXCEEDED,
        Reason.WRONG_METER_KEY,
        Reason.EXPORT_NOT_ALLOWED,
    }
)
"""Refusals that break a rule of the market or of metering, and so are kept for the regulator. What
is only mistaken or late (a spent input, a replayed reading) is not."""


class ComplianceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What acts of authorities are held against."""

    max_ahead_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 60_000
    """How far ahead of the block's time an act may be dated: a clock that is wrong must not
    keep an authority from acting later."""
    max_halt_s: Duration = 366 * DAY_S
    """The longest halt by ERC; it may be made anew."""
    max_emergency_s: Duration = DAY_S
    """The longest by EGAT."""
    usage_limits: Annotated[tuple[UsageLimit, ...], msgspec.Meta(max_length=MAX_LIMITS)] = ()

    def __post_init__(self) -> None:
        names = [each.name for each in self.usage_limits]
        if len(set(names)) != len(names):
            raise ValueError(f"usage_limits has a name twice: {sorted(names)}")
