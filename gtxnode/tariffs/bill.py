"""A home's bill for a month: what it pays and earns here, and what the grid alone would have cost.

By the grid tariff alone, all of its import is charged by time of use and all of its export is paid
at the feed-in rate (net billing). Here, import that was covered by retired energy is not charged
again: it costs wheeling, and what was paid for it on the market. What was not covered is charged as
ever. On the market money counts when it changed hands; export that was not sold by the month's end
has brought nothing, and is shown beside the bill. So trading may lose, and the bill says so.

Beside the bill stands the account: everything that changed what the address holds in the month, to
the last µGTX and Wh. What of it is trade is billed; coins given and received, and what validators
and authorities earn, are not.

Import covers by time of use: energy that was made on-peak covers on-peak import first, and what
there is more of it the other; it cannot cover more than was imported. Export counts when its
reading does: what is held is shown, what is void is not counted. An interval goes by the tables
that are in force when it begins, the month's service charge by those of its beginning.

Lines are in satang, each rounded half up; totals are sums of lines as shown (money.py).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gtxnode.tariffs.calendar import Month
from gtxnode.tariffs.charges import customer_class
from gtxnode.tariffs.money import gtx_in_nthb, rounded, satang
from gtxnode.tariffs.tables import (
    PPM,
    Exchange,
    FeedIn,
    FuelSurcharge,
    Tariffs,
    ValueAddedTax,
    Wheeling,
)
from gtxnode.tariffs.time_of_use import by_peak


class Flow(NamedTuple):
    """What one meter measured in an interval."""

    start_s: int
    end_s: int
    imported_wh: int
    exported_wh: int
    """Of it what counts."""
    capacity_w: int
    meter: bytes = b""
    held_wh: int = 0
    """Export that waits for its utility's judgement."""
    voided_wh: int = 0
    """Export that never counts."""


class Posted(NamedTuple):
    """Why what the address holds changed, below zero where it became less (ledger/accounts.py)."""

    at_s: int
    name: str
    ugtx: int
    wh: int


class Cover(NamedTuple):
    """Energy that was retired against this home's import of the month, and when it was made."""

    start_s: int
    end_s: int
    energy_wh: int


class Charge(NamedTuple):
    """A line: energy, and money in satang (below zero where the home gets it)."""

    name: str
    energy_wh: int
    amount_satang: int


class Total(NamedTuple):
    """All that a month changed of what the address holds, for one reason."""

    name: str
    ugtx: int
    wh: int
    billed: bool
    """Whether its money is in a line of the bill."""


class Bill(NamedTuple):
    """A month of one home."""

    month: Month
    meters: int
    """That took energy in: each pays its service charge."""
    imported_on_wh: int
    imported_off_wh: int
    exported_wh: int
    held_wh: int
    voided_wh: int
    covered_on_wh: int
    covered_off_wh: int
    bought_wh: int
    sold_wh: int
    here: tuple[Charge, ...]
    grid_only: tuple[Charge, ...]
    account: tuple[Total, ...]

    @property
    def here_satang(self) -> int:
        """What the month cost with the market."""
        return sum(line.amount_satang for line in self.here)

    @property
    def grid_only_satang(self) -> int:
        """What it would have cost without."""
        return sum(line.amount_satang for line in self.grid_only)

    @property
    def saved_satang(self) -> int:
        """How much less it cost; below zero where trading lost."""
        return self.grid_only_satang - self.here_satang

    @property
    def unsold_wh(self) -> int:
        """Export of the month beyond what was sold in it: it may still be sold, or retired."""
        return max(0, self.exported_wh - self.sold_wh)


