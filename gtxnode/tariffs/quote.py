"""A quote: what a kWh traded here comes to, part by part, beside what the grid asks and pays.

The buyer pays the price, what the chain charges on the trade, and wheeling with its VAT to the
utility. It gains what the utility's kWh costs more than that; the seller gains what the price, less
the trading fee, is over the feed-in rate. Either may be negative, and is shown so: off-peak at full
wheeling, trading does not pay.
"""

from typing import NamedTuple

from gtxnode.tariffs.charges import GridPrice, feed_in_price, grid_price, wheeling_price
from gtxnode.tariffs.money import rounded
from gtxnode.tariffs.reference import Bounds, Circumstances, ReferencePrice, reference_price
from gtxnode.tariffs.tables import PPM, Exchange, ReferenceModel, Tariffs


class ChainCharges(NamedTuple):
    """What the chain itself takes on a trade."""

    per_kwh_mgtx: int = 0
    of_price_ppm: int = 0
    trading_fee_ppm: int = 0
    """Of the price; the seller bears it, the buyer the rest."""


class Quote(NamedTuple):
    """A kWh by part. Money in µTHB per kWh where it says so, prices in mGTX/kWh."""

    price_mgtx_per_kwh: int
    reference: ReferencePrice
    energy_uthb: int
    trading_fee_uthb: int
    chain_charges_uthb: int
    wheeling_uthb: int
    wheeling_vat_uthb: int
    grid: GridPrice
    feed_in_uthb: int

    @property
    def buyer_total_uthb(self) -> int:
        """What a kWh costs the buyer in all."""
        charges = self.chain_charges_uthb + self.wheeling_uthb + self.wheeling_vat_uthb
        return self.energy_uthb + charges

    @property
    def buyer_gains_uthb(self) -> int:
        """How much less than from the utility that is; below zero where trading loses."""
        return self.grid.total_uthb - self.buyer_total_uthb

    @property
    def seller_gains_uthb(self) -> int:
        """How much more than for feeding in the seller gets; below zero where trading loses."""
        return self.energy_uthb - self.trading_fee_uthb - self.feed_in_uthb


def quote(
    tariffs: Tariffs,
    circumstances: Circumstances,
    bounds: Bounds,
    *,
    customer: str,
    capacity_w: int,
    price_mgtx_per_kwh: int | None = None,
    charges: ChainCharges | None = None,
    stamp: bool = True,
) -> Quote:
    """A kWh at a price, or at the reference price where none is given.

    `customer` is the buyer's class (`UnknownClass`), `capacity_w` the size of the seller's plant.
    Without `stamp` no postage stamp is charged for wheeling: the chain's own grid charges for it.
    """
    at_s = circumstances.at_s
    charges = charges or ChainCharges()
    reference = reference_price(tariffs.at(ReferenceModel, at_s), circumstances, bounds)
    price = reference.price_mgtx_per_kwh if price_mgtx_per_kwh is None else price_mgtx_per_kwh
    taken_mgtx = charges.per_kwh_mgtx + rounded(price * charges.of_price_ppm, PPM)
    uthb_per_gtx = tariffs.at(Exchange, at_s).uthb_per_gtx
    wheeling, wheeling_vat = wheeling_price(tariffs, at_s) if stamp else (0, 0)
    return Quote(
        price,
        reference,
        rounded(price * uthb_per_gtx, 1_000),
        rounded(price * charges.trading_fee_ppm * uthb_per_gtx, 1_000 * PPM),
        rounded(taken_mgtx * uthb_per_gtx, 1_000),
        wheeling,
        wheeling_vat,
        grid_price(tariffs, customer, at_s),
        feed_in_price(tariffs, at_s, capacity_w),
    )
