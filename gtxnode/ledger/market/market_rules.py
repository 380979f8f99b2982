"""What the regulator's rules say to an order before it is taken: halts and limits of use.

Whatever places an order asks `check_halts`, and `check_usage` if it buys; whatever makes a trade
tells `note_bought`. On a
chain that serves one zone every order is about that zone; on one that serves several, an order is
about those that the caller names.
"""

from collections.abc import Collection, Iterator, Mapping

from gtxnode.ledger.authority.halts import (
    SPOT,
    OfMarket,
    StandingHalt,
    require_open,
    standing_halts,
)
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import BuyOrder, order_coin_id
from gtxnode.ledger.delivery.forward_coins import ForwardBuy
from gtxnode.ledger.market.usage import (
    BITMAP_BYTES,
    Counter,
    Span,
    UsageLimit,
    Window,
    Windows,
    counter_coin_id,
    windows_coin_id,
)
from gtxnode.market.slots import Slot
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Zone


def check_halts(
    state: BlockState, trader: bytes, product: int = SPOT, zones: Collection[Zone] = ()
) -> None:
    """Refuse an order in what is halted."""
    standing = _standing(state)
    if standing:
        served = state.context.parameters.zones
        require_open(standing, trader, product, served if len(served) == 1 else zones)


def is_halted(state: BlockState, trader: bytes, product: int, zones: Collection[Zone]) -> bool:
    """Whether an order that rests is in what is halted: no auction may take it then."""
    return any(each.scope.covers(trader, product, zones) for each in _standing(state))


def is_way_halted(state: BlockState, seller: Zone, buyer: Zone, product: int | None = None) -> bool:
    """Whether trade in one of two zones is halted, so that nothing goes between them.

    All trade there, or that of a product where one is named.
    """
    return halts_way(_standing(state), seller, buyer, product)


def halts_way(
    standing: Collection[StandingHalt], seller: Zone, buyer: Zone, product: int | None = None
) -> bool:
    """The same, by halts that stand."""
    return any(
        isinstance(each.scope, OfMarket)
        and each.scope.product in (None, product)
        and each.scope.zone in (None, seller, buyer)
        for each in standing
    )


def products_open_since(state: BlockState) -> Iterator[int | None]:
    """The products, None for all, of which a market's halt has ended since the block before."""
    context = state.context
    since_ms = context.time_ms - context.elapsed_ms
    for halt, _ in standing_halts(context.chain_id, state.coins, since_ms):
        if isinstance(halt.scope, OfMarket) and halt.until_s * 1_000 <= context.time_ms:
            yield halt.scope.product


def check_usage(state: BlockState, trader: bytes, quantity_wh: int, expires_s: int) -> None:
    """Refuse a buy order that could take its trader over a limit of use."""
    now_s = state.context.time_ms // 1_000
    for limit in state.context.parameters.compliance.usage_limits:
        window = limit.window_at(now_s)
        if expires_s > window[0]:
            _check_limit(state, limit, window, trader, quantity_wh)


def check_slot_usage(state: BlockState, trader: bytes, slot: Slot, quantity_wh: int) -> None:
    """Refuse a bid for a delivery slot that could take its trader over a limit of use."""
    for limit in state.context.parameters.compliance.usage_limits:
        window = limit.window_of(_span(slot))
        if window is not None:
            _check_limit(state, limit, window, trader, quantity_wh)


def note_bought(
    state: BlockState, trader: bytes, quantity_wh: int, slot: Slot | None = None
) -> None:
    """Count what a trader has bought, now or for a slot, where there are limits of use."""
    if state.context.parameters.compliance.usage_limits:
        now_s = state.context.time_ms // 1_000
        span = (now_s, now_s + 1) if slot is None else _span(slot)
        bought = state.bought.setdefault(span, {})
        bought[trader] = bought.get(trader, 0) + quantity_wh


