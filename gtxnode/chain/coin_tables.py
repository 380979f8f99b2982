"""Coins in a chain's database, and what is found by them: owners, orders, committees, what is held.

Coins and owners are written and read key by key, as they are most of a block's work.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gtxnode.chain.committees import put_committee
from gtxnode.ledger.coins import BuyOrder, HeldCoin, HeldEnergy, SellOrder, owners_of
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardBuy, ForwardSell
from gtxnode.ledger.registry.validators import Committee
from storage.kv import Reader, WriteBatch
from storage.tables import Raw, Table, tuple_key

COINS: Final = b"c"
OWNERS: Final = b"o"
# The coins that are open orders or contracts: what the books are rebuilt from at start.
_OPEN_KINDS: Final = frozenset({SellOrder, BuyOrder, ForwardSell, ForwardBuy, Contract})
ORDERS: Final = Table(b"q", Raw(34), Raw(0), name="open orders")
# What suspect readings exported, by province: what a utility has to judge.
HELD: Final = Table(b"h", tuple_key(Raw(1), Raw(34)), Raw(0), name="held energy")


def put_coins(
    write: WriteBatch, spent: Mapping[bytes, HeldCoin], made: Mapping[bytes, HeldCoin]
) -> None:
    """Coins and the index of their owners. A coin's owner may change while its id stays."""
    for coin_id, held in spent.items():
        coin = held.coin
        write.delete(COINS + coin_id)
        for owner in owners_of(coin):
            write.delete(OWNERS + owner + coin_id)
        if type(coin) in _OPEN_KINDS:
            ORDERS.delete(write, coin_id)
        elif type(coin) is HeldEnergy:
            HELD.delete(write, (bytes([coin.province]), coin_id))
    for coin_id, held in made.items():
        coin = held.coin
        write.put(COINS + coin_id, held.encoded)
        for owner in owners_of(coin):
            write.put(OWNERS + owner + coin_id, b"")
        if type(coin) in _OPEN_KINDS:
            ORDERS.put(write, coin_id, b"")
        elif type(coin) is Committee:
            put_committee(write, held)
        elif type(coin) is HeldEnergy:
            HELD.put(write, (bytes([coin.province]), coin_id), b"")


def held_in(
    reader: Reader, provinces: Iterable[int], after: tuple[int, bytes] | None, limit: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """(province, coin id, encoded coin) of what is held, from after one; at most `limit`."""
    left = limit
    for province in sorted(provinces):
        if after is not None and province < after[0]:
            continue
        begin = after[1] + b"\x00" if after is not None and province == after[0] else b""
        prefix = HELD.prefix + bytes([province])
        for key, _ in reader.scan(prefix + begin, prefix + b"\xff" * 35, limit=left):
            coin_id = key[len(prefix) :]
            encoded = reader.get(COINS + coin_id)
            assert encoded is not None, "written and deleted with its coin"
            yield province, coin_id, encoded
            left -= 1
        if left <= 0:
            return
