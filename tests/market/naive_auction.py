"""The mechanisms as one would write them first, Wh by Wh: what the real ones are held against."""

from collections.abc import Sequence
from fractions import Fraction

from gtxnode.market.auction import Match, Rationing
from gtxnode.market.orders import Order

HIGHEST = 30


def demand(bids: Sequence[Order], price: int) -> int:
    return sum(bid.quantity_wh for bid in bids if bid.price_mgtx_per_kwh >= price)


def supply(asks: Sequence[Order], price: int) -> int:
    return sum(ask.quantity_wh for ask in asks if ask.price_mgtx_per_kwh <= price)


def crossing(bids: Sequence[Order], asks: Sequence[Order]) -> tuple[int, int] | None:
    """Every price there is, tried; prices in tests are below `HIGHEST`."""
    volumes = {p: min(demand(bids, p), supply(asks, p)) for p in range(HIGHEST + 1)}
    volume = max(volumes.values())
    if not volume:
        return None
    prices = [p for p, at in volumes.items() if at == volume]
    surplus = {p: demand(bids, p) - supply(asks, p) for p in prices}
    least = min(abs(over) for over in surplus.values())
    prices = [p for p in prices if abs(surplus[p]) == least]
    if any(surplus[p] > 0 for p in prices):
        return max(p for p in prices if surplus[p] > 0), volume
    if any(surplus[p] < 0 for p in prices):
        return min(prices), volume
    return (min(prices) + max(prices)) // 2, volume


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Proportions rounded down, then one more to whoever is furthest below its proportion."""
    if not total:
        return [0] * len(weights)
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    given = [int(each) for each in exact]
    while sum(given) < total:
        lacks = [wanted - has for wanted, has in zip(exact, given, strict=True)]
        given[lacks.index(max(lacks))] += 1
    return given


def rationed(orders: Sequence[Order], quantity: int, rationing: Rationing) -> dict[bytes, int]:
    if rationing is Rationing.PRO_RATA:
        given = shares(quantity, [order.quantity_wh for order in orders])
        return {order.id: share for order, share in zip(orders, given, strict=True)}
    taken = {}
    for order in orders:
        taken[order.id] = min(order.quantity_wh, quantity)
        quantity -= taken[order.id]
    return taken


def by_priority(orders: Sequence[Order], sign: int) -> list[Order]:
    numbered = sorted(
        enumerate(orders), key=lambda entry: (sign * entry[1].price_mgtx_per_kwh, entry[0])
    )
    return [order for _, order in numbered]


def allotted(
    orders: list[Order], price: int, volume: int, rationing: Rationing
) -> dict[bytes, int]:
    at_price = [order for order in orders if order.price_mgtx_per_kwh == price]
    taken = {order.id: order.quantity_wh for order in orders if order not in at_price}
    return taken | rationed(at_price, volume - sum(taken.values()), rationing)


def two_sided(
    bids: Sequence[Order], asks: Sequence[Order], rationing: Rationing, *, own_bid: bool
) -> list[Match]:
    """Uniform price, or each trade at its own bid: one Wh after the other, then put together."""
    crossed = crossing(bids, asks)
    if crossed is None:
        return []
    price, volume = crossed
    reaching = [b for b in by_priority(bids, -1) if b.price_mgtx_per_kwh >= price]
    reached = [a for a in by_priority(asks, 1) if a.price_mgtx_per_kwh <= price]
    bought = allotted(reaching, price, volume, rationing)
    sold = allotted(reached, price, volume, rationing)
    buyers = [bid for bid in reaching for _ in range(bought[bid.id])]
    sellers = [ask for ask in reached for _ in range(sold[ask.id])]
    assert len(buyers) == len(sellers) == volume
    return together(
        [
            (bid.id, ask.id, bid.price_mgtx_per_kwh if own_bid else price)
            for bid, ask in zip(buyers, sellers, strict=True)
        ]
    )


def one_sided(bids: Sequence[Order], asks: Sequence[Order], rationing: Rationing) -> list[Match]:
    """Each bid in turn, Wh by Wh, at the cheapest price that is left."""
    left = {ask.id: ask.quantity_wh for ask in asks}
    bought: dict[int, list[bytes]] = {}
    for bid in bids:
        for _ in range(bid.quantity_wh):
            prices = [a.price_mgtx_per_kwh for a in asks if left[a.id]]
            if not prices or min(prices) > bid.price_mgtx_per_kwh:
                break
            cheapest = next(a for a in asks if left[a.id] and a.price_mgtx_per_kwh == min(prices))
            left[cheapest.id] -= 1
            bought.setdefault(min(prices), []).append(bid.id)
    pairs = []
    for price, buyers in sorted(bought.items()):
        at_price = [ask for ask in asks if ask.price_mgtx_per_kwh == price]
        sold = rationed(at_price, len(buyers), rationing)
        sellers = [ask.id for ask in at_price for _ in range(sold[ask.id])]
        pairs += [(buy, sell, price) for buy, sell in zip(buyers, sellers, strict=True)]
    return together(pairs)


def together(pairs: Sequence[tuple[bytes, bytes, int]]) -> list[Match]:
    """One match for each run of equal pairs."""
    matches: list[Match] = []
    for buy, sell, price in pairs:
        last = matches[-1] if matches else None
        if last is not None and (last.buy_id, last.sell_id, last.price_mgtx_per_kwh) == (
            buy,
            sell,
            price,
        ):
            matches[-1] = Match(buy, sell, last.quantity_wh + 1, price)
        else:
            matches.append(Match(buy, sell, 1, price))
    return matches
