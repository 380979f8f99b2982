"""What a home does with its energy: keep what it needs, sell what is over, buy what is short.

A decision, and nothing else: it is told where the home stands and answers with actions, for the
wallet (`home.py`) to carry out. A home has at most one order in the book.

Prices (mGTX per kWh) lie between what Thai rooftop owners are paid for surplus today (2.20) and
what the grid charges by time of use, surcharge and tax included (6.38 on peak, 2.995 off peak):
outside that, one of the two would rather deal with the grid. A seller starts near the market's
reference price of 3.2 and comes down while nobody buys; a buyer starts low and goes up while
nobody sells. Each home has a temper of its own, so that not all ask the same.

Invariant: a home never offers more than it has, nor bids for more than it needs or can pay.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gtxnode.devnet.homes import HOUR_S
from gtxnode.tariffs.calendar import month_number

SELL_FLOOR_MGTX = 2_200
SELL_START_MGTX = 3_500
SELL_STEP_MGTX = 100
BUY_CEILING_ON_PEAK_MGTX = 6_380
BUY_CEILING_OFF_PEAK_MGTX = 2_995
BUY_START_MGTX = 2_400
BUY_STEP_MGTX = 100
TEMPER_MGTX = 20  # between one temper and the next

# An order is worth its place from here on; smaller amounts wait until they have added up.
MIN_ORDER_WH = 100
MAX_ORDER_WH = 1_000_000
"""A larger order takes a licence."""

PEAK_STARTS_HOUR = 9
PEAK_ENDS_HOUR = 22

COVERED_LATER_S = 6 * HOUR_S
"""How long after its use energy is still bought for it here; past that the grid has billed it."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """The home's order in the book: what is left of it."""

    id: bytes
    sells: bool
    amount_wh: int
    price_mgtx_per_kwh: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a home stands, as the chain says."""

    energy_wh: int  # its energy tokens, those in an order left out
    offerable_wh: int  # what one order may offer of them and of its order: energy of one kind
    cash_ugtx: int  # its money, that in an order left out
    need_wh: int  # what it has used from the grid and not yet covered by tokens
    covers: "Retire | None"  # what of them covers some of it
    order: OpenOrder | None
    waited_hours: int  # for a trade, in the meter's time
    local_hour: int  # of the day, 0 to 23, at the meter


@dataclass(frozen=True, slots=True)
class Retire:
    """Count tokens against what the home has used, made in the month in which that was."""

    amount_wh: int
    month: int  # as the ledger counts them


@dataclass(frozen=True, slots=True)
class Sell:
    """Offer energy."""

    amount_wh: int
    price_mgtx_per_kwh: int


@dataclass(frozen=True, slots=True)
class Buy:
    """Bid for energy."""

    amount_wh: int
    price_mgtx_per_kwh: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take an order out of the book."""

    order: bytes


Action = Retire | Sell | Buy | Cancel


class Need:
    """What a home has used from the grid and not yet covered by tokens, oldest first."""

    def __init__(self) -> None:
        self._open: list[tuple[int, int]] = []

    @property
    def total_wh(self) -> int:
        return sum(amount_wh for _, amount_wh in self._open)

    def by_month(self) -> Mapping[int, int]:
        """The months in which it was used, with how much of it."""
        found = Counter[int]()
        for start_s, amount_wh in self._open:
            found[month_number(start_s)] += amount_wh
        return found

    def use(self, start_s: int, amount_wh: int) -> None:
        """Energy was used from that time on. What was used too long before is let go."""
        if amount_wh:
            self._open.append((start_s, amount_wh))
        self._open = [each for each in self._open if each[0] > start_s - COVERED_LATER_S]

    def cover(self, amount_wh: int, month: int) -> None:
        """Tokens were retired for that much of what was used in a month."""
        left = []
        for start_s, used_wh in self._open:
            covered_wh = min(used_wh, amount_wh) if month_number(start_s) == month else 0
            amount_wh -= covered_wh
            if used_wh > covered_wh:
                left.append((start_s, used_wh - covered_wh))
        self._open = left


def coverable(need_wh: Mapping[int, int], energy_wh: Mapping[int, int]) -> Retire | None:
    """What to retire of energy for a need, both by month: of the oldest that has both."""
    for month in sorted(need_wh.keys() & energy_wh.keys()):
        return Retire(min(need_wh[month], energy_wh[month]), month)
    return None


def decide(standing: Standing, *, temper: int, reserve_ugtx: int) -> Action | None:
    """The one thing to do now; None if all is as it should be.

    `temper` is 0 or more: the higher, the dearer it sells and buys. `reserve_ugtx` is kept for
    fees.
    """
    if standing.covers is not None and standing.cash_ugtx >= reserve_ugtx:
        return standing.covers
    wanted = _wanted(standing, temper, reserve_ugtx)
    if standing.order is None:
        return wanted
    return None if _still_good(standing.order, wanted) else Cancel(standing.order.id)


def ask_mgtx_per_kwh(temper: int, waited_hours: int) -> int:
    """What a seller asks after so many hours without a trade."""
    asked = SELL_START_MGTX + temper * TEMPER_MGTX - waited_hours * SELL_STEP_MGTX
    return max(SELL_FLOOR_MGTX + temper * TEMPER_MGTX, asked)


def bid_mgtx_per_kwh(temper: int, waited_hours: int, local_hour: int) -> int:
    """What a buyer bids after so many hours without a trade."""
    on_peak = PEAK_STARTS_HOUR <= local_hour < PEAK_ENDS_HOUR
    ceiling = BUY_CEILING_ON_PEAK_MGTX if on_peak else BUY_CEILING_OFF_PEAK_MGTX
    return min(ceiling, BUY_START_MGTX + temper * TEMPER_MGTX + waited_hours * BUY_STEP_MGTX)


def _wanted(standing: Standing, temper: int, reserve_ugtx: int) -> Sell | Buy | None:
    held = standing.order
    if standing.need_wh >= MIN_ORDER_WH:
        price = bid_mgtx_per_kwh(temper, standing.waited_hours, standing.local_hour)
        locked = held.amount_wh * held.price_mgtx_per_kwh if held and not held.sells else 0
        payable_wh = max(0, standing.cash_ugtx + locked - reserve_ugtx) // price
        amount = min(standing.need_wh, payable_wh, MAX_ORDER_WH)
        return Buy(amount, price) if amount >= MIN_ORDER_WH else None
    over = standing.energy_wh - standing.need_wh
    over += held.amount_wh if held and held.sells else 0
    if over >= MIN_ORDER_WH:
        price = ask_mgtx_per_kwh(temper, standing.waited_hours)
        amount = min(over, standing.offerable_wh, MAX_ORDER_WH)
        return Sell(amount, price) if amount >= MIN_ORDER_WH else None
    return None


def _still_good(order: OpenOrder, wanted: Sell | Buy | None) -> bool:
    """Whether the order may stay: on the right side, at its price, and not for too much."""
    match wanted:
        case Sell(amount_wh=amount, price_mgtx_per_kwh=price):
            right_side = order.sells
        case Buy(amount_wh=amount, price_mgtx_per_kwh=price):
            right_side = not order.sells
        case None:
            return False
    # Much more to offer or to buy than when it was placed is reason enough for a new one.
    fits = amount // 2 <= order.amount_wh <= amount
    return right_side and fits and order.price_mgtx_per_kwh == price
