"""What the spot book's fills move on the ledger: delivery versus payment.

A trade is one step: the seller gets quantity times price, the buyer the energy with its origins,
and what the buyer had locked above that price comes back. Over a grid the buyer also pays for the
way, out of what it had locked, and what the way loses is retired (carriage.py).
"""

from gtxnode.ledger.block_state import BlockState
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
from gtxnode.ledger.energy.lots import split_lots
from gtxnode.ledger.grid.carriage import spot_span, wheel
from gtxnode.ledger.market.fills import Place, Places, slice_left
from gtxnode.ledger.market.market_rules import note_bought
from gtxnode.ledger.outcome import Trade, Wheeling
from gtxnode.market.fee import trading_fee
from gtxnode.market.orders import Fill
from gtxnode.primitives.units import cost_ugtx


class Spot:
    """Dealings in energy that exists."""

    __slots__ = ("_state",)

    def __init__(self, state: BlockState) -> None:
        self._state = state

    def open_order(self, order_id: bytes) -> Order:
        """An order in the book, as its coin has it."""
        coin = self._state.coins.get(order_coin_id(order_id))
        assert isinstance(coin, Order), "an order in the book has its coin, and is filled once"
        return coin

    def trade(
        self, identity: bytes, fill: Fill, pair: tuple[Order, Order], places: Places
    ) -> tuple[Order | None, Order | None]:
        """Deliver against payment; what is left of the two orders."""
        buy, sell = pair
        assert isinstance(buy, BuyOrder)
        assert isinstance(sell, SellOrder)
        unsold = _deliver(self._state, identity, fill, sell, buy)
        return _buy_left(buy, fill, places[0]), _sell_left(sell, unsold, fill, places[1])

    def filled(self, order_id: bytes, order: Order) -> None:
        """Nothing is left of an order."""
        if order_id in self._state.orders:
            self._state.orders.closed(order_id, order.trader)


def return_energy(
    state: BlockState, identity: bytes, first: int, owner: bytes, lots: tuple[Lot, ...]
) -> None:
    """Give lots to an owner, as outputs from `first` on."""
    for index, lot in enumerate(lots, start=first):
        state.coins.make(output_id(identity, index), Energy(owner, lot.amount_wh, lot.origin))


def _deliver(
    state: BlockState, identity: bytes, fill: Fill, sell: SellOrder, buy: BuyOrder
) -> tuple[Lot, ...]:
    """Delivery versus payment of one trade; what the seller has left on offer."""
    quantity_wh, price = fill.quantity_wh, fill.price_mgtx_per_kwh
    sold, unsold = split_lots(sell.lots, quantity_wh)
    coins = state.coins
    paid_ugtx = cost_ugtx(quantity_wh, price)
    fee_ugtx = trading_fee(paid_ugtx, state.context.parameters.orders.trading_fee_ppm)
    coins.make(output_id(identity, 0), Cash(sell.trader, paid_ugtx - fee_ugtx))
    state.fees_ugtx += fee_ugtx
    saved_ugtx: int = cost_ugtx(quantity_wh, buy.price_mgtx_per_kwh - price)
    delivered, wheeling = sold, _wheel(state, sell, buy, quantity_wh)
    if wheeling is not None:
        saved_ugtx -= wheeling.paid_ugtx
        delivered, _ = split_lots(sold, quantity_wh - wheeling.lost_wh)
        state.retired_wh += wheeling.lost_wh
    return_energy(state, identity, 1, buy.trader, delivered)
    if saved_ugtx:
        coins.make(output_id(identity, 1 + len(sold)), Cash(buy.trader, saved_ugtx))
    state.traded_wh += quantity_wh
    note_bought(state, buy.trader, quantity_wh)
    state.trades.append(
        Trade(
            identity,
            fill.buy_id,
            fill.sell_id,
            buy.trader,
            sell.trader,
            quantity_wh,
            price,
            fill.taker,
            sold,
            wheeling,
            fee_ugtx,
        )
    )
    return unsold


def _wheel(state: BlockState, sell: SellOrder, buy: BuyOrder, quantity_wh: int) -> Wheeling | None:
    """What the energy's way through the grid takes; None where both are in one place."""
    if sell.standing is None or buy.standing is None:
        return None
    seller, buyer = sell.standing.terms.zone, buy.standing.terms.zone
    if seller is None or buyer is None:
        return None
    return wheel(state, seller, buyer, spot_span(state), sell.price_mgtx_per_kwh, quantity_wh)


def _sell_left(
    order: SellOrder, lots: tuple[Lot, ...], fill: Fill, place: Place | None
) -> SellOrder | None:
    if not lots:
        return None
    left = SellOrder(
        order.trader,
        order.price_mgtx_per_kwh,
        lots,
        order.expires_s,
        order.height,
        order.position,
        order.standing,
        order.revision,
    )
    return slice_left(order, left, fill.quantity_wh, place)


def _buy_left(order: BuyOrder, fill: Fill, place: Place | None) -> BuyOrder | None:
    quantity_wh = order.quantity_wh - fill.quantity_wh
    if not quantity_wh:
        return None
    left = BuyOrder(
        order.trader,
        order.price_mgtx_per_kwh,
        quantity_wh,
        order.expires_s,
        order.height,
        order.position,
        order.standing,
        order.revision,
    )
    return slice_left(order, left, fill.quantity_wh, place)
