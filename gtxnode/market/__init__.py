"""The energy market: orders, the book and its matching. Pure: integers in, fills out."""

from gtxnode.market.book import Book
from gtxnode.market.orders import Depth, Fill, Order, PriceLevel, PriceRule, Side

__all__ = ["Book", "Depth", "Fill", "Order", "PriceLevel", "PriceRule", "Side"]
