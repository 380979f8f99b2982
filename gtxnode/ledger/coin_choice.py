"""Which coins a wallet takes: as few as will do, and within what one transaction may name.

Cash and credits are taken largest first, so that few signatures move much; energy oldest first, so
that it does not lie around.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from gtxnode.ledger.bodies.fields import MAX_INPUTS
from gtxnode.ledger.coins import MAX_LOTS, Cash, Credit, Energy, Origin
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone

CashCoins: TypeAlias = Iterable[tuple[bytes, Cash]]
EnergyCoins: TypeAlias = Iterable[tuple[bytes, Energy]]
CreditCoins: TypeAlias = Iterable[tuple[bytes, Credit]]


class InsufficientFunds(Exception):
    """The coins at hand do not come to what is needed within the inputs that one body takes."""

    code = "insufficient_funds"

    def __init__(self, unit: str, need: int, have: int) -> None:
        super().__init__(f"need {need} {unit}, have {have} within one transaction's inputs")
        self.need = need
        self.have = have


def take_cash(cash: CashCoins, need_ugtx: int, max_inputs: int) -> tuple[tuple[bytes, ...], int]:
    """The coins to take, and what they come to."""
    inputs: list[bytes] = []
    total = 0
    for coin_id, coin in sorted(cash, key=lambda pair: (-pair[1].amount_ugtx, pair[0])):
        if total >= need_ugtx or len(inputs) == max_inputs:
            break
        inputs.append(coin_id)
        total += coin.amount_ugtx
    if total < need_ugtx:
        raise InsufficientFunds("µGTX", need_ugtx, total)
    return tuple(inputs), total


def take_energy(
    energy: EnergyCoins, need_wh: int, max_inputs: int
) -> tuple[Sequence[tuple[bytes, Energy]], int]:
    """The coins to take, and by how much the last one is more than is needed."""
    taken: list[tuple[bytes, Energy]] = []
    total = 0
    for coin_id, coin in sorted(energy, key=lambda pair: (pair[1].origin.end_s, pair[0])):
        if total >= need_wh or len(taken) == max_inputs:
            break
        taken.append((coin_id, coin))
        total += coin.amount_wh
    if total < need_wh:
        raise InsufficientFunds("Wh", need_wh, total)
    return taken, total - need_wh


def take_credits(credits: CreditCoins, need_mg: int) -> tuple[tuple[bytes, ...], int]:
    """The coins to take, largest first, and by how much they are more than is needed."""
    taken: list[bytes] = []
    total = 0
    for coin_id, coin in sorted(credits, key=lambda pair: (-pair[1].amount_mgco2e, pair[0])):
        if total >= need_mg or len(taken) == MAX_INPUTS - 1:
            break
        taken.append(coin_id)
        total += coin.amount_mgco2e
    if total < need_mg:
        raise InsufficientFunds("mg CO2e", need_mg, total)
    return tuple(taken), total - need_mg


def take_one_kind(
    energy: EnergyCoins, need_wh: int, source: Source | None
) -> Sequence[tuple[bytes, Energy]]:
    """Of the kinds of energy that suffice, the coins of the one that has lain longest."""
    kinds: dict[tuple[Zone, Source], list[tuple[bytes, Energy]]] = {}
    for pair in sorted(energy, key=lambda pair: (pair[1].origin.end_s, pair[0])):
        if source is None or pair[1].origin.source is source:
            kinds.setdefault(kind_of(pair[1].origin), []).append(pair)
    most_wh = 0
    for coins in kinds.values():
        most_wh = max(most_wh, sum(coin.amount_wh for _, coin in coins[:MAX_LOTS]))
        if most_wh >= need_wh:
            return take_energy(coins, need_wh, MAX_LOTS)[0]
    raise InsufficientFunds("Wh of one zone and source", need_wh, most_wh)


def kind_of(origin: Origin) -> tuple[Zone, Source]:
    """What all energy of one sell order has in common."""
    return origin.zone, origin.source
