"""What a meter took in, by month, and how much of it retired energy has covered.

The rule: energy that was made in a month of Bangkok's calendar covers import of the same month, of
one meter, up to what the meter's accepted readings say was taken in then. Both go by the beginning
of their interval. A month is open while it is one of the last `open_months` at the block's time
(with the running one), so that readings which arrive late, and settlement after the month's end,
still find it; after that its import stays as it was covered. What was taken in before a meter
changed hands is the former owner's to cover.

Invariant: covered is never more than imported, month by month.
"""

from collections.abc import Iterable

import msgspec

from gtxnode.ledger.coins import Lot
from gtxnode.metering.meters import Meter, MonthImport
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.tariffs.calendar import month_number


def counted(meter: Meter, start_s: int, imported_wh: int, now_s: int, open_months: int) -> Meter:
    """The meter with an import of an interval that began then. Closed months are forgotten."""
    month, first = month_number(start_s), _first_open(now_s, open_months)
    account = _account(meter, meter.owner_at(start_s))
    kept = {each.month: each for each in account if each.month >= first}
    if month >= first and imported_wh:
        before = kept.get(month, MonthImport(month, 0, 0))
        kept[month] = MonthImport(month, before.imported_wh + imported_wh, before.covered_wh)
    # A meter's clock may be a little ahead of the chain's, into the next month.
    return _with(meter, meter.owner_at(start_s), kept.values(), open_months)


def covered(meter: Meter, owner: bytes, lots: Iterable[Lot], now_s: int, open_months: int) -> Meter:
    """The meter after retired lots have covered what its owner, or the one before, took in.

    `IMPORT_EXCEEDED` where there is less.
    """
    first = _first_open(now_s, open_months)
    kept = {each.month: each for each in _account(meter, owner) if each.month >= first}
    need_wh: dict[int, int] = {}
    for lot in lots:
        month = month_number(lot.origin.start_s)
        need_wh[month] = need_wh.get(month, 0) + lot.amount_wh
    for month, amount_wh in need_wh.items():
        entry = kept.get(month, MonthImport(month, 0, 0))
        left_wh = entry.imported_wh - entry.covered_wh
        if amount_wh > left_wh:
            name = f"{1970 + month // 12}-{month % 12 + 1:02}"
            raise Refused(
                Reason.IMPORT_EXCEEDED,
                f"{amount_wh} Wh made in {name}, at most {left_wh} are left to cover",
            )
        kept[month] = MonthImport(month, entry.imported_wh, entry.covered_wh + amount_wh)
    return _with(meter, owner, kept.values(), open_months)


def _first_open(now_s: int, open_months: int) -> int:
    return month_number(now_s) - open_months + 1


def _account(meter: Meter, owner: bytes) -> tuple[MonthImport, ...]:
    former = meter.former
    if owner == meter.owner:
        return meter.imports
    assert former is not None, "a meter is its owner's, or was the former one's"
    assert owner == former.owner, "a meter is its owner's, or was the former one's"
    return former.imports


def _with(meter: Meter, owner: bytes, entries: Iterable[MonthImport], open_months: int) -> Meter:
    ascending = tuple(sorted(entries, key=lambda each: each.month)[-open_months:])
    if owner == meter.owner:
        return msgspec.structs.replace(meter, imports=ascending)
    assert meter.former is not None, "`_account` has found it"
    return msgspec.structs.replace(
        meter, former=msgspec.structs.replace(meter.former, imports=ascending)
    )
