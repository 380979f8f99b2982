"""Zones, shards, sources and reasons: the tables are whole."""

from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import PROVINCES_OF_ZONE, ZONE_OF_PROVINCE, Province
from gtxnode.primitives.sources import FACTOR_GCO2E_PER_KWH, RENEWABLE, Source
from gtxnode.primitives.zones import ZONES_OF_SHARD, Shard, Zone


def test_every_zone_is_served_by_one_regional_shard() -> None:
    regional = {s: zones for s, zones in ZONES_OF_SHARD.items() if s.startswith("geo_")}
    assert sorted(zone for zones in regional.values() for zone in zones) == sorted(Zone)
    assert set(ZONES_OF_SHARD) == set(Shard)
    assert len(Shard) == 11
    for shard, zones in regional.items():
        assert [f"geo_{zone.name.lower()}" for zone in zones] == [shard.value]


def test_of_the_functional_shards_one_trades_between_all_zones() -> None:
    functional = {s: zones for s, zones in ZONES_OF_SHARD.items() if s.startswith("func_")}
    assert functional.pop(Shard.FUNC_ENERGYTRADING) == tuple(Zone)
    assert set(functional.values()) == {()}


def test_every_source_has_a_factor() -> None:
    assert set(FACTOR_GCO2E_PER_KWH) == set(Source)
    worst = max(FACTOR_GCO2E_PER_KWH[source] for source in RENEWABLE)
    assert worst < min(FACTOR_GCO2E_PER_KWH[s] for s in (Source.GAS, Source.OIL, Source.COAL))


def test_every_reason_has_its_code_and_a_sentence() -> None:
    assert all(reason.value == reason.name.lower() for reason in Reason)
    assert all(reason.description.endswith(".") for reason in Reason)
    assert len({reason.description for reason in Reason}) == len(Reason)
    assert Reason("overspent") is Reason.OVERSPENT


def test_a_refusal_says_what_and_why() -> None:
    assert str(Refused(Reason.OVERSPENT, "in 1 < out 2")) == "overspent: in 1 < out 2"
    assert str(Refused(Reason.OVERSPENT)) == f"overspent: {Reason.OVERSPENT.description}"


def test_there_are_77_provinces_each_in_one_zone() -> None:
    assert len(Province) == 77
    assert set(PROVINCES_OF_ZONE) == set(Zone)
    listed = [province for provinces in PROVINCES_OF_ZONE.values() for province in provinces]
    assert sorted(listed) == sorted(Province)
    assert all(ZONE_OF_PROVINCE[province] is province.zone for province in Province)
    sizes = {zone.name: len(provinces) for zone, provinces in PROVINCES_OF_ZONE.items()}
    assert sizes == {
        "BANGKOK": 1,
        "CENTRAL": 21,
        "NORTHERN": 9,
        "NORTHEASTERN": 20,
        "EASTERN": 7,
        "WESTERN": 5,
        "SOUTHERN": 14,
    }
