"""Changing an open order: in its place where it only shrinks, else as if it were placed anew.

An order keeps its id, its expiry and its terms through every change. Its funds are what it holds
and what the inputs add; what it does not need any more goes back.
"""

from msgspec.structs import replace

from gtxnode.ledger.authority.halts import SPOT
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Amend
from gtxnode.ledger.coins import (
    BuyOrder,
    Cash,
    Energy,
    Lot,
    Order,
    SellOrder,
    order_coin_id,
    output_id,
)
from gtxnode.ledger.delivery.forward_coins import ForwardOrder
from gtxnode.ledger.energy.lots import joined, lots_of
from gtxnode.ledger.market.fills import requeued, settle, shrunk
from gtxnode.ledger.market.licences import check_licence
from gtxnode.ledger.market.market_rules import check_halts, check_usage
from gtxnode.ledger.market.order_limits import (
    check_price,
    check_size,
    check_slices,
    check_volume,
    room_wh,
)
from gtxnode.ledger.market.orders import FIRST_CHANGE, inputs_of, lock, offer, spend_inputs
from gtxnode.ledger.market.trades import Spot, return_energy
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.units import cost_ugtx


def amend(state: BlockState, transaction: CheckedTransaction) -> None:
    """Change what is left of an open order, and trade what it then can."""
    body = transaction.body
    assert isinstance(body, Amend)
    order = state.coins.get(order_coin_id(body.order))
    if not isinstance(order, Order):
        raise Refused(Reason.UNKNOWN_ORDER, f"order {body.order.hex()}")
    check_spend(order, transaction)
    in_place = stays_in_place(body, order)
    check_revision(body, order)
    _check(state, body, order, in_place=in_place)
    _check_regulated(state, body, order)
    amended: Order
    match order:
        case SellOrder():
            added = lots_of(inputs_of(state, transaction, body.inputs, Energy))
            offered, over = offer(joined(order.lots, added), body.quantity_wh)
            amended = replace(
                order,
                lots=offered,
                price_mgtx_per_kwh=body.price_mgtx_per_kwh,
                revision=body.revision,
            )
            _give_back(state, transaction, body, order, over)
        case BuyOrder():
            money = inputs_of(state, transaction, body.inputs, Cash)
            total_ugtx = order.locked_ugtx + sum(coin.amount_ugtx for coin in money)
            over_ugtx = lock(total_ugtx, cost_ugtx(body.quantity_wh, body.price_mgtx_per_kwh))
            amended = replace(
                order,
                quantity_wh=body.quantity_wh,
                price_mgtx_per_kwh=body.price_mgtx_per_kwh,
                revision=body.revision,
            )
            _give_back(state, transaction, body, order, over_ugtx)
    if in_place:
        _shrink(state, transaction.id, body.order, amended)
    else:
        _requeue(state, transaction.id, body.order, amended)


def check_revision(body: Amend, order: Order | ForwardOrder) -> None:
    """Refuse an amendment that was made before the order's last one: it may be an old one."""
    if body.revision != order.revision + 1:
        raise Refused(
            Reason.WRONG_REVISION,
            f"revision is {body.revision}, the next is {order.revision + 1}",
        )


def stays_in_place(body: Amend, order: Order | ForwardOrder) -> bool:
    """Whether an order keeps its time: it only shrinks."""
    return (
        body.price_mgtx_per_kwh == order.price_mgtx_per_kwh
        and body.quantity_wh <= order.quantity_wh
    )


def _check(state: BlockState, body: Amend, order: Order, *, in_place: bool) -> None:
    limits = state.context.parameters.orders
    check_size(body.quantity_wh, limits)
    check_volume(state, body.quantity_wh)
    if in_place:
        return
    check_price(state, body.price_mgtx_per_kwh)
    check_licence(state, order.trader, body.quantity_wh)
    if order.standing is not None:
        check_slices(order.standing.terms, body.quantity_wh, limits)


def _check_regulated(state: BlockState, body: Amend, order: Order) -> None:
    """Under a halt an order is not even made smaller: it might trade then."""
    match order:
        case SellOrder():
            zones = {lot.origin.zone for lot in order.lots}
            check_halts(state, order.trader, SPOT, zones)
        case BuyOrder():
            check_halts(state, order.trader)
            more_wh = body.quantity_wh - order.quantity_wh
            if more_wh > 0:
                check_usage(state, order.trader, more_wh, order.expires_s)


def _give_back(
    state: BlockState,
    transaction: CheckedTransaction,
    body: Amend,
    order: Order,
    over: tuple[Lot, ...] | int,
) -> None:
    """From here on the amendment cannot be refused any more."""
    spend_inputs(state, body.inputs, order.trader)
    if isinstance(over, tuple):
        return_energy(state, transaction.id, FIRST_CHANGE, order.trader, over)
    elif over:
        state.coins.make(output_id(transaction.id, FIRST_CHANGE), Cash(order.trader, over))


def _shrink(state: BlockState, transaction_id: bytes, order_id: bytes, order: Order) -> None:
    order = shrunk(order)
    fills = state.orders.shrink(order_id, order)
    settle(state, Spot(state), transaction_id, order_id, order, fills, known=True)


def _requeue(state: BlockState, transaction_id: bytes, order_id: bytes, order: Order) -> None:
    state.orders.cancel(order_id, order.trader)
    order = requeued(state, order)
    fills = state.orders.place(order_id, order, room_wh=room_wh(state, order.quantity_wh))
    settle(state, Spot(state), transaction_id, order_id, order, fills, known=True)
