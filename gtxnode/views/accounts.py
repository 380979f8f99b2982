"""What addresses own on one chain."""

import trio

from gtxnode.chain.store import ChainStore
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.coins import (
    BuyOrder,
    Cash,
    Credit,
    Energy,
    HeldEnergy,
    Order,
    SellOrder,
    decode_coin,
)
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardBuy, ForwardSell
from gtxnode.ledger.market.licence_coins import licences_of
from gtxnode.ledger.registry.proposals import Proposal
from gtxnode.ledger.registry.validators import Validator
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.accounts import BalanceView, CoinPage
from gtxnode.rpc.views.orders import LicenceView, OpenOrders
from gtxnode.rpc.wire import Address, Amount
from gtxnode.views.coins import coin_view
from gtxnode.views.compliance import origin_name
from gtxnode.views.orders import order_view


class AccountsView:
    """Implements `rpc.backend.Accounts`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    async def balance(self, address: bytes) -> BalanceView:
        """What an address owns, in coins and inside its open orders."""
        return await trio.to_thread.run_sync(self._balance, address)

    def _balance(self, address: bytes) -> BalanceView:
        height = self._store.tip.height
        money = energy = bids = asks = staked = held = credit = ahead = deposits = 0
        with self._store.snapshot() as reader:
            for _, encoded in self._store.owned(reader, address, None, None):
                match decode_coin(encoded):
                    case Cash(amount_ugtx=amount):
                        money += amount
                    case Energy(amount_wh=amount):
                        energy += amount
                    case HeldEnergy(amount_wh=amount):
                        held += amount
                    case Credit(amount_mgco2e=amount):
                        credit += amount
                    case BuyOrder() | ForwardSell() | ForwardBuy() as order:
                        bids += order.locked_ugtx
                    case Contract() as contract:
                        ahead += contract.share_ugtx(address)
                    case SellOrder() as order:
                        asks += order.quantity_wh
                    case Validator() as validator:
                        staked += validator.locked_ugtx
                    case Proposal() as proposal:
                        deposits += proposal.deposit_ugtx
        return BalanceView(
            self._shard,
            Address(address),
            height,
            Amount(money),
            Amount(energy),
            Amount(bids),
            Amount(asks),
            Amount(staked),
            Amount(held),
            Amount(credit),
            Amount(ahead),
            Amount(deposits),
        )

    async def orders(self, address: bytes) -> OpenOrders:
        """An address's open spot orders in order of ids."""
        return await trio.to_thread.run_sync(self._open_orders, address)

    def _open_orders(self, address: bytes) -> OpenOrders:
        height = self._store.tip.height
        with self._store.snapshot() as reader:
            owned = [
                (coin_id, decode_coin(encoded))
                for coin_id, encoded in self._store.owned(reader, address, None, None)
            ]
        views = tuple(order_view(i, coin) for i, coin in owned if isinstance(coin, Order))
        return OpenOrders(self._shard, height, views)

    async def licence(self, address: bytes) -> LicenceView:
        """An address's licence, the largest that counts of two; raises `NotFound`."""
        tip = self._store.tip
        found = list(licences_of(self._store.chain_id, CoinView(self._store), address))
        if not found:
            raise NotFound(f"licence of {address.hex()}")
        licence, by_registry = max(
            found, key=lambda each: (each[0].expires_s * 1_000 > tip.time_ms, each[0].max_wh)
        )
        return LicenceView(
            self._shard,
            tip.height,
            Address(licence.holder),
            Amount(licence.max_wh),
            licence.expires_s,
            origin_name(by_registry),
        )

    async def coins(self, address: bytes, *, after: bytes | None, limit: int) -> CoinPage:
        """An address's coins in order of ids, at most `limit`."""
        return await trio.to_thread.run_sync(self._coins, address, after, limit)

    def _coins(self, address: bytes, after: bytes | None, limit: int) -> CoinPage:
        height = self._store.tip.height
        with self._store.snapshot() as reader:
            found = list(self._store.owned(reader, address, after, limit + 1))
        views = tuple(
            coin_view(coin_id, encoded, decode_coin(encoded)) for coin_id, encoded in found[:limit]
        )
        return CoinPage(height, views, views[-1].id if len(found) > limit else None)
