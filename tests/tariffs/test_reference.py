"""The reference price: its worked examples, its parts, and that scarcity makes it rise."""

from hypothesis import given
from hypothesis import strategies as st

from gtxnode.primitives.sources import RENEWABLE, Source
from gtxnode.primitives.zones import Zone
from gtxnode.tariffs.reference import Bounds, Circumstances, reference_price
from gtxnode.tariffs.tables import PPM, ReferenceModel, Tariffs
from gtxnode.tariffs.thailand import THAI_TABLES
from tests.tariffs.test_time_of_use import at

MODEL = Tariffs(THAI_TABLES).at(ReferenceModel, 0)
BOUNDS = Bounds(1_000, 10_000)
NOON, EVENING = at(2026, 9, 1, 12, 0), at(2026, 9, 1, 18, 0)
PLAIN = Circumstances(NOON, Source.GAS, Zone.EASTERN, Zone.CENTRAL)


def price(circumstances: Circumstances, model: ReferenceModel = MODEL) -> int:
    return reference_price(model, circumstances, BOUNDS).price_mgtx_per_kwh


def test_the_models_worked_examples() -> None:
    assert price(PLAIN) == 3_200
    assert price(PLAIN._replace(at_s=EVENING)) == 4_800
    solar = reference_price(MODEL, PLAIN._replace(source=Source.SOLAR), BOUNDS)
    assert {part.name: part.change_mgtx_per_kwh for part in solar.parts} == {
        "base": 3_200,
        "evening": 0,
        "renewable": 320,
        "season": 0,
        "region": 0,
        "distance": 0,
        "scarcity": 0,
        "carbon": 300,
    }
    assert price(PLAIN._replace(from_zone=Zone.CENTRAL)) == 3_040
    assert price(PLAIN._replace(from_zone=Zone.SOUTHERN, to_zone=Zone.NORTHERN)) == 3_024
    assert price(PLAIN._replace(to_zone=Zone.BANGKOK)) == 4_032


def test_the_regulators_cap_and_the_bounds_hold() -> None:
    capped = ReferenceModel(source="test", base_mgtx_per_kwh=9_000, cap_mgtx_per_kwh=5_000)
    found = reference_price(capped, PLAIN, BOUNDS)
    assert found.price_mgtx_per_kwh == 5_000
    assert found.parts[-1].change_mgtx_per_kwh == -4_000
    assert price(PLAIN, ReferenceModel(source="test", base_mgtx_per_kwh=1)) == 1_000


energies = st.integers(0, 10**9)


@given(
    st.integers(1_700_000_000, 2_000_000_000),
    st.sampled_from(Source),
    st.sampled_from(Zone),
    st.sampled_from(Zone),
    energies,
    energies,
)
def test_the_parts_add_up_to_the_price(
    at_s: int, source: Source, one: Zone, other: Zone, demand: int, supply: int
) -> None:
    where = Circumstances(at_s, source, one, other, demand, supply)
    found = reference_price(MODEL, where, BOUNDS)
    assert sum(part.change_mgtx_per_kwh for part in found.parts) == found.price_mgtx_per_kwh
    assert BOUNDS.low <= found.price_mgtx_per_kwh <= BOUNDS.high
    # The same by fractions, within half an mGTX and the rounding of the base.
    exact = float(MODEL.base_mgtx_per_kwh)
    for part in found.parts:
        exact *= (part.factor_ppm or PPM) / PPM
    exact += MODEL.carbon_mgtx_per_kwh if source in RENEWABLE else 0
    assert abs(min(max(exact, BOUNDS.low), BOUNDS.high) - found.price_mgtx_per_kwh) < 0.51


@given(energies, energies, energies)
def test_the_price_rises_with_demand_and_falls_with_supply(
    demand: int, supply: int, more: int
) -> None:
    if not demand and not supply:
        return
    here = price(PLAIN._replace(demand_wh=demand, supply_wh=supply))
    assert price(PLAIN._replace(demand_wh=demand + more, supply_wh=supply)) >= here
    assert price(PLAIN._replace(demand_wh=demand, supply_wh=supply + more)) <= here


def test_seasons_change_with_the_month() -> None:
    assert price(PLAIN._replace(at_s=at(2026, 4, 10, 12, 0))) == 3_360
    assert price(PLAIN._replace(at_s=at(2026, 12, 1, 12, 0))) == 3_040
