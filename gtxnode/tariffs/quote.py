"""A quote: what a kWh traded here comes to, part by part, beside what the grid asks and pays.

The buyer pays the price, what the chain charges on the trade, and wheeling with its VAT to the
utility. It gains what the utility asks for as much as arrives more than that; the seller gains what
the price, less the trading fee, is over the feed-in rate. Either may be negative, and is shown so:
off-peak at full wheeling, trading does not pay.
"""

from typing import NamedTuple

from gtxnode.grid.charges import toll_of
from gtxnode.grid.model import WiresCharge
from gtxnode.primitives.zones import Role
from gtxnode.tariffs.charges import GridPrice, feed_in_price, grid_price, wheeling_price
from gtxnode.tariffs.money import rounded
from gtxnode.tariffs.reference import Bounds, Circumstances, ReferencePrice, reference_price
from gtxnode.tariffs.tables import PPM, Exchange, ReferenceModel, Tariffs


class ChainCharges(NamedTuple):
    """What the chain itself takes on a trade, by the rules that trades go by."""

    wires: tuple[WiresCharge, ...] = ()
    """Of the way from the seller's zone to the buyer's; the buyer bears them."""
    lost_ppm: int = 0
    """Of the energy, what never arrives."""
    trading_fee_ppm: int = 0
    """Of the price; the seller bears it."""


class Quote(NamedTuple):
    """A kWh by part. Money in µTHB per kWh where it says so, prices in mGTX/kWh."""

    price_mgtx_per_kwh: int
    reference: ReferencePrice
    energy_uthb: int
    trading_fee_uthb: int
    wires_uthb: tuple[tuple[Role, int], ...]
    """What each authority gets whose wires are used."""
    lost_ppm: int
    """Of the kWh, what never arrives."""
    wheeling_uthb: int
    wheeling_vat_uthb: int
    grid: GridPrice
    feed_in_uthb: int

    @property
    def chain_charges_uthb(self) -> int:
        """What the chain takes from the buyer beside the price."""
        return sum(uthb for _, uthb in self.wires_uthb)

    @property
    def buyer_total_uthb(self) -> int:
        """What a kWh costs the buyer in all."""
        charges = self.chain_charges_uthb + self.wheeling_uthb + self.wheeling_vat_uthb
        return self.energy_uthb + charges

    @property
    def buyer_gains_uthb(self) -> int:
        """How much less than what arrives would cost from the utility; below zero where trading
        loses."""
        arrives_uthb = rounded(self.grid.total_uthb * (PPM - self.lost_ppm), PPM)
        return arrives_uthb - self.buyer_total_uthb

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
    toll = toll_of(charges.wires, premium_ppm=0, price_mgtx_per_kwh=price)
    uthb_per_gtx = tariffs.at(Exchange, at_s).uthb_per_gtx
    wheeling, wheeling_vat = wheeling_price(tariffs, at_s) if stamp else (0, 0)
    return Quote(
        price,
        reference,
        rounded(price * uthb_per_gtx, 1_000),
        rounded(price * charges.trading_fee_ppm * uthb_per_gtx, 1_000 * PPM),
        tuple((role, rounded(mgtx * uthb_per_gtx, 1_000)) for role, mgtx in toll.wires),
        charges.lost_ppm,
        wheeling,
        wheeling_vat,
        grid_price(tariffs, customer, at_s),
        feed_in_price(tariffs, at_s, capacity_w),
    )
