"""Who may spend which coin, and by what: one row for each kind of coin.

A kind that is not in the table cannot be spent; a new kind is a new row. Trades and expiries are
made by execution itself, by the orders' own terms, and so ask no one; nor does evidence, which is
proof enough against whoever signed it. What an authority changes by its word is held against the
chain's parameters, in the rule of that word.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from gtxnode.ledger.authority.acts import Acts
from gtxnode.ledger.authority.authorities import BarredKeys
from gtxnode.ledger.authority.authority_keys import AuthorityKeys
from gtxnode.ledger.authority.directives import Directive, Directives
from gtxnode.ledger.authority.halts import Halts
from gtxnode.ledger.authority.tariff_series import TariffSeries
from gtxnode.ledger.bodies import (
    Amend,
    AssignContract,
    Body,
    Cancel,
    CastVote,
    ForwardBid,
    ForwardOffer,
    FundGrid,
    JudgeHeld,
    PlaceBuy,
    PlaceSell,
    Propose,
    Retire,
    RetireCredits,
    Serve,
    Stake,
    SubmitRecord,
    Transfer,
    Unjail,
    Unstake,
)
from gtxnode.ledger.coins import (
    Admission,
    BuyOrder,
    Cash,
    Coin,
    Credit,
    Energy,
    HeldEnergy,
    Order,
    RecordKeyUse,
    SellOrder,
    Supply,
)
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.grid.grid_coins import (
    CorridorUse,
    GridFund,
    GridLimits,
    OpenSlots,
    ZoneStatus,
)
from gtxnode.ledger.market.licence_coins import Licence
from gtxnode.ledger.market.trading_day import TradingDay
from gtxnode.ledger.market.usage import Counter, Windows
from gtxnode.ledger.metering.meter_home_coins import MeterHome
from gtxnode.ledger.registry.attendance import RollCalls
from gtxnode.ledger.registry.proposals import Agenda, Electorate, InForce, Proposal
from gtxnode.ledger.registry.proposers import MissedTurns, RevealChain, Seeds
from gtxnode.ledger.registry.validators import Committee, Presence, Roster, Validator
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import Meter, Reading
from gtxnode.primitives.errors import Reason, Refused

SpendRule: TypeAlias = Callable[[Coin, CheckedTransaction], None]
"""Raises `Refused` where the transaction's witnesses may not spend the coin."""


class SpendRow(NamedTuple):
    """The rule of one kind of coin."""

    by: frozenset[type[Body]]
    """The transactions that spend it."""
    check: SpendRule


def owner_signed(coin: Coin, transaction: CheckedTransaction) -> None:
    """A witness's address is the owner."""
    assert isinstance(coin, Cash | Energy | Credit | Validator)
    if coin.owner not in transaction.addresses:
        raise Refused(Reason.NOT_OWNER, f"owner {coin.owner.hex()} did not sign")


def trader_signed(coin: Coin, transaction: CheckedTransaction) -> None:
    """A witness's address is the order's trader."""
    assert isinstance(coin, Order | ForwardOrder)
    if coin.trader not in transaction.addresses:
        raise Refused(Reason.NOT_OWNER, f"trader {coin.trader.hex()} did not sign")


def buyer_signed(coin: Coin, transaction: CheckedTransaction) -> None:
    """A witness's address is the contract's buyer."""
    assert isinstance(coin, Contract)
    if coin.buyer not in transaction.addresses:
        raise Refused(Reason.NOT_OWNER, f"buyer {coin.buyer.hex()} did not sign")


def meter_signed(coin: Coin, transaction: CheckedTransaction) -> None:
    """The meter's own key signed: the transaction, or the record that it carries."""
    assert isinstance(coin, Meter)
    body = transaction.body
    signed = (body.key,) if isinstance(body, SubmitRecord) else transaction.signers
    if coin.public_key not in signed:
        raise Refused(Reason.WRONG_METER_KEY, f"meter {coin.meter.hex()} did not sign")


