"""Credits for retired energy: the worked examples, and that no source earns for being dirty."""

import pytest

from gtxnode.carbon.credits import (
    CarbonRules,
    CreditRule,
    avoided_gco2e_per_kwh,
    emitted_mgco2e,
)
from gtxnode.primitives.sources import RENEWABLE, Source
from gtxnode.primitives.units import MG_PER_CREDIT
from gtxnode.tariffs.tables import EmissionFactors, Tariffs
from gtxnode.tariffs.thailand import THAI_TABLES

FACTORS = Tariffs(THAI_TABLES).at(EmissionFactors, 0)
FLAT, PHYSICAL = CarbonRules(), CarbonRules(rule=CreditRule.PHYSICAL)


def credits_mg(rules: CarbonRules, source: Source, energy_wh: int) -> int:
    return energy_wh * avoided_gco2e_per_kwh(rules, FACTORS, source)


def test_the_worked_examples() -> None:
    assert credits_mg(FLAT, Source.SOLAR, 1_000_000) == 50 * MG_PER_CREDIT
    assert credits_mg(FLAT, Source.WIND, 500_000) == 25 * MG_PER_CREDIT
    # (475 - 41) g x 1,000 kWh are 434 kg: 43.4 credits
    assert credits_mg(PHYSICAL, Source.SOLAR, 1_000_000) * 10 == 434 * MG_PER_CREDIT


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("rules", [FLAT, PHYSICAL], ids=["flat", "physical"])
def test_only_renewable_energy_earns(rules: CarbonRules, source: Source) -> None:
    assert (avoided_gco2e_per_kwh(rules, FACTORS, source) > 0) is (source in RENEWABLE)


def test_a_source_that_emits_more_than_the_grid_earns_nothing() -> None:
    clean_grid = EmissionFactors(source="test", grid_gco2e_per_kwh=100)
    assert avoided_gco2e_per_kwh(PHYSICAL, clean_grid, Source.BIOMASS) == 0
    assert avoided_gco2e_per_kwh(PHYSICAL, clean_grid, Source.WIND) == 89


def test_what_a_mix_emitted() -> None:
    assert emitted_mgco2e(FACTORS, [(Source.SOLAR, 1_000), (Source.COAL, 10)]) == 49_200
