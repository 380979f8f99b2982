"""Whether a meter's reading is accepted, and what it proves.

`accept(meter, reading, ...)` is a pure function from the meter as the ledger knows it to the meter
after the reading, with the energy that flowed; or it raises `Refused` with the reason. Since an
accepted reading moves the counter, the interval and the registers on, the same reading can never
be accepted again: that is why a watt-hour is minted once.

Order and gaps. A reading names the counter that it follows, and is taken only if that is the last
one accepted. A meter that lost readings for good signs one that follows the last accepted and
skips counters: the gap is then declared in signed bytes. Only a declared gap may leave out time;
the registers are cumulative, so the energy of the gap is in the next reading, and has to fit the
capacity of that reading's own interval.

A reading that keeps all the rules may still be suspect (anomalies.py): who mints has to heed that.
"""

from typing import Annotated

import msgspec

from gtxnode.metering.anomalies import AnomalyRules, Suspicion, capacity_wh, suspicions_of
from gtxnode.metering.meters import Direction, Meter, Reading
from gtxnode.primitives.errors import Reason, Refused

DAY_S = 86_400
_PPM = 1_000_000

Duration = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class ReadingLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reading is held against; part of the chain's parameters."""

    max_age_s: Duration = 30 * DAY_S
    """How long after its interval a reading is still taken: meters store and forward."""
    max_future_s: Duration = 60
    """How far a meter's clock may be ahead of the block's time."""
    capacity_tolerance_ppm: Annotated[int, msgspec.Meta(ge=0, le=_PPM)] = 50_000
    """How far over capacity times interval the energy may be: meters round, lines surge."""
    capacity_refusal_ppm: Annotated[int, msgspec.Meta(ge=0, le=100 * _PPM)] = 500_000
    """Up to how far over it a reading is suspect; past it is refused."""
    anomalies: AnomalyRules | None = AnomalyRules()
    """Without them nothing is suspect."""

    def __post_init__(self) -> None:
        if self.capacity_refusal_ppm < self.capacity_tolerance_ppm:
            raise ValueError("capacity_refusal_ppm is below capacity_tolerance_ppm")


class Metered(msgspec.Struct, frozen=True, gc=False):
    """An accepted reading: the meter after it, and what flowed since the one before."""

    meter: Meter
    start_s: int
    end_s: int
    imported_wh: int
    exported_wh: int
    suspicions: tuple[Suspicion, ...] = ()
    """Why the reading is to be looked at before it counts; sorted."""


def accept(
    meter: Meter | None, reading: Reading, *, block_time_ms: int, limits: ReadingLimits
) -> Metered:
    """Take a reading. `meter` is None where none of that id is registered.

    The signature is checked elsewhere. Raises `Refused` with one of the meters' reasons.
    """
    if meter is None:
        raise Refused(Reason.UNREGISTERED_METER, f"meter {reading.meter.hex()}")
    if meter.retired:
        raise Refused(Reason.METER_RETIRED, f"meter {meter.meter.hex()}")
    _check_order(meter, reading)
    _check_interval(meter, reading)
    ahead_ms = reading.end_s * 1_000 - block_time_ms
    _check_block_time(ahead_ms, limits)
    imported_wh, exported_wh = _check_energy(meter, reading, limits)
    after = msgspec.structs.replace(
        meter,
        counter=reading.counter,
        end_s=reading.end_s,
        import_wh=reading.import_wh,
        export_wh=reading.export_wh,
        moved_s=reading.end_s if imported_wh or exported_wh else meter.moved_s,
    )
    suspicions: tuple[Suspicion, ...] = ()
    if limits.anomalies is not None:
        suspicions = suspicions_of(
            meter,
            reading,
            imported_wh,
            exported_wh,
            ahead_ms=ahead_ms,
            tolerance_ppm=limits.capacity_tolerance_ppm,
            rules=limits.anomalies,
        )
    return Metered(after, reading.start_s, reading.end_s, imported_wh, exported_wh, suspicions)


def _check_order(meter: Meter, reading: Reading) -> None:
    if reading.counter == meter.counter:
        raise Refused(Reason.REPLAYED_READING, f"counter {reading.counter}")
    if reading.counter < meter.counter:
        raise Refused(
            Reason.OUT_OF_ORDER_READING, f"counter {reading.counter}, last was {meter.counter}"
        )
    if reading.previous_counter != meter.counter:
        raise Refused(
            Reason.UNDECLARED_GAP,
            f"follows counter {reading.previous_counter}, last was {meter.counter}",
        )


def _check_interval(meter: Meter, reading: Reading) -> None:
    if reading.end_s <= reading.start_s:
        raise Refused(Reason.EMPTY_INTERVAL, f"from {reading.start_s} to {reading.end_s}")
    if reading.start_s < meter.end_s:
        raise Refused(
            Reason.OVERLAPPING_INTERVAL, f"begins at {reading.start_s}, last ended at {meter.end_s}"
        )
    # A meter's first reading may begin any time after it was installed.
    first = meter.counter == 0
    if reading.start_s > meter.end_s and not first and reading.counter == meter.counter + 1:
        raise Refused(
            Reason.UNDECLARED_GAP, f"begins at {reading.start_s}, last ended at {meter.end_s}"
        )


def _check_block_time(ahead_ms: int, limits: ReadingLimits) -> None:
    if ahead_ms > limits.max_future_s * 1_000:
        raise Refused(
            Reason.READING_IN_FUTURE, f"{ahead_ms} ms ahead, at most {limits.max_future_s} s"
        )
    if -ahead_ms > limits.max_age_s * 1_000:
        raise Refused(Reason.READING_TOO_OLD, f"{-ahead_ms} ms old, at most {limits.max_age_s} s")


def _check_energy(meter: Meter, reading: Reading, limits: ReadingLimits) -> tuple[int, int]:
    """What was imported and exported since the last reading, in Wh."""
    imported_wh = reading.import_wh - meter.import_wh
    exported_wh = reading.export_wh - meter.export_wh
    if imported_wh < 0:
        raise Refused(
            Reason.REGISTER_DECREASED, f"import_wh {reading.import_wh}, was {meter.import_wh}"
        )
    if exported_wh < 0:
        raise Refused(
            Reason.REGISTER_DECREASED, f"export_wh {reading.export_wh}, was {meter.export_wh}"
        )
    if exported_wh and meter.direction is Direction.CONSUMPTION_ONLY:
        raise Refused(Reason.EXPORT_NOT_ALLOWED, f"{exported_wh} Wh exported")
    over_ppm = limits.capacity_tolerance_ppm
    if limits.anomalies is not None:
        over_ppm = limits.capacity_refusal_ppm
    limit_wh = capacity_wh(meter.capacity_w, reading.end_s - reading.start_s, over_ppm)
    if max(imported_wh, exported_wh) > limit_wh:
        raise Refused(
            Reason.OVER_CAPACITY,
            f"{imported_wh} Wh in, {exported_wh} Wh out, at most {limit_wh} Wh either way",
        )
    return imported_wh, exported_wh
