"""Coins in a chain's database, and what is found by them: owners, open orders, committees.

Coins and owners are written and read key by key, as they are most of a block's work.
"""

from collections.abc import Mapping
from typing import Final

from gtxnode.chain.committees import put_committee
from gtxnode.ledger.coins import BuyOrder, HeldCoin, SellOrder, owners_of
from gtxnode.ledger.forward_coins import Contract, ForwardBuy, ForwardSell
from gtxnode.ledger.validators import Committee
from storage.kv import WriteBatch
from storage.tables import Raw, Table

COINS: Final = b"c"
OWNERS: Final = b"o"
# The coins that are open orders or contracts: what the books are rebuilt from at start.
_OPEN_KINDS = (SellOrder, BuyOrder, ForwardSell, ForwardBuy, Contract)
ORDERS: Final = Table(b"q", Raw(34), Raw(0), name="open orders")


def put_coins(
    write: WriteBatch, spent: Mapping[bytes, HeldCoin], made: Mapping[bytes, HeldCoin]
) -> None:
    """Coins and the index of their owners. A coin's owner may change while its id stays."""
    for coin_id, held in spent.items():
        write.delete(COINS + coin_id)
        for owner in owners_of(held.coin):
            write.delete(OWNERS + owner + coin_id)
        if isinstance(held.coin, _OPEN_KINDS):
            ORDERS.delete(write, coin_id)
    for coin_id, held in made.items():
        write.put(COINS + coin_id, held.encoded)
        for owner in owners_of(held.coin):
            write.put(OWNERS + owner + coin_id, b"")
        if isinstance(held.coin, _OPEN_KINDS):
            ORDERS.put(write, coin_id, b"")
        elif isinstance(held.coin, Committee):
            put_committee(write, held)
