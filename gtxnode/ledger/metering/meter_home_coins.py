"""Where a meter's key counts: on one chain of the network, for one meter, for good.

A utility says so on the registry, before it registers the meter. A chain that follows the registry
registers no meter, and gives none a key, that the registry's block which its header names does not
have there. A home never changes: however far a chain is behind, no two of them take what one key
has signed. A network without a registry has no such table; there only the utility sees to it.
"""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from consensus.encoding import Height
from consensus.hashing import Domain
from gtxnode.ledger.registry.proposals import Coins
from gtxnode.metering.meters import MeterId, RecordKey
from gtxnode.primitives.zones import Shard


class MeterHome(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=65):
    """The home of a key."""

    meter: MeterId
    shard: Shard
    height: Height
    """The registry's block that has it."""


class Homes(Protocol):
    """What the registry says of the keys of one chain's meters."""

    def meter_of(self, key: bytes | RecordKey) -> bytes | None:
        """The meter whose key counts on this chain; None for a key that does not."""
        ...


@dataclass(frozen=True, slots=True)
class HomesAt:
    """As the registry's block at a height has them, from its coins, which may be of a later one."""

    registry: str
    coins: Coins
    height: int
    shard: Shard | None

    def meter_of(self, key: bytes | RecordKey) -> bytes | None:
        """The meter whose key counts on this chain; None for a key that does not."""
        home = self.coins.get(meter_home_coin_id(self.registry, key))
        if not isinstance(home, MeterHome) or home.height > self.height:
            return None
        return home.meter if home.shard == self.shard else None


def meter_home_coin_id(chain_id: str, key: bytes | RecordKey) -> bytes:
    """The registry's coin of a key's home."""
    identity = key if isinstance(key, bytes) else key.identity
    return Domain("coin/meter_home", chain_id).hash(identity) + b"\x00\x00"
