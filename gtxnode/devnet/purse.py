"""What a home owns on the chain, and the transactions that carry its decisions out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from gtxnode.devnet.trading import Action, Buy, Cancel, OpenOrder, Retire, Sell
from gtxnode.ledger import bodies, wallet
from gtxnode.ledger.bodies import Body
from gtxnode.ledger.coins import (
    MAX_LOTS,
    BuyOrder,
    Cash,
    Coin,
    Energy,
    SellOrder,
    order_id_of,
)
from gtxnode.market.orders import Terms
from gtxnode.primitives.zones import Zone

CoinPair = tuple[bytes, Coin]


@dataclass(frozen=True, slots=True)
class Purse:
    """What the chain says that a home owns, by kind."""

    cash: tuple[tuple[bytes, Cash], ...]
    energy: tuple[tuple[bytes, Energy], ...]
    orders: tuple[OpenOrder, ...]

    @property
    def cash_ugtx(self) -> int:
        return sum(coin.amount_ugtx for _, coin in self.cash)

    @property
    def energy_wh(self) -> int:
        return sum(coin.amount_wh for _, coin in self.energy)


def sort_coins(coins: Sequence[CoinPair]) -> Purse:
    """A home's coins by kind; of the energy the oldest coins, as many as one order takes."""
    energy = [(id_, coin) for id_, coin in coins if isinstance(coin, Energy)]
    energy.sort(key=lambda pair: (pair[1].origin.end_s, pair[0]))
    return Purse(
        cash=tuple((id_, coin) for id_, coin in coins if isinstance(coin, Cash)),
        energy=tuple(energy[:MAX_LOTS]),
        orders=tuple(
            OpenOrder(
                id=order_id_of(id_),
                sells=isinstance(coin, SellOrder),
                amount_wh=coin.quantity_wh,
                price_mgtx_per_kwh=coin.price_mgtx_per_kwh,
            )
            for id_, coin in coins
            if isinstance(coin, SellOrder | BuyOrder)
        ),
    )


def write(
    action: Action,
    owner: bytes,
    purse: Purse,
    fee_ugtx: int,
    *,
    covers: bytes | None = None,
    zone: Zone | None = None,
) -> Body:
    """The transaction's body that carries an action out. `InsufficientFunds`.

    What is retired covers the import of the meter `covers`, if there is one; what is bought is
    carried over the grid to `zone`, where the chain has a grid.
    """
    match action:
        case Retire(amount_wh):
            return wallet.retire(owner, purse.energy, purse.cash, amount_wh, fee_ugtx, meter=covers)
        case Sell(amount_wh, price):
            return wallet.sell(owner, purse.energy, amount_wh, price)
        case Buy(amount_wh, price):
            terms = None if zone is None else Terms(zone=zone)
            return wallet.buy(owner, purse.cash, amount_wh, price, terms=terms)
        case Cancel(order):
            return bodies.Cancel(order)
