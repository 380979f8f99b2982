"""What the regulator's rules go by: figures of policy for acts, halts and limits of use."""

from typing import Annotated

import msgspec


class ComplianceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What acts of authorities are held against."""

    max_ahead_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 60_000
    """How far ahead of the block's time an act may be dated: a clock that is wrong must not
    keep an authority from acting later."""
