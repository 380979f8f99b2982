"""What authorities say to stop trading, and to let it go on. They pay no fee."""

import msgspec

from gtxnode.ledger.authority.acts import IssuedMs
from gtxnode.ledger.authority.halts import Cause, Scope
from gtxnode.metering.meters import Seconds


class Halt(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=45):
    """Stop trading in a scope until a time."""

    scope: Scope
    until_s: Seconds
    cause: Cause
    issued_ms: IssuedMs


class Lift(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=46):
    """End a halt before its time."""

    scope: Scope
    issued_ms: IssuedMs
