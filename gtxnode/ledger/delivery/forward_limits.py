"""What an order for a delivery slot is held against before anything moves.

Slot and gate, what the slot's mechanism takes of terms, the numbers of open orders, the meter of an
offer, and the trader's own orders in an auction; what holds for any order is in order_limits.py.

An auction takes plain orders, which may end before its gate. Orders that may have to be left out
(all-or-none, with preferences) would make of its clearing a knapsack problem that has in general no
single price; what it would come to now is told from all that is bid and offered, so nothing of that
is hidden; and nothing trades before its time.
"""

from functools import partial
from typing import TypeAlias

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import ForwardBid, ForwardOffer
from gtxnode.ledger.coins import meter_coin_id
from gtxnode.ledger.delivery.forward_coins import ForwardOrder
from gtxnode.ledger.delivery.forward_trades import open_order, trading_of
from gtxnode.ledger.market.licences import check_licence
from gtxnode.ledger.market.order_limits import (
    check_conditions,
    check_price,
    check_room,
    check_terms,
    check_volume,
)
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.auction import Mechanism
from gtxnode.market.orders import ANY_SOURCE, Side, Terms
from gtxnode.market.slots import Product, Slot
from gtxnode.metering.meters import Direction, Meter
from gtxnode.primitives.errors import Reason, Refused

Body: TypeAlias = ForwardOffer | ForwardBid


def check_placing(
    state: BlockState, transaction: CheckedTransaction, body: Body
) -> tuple[Product, int]:
    """Hold an order against the limits; how its slot is traded, and when the order ends."""
    context, rules = state.context, state.context.parameters.forwards
    limits = context.parameters.orders
    check_terms(transaction, body, limits)
    check_conditions(body, limits)
    check_price(state, body.price_mgtx_per_kwh)
    check_licence(state, body.trader, body.quantity_wh)
    product = product_of(state, body.slot)
    check_mechanism(product, body.terms, immediate=body.immediate)
    closes_s = product.closes_s(body.slot)
    if context.time_ms >= closes_s * 1_000:
        raise Refused(Reason.GATE_CLOSED, f"at {closes_s}, now {context.time_ms // 1_000}")
    if state.forwards.count(body.trader) >= rules.max_open_per_trader:
        raise Refused(Reason.TOO_MANY_ORDERS, f"at most {rules.max_open_per_trader}")
    book = state.forwards.books.get(body.slot)
    terms = None if body.immediate else body.terms
    if book is not None and terms is not None and terms.conditional:
        check_room(book, side_of(body), terms, limits)
    if product.mechanism is Mechanism.CONTINUOUS:
        check_volume(state, body.quantity_wh)
    return product, _expiry_s(state, body.expires_s, closes_s)


def product_of(state: BlockState, slot: Slot) -> Product:
    """How a slot is traded; refuses one that is not."""
    rules = state.context.parameters.forwards
    product = rules.product_of(slot)
    ahead_ms = slot.start_s * 1_000 - state.context.time_ms
    if product is None or not slot.is_aligned or ahead_ms > rules.horizon_s * 1_000:
        raise Refused(
            Reason.UNKNOWN_SLOT,
            f"{slot.length_s} s from {slot.start_s}, {ahead_ms} ms ahead, "
            f"at most {rules.horizon_s} s",
        )
    return product


def check_mechanism(product: Product, terms: Terms | None, *, immediate: bool = False) -> None:
    """Refuse what an auction does not take."""
    plain = terms is None and not immediate
    if plain or product.mechanism is Mechanism.CONTINUOUS:
        return
    terms = terms or Terms()
    asked = {
        "immediate: nothing trades before the gate closes": immediate,
        "all_or_none: an auction leaves no order out for another's sake": terms.all_or_none,
        "display_wh: an auction shows all that is bid and offered": terms.display_wh,
        "sources: an auction has one kind of energy": terms.sources != ANY_SOURCE,
        "partner: an auction brings all buyers and sellers together": terms.partner,
    }
    for why, is_asked in asked.items():
        if is_asked:
            raise Refused(Reason.NOT_IN_AUCTION, why)


def check_meter(
    state: BlockState, trader: bytes, meter_id: bytes, slot: Slot, more_wh: int
) -> Meter:
    """The meter of an offer: the trader's own, and able to export that much more of the slot."""
    meter = state.coins.get(meter_coin_id(state.context.chain_id, meter_id))
    if not isinstance(meter, Meter):
        raise Refused(Reason.UNREGISTERED_METER, f"meter {meter_id.hex()}")
    if meter.retired:
        raise Refused(Reason.METER_RETIRED, f"meter {meter_id.hex()}")
    if meter.owner != trader:
        raise Refused(Reason.NOT_OWNER, f"meter {meter_id.hex()} is not the trader's")
    if meter.direction is Direction.CONSUMPTION_ONLY:
        raise Refused(Reason.EXPORT_NOT_ALLOWED, f"meter {meter_id.hex()}")
    most_wh = slot.capacity_wh(meter.capacity_w)
    offered_wh = state.forwards.committed_wh(meter_id, slot) + more_wh
    if offered_wh > most_wh:
        raise Refused(
            Reason.OVER_CAPACITY, f"{offered_wh} Wh of the slot offered in all, at most {most_wh}"
        )
    return meter


def check_own(
    state: BlockState, product: Product, trader: bytes, slot: Slot, side: Side, price: int
) -> None:
    """In an auction no order may reach one of the same trader: nobody trades with itself."""
    if product.mechanism is Mechanism.CONTINUOUS:
        return
    for order in state.forwards.own(trader, slot):
        over = price - order.price_mgtx_per_kwh
        if order.side is not side and (over >= 0 if side is Side.BUY else over <= 0):
            raise Refused(Reason.OWN_ORDERS_CROSS, f"order {order.id.hex()}")


def giving_way(
    state: BlockState, order_id: bytes, order: ForwardOrder, product: Product
) -> bytes | None:
    """The order that gives its place to a new one in a full slot; None where there is room.

    Refuses an order that is to rest and has no better a claim. One that would trade whole at once
    needs no place.
    """
    most = state.context.parameters.forwards.max_orders_per_slot
    if len(state.forwards.books.get(order.slot, ())) < most:
        return None
    if product.mechanism is Mechanism.CONTINUOUS:
        trading = trading_of(state, product, order.slot)
        if state.forwards.tradable_wh(order_id, order, trading) == order.quantity_wh:
            return None
    worst = state.forwards.giving_way(order_id, order, most, partial(open_order, state))
    if worst is None:
        raise Refused(
            Reason.SLOT_FULL,
            f"{most} orders, none of them worse than {order.quantity_wh} Wh at "
            f"{order.price_mgtx_per_kwh}",
        )
    return worst.order_id


def side_of(body: Body) -> Side:
    """On which side an order is placed."""
    return Side.SELL if isinstance(body, ForwardOffer) else Side.BUY


def _expiry_s(state: BlockState, asked_s: int, closes_s: int) -> int:
    now_ms = state.context.time_ms
    if not asked_s:
        return closes_s
    if asked_s * 1_000 <= now_ms or asked_s > closes_s:
        raise Refused(
            Reason.EXPIRY_OUT_OF_BOUNDS,
            f"expires_s is {asked_s - now_ms // 1_000} s from now, between 1 and "
            f"{closes_s - now_ms // 1_000}, when the gate closes",
        )
    return asked_s
