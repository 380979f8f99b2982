"""The energy market: orders, the book and its matching. Pure: integers in, fills out."""

from gtxnode.market.book import Book
from gtxnode.market.orders import (
    ANY_SOURCE,
    Depth,
    Fill,
    Order,
    PriceLevel,
    PriceRule,
    Side,
    Terms,
)

__all__ = [
    "ANY_SOURCE",
    "Book",
    "Depth",
    "Fill",
    "Order",
    "PriceLevel",
    "PriceRule",
    "Side",
    "Terms",
]
