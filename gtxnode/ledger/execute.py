"""The execution of a final block: sequential, deterministic, and never in doubt.

`execute` is a function of the context, the transactions, the coins and the open orders. It runs
only on what consensus has made final, so it moves the open orders on in place; coins it leaves
alone and returns what to write. A refused transaction changes nothing and gets a receipt with its
reason.

Order within a block: orders that have expired give their funds back, the transactions take effect
one by one as the block has them, fees go to the proposer, totals are carried on.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from gtxnode.ledger import meters, orders, transfers
from gtxnode.ledger.block_state import BlockContext, BlockState
from gtxnode.ledger.coin_view import CoinReader, CoinView
from gtxnode.ledger.open_orders import OpenOrders
from gtxnode.ledger.outcome import BlockOutcome, Receipt
from gtxnode.ledger.transactions import (
    Body,
    Cancel,
    CheckedTransaction,
    PlaceBuy,
    PlaceSell,
    RegisterMeter,
    Retire,
    Transfer,
)
from gtxnode.metering.meters import Reading
from gtxnode.primitives.errors import Reason, Refused

__all__ = ["RULES", "BlockContext", "BlockOutcome", "CoinReader", "execute"]

Rule: TypeAlias = Callable[[BlockState, CheckedTransaction], None]
"""Changes the state by a transaction, or raises `Refused` having changed nothing."""

RULES: Mapping[type[Body], Rule] = MappingProxyType(
    {
        Transfer: transfers.transfer,
        Retire: transfers.retire,
        RegisterMeter: meters.register_meter,
        Reading: meters.reading,
        PlaceSell: orders.place_sell,
        PlaceBuy: orders.place_buy,
        Cancel: orders.cancel,
    }
)


def execute(
    context: BlockContext,
    transactions: Sequence[CheckedTransaction],
    coins: CoinReader,
    open_orders: OpenOrders,
) -> BlockOutcome:
    """Execute a final block's transactions in their order."""
    state = BlockState(context, CoinView(coins), open_orders)
    orders.expire(state)
    taken: set[bytes] = set()
    for transaction in transactions:
        state.receipts.append(_apply(state, transaction, taken))
    return state.close()


def _apply(state: BlockState, transaction: CheckedTransaction, taken: set[bytes]) -> Receipt:
    if transaction.id in taken:
        return Receipt(transaction.id, Reason.ALREADY_EXECUTED)
    try:
        RULES[type(transaction.body)](state, transaction)
    except Refused as refused:
        return Receipt(transaction.id, refused.reason, refused.detail)
    taken.add(transaction.id)
    return Receipt(transaction.id)
