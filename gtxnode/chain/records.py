"""What a final block did, as it is stored beside the block.

Blocks name batches and batches hold transactions; whether each took effect, which trades were made
and which orders changed is known only after execution. Keeping that beside the block lets every
event be read again by height, alike on every node, without executing anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from itertools import chain
from typing import Final

import msgspec

from consensus.encoding import Codec
from gtxnode.ledger.bodies import (
    Amend,
    AssignContract,
    Cancel,
    ForwardBid,
    ForwardOffer,
    GrantLicence,
    PlaceSell,
    Retire,
    RevokeLicence,
    Transfer,
)
from gtxnode.ledger.coins import (
    BuyOrder,
    HeldCoin,
    Order,
    SellOrder,
    order_coin_id,
    order_id_of,
)
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.execute import BlockOutcome
from gtxnode.ledger.market.order_limits import Placing
from gtxnode.ledger.outcome import (
    Assignment,
    Curtailment,
    ForwardTrade,
    Settlement,
    Suspect,
    Trade,
    Wheeling,
)
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.orders import Side
from gtxnode.market.slots import Slot

MAX_RECORD_BYTES = 64 * 1024 * 1024
_ORDER_KINDS = (SellOrder, BuyOrder, ForwardSell, ForwardBuy)
_SELLING = (SellOrder, PlaceSell, ForwardSell, ForwardOffer)


class OrderChange(IntEnum):
    """What became of an order in a block; the last change wins where there are several."""

    OPENED = 1
    TRADED = 2
    FILLED = 3
    CANCELLED = 4
    EXPIRED = 5
    AMENDED = 6
    DISPLACED = 7


class TransactionRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A transaction of the block, whom it touches, and why it was refused if it was."""

    id: bytes
    addresses: tuple[bytes, ...]
    reason: str | None
    detail: str


class TradeRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trade that the block's execution made."""

    id: bytes
    sell_order: bytes
    buy_order: bytes
    seller: bytes
    buyer: bytes
    quantity_wh: int
    price_mgtx_per_kwh: int
    taker: Side
    wheeling: Wheeling | None = None
    fee_ugtx: int = 0


class OrderRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order that the block opened, changed or closed, and what it shows of what is left."""

    id: bytes
    trader: bytes
    side: Side
    price_mgtx_per_kwh: int
    remaining_wh: int
    change: OrderChange
    slot: Slot | None = None
    """Of energy to come; None on the spot market."""


class BlockRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything that a block did; `state_root` is the root after it, and `energy_target` that of
    energy batches that build on it."""

    height: int
    state_root: bytes
    energy_target: bytes
    transactions: tuple[TransactionRecord, ...]
    trades: tuple[TradeRecord, ...]
    orders: tuple[OrderRecord, ...]
    minted_wh: int
    retired_wh: int
    traded_wh: int
    fees_ugtx: int
    suspects: tuple[Suspect, ...] = ()
    forward_trades: tuple[ForwardTrade, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    curtailments: tuple[Curtailment, ...] = ()
    assignments: tuple[Assignment, ...] = ()


RECORD: Final = Codec(BlockRecord, max_bytes=MAX_RECORD_BYTES)


def record_block(
    height: int,
    state_root: bytes,
    transactions: Sequence[CheckedTransaction],
    outcome: BlockOutcome,
) -> BlockRecord:
    """Write down what execution did."""
    return BlockRecord(
        height,
        state_root,
        outcome.energy_target,
        tuple(
            [
                TransactionRecord(
                    receipt.id,
                    touched(transaction),
                    receipt.reason.value if receipt.reason is not None else None,
                    receipt.detail,
                )
                for transaction, receipt in zip(transactions, outcome.receipts, strict=True)
            ]
        ),
        tuple(
            TradeRecord(
                trade.id,
                trade.sell_order,
                trade.buy_order,
                trade.seller,
                trade.buyer,
                trade.quantity_wh,
                trade.price_mgtx_per_kwh,
                trade.taker,
                trade.wheeling,
                trade.fee_ugtx,
            )
            for trade in outcome.trades
        ),
        _order_records(transactions, outcome),
        outcome.minted_wh,
        outcome.retired_wh,
        outcome.traded_wh,
        outcome.fees_ugtx,
        outcome.suspects,
        outcome.forward_trades,
        outcome.settlements,
        outcome.curtailments,
        outcome.assignments,
    )


def touched(transaction: CheckedTransaction) -> tuple[bytes, ...]:
    """The addresses that a transaction names: who signed, who receives; sorted, each once."""
    body = transaction.body
    if isinstance(body, Transfer):
        return tuple(sorted({*transaction.addresses, *[out.owner for out in body.outputs]}))
    if isinstance(body, Retire):
        return tuple(sorted({*transaction.addresses, body.consumer}))
    if isinstance(body, AssignContract):
        return tuple(sorted({*transaction.addresses, body.to}))
    if isinstance(body, GrantLicence | RevokeLicence):
        return tuple(sorted({*transaction.addresses, body.holder}))
    return transaction.addresses


def _order_records(
    transactions: Sequence[CheckedTransaction], outcome: BlockOutcome
) -> tuple[OrderRecord, ...]:
    placed: dict[bytes, Placing] = {}
    cancelled = set(outcome.cancelled)
    amended: set[bytes] = set()
    for transaction, receipt in zip(transactions, outcome.receipts, strict=True):
        if receipt.reason is not None:
            continue
        if isinstance(transaction.body, Placing):
            placed[receipt.id] = transaction.body
        elif isinstance(transaction.body, Cancel):
            cancelled.add(transaction.body.order)
        elif isinstance(transaction.body, Amend):
            amended.add(transaction.body.order)
    cancelled |= _dropped(placed, outcome)
    expired, displaced = frozenset(outcome.expired), frozenset(outcome.displaced)
    changed = _changed_orders(outcome.spent) | _changed_orders(outcome.made) | set(placed)
    records = []
    for order_id in sorted(changed):
        coin_id = order_coin_id(order_id)
        after = _order_in(outcome.made, coin_id)
        terms = after or _order_in(outcome.spent, coin_id) or placed[order_id]
        if after is not None:
            change = OrderChange.AMENDED if order_id in amended else OrderChange.TRADED
            change = OrderChange.OPENED if order_id in placed else change
        elif order_id in cancelled:
            change = OrderChange.CANCELLED
        elif order_id in displaced:
            change = OrderChange.DISPLACED
        else:
            change = OrderChange.EXPIRED if order_id in expired else OrderChange.FILLED
        records.append(
            OrderRecord(
                order_id,
                terms.trader,
                Side.SELL if isinstance(terms, _SELLING) else Side.BUY,
                terms.price_mgtx_per_kwh,
                _shown_wh(after) if after is not None else 0,
                change,
                _slot_of(terms),
            )
        )
    return tuple(records)


def _slot_of(terms: object) -> Slot | None:
    if isinstance(terms, ForwardSell | ForwardBuy | ForwardOffer | ForwardBid):
        return terms.slot
    return None


def _dropped(placed: Mapping[bytes, Placing], outcome: BlockOutcome) -> set[bytes]:
    """The immediate orders of which something was left that went back."""
    untraded = {order_id: body.quantity_wh for order_id, body in placed.items() if body.immediate}
    if untraded:
        trades: Iterable[Trade | ForwardTrade] = chain(outcome.trades, outcome.forward_trades)
        for trade in trades:
            for order_id in (trade.buy_order, trade.sell_order):
                if order_id in untraded:
                    untraded[order_id] -= trade.quantity_wh
    return {order_id for order_id, left_wh in untraded.items() if left_wh}


def _shown_wh(order: Order | ForwardOrder) -> int:
    """What the public is told of an order: an iceberg keeps its reserve to itself."""
    standing = order.standing
    return (standing is not None and standing.shown_wh) or order.quantity_wh


def _changed_orders(coins: Mapping[bytes, HeldCoin]) -> set[bytes]:
    return {
        order_id_of(coin_id)
        for coin_id, held in coins.items()
        if isinstance(held.coin, _ORDER_KINDS)
    }


def _order_in(coins: Mapping[bytes, HeldCoin], coin_id: bytes) -> Order | ForwardOrder | None:
    held = coins.get(coin_id)
    if held is None:
        return None
    assert isinstance(held.coin, _ORDER_KINDS), "an order's id holds an order"
    return held.coin