def settle_usage(state: BlockState) -> None:
    """Write the block's purchases down, and drop the counters of windows that are over."""
    limits = state.context.parameters.compliance.usage_limits
    if not limits and state.parameters is None:
        return
    if state.parameters is not None:
        limits = state.parameters.compliance.usage_limits
    known = {limit.name: limit for limit in limits}
    now_s = state.context.time_ms // 1_000
    coin_id = windows_coin_id(state.context.chain_id)
    coin = state.coins.get(coin_id)
    before = coin.open if isinstance(coin, Windows) else ()
    kept: dict[tuple[str, int], Window] = {}
    for each in before:
        limit = known.get(each.limit)
        span = (each.start_s, each.end_s)
        if limit is not None and each.end_s > now_s and limit.window_of(span) == span:
            kept[each.limit, each.start_s] = each
        else:
            _drop(state, each)
    for limit in limits if state.bought else ():
        for (start_s, end_s), bought in _by_window(state, limit).items():
            new = Window(limit.name, start_s, end_s, bytes(BITMAP_BYTES))
            key = (limit.name, start_s)
            kept[key] = _count(state, kept.get(key) or new, bought)
    after = tuple(kept[key] for key in sorted(kept))
    if after == before:
        return
    if after:
        state.coins.make(coin_id, Windows(after))
    else:
        state.coins.spend(coin_id)


def _check_limit(
    state: BlockState, limit: UsageLimit, window: Span, trader: bytes, quantity_wh: int
) -> None:
    bought_wh = _bought_wh(state, limit, window, trader)
    open_wh = _open_wh(state, limit, window, trader)
    if bought_wh + open_wh + quantity_wh > limit.max_wh:
        raise Refused(
            Reason.USAGE_LIMIT,
            f"{limit.name}, {window[0]} to {window[1]} s: {quantity_wh} Wh beside {bought_wh} "
            f"bought and {open_wh} in open orders, at most {limit.max_wh}",
        )


def _standing(state: BlockState) -> Collection[StandingHalt]:
    """The halts that stand at the block's time, read once a block."""
    if state.halts is None:
        context = state.context
        found = standing_halts(context.chain_id, state.coins, context.time_ms)
        state.halts = tuple(halt for halt, _ in found)
    return state.halts


def _bought_wh(state: BlockState, limit: UsageLimit, window: Span, trader: bytes) -> int:
    """What a trader has bought for a window."""
    coin_id = counter_coin_id(state.context.chain_id, limit.name, window[0], trader[0])
    counter = state.coins.get(coin_id)
    total_wh = counter.of(trader) if isinstance(counter, Counter) else 0
    for span, bought in state.bought.items():
        if limit.window_of(span) == window:
            total_wh += bought.get(trader, 0)
    return total_wh


def _open_wh(state: BlockState, limit: UsageLimit, window: Span, trader: bytes) -> int:
    """What a trader's open orders of both markets could still buy for a window."""
    total_wh = 0
    for order_id in (*state.orders.of(trader), *state.forwards.of(trader)):
        match state.coins.get(order_coin_id(order_id)):
            case BuyOrder() as order if order.expires_s > window[0]:
                total_wh += order.quantity_wh
            case ForwardBuy() as bid if (
                limit.window_of((bid.slot.start_s, bid.slot.end_s)) == window
            ):
                total_wh += bid.quantity_wh
    return total_wh


def _by_window(state: BlockState, limit: UsageLimit) -> dict[Span, dict[bytes, int]]:
    """The block's purchases by the windows of a limit that they are for."""
    found: dict[Span, dict[bytes, int]] = {}
    for span, bought in state.bought.items():
        window = limit.window_of(span)
        if window is not None:
            totals = found.setdefault(window, {})
            for trader, quantity_wh in bought.items():
                totals[trader] = totals.get(trader, 0) + quantity_wh
    return found


def _count(state: BlockState, window: Window, bought: Mapping[bytes, int]) -> Window:
    """Add purchases to a window's counters; the window with those it has now."""
    bitmap = int.from_bytes(window.counters, "big")
    for leading in sorted({trader[0] for trader in bought}):
        coin_id = counter_coin_id(state.context.chain_id, window.limit, window.start_s, leading)
        coin = state.coins.get(coin_id)
        more = ((trader, wh) for trader, wh in bought.items() if trader[0] == leading)
        before = coin.bought if isinstance(coin, Counter) else ()
        state.coins.make(coin_id, Counter.of_all(before, more))
        bitmap |= _bit(leading)
    return Window(window.limit, window.start_s, window.end_s, bitmap.to_bytes(BITMAP_BYTES, "big"))


def _drop(state: BlockState, window: Window) -> None:
    bitmap = int.from_bytes(window.counters, "big")
    for leading in range(256):
        if bitmap & _bit(leading):
            coin_id = counter_coin_id(state.context.chain_id, window.limit, window.start_s, leading)
            assert state.coins.get(coin_id) is not None, "the window names its counters"
            state.coins.spend(coin_id)


def _bit(leading: int) -> int:
    return 1 << (255 - leading)


def _span(slot: Slot) -> Span:
    return slot.start_s, slot.end_s