def bill(
    tariffs: Tariffs,
    customer: str,
    month: Month,
    flows: Sequence[Flow],
    postings: Iterable[Posted],
    covers: Sequence[Cover],
    *,
    stamp: bool = True,
) -> Bill:
    """The bill of a customer of that class; `UnknownClass`. All entries are of the month.

    `stamp` says whether wheeling is charged by the postage stamp: not where the chain's own grid
    charges each trade for its way.
    """
    meters = len({flow.meter for flow in flows if flow.imported_wh})
    grid = _import_of(tariffs, customer, month, flows, meters)
    made = [by_peak(tariffs, each.start_s, each.end_s, each.energy_wh) for each in covers]
    on_wh, off_wh = _covered(
        grid.on_wh, grid.off_wh, sum(e.on_wh for e in made), sum(e.off_wh for e in made)
    )
    sums = _Sums(tariffs, postings)
    exported_wh = sum(flow.exported_wh for flow in flows)
    feed_in = Charge("feed_in", exported_wh, -satang(_feed_in_nthb(tariffs, flows)))
    stamped = covers if stamp else ()
    return Bill(
        month,
        meters,
        grid.on_wh,
        grid.off_wh,
        exported_wh,
        sum(flow.held_wh for flow in flows),
        sum(flow.voided_wh for flow in flows),
        on_wh,
        off_wh,
        sums.wh["bought"],
        -sums.wh["sold"],
        (
            *_utility(grid.less(on_wh, off_wh)),
            *_wheeling(tariffs, on_wh + off_wh, stamped, sums.nthb["wheeling"]),
            *_market(sums),
        ),
        (*_utility(grid), feed_in),
        sums.totals(),
    )


class _Import(NamedTuple):
    """Import by time of use with its charges, in nTHB; a month's rates may change within it."""

    on_wh: int
    off_wh: int
    on_nthb: int
    off_nthb: int
    ft_nthb: int
    service_nthb: int
    vat: tuple[int, int]
    """The rate of VAT, as parts of what is taxed: an average where it changed."""

    def less(self, covered_on_wh: int, covered_off_wh: int) -> "_Import":
        """Without what was covered, at the month's average of each charge, rounded half up."""
        on_wh, off_wh = self.on_wh - covered_on_wh, self.off_wh - covered_off_wh
        return self._replace(
            on_wh=on_wh,
            off_wh=off_wh,
            on_nthb=_share(self.on_nthb, on_wh, self.on_wh),
            off_nthb=_share(self.off_nthb, off_wh, self.off_wh),
            ft_nthb=_share(self.ft_nthb, on_wh + off_wh, self.on_wh + self.off_wh),
        )


def _import_of(
    tariffs: Tariffs, customer: str, month: Month, flows: Iterable[Flow], meters: int
) -> _Import:
    rates = customer_class(tariffs, customer, month.start_s)
    service_nthb = meters * rates.service_uthb_per_month * 1_000
    on_wh = off_wh = on_nthb = off_nthb = ft_nthb = 0
    vat_ppm = tariffs.at(ValueAddedTax, month.start_s).vat_ppm
    taxed_nthb, weighed = service_nthb, service_nthb * vat_ppm
    for flow in flows:
        rates = customer_class(tariffs, customer, flow.start_s)
        part = by_peak(tariffs, flow.start_s, flow.end_s, flow.imported_wh)
        on_wh += part.on_wh
        off_wh += part.off_wh
        on, off = part.on_wh * rates.on_peak_uthb_per_kwh, part.off_wh * rates.off_peak_uthb_per_kwh
        ft = flow.imported_wh * tariffs.at(FuelSurcharge, flow.start_s).ft_uthb_per_kwh
        on_nthb, off_nthb, ft_nthb = on_nthb + on, off_nthb + off, ft_nthb + ft
        taxed_nthb += on + off + ft
        weighed += (on + off + ft) * tariffs.at(ValueAddedTax, flow.start_s).vat_ppm
    vat = (weighed, taxed_nthb * PPM) if taxed_nthb > 0 else (vat_ppm, PPM)
    return _Import(on_wh, off_wh, on_nthb, off_nthb, ft_nthb, service_nthb, vat)


