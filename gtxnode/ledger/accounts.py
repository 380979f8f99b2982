"""Why what addresses hold has changed: an account of every block, by name.

What an address holds is its cash and energy, free, in open orders and contracts, as stake and as
deposits. Invariant: an address's postings of a block add up to the change of what it holds, exactly
(tests/ledger/little_chain.py holds every block to it).

Of most changes the outcome tells anyway: trades, settlements, readings. The others a rule posts
where it moves the money.

Units: money in µGTX, energy in Wh; below zero where the address holds less.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from gtxnode.ledger.outcome import BlockOutcome, Settlement, Wheeling
    from gtxnode.ledger.transfers import Balance


class Why(IntEnum):
    """What a posting is for. Interfaces call it by its name in lower case."""

    METERED = 0
    """Energy that its meters exported, when it counted."""
    BOUGHT = 1
    SOLD = 2
    LOST = 3
    """Energy bought that the grid lost on its way."""
    WHEELING = 4
    """What a trade's way cost beside the price."""
    PREMIUM = 5
    """What a trade in a strained grid cost beside the price."""
    SHORTFALL = 6
    """What missing energy of a contract cost its seller, and brought its buyer, over the price."""
    CURTAILMENT = 7
    """Compensation for energy sold ahead that the grid could not carry."""
    FEES = 8
    """Of ordinary transactions."""
    RETIRED = 9
    RECEIVED = 10
    """Coins from another address."""
    SENT = 11
    BLOCK_FEES = 12
    """Fees of a block that it proposed, trading fees among them."""
    SEALING = 13
    """Paid for readings that it sealed."""
    WIRES = 14
    """What trades paid an authority for its wires."""
    GRID_FUND = 15
    """Paid into the grid's fund."""
    SLASHED = 16
    DEPOSIT_BURNED = 17
    """Of a proposal that had no quorum."""
    TRADING_FEES = 18
    """Of energy sold, to whoever proposed the block."""


_ALL = tuple(Why)
_FEES, _SENT, _RECEIVED = 2 * Why.FEES, 2 * Why.SENT, 2 * Why.RECEIVED


class Posting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that a block changed of what an address holds, for one reason."""

    why: Why
    ugtx: int
    wh: int


class Accounts:
    """The sums of a block so far: by owner a row, money and energy in turn for each reason."""

    __slots__ = ("rows",)

    def __init__(self, rows: Mapping[bytes, Sequence[int]] = MappingProxyType({})) -> None:
        self.rows = defaultdict[bytes, list[int]](
            _empty_row, {owner: list(row) for owner, row in rows.items()}
        )

    def post(self, owner: bytes, why: Why, *, ugtx: int = 0, wh: int = 0) -> None:
        """Add to an address's sums."""
        row = self.rows[owner]
        row[2 * why] += ugtx
        row[2 * why + 1] += wh

    def post_moved(self, left: "Balance") -> None:
        """Add what a transaction that pays a fee moved between addresses, and what it cost.

        Where several pay, the first one pays the fee and uses up what is retired; the others gave
        it that.
        """
        rows, cash = self.rows, left.cash
        if left.fee_ugtx:
            payer = next(iter(cash))
            cash[payer] += left.fee_ugtx
            rows[payer][_FEES] -= left.fee_ugtx
        for owner, ugtx in cash.items():
            if ugtx:
                rows[owner][_SENT if ugtx < 0 else _RECEIVED] += ugtx
        if left.energy:
            self._post_energy(left.energy, sum(left.left_wh.values()))

    def _post_energy(self, energy: dict[bytes, int], used_wh: int) -> None:
        if used_wh:
            consumer = next(iter(energy))
            energy[consumer] += used_wh
            self.post(consumer, Why.RETIRED, wh=-used_wh)
        for owner, wh in energy.items():
            if wh:
                self.post(owner, Why.SENT if wh < 0 else Why.RECEIVED, wh=wh)

    def post_brought(self, owner: bytes, trader: bytes, *, ugtx: int = 0, wh: int = 0) -> None:
        """Add a coin of somebody else's that goes into a trader's order."""
        self.post(owner, Why.SENT, ugtx=-ugtx, wh=-wh)
        self.post(trader, Why.RECEIVED, ugtx=ugtx, wh=wh)


