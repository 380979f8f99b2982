"""Forwards on a little chain: slots by name, offers and bids by people, readings to a time."""

from typing import Any

from gtxnode.ledger import wallet
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardOrder
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.slots import Slot
from gtxnode.metering.meters import Reading
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import (
    HOUR_S,
    START_S,
    LittleChain,
    address,
    meter_of,
    signed,
)

NOON = START_S + 4 * HOUR_S
HOUR = Slot(NOON, HOUR_S)
QUARTER = Slot(NOON, 900)
HALF = Slot(NOON + 1_800, 1_800)


class ForwardChain(LittleChain):
    """A little chain whose people trade slots."""

    def offer(
        self, name: str, wh: int, price: int, slot: Slot = QUARTER, **how: Any
    ) -> CheckedTransaction:
        """An offer of a person's own meter."""
        body = wallet.forward_offer(
            *(address(name), self.coins(name, Cash), slot, meter_of(name), wh, price),
            self.collateral(price),
            **how,
        )
        return signed(body, name)

    def bid(
        self, name: str, wh: int, price: int, slot: Slot = QUARTER, **how: Any
    ) -> CheckedTransaction:
        body = wallet.forward_bid(
            address(name), self.coins(name, Cash), slot, Zone.BANGKOK, wh, price, **how
        )
        return signed(body, name)

    def change(
        self, name: str, placed: CheckedTransaction, wh: int, price: int
    ) -> CheckedTransaction:
        """An amendment of an order for a slot."""
        order = self.order(placed)
        assert isinstance(order, ForwardOrder)
        cash, collateral = self.coins(name, Cash), self.collateral(price)
        return signed(wallet.amend_ahead(placed.id, order, cash, wh, price, collateral), name)

    def collateral(self, price: int) -> int:
        """What an offer at that price locks for each Wh."""
        limits, imbalance = self.parameters.orders, self.parameters.forwards.imbalance
        return imbalance.collateral(price, limits.max_price_mgtx_per_kwh)

    def restart(self) -> None:
        """As a node that starts anew."""
        self.orders = OpenOrders.rebuild(self.all_coins())

    def until(self, time_s: int) -> None:
        """A block at that time."""
        self.block(after_s=time_s - self.now_s)

    def read_to(self, name: str, time_s: int, exported_wh: int) -> CheckedTransaction:
        """The next reading of a person's meter, up to a time."""
        meter = self.meter(name)
        body = Reading(
            *(meter.meter, meter.counter + 1, meter.counter, meter.end_s, time_s),
            *(meter.import_wh, meter.export_wh + exported_wh),
        )
        return signed(body, f"{name}'s meter")

    def contracts(self) -> list[Contract]:
        """The open contracts, oldest first."""
        found = [coin for _, coin in self.all_coins() if isinstance(coin, Contract)]
        return sorted(found, key=lambda coin: (coin.height, coin.number))
