"""A chain over the triangle of tests/grid/little_grid.py, and what authorities say on it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gtxnode.grid.model import SLOT_S, GridModel
from gtxnode.grid.status import GridStatus
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import PostGridStatus, SetCorridorLimits, SetZoneLimits
from gtxnode.ledger.coins import Cash, Coin
from gtxnode.ledger.grid.grid_coins import (
    CorridorUse,
    GridFund,
    GridLimits,
    fund_coin_id,
    limits_coin_id,
    slot_start,
    use_coin_id,
)
from gtxnode.ledger.parameters import ChainParameters, OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market.slots import Slot
from gtxnode.primitives.provinces import PROVINCES_OF_ZONE
from gtxnode.primitives.zones import Zone
from tests.grid import little_grid
from tests.ledger.forward_chain import QUARTER, ForwardChain
from tests.ledger.little_chain import CHAIN, START_S, address, registration, signed

CALM = GridStatus(50_000, 100, 1_000_000, 0, 200_000, 475)
STRAINED = msgspec.structs.replace(CALM, frequency_mhz=49_700)
FAILING = msgspec.structs.replace(CALM, frequency_mhz=49_000)
PARAMETERS = ChainParameters(
    zones=little_grid.ZONES,
    grid=little_grid.model(),
    orders=OrderLimits(licence_over_wh=10_000_000),
)


class GridChain(ForwardChain):
    """People with a meter each, in the zones that they are named with."""

    def __init__(
        self, zone_of: Mapping[str, Zone], *, grid: GridModel | None = PARAMETERS.grid
    ) -> None:
        self.zone_of = zone_of
        super().__init__(
            *zone_of,
            parameters=msgspec.structs.replace(PARAMETERS, grid=grid),
            registrations=[
                registration(name, province=PROVINCES_OF_ZONE[zone][0])
                for name, zone in zone_of.items()
            ],
        )
        self.issued_ms = START_S * 1_000

    def bid(
        self, name: str, wh: int, price: int, slot: Slot = QUARTER, **how: Any
    ) -> CheckedTransaction:
        """A bid for energy in a person's own zone."""
        cash = self.coins(name, Cash)
        zone = self.zone_of[name]
        return signed(wallet.forward_bid(address(name), cash, slot, zone, wh, price, **how), name)

    @property
    def slot_s(self) -> int:
        """The slot of the next block."""
        return slot_start(self.now_s + 1)

    def issued(self) -> int:
        self.issued_ms += 1
        return self.issued_ms

    def status(self, status: GridStatus, *zones: Zone, by: str = "EGAT") -> CheckedTransaction:
        return signed(PostGridStatus(zones or little_grid.ZONES, status, self.issued()), by)

    def limit(
        self,
        first: Zone,
        second: Zone,
        forward_mw: int,
        backward_mw: int | None = None,
        *,
        start_s: int | None = None,
        slots: int = 4,
        by: str = "EGAT",
    ) -> CheckedTransaction:
        start = self.slot_s if start_s is None else start_s
        back = forward_mw if backward_mw is None else backward_mw
        end = start + slots * SLOT_S
        body = SetCorridorLimits(first, second, start, end, forward_mw, back, self.issued())
        return signed(body, by)

    def local(
        self, zone: Zone, sold_mw: int | None, delivered_mw: int | None, *, by: str = "PEA"
    ) -> CheckedTransaction:
        end = self.slot_s + 4 * SLOT_S
        body = SetZoneLimits(zone, self.slot_s, end, sold_mw, delivered_mw, self.issued())
        return signed(body, by)

    def limits(self) -> GridLimits:
        coin = self.coin(limits_coin_id(CHAIN))
        assert coin is None or isinstance(coin, GridLimits)
        return coin or GridLimits()

    def use(self, start_s: int) -> CorridorUse | None:
        coin = self.coin(use_coin_id(CHAIN, start_s))
        assert coin is None or isinstance(coin, CorridorUse)
        return coin

    def fund(self) -> int:
        coin: Coin | None = self.coin(fund_coin_id(CHAIN))
        return coin.amount_ugtx if isinstance(coin, GridFund) else 0
