"""Trades of energy of a delivery slot: what moves, and the contract that each of them makes."""

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Cash, order_coin_id, output_id
from gtxnode.ledger.delivery.forward_coins import (
    Contract,
    ForwardBuy,
    ForwardOrder,
    ForwardSell,
    contract_coin_id,
)
from gtxnode.ledger.delivery.open_forwards import Trading
from gtxnode.ledger.grid.carriage import carriage_in, span_of, wheel
from gtxnode.ledger.market.fills import Place, Places, settle, slice_left
from gtxnode.ledger.market.market_rules import note_bought
from gtxnode.ledger.market.order_limits import room_wh
from gtxnode.ledger.outcome import ForwardTrade
from gtxnode.market.orders import Fill
from gtxnode.market.slots import Product, Slot

# Output 0 of a trade is its contract.
_FIRST_CHANGE = 1


class Ahead:
    """Dealings in energy of a delivery slot."""

    __slots__ = ("_state",)

    def __init__(self, state: BlockState) -> None:
        self._state = state

    def open_order(self, order_id: bytes) -> ForwardOrder:
        """An order in a slot's book, as its coin has it."""
        return open_order(self._state, order_id)

    def trade(
        self,
        identity: bytes,
        fill: Fill,
        pair: tuple[ForwardOrder, ForwardOrder],
        places: Places,
    ) -> tuple[ForwardOrder | None, ForwardOrder | None]:
        """Make a contract; what is left of the two orders."""
        sides = (fill.buy_id, fill.sell_id)
        change = conclude(
            self._state, identity, sides, pair, fill.quantity_wh, fill.price_mgtx_per_kwh
        )
        for index, (owner, amount_ugtx) in enumerate(change.items(), start=_FIRST_CHANGE):
            pay(self._state, output_id(identity, index), owner, amount_ugtx)
        buy, sell = pair
        return (
            self._left(fill.buy_id, buy, fill, places[0]),
            self._left(fill.sell_id, sell, fill, places[1]),
        )

    def filled(self, order_id: bytes, order: ForwardOrder) -> None:
        """Nothing is left of an order."""
        if self._state.forwards.is_open(order_id, order.slot):
            self._state.forwards.closed(order_id, order)

    def _left(
        self, order_id: bytes, order: ForwardOrder, fill: Fill, place: Place | None
    ) -> ForwardOrder | None:
        quantity_wh = order.quantity_wh - fill.quantity_wh
        if not quantity_wh:
            return None
        left = replace(order, quantity_wh=quantity_wh)
        left = slice_left(order, left, fill.quantity_wh, place)
        self._state.forwards.changed(order_id, left)
        return left


def trade(
    state: BlockState,
    transaction_id: bytes,
    order_id: bytes,
    order: ForwardOrder,
    product: Product,
    *,
    immediate: bool = False,
    known: bool = False,
) -> ForwardOrder | None:
    """Match an order with its slot's book; what is left of it, which rests if it is not immediate.

    `known` is an order that has a coin from before, which is changed or spent here.
    """
    fills = state.forwards.place(
        order_id,
        order,
        trading_of(state, product, order.slot),
        immediate=immediate,
        room_wh=room_wh(state, order.quantity_wh),
    )
    return settle(state, Ahead(state), transaction_id, order_id, order, fills, known=known)


def trading_of(state: BlockState, product: Product, slot: Slot) -> Trading:
    """What a slot's book goes by."""
    return Trading(product.price_rule, carriage_in(state, slot))


def conclude(
    state: BlockState,
    identity: bytes,
    sides: tuple[bytes, bytes],
    pair: tuple[ForwardOrder, ForwardOrder],
    quantity_wh: int,
    price: int,
) -> dict[bytes, int]:
    """Make the contract of one trade, a bid's with an offer's; what goes back to whom, in µGTX.

    Every forward trade passes here, be it continuous or of an auction. The collateral of an offer
    covers the imbalance price of any contract, as the rule stood when it was placed.
    """
    buy, sell = pair
    assert isinstance(buy, ForwardBuy)
    assert isinstance(sell, ForwardSell)
    rules = state.context.parameters.forwards
    over = min(rules.imbalance.price(price) - price, sell.collateral_mgtx_per_kwh)
    contract = Contract(
        buy.trader,
        sell.trader,
        sell.slot,
        sell.meter,
        sell.zone,
        buy.zone,
        price,
        price + over,
        quantity_wh,
        quantity_wh,
        sell.slot.start_s,
        sell.slot.end_s + rules.grace_s,
        state.context.height,
        len(state.forward_trades),
        state.context.parameters.orders.trading_fee_ppm,
    )
    state.coins.make(contract_coin_id(identity), contract)
    state.forwards.add_contract(identity, contract)
    note_bought(state, buy.trader, quantity_wh, sell.slot)
    wheeling = wheel(
        state, sell.zone, buy.zone, span_of(sell.slot), sell.price_mgtx_per_kwh, quantity_wh
    )
    state.sold_ahead_wh += quantity_wh
    state.forward_trades.append(ForwardTrade(identity, *sides, contract, wheeling))
    toll_ugtx = wheeling.paid_ugtx if wheeling is not None else 0
    return {
        buy.trader: quantity_wh * (buy.price_mgtx_per_kwh - price) - toll_ugtx,
        sell.trader: quantity_wh * (sell.collateral_mgtx_per_kwh - over),
    }


def open_order(state: BlockState, order_id: bytes) -> ForwardOrder:
    """An order that is open."""
    coin = state.coins.get(order_coin_id(order_id))
    assert isinstance(coin, ForwardOrder), "an order is open only while its coin exists"
    return coin


def pay(state: BlockState, coin_id: bytes, owner: bytes, amount_ugtx: int) -> None:
    """Give money to an owner, if it is any."""
    if amount_ugtx:
        state.coins.make(coin_id, Cash(owner, amount_ugtx))
