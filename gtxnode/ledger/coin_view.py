"""The coins as a block has left them so far: what the store holds, under what has changed."""

from typing import Protocol

from gtxnode.ledger.coins import Coin, HeldCoin, decode_coin, encode_coin


class CoinReader(Protocol):
    """The coins before the block, as the store keeps them."""

    def get(self, coin_id: bytes) -> bytes | None:
        """The encoded coin, or None if there is none of that id."""
        ...


def read_coin(coins: CoinReader, coin_id: bytes) -> Coin | None:
    """The coin of an id, or None if there is none of it."""
    encoded = coins.get(coin_id)
    return None if encoded is None else decode_coin(encoded)


class CoinView:
    """Reads through to the store, and keeps every change to itself.

    Invariant: `_before` holds every coin of the store that was read, as it was; `_changed` holds
    what the block made of it (None: spent) and what is new.
    """

    __slots__ = ("_before", "_changed", "_reader")

    def __init__(self, reader: CoinReader) -> None:
        self._reader = reader
        self._before: dict[bytes, HeldCoin] = {}
        self._changed: dict[bytes, HeldCoin | None] = {}

    def get(self, coin_id: bytes) -> Coin | None:
        """The coin as it is now, or None."""
        if coin_id in self._changed:
            held = self._changed[coin_id]
            return None if held is None else held.coin
        known = self._before.get(coin_id)
        if known is not None:
            return known.coin
        encoded = self._reader.get(coin_id)
        if encoded is None:
            return None
        coin = decode_coin(encoded)
        self._before[coin_id] = HeldCoin(coin, encoded)
        return coin

    def spend(self, coin_id: bytes) -> None:
        """Spend a coin that `get` has just found."""
        if coin_id in self._before:
            self._changed[coin_id] = None
        else:
            del self._changed[coin_id]

    def make(self, coin_id: bytes, coin: Coin) -> None:
        """Make a coin, or replace the one of that id by its successor."""
        self._changed[coin_id] = HeldCoin(coin, encode_coin(coin))

    def spent(self) -> dict[bytes, HeldCoin]:
        """Coins of the store that are gone or replaced, as they were."""
        before = self._before
        return {coin_id: before[coin_id] for coin_id in self._changed if coin_id in before}

    def made(self) -> dict[bytes, HeldCoin]:
        """Coins to write."""
        return {coin_id: held for coin_id, held in self._changed.items() if held is not None}
