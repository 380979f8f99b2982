"""A home's bill for a month: what it pays and earns here, and what the grid alone would have cost.

By the grid tariff alone, all of its import is charged by time of use and all of its export is paid
at the feed-in rate (net billing). Here, import that was covered by retired energy is not charged
again: it costs wheeling, and what was paid for it on the market. What was not covered is charged as
ever. On the market money counts when it changed hands; export that was not sold by the month's end
has brought nothing, and is shown beside the bill. So trading may lose, and the bill says so.

Import covers by time of use: energy that was made on-peak covers on-peak import first, and what
there is more of it the other; it cannot cover more than was imported.

Lines are in satang, each rounded half up; totals are sums of lines as shown (money.py).
"""

from collections.abc import Iterable, Sequence
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
    capacity_w: int


class Deal(NamedTuple):
    """A trade of this home. `fees_ugtx` is what it paid on top of the price."""

    at_s: int
    bought: bool
    energy_wh: int
    cost_ugtx: int
    fees_ugtx: int = 0


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


class Bill(NamedTuple):
    """A month of one home."""

    month: Month
    imported_on_wh: int
    imported_off_wh: int
    exported_wh: int
    covered_on_wh: int
    covered_off_wh: int
    bought_wh: int
    sold_wh: int
    here: tuple[Charge, ...]
    grid_only: tuple[Charge, ...]

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
    deals: Iterable[Deal],
    covers: Iterable[Cover],
    *,
    stamp: bool = True,
) -> Bill:
    """The bill of a customer of that class; `UnknownClass`. All entries are of the month.

    `stamp` says whether wheeling is charged by the postage stamp: not where the chain's own grid
    charges each trade for its way, which is among the market's fees.
    """
    grid = _import_of(tariffs, customer, flows)
    made = [by_peak(tariffs, each.start_s, each.end_s, each.energy_wh) for each in covers]
    on_wh, off_wh = _covered(
        grid.on_wh, grid.off_wh, sum(e.on_wh for e in made), sum(e.off_wh for e in made)
    )
    market = tuple(deals)
    service = customer_class(tariffs, customer, month.start_s).service_uthb_per_month * 1_000
    exported_wh = sum(flow.exported_wh for flow in flows)
    vat_ppm = tariffs.at(ValueAddedTax, month.start_s).vat_ppm
    feed_in = Charge("feed_in", exported_wh, -satang(_feed_in_nthb(tariffs, flows)))
    return Bill(
        month,
        grid.on_wh,
        grid.off_wh,
        exported_wh,
        on_wh,
        off_wh,
        sum(deal.energy_wh for deal in market if deal.bought),
        sum(deal.energy_wh for deal in market if not deal.bought),
        (
            *_utility(grid.less(on_wh, off_wh), service, vat_ppm),
            *(_wheeling(tariffs, month, on_wh + off_wh) if stamp else ()),
            *_market(tariffs, market),
        ),
        (*_utility(grid, service, vat_ppm), feed_in),
    )


class _Import(NamedTuple):
    """Import by time of use with its charges, in nTHB; a month's rates may change within it."""

    on_wh: int
    off_wh: int
    on_nthb: int
    off_nthb: int
    ft_nthb: int

    def less(self, covered_on_wh: int, covered_off_wh: int) -> "_Import":
        """Without what was covered, at the month's average of each charge, rounded half up."""
        on_wh, off_wh = self.on_wh - covered_on_wh, self.off_wh - covered_off_wh
        return _Import(
            on_wh,
            off_wh,
            _share(self.on_nthb, on_wh, self.on_wh),
            _share(self.off_nthb, off_wh, self.off_wh),
            _share(self.ft_nthb, on_wh + off_wh, self.on_wh + self.off_wh),
        )


def _import_of(tariffs: Tariffs, customer: str, flows: Iterable[Flow]) -> _Import:
    on_wh = off_wh = on_nthb = off_nthb = ft_nthb = 0
    for flow in flows:
        rates = customer_class(tariffs, customer, flow.start_s)
        part = by_peak(tariffs, flow.start_s, flow.end_s, flow.imported_wh)
        on_wh += part.on_wh
        off_wh += part.off_wh
        on_nthb += part.on_wh * rates.on_peak_uthb_per_kwh
        off_nthb += part.off_wh * rates.off_peak_uthb_per_kwh
        ft_nthb += flow.imported_wh * tariffs.at(FuelSurcharge, flow.start_s).ft_uthb_per_kwh
    return _Import(on_wh, off_wh, on_nthb, off_nthb, ft_nthb)


def _covered(on_wh: int, off_wh: int, made_on_wh: int, made_off_wh: int) -> tuple[int, int]:
    """How much of the import is covered: like by like first, then by what is left of the other."""
    covered_on, covered_off = min(on_wh, made_on_wh), min(off_wh, made_off_wh)
    left_on, left_off = made_on_wh - covered_on, made_off_wh - covered_off
    return (
        covered_on + min(on_wh - covered_on, left_off),
        covered_off + min(off_wh - covered_off, left_on),
    )


def _utility(grid: _Import, service_nthb: int, vat_ppm: int) -> tuple[Charge, ...]:
    lines = (
        Charge("on_peak", grid.on_wh, satang(grid.on_nthb)),
        Charge("off_peak", grid.off_wh, satang(grid.off_nthb)),
        Charge("ft", grid.on_wh + grid.off_wh, satang(grid.ft_nthb)),
        Charge("service", 0, satang(service_nthb)),
    )
    taxed = sum(line.amount_satang for line in lines)
    return (*lines, Charge("vat", 0, rounded(taxed * vat_ppm, PPM)))


def _wheeling(tariffs: Tariffs, month: Month, covered_wh: int) -> tuple[Charge, ...]:
    rate = tariffs.at(Wheeling, month.start_s).wheeling_uthb_per_kwh
    tax = tariffs.at(ValueAddedTax, month.start_s)
    line = Charge("wheeling", covered_wh, satang(covered_wh * rate))
    if not tax.on_wheeling:
        return (line,)
    return line, Charge("wheeling_vat", 0, rounded(line.amount_satang * tax.vat_ppm, PPM))


def _market(tariffs: Tariffs, deals: Sequence[Deal]) -> tuple[Charge, ...]:
    bought_wh = sold_wh = bought = sold = fees = 0
    for deal in deals:
        uthb_per_gtx = tariffs.at(Exchange, deal.at_s).uthb_per_gtx
        nthb = gtx_in_nthb(deal.cost_ugtx, uthb_per_gtx)
        fees += gtx_in_nthb(deal.fees_ugtx, uthb_per_gtx)
        if deal.bought:
            bought_wh, bought = bought_wh + deal.energy_wh, bought + nthb
        else:
            sold_wh, sold = sold_wh + deal.energy_wh, sold + nthb
    return (
        Charge("bought", bought_wh, satang(bought)),
        Charge("sold", sold_wh, -satang(sold)),
        Charge("market_fees", 0, satang(fees)),
    )


def _feed_in_nthb(tariffs: Tariffs, flows: Iterable[Flow]) -> int:
    total = 0
    for flow in flows:
        rate = tariffs.at(FeedIn, flow.start_s)
        if flow.capacity_w <= rate.max_capacity_w:
            total += flow.exported_wh * rate.feed_in_uthb_per_kwh
    return total


def _share(nthb: int, part_wh: int, whole_wh: int) -> int:
    return rounded(nthb * part_wh, whole_wh) if whole_wh else 0
