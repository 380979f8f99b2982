"""Directives: what authorities have said on the registry for every chain of the network.

An act that is signed on the registry and has a `Saying` holds on every chain. The registry numbers
them, 1 for the first, and keeps each for good: whoever follows a chain from genesis meets all of
them. A chain takes them in their order, once its headers name a registry's block that has them, and
counts how far it has come. Invariant: a directive never changes, so that what a chain reads for one
of its blocks is the same however far the registry has gone meanwhile.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from consensus.encoding import Height
from consensus.hashing import Domain
from gtxnode.ledger.authority.halts import Scope, StandingHalt
from gtxnode.ledger.market.licence_coins import Licence
from gtxnode.ledger.registry.proposals import Coins, Number
from gtxnode.metering.meters import AddressBytes
from gtxnode.tariffs.tables import TariffTable

MAX_TAKEN = 64
"""Directives that one block of a chain takes; the rest come with those that follow."""


class Halted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """Trading stands still in a scope."""

    halt: StandingHalt


class Lifted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A halt that a directive made has ended before its time."""

    scope: Scope


class Licensed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """A trader has a licence, in place of one that a directive gave before."""

    licence: Licence


class Unlicensed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """A licence that a directive gave is taken back."""

    holder: AddressBytes


class TariffSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """A table of tariffs for the time to come."""

    table: TariffTable


Saying: TypeAlias = Halted | Lifted | Licensed | Unlicensed | TariffSet


SAYING_NAMES: Mapping[type[Saying], str] = MappingProxyType(
    {
        Halted: "halt",
        Lifted: "lift",
        Licensed: "grant_licence",
        Unlicensed: "revoke_licence",
        TariffSet: "replace_tariff",
    }
)
"""How the kind of transaction is called that says it."""


class Directive(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=67):
    """One of them."""

    number: Number
    height: Height
    """The registry's block that has it."""
    saying: Saying


class Directives(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=68):
    """How many the registry has made, or another chain has taken; none before the first."""

    count: Number


@lru_cache(maxsize=64)
def directives_coin_id(chain_id: str) -> bytes:
    """The coin with a chain's count."""
    return Domain("coin/directives", chain_id).hash() + b"\x00\x00"


def directive_coin_id(chain_id: str, number: int) -> bytes:
    """The registry's coin of a directive."""
    return Domain("coin/directive", chain_id).hash(number.to_bytes(8, "big")) + b"\x00\x00"


def count_of(chain_id: str, coins: Coins) -> int:
    """How many directives a chain has made, or taken."""
    coin = coins.get(directives_coin_id(chain_id))
    return coin.count if isinstance(coin, Directives) else 0


def directives_after(chain_id: str, coins: Coins, taken: int, height: int) -> tuple[Directive, ...]:
    """The registry's after so many, as its block at a height has them; `MAX_TAKEN` at most."""
    found: list[Directive] = []
    while len(found) < MAX_TAKEN:
        coin = coins.get(directive_coin_id(chain_id, taken + len(found) + 1))
        if not isinstance(coin, Directive) or coin.height > height:
            break
        found.append(coin)
    return tuple(found)


def name_of(directive: Directive) -> str:
    """The kind of transaction that it was signed as."""
    return SAYING_NAMES[type(directive.saying)]
