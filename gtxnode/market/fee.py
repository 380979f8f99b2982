"""The trading fee: a part of the price of energy that changes hands, which its seller bears.

Sellers bear it because a buy order's limit is all that its buyer pays, and an order's price what
the book goes by: so a fee moves no match. It is due when energy and money change hands, spot at
once and of a delivery slot as it is delivered; what is missing or curtailed pays none.

Source: `ENERGY` asks for it and names no figure, so there is none by default: our own policy.
"""

from typing import Final

MOST_PPM: Final = 100_000
"""A tenth at most: a seller's price is to be near what it gets."""
_PPM: Final = 1_000_000


def trading_fee(cost_ugtx: int, ppm: int) -> int:
    """What of a price in µGTX is the fee, rounded down."""
    return cost_ugtx * ppm // _PPM
