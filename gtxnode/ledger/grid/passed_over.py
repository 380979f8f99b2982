"""Orders that were passed over trade once room has appeared, though nobody places another.

The books that are due (sweeps.py) are gone through before the block's transactions, because who
was passed over came before who comes now. In a book each bid that crosses has its turn by
priority, then each all-or-none ask, as it may need several bids. It meets the other side as if it
came now (`Book.revisit`), by the rules of every walk. Both orders have rested: the younger is the
taker, where prices go by that, an iceberg trades the slice that it shows, and what is left keeps
its place. A book is gone through once more where something traded, which may have made room for
orders that had had their turn, until nothing trades.

All books together have `MAX_LOOKS` in a block, and half of the block's volume, so that the other
half is left to those who come; then they wait for the next block, in turn. What a bid costs that
can reach nothing is one look: it walks only where somebody asks little enough in a zone from which
something is carried. Looks are an order's turn, and each order that is met or asked for its price.
"""

from itertools import islice
from typing import Final

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Order, order_coin_id, sweep_id
from gtxnode.ledger.delivery.forward_coins import ForwardOrder
from gtxnode.ledger.delivery.forward_trades import Ahead
from gtxnode.ledger.grid import sweeps
from gtxnode.ledger.grid.carriage import GridCarriage, carriage_in, spot_carriage_in
from gtxnode.ledger.grid.corridors import pair_of
from gtxnode.ledger.grid.grid_coins import Sweep
from gtxnode.ledger.market.fills import Place, place_of, settle_rested
from gtxnode.ledger.market.trades import Spot
from gtxnode.market import orders as market
from gtxnode.market.book import Book
from gtxnode.market.orders import Mark, Side
from gtxnode.market.slots import Slot
from gtxnode.primitives.zones import Zone

MAX_LOOKS: Final = 2_000
"""Orders that sweeps look at in one block; then they go on in the next."""
MAX_ASKED: Final = 500
"""Asks among which the cheapest of each zone is looked for. Fewer than all looks, so that every
block gets on."""


def begin(state: BlockState) -> None:
    """Go through the books that are due, before the block's own transactions."""
    model = state.context.parameters.grid
    if model is None:
        return
    sweeps.fall_due(state, model)
    if state.due:
        _Sweeping(state).run()


class _Sweeping:
    """A block's sweeps."""

    def __init__(self, state: BlockState) -> None:
        self._state = state
        self._looks = MAX_LOOKS

    def run(self) -> None:
        """Take the books in turn, until nothing is due or the block's share is used up."""
        due = self._state.due
        while due and not self._is_over():
            slot = next(iter(due))
            left = self._go_through(due.pop(slot))
            if left is not None:
                due[slot] = left

    def _is_over(self) -> bool:
        return self._looks <= 0 or self._room_wh() <= 0

    def _room_wh(self) -> int:
        limit_wh = self._state.context.parameters.orders.max_block_traded_wh
        return limit_wh // 2 - self._state.traded_wh - self._state.sold_ahead_wh

    def _go_through(self, sweep: Sweep) -> Sweep | None:
        """One time, from where it was left; what of it is still to do."""
        book = sweeps.book_of(self._state, sweep.slot)
        if book is None or not book.is_crossed:
            return None
        carriage = self._carriage(book, sweep.slot)
        again = sweep.again
        cheapest = self._cheapest(book, carriage)
        if self._is_over():
            return sweep
        for order in list(islice(book.crossing(sweep.since), self._looks + 1)):
            if self._is_over():
                mark = Mark(order.side, order.price_mgtx_per_kwh, order.id)
                return Sweep(sweep.slot, mark, again)
            self._looks -= 1
            if order.id not in book or not cheapest.reaches(order):
                continue
            if self._revisit(book, sweep.slot, order):
                again = True
                cheapest.note_trade()
            elif cheapest.is_stale:
                cheapest = self._cheapest(book, carriage)
        return Sweep(sweep.slot) if again else None

    def _carriage(self, book: Book, slot: Slot | None) -> GridCarriage:
        """The grid under a book, as placing an order in it would put it there."""
        if slot is None:
            carriage = spot_carriage_in(self._state)
        else:
            product = self._state.context.parameters.forwards.product_of(slot)
            assert product is not None, "a book that is due is of a product"
            book.price_rule = product.price_rule
            carriage = carriage_in(self._state, slot)
        assert carriage is not None, "sweeps are of chains with a grid"
        book.carriage = carriage
        return carriage

    def _cheapest(self, book: Book, carriage: GridCarriage) -> "_Cheapest":
        cheapest = _Cheapest(book, carriage)
        self._looks -= cheapest.looks
        return cheapest

    def _revisit(self, book: Book, slot: Slot | None, order: market.Order) -> bool:
        """Let an order have its turn; whether it traded."""
        fills, met = book.revisit(order.id, self._room_wh(), self._who_took)
        self._looks -= met
        if not fills:
            return False
        state = self._state
        turn = len(state.trades) + len(state.forward_trades)
        name = sweep_id(state.context.chain_id, state.context.height, turn, order.id)
        if slot is None:
            settle_rested(state, Spot(state), name, fills)
        else:
            settle_rested(state, Ahead(state), name, fills)
        return True

    def _who_took(self, buy_id: bytes, sell_id: bytes) -> Side:
        """The younger of the two."""
        return Side.BUY if self._place(buy_id) > self._place(sell_id) else Side.SELL

    def _place(self, order_id: bytes) -> Place:
        coin = self._state.coins.get(order_coin_id(order_id))
        assert isinstance(coin, Order | ForwardOrder), "an order is open only while its coin exists"
        return place_of(coin)


class _Cheapest:
    """The least that is asked for in each zone, at most: who reaches none of it trades nothing."""

    def __init__(self, book: Book, carriage: GridCarriage) -> None:
        self.is_stale = False
        """Whether some of it may be gone by now. Then more is asked than it says."""
        self.looks = 0
        self._carriage = carriage
        self._asked: dict[Zone, int] = {}
        self._carried: dict[int, bool] = {}
        zones = carriage.zones
        for ask in islice(book.side(Side.SELL), MAX_ASKED):
            self.looks += 1
            if ask.terms is not None and ask.terms.zone is not None:
                self._asked.setdefault(ask.terms.zone, ask.price_mgtx_per_kwh)
            if len(self._asked) == len(zones):
                return
        if self.looks == MAX_ASKED:
            # Elsewhere it is no less than where the looking has come to.
            self._asked = dict.fromkeys(zones, ask.price_mgtx_per_kwh) | self._asked

    def reaches(self, order: market.Order) -> bool:
        """Whether an order might trade. What it says no to trades nothing."""
        if order.side is Side.SELL:
            return True
        buyer = None if order.terms is None else order.terms.zone
        return buyer is not None and any(
            self._carriage.covers(seller, buyer, asked, order.price_mgtx_per_kwh)
            and self._carries(seller, buyer)
            for seller, asked in self._asked.items()
        )

    def note_trade(self) -> None:
        """What was asked for may be gone, and other ways open."""
        self.is_stale = True
        self._carried.clear()

    def _carries(self, seller: Zone, buyer: Zone) -> bool:
        pair = pair_of(seller, buyer)
        known = self._carried.get(pair)
        if known is None:
            known = self._carried[pair] = self._carriage.carries(seller, buyer)
        return known
