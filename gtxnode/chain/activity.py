"""What each address did, when, and each zone's days: for bills and reports.

All of it is derived from blocks as they are executed, and written with them. A line of activity
stands under its owner and the time that it is about: a reading, a judgement on one and the cover of
an import under the beginning of their interval, an account under the block's time. So a month of
one address is one short range, however long the chain is: about 3,000 readings of a meter that
reads each quarter of an hour, and an account of each block in which it traded or paid.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TypeAlias, cast

import msgspec

from consensus.encoding import Codec
from gtxnode.ledger.accounts import Posting, accounts_of
from gtxnode.ledger.outcome import Became, BlockOutcome
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from gtxnode.tariffs.calendar import DAY_S, OFFSET_S
from storage.kv import Reader, WriteBatch
from storage.tables import U64, Raw, Table, tuple_key


class MeterLine(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """An accepted reading of a meter of this address."""

    meter: bytes
    end_s: int
    imported_wh: int
    exported_wh: int
    capacity_w: int
    suspect: bool
    """What it exported counts only if a judgement says so."""


class AccountLine(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """Why a block changed what this address holds (ledger/accounts.py)."""

    postings: tuple[Posting, ...]


class CoverLine(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """Energy retired against the import of this address's meter, by when it was made."""

    retirement: bytes
    end_s: int
    energy_wh: int


class JudgementLine(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """What its utility said of what a suspect reading of this address exported."""

    meter: bytes
    end_s: int
    energy_wh: int
    released: bool


class RetirementLine(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """Energy retired in the name of this address."""

    retirement: bytes


Line: TypeAlias = MeterLine | AccountLine | CoverLine | JudgementLine | RetirementLine


class ZoneDay(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What happened in a zone on a day: energy in Wh, by source where it was made or retired."""

    imported_wh: int = 0
    made_wh: tuple[tuple[Source, int], ...] = ()
    retired_wh: tuple[tuple[Source, int], ...] = ()
    credited_mgco2e: int = 0


# A codec takes a union as well as a class; its annotation can only say class.
_LINES = Table(
    b"a",
    tuple_key(Raw(20), tuple_key(U64(), U64(), U64())),
    Codec(cast("type[Line]", Line), max_bytes=4_096),
    name="activity",
)
_ZONE_DAYS = Table(b"z", tuple_key(U64(), U64()), Codec(ZoneDay, max_bytes=4_096), name="zone days")


def put_activity(
    write: WriteBatch, before: Reader, height: int, time_ms: int, outcome: BlockOutcome
) -> None:
    """What a block adds. Costs nothing where it changed nobody's holdings and read no meter."""
    lines = _lines_of(outcome, time_ms // 1_000)
    for number, (owner, at_s, line) in enumerate(lines):
        _LINES.put(write, (owner, (at_s, height, number)), line)
    if outcome.readings or outcome.suspects or outcome.retirements:
        _put_zone_days(write, before, time_ms // 1_000, outcome)


def lines(reader: Reader, owner: bytes, start_s: int, end_s: int) -> Iterator[tuple[int, Line]]:
    """What an address did from one time to another, in order: the time, and the line."""
    # A month of 1970 begins in Bangkok before it does in UTC.
    span = (owner, (max(0, start_s), 0, 0)), (owner, (end_s, 0, 0))
    for (_, (at_s, _, _)), line in _LINES.scan(reader, start=span[0], stop=span[1]):
        yield at_s, line


def zone_day(reader: Reader, zone: Zone, day: int) -> ZoneDay:
    """A zone's day, by its number since 1970 in Bangkok; all zeros where nothing happened."""
    return _ZONE_DAYS.get(reader, (zone, day)) or ZoneDay()


def day_number(at_s: int) -> int:
    """Days since 1970 in Bangkok."""
    return (at_s + OFFSET_S) // DAY_S


def _lines_of(outcome: BlockOutcome, now_s: int) -> Iterator[tuple[bytes, int, Line]]:
    """Owner, time and line of all that the block did."""
    for reading in outcome.readings:
        yield (
            reading.owner,
            reading.start_s,
            MeterLine(
                reading.meter,
                reading.end_s,
                reading.imported_wh,
                reading.exported_wh,
                reading.capacity_w,
                reading.suspect,
            ),
        )
    for suspect in outcome.suspects:
        if suspect.became is not Became.HELD:
            origin = suspect.origin
            judged = JudgementLine(
                origin.meter, origin.end_s, suspect.amount_wh, suspect.became is Became.RELEASED
            )
            yield suspect.owner, origin.start_s, judged
    for owner, postings in accounts_of(outcome).items():
        yield owner, now_s, AccountLine(postings)
    for retired in outcome.retirements:
        yield retired.consumer, now_s, RetirementLine(retired.transaction)
        if retired.meter is not None:
            for lot in retired.lots:
                cover = CoverLine(retired.transaction, lot.origin.end_s, lot.amount_wh)
                yield retired.consumer, lot.origin.start_s, cover


def _put_zone_days(write: WriteBatch, before: Reader, now_s: int, outcome: BlockOutcome) -> None:
    days: defaultdict[tuple[Zone, int], _Added] = defaultdict(_Added)
    for reading in outcome.readings:
        added = days[reading.zone, day_number(reading.start_s)]
        added.imported_wh += reading.imported_wh
        # What is held was made once its utility says so, and what is void never was.
        if not reading.suspect:
            added.made_wh[reading.source] += reading.exported_wh
    for suspect in outcome.suspects:
        if suspect.became is Became.RELEASED:
            added = days[suspect.origin.zone, day_number(suspect.origin.start_s)]
            added.made_wh[suspect.origin.source] += suspect.amount_wh
    today = day_number(now_s)
    for retirement in outcome.retirements:
        for lot, credit_mg in zip(retirement.lots, retirement.credits_mgco2e, strict=True):
            added = days[lot.origin.zone, today]
            added.retired_wh[lot.origin.source] += lot.amount_wh
            added.credited_mgco2e += credit_mg
    for key, added in sorted(days.items()):
        old = _ZONE_DAYS.get(before, key) or ZoneDay()
        new = ZoneDay(
            old.imported_wh + added.imported_wh,
            _sum(old.made_wh, added.made_wh),
            _sum(old.retired_wh, added.retired_wh),
            old.credited_mgco2e + added.credited_mgco2e,
        )
        _ZONE_DAYS.put(write, key, new)


class _Added:
    """What a block adds to a zone's day."""

    __slots__ = ("credited_mgco2e", "imported_wh", "made_wh", "retired_wh")

    def __init__(self) -> None:
        self.imported_wh = 0
        self.made_wh: Counter[Source] = Counter()
        self.retired_wh: Counter[Source] = Counter()
        self.credited_mgco2e = 0


def _sum(
    old: tuple[tuple[Source, int], ...], added: Counter[Source]
) -> tuple[tuple[Source, int], ...]:
    total = Counter(dict(old))
    total.update(added)
    return tuple((source, wh) for source, wh in sorted(total.items()) if wh)
