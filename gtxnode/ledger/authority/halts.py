"""Halts: trading that an authority has stopped, in what, and until when.

ERC stops a trader, or a market (a zone, a product, both, or all of it). EGAT stops a market in an
emergency, for a shorter time. A halt ends by itself at its time, or by a lift: ERC lifts any, EGAT
its own. A halt of a scope takes the place of the one that was there; EGAT replaces none of ERC's.

What a halt does. Orders in its scope are refused, and the refusal is on record. Nothing that rests
is taken from anyone but from a halted trader: what a market halt covers keeps its place, and may be
cancelled or expire; as no order is taken or changed, it does not trade, and an auction for delivery
passes over what is halted when the gate closes. A halted trader's resting orders are cancelled, so
that nobody trades with them.

A halt that is signed on the registry holds on every chain, beside those that were signed on the
chain itself: neither takes the other's place, and each is lifted where it was signed.

On a chain that serves several zones an order is about the zones that it names. What rests of a zone
that is halted as a whole trades with nobody there: the grid carries nothing from it or to it.

Cancels, readings, transfers and retirements go on under every halt.
"""

from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Annotated, TypeAlias

import msgspec

from consensus.hashing import Domain
from gtxnode.ledger.registry.proposals import Coins
from gtxnode.market.slots import HOUR_S
from gtxnode.metering.meters import AddressBytes, Seconds
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Role, Zone

MAX_HALTS = 512
MAX_CAUSE_LENGTH = 140
SPOT = 0
"""The product of energy that exists; a forward's product is its slot's length in seconds."""

Product: TypeAlias = Annotated[int, msgspec.Meta(ge=SPOT, le=HOUR_S)]
Cause: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CAUSE_LENGTH)]
"""Why, for people."""


class OfMarket(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """What is traded in a zone, of a product; all of it where neither is named."""

    zone: Zone | None = None
    product: Product | None = None

    def covers(self, trader: bytes, product: int, zones: Collection[Zone]) -> bool:
        """Whether an order of that trader is in it."""
        return (self.zone is None or self.zone in zones) and self.product in (None, product)


class OfTrader(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """Everything that one trader trades."""

    trader: AddressBytes

    def covers(self, trader: bytes, product: int, zones: Collection[Zone]) -> bool:
        """Whether an order of that trader is in it."""
        return trader == self.trader


Scope: TypeAlias = OfMarket | OfTrader


class StandingHalt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One halt."""

    scope: Scope
    role: Role
    """By which authority."""
    since_s: Seconds
    until_s: Seconds
    """In block time: the first second in which it stops nothing any more."""
    cause: Cause


class Halts(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=50):
    """The halts, oldest first. Those that have ended go with the next act. None while there are
    none."""

    standing: Annotated[tuple[StandingHalt, ...], msgspec.Meta(min_length=1, max_length=MAX_HALTS)]

    def at(self, time_ms: int) -> Iterator[StandingHalt]:
        """Those that stop something at a time."""
        return (each for each in self.standing if each.until_s * 1_000 > time_ms)


def require_open(
    standing: Collection[StandingHalt], trader: bytes, product: int, zones: Collection[Zone]
) -> None:
    """Refuse an order that a halt covers. `zones` are those whose energy or grid it is about."""
    for halt in standing:
        if halt.scope.covers(trader, product, zones):
            raise Refused(
                Reason.HALTED, f"by {halt.role.name} until {halt.until_s} s: {halt.cause}"
            )


def standing_halts(
    chain_id: str, coins: Coins, time_ms: int
) -> Iterator[tuple[StandingHalt, bool]]:
    """All that stop something on a chain at a time, and of each whether the registry says so."""
    for by_registry, coin_id in enumerate((halts_coin_id(chain_id), directed_halts_id(chain_id))):
        coin = coins.get(coin_id)
        if isinstance(coin, Halts):
            yield from ((each, bool(by_registry)) for each in coin.at(time_ms))


@lru_cache(maxsize=64)
def halts_coin_id(chain_id: str) -> bytes:
    """The coin with the halts that were signed on a chain and hold there."""
    return Domain("coin/halts", chain_id).hash() + b"\x00\x00"


@lru_cache(maxsize=64)
def directed_halts_id(chain_id: str) -> bytes:
    """The coin with the halts that were signed on the registry and hold on every chain."""
    return Domain("coin/directed_halts", chain_id).hash() + b"\x00\x00"
