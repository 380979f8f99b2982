"""The reference price: what the market's own model says a kWh should cost, factor by factor.

base x evening x renewable x season x region x distance x scarcity + carbon, then within the
market's bounds and the regulator's cap. Every factor is an integer in parts per million from a
dated table. The product is kept exact and shown after each factor rounded to the mGTX, half up; a
factor's part is the difference that it makes, so the parts always add up to the price.

The reference price informs and bounds; trades are made at the book's prices.

Source: the market's policy. Season: hot March to May, rainy June to October, cool November to
February. Scarcity is demand over supply, within its bounds, and so rises with demand.
"""

from typing import NamedTuple

from gtxnode.primitives.sources import RENEWABLE, Source
from gtxnode.primitives.zones import Zone
from gtxnode.tariffs.calendar import local_day, local_minute
from gtxnode.tariffs.money import rounded
from gtxnode.tariffs.tables import PPM, ReferenceModel


class Circumstances(NamedTuple):
    """What the price of a kWh depends on."""

    at_s: int
    source: Source
    from_zone: Zone
    to_zone: Zone
    demand_wh: int = 0
    supply_wh: int = 0
    """Both zero where nothing is known of scarcity."""


class Bounds(NamedTuple):
    """Between which prices orders are taken, in mGTX/kWh."""

    low: int
    high: int


class Part(NamedTuple):
    """What one factor makes of the price: a factor in ppm (None for what is added), in mGTX/kWh."""

    name: str
    factor_ppm: int | None
    change_mgtx_per_kwh: int


class ReferencePrice(NamedTuple):
    """A price and what it is made of. The parts add up to it."""

    price_mgtx_per_kwh: int
    parts: tuple[Part, ...]


def reference_price(
    model: ReferenceModel, circumstances: Circumstances, bounds: Bounds
) -> ReferencePrice:
    """The price of a kWh under these circumstances."""
    parts = [Part("base", None, model.base_mgtx_per_kwh)]
    exact, scale, shown = model.base_mgtx_per_kwh, 1, model.base_mgtx_per_kwh
    for name, factor_ppm in _factors(model, circumstances):
        exact, scale = exact * factor_ppm, scale * PPM
        price = rounded(exact, scale)
        parts.append(Part(name, factor_ppm, price - shown))
        shown = price
    if circumstances.source in RENEWABLE:
        parts.append(Part("carbon", None, model.carbon_mgtx_per_kwh))
        shown += model.carbon_mgtx_per_kwh
    within = max(bounds.low, min(shown, ceiling(model, bounds)))
    if within != shown:
        parts.append(Part("bounds", None, within - shown))
    return ReferencePrice(within, tuple(parts))


def ceiling(model: ReferenceModel, bounds: Bounds) -> int:
    """The highest price: the market's, or the regulator's cap where it is lower."""
    return min(bounds.high, model.cap_mgtx_per_kwh) if model.cap_mgtx_per_kwh else bounds.high


def _factors(model: ReferenceModel, of: Circumstances) -> tuple[tuple[str, int], ...]:
    minute = local_minute(of.at_s)
    evening = model.evening_from_minute <= minute < model.evening_to_minute
    month = local_day(of.at_s).month
    season = next((each for each in model.seasons if month in each.months), None)
    region = next((each for each in model.zones if each.zone is of.to_zone), None)
    return (
        ("evening", model.evening_ppm if evening else PPM),
        ("renewable", model.renewable_ppm if of.source in RENEWABLE else PPM),
        ("season", season.factor_ppm if season else PPM),
        ("region", region.factor_ppm if region else PPM),
        ("distance", _distance_ppm(model, of.from_zone, of.to_zone)),
        ("scarcity", _scarcity_ppm(model, of.demand_wh, of.supply_wh)),
    )


def _distance_ppm(model: ReferenceModel, one: Zone, other: Zone) -> int:
    if one is other:
        return model.same_zone_ppm
    touching = any({one, other} == {border.first, border.second} for border in model.borders)
    return model.next_zone_ppm if touching else model.far_zone_ppm


def _scarcity_ppm(model: ReferenceModel, demand_wh: int, supply_wh: int) -> int:
    if not demand_wh and not supply_wh:
        return PPM
    ratio = demand_wh * PPM // supply_wh if supply_wh else model.scarcity_high_ppm
    return max(model.scarcity_low_ppm, min(ratio, model.scarcity_high_ppm))
