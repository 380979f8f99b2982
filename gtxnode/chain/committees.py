"""Every committee that the registry ever fixed, by epoch, in its database.

The state forgets those that evidence can be about no more; who follows a chain from genesis asks
for all of them.
"""

from typing import Final

from gtxnode.ledger.coins import HeldCoin, decode_coin
from gtxnode.ledger.registry.validators import Committee
from storage.kv import Reader, WriteBatch
from storage.tables import U64, Raw, Table

_COMMITTEES: Final = Table(b"v", U64(), Raw(), name="committees")


def put_committee(write: WriteBatch, held: HeldCoin) -> None:
    """Write a coin down that is a committee."""
    assert isinstance(held.coin, Committee), "nothing else is kept here"
    _COMMITTEES.put(write, held.coin.epoch, held.encoded)


def read_committee(reader: Reader, epoch: int) -> Committee | None:
    """Who votes in an epoch; None before that is fixed."""
    encoded = _COMMITTEES.get(reader, epoch)
    if encoded is None:
        return None
    committee = decode_coin(encoded)
    assert isinstance(committee, Committee), "the table holds committees"
    return committee
