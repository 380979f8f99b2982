"""Energy in lots: how a sell order keeps its origins apart, and in which order they are sold.

The rule, simple and the same on every node: lots stand in the order in which the order's inputs
name them; neighbours of one origin are one lot; what is sold is taken from the front, and what was
offered beyond the order's quantity goes back from the end. So a trader decides what is sold first
by the order of the inputs, and no origin is ever mixed with another.

An order offers energy of one zone and one source alone. So it has a source, and whether a buyer's
preference fits is known before the trade, holds for every Wh of it, and does not change as its lots
are sold; and so does the way through the grid. Who has several kinds places an order for each.
"""

from collections.abc import Iterable

from gtxnode.ledger.coins import Energy, Lot


def lots_of(coins: Iterable[Energy]) -> tuple[Lot, ...]:
    """The lots of these coins, in their order, neighbours of one origin merged."""
    return joined((), coins)


def joined(lots: tuple[Lot, ...], more: Iterable[Lot | Energy]) -> tuple[Lot, ...]:
    """Lots with more energy after them."""
    merged = list(lots)
    for each in more:
        if merged and merged[-1].origin == each.origin:
            merged[-1] = Lot(merged[-1].amount_wh + each.amount_wh, each.origin)
        else:
            merged.append(Lot(each.amount_wh, each.origin))
    return tuple(merged)


def is_one_kind(lots: tuple[Lot, ...]) -> bool:
    """Whether all of it comes from one zone and one source, as what an order offers must."""
    first = lots[0].origin
    return all(lot.origin.zone is first.zone and lot.origin.source is first.source for lot in lots)


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
