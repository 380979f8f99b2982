"""Energy in lots: how a sell order keeps its origins apart, and in which order they are sold.

The rule, simple and the same on every node: lots stand in the order in which the order's inputs
name them; neighbours of one origin are one lot; what is sold is taken from the front, and what was
offered beyond the order's quantity goes back from the end. So a trader decides what is sold first
by the order of the inputs, and no origin is ever mixed with another.
"""

from collections.abc import Iterable

from gtxnode.ledger.coins import Energy, Lot


def lots_of(coins: Iterable[Energy]) -> tuple[Lot, ...]:
    """The lots of these coins, in their order, neighbours of one origin merged."""
    lots: list[Lot] = []
    for coin in coins:
        if lots and lots[-1].origin == coin.origin:
            lots[-1] = Lot(lots[-1].amount_wh + coin.amount_wh, coin.origin)
        else:
            lots.append(Lot(coin.amount_wh, coin.origin))
    return tuple(lots)


def split_lots(lots: tuple[Lot, ...], quantity_wh: int) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    """The first `quantity_wh` of the lots, and the rest. The lots hold at least that much."""
    need_wh = quantity_wh
    for index, lot in enumerate(lots):
        if lot.amount_wh > need_wh:
            over = Lot(lot.amount_wh - need_wh, lot.origin)
            cut = (Lot(need_wh, lot.origin),) if need_wh else ()
            return lots[:index] + cut, (over, *lots[index + 1 :])
        need_wh -= lot.amount_wh
    assert not need_wh, "the lots were to hold this much"
    return lots, ()
