"""A simulated home on paper: who it is, where it lives, and how its meter is registered.

A household may stand for many homes behind one meter: a community, as those that trade between
zones are (communities.py).
"""

from dataclasses import dataclass

from consensus import signing
from gtxnode.devnet.homes import CONNECTION_W, HOUR_S
from gtxnode.ledger.bodies import HomeMeter, RegisterMeter
from gtxnode.ledger.metering.territories import Territories
from gtxnode.metering.meters import Direction, meter_id_of
from gtxnode.primitives.addresses import Address, address_of
from gtxnode.primitives.provinces import PROVINCES_OF_ZONE, Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Role, Shard, Zone


@dataclass(frozen=True, slots=True)
class Household:
    """One simulated home and its keys."""

    name: str
    number: int
    """Which home of the data it is, from 0."""
    shard: Shard
    zone: Zone
    wallet_key: bytes
    meter_key: bytes
    homes: int = 1
    """How many homes like that of the data are behind its meter."""
    plants: int = 1
    """How many times the plant of those homes it has."""
    interval_s: int = HOUR_S
    """What the meter takes for an hour of the data."""
    source: Source = Source.SOLAR
    first_hour: int | None = None
    """The hour of the data that its meter begins with; None for that of the day."""

    @property
    def capacity_w(self) -> int:
        """What flows through its connection at most: the faster its hours, the more."""
        return CONNECTION_W * self.homes * self.plants * HOUR_S // self.interval_s

    @property
    def owner(self) -> Address:
        """The address that its energy and money belong to."""
        return address_of(signing.public_key(self.wallet_key))

    @property
    def meter(self) -> bytes:
        """The id of its meter."""
        return meter_id_of(signing.public_key(self.meter_key))

    @property
    def province(self) -> Province:
        """Where in its zone it stands."""
        provinces = PROVINCES_OF_ZONE[self.zone]
        return provinces[self.number % len(provinces)]

    @property
    def utility(self) -> Role:
        """The authority that registers meters here."""
        return Territories().utility_of(self.province)

    def homing(self) -> HomeMeter:
        """What a utility signs on the registry, where there is one, before the registration."""
        return HomeMeter(self.meter, signing.public_key(self.meter_key), self.shard)

    def registration(self, installed_s: int) -> RegisterMeter:
        """What the utility signs; the meter's first interval may begin at `installed_s`."""
        return RegisterMeter(
            meter=self.meter,
            public_key=signing.public_key(self.meter_key),
            owner=self.owner,
            province=self.province,
            source=self.source,
            capacity_w=self.capacity_w,
            direction=Direction.BOTH,
            installed_s=installed_s,
        )
