"""A simulated meter: it plays a home's measured hours and signs what its registers show.

**Time.** A meter's hour takes 3,600 / speed seconds here, but the chain's clock is the real one,
and takes readings only of intervals that have ended. So meters of a development network begin in
the past and catch up, as one does that was cut off and delivers what it has stored: the first
interval begins on a morning `BACKLOG_DAYS` ago, and genesis allows readings of that age
(`LIMITS`). At the usual speed of 1,800 the past lasts for four hours; a meter that has
caught up then goes on at the pace of the real clock. The measured hours begin at midnight, and are
played at the hour of the day at which they were measured.

Invariant: counters and intervals follow one another without a gap, and registers never go down.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gtxnode.devnet.homes import HOUR_S, Hour
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.wallet import sign
from gtxnode.metering.meters import Reading
from gtxnode.metering.readings import DAY_S, ReadingLimits

BACKLOG_DAYS = 300
"""So many that all months from then on are among the last twelve, which is as many as can be open:
what homes took in can be covered then."""
LIMITS = ReadingLimits(max_age_s=(BACKLOG_DAYS + 30) * DAY_S)
FIRST_HOUR = 6
"""Of the day, in Thailand: the sun is about to rise, so there is soon something to see."""
BANGKOK_OFFSET_S = 7 * HOUR_S
"""Thailand is seven hours ahead of UTC, all the year."""

HOURS_A_DAY = 24

NOMINAL_VOLTAGE_MV = 230_000
NOMINAL_FREQUENCY_MHZ = 50_000


@dataclass(frozen=True, slots=True)
class SignedReading:
    """A reading as it is sent, and what it says flowed since the one before."""

    transaction: CheckedTransaction
    end_s: int
    import_wh: int
    export_wh: int


class SimulatedMeter:
    """One meter and its registers. It knows no clock: it is told to go on."""

    def __init__(
        self,
        *,
        chain_id: str,
        meter: bytes,
        key: bytes,
        hours: Sequence[Hour],
        start_s: int,
        interval_s: int = HOUR_S,
        first_hour: int | None = None,
    ) -> None:
        """`interval_s` is what an hour of the data takes by the chain's clock, and `first_hour` the
        one of them that it begins with: else that of the day in Thailand at `start_s`."""
        assert hours, "a home has measured hours"
        self.interval_s = interval_s
        self._chain_id = chain_id
        self._meter = meter
        self._key = key
        self._hours = hours
        self._start_s = start_s
        self._first = local_hour(start_s) if first_hour is None else first_hour
        self._counter = 0
        self._import_wh = 0
        self._export_wh = 0

    @property
    def end_s(self) -> int:
        """The end of the last interval that was read, Unix seconds."""
        return self._start_s + self._counter * self.interval_s

    @property
    def counter(self) -> int:
        """Of the last reading."""
        return self._counter

    @property
    def hour_of_day(self) -> int:
        """The hour of the data that comes next, 0 to 23."""
        return (self._first + self._counter) % HOURS_A_DAY

    def starts_s(self, counter: int) -> int:
        """When the interval of a reading begins, Unix seconds."""
        return self._start_s + (counter - 1) * self.interval_s

    def yesterday(self, counter: int) -> Hour:
        """What flowed a day before a reading: the best guess at what it will show."""
        return self._hour(counter - HOURS_A_DAY)

    def read(self) -> SignedReading:
        """Let an hour pass, and sign what the registers show at its end."""
        start_s = self.end_s
        self._counter += 1
        hour = self._hour(self._counter)
        self._import_wh += hour.import_wh
        self._export_wh += hour.export_wh
        reading = Reading(
            meter=self._meter,
            counter=self._counter,
            previous_counter=self._counter - 1,
            start_s=start_s,
            end_s=self.end_s,
            import_wh=self._import_wh,
            export_wh=self._export_wh,
            voltage_mv=NOMINAL_VOLTAGE_MV,
            frequency_mhz=NOMINAL_FREQUENCY_MHZ,
        )
        signed = sign(self._chain_id, reading, self._key)
        return SignedReading(signed, self.end_s, hour.import_wh, hour.export_wh)

    def _hour(self, counter: int) -> Hour:
        return self._hours[(self._first + counter - 1) % len(self._hours)]


def first_morning_s(now_s: int) -> int:
    """Where meters begin: at `FIRST_HOUR`, `BACKLOG_DAYS` before today, Unix seconds."""
    local_day = (now_s + BANGKOK_OFFSET_S) // DAY_S
    return (local_day - BACKLOG_DAYS) * DAY_S + FIRST_HOUR * HOUR_S - BANGKOK_OFFSET_S


def local_hour(at_s: int) -> int:
    """The hour of the day in Thailand, 0 to 23."""
    return (at_s + BANGKOK_OFFSET_S) % DAY_S // HOUR_S
