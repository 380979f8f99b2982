"""The delivery slots of one chain: books, contracts, trades and settlements."""

from collections.abc import Sequence
from functools import partial

import trio

from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.events import forward_trade_views, settlement_views, slot_view
from gtxnode.ledger.coins import decode_coin, order_id_of
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardOrder
from gtxnode.market.auction import Mechanism, crossing
from gtxnode.market.orders import Depth, Order, PriceLevel, Side
from gtxnode.market.slots import Product, Slot
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.forwards import (
    ContractPage,
    ContractView,
    ForwardRulesView,
    ForwardTradePage,
    ForwardTradeView,
    IndicationView,
    ProductView,
    SettlementPage,
    SettlementView,
    SlotBookView,
    SlotPage,
    SlotSummary,
)
from gtxnode.rpc.views.orders import SlotOrders
from gtxnode.rpc.wire import Address, Amount, Hex
from gtxnode.views.market import level_views
from gtxnode.views.orders import slot_order_view
from gtxnode.views.paging import page

# Coins that one call for contracts looks at, to bound its cost; `next` goes on from there.
MAX_COINS = 10_000
_TWO_SIDED = (Mechanism.UNIFORM, Mechanism.PAY_AS_BID)
_NOTHING = Depth((), ())


class ForwardsView:
    """Implements `rpc.backend.Forwards`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    def rules(self) -> ForwardRulesView:
        """Which slots are traded, how, and what a shortfall costs."""
        parameters, tip = self._store.parameters, self._store.tip
        rules = parameters.forwards
        return ForwardRulesView(
            self._shard,
            tip.height,
            tip.time_ms,
            tuple(map(_product_view, rules.products)),
            rules.horizon_s,
            rules.grace_s,
            Amount(rules.imbalance.utility_mgtx_per_kwh),
            rules.imbalance.premium_ppm,
            Amount(parameters.orders.max_price_mgtx_per_kwh),
        )

    async def slots(self) -> SlotPage:
        """The slots that have open orders, in order of time."""
        # One mapping for the whole answer: a block that ends meanwhile replaces it.
        depths = self._store.slot_depths
        summaries = [
            _summary(slot, product, depths[slot])
            for slot in sorted(depths)
            if (product := self._product(slot)) is not None
        ]
        return SlotPage(self._shard, self._store.tip.height, tuple(summaries))

    async def book(self, start_s: int, length_s: int, depth: int) -> SlotBookView:
        """A slot's best `depth` price levels of each side; raises `NotFound` for no slot."""
        slot = Slot(start_s, length_s)
        product = self._product(slot)
        if product is None or not slot.is_aligned:
            raise NotFound(f"slot of {length_s} s from {start_s}")
        whole = self._store.slot_depths.get(slot, _NOTHING)
        return SlotBookView(
            self._shard,
            self._store.tip.height,
            slot_view(slot),
            product.mechanism.value,
            product.closes_s(slot),
            level_views(whole.bids[:depth]),
            level_views(whole.asks[:depth]),
            _orders(whole.bids),
            _orders(whole.asks),
            _indication(whole) if product.mechanism in _TWO_SIDED else None,
        )

    async def orders(self, address: bytes) -> SlotOrders:
        """An address's open orders for slots, in order of ids."""
        return await trio.to_thread.run_sync(self._open_orders, address)

    def _open_orders(self, address: bytes) -> SlotOrders:
        height = self._store.tip.height
        with self._store.snapshot() as reader:
            owned = [
                (coin_id, decode_coin(encoded))
                for coin_id, encoded in self._store.owned(reader, address, None, None)
            ]
        views = tuple(
            slot_order_view(i, coin) for i, coin in owned if isinstance(coin, ForwardOrder)
        )
        return SlotOrders(self._shard, height, views)

    async def contracts(self, address: bytes, *, after: bytes | None, limit: int) -> ContractPage:
        """An address's open contracts, as buyer or seller, whose ids come after `after`."""
        find = partial(self._contracts, address, after, limit)
        return await trio.to_thread.run_sync(find)

    def _contracts(self, address: bytes, after: bytes | None, limit: int) -> ContractPage:
        height = self._store.tip.height
        found: list[ContractView] = []
        start = None if after is None else after + b"\xff\xff"
        last = b""
        seen = 0
        with self._store.snapshot() as reader:
            for coin_id, encoded in self._store.owned(reader, address, start, MAX_COINS):
                if len(found) == limit:
                    return ContractPage(height, tuple(found), found[-1].id)
                seen, last = seen + 1, coin_id
                coin = decode_coin(encoded)
                if isinstance(coin, Contract):
                    found.append(_contract_view(order_id_of(coin_id), coin))
        more = Hex(order_id_of(last)) if seen == MAX_COINS else None
        return ContractPage(height, tuple(found), more)

    async def trades(self, *, after: int | None, limit: int) -> ForwardTradePage:
        """Trades numbered above `after`; without it, the latest `limit`. In order."""
        return await trio.to_thread.run_sync(self._trades, after, limit)

    def _trades(self, after: int | None, limit: int) -> ForwardTradePage:
        height = self._store.tip.height
        trades, after = page(self._store, self._trades_in, after, limit)
        return ForwardTradePage(height, trades, after)

    async def settlements(self, *, after: int | None, limit: int) -> SettlementPage:
        """Settlements numbered above `after`; without it, the latest `limit`. In order."""
        return await trio.to_thread.run_sync(self._settlements, after, limit)

    def _settlements(self, after: int | None, limit: int) -> SettlementPage:
        height = self._store.tip.height
        settlements, after = page(self._store, self._settlements_in, after, limit)
        return SettlementPage(height, settlements, after)

    def _trades_in(self, record: BlockRecord) -> list[ForwardTradeView]:
        if not record.forward_trades:
            return []
        return forward_trade_views(self._store.block(record.height)[0], record)

    def _settlements_in(self, record: BlockRecord) -> list[SettlementView]:
        if not record.settlements:
            return []
        return settlement_views(self._store.block(record.height)[0], record)

    def _product(self, slot: Slot) -> Product | None:
        return self._store.parameters.forwards.product_of(slot)


