"""What a foreign meter's record says, and the native reading that says the same.

A record that verifies may still not say enough. What it leaves open is listed in `lacks`, not
guessed; a record that lacks anything makes no reading. Whether a reading says anything *new* is
decided where all readings are judged (readings.py), from the counter, the time and the registers.

Registers are cumulative and finer than a watt-hour in many meters. They are rounded **down** to
whole Wh: the rest is not lost, because it still stands in the register when it is read next.
"""

from enum import StrEnum

import msgspec

from gtxnode.metering.meters import Meter, Reading


class Lack(StrEnum):
    """What keeps a record from becoming a reading, whoever signed it."""

    VERSION = "version"
    """The format's version is not one that is understood here."""
    SERIAL = "serial"
    """It names no meter, or several."""
    COUNTER = "counter"
    """It is not counted, so that its place in the order of records is not known."""
    TIME = "time"
    """No time stands by the registers, or one that cannot be: before 1970, or going backwards."""
    CLOCK = "clock"
    """The meter says that its clock is not set, or that the time is in error."""
    STATUS = "status"
    """The meter does not say that it works, or says that the energy is in error."""
    REGISTER = "register"
    """No cumulative total of imported or exported energy can be read."""
    CONFLICT = "conflict"
    """A register is given twice with different values, or goes down."""
    WEAK_KEY = "weak_key"
    """The curve is too weak to mint on."""


class Claims(msgspec.Struct, frozen=True):
    """What a record says, in the units of the ledger. None where it does not say."""

    serial: str
    """Of the meter, else of the device that signs for it; empty where there is neither."""
    context: str
    """Which of the meter's counts `counter` is one of: in OCMF `T` (transactions) or `F`."""
    counter: int | None
    start_ms: int | None
    """When the first of two or more values of a register was taken. Milliseconds since 1970."""
    end_ms: int | None
    """When the last was taken: `import_wh` and `export_wh` stood there then."""
    start_import_wh: int | None
    start_export_wh: int | None
    import_wh: int | None
    export_wh: int | None
    status: str
    """The meter's own words on its state at `end_ms`."""
    lacks: tuple[Lack, ...]
    """Sorted. Empty where a reading can be made."""


class Incomplete(Exception):
    """A valid record that does not say enough to make a reading."""

    def __init__(self, lacks: tuple[Lack, ...]) -> None:
        super().__init__("the record lacks: " + ", ".join(lacks))
        self.lacks = lacks


def reading_of(claims: Claims, meter: Meter) -> Reading:
    """The native reading that says the same, following the meter's last accepted one.

    The registers are cumulative, so the interval is all the time since that reading, whatever
    part of it the record is about. A direction that the record is silent on has not moved.

    Raises `Incomplete`. Whether the reading is accepted is not asked here.
    """
    if claims.lacks:
        raise Incomplete(claims.lacks)
    assert claims.counter is not None, "lacked where None"
    assert claims.end_ms is not None, "lacked where None"
    return Reading(
        meter=meter.meter,
        counter=claims.counter,
        previous_counter=meter.counter,
        start_s=meter.end_s,
        end_s=claims.end_ms // 1_000,
        import_wh=meter.import_wh if claims.import_wh is None else claims.import_wh,
        export_wh=meter.export_wh if claims.export_wh is None else claims.export_wh,
    )
