"""A block in the middle of its execution: what it goes by, and what it has come to so far.

The rules for each kind of transaction (transfers, meters, orders) read and change it. Each of
them checks everything first and changes after: once it has begun to change, it cannot refuse.
"""

from collections.abc import Collection, Iterable
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from consensus.merkle_log import Node
from consensus.turns import Turns
from consensus.types import Commit, Vote
from consensus.validators import ValidatorSet
from gtxnode.ledger.accounts import Accounts, Why
from gtxnode.ledger.authority.decrees import Decreed
from gtxnode.ledger.authority.halts import StandingHalt
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.coins import Cash, Supply, fees_coin_id, supply_coin_id
from gtxnode.ledger.delivery.open_forwards import OpenForwards
from gtxnode.ledger.energy.retirement_coins import RetirementLog, retirement_log_coin_id
from gtxnode.ledger.energy.retirement_log import appended, entry_of
from gtxnode.ledger.grid.grid_coins import Sweep
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.market.trading_day import TradingDay, day_of, trading_day_coin_id
from gtxnode.ledger.metering.meter_home_coins import Homes
from gtxnode.ledger.outcome import (
    AcceptedReading,
    Assignment,
    BlockOutcome,
    Curtailment,
    ForwardTrade,
    Receipt,
    Retirement,
    Settlement,
    Suspect,
    Trade,
)
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.slots import Slot
from gtxnode.primitives.zones import Role

if TYPE_CHECKING:
    from gtxnode.ledger.grid.corridors import Carrier


class Share(NamedTuple):
    """One batch's part of a block's transactions, which are in the order of the batches."""

    producer: bytes
    """The address of the key that sealed it."""
    transactions: int
    energy: bool
    """Whether work admitted it."""


class BlockContext(msgspec.Struct, frozen=True):
    """What a block's execution goes by besides the coins."""

    chain_id: str
    height: int
    time_ms: int
    """The block's time since 1970 (UTC): the only clock that rules have."""
    proposer: bytes
    """The address to which the block's fees go."""
    parameters: ChainParameters
    last_commit: Commit | None = None
    """The precommits that the block carries for its parent."""
    turns: Turns | None = None
    """Whose turns to propose the parent its commit shows as made or missed."""
    elapsed_ms: int = 0
    """Since the parent's time."""
    shares: tuple[Share, ...] = ()
    voters: ValidatorSet | None = None
    """Who votes at this height."""
    decreed: Decreed | None = None
    """On a chain that follows the registry: what held there at the block that the header names."""
    author: bytes | None = None
    """The key of the proposer, whose reveal this is."""
    reveal: bytes | None = None
    late: tuple[Vote, ...] = ()
    """Precommits for earlier heights that the block carries."""
    homes: Homes | None = None
    """On a chain that follows the registry: where meters' keys count, as the header's block of it
    says. None where there is no registry to ask."""


class Bench(Protocol):
    """What rules read: a block in execution, or what is final where nothing is executed."""

    @property
    def context(self) -> BlockContext:
        """What they go by besides the coins."""

    @property
    def coins(self) -> CoinView:
        """The coins."""


class Final(NamedTuple):
    """What is final, as a `Bench`."""

    context: BlockContext
    coins: CoinView


