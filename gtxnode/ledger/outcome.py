"""What the execution of a block comes to: receipts, trades, totals and the coins to write.

Units: energy in Wh, prices in mGTX/kWh, money in µGTX.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum

import msgspec

from consensus.merkle_log import Node
from gtxnode.ledger.authority.directives import Directive
from gtxnode.ledger.coins import HeldCoin, Lot, Origin
from gtxnode.ledger.delivery.forward_coins import Contract
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.market.orders import Side
from gtxnode.metering.anomalies import Suspicion
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.units import cost_ugtx
from gtxnode.primitives.zones import Role, Zone


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of one transaction of the block."""

    id: bytes
    reason: Reason | None = None
    """Why it was refused, and so changed nothing; None where it took effect."""
    detail: str = ""
    """For people: the field and the limit. No rule and no hash goes by it."""

    @property
    def ok(self) -> bool:
        """Whether it took effect."""
        return self.reason is None


class Wheeling(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a trade over a grid used of it, beside the price. The buyer bears it."""

    seller_zone: Zone
    buyer_zone: Zone
    lost_wh: int
    """Of the quantity, what never arrives."""
    wires_ugtx: tuple[tuple[Role, int], ...]
    """What each authority gets whose wires are used."""
    premium_ugtx: int
    """What the grid's fund gets, where the trade was conditional."""

    @property
    def paid_ugtx(self) -> int:
        """All of the money."""
        return sum(amount for _, amount in self.wires_ugtx) + self.premium_ugtx


class Trade(msgspec.Struct, frozen=True, gc=False):
    """Energy and money that changed hands in one step."""

    id: bytes
    buy_order: bytes
    sell_order: bytes
    buyer: bytes
    seller: bytes
    quantity_wh: int
    price_mgtx_per_kwh: int
    taker: Side
    """The side whose order met one that rested in the book."""
    lots: tuple[Lot, ...]
    """The energy by origin."""
    wheeling: Wheeling | None = None
    """What its way through the grid took. The energy that it lost is the last of the lots'."""
    fee_ugtx: int = 0
    """The trading fee, out of what the seller got."""

    @property
    def cost_ugtx(self) -> int:
        """What the buyer paid the seller."""
        return cost_ugtx(self.quantity_wh, self.price_mgtx_per_kwh)


class ForwardTrade(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trade of energy of a delivery slot."""

    id: bytes
    """The contract's as well."""
    buy_order: bytes
    sell_order: bytes
    contract: Contract
    """As it was made."""
    wheeling: Wheeling | None = None
    """What its way cost, paid with the trade; what is lost is lost with each delivery."""

    @property
    def quantity_wh(self) -> int:
        """How much was sold."""
        return self.contract.sold_wh

    @property
    def cost_ugtx(self) -> int:
        """What the buyer is to pay the seller, if all of it is delivered."""
        return cost_ugtx(self.contract.sold_wh, self.contract.price_mgtx_per_kwh)


class Settlement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A step in which a contract was settled: with energy, with money, or both."""

    contract_id: bytes
    contract: Contract
    """Before the step."""
    delivered_wh: int
    """Became the buyer's; the seller was paid for it."""
    short_wh: int
    """Was missing when the contract ended; the buyer was paid for it."""
    lost_wh: int = 0
    """Of what was delivered, what never arrived."""
    fee_ugtx: int = 0
    """The trading fee, out of what the seller got."""

    @property
    def open_wh(self) -> int:
        """What is still to be delivered; zero where the contract is over."""
        return self.contract.open_wh - self.delivered_wh - self.short_wh


class Curtailment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Energy sold ahead that the grid cannot carry any more, and what its loss was made good by."""

    contract_id: bytes
    contract: Contract
    """Before the cut."""
    cut_wh: int
    seller_ugtx: int
    """Compensation from the grid's fund, beside the collateral that came back."""
    buyer_ugtx: int
    """The same, beside the payment that came back."""


class Assignment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A contract that its buyer has handed on."""

    contract_id: bytes
    contract: Contract
    """Before that."""
    to: bytes


class AcceptedReading(msgspec.Struct, frozen=True, gc=False):
    """A reading that took effect; its export was minted, or is held where it is suspect."""

    transaction: bytes
    meter: bytes
    imported_wh: int
    exported_wh: int
    suspect: bool
    owner: bytes
    zone: Zone
    source: Source
    capacity_w: int
    start_s: int
    end_s: int


class Became(IntEnum):
    """What became of what a suspect reading exported."""

    HELD = 1
    RELEASED = 2
    VOIDED = 3


class Suspect(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A suspect reading that a block took, or a judgement on one."""

    reading: bytes
    """The id of the reading's transaction."""
    origin: Origin
    """Of what it exported: the meter and the interval among it."""
    owner: bytes
    province: Province
    """Whose utility is to know."""
    amount_wh: int
    """Zero where the reading exported nothing: then there is nothing to judge."""
    suspicions: tuple[Suspicion, ...]
    became: Became

    @property
    def released_wh(self) -> int:
        """What counts from now on."""
        return self.amount_wh if self.became is Became.RELEASED else 0


class Retirement(msgspec.Struct, frozen=True, gc=False):
    """Energy that was consumed and ceased to exist."""

    transaction: bytes
    consumer: bytes
    lots: tuple[Lot, ...]
    meter: bytes | None
    """The consumer's meter whose import it covers; None for a voluntary retirement."""
    credits_mgco2e: tuple[int, ...]
    """The carbon credit that each lot earned, in their order."""

    @property
    def credited_mgco2e(self) -> int:
        """What it earned in all."""
        return sum(self.credits_mgco2e)


class BlockOutcome(msgspec.Struct, frozen=True):
    """All that a block changed.

    A coin that keeps its id and changes is in both `spent`, as it was, and `made`, as it is now.
    One that was made and spent within the block is in neither.
    """

    receipts: tuple[Receipt, ...]
    """One for each transaction, in the block's order."""
    spent: Mapping[bytes, HeldCoin]
    """Coins from before the block that are gone or replaced, by id."""
    made: Mapping[bytes, HeldCoin]
    """Coins to write, by id."""
    trades: tuple[Trade, ...]
    readings: tuple[AcceptedReading, ...]
    suspects: tuple[Suspect, ...]
    """Suspect readings, and judgements on earlier ones, in their order."""
    retirements: tuple[Retirement, ...]
    log_nodes: tuple[Node, ...]
    """Of the log of retirements, those that the block's completed: what proofs are made of."""
    expired: tuple[bytes, ...]
    """Orders that expired at the block's time, by id."""
    forward_trades: tuple[ForwardTrade, ...]
    settlements: tuple[Settlement, ...]
    curtailments: tuple[Curtailment, ...]
    minted_wh: int
    retired_wh: int
    traded_wh: int
    fees_ugtx: int
    burned_ugtx: int
    rewarded_ugtx: int
    credits_issued_mgco2e: int
    credits_retired_mgco2e: int
    energy_target: bytes
    """Of energy batches that build on the block."""
    cancelled: tuple[bytes, ...] = ()
    """Orders that a halt has cancelled, by id."""
    directives: tuple[Directive, ...] = ()
    """What was signed on the registry and holds here from the next block on."""
    displaced: tuple[bytes, ...] = ()
    """Orders that a better one has put out of a full slot, by id."""
    assignments: tuple[Assignment, ...] = ()
    parameters: ChainParameters | None = None
    """What the next block goes by; None where that is what this one went by."""
    accounts: Mapping[bytes, Sequence[int]] = {}
    """Changes of what addresses hold that nothing else here tells of: rows of accounts.py."""