def _covered(on_wh: int, off_wh: int, made_on_wh: int, made_off_wh: int) -> tuple[int, int]:
    """How much of the import is covered: like by like first, then by what is left of the other."""
    covered_on, covered_off = min(on_wh, made_on_wh), min(off_wh, made_off_wh)
    left_on, left_off = made_on_wh - covered_on, made_off_wh - covered_off
    return (
        covered_on + min(on_wh - covered_on, left_off),
        covered_off + min(off_wh - covered_off, left_on),
    )


def _utility(grid: _Import) -> tuple[Charge, ...]:
    lines = (
        Charge("on_peak", grid.on_wh, satang(grid.on_nthb)),
        Charge("off_peak", grid.off_wh, satang(grid.off_nthb)),
        Charge("ft", grid.on_wh + grid.off_wh, satang(grid.ft_nthb)),
        Charge("service", 0, satang(grid.service_nthb)),
    )
    taxed, (rate, whole) = sum(line.amount_satang for line in lines), grid.vat
    return (*lines, Charge("vat", 0, rounded(taxed * rate, whole)))


def _wheeling(
    tariffs: Tariffs, covered_wh: int, stamped: Sequence[Cover], charged_nthb: int
) -> tuple[Charge, ...]:
    """The postage stamp on what is covered, at the rates of when that was made, and what the
    chain charged for trades' ways."""
    made_wh = sum(each.energy_wh for each in stamped)
    stamp_nthb = taxed = 0
    for each in stamped:
        nthb = each.energy_wh * tariffs.at(Wheeling, each.start_s).wheeling_uthb_per_kwh
        tax = tariffs.at(ValueAddedTax, each.start_s)
        stamp_nthb += nthb
        taxed += nthb * tax.vat_ppm if tax.on_wheeling else 0
    stamp = satang(_share(stamp_nthb, covered_wh, made_wh))
    vat = rounded(stamp * taxed, stamp_nthb * PPM) if stamp_nthb else 0
    stamped_wh = covered_wh if stamped else 0
    line = Charge("wheeling", stamped_wh, stamp + satang(charged_nthb))
    return (line, Charge("wheeling_vat", 0, vat)) if vat else (line,)


# What is billed of an account; the names are ledger/accounts.py's.
_MARKET = ("bought", "sold", "premium", "shortfall", "curtailment", "trading_fees", "fees")
_BILLED = (*_MARKET, "wheeling")


class _Sums:
    """A month's postings by name. `nthb` is what the home paid, below zero for what it got."""

    def __init__(self, tariffs: Tariffs, postings: Iterable[Posted]) -> None:
        self.ugtx: Counter[str] = Counter()
        self.wh: Counter[str] = Counter()
        self.nthb: Counter[str] = Counter()
        for each in postings:
            self.ugtx[each.name] += each.ugtx
            self.wh[each.name] += each.wh
            if each.name in _BILLED:
                uthb_per_gtx = tariffs.at(Exchange, each.at_s).uthb_per_gtx
                self.nthb[each.name] += gtx_in_nthb(-each.ugtx, uthb_per_gtx)

    def totals(self) -> tuple[Total, ...]:
        """All that there is: what is billed, then the rest in the order in which it came first."""
        names = [name for name in _BILLED if name in self.ugtx]
        names += [name for name in self.ugtx if name not in _BILLED]
        return tuple(Total(name, self.ugtx[name], self.wh[name], name in _BILLED) for name in names)


def _market(sums: _Sums) -> Iterator[Charge]:
    for name in _MARKET:
        yield Charge(name, abs(sums.wh[name]), satang(sums.nthb[name]))


def _feed_in_nthb(tariffs: Tariffs, flows: Iterable[Flow]) -> int:
    total = 0
    for flow in flows:
        rate = tariffs.at(FeedIn, flow.start_s)
        if flow.capacity_w <= rate.max_capacity_w:
            total += flow.exported_wh * rate.feed_in_uthb_per_kwh
    return total


def _share(nthb: int, part_wh: int, whole_wh: int) -> int:
    return rounded(nthb * part_wh, whole_wh) if whole_wh else 0
