"""What an order is held against before anything moves: limits, terms, prices of the day, room.

`check_terms` and `check_conditions` need no state, and so hold before an order is taken in, too.
The bounds of a price are the chain's own, and within them a share of the average of the day before
(trading_day.py); they hold for what is placed, and orders that rest are left as they are.
"""

from typing import Protocol, TypeAlias

from gtxnode.ledger.authority.tariffs import tariffs_of
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import ForwardBid, ForwardOffer, PlaceBuy, PlaceSell
from gtxnode.ledger.market.licences import check_licence
from gtxnode.ledger.market.trading_day import TradingDay, day_of, trading_day_coin_id
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.book import Book
from gtxnode.market.orders import ANY_SOURCE, Side, Terms
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.sources import Source
from gtxnode.tariffs.tables import ReferenceModel

Placing: TypeAlias = PlaceSell | PlaceBuy | ForwardOffer | ForwardBid

KNOWN_SOURCES = sum(1 << source for source in Source)


class OrderBody(Protocol):
    """What bodies have in common that place an order."""

    @property
    def trader(self) -> bytes:
        """Who places it."""

    @property
    def quantity_wh(self) -> int:
        """How much."""

    @property
    def price_mgtx_per_kwh(self) -> int:
        """At which limit."""


def check_terms(transaction: CheckedTransaction, body: OrderBody, limits: OrderLimits) -> None:
    """Raise `Refused` for what the limits allow at no time, and for a trader who did not sign."""
    if body.trader not in transaction.addresses:
        raise Refused(Reason.NOT_OWNER, f"trader {body.trader.hex()} did not sign")
    check_size(body.quantity_wh, limits)
    low, high = limits.min_price_mgtx_per_kwh, limits.max_price_mgtx_per_kwh
    _check_between(body.price_mgtx_per_kwh, low, high)


def check_size(quantity_wh: int, limits: OrderLimits) -> None:
    """Raise `Refused` for an order that is too small or too large."""
    if quantity_wh < limits.min_wh:
        raise Refused(Reason.ORDER_TOO_SMALL, f"{quantity_wh} Wh, at least {limits.min_wh}")
    if quantity_wh > limits.max_wh:
        raise Refused(Reason.ORDER_TOO_LARGE, f"{quantity_wh} Wh, at most {limits.max_wh}")


def check_conditions(body: Placing, limits: OrderLimits) -> None:
    """Raise `Refused` for terms that contradict each other, or that nothing could ever meet."""
    terms = body.terms
    if terms is None:
        return
    if isinstance(body, PlaceSell | ForwardOffer) and terms.sources != ANY_SOURCE:
        raise Refused(Reason.INVALID_TERMS, "sources are for buyers to name")
    if not terms.sources & KNOWN_SOURCES:
        raise Refused(Reason.INVALID_TERMS, f"sources {terms.sources:#x} are none that there are")
    if isinstance(body, ForwardOffer | ForwardBid) and terms.zone is not None:
        raise Refused(Reason.INVALID_TERMS, "zone is the bid's own, or that of the offer's meter")
    if terms.partner == body.trader:
        raise Refused(Reason.INVALID_TERMS, "partner is the trader, and nobody trades with himself")
    if terms.display_wh and (terms.all_or_none or body.immediate):
        raise Refused(Reason.INVALID_TERMS, "display_wh is for orders that rest and trade in parts")
    check_slices(terms, body.quantity_wh, limits)


