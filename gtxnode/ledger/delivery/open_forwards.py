"""The open forwards: a book for each slot, contracts by meter, and what falls due when.

All of it is derived from the coins of forward orders and contracts and rebuilt from them at start.
Execution keeps the two in step: an order or a contract is here if and only if its coin exists.
Nothing here is walked at each block; what a block does with it is what falls due or is named.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from gtxnode.ledger.delivery.due import DueTimes
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.delivery.worst_first import Places, Rank
from gtxnode.ledger.market.standing import turn_of
from gtxnode.market.book import Book
from gtxnode.market.carriage import Carriage
from gtxnode.market.orders import ANY_SOURCE, Fill, Order, PriceRule, Side, Terms
from gtxnode.market.slots import Slot
from gtxnode.primitives.zones import Zone

_GATE_PREFIX = 10
"""Bytes of a slot in the names of what falls due at gates."""
_IN_ZONE = {zone: Terms(zone=zone) for zone in Zone}


class Aged(NamedTuple):
    """A contract by its age."""

    height: int
    number: int
    contract_id: bytes


class Trading(NamedTuple):
    """What a slot's book goes by, for as long as its keeper places any."""

    price_rule: PriceRule
    carriage: Carriage | None
    """The grid between its orders, where there is one."""


class OpenForwards:
    """Orders and contracts of all slots."""

    __slots__ = (
        "_by_slot",
        "_committed_wh",
        "_contracts",
        "_expiries",
        "_gates",
        "_orders_of",
        "_places",
        "_settlements",
        "books",
    )

    def __init__(self) -> None:
        self.books: dict[Slot, Book] = {}
        """Of the slots that have open orders."""
        self._gates: DueTimes = DueTimes()
        self._expiries: DueTimes = DueTimes()
        """Of orders that end before their gate."""
        self._orders_of: dict[bytes, dict[bytes, Slot]] = {}
        self._places: dict[Slot, Places] = {}
        """Of slots that have been full."""
        self._contracts: dict[bytes, dict[Slot, list[Aged]]] = {}
        self._by_slot: dict[Slot, dict[bytes, None]] = {}
        self._settlements: DueTimes = DueTimes()
        self._committed_wh: dict[tuple[bytes, Slot], int] = {}

    @classmethod
    def rebuild(cls, coins: Iterable[tuple[bytes, object]]) -> "OpenForwards":
        """From coins by the id of their order or contract, in any order; others are left out."""
        forwards = cls()
        orders = []
        for identity, coin in coins:
            if isinstance(coin, ForwardOrder):
                place = (coin.height, coin.position, turn_of(coin.standing), identity)
                orders.append((place, coin))
            elif isinstance(coin, Contract):
                forwards.add_contract(identity, coin)
                forwards._commit(coin.meter, coin.slot, coin.sold_wh)
        for (*_, order_id), order in sorted(orders, key=itemgetter(0)):
            forwards.rest(order_id, order)
        return forwards

    # ---- orders ----

    def place(
        self,
        order_id: bytes,
        coin: ForwardOrder,
        trading: Trading,
        *,
        immediate: bool = False,
        room_wh: int | None = None,
    ) -> tuple[Fill, ...]:
        """Match a new order with its slot's book; what is left of it rests, if it is not immediate.

        Its fills, first to last, and those of all-or-none orders that it brought to trade: no more
        than `room_wh` of them.
        """
        book = self._book(coin, trading)
        fills = book.place(_book_order(order_id, coin), immediate=immediate, room_wh=room_wh)
        if order_id in book:
            self._opened(order_id, coin)
        if isinstance(coin, ForwardSell):
            sold_wh = sum(fill.quantity_wh for fill in fills if fill.sell_id == order_id)
            self._commit(coin.meter, coin.slot, sold_wh if immediate else coin.quantity_wh)
        return fills

    def tradable_wh(self, order_id: bytes, coin: ForwardOrder, trading: Trading) -> int:
        """How much of an order would trade at once if it were placed now."""
        if coin.slot not in self.books:
            return 0
        return self._book(coin, trading).tradable_wh(_book_order(order_id, coin))

    def rest(self, order_id: bytes, coin: ForwardOrder) -> None:
        """Let an order wait for its slot's auction, or stand as it stood."""
        self._book(coin).rest(_book_order(order_id, coin))
        self._opened(order_id, coin)
        if isinstance(coin, ForwardSell):
            self._commit(coin.meter, coin.slot, coin.quantity_wh)

    def shrink(
        self, order_id: bytes, coin: ForwardOrder, cut_wh: int, trading: Trading
    ) -> tuple[Fill, ...]:
        """Leave an open order no more than its coin says, in its place; the fills it takes."""
        self.changed(order_id, coin)
        if isinstance(coin, ForwardSell):
            self._commit(coin.meter, coin.slot, -cut_wh)
        return self._book(coin, trading).shrink(order_id, coin.quantity_wh)

    def closed(self, order_id: bytes, coin: ForwardOrder) -> None:
        """An order has left its slot's book, filled or cancelled; what is sold stays committed."""
        orders = self._orders_of[coin.trader]
        del orders[order_id]
        if not orders:
            del self._orders_of[coin.trader]
        self._gates.drop(_gate_name(order_id, coin.slot))
        if order_id in self._expiries:
            self._expiries.drop(order_id)
        places = self._places.get(coin.slot)
        if places is not None:
            places.drop(order_id, coin)
        book = self.books.get(coin.slot)
        if book is not None and not book:
            del self.books[coin.slot]
            self._places.pop(coin.slot, None)

    def cancel(self, order_id: bytes, coin: ForwardOrder) -> None:
        """Take out an open order; `coin` is what is left of it."""
        self.books[coin.slot].cancel(order_id)
        self.closed(order_id, coin)
        if isinstance(coin, ForwardSell):
            self._commit(coin.meter, coin.slot, -coin.quantity_wh)

    def next_expired(self, time_ms: int) -> bytes | None:
        """The id of an order that has ended by then, and before its gate; earliest first."""
        return self._expiries.first(time_ms)

    def is_open(self, order_id: bytes, slot: Slot) -> bool:
        """Whether an order of a slot is open."""
        return _gate_name(order_id, slot) in self._gates

    def next_gate(self, time_ms: int) -> bytes | None:
        """The id of an open order whose gate has closed by then, the earliest first, of several
        slots' at the same time the earlier and then the shorter slot's.

        Its whole slot closes with it. Orders know their gates, so that it is a matter of the open
        orders alone, whatever the rules said when others were placed that are gone.
        """
        name = self._gates.first(time_ms)
        return None if name is None else name[_GATE_PREFIX:]

    def count(self, trader: bytes) -> int:
        """How many open orders a trader has, over all slots."""
        return len(self._orders_of.get(trader, ()))

    def of(self, trader: bytes) -> list[bytes]:
        """The ids of a trader's open orders of all slots, sorted."""
        return sorted(self._orders_of.get(trader, ()))

    def own(self, trader: bytes, slot: Slot) -> Iterator[Order]:
        """A trader's open orders of a slot."""
        for order_id, of_slot in self._orders_of.get(trader, {}).items():
            if of_slot == slot:
                order = self.books[slot].get(order_id)
                assert order is not None, "an order is listed while it is in its book"
                yield order

    def committed_wh(self, meter: bytes, slot: Slot) -> int:
        """What of a meter's export in a slot is offered, or sold and not settled."""
        return self._committed_wh.get((meter, slot), 0)

    def giving_way(
        self,
        order_id: bytes,
        coin: ForwardOrder,
        most: int,
        coin_of: Callable[[bytes], ForwardOrder],
    ) -> Rank | None:
        """Which order of a slot that has that many places gives way to a new one; None for none.

        `coin_of` is asked for a slot's orders when it is full for the first time.
        """
        places = self._places.get(coin.slot)
        if places is None:
            orders = ((order.id, coin_of(order.id)) for order in self.books[coin.slot].orders())
            places = self._places[coin.slot] = Places(orders)
        return places.giving_way(order_id, coin, most)

    def changed(self, order_id: bytes, coin: ForwardOrder) -> None:
        """Less is left of an order, open or not; `coin` is what is."""
        places = self._places.get(coin.slot)
        if places is not None:
            places.changed(order_id, coin)

    # ---- contracts ----

    def add_contract(self, contract_id: bytes, coin: Contract) -> None:
        """A trade has made a contract. What it sold is committed already."""
        aged = self._contracts.setdefault(coin.meter, {}).setdefault(coin.slot, [])
        insort(aged, Aged(coin.height, coin.number, contract_id))
        self._by_slot.setdefault(coin.slot, {})[contract_id] = None
        self._settlements.put(contract_id, coin.due_s)

    def settled(self, contract_id: bytes, coin: Contract) -> None:
        """A contract is over."""
        slots = self._contracts[coin.meter]
        slots[coin.slot].remove(Aged(coin.height, coin.number, contract_id))
        if not slots[coin.slot]:
            del slots[coin.slot]
        if not slots:
            del self._contracts[coin.meter]
        in_slot = self._by_slot[coin.slot]
        del in_slot[contract_id]
        if not in_slot:
            del self._by_slot[coin.slot]
        self._settlements.drop(contract_id)
        self._commit(coin.meter, coin.slot, -coin.sold_wh)

    def contracts(self, meter: bytes, start_s: int, end_s: int) -> list[bytes]:
        """The ids of a meter's contracts whose slots have time of that interval, oldest first."""
        slots = self._contracts.get(meter)
        if slots is None:
            return []
        found: list[Aged] = []
        for slot, aged in slots.items():
            if slot.start_s < end_s and start_s < slot.end_s:
                found += aged
        return [each.contract_id for each in sorted(found)]

    def within(self, start_s: int, end_s: int) -> list[bytes]:
        """The ids of contracts whose slots have time of that interval, in their order.

        It walks all slots that have contracts: for what authorities do, not for each block.
        """
        found: list[bytes] = []
        for slot, contracts in self._by_slot.items():
            if slot.start_s < end_s and start_s < slot.end_s:
                found += contracts
        return sorted(found)

    def curtailed(self, coin: Contract, cut_wh: int) -> None:
        """Less than was sold is to be delivered of a contract that goes on."""
        self._commit(coin.meter, coin.slot, -cut_wh)

    def next_due(self, time_ms: int) -> bytes | None:
        """The id of a contract that is to be settled by then, the earliest first."""
        return self._settlements.first(time_ms)

    def __len__(self) -> int:
        """How many contracts are open."""
        return len(self._settlements)

    # ---- both ----

    def _book(self, coin: ForwardOrder, trading: Trading | None = None) -> Book:
        book = self.books.get(coin.slot)
        if book is None:
            book = self.books[coin.slot] = Book()
        if trading is not None:
            book.price_rule, book.carriage = trading
        return book

    def _opened(self, order_id: bytes, coin: ForwardOrder) -> None:
        self._orders_of.setdefault(coin.trader, {})[order_id] = coin.slot
        self._gates.put(_gate_name(order_id, coin.slot), coin.closes_s)
        if coin.expires_s < coin.closes_s:
            self._expiries.put(order_id, coin.expires_s)
        places = self._places.get(coin.slot)
        if places is not None:
            places.put(order_id, coin)

    def _commit(self, meter: bytes, slot: Slot, change_wh: int) -> None:
        committed = self._committed_wh.get((meter, slot), 0) + change_wh
        if committed:
            self._committed_wh[meter, slot] = committed
        else:
            del self._committed_wh[meter, slot]


def _gate_name(order_id: bytes, slot: Slot) -> bytes:
    """Names what falls due by its slot first, so that equal gates close in the order of slots."""
    return slot.start_s.to_bytes(8, "big") + slot.length_s.to_bytes(2, "big") + order_id


def _book_order(order_id: bytes, coin: ForwardOrder) -> Order:
    match coin:
        case ForwardSell():
            side, sources = Side.SELL, coin.sources
        case ForwardBuy():
            side, sources = Side.BUY, ANY_SOURCE
    standing = coin.standing
    terms, shown_wh = _IN_ZONE[coin.zone], 0
    if standing is not None:
        terms, shown_wh = standing.terms, standing.shown_wh
    return Order(
        order_id,
        coin.trader,
        side,
        coin.price_mgtx_per_kwh,
        coin.quantity_wh,
        sources,
        terms,
        shown_wh,
    )
