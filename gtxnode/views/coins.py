"""The ledger's coins as the interfaces show them."""

from gtxnode.ledger.coins import (
    BuyOrder,
    Cash,
    Coin,
    Credit,
    Energy,
    HeldEnergy,
    Origin,
    SellOrder,
)
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardBuy, ForwardSell
from gtxnode.ledger.market.licence_coins import Licence
from gtxnode.ledger.registry.proposals import Proposal
from gtxnode.ledger.registry.validators import Validator
from gtxnode.metering.meters import Meter
from gtxnode.rpc.views.accounts import CoinView, OriginView
from gtxnode.rpc.wire import Address, Amount, Hex


def coin_view(coin_id: bytes, encoded: bytes, coin: Coin) -> CoinView:
    """A coin that is listed under its owner."""
    origin: OriginView | None = None
    match coin:
        case Cash(owner, amount):
            kind = "cash"
        case Energy(owner, amount, made):
            kind, origin = "energy", origin_view(made)
        case HeldEnergy(owner, amount, made):
            kind, origin = "held_energy", origin_view(made)
        case Credit(owner, amount):
            kind = "credit"
        case SellOrder():
            kind, owner, amount = "sell_order", coin.trader, coin.quantity_wh
        case BuyOrder():
            kind, owner, amount = "buy_order", coin.trader, coin.locked_ugtx
        case ForwardSell():
            kind, owner, amount = "forward_sell", coin.trader, coin.locked_ugtx
        case ForwardBuy():
            kind, owner, amount = "forward_buy", coin.trader, coin.locked_ugtx
        case Contract():
            kind, owner, amount = "contract", coin.buyer, coin.locked_ugtx
        case Meter():
            kind, owner, amount = "meter", coin.owner, 0
        case Validator():
            kind, owner, amount = "validator", coin.owner, coin.locked_ugtx
        case Proposal():
            kind, owner, amount = "proposal", coin.proposer, coin.deposit_ugtx
        case Licence():
            kind, owner, amount = "licence", coin.holder, 0
        case _:
            raise AssertionError("a coin without an owner is listed under none")
    return CoinView(Hex(coin_id), kind, Address(owner), Amount(amount), Hex(encoded), origin)


def origin_view(origin: Origin) -> OriginView:
    """Where energy comes from."""
    return OriginView(
        origin.zone.name.lower(),
        origin.source.name.lower(),
        origin.start_s,
        origin.end_s,
        Hex(origin.meter),
    )
