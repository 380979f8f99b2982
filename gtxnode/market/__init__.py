"""The energy market: orders, the book and its matching. Pure: integers in, fills out."""
