"""A trader's licence: the regulator's leave to place orders above the size that is free to all."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from consensus.hashing import Domain
from gtxnode.ledger.registry.proposals import Coins
from gtxnode.metering.meters import AddressBytes, Seconds
from gtxnode.primitives.units import MAX_AMOUNT

LicensedSize = Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)]


class Licence(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=20):
    """It stands until it is revoked, and counts until it expires."""

    holder: AddressBytes
    max_wh: LicensedSize
    """The largest order that it covers."""
    expires_s: Seconds
    """In block time: from then on it counts no more."""


def licence_coin_id(chain_id: str, holder: bytes) -> bytes:
    """The coin of a trader's licence that was signed on a chain and counts there."""
    return Domain("coin/licence", chain_id).hash(holder) + b"\x00\x00"


def directed_licence_id(chain_id: str, holder: bytes) -> bytes:
    """The coin of a trader's licence that was signed on the registry and counts on every chain."""
    return Domain("coin/directed_licence", chain_id).hash(holder) + b"\x00\x00"


def licences_of(chain_id: str, coins: Coins, holder: bytes) -> Iterator[tuple[Licence, bool]]:
    """A trader's licences on a chain, and of each whether the registry gave it."""
    own, directed = licence_coin_id(chain_id, holder), directed_licence_id(chain_id, holder)
    for by_registry, coin_id in enumerate((own, directed)):
        coin = coins.get(coin_id)
        if isinstance(coin, Licence):
            yield coin, bool(by_registry)
