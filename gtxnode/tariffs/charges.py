"""What a kWh from the utility costs, and what one fed in brings: the tables put together.

(energy charge + Ft) x (1 + VAT). Source: the conditions of the utilities' schedules: charges are
without VAT, and Ft comes on top of them. Rates here are per kWh, rounded to the µTHB, half up.
"""

from typing import NamedTuple

from gtxnode.tariffs.money import rounded
from gtxnode.tariffs.tables import (
    PPM,
    CustomerClass,
    EnergyCharges,
    FeedIn,
    FuelSurcharge,
    Tariffs,
    ValueAddedTax,
    Wheeling,
)
from gtxnode.tariffs.time_of_use import is_peak


class UnknownClass(ValueError):
    """No class of customers of that name has a rate."""

    code = "unknown_class"


class GridPrice(NamedTuple):
    """A kWh from the utility, by part, in µTHB."""

    on_peak: bool
    energy_uthb: int
    ft_uthb: int
    vat_uthb: int

    @property
    def total_uthb(self) -> int:
        """What the customer pays."""
        return self.energy_uthb + self.ft_uthb + self.vat_uthb


def customer_class(tariffs: Tariffs, name: str, at_s: int) -> CustomerClass:
    """The rates of a class then; `UnknownClass` where the table has none of that name."""
    charges = tariffs.at(EnergyCharges, at_s)
    found = charges.rates_of(name)
    if found is None:
        known = ", ".join(each.name for each in charges.classes)
        raise UnknownClass(f"class {name[:40]} is none of {known}")
    return found


def grid_price(tariffs: Tariffs, name: str, at_s: int) -> GridPrice:
    """A kWh used then by a customer of that class; `UnknownClass`."""
    rates = customer_class(tariffs, name, at_s)
    on_peak = is_peak(tariffs.at(EnergyCharges, at_s), tariffs.holidays, at_s)
    energy = rates.on_peak_uthb_per_kwh if on_peak else rates.off_peak_uthb_per_kwh
    ft = tariffs.at(FuelSurcharge, at_s).ft_uthb_per_kwh
    vat = rounded((energy + ft) * tariffs.at(ValueAddedTax, at_s).vat_ppm, PPM)
    return GridPrice(on_peak, energy, ft, vat)


def wheeling_price(tariffs: Tariffs, at_s: int) -> tuple[int, int]:
    """What carrying a kWh then costs, and the VAT on it, in µTHB."""
    rate, tax = tariffs.at(Wheeling, at_s), tariffs.at(ValueAddedTax, at_s)
    vat = rounded(rate.wheeling_uthb_per_kwh * tax.vat_ppm, PPM) if tax.on_wheeling else 0
    return rate.wheeling_uthb_per_kwh, vat


def feed_in_price(tariffs: Tariffs, at_s: int, capacity_w: int) -> int:
    """What the utility pays for a kWh that a plant of that size feeds in then, in µTHB."""
    rate = tariffs.at(FeedIn, at_s)
    return rate.feed_in_uthb_per_kwh if capacity_w <= rate.max_capacity_w else 0
