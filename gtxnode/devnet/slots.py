"""What a community sells and buys ahead of time: what it expects to be over or short of in a slot.

It expects of each slot what flowed a day before, which is right on most days and never exactly: so
there is more delivered than was sold at times, and less at others. Pure, but for what it remembers
of the slots that it has decided on.

Invariant: a slot is decided on once, in order, and never when its gate may close before a block
takes the order.
"""

from dataclasses import dataclass

from gtxnode.devnet.communities import GATE_CLOSURE_S
from gtxnode.devnet.meter import SimulatedMeter
from gtxnode.devnet.trading import MIN_ORDER_WH, TEMPER_MGTX
from gtxnode.market.slots import Slot

AHEAD = 4
"""So many slots ahead are traded."""
MARGIN_S = 6
"""From an order to the block that takes it, at most."""
ASK_MGTX = 2_600
BID_MGTX = 5_500
"""With the charge for the way from the other zone, about what the grid asks on peak."""


@dataclass(frozen=True, slots=True)
class SlotOrder:
    """An order for a slot."""

    slot: Slot
    sells: bool
    amount_wh: int
    price_mgtx_per_kwh: int


class Plan:
    """What one community does about the slots to come."""

    def __init__(self, meter: SimulatedMeter, temper: int) -> None:
        self._meter = meter
        self._temper = temper
        self._decided = 0

    def next(self, now_s: float) -> SlotOrder | None:
        """The next order to place; None while there is none."""
        meter = self._meter
        while True:
            counter = max(self._decided, meter.counter) + 1
            start_s = meter.starts_s(counter)
            if start_s > now_s + AHEAD * meter.interval_s:
                return None
            self._decided = counter
            if start_s - GATE_CLOSURE_S < now_s + MARGIN_S:
                continue
            expected = meter.yesterday(counter)
            slot = Slot(start_s, meter.interval_s)
            if expected.export_wh >= MIN_ORDER_WH:
                price = ASK_MGTX + self._temper * TEMPER_MGTX
                return SlotOrder(slot, True, expected.export_wh, price)
            if expected.import_wh >= MIN_ORDER_WH:
                price = BID_MGTX - self._temper * TEMPER_MGTX
                return SlotOrder(slot, False, expected.import_wh, price)
