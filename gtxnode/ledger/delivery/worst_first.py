"""The open orders of a delivery slot, the worst of each side first: who gives way in a full one.

Worse is the worse price, then the smaller quantity that is left, then the later time. So a slot
cannot be filled with tiny orders for good: at the same price a larger one takes the place of one of
them, and a place at a better price is worth its payment.

A heap for each side, in which what is out of date stays for a while; it is at most twice as long as
what is in it, and a little. A slot has none before it is full, so that others pay nothing for it.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from gtxnode.ledger.delivery.forward_coins import ForwardBuy, ForwardOrder
from gtxnode.ledger.market.standing import turn_of

_SPARE = 1_024


class Rank(NamedTuple):
    """How an order stands among those of its side; the least is the worst."""

    price: int
    """Of an offer, below zero: the lower ask is the better one."""
    quantity_wh: int
    height: int
    """This and the next two below zero: the later is the worse."""
    position: int
    turn: int
    order_id: bytes

    @classmethod
    def of(cls, order_id: bytes, order: ForwardOrder) -> "Rank":
        """By what is left of it."""
        price = order.price_mgtx_per_kwh
        return cls(
            price if isinstance(order, ForwardBuy) else -price,
            order.quantity_wh,
            -order.height,
            -order.position,
            -turn_of(order.standing),
            order_id,
        )


class WorstFirst:
    """The orders of one side."""

    __slots__ = ("_heap", "_rank_of")

    def __init__(self) -> None:
        self._rank_of: dict[bytes, Rank] = {}
        self._heap: list[Rank] = []

    def put(self, rank: Rank) -> None:
        """Add an order, or say how it stands now."""
        self._rank_of[rank.order_id] = rank
        heappush(self._heap, rank)
        if len(self._heap) > 2 * len(self._rank_of) + _SPARE:
            self._heap = list(self._rank_of.values())
            heapify(self._heap)

    def drop(self, order_id: bytes) -> None:
        """Take an order out."""
        del self._rank_of[order_id]

    def worst(self) -> Rank | None:
        """The worst of them, if there are any."""
        while self._heap:
            rank = self._heap[0]
            if self._rank_of.get(rank.order_id) == rank:
                return rank
            heappop(self._heap)
        return None

    def __contains__(self, order_id: bytes) -> bool:
        return order_id in self._rank_of

    def __len__(self) -> int:
        return len(self._rank_of)


class Places:
    """Both sides of a slot."""

    __slots__ = ("_bids", "_offers")

    def __init__(self, orders: Iterable[tuple[bytes, ForwardOrder]]) -> None:
        self._bids, self._offers = WorstFirst(), WorstFirst()
        for order_id, order in orders:
            self.put(order_id, order)

    def put(self, order_id: bytes, order: ForwardOrder) -> None:
        """An order has come to rest."""
        self._side(order).put(Rank.of(order_id, order))

    def changed(self, order_id: bytes, order: ForwardOrder) -> None:
        """Less is left of an order, which may be one that does not rest."""
        side = self._side(order)
        if order_id in side:
            side.put(Rank.of(order_id, order))

    def drop(self, order_id: bytes, order: ForwardOrder) -> None:
        """An order has left the slot."""
        self._side(order).drop(order_id)

    def giving_way(self, order_id: bytes, order: ForwardOrder, most: int) -> Rank | None:
        """Which order gives way to a new one in a slot of that many places; None where it is itself
        the one that there is no place for.

        Half of the places are each side's: while it has fewer, the worst of the other gives way.
        """
        own = self._side(order)
        if len(own) < most // 2:
            return (self._offers if own is self._bids else self._bids).worst()
        worst = own.worst()
        return worst if worst is not None and worst < Rank.of(order_id, order) else None

    def _side(self, order: ForwardOrder) -> WorstFirst:
        return self._bids if isinstance(order, ForwardBuy) else self._offers
