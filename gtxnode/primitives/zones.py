"""Zones and shards: the seven regions of Thailand, and the eleven chains that serve them.

Each regional shard serves the zone of its name, `func_energytrading` all of them, the other three
functional shards none. Which provinces a zone has is in provinces.py.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Zone(IntEnum):
    """A region whose grid is taken as one place. The numbers are on the wire."""

    BANGKOK = 1
    CENTRAL = 2
    NORTHERN = 3
    NORTHEASTERN = 4
    EASTERN = 5
    WESTERN = 6
    SOUTHERN = 7


class Shard(StrEnum):
    """The eleven chains by the names that go into their chain ids."""

    GEO_BANGKOK = "geo_bangkok"
    GEO_CENTRAL = "geo_central"
    GEO_NORTHERN = "geo_northern"
    GEO_NORTHEASTERN = "geo_northeastern"
    GEO_EASTERN = "geo_eastern"
    GEO_WESTERN = "geo_western"
    GEO_SOUTHERN = "geo_southern"
    FUNC_ENERGYTRADING = "func_energytrading"
    FUNC_GOVERNANCE = "func_governance"
    FUNC_GRIDMANAGEMENT = "func_gridmanagement"
    FUNC_COMPLIANCE = "func_compliance"


REGISTRY = Shard.FUNC_GOVERNANCE
"""The chain that holds the validators' stakes."""


class Role(IntEnum):
    """An authority: a utility or the regulator. The numbers are on the wire."""

    EGAT = 1
    MEA = 2
    PEA = 3
    ERC = 4


ZONES_OF_SHARD: Mapping[Shard, tuple[Zone, ...]] = MappingProxyType(
    {
        Shard.GEO_BANGKOK: (Zone.BANGKOK,),
        Shard.GEO_CENTRAL: (Zone.CENTRAL,),
        Shard.GEO_NORTHERN: (Zone.NORTHERN,),
        Shard.GEO_NORTHEASTERN: (Zone.NORTHEASTERN,),
        Shard.GEO_EASTERN: (Zone.EASTERN,),
        Shard.GEO_WESTERN: (Zone.WESTERN,),
        Shard.GEO_SOUTHERN: (Zone.SOUTHERN,),
        Shard.FUNC_ENERGYTRADING: tuple(Zone),
        Shard.FUNC_GOVERNANCE: (),
        Shard.FUNC_GRIDMANAGEMENT: (),
        Shard.FUNC_COMPLIANCE: (),
    }
)
"""Which zones' meters a shard takes. Those on `func_energytrading` trade between zones; a meter is
registered on one chain only, where the registry has its key at home (ledger/metering/homing.py)."""
