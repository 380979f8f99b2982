"""Credits for renewable energy that is retired: two rules, one of which a chain goes by.

1 credit is 10 kg CO2e avoided. `flat`: every renewable kWh avoids the same, 500 g, which is 0.05
credits (1,000 kWh of solar give 50): the rule of the market's documents, and the default.
`physical`: what a kWh of the grid emits less what one of the source does, by the tables in force
when the energy was made; nothing where the source emits more.

1 Wh at 1 g/kWh is exactly 1 mg, so credits are counted in mg CO2e and nothing is ever rounded. A
kWh is retired once and so earns credit once.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import msgspec

from gtxnode.metering.meters import MAX_OPEN_MONTHS
from gtxnode.primitives.sources import RENEWABLE, Source
from gtxnode.tariffs.tables import EmissionFactors, Grams


class CreditRule(StrEnum):
    """How the credit of a kWh is found."""

    FLAT = "flat"
    PHYSICAL = "physical"


class CarbonRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What renewable energy earns when it is retired; part of the chain's parameters."""

    rule: CreditRule = CreditRule.FLAT
    flat_gco2e_per_kwh: Grams = 500
    open_months: Annotated[int, msgspec.Meta(ge=1, le=MAX_OPEN_MONTHS)] = 3
    """For how many months, with the running one, a meter's import can still be covered."""


def avoided_gco2e_per_kwh(rules: CarbonRules, factors: EmissionFactors, source: Source) -> int:
    """What a kWh of a source avoids by the chain's rule; nothing if it is not renewable."""
    if source not in RENEWABLE:
        return 0
    if rules.rule is CreditRule.FLAT:
        return rules.flat_gco2e_per_kwh
    return max(0, factors.grid_gco2e_per_kwh - factors.factor_of(source))


def emitted_mgco2e(factors: EmissionFactors, energy: Iterable[tuple[Source, int]]) -> int:
    """What making this energy (Wh by source) emitted, in mg."""
    return sum(factors.factor_of(source) * energy_wh for source, energy_wh in energy)