def check_slices(terms: Terms, quantity_wh: int, limits: OrderLimits) -> None:
    """Raise `Refused` for an iceberg whose slices are too small."""
    least_wh = max(limits.min_wh, -(-quantity_wh // limits.max_slices))
    if terms.display_wh and terms.display_wh < least_wh:
        raise Refused(
            Reason.INVALID_TERMS,
            f"display_wh {terms.display_wh}, at least {least_wh} of {quantity_wh} Wh",
        )


def check_placing(
    state: BlockState, transaction: CheckedTransaction, body: PlaceSell | PlaceBuy
) -> int:
    """Hold a new order against all of it; its expiry in seconds."""
    limits = state.context.parameters.orders
    check_terms(transaction, body, limits)
    check_conditions(body, limits)
    check_price(state, body.price_mgtx_per_kwh)
    check_licence(state, body.trader, body.quantity_wh)
    if state.orders.count(body.trader) >= limits.max_open_per_trader:
        raise Refused(Reason.TOO_MANY_ORDERS, f"at most {limits.max_open_per_trader}")
    if body.terms is not None and body.terms.conditional and not body.immediate:
        side = Side.SELL if isinstance(body, PlaceSell) else Side.BUY
        check_room(state.orders.book, side, body.terms, limits)
    check_volume(state, body.quantity_wh)
    return _expiry_s(state, body.expires_s)


def check_price(state: BlockState, price_mgtx_per_kwh: int) -> None:
    """Raise `Refused` for a price outside the day's bounds."""
    if state.price_bounds is None:
        coin = state.coins.get(trading_day_coin_id(state.context.chain_id))
        day = coin if isinstance(coin, TradingDay) else None
        time_ms = state.context.time_ms
        model = tariffs_of(state, ReferenceModel).at(ReferenceModel, time_ms // 1_000)
        bounds = price_bounds(state.context.parameters.orders, day, time_ms)
        state.price_bounds = capped(bounds, model.cap_mgtx_per_kwh)
    _check_between(price_mgtx_per_kwh, *state.price_bounds)


def price_bounds(limits: OrderLimits, day: TradingDay | None, time_ms: int) -> tuple[int, int]:
    """The lowest and the highest price in mGTX/kWh that an order may name at a time."""
    low, high = limits.min_price_mgtx_per_kwh, limits.max_price_mgtx_per_kwh
    band = None
    if day is not None:
        band = day.bounds(day_of(time_ms), limits.price_band_ppm, limits.price_band_least_wh)
    if band is not None and max(low, band[0]) <= min(high, band[1]):
        return max(low, band[0]), min(high, band[1])
    return low, high


def capped(bounds: tuple[int, int], cap_mgtx_per_kwh: int) -> tuple[int, int]:
    """The bounds below the regulator's emergency cap; as they are where it is 0, for none."""
    if not cap_mgtx_per_kwh:
        return bounds
    return min(bounds[0], cap_mgtx_per_kwh), min(bounds[1], cap_mgtx_per_kwh)


def check_volume(state: BlockState, quantity_wh: int) -> None:
    """Raise `Refused` for an order with which the block could trade more than its limit."""
    left_wh = volume_left_wh(state)
    if quantity_wh > left_wh:
        limit_wh = state.context.parameters.orders.max_block_traded_wh
        raise Refused(
            Reason.BLOCK_VOLUME_EXCEEDED,
            f"{limit_wh - left_wh} Wh traded, at most {limit_wh}",
        )


def volume_left_wh(state: BlockState) -> int:
    """What the block may still trade, of energy that exists and of slots together."""
    limit_wh = state.context.parameters.orders.max_block_traded_wh
    return limit_wh - state.traded_wh - state.sold_ahead_wh


def check_room(book: Book, side: Side, terms: Terms, limits: OrderLimits) -> None:
    """Raise `Refused` for an order that others may have to pass over where too many such rest."""
    if book.conditional(side) >= limits.max_conditional_per_side:
        raise Refused(Reason.TOO_MANY_CONDITIONAL, f"at most {limits.max_conditional_per_side}")
    if terms.all_or_none and book.all_or_none(side) >= limits.max_all_or_none_per_side:
        raise Refused(
            Reason.TOO_MANY_CONDITIONAL, f"all-or-none: at most {limits.max_all_or_none_per_side}"
        )


def check_immediate(body: Placing, tradable_wh: int) -> None:
    """Raise `Refused` for an order that is not to rest, and trades nothing; or not all of itself
    where it is to trade whole."""
    if not tradable_wh:
        whole = body.terms is not None and body.terms.all_or_none
        raise Refused(
            Reason.UNFILLED,
            f"{'all' if whole else 'any'} of {body.quantity_wh} Wh at {body.price_mgtx_per_kwh}",
        )


def room_wh(state: BlockState, quantity_wh: int) -> int:
    """What all-or-none orders may trade that an order of a size brings to trade, within the block's
    limit."""
    return volume_left_wh(state) - quantity_wh


def _check_between(price_mgtx_per_kwh: int, low: int, high: int) -> None:
    if not low <= price_mgtx_per_kwh <= high:
        raise Refused(
            Reason.PRICE_OUT_OF_BOUNDS, f"{price_mgtx_per_kwh} mGTX/kWh, between {low} and {high}"
        )


def _expiry_s(state: BlockState, asked_s: int) -> int:
    limits, now_ms = state.context.parameters.orders, state.context.time_ms
    if not asked_s:
        return now_ms // 1_000 + limits.lifetime_s
    if asked_s * 1_000 <= now_ms or asked_s > now_ms // 1_000 + limits.max_lifetime_s:
        raise Refused(
            Reason.EXPIRY_OUT_OF_BOUNDS,
            f"{asked_s - now_ms // 1_000} s from now, between 1 and {limits.max_lifetime_s}",
        )
    return asked_s
