"""What the book asks of a grid: how much of a trade between two orders it carries.

The book knows no zones. Where its orders name theirs (`Terms.zone`), whoever keeps the book gives
it a `Carriage` for the time in which orders are placed; a book without one trades as if all its
orders were in one place.
"""

from typing import Protocol

from gtxnode.market.ladder import Resting
from gtxnode.market.orders import Order


class Walk(Protocol):
    """The grid as one walk through the book would leave it. Nothing is used up before `keep`."""

    def room_wh(self, sell: Order | Resting, buy: Order | Resting) -> int:
        """The most that the two can trade: zero where nothing is carried from the one to the other,
        or where the buyer's limit does not cover the seller's price and what the way costs."""
        ...

    def take(self, sell: Order | Resting, buy: Order | Resting, quantity_wh: int) -> None:
        """Reckon with a trade, for what else the walk comes to."""
        ...

    def keep(self) -> None:
        """The trades are made: use the grid up for them."""
        ...


class Carriage(Protocol):
    """The grid between the orders of a book."""

    def walk(self) -> Walk:
        """Begin a walk."""
        ...

    def toll(self, sell: Order | Resting, buy: Order | Resting) -> int:
        """What the way from the seller to the buyer costs, in mGTX per kWh."""
        ...
