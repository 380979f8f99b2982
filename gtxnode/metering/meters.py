"""A meter as the ledger knows it, and what a meter signs.

A meter's registers are cumulative, so a reading says everything since the one it follows. The
ledger keeps one `Meter` per device; each accepted reading replaces it (readings.py).

Units: energy in Wh, power in W, time in seconds since 1970 (UTC).
"""

from enum import IntEnum, IntFlag
from typing import Annotated

import msgspec

from consensus.encoding import PublicKey
from consensus.hashing import Domain
from gtxnode.primitives.addresses import ADDRESS_BYTES
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.units import MAX_AMOUNT
from gtxnode.primitives.zones import Zone

METER_ID_BYTES = 16
MAX_TIME_S = 2**40
"""A limit on times, so that no arithmetic on them leaves 63 bits."""
MAX_CAPACITY_W = 10**9
"""A gigawatt: more than any one connection carries."""
MAX_OPEN_MONTHS = 12
"""A limit on the months whose import can still be covered by retired energy."""

AddressBytes = Annotated[bytes, msgspec.Meta(min_length=ADDRESS_BYTES, max_length=ADDRESS_BYTES)]
MeterId = Annotated[bytes, msgspec.Meta(min_length=METER_ID_BYTES, max_length=METER_ID_BYTES)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME_S)]
Register = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
Revision = Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)]
"""Which change of a meter it is: one more than the meter's, once that change is made."""
Counter = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
Capacity = Annotated[int, msgspec.Meta(gt=0, le=MAX_CAPACITY_W)]

_METER_ID = Domain("meter-id")


class Direction(IntEnum):
    """Which way energy may flow through a meter. The numbers are on the wire."""

    CONSUMPTION_ONLY = 1
    BOTH = 2


class KeyCurve(IntEnum):
    """The curves on which a foreign meter's key may lie. The numbers are on the wire."""

    SECP224R1 = 1
    SECP256R1 = 2
    SECP256K1 = 3
    SECP384R1 = 4
    SECP521R1 = 5
    BRAINPOOL256R1 = 6
    BRAINPOOL384R1 = 7
    BRAINPOOL512R1 = 8


class RecordKey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Whose records are a foreign meter's readings: it signs in a format of its own."""

    curve: KeyCurve
    point: Annotated[bytes, msgspec.Meta(min_length=57, max_length=133)]
    """Uncompressed: 0x04, X, Y."""
    serial: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    """As the meter's records have it."""
    context: Annotated[str, msgspec.Meta(max_length=1)] = ""
    """Which of the meter's counts its readings go by: in OCMF `T` or `F`, else empty."""

    @property
    def identity(self) -> bytes:
        """The key and serial, whichever of the meter's counts is read."""
        return bytes([self.curve]) + self.point + self.serial.encode()


class Quality(IntFlag):
    """What a meter says of a reading's quality. The bits are on the wire."""

    CLOCK_NOT_SET = 1
    ESTIMATED = 2
    """A value was put in for one that could not be measured."""
    TAMPERED = 4
    """Its cover or terminals were opened, or a magnet was near."""
    FAULTY = 8
    POWER_LOST = 16
    """It was without power for a part of the interval. Nothing is wrong with that."""


MAX_QUALITY = 31
"""All of them."""


class MonthImport(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a meter took in within a month, and how much of it retired energy has covered."""

    month: Annotated[int, msgspec.Meta(ge=0, le=2**20)]
    """Since January 1970, in Bangkok."""
    imported_wh: Register
    covered_wh: Register


MonthImports = Annotated[tuple[MonthImport, ...], msgspec.Meta(max_length=MAX_OPEN_MONTHS)]


class FormerOwner(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who owned a meter until a time: whatever it metered in intervals that began before is his."""

    owner: AddressBytes
    until_s: Seconds
    imports: MonthImports = ()
    """What he took in, of the months that can still be covered."""


class Meter(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """A registered meter: who and what it is, and its last accepted reading."""

    meter: MeterId
    public_key: PublicKey | RecordKey
    """A native meter's on secp256k1, or what a foreign meter's records are held against."""
    owner: AddressBytes
    """Whom the energy that it exports belongs to."""
    province: Province
    source: Source
    capacity_w: Capacity
    """What may flow through it, in either direction."""
    direction: Direction
    counter: Counter
    """That of the last accepted reading; zero before the first."""
    end_s: Seconds
    """The end of the last accepted interval; before the first, when it was installed."""
    import_wh: Register
    export_wh: Register
    revision: Counter = 0
    """How often its utility has changed it."""
    retired: bool = False
    """Out of service. The coin stays, so that nobody registers the id anew."""
    moved_s: Seconds = 0
    """The end of the last interval in which a register moved; before the first, as `end_s`."""
    imports: MonthImports = ()
    """Of the months that can still be covered, ascending; those without import are left out."""
    former: FormerOwner | None = None
    """Its last owner but one. It is forgotten with the next change of owner."""

    @property
    def zone(self) -> Zone:
        """Where its energy is made and used."""
        return self.province.zone

    def owner_at(self, start_s: int) -> bytes:
        """Whose an interval is that began then."""
        if self.former is not None and start_s < self.former.until_s:
            return self.former.owner
        return self.owner


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """What a meter signs: what its registers show at the end of an interval."""

    meter: MeterId
    counter: Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)]
    """Rises with every reading that the meter signs."""
    previous_counter: Counter
    """The reading that this one follows. A difference over one declares a gap."""
    start_s: Seconds
    end_s: Seconds
    import_wh: Register
    export_wh: Register
    voltage_mv: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    frequency_mhz: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    """Millihertz."""
    power_factor_ppm: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] | None = None
    quality: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUALITY)] = 0
    """The flags of `Quality` that hold, added up."""


def meter_id_of(public_key: bytes) -> bytes:
    """The usual id of a meter: 16 bytes from the key it is first registered with.

    The id stays when the key is rotated, and an authority may choose another.
    """
    return _METER_ID.hash(public_key)[:METER_ID_BYTES]
