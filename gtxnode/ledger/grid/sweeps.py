"""Which books are due: in which of them room may have appeared for orders that were passed over.

A book over a grid passes over what is not carried (carriage.py). It is due, and gone through again
(passed_over.py), where that may have changed:

- in the spot book with the first block of a quarter of an hour, and where the condition of a zone
  has ended by time;
- with the end of a market's halt, by time or by a lift, in what it stopped;
- with an authority's act on conditions or limits, in the books that it is about;
- where a block's own trades gave back what a way lacked, as those the other way do;
- with another model of the grid.

What ends by time is looked at in that block; what a block's transactions do, in the next. Books in
which nothing crosses are never due, so a block in which nothing changed pays for reading a few
coins. What is due stands in a coin (`OpenSlots.sweeps`), so that a node that starts goes on there.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from gtxnode.grid.model import SLOT_S, GridModel
from gtxnode.ledger.authority.halts import SPOT
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.grid.corridors import Carrier, Span, keep_open, open_slots
from gtxnode.ledger.grid.grid_coins import (
    MAX_SWEEPS,
    Sweep,
    ZoneStatus,
    slot_start,
    zone_status_coin_id,
)
from gtxnode.ledger.market.market_rules import products_open_since
from gtxnode.market.auction import Mechanism
from gtxnode.market.book import Book
from gtxnode.market.slots import Slot


def book_of(state: BlockState, slot: Slot | None) -> Book | None:
    """A book in which orders meet as they come; None where a slot has no such book."""
    if slot is None:
        return state.orders.book
    product = state.context.parameters.forwards.product_of(slot)
    if product is None or product.mechanism is not Mechanism.CONTINUOUS:
        return None
    return state.forwards.books.get(slot)


def make_due(state: BlockState, slots: Iterable[Slot | None]) -> None:
    """Let these books be gone through. One that is being gone through is so once more, after."""
    for slot in slots:
        book = book_of(state, slot)
        if book is not None and book.is_crossed:
            known = state.due.get(slot)
            if known is None or known.since is None:
                state.due[slot] = Sweep(slot)
            else:
                state.due[slot] = replace(known, again=True)


def make_due_between(state: BlockState, start_s: int, end_s: int) -> None:
    """The books of what is carried between two times."""
    now_s = slot_start(state.context.time_ms // 1_000)
    if now_s < end_s and start_s < now_s + SLOT_S:
        make_due(state, (None,))
    make_due(state, [s for s in _slots(state) if s.start_s < end_s and start_s < s.end_s])


def make_due_of(state: BlockState, product: int | None) -> None:
    """The books of a product; all of them where none is named."""
    if product in (None, SPOT):
        make_due(state, (None,))
    make_due(state, [slot for slot in _slots(state) if product in (None, slot.length_s)])


def fall_due(state: BlockState, model: GridModel) -> None:
    """Take up what the blocks before have left, and what time has brought."""
    state.due = {each.slot: each for each in open_slots(state).sweeps}
    context = state.context
    since_ms = context.time_ms - context.elapsed_ms
    begun = slot_start(since_ms // 1_000) != slot_start(context.time_ms // 1_000)
    if state.orders.book.is_crossed and (begun or _has_condition_ended(state, model, since_ms)):
        make_due(state, (None,))
    for product in products_open_since(state):
        make_due_of(state, product)


def end(state: BlockState) -> None:
    """See where the block has made room, and write down what is due."""
    context = state.context
    if context.parameters.grid is None:
        return
    if state.carrier is not None:
        for span in _opened(state, state.carrier):
            make_due_between(state, *span)
    if state.parameters is not None and state.parameters.grid != context.parameters.grid:
        make_due_of(state, None)
    known = open_slots(state)
    due = tuple(islice(state.due.values(), MAX_SWEEPS))
    if due != known.sweeps:
        keep_open(state, replace(known, sweeps=due))


def _slots(state: BlockState) -> list[Slot]:
    return sorted(state.forwards.books)


def _has_condition_ended(state: BlockState, model: GridModel, since_ms: int) -> bool:
    """Whether what was posted of a zone has become too old to say anything since then."""
    for zone in model.zones:
        coin = state.coins.get(zone_status_coin_id(state.context.chain_id, zone))
        if isinstance(coin, ZoneStatus):
            ends_ms = coin.posted_ms + model.status.max_age_s * 1_000
            if since_ms <= ends_ms < state.context.time_ms:
                return True
    return False


def _opened(state: BlockState, carrier: Carrier) -> Iterator[Span]:
    """When ways carry something that carried nothing before the block, or at times within it."""
    for (_, span), zones in sorted(carrier.filled.items()):
        if carrier.has_room(*zones, span):
            yield span
    for start_s in sorted(carrier.changed):
        if carrier.has_opened(start_s):
            yield Span(start_s, start_s + SLOT_S)
