"""Where energy comes from, and what that emits.

The factors are the project's policy, in grams of CO2 equivalent per kWh over the life cycle;
they are the defaults of chain parameters, not constants of the rules.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class Source(IntEnum):
    """An energy source. The numbers are on the wire."""

    UNKNOWN = 0
    SOLAR = 1
    WIND = 2
    HYDRO = 3
    BIOMASS = 4
    GEOTHERMAL = 5
    NUCLEAR = 6
    GAS = 7
    OIL = 8
    COAL = 9


RENEWABLE = frozenset({Source.SOLAR, Source.WIND, Source.HYDRO, Source.BIOMASS, Source.GEOTHERMAL})

FACTOR_GCO2E_PER_KWH: Mapping[Source, int] = MappingProxyType(
    {
        Source.COAL: 820,
        Source.OIL: 778,
        Source.UNKNOWN: 500,
        Source.GAS: 490,
        Source.BIOMASS: 230,
        Source.SOLAR: 41,
        Source.GEOTHERMAL: 38,
        Source.HYDRO: 24,
        Source.NUCLEAR: 12,
        Source.WIND: 11,
    }
)