def _product_view(product: Product) -> ProductView:
    return ProductView(
        product.length_s,
        product.mechanism.value,
        product.price_rule.value,
        product.rationing.value,
        product.gate_closure_s,
    )


def _summary(slot: Slot, product: Product, depth: Depth) -> SlotSummary:
    return SlotSummary(
        slot_view(slot),
        product.mechanism.value,
        product.closes_s(slot),
        _orders(depth.bids),
        _orders(depth.asks),
        Amount(depth.bids[0].price_mgtx_per_kwh) if depth.bids else None,
        Amount(depth.asks[0].price_mgtx_per_kwh) if depth.asks else None,
    )


def _indication(depth: Depth) -> IndicationView | None:
    """Where demand and supply meet now, from the price levels alone."""
    crossed = crossing(_as_orders(depth.bids, Side.BUY), _as_orders(depth.asks, Side.SELL))
    if crossed is None:
        return None
    return IndicationView(Amount(crossed.price_mgtx_per_kwh), Amount(crossed.volume_wh))


def _as_orders(levels: Sequence[PriceLevel], side: Side) -> list[Order]:
    return [Order(b"", b"", side, level.price_mgtx_per_kwh, level.quantity_wh) for level in levels]


def _orders(levels: Sequence[PriceLevel]) -> int:
    return sum(level.orders for level in levels)


def _contract_view(contract_id: bytes, contract: Contract) -> ContractView:
    return ContractView(
        Hex(contract_id),
        slot_view(contract.slot),
        Address(contract.seller),
        Address(contract.buyer),
        Hex(contract.meter),
        contract.seller_zone.name.lower(),
        contract.buyer_zone.name.lower(),
        Amount(contract.sold_wh),
        Amount(contract.open_wh),
        Amount(contract.price_mgtx_per_kwh),
        Amount(contract.imbalance_mgtx_per_kwh),
        Amount(contract.locked_ugtx),
        contract.due_s,
        contract.trading_fee_ppm,
    )
