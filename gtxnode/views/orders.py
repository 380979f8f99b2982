"""Open orders and licences as the interfaces show them to whoever asks for the account."""

from typing import Any

from gtxnode.events import slot_view
from gtxnode.ledger.coins import BuyOrder, Order, order_id_of
from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.market.orders import ANY_SOURCE
from gtxnode.primitives.sources import Source
from gtxnode.rpc.views.orders import OpenOrderView, SlotOrderView
from gtxnode.rpc.wire import Address, Amount, Hex


def order_view(coin_id: bytes, order: Order) -> OpenOrderView:
    """An open order with its terms."""
    return OpenOrderView(
        id=Hex(order_id_of(coin_id)),
        side="buy" if isinstance(order, BuyOrder) else "sell",
        price_mgtx_per_kwh=Amount(order.price_mgtx_per_kwh),
        energy_wh=Amount(order.quantity_wh),
        locked_ugtx=Amount(order.locked_ugtx if isinstance(order, BuyOrder) else 0),
        expires_s=order.expires_s,
        height=order.height,
        revision=order.revision,
        **_terms(order),
    )


def slot_order_view(coin_id: bytes, order: ForwardOrder) -> SlotOrderView:
    """An open order for a delivery slot with its terms."""
    return SlotOrderView(
        id=Hex(order_id_of(coin_id)),
        side="buy" if isinstance(order, ForwardBuy) else "sell",
        slot=slot_view(order.slot),
        price_mgtx_per_kwh=Amount(order.price_mgtx_per_kwh),
        energy_wh=Amount(order.quantity_wh),
        locked_ugtx=Amount(order.locked_ugtx),
        zone=order.zone.name.lower(),
        expires_s=order.expires_s,
        height=order.height,
        revision=order.revision,
        meter=Hex(order.meter) if isinstance(order, ForwardSell) else None,
        **_terms(order),
    )


def _terms(order: Order | ForwardOrder) -> dict[str, Any]:
    """The fields that both kinds of order have of their terms, where there are any."""
    standing = order.standing
    if standing is None:
        return {}
    terms = standing.terms
    iceberg = bool(terms.display_wh)
    return {
        "all_or_none": terms.all_or_none,
        "shown_wh": Amount(standing.shown_wh) if iceberg else None,
        "slice_wh": Amount(terms.display_wh) if iceberg else None,
        "sources": _source_names(terms.sources),
        "partner": Address(terms.partner) if terms.partner else None,
    }


def _source_names(mask: int) -> tuple[str, ...]:
    if mask == ANY_SOURCE:
        return ()
    return tuple(source.name.lower() for source in Source if mask >> source & 1)
