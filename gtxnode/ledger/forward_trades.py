"""Trades of energy of a delivery slot: what moves, and the contract that each of them makes."""

from collections.abc import Sequence

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.carriage import carriage_in, span_of, wheel
from gtxnode.ledger.coins import Cash, order_coin_id, output_id, trade_id
from gtxnode.ledger.forward_coins import (
    Contract,
    ForwardBuy,
    ForwardOrder,
    ForwardSell,
    contract_coin_id,
)
from gtxnode.ledger.market_rules import note_bought
from gtxnode.ledger.outcome import ForwardTrade
from gtxnode.market.orders import Fill
from gtxnode.market.slots import Product

# Output 0 of a trade is its contract.
_FIRST_CHANGE = 1


def trade(state: BlockState, order_id: bytes, order: ForwardOrder, product: Product) -> None:
    """Match a new order at once, and rest what is left of it as its coin."""
    left_wh = order.quantity_wh
    grid = carriage_in(state, order.slot)
    fills = state.forwards.place(order_id, order, product.price_rule, grid)
    for number, fill in enumerate(fills):
        resting_id = fill.sell_id if fill.buy_id == order_id else fill.buy_id
        resting = open_order(state, resting_id)
        identity = trade_id(state.context.chain_id, order_id, number)
        sides = (fill.buy_id, fill.sell_id)
        pair = (order, resting) if fill.buy_id == order_id else (resting, order)
        change = conclude(state, identity, sides, pair, fill.quantity_wh, fill.price_mgtx_per_kwh)
        for index, (owner, amount_ugtx) in enumerate(change.items(), start=_FIRST_CHANGE):
            pay(state, output_id(identity, index), owner, amount_ugtx)
        left_wh -= fill.quantity_wh
        if fill.resting_remaining_wh:
            rest = replace(resting, quantity_wh=fill.resting_remaining_wh)
            state.coins.make(order_coin_id(resting_id), rest)
        else:
            state.coins.spend(order_coin_id(resting_id))
            state.forwards.closed(resting_id, resting)
    if left_wh:
        state.coins.make(order_coin_id(order_id), replace(order, quantity_wh=left_wh))


def settle_rested(state: BlockState, name: bytes, fills: Sequence[Fill]) -> None:
    """Settle trades of orders that had all rested. `name` stands for the order in their ids."""
    for number, fill in enumerate(fills):
        pair = (open_order(state, fill.buy_id), open_order(state, fill.sell_id))
        identity = trade_id(state.context.chain_id, name, number)
        sides = (fill.buy_id, fill.sell_id)
        change = conclude(state, identity, sides, pair, fill.quantity_wh, fill.price_mgtx_per_kwh)
        for index, (owner, amount_ugtx) in enumerate(change.items(), start=_FIRST_CHANGE):
            pay(state, output_id(identity, index), owner, amount_ugtx)
        for order_id, order in zip(sides, pair, strict=True):
            left_wh = order.quantity_wh - fill.quantity_wh
            if left_wh:
                state.coins.make(order_coin_id(order_id), replace(order, quantity_wh=left_wh))
            else:
                state.coins.spend(order_coin_id(order_id))
                state.forwards.closed(order_id, order)


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
