"""What a home owns on the chain, and the transactions that carry its decisions out. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gtxnode.devnet.trading import Action, Buy, Cancel, OpenOrder, Retire, Sell
from gtxnode.ledger import bodies, wallet
from gtxnode.ledger.bodies import Body
from gtxnode.ledger.coin_choice import kind_of
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
from gtxnode.tariffs.calendar import month_number

CoinPair = tuple[bytes, Coin]
MAX_RETIRED_COINS = 200
"""Inputs of one retirement, with room for the fee's."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What the chain says that a home owns, by kind."""

    cash: tuple[tuple[bytes, Cash], ...]
    energy: tuple[tuple[bytes, Energy], ...]
    orders: tuple[OpenOrder, ...]
    offerable_wh: int
    """The most that one order may offer, were none open: energy of one zone and source."""

    @property
    def cash_ugtx(self) -> int:
        return sum(coin.amount_ugtx for _, coin in self.cash)

    @property
    def energy_wh(self) -> int:
        return sum(coin.amount_wh for _, coin in self.energy)

    def made_in(self, month: int) -> list[tuple[bytes, Energy]]:
        """The energy of a month, the oldest coins, as many as one retirement takes."""
        found = [pair for pair in self.energy if month_number(pair[1].origin.start_s) == month]
        return found[:MAX_RETIRED_COINS]

    def by_month(self) -> Mapping[int, int]:
        """The months in which energy was made, with what of it one retirement takes."""
        months = {month_number(coin.origin.start_s) for _, coin in self.energy}
        return {month: sum(coin.amount_wh for _, coin in self.made_in(month)) for month in months}


def sort_coins(coins: Sequence[CoinPair]) -> Purse:
    """A home's coins by kind, the energy from the oldest on."""
    energy = [(id_, coin) for id_, coin in coins if isinstance(coin, Energy)]
    energy.sort(key=lambda pair: (pair[1].origin.end_s, pair[0]))
    kinds: defaultdict[object, list[int]] = defaultdict(list)
    for _, each in energy:
        kinds[kind_of(each.origin)].append(each.amount_wh)
    for _, coin in coins:
        if isinstance(coin, SellOrder):
            kinds[kind_of(coin.lots[0].origin)].append(coin.quantity_wh)
    return Purse(
        cash=tuple((id_, coin) for id_, coin in coins if isinstance(coin, Cash)),
        energy=tuple(energy),
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
        offerable_wh=max((sum(amounts[:MAX_LOTS]) for amounts in kinds.values()), default=0),
    )


def write(
    action: Action,
    owner: bytes,
    purse: Purse,
    fee_ugtx: int,
    *,
    covers: bytes,
    zone: Zone | None = None,
) -> Body:
    """The transaction's body that carries an action out. `InsufficientFunds`.

    What is retired covers the import of the meter `covers`; what is bought is carried over the
    grid to `zone`, where the chain has a grid.
    """
    match action:
        case Retire(amount_wh, month):
            made = purse.made_in(month)
            return wallet.retire(owner, made, purse.cash, amount_wh, fee_ugtx, meter=covers)
        case Sell(amount_wh, price):
            return wallet.sell(owner, purse.energy, amount_wh, price)
        case Buy(amount_wh, price):
            terms = None if zone is None else Terms(zone=zone)
            return wallet.buy(owner, purse.cash, amount_wh, price, terms=terms)
        case Cancel(order):
            return bodies.Cancel(order)