def accounts_of(outcome: "BlockOutcome") -> Mapping[bytes, tuple[Posting, ...]]:
    """Whose holdings a block has changed, and by what."""
    accounts = Accounts(outcome.accounts)
    _post_energy_made(accounts, outcome)
    _post_market(accounts, outcome)
    rows = accounts.rows.items()
    return {owner: postings for owner, row in rows if (postings := _postings(row))}


def _empty_row() -> list[int]:
    return [0] * (2 * len(_ALL))


def _postings(row: list[int]) -> tuple[Posting, ...]:
    return tuple(
        [
            Posting(why, row[2 * why], row[2 * why + 1])
            for why in _ALL
            if row[2 * why] or row[2 * why + 1]
        ]
    )


def _post_energy_made(accounts: Accounts, outcome: "BlockOutcome") -> None:
    for reading in outcome.readings:
        if not reading.suspect:
            accounts.post(reading.owner, Why.METERED, wh=reading.exported_wh)
    for suspect in outcome.suspects:
        accounts.post(suspect.owner, Why.METERED, wh=suspect.released_wh)


def _post_market(accounts: Accounts, outcome: "BlockOutcome") -> None:
    post = accounts.post
    for trade in outcome.trades:
        wh, ugtx = trade.quantity_wh, trade.cost_ugtx
        post(trade.buyer, Why.BOUGHT, ugtx=-ugtx, wh=wh)
        post(trade.seller, Why.SOLD, ugtx=ugtx, wh=-wh)
        post(trade.seller, Why.TRADING_FEES, ugtx=-trade.fee_ugtx)
        if trade.wheeling is not None:
            post(trade.buyer, Why.LOST, wh=-trade.wheeling.lost_wh)
            _post_way(accounts, trade.buyer, trade.wheeling)
    for sold in outcome.forward_trades:
        # The way of energy sold ahead is paid with the trade, the energy when it is delivered.
        if sold.wheeling is not None:
            _post_way(accounts, sold.contract.buyer, sold.wheeling)
    for settlement in outcome.settlements:
        _post_settled(accounts, settlement)
    for cut in outcome.curtailments:
        post(cut.contract.seller, Why.CURTAILMENT, ugtx=cut.seller_ugtx)
        post(cut.contract.buyer, Why.CURTAILMENT, ugtx=cut.buyer_ugtx)


def _post_way(accounts: Accounts, buyer: bytes, wheeling: "Wheeling") -> None:
    wires_ugtx = sum(amount for _, amount in wheeling.wires_ugtx)
    accounts.post(buyer, Why.WHEELING, ugtx=-wires_ugtx)
    accounts.post(buyer, Why.PREMIUM, ugtx=-wheeling.premium_ugtx)


def _post_settled(accounts: Accounts, settlement: "Settlement") -> None:
    contract, wh = settlement.contract, settlement.delivered_wh
    cost_ugtx = wh * contract.price_mgtx_per_kwh
    over_mgtx = contract.imbalance_mgtx_per_kwh - contract.price_mgtx_per_kwh
    short_ugtx = settlement.short_wh * over_mgtx
    accounts.post(contract.buyer, Why.BOUGHT, ugtx=-cost_ugtx, wh=wh)
    accounts.post(contract.buyer, Why.LOST, wh=-settlement.lost_wh)
    accounts.post(contract.buyer, Why.SHORTFALL, ugtx=short_ugtx)
    accounts.post(contract.seller, Why.SOLD, ugtx=cost_ugtx, wh=-wh)
    accounts.post(contract.seller, Why.SHORTFALL, ugtx=-short_ugtx)
    accounts.post(contract.seller, Why.TRADING_FEES, ugtx=-settlement.fee_ugtx)
