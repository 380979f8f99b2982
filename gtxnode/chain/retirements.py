"""Retirements by id, by meter, and the log of them as far as proofs are made of it.

All of it is derived from blocks as they are executed, and written with them. Of the log it keeps
the nodes of its tree as they are completed, and where it *stood* in the state: the coin, and the
hash beside it under the state root, after each block that added to it and after each checkpoint's.
So a certificate can be proved for good, and a block without retirements writes nothing.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from consensus import merkle, merkle_log
from consensus.encoding import Codec
from consensus.types import Header
from gtxnode.chain.saved_root import SavedRoot
from gtxnode.ledger.coin_view import CoinReader
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.energy.retirement_coins import RetirementLog, retirement_log_coin_id
from gtxnode.ledger.energy.retirement_log import Retired, entry_of, retired_codec
from gtxnode.ledger.outcome import BlockOutcome
from gtxnode.ledger.parameters import ChainParameters
from storage.kv import Reader, WriteBatch
from storage.tables import U64, Raw, Table, tuple_key


class Logged(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A retirement, and its number in the log."""

    number: int
    entry: Retired

    @property
    def encoded(self) -> bytes:
        """The entry's canonical bytes."""
        return retired_codec.encode(self.entry)


class Stand(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the log stood after a block."""

    log: bytes
    """Its coin, encoded."""
    beside: bytes
    """The root over all other coins: the coin's whole path to the state root."""


class NotKept(Exception):
    """A part of the log that this node does not have, as it began with a later state."""

    code = "certificates.not_kept"


_RETIREMENTS: Final = Table(b"n", Raw(32), Codec(Logged, max_bytes=65_536), name="retirements")
_BY_METER: Final = Table(
    b"N", tuple_key(Raw(16), U64(), Raw(32)), Raw(0), name="retirements by meter"
)
_NODES: Final = Table(b"y", tuple_key(U64(), U64()), Raw(32), name="nodes of the retirements' log")
_STANDS: Final = Table(
    b"Y", U64(), Codec(Stand, max_bytes=4_096), name="stands of the retirements' log"
)


def put_retirements(
    write: WriteBatch,
    before: CoinReader,
    header: Header,
    parameters: ChainParameters,
    outcome: BlockOutcome,
    root: SavedRoot,
) -> None:
    """What a block adds. `before` are the coins before it, `root` is after it."""
    coin_id = retirement_log_coin_id(header.chain_id)
    if outcome.retirements:
        log = outcome.made[coin_id]
        assert isinstance(log.coin, RetirementLog), "a block that retires leaves its log"
        _put_entries(write, log.coin.total - len(outcome.retirements), header, outcome)
        _put_stand(write, header.height, log.encoded, root)
    elif header.height % parameters.checkpoints.interval_blocks == 0:
        encoded = before.get(coin_id)
        if encoded is not None:
            _put_stand(write, header.height, encoded, root)


def _put_entries(write: WriteBatch, first: int, header: Header, outcome: BlockOutcome) -> None:
    for number, retirement in enumerate(outcome.retirements, first):
        entry = entry_of(header.height, header.time_ms, retirement)
        _RETIREMENTS.put(write, retirement.transaction, Logged(number, entry))
        for lot in retirement.lots:
            key = (lot.origin.meter, lot.origin.start_s, retirement.transaction)
            _BY_METER.put(write, key, b"")
    for level, position, node in outcome.log_nodes:
        _NODES.put(write, (level, position), node)


def _put_stand(write: WriteBatch, height: int, log: bytes, root: SavedRoot) -> None:
    _STANDS.put(write, height, Stand(log, root.beside_log))


def retirement(reader: Reader, identity: bytes) -> Logged | None:
    """The retirement of a transaction."""
    return _RETIREMENTS.get(reader, identity)


def retired_of_meter(reader: Reader, meter: bytes, start_s: int, end_s: int) -> Iterator[bytes]:
    """The retirements that hold energy of a meter made from one time to another, in its order."""
    span = (meter, start_s, bytes(32)), (meter, end_s, bytes(32))
    for (_, _, identity), _ in _BY_METER.scan(reader, start=span[0], stop=span[1]):
        yield identity


def stand_at(reader: Reader, height: int) -> Stand | None:
    """Where the log stood after a block, if that was kept."""
    return _STANDS.get(reader, height)


def stands_from(reader: Reader, height: int) -> Iterator[tuple[int, Stand]]:
    """Where the log stood after a block and after those above it, as far as that was kept."""
    return _STANDS.scan(reader, start=height)


def path_in(reader: Reader, stand: Stand, number: int) -> merkle.Proof:
    """An entry's way to the log's root as it stood then; raises `NotKept`."""
    log = decode_coin(stand.log)
    assert isinstance(log, RetirementLog), "a stand is the log's"

    def node_at(level: int, position: int) -> bytes:
        node = _NODES.get(reader, (level, position))
        if node is None:
            raise NotKept(f"node {position} of level {level} of the log of retirements")
        return node

    return merkle_log.prove(log.total, number, node_at)
