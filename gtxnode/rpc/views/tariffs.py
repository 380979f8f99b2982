"""Tariffs, quotes and bills."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.wire import Address, Amount, Height
from gtxnode.tariffs.tables import TariffTable


class TableView(msgspec.Struct, frozen=True, gc=False):
    """A dated table, and whether it is the one of its kind that is in force."""

    in_force: bool
    table: TariffTable


class TablesView(msgspec.Struct, frozen=True, gc=False):
    """A chain's tables, by kind and then as they came. Times are in Unix seconds."""

    shard: str
    height: Height
    at_s: int
    tables: tuple[TableView, ...]


class PricePartView(msgspec.Struct, frozen=True, gc=False):
    """What one factor makes of the reference price; `factor_ppm` is null for what is added."""

    name: str
    factor_ppm: int | None
    change_mgtx_per_kwh: Amount


class GridPriceView(msgspec.Struct, frozen=True, gc=False):
    """A kWh from the utility, by part."""

    on_peak: bool
    energy_uthb_per_kwh: Amount
    ft_uthb_per_kwh: Amount
    vat_uthb_per_kwh: Amount
    total_uthb_per_kwh: Amount


class QuoteView(msgspec.Struct, frozen=True, gc=False):
    """A kWh traded here, by part, beside what the grid asks and pays.

    The buyer's total is energy, the chain's charges, wheeling and its VAT. Gains are against the
    utility, and below zero where trading loses.
    """

    shard: str
    at_s: int
    price_mgtx_per_kwh: Amount
    reference_mgtx_per_kwh: Amount
    reference: tuple[PricePartView, ...]
    energy_uthb_per_kwh: Amount
    trading_fee_uthb_per_kwh: Amount
    """Out of the energy's price: the seller bears it."""
    chain_charges_uthb_per_kwh: Amount
    wires_uthb_per_kwh: dict[str, Amount]
    """The chain's charges by the authority whose wires are used."""
    lost_ppm: int
    """Of the kWh, what never arrives; the buyer's gain is against what does."""
    wheeling_uthb_per_kwh: Amount
    wheeling_vat_uthb_per_kwh: Amount
    buyer_total_uthb_per_kwh: Amount
    grid: GridPriceView
    feed_in_uthb_per_kwh: Amount
    buyer_gains_uthb_per_kwh: Amount
    seller_gains_uthb_per_kwh: Amount
    calendar_known: bool
    """Whether the year has a calendar of holidays; without one, weekends alone are off-peak."""


class ChargeView(msgspec.Struct, frozen=True, gc=False):
    """A line of a bill; money below zero is what the home gets."""

    name: str
    energy_wh: Amount
    amount_satang: Amount


class HoldingChangeView(msgspec.Struct, frozen=True, gc=False):
    """Why what an address holds has changed, below zero where it became less."""

    name: str
    amount_ugtx: Amount
    energy_wh: Amount
    billed: bool
    """Whether a line of the bill has its money: coins given and received have none."""


class BillView(msgspec.Struct, frozen=True, gc=False):
    """A home's month: what it came to here, and what the grid tariff alone would have.

    `saved_satang` is below zero where trading lost. A satang is 0.01 THB.
    """

    shard: str
    address: Address
    month: str
    customer: str
    complete: bool
    """Whether the month is over; until then it is the bill so far."""
    meters: int
    """That took energy in: each pays its service charge."""
    imported_on_peak_wh: Amount
    imported_off_peak_wh: Amount
    covered_on_peak_wh: Amount
    covered_off_peak_wh: Amount
    exported_wh: Amount
    """What counts of it: without what is held, which waits for its utility, and what is void."""
    held_wh: Amount
    voided_wh: Amount
    bought_wh: Amount
    sold_wh: Amount
    unsold_wh: Amount
    here: tuple[ChargeView, ...]
    here_satang: Amount
    grid_only: tuple[ChargeView, ...]
    grid_only_satang: Amount
    saved_satang: Amount
    account: tuple[HoldingChangeView, ...]
    """All that changed what the address holds: free, in orders and contracts, as stake."""
    change_ugtx: Amount
    change_wh: Amount
