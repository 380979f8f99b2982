"""The parameters that methods of several topics share."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gtxnode.rpc.wire import Address

MAX_PAGE = 1_000

Shard = Annotated[str, Meta(max_length=64, description="a hosted shard, such as geo_bangkok")]
ZoneName = Literal[
    "bangkok", "central", "northern", "northeastern", "eastern", "western", "southern"
]
SourceName = Literal[
    "unknown", "solar", "wind", "hydro", "biomass", "geothermal", "nuclear", "gas", "oil", "coal"
]
Time = Annotated[int, Meta(ge=0, le=2**40, description="Unix seconds")]
PageSize = Annotated[int, Meta(ge=1, le=MAX_PAGE)]


class NoParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing."""


class OfShard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One shard."""

    shard: Shard


class OfAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One address."""

    shard: Shard
    address: Address
