"""What addresses own."""

from __future__ import annotations

import msgspec

from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.methods.fields import OfAddress, PageSize, Shard
from gtxnode.rpc.methods.row import Session, row
from gtxnode.rpc.views.accounts import BalanceView, CoinPage
from gtxnode.rpc.views.orders import LicenceView, OpenOrders
from gtxnode.rpc.wire import Address, Hex


class CoinsAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of an address's coins: those after a coin's id."""

    shard: Shard
    address: Address
    after: Hex | None = None
    limit: PageSize = 100


async def account_balance(session: Session, params: OfAddress) -> BalanceView:
    """What an address owns, free, locked in open orders, and staked."""
    return await session.node.chain(params.shard).accounts.balance(params.address)


async def account_coins(session: Session, params: CoinsAfter) -> CoinPage:
    """The unspent coins of an address, in pages."""
    chain = session.node.chain(params.shard)
    return await chain.accounts.coins(params.address, after=params.after, limit=params.limit)


async def account_orders(session: Session, params: OfAddress) -> OpenOrders:
    """The open spot orders of an address, with terms that the public book leaves out."""
    return await session.node.chain(params.shard).accounts.orders(params.address)


async def account_licence(session: Session, params: OfAddress) -> LicenceView:
    """The licence of an address for orders above the size that is free to all."""
    return await session.node.chain(params.shard).accounts.licence(params.address)


ROWS = (
    row("account.balance", account_balance, ErrorCode.NOT_HOSTED),
    row("account.coins", account_coins, ErrorCode.NOT_HOSTED),
    row("account.orders", account_orders, ErrorCode.NOT_HOSTED),
    row("account.licence", account_licence, ErrorCode.NOT_HOSTED, ErrorCode.NOT_FOUND),
)
