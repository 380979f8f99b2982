"""Open orders and licences as the interfaces show them to whoever asks for the account."""

from gtxnode.ledger.coins import BuyOrder, Order, order_id_of
from gtxnode.market.orders import ANY_SOURCE
from gtxnode.primitives.sources import Source
from gtxnode.rpc.views.orders import OpenOrderView
from gtxnode.rpc.wire import Address, Amount, Hex


def order_view(coin_id: bytes, order: Order) -> OpenOrderView:
    """An open order with its terms."""
    buying = isinstance(order, BuyOrder)
    standing = order.standing
    terms = standing.terms if standing is not None else None
    iceberg = standing is not None and bool(standing.terms.display_wh)
    return OpenOrderView(
        id=Hex(order_id_of(coin_id)),
        side="buy" if buying else "sell",
        price_mgtx_per_kwh=Amount(order.price_mgtx_per_kwh),
        energy_wh=Amount(order.quantity_wh),
        locked_ugtx=Amount(order.locked_ugtx if isinstance(order, BuyOrder) else 0),
        expires_s=order.expires_s,
        height=order.height,
        all_or_none=terms is not None and terms.all_or_none,
        shown_wh=Amount(standing.shown_wh) if standing is not None and iceberg else None,
        slice_wh=Amount(terms.display_wh) if terms is not None and iceberg else None,
        sources=_source_names(terms.sources) if terms is not None else (),
        partner=Address(terms.partner) if terms is not None and terms.partner else None,
    )


def _source_names(mask: int) -> tuple[str, ...]:
    if mask == ANY_SOURCE:
        return ()
    return tuple(source.name.lower() for source in Source if mask >> source & 1)
