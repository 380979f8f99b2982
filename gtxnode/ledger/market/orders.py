"""Orders on the ledger: placed, cancelled, expired.

An order's coin holds the funds: a sell order the energy, a buy order the money at its limit. An
order trades at once with what rests in the book (trades.py), and what is left rests as its coin,
or goes back where the order is immediate.

Worked example. Selling 100 kWh at 3.5 GTX and then buying 50 kWh at 4.0 trades 50 kWh at 3.5: the
seller gets 175 GTX, the buyer 50 kWh and 25 of the 200 GTX that were locked, and 50 kWh stay on
offer.

No step of matching is bounded by a limit of its own: each trade fills one of its two orders or an
iceberg's slice, and the slices of an order are bounded, so the trades of a chain are never more
than its orders' slices.
"""

from collections.abc import Sequence
from typing import TypeVar

from gtxnode.ledger.authority.halts import SPOT
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Cancel, PlaceBuy, PlaceSell
from gtxnode.ledger.coins import (
    MAX_LOTS,
    BuyOrder,
    Cash,
    Energy,
    Lot,
    Order,
    SellOrder,
    expiry_id,
    order_coin_id,
    output_id,
)
from gtxnode.ledger.energy.lots import is_one_kind, lots_of, split_lots
from gtxnode.ledger.grid.carriage import placed_in
from gtxnode.ledger.market.fills import rested, settle
from gtxnode.ledger.market.market_rules import check_halts, check_usage
from gtxnode.ledger.market.order_limits import check_immediate, check_placing, room_wh
from gtxnode.ledger.market.standing import standing_with
from gtxnode.ledger.market.trades import Spot, return_energy
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.units import cost_ugtx

T = TypeVar("T", Cash, Energy)

# Output 0 of an order's transaction is the order's coin; change comes after it, and after that
# what an immediate order did not trade.
FIRST_CHANGE = 1
_FIRST_UNTRADED = FIRST_CHANGE + MAX_LOTS


def place_sell(state: BlockState, transaction: CheckedTransaction) -> None:
    """Offer energy. Refuses what the limits do not allow or the inputs do not cover."""
    body = transaction.body
    assert isinstance(body, PlaceSell)
    expires_s = check_placing(state, transaction, body)
    lots = lots_of(inputs_of(state, transaction, body.inputs, Energy))
    offered, over = offer(lots, body.quantity_wh)
    check_halts(state, body.trader, SPOT, {lot.origin.zone for lot in offered})
    order = SellOrder(
        body.trader,
        body.price_mgtx_per_kwh,
        offered,
        expires_s,
        state.context.height,
        len(state.receipts),
        standing_with(placed_in(state, body.terms, offered[0].origin.zone)),
    )
    if body.immediate:
        check_immediate(body, state.orders.tradable_wh(transaction.id, order))
    spend_inputs(state, body.inputs, body.trader)
    return_energy(state, transaction.id, FIRST_CHANGE, body.trader, over)
    _place(state, transaction.id, order, immediate=body.immediate)


def place_buy(state: BlockState, transaction: CheckedTransaction) -> None:
    """Ask for energy. Refuses what the limits do not allow or the inputs do not cover."""
    body = transaction.body
    assert isinstance(body, PlaceBuy)
    expires_s = check_placing(state, transaction, body)
    zone = None if body.terms is None else body.terms.zone
    check_halts(state, body.trader, SPOT, () if zone is None else (zone,))
    check_usage(state, body.trader, body.quantity_wh, expires_s)
    total_ugtx = sum(c.amount_ugtx for c in inputs_of(state, transaction, body.inputs, Cash))
    over_ugtx = lock(total_ugtx, cost_ugtx(body.quantity_wh, body.price_mgtx_per_kwh))
    order = BuyOrder(
        body.trader,
        body.price_mgtx_per_kwh,
        body.quantity_wh,
        expires_s,
        state.context.height,
        len(state.receipts),
        standing_with(placed_in(state, body.terms, body.terms.zone if body.terms else None)),
    )
    if body.immediate:
        check_immediate(body, state.orders.tradable_wh(transaction.id, order))
    spend_inputs(state, body.inputs, body.trader)
    if over_ugtx:
        state.coins.make(output_id(transaction.id, FIRST_CHANGE), Cash(body.trader, over_ugtx))
    _place(state, transaction.id, order, immediate=body.immediate)


