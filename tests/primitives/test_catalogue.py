"""Zones, shards, sources and reasons: the tables are whole."""

from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import PROVINCES_OF_ZONE, ZONE_OF_PROVINCE, Province
from gtxnode.primitives.sources import FACTOR_GCO2E_PER_KWH, RENEWABLE, Source
from gtxnode.primitives.zones import ZONES_OF_SHARD, Shard, Zone


def test_every_zone_is_served_by_one_shard() -> None:
    served = [zone for zones in ZONES_OF_SHARD.values() for zone in zones]
    assert sorted(served) == sorted(Zone)
    assert set(ZONES_OF_SHARD) == set(Shard)
    assert len(Shard) == 11


def test_a_regional_shard_serves_the_zone_of_its_name() -> None:
    for shard, zones in ZONES_OF_SHARD.items():
        assert [f"geo_{zone.name.lower()}" for zone in zones] in ([], [shard.value])


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
        "CENTRAL": 11,
        "NORTHERN": 17,
        "NORTHEASTERN": 20,
        "EASTERN": 8,
        "WESTERN": 6,
        "SOUTHERN": 14,
    }
