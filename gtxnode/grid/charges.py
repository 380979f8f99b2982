"""What a trade between zones costs beside its price: energy that is lost, and money for the wires.

The buyer bears both. Of what is bought, the loss of the route never arrives. Beside the price, the
buyer pays each authority whose wires are used its charge, and the premium where the grid's
condition makes trades conditional. A buy order's limit is the most that its trader pays in all, so
two orders meet only where the seller's price and these charges come to no more than that.

Charges are whole mGTX per kWh, shares of the price rounded down, so that a trade's money is exact
to the µGTX: what the buyer pays is what seller, authorities and fund get. The loss is rounded down
to whole Wh, in the buyer's favour by less than one Wh a trade.

Worked example. 100 kWh at 3.5 GTX/kWh over a route that loses 1.57 %, with charges of 0.41 and
0.66 GTX/kWh, while trades are conditional at a premium of 10 %: 98.43 kWh arrive, and the buyer
pays 350 to the seller, 41 and 66 for the wires, and 35 as the premium, 492 GTX in all.

    >>> from gtxnode.grid.charges import lost_wh, toll_of
    >>> from gtxnode.grid.model import Route, WiresCharge
    >>> from gtxnode.primitives.zones import Role, Zone
    >>> wires = (WiresCharge(Role.EGAT, 410), WiresCharge(Role.PEA, 660))
    >>> route = Route(Zone.BANGKOK, Zone.SOUTHERN, 15_700, wires)
    >>> toll = toll_of(route.charges, premium_ppm=100_000, price_mgtx_per_kwh=3_500)
    >>> toll.wires, toll.premium
    (((<Role.EGAT: 1>, 410), (<Role.PEA: 3>, 660)), 350)
    >>> toll.total * 100_000, lost_wh(route.loss_ppm, 100_000)
    (142000000, 1570)
"""

from collections.abc import Iterable
from typing import NamedTuple

from gtxnode.grid.model import PPM, WiresCharge
from gtxnode.primitives.zones import Role


class Toll(NamedTuple):
    """What a kWh costs beside its price, in mGTX."""

    wires: tuple[tuple[Role, int], ...]
    """What each authority gets; those that get nothing are left out."""
    premium: int
    """What the grid's fund gets."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(each for _, each in self.wires) + self.premium


def toll_of(charges: Iterable[WiresCharge], *, premium_ppm: int, price_mgtx_per_kwh: int) -> Toll:
    """The charges at a seller's price."""
    wires = (
        (each.role, each.mgtx_per_kwh + price_mgtx_per_kwh * each.share_ppm // PPM)
        for each in charges
    )
    premium = price_mgtx_per_kwh * premium_ppm // PPM
    return Toll(tuple((role, charge) for role, charge in wires if charge), premium)


def lost_wh(loss_ppm: int, quantity_wh: int) -> int:
    """What of this much never arrives."""
    return quantity_wh * loss_ppm // PPM