def as_mandated(_coin: Coin, _transaction: CheckedTransaction) -> None:
    """An authority's word spends it: whose, `mandates.authorised` says in that word's rule."""


def nobody(coin: Coin, _: CheckedTransaction) -> None:
    """Only the block itself replaces it."""
    raise Refused(Reason.WRONG_COIN_KIND, f"{type(coin).__name__} is not spent")


SPEND_RULES: Mapping[type[Coin], SpendRow] = MappingProxyType(
    {
        Cash: SpendRow(
            frozenset(
                {
                    *(Transfer, Retire, RetireCredits, PlaceBuy, Amend, ForwardOffer, ForwardBid),
                    *(Stake, Unstake, Unjail, Serve, Propose, CastVote, FundGrid, AssignContract),
                }
            ),
            owner_signed,
        ),
        Energy: SpendRow(frozenset({Transfer, PlaceSell, Amend, Retire}), owner_signed),
        RecordKeyUse: SpendRow(frozenset(), nobody),
        MeterHome: SpendRow(frozenset(), nobody),
        HeldEnergy: SpendRow(frozenset({JudgeHeld}), as_mandated),
        Credit: SpendRow(frozenset({Transfer, RetireCredits}), owner_signed),
        Meter: SpendRow(frozenset({Reading, SubmitRecord}), meter_signed),
        ForwardSell: SpendRow(frozenset({Cancel, Amend}), trader_signed),
        ForwardBuy: SpendRow(frozenset({Cancel, Amend}), trader_signed),
        Contract: SpendRow(frozenset({AssignContract}), buyer_signed),
        SellOrder: SpendRow(frozenset({Cancel, Amend}), trader_signed),
        BuyOrder: SpendRow(frozenset({Cancel, Amend}), trader_signed),
        Supply: SpendRow(frozenset(), nobody),
        Halts: SpendRow(frozenset(), nobody),
        Directive: SpendRow(frozenset(), nobody),
        Directives: SpendRow(frozenset(), nobody),
        Counter: SpendRow(frozenset(), nobody),
        Windows: SpendRow(frozenset(), nobody),
        Admission: SpendRow(frozenset(), nobody),
        Validator: SpendRow(frozenset({Stake, Unstake, Unjail, Serve}), owner_signed),
        Roster: SpendRow(frozenset(), nobody),
        Committee: SpendRow(frozenset(), nobody),
        Presence: SpendRow(frozenset(), nobody),
        RollCalls: SpendRow(frozenset(), nobody),
        TariffSeries: SpendRow(frozenset(), nobody),
        BarredKeys: SpendRow(frozenset(), nobody),
        AuthorityKeys: SpendRow(frozenset(), nobody),
        Acts: SpendRow(frozenset(), nobody),
        MissedTurns: SpendRow(frozenset(), nobody),
        Agenda: SpendRow(frozenset(), nobody),
        Proposal: SpendRow(frozenset(), nobody),
        Electorate: SpendRow(frozenset(), nobody),
        InForce: SpendRow(frozenset(), nobody),
        Seeds: SpendRow(frozenset(), nobody),
        RevealChain: SpendRow(frozenset(), nobody),
        ZoneStatus: SpendRow(frozenset(), nobody),
        GridLimits: SpendRow(frozenset(), nobody),
        CorridorUse: SpendRow(frozenset(), nobody),
        OpenSlots: SpendRow(frozenset(), nobody),
        GridFund: SpendRow(frozenset(), nobody),
        Licence: SpendRow(frozenset(), nobody),
        TradingDay: SpendRow(frozenset(), nobody),
    }
)


def check_spend(coin: Coin, transaction: CheckedTransaction) -> None:
    """Raise `Refused` unless this transaction may spend this coin."""
    row = SPEND_RULES[type(coin)]
    if type(transaction.body) not in row.by:
        raise Refused(
            Reason.WRONG_COIN_KIND,
            f"{type(transaction.body).__name__} does not spend {type(coin).__name__}",
        )
    row.check(coin, transaction)
