"""What an authority says of a meter. A meter's own word is `gtxnode.metering.meters.Reading`.

A foreign meter's word is a record in a format of its own, which anyone may bring.

None of these pays a fee. Changes are numbered by the meter's revision, so that none of them can be
brought again later, when what it undid has been done once more.
"""

from typing import Annotated

import msgspec

from consensus.encoding import PublicKey
from gtxnode.ledger.bodies.fields import Inputs, Memo
from gtxnode.metering.meters import (
    AddressBytes,
    Capacity,
    Direction,
    MeterId,
    RecordKey,
    Register,
    Revision,
    Seconds,
)
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Shard

MAX_CARRIED_RECORD_BYTES = 4_096
"""Public OCMF records have up to 906. It bounds what a hostile one costs to read: 13 ms."""


class RegisterMeter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A utility vouches for a meter."""

    meter: MeterId
    public_key: PublicKey | RecordKey
    owner: AddressBytes
    province: Province
    """Its zone follows from it, and the utility that answers for it."""
    source: Source
    capacity_w: Capacity
    direction: Direction
    installed_s: Seconds
    import_wh: Register = 0
    """What the registers show when it is installed: that energy is never minted."""
    export_wh: Register = 0


class HomeMeter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=64):
    """A utility says on the registry on which chain a key counts, and for which meter, for good.

    A chain registers no meter, and gives none a key, that has no home there.
    """

    meter: MeterId
    public_key: PublicKey | RecordKey
    """The `context` of a record key says nothing here: its home is that of all its counts."""
    shard: Shard


class RotateMeterKey(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=40):
    """The utility gives a meter a new key. The new key signs as well: somebody holds it.

    The old key need not sign, for it may be lost or stolen, and nor need the owner, who must not
    be able to put a key of his own in the meter's place. A record key cannot sign this: the first
    record shows that somebody holds it.
    """

    meter: MeterId
    revision: Revision
    public_key: PublicKey | RecordKey


class ResetMeter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=41):
    """The utility states what a meter's registers show after it was repaired or its memory lost.

    What flowed between the last accepted reading and `from_s` is never minted, nor what the
    registers show then. Counters begin anew at one.
    """

    meter: MeterId
    revision: Revision
    from_s: Seconds
    """From when the meter is read again; not before the end of its last accepted reading."""
    import_wh: Register
    export_wh: Register


class TransferMeter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=66):
    """The utility says that a meter has another owner: a house is sold.

    What intervals metered that began before `from_s` stays the owner's before it.
    """

    meter: MeterId
    revision: Revision
    owner: AddressBytes
    """The new one."""
    from_s: Seconds
    """From when; not before the end of the meter's last accepted reading, nor ahead."""


class JudgeHeld(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=43):
    """The utility has looked at suspect readings: what they exported counts, or never will."""

    inputs: Inputs
    """What is held, all of it in the territory of who signs."""
    released: bool
    """Whether it becomes its owners' energy; void if not."""
    memo: Memo = b""


class RetireMeter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=42):
    """The utility takes a meter out of service for good. Its id is never used again."""

    meter: MeterId
    revision: Revision


class SubmitRecord(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=44):
    """What a foreign meter signed, as it signed it. It is a reading, and is kept for audit."""

    meter: MeterId
    key: RecordKey
    """As the meter is registered with: so the record is held against it without the state."""
    record: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_CARRIED_RECORD_BYTES)]
    """OCMF or COSE_Sign1, to the byte as it was received."""
