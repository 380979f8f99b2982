"""What regulators ask: who may sign what, halts, acts, violations, limits of use, days."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.wire import Address, Amount, EventNumber, Height, Hex

RoleName = Literal["EGAT", "MEA", "PEA", "ERC"]
OriginName = Literal["chain", "registry"]


class MandateView(msgspec.Struct, frozen=True, gc=False):
    """Which authorities sign a kind of transaction. A territorial one is for the utility whose
    territory it is about alone."""

    kind: str
    roles: tuple[RoleName, ...]
    territorial: bool


class AuthorityView(msgspec.Struct, frozen=True, gc=False):
    """An authority's keys, any of which speaks for it."""

    role: RoleName
    public_keys: tuple[Hex, ...]


class MandatesView(msgspec.Struct, frozen=True, gc=False):
    """Who may sign what on a chain."""

    shard: str
    height: Height
    mandates: tuple[MandateView, ...]
    authorities: tuple[AuthorityView, ...]


class HaltView(msgspec.Struct, frozen=True, gc=False):
    """A halt: of one trader, or of what is traded in a zone, of a product; of all of it where none
    is named. A product is `spot` or the length of a forward's slot, such as `forward-60m`. One of
    `origin` `registry` holds on every chain and is lifted there, one of `chain` on this chain."""

    trader: Address | None
    zone: str | None
    product: str | None
    role: RoleName
    since_s: int
    until_s: int
    cause: str
    origin: OriginName


class HaltsView(msgspec.Struct, frozen=True, gc=False):
    """The halts that stand, oldest first."""

    height: Height
    time_ms: int
    halts: tuple[HaltView, ...]


class ActView(msgspec.Struct, frozen=True, gc=False):
    """What an authority signed; `transaction` is as it was sent, so that it proves itself."""

    number: EventNumber
    height: Height
    time_ms: int
    id: Hex
    kind: str
    role: RoleName | None
    transaction: Hex


class ActPage(msgspec.Struct, frozen=True, gc=False):
    """Acts in order; `next` goes into the next call's `after`."""

    height: Height
    acts: tuple[ActView, ...]
    next: EventNumber | None


class ViolationView(msgspec.Struct, frozen=True, gc=False):
    """A transaction that a block took and a rule refused; `rule` is the code of the reason."""

    number: EventNumber
    height: Height
    time_ms: int
    id: Hex
    kind: str
    rule: str
    detail: str
    signers: tuple[Address, ...]


class ViolationPage(msgspec.Struct, frozen=True, gc=False):
    """Violations in order; `next` goes into the next call's `after`."""

    height: Height
    violations: tuple[ViolationView, ...]
    next: EventNumber | None


class UsageView(msgspec.Struct, frozen=True, gc=False):
    """A limit of use in the window that is open, or begins next, and what was bought in it."""

    limit: str
    start_s: int
    end_s: int
    max_wh: Amount
    bought_wh: Amount


class UsagesView(msgspec.Struct, frozen=True, gc=False):
    """How far a trader has used up the limits of use."""

    height: Height
    address: Address
    limits: tuple[UsageView, ...]


class CountView(msgspec.Struct, frozen=True, gc=False):
    """How often something happened."""

    name: str
    number: int


class TotalsView(msgspec.Struct, frozen=True, gc=False):
    """The chain's totals at one time, as `ledger.supply` has them."""

    minted_wh: Amount
    retired_wh: Amount
    outstanding_wh: Amount
    held_wh: Amount
    voided_wh: Amount
    gtx_supply_ugtx: Amount
    gtx_burned_ugtx: Amount
    gtx_rewarded_ugtx: Amount
    credits_issued_mgco2e: Amount
    credits_retired_mgco2e: Amount


class ReportView(msgspec.Struct, frozen=True, gc=False):
    """One day of Bangkok, from midnight to midnight. What was minted, retired, burned and paid to
    those who sealed readings is what closing and opening differ by.

    Of the fees, sellers paid `trading_fees_ugtx`. Buyers paid `traded_ugtx`, and `delivered_ugtx`
    for what came of contracts; `short_ugtx` went to them for what did not, `compensated_ugtx` to
    both sides for what was curtailed. `lost_wh` was lost on its way and is in `retired_wh`;
    `wires_ugtx` and `premiums_ugtx` were paid for it. Halts ended `cancelled_orders`. `acts` were
    signed on this chain; `directives` were signed on the registry, and took effect here."""

    shard: str
    chain_id: str
    day: str
    is_over: bool
    opening: TotalsView
    closing: TotalsView
    minted_wh: Amount
    retired_wh: Amount
    burned_ugtx: Amount
    rewarded_ugtx: Amount
    fees_ugtx: Amount
    trading_fees_ugtx: Amount
    trades: int
    traded_wh: Amount
    traded_ugtx: Amount
    forward_trades: int
    forward_wh: Amount
    forward_ugtx: Amount
    delivered_wh: Amount
    delivered_ugtx: Amount
    short_wh: Amount
    short_ugtx: Amount
    curtailments: int
    curtailed_wh: Amount
    compensated_ugtx: Amount
    lost_wh: Amount
    wires_ugtx: Amount
    premiums_ugtx: Amount
    credits_issued_mgco2e: Amount
    credits_retired_mgco2e: Amount
    expired_orders: int
    cancelled_orders: int
    transactions: int
    refused: int
    kinds: tuple[CountView, ...]
    acts: tuple[CountView, ...]
    directives: tuple[CountView, ...]
    violations: tuple[CountView, ...]
