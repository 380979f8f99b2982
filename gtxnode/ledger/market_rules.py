"""What the regulator's rules say to an order before it is taken: halts and limits of use.

Whatever places an order asks `check_halts`, and `check_usage` if it buys; whatever makes a trade
tells `note_bought`. On a
chain that serves one zone every order is about that zone; on one that serves several, an order is
about those that the caller names.
"""

from collections.abc import Collection

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import BuyOrder, order_coin_id
from gtxnode.ledger.halts import SPOT, Halts, OfMarket, StandingHalt, halts_coin_id, require_open
from gtxnode.ledger.usage import (
    BITMAP_BYTES,
    Counter,
    UsageLimit,
    Window,
    Windows,
    counter_coin_id,
    windows_coin_id,
)
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


def is_way_halted(state: BlockState, seller: Zone, buyer: Zone) -> bool:
    """Whether all trade in one of two zones is halted, so that nothing goes between them."""
    return halts_way(_standing(state), seller, buyer)


def halts_way(standing: Collection[StandingHalt], seller: Zone, buyer: Zone) -> bool:
    """The same, by halts that stand."""
    return any(
        isinstance(each.scope, OfMarket)
        and each.scope.product is None
        and each.scope.zone in (seller, buyer)
        for each in standing
    )


def check_usage(state: BlockState, trader: bytes, quantity_wh: int, expires_s: int) -> None:
    """Refuse a buy order that could take its trader over a limit of use."""
    now_s = state.context.time_ms // 1_000
    for limit in state.context.parameters.compliance.usage_limits:
        start_s, end_s = limit.window_at(now_s)
        if expires_s <= start_s:
            continue
        bought_wh = _bought_wh(state, limit, trader) if start_s <= now_s else 0
        open_wh = _open_wh(state, trader, start_s)
        if bought_wh + open_wh + quantity_wh > limit.max_wh:
            raise Refused(
                Reason.USAGE_LIMIT,
                f"{limit.name}, {start_s} to {end_s} s: {quantity_wh} Wh beside {bought_wh} bought "
                f"and {open_wh} in open orders, at most {limit.max_wh}",
            )


def note_bought(state: BlockState, trader: bytes, quantity_wh: int) -> None:
    """Count what a trader has bought towards the limits of use, where there are any."""
    if state.context.parameters.compliance.usage_limits:
        state.bought[trader] = state.bought.get(trader, 0) + quantity_wh


def settle_usage(state: BlockState) -> None:
    """Write the block's purchases down, and drop the counters of windows that are over."""
    limits = state.context.parameters.compliance.usage_limits
    if not limits and state.parameters is None:
        return
    if state.parameters is not None:
        limits = state.parameters.compliance.usage_limits
    now_s = state.context.time_ms // 1_000
    due = {limit.name: limit.window_at(now_s) for limit in limits}
    coin_id = windows_coin_id(state.context.chain_id)
    coin = state.coins.get(coin_id)
    before = coin.open if isinstance(coin, Windows) else ()
    kept = {each.limit: each for each in before if due.get(each.limit) == _span(each)}
    for each in before:
        if each.limit not in kept:
            _drop(state, each)
    if state.bought:
        for name, (start_s, end_s) in due.items():
            if start_s <= now_s:
                window = kept.get(name) or Window(name, start_s, end_s, bytes(BITMAP_BYTES))
                kept[name] = _count(state, window)
    after = tuple(kept[name] for name in sorted(kept))
    if after == before:
        return
    if after:
        state.coins.make(coin_id, Windows(after))
    else:
        state.coins.spend(coin_id)


def _standing(state: BlockState) -> Collection[StandingHalt]:
    """The halts that stand at the block's time, read once a block."""
    if state.halts is None:
        coin = state.coins.get(halts_coin_id(state.context.chain_id))
        at_ms = state.context.time_ms
        state.halts = tuple(coin.at(at_ms)) if isinstance(coin, Halts) else ()
    return state.halts


def _bought_wh(state: BlockState, limit: UsageLimit, trader: bytes) -> int:
    """What a trader has bought in the window that is open."""
    start_s, _ = limit.window_at(state.context.time_ms // 1_000)
    coin_id = counter_coin_id(state.context.chain_id, limit.name, start_s, trader[0])
    counter = state.coins.get(coin_id)
    before_wh = counter.of(trader) if isinstance(counter, Counter) else 0
    return before_wh + state.bought.get(trader, 0)


def _open_wh(state: BlockState, trader: bytes, start_s: int) -> int:
    """What a trader's open orders could still buy in a window."""
    total_wh = 0
    for order_id in state.orders.of(trader):
        coin = state.coins.get(order_coin_id(order_id))
        if isinstance(coin, BuyOrder) and coin.expires_s > start_s:
            total_wh += coin.quantity_wh
    return total_wh


def _count(state: BlockState, window: Window) -> Window:
    """Add the block's purchases to a window's counters; the window with those it has now."""
    bitmap = int.from_bytes(window.counters, "big")
    for leading in sorted({trader[0] for trader in state.bought}):
        coin_id = counter_coin_id(state.context.chain_id, window.limit, window.start_s, leading)
        coin = state.coins.get(coin_id)
        more = ((trader, wh) for trader, wh in state.bought.items() if trader[0] == leading)
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


def _span(window: Window) -> tuple[int, int]:
    return window.start_s, window.end_s