def cancel(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give back what is left of an open order."""
    body = transaction.body
    assert isinstance(body, Cancel)
    coin = state.coins.get(order_coin_id(body.order))
    if not isinstance(coin, Order):
        raise Refused(Reason.UNKNOWN_ORDER, f"order {body.order.hex()}")
    check_spend(coin, transaction)
    _close(state, body.order, coin, transaction.id)


def expire(state: BlockState) -> None:
    """Give back what is left of every order whose time has come, before the block's own."""
    while (order_id := state.orders.next_expired(state.context.time_ms)) is not None:
        coin = state.coins.get(order_coin_id(order_id))
        assert isinstance(coin, Order), "an order is open only while its coin exists"
        _close(state, order_id, coin, expiry_id(state.context.chain_id, order_id))
        state.expired.append(order_id)


def cancel_all(state: BlockState, trader: bytes) -> None:
    """Give back what is left of every open order of a trader, whoever asks for it."""
    for order_id in state.orders.of(trader):
        coin = state.coins.get(order_coin_id(order_id))
        assert isinstance(coin, Order), "an order is open only while its coin exists"
        _close(state, order_id, coin, expiry_id(state.context.chain_id, order_id))
        state.cancelled.append(order_id)


def inputs_of(
    state: BlockState, transaction: CheckedTransaction, inputs: Sequence[bytes], kind: type[T]
) -> list[T]:
    """The coins that an order takes, each one its witness's to spend."""
    coins: list[T] = []
    for coin_id in inputs:
        coin = state.coins.get(coin_id)
        if coin is None:
            raise Refused(Reason.UNKNOWN_COIN, f"input {coin_id.hex()}")
        check_spend(coin, transaction)
        if not isinstance(coin, kind):
            raise Refused(
                Reason.WRONG_COIN_KIND, f"a {type(coin).__name__}, where a {kind.__name__} is due"
            )
        coins.append(coin)
    return coins


def spend_inputs(state: BlockState, inputs: Sequence[bytes], trader: bytes) -> None:
    """Spend the cash or energy that was found for a trader's order."""
    for coin_id in inputs:
        coin = state.coins.get(coin_id)
        if isinstance(coin, Cash):
            if coin.owner != trader:
                state.accounts.post_brought(coin.owner, trader, ugtx=coin.amount_ugtx)
        elif isinstance(coin, Energy) and coin.owner != trader:
            state.accounts.post_brought(coin.owner, trader, wh=coin.amount_wh)
        state.coins.spend(coin_id)


def offer(lots: tuple[Lot, ...], quantity_wh: int) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    """What of the lots an order offers, and what goes back; refuses what makes no offer."""
    total_wh = sum(lot.amount_wh for lot in lots)
    if total_wh < quantity_wh:
        raise Refused(Reason.OVERSPENT, f"offers {quantity_wh} Wh out of {total_wh}")
    if not is_one_kind(lots):
        kinds = {(lot.origin.zone.name, lot.origin.source.name) for lot in lots}
        raise Refused(Reason.MIXED_OFFER, ", ".join(" ".join(kind) for kind in sorted(kinds)))
    offered, over = split_lots(lots, quantity_wh)
    if len(offered) > MAX_LOTS:
        raise Refused(Reason.TOO_MANY_LOTS, f"{len(offered)} lots, at most {MAX_LOTS}")
    return offered, over


def lock(total_ugtx: int, locked_ugtx: int) -> int:
    """What of the money goes back when an order is locked; refuses what does not cover it."""
    if total_ugtx < locked_ugtx:
        raise Refused(Reason.OVERSPENT, f"locks {locked_ugtx} µGTX out of {total_ugtx}")
    return total_ugtx - locked_ugtx


def _place(state: BlockState, order_id: bytes, order: Order, *, immediate: bool) -> None:
    """Match a new order, settle its trades, and rest or return what is left of it."""
    fills = state.orders.place(
        order_id, order, immediate=immediate, room_wh=room_wh(state, order.quantity_wh)
    )
    left = settle(state, Spot(state), order_id, order_id, order, fills)
    if left is None:
        return
    if immediate:
        _return(state, order_id, _FIRST_UNTRADED, left)
    else:
        state.coins.make(order_coin_id(order_id), rested(left))


def _close(state: BlockState, order_id: bytes, coin: Order, identity: bytes) -> None:
    """End an order before it is filled: its funds go back as outputs under `identity`."""
    state.orders.cancel(order_id, coin.trader)
    state.coins.spend(order_coin_id(order_id))
    _return(state, identity, 0, coin)


def _return(state: BlockState, identity: bytes, first: int, order: Order) -> None:
    match order:
        case SellOrder():
            return_energy(state, identity, first, order.trader, order.lots)
        case BuyOrder():
            state.coins.make(output_id(identity, first), Cash(order.trader, order.locked_ugtx))