class BlockState:
    """The state that a block's transactions change, one after the other."""

    __slots__ = (
        "accounts",
        "assignments",
        "bought",
        "burned_ugtx",
        "cancelled",
        "carrier",
        "coins",
        "context",
        "credits_issued_mgco2e",
        "credits_retired_mgco2e",
        "curtailments",
        "displaced",
        "due",
        "energy_target",
        "expired",
        "fees_ugtx",
        "forfeits_fees",
        "forward_trades",
        "halts",
        "held_wh",
        "minted_wh",
        "orders",
        "parameters",
        "premiums_ugtx",
        "price_bounds",
        "readings",
        "receipts",
        "retired_wh",
        "retirements",
        "rewarded_ugtx",
        "settlements",
        "sold_ahead_wh",
        "suspects",
        "traded_wh",
        "trades",
        "voided_wh",
        "wires_ugtx",
    )

    def __init__(self, context: BlockContext, coins: CoinView, orders: OpenOrders) -> None:
        self.context = context
        self.coins = coins
        self.orders = orders
        self.halts: Collection[StandingHalt] | None = None
        """Those at the block's time, once somebody has asked."""
        self.bought: dict[tuple[int, int], dict[bytes, int]] = {}
        """What traders have bought for which time, in Wh, where limits of use ask for it."""
        self.cancelled: list[bytes] = []
        """Orders that a halt has cancelled."""
        self.displaced: list[bytes] = []
        """Orders that a better one has put out of a full slot."""
        self.receipts: list[Receipt] = []
        self.trades: list[Trade] = []
        self.readings: list[AcceptedReading] = []
        self.suspects: list[Suspect] = []
        self.retirements: list[Retirement] = []
        self.expired: list[bytes] = []
        self.accounts = Accounts()
        self.forward_trades: list[ForwardTrade] = []
        self.settlements: list[Settlement] = []
        self.curtailments: list[Curtailment] = []
        self.assignments: list[Assignment] = []
        self.minted_wh = 0
        self.retired_wh = 0
        self.held_wh = 0
        self.voided_wh = 0
        self.traded_wh = 0
        """Of energy that exists."""
        self.sold_ahead_wh = 0
        self.carrier: Carrier | None = None
        """The grid, from when it is first asked for (corridors.py)."""
        self.due: dict[Slot | None, Sweep] = {}
        """The books whose passed-over orders the next block looks at again (sweeps.py)."""
        self.wires_ugtx: dict[Role, int] = {}
        """What trades owe authorities for their wires."""
        self.premiums_ugtx = 0
        """What trades owe the grid's fund."""
        self.fees_ugtx = 0
        self.forfeits_fees = False
        """Whether the proposer has withheld its reveal: the block's fees are burned."""
        self.burned_ugtx = 0
        self.rewarded_ugtx = 0
        self.credits_issued_mgco2e = 0
        self.credits_retired_mgco2e = 0
        self.energy_target = b""
        self.price_bounds: tuple[int, int] | None = None
        """Of the block's orders, once the first has asked for them."""
        self.parameters: ChainParameters | None = None
        """What the blocks from the next one on go by, where that is something else."""

    @property
    def forwards(self) -> OpenForwards:
        """The open orders and contracts of delivery slots."""
        return self.orders.forwards

    def close(self) -> BlockOutcome:
        """Pay the proposer, carry the totals on, and put the outcome together."""
        self._pay_fees()
        self._carry_totals()
        self._carry_day()
        log_nodes = self._log_retirements()
        decreed = self.context.decreed
        return BlockOutcome(
            receipts=tuple(self.receipts),
            spent=self.coins.spent(),
            made=self.coins.made(),
            trades=tuple(self.trades),
            readings=tuple(self.readings),
            suspects=tuple(self.suspects),
            retirements=tuple(self.retirements),
            log_nodes=log_nodes,
            expired=tuple(self.expired),
            forward_trades=tuple(self.forward_trades),
            settlements=tuple(self.settlements),
            curtailments=tuple(self.curtailments),
            cancelled=tuple(self.cancelled),
            directives=decreed.directives if decreed is not None else (),
            displaced=tuple(self.displaced),
            assignments=tuple(self.assignments),
            minted_wh=self.minted_wh,
            retired_wh=self.retired_wh,
            traded_wh=self.traded_wh,
            fees_ugtx=self.fees_ugtx,
            burned_ugtx=self.burned_ugtx,
            rewarded_ugtx=self.rewarded_ugtx,
            credits_issued_mgco2e=self.credits_issued_mgco2e,
            credits_retired_mgco2e=self.credits_retired_mgco2e,
            energy_target=self.energy_target,
            parameters=self.parameters,
            accounts=self.accounts.rows,
        )

    def _pay_fees(self) -> None:
        if self.forfeits_fees:
            self.burned_ugtx += self.fees_ugtx
        elif self.fees_ugtx:
            coin_id = fees_coin_id(self.context.chain_id, self.context.height)
            self.coins.make(coin_id, Cash(self.context.proposer, self.fees_ugtx))
            self.accounts.post(self.context.proposer, Why.BLOCK_FEES, ugtx=self.fees_ugtx)

    def _carry_totals(self) -> None:
        changed = (
            self.minted_wh,
            self.retired_wh,
            self.held_wh,
            self.voided_wh,
            self.burned_ugtx,
            self.rewarded_ugtx,
            self.credits_retired_mgco2e,
        )
        if not any(changed):
            return
        coin_id = supply_coin_id(self.context.chain_id)
        supply = self.coins.get(coin_id)
        assert isinstance(supply, Supply), "genesis makes the supply and nobody spends it"
        carried = Supply(
            supply.minted_wh + self.minted_wh,
            supply.retired_wh + self.retired_wh,
            supply.gtx_ugtx - self.burned_ugtx + self.rewarded_ugtx,
            supply.burned_ugtx + self.burned_ugtx,
            supply.rewarded_ugtx + self.rewarded_ugtx,
            supply.held_wh + self.held_wh,
            supply.voided_wh + self.voided_wh,
            supply.credits_issued_mgco2e + self.credits_issued_mgco2e,
            supply.credits_retired_mgco2e + self.credits_retired_mgco2e,
        )
        self.coins.make(coin_id, carried)

    def _log_retirements(self) -> tuple[Node, ...]:
        if not self.retirements:
            return ()
        context = self.context
        coin_id = retirement_log_coin_id(context.chain_id)
        log = self.coins.get(coin_id)
        assert log is None or isinstance(log, RetirementLog), "nothing else has the log's id"
        entries = (entry_of(context.height, context.time_ms, each) for each in self.retirements)
        total, peaks, nodes = appended(context.chain_id, log, entries)
        self.coins.make(coin_id, RetirementLog(total, peaks))
        return nodes

    def _carry_day(self) -> None:
        if not self.trades and not self.forward_trades:
            return
        coin_id = trading_day_coin_id(self.context.chain_id)
        today = day_of(self.context.time_ms)
        coin = self.coins.get(coin_id)
        day = coin if isinstance(coin, TradingDay) else TradingDay(today)
        trades: Iterable[Trade | ForwardTrade] = chain(self.trades, self.forward_trades)
        traded = [(trade.quantity_wh, trade.cost_ugtx) for trade in trades]
        self.coins.make(coin_id, day.with_trades(today, traded))
