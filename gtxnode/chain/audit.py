"""The trail for regulators, beside the blocks: acts of authorities, violations, totals by day.

All of it is derived from blocks, is no part of the state, and is written with the block that it
is about. An act is a transaction that an authority signed and that took effect. A violation is one
that a block took and a rule refused. What is kept of it here is smaller than the transaction, which
the block holds anyway, so nobody can write more than blocks have room for; an order's room is paid
for with work, and an act that no authority signed is turned away by the node that it is sent to.

Halts and limits of use are not held against what clients send to a node, but in execution alone: an
attempt goes into a block, is refused there, and is on record.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from consensus.encoding import Codec
from consensus.types import Header
from gtxnode.chain.days import DayTotals, day_of, with_block
from gtxnode.ledger.authority.compliance import VIOLATIONS
from gtxnode.ledger.authority.mandates import MANDATES, role_of
from gtxnode.ledger.bodies import KIND_NAMES
from gtxnode.ledger.coins import Supply, supply_coin_id
from gtxnode.ledger.execute import BlockOutcome
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import MAX_TRANSACTION_BYTES, CheckedTransaction
from gtxnode.primitives.zones import Role
from storage.kv import Reader, WriteBatch
from storage.tables import U64, Table, tuple_key

MAX_DETAIL_LENGTH = 200


class ActRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an authority signed and a block took."""

    time_ms: int
    id: bytes
    kind: str
    role: Role | None
    """None where it was signed with a key that the parameters do not name any more."""
    transaction: bytes
    """As it was sent, signatures included."""


class ViolationRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a rule refused."""

    time_ms: int
    id: bytes
    kind: str
    rule: str
    """The stable code of the reason."""
    detail: str
    signers: tuple[bytes, ...]
    """The addresses of who signed it."""


_PLACE = tuple_key(U64(), U64())
_ACTS: Final = Table(
    b"A",
    _PLACE,
    Codec(ActRecord, max_bytes=MAX_TRANSACTION_BYTES + 1_024),
    name="acts of authorities",
)
_VIOLATIONS: Final = Table(b"V", _PLACE, Codec(ViolationRecord, max_bytes=4_096), name="violations")
_DAYS: Final = Table(b"d", U64(), Codec(DayTotals, max_bytes=65_536), name="days")


class Audit:
    """What is written beside the blocks of one chain. One writer, at one block at a time."""

    def __init__(self, chain_id: str, database: Reader) -> None:
        self._supply_id = supply_coin_id(chain_id)
        self._database = database
        self._day: DayTotals | None = None
        self._supply = Supply(0, 0, 0)

    def resume(self, time_ms: int, supply: Supply) -> None:
        """Begin after the block of that time, when the chain's totals are these."""
        self._day = _DAYS.get(self._database, day_of(time_ms))
        self._supply = supply

    def put(
        self,
        write: WriteBatch,
        header: Header,
        parameters: ChainParameters,
        transactions: Sequence[CheckedTransaction],
        outcome: BlockOutcome,
    ) -> None:
        """Write down what a block did, if it did anything."""
        held = outcome.made.get(self._supply_id)
        if not transactions and held is None and not _acts_by_itself(outcome):
            return
        height, time_ms = header.height, header.time_ms
        before = self._supply
        if held is not None:
            assert isinstance(held.coin, Supply), "the supply's id holds the supply"
            self._supply = held.coin
        day = day_of(time_ms)
        known = self._day if self._day is not None and self._day.day == day else None
        totals = known or DayTotals(day, before, before)
        self._day = with_block(totals, transactions, outcome, self._supply)
        _DAYS.put(write, day, self._day)
        for position, (transaction, receipt) in enumerate(
            zip(transactions, outcome.receipts, strict=True)
        ):
            if receipt.reason is None:
                if type(transaction.body) in MANDATES:
                    act = _act(time_ms, parameters, transaction)
                    _ACTS.put(write, (height, position), act)
            elif receipt.reason in VIOLATIONS:
                violation = ViolationRecord(
                    time_ms,
                    receipt.id,
                    KIND_NAMES[type(transaction.body)],
                    receipt.reason.value,
                    receipt.detail[:MAX_DETAIL_LENGTH],
                    tuple(map(bytes, transaction.addresses)),
                )
                _VIOLATIONS.put(write, (height, position), violation)


def day_totals(reader: Reader, day: int) -> DayTotals | None:
    """What a chain did in a day; None where it did nothing."""
    return _DAYS.get(reader, day)


def days_before(reader: Reader, day: int | None) -> Iterator[DayTotals]:
    """The days before one, latest first; all of them, earliest first, where none is named."""
    if day is None:
        return (totals for _, totals in _DAYS.scan(reader))
    return (totals for _, totals in _DAYS.scan(reader, stop=day, reverse=True))


def acts_after(reader: Reader, place: tuple[int, int]) -> Iterator[tuple[int, int, ActRecord]]:
    """(height, position, act) from a place on, in order."""
    for (height, position), record in _ACTS.scan(reader, start=place):
        yield height, position, record


def violations_after(
    reader: Reader, place: tuple[int, int]
) -> Iterator[tuple[int, int, ViolationRecord]]:
    """(height, position, violation) from a place on, in order."""
    for (height, position), record in _VIOLATIONS.scan(reader, start=place):
        yield height, position, record


def _acts_by_itself(outcome: BlockOutcome) -> bool:
    """Whether a block does something that nobody sent and that leaves the chain's totals."""
    return bool(
        outcome.forward_trades
        or outcome.settlements
        or outcome.expired
        or outcome.cancelled
        or outcome.directives
    )


def _act(time_ms: int, parameters: ChainParameters, transaction: CheckedTransaction) -> ActRecord:
    kind = type(transaction.body)
    role = role_of(parameters, transaction.signers, MANDATES[kind].roles)
    return ActRecord(time_ms, transaction.id, KIND_NAMES[kind], role, transaction.encoded)
