"""What the node answers: frozen values in its own units, whose JSON form `wire` defines.

The units are in the fields' names; what stands under a field's type (`Amount`, `Hex`, `Address`)
is a plain int or bytes to whoever is inside the node.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import msgspec

from gtxnode.rpc.wire import Address, Amount, EventNumber, Height, Hex


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a transaction was not taken: the `Reason` of `primitives.errors`, and its detail."""

    reason: str
    message: str


class VerdictStatus(Enum):
    """What became of something submitted; a duplicate was accepted before and is safe to drop."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class Verdict(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer to one submitted transaction. `id` is missing where it could not be decoded."""

    status: VerdictStatus
    id: Hex | None = None
    refusal: Refusal | None = None


class TransactionState(Enum):
    """Pending in the pool; final in a block; refused by a block's execution; or dropped unsealed.

    A dropped transaction (evicted, expired) is in no block, so it may be sent again.
    """

    PENDING = "pending"
    FINAL = "final"
    REFUSED = "refused"
    DROPPED = "dropped"


class TransactionStatus(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a transaction stands. Height and position are there once a block holds it."""

    id: Hex
    state: TransactionState
    height: Height | None = None
    position: int | None = None
    refusal: Refusal | None = None


class HeadView(msgspec.Struct, frozen=True, gc=False):
    """The last final block of a shard, and the state root after it."""

    shard: str
    chain_id: str
    height: Height
    id: Hex
    time_ms: int
    state_root: Hex


class RefusedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction that a block holds and its execution refused."""

    id: Hex
    refusal: Refusal


class BlockView(msgspec.Struct, frozen=True, gc=False):
    """A final block. `app_root` is the state root before it; `header` and `commit` are canonical.

    With `header`, `commit` and the validators' keys a client checks finality for itself.
    """

    shard: str
    chain_id: str
    height: Height
    id: Hex
    parent_id: Hex
    time_ms: int
    proposer: Hex
    app_root: Hex
    payload_root: Hex
    batches: tuple[Hex, ...]
    transactions: tuple[Hex, ...]
    refused: tuple[RefusedTransaction, ...]
    header: Hex
    commit: Hex


class BalanceView(msgspec.Struct, frozen=True, gc=False):
    """What an address owns: free to spend, locked in open orders, and staked or unbonding."""

    shard: str
    address: Address
    height: Height
    money_ugtx: Amount
    energy_wh: Amount
    money_in_orders_ugtx: Amount
    energy_in_orders_wh: Amount
    money_staked_ugtx: Amount


class OriginView(msgspec.Struct, frozen=True, gc=False):
    """Where energy came from: zone, source, the interval it was made in (Unix seconds), meter."""

    zone: str
    source: str
    start_s: int
    end_s: int
    meter: Hex


class CoinView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An unspent coin. `amount` is in µGTX for money, Wh for energy; `encoded` is canonical."""

    id: Hex
    kind: str
    owner: Address
    amount: Amount
    encoded: Hex
    origin: OriginView | None = None


class CoinPage(msgspec.Struct, frozen=True, gc=False):
    """Coins in order of their ids; `next` goes into the next call's `after`, null at the end."""

    height: Height
    coins: tuple[CoinView, ...]
    next: Hex | None


class LevelView(msgspec.Struct, frozen=True, gc=False):
    """All open orders at one price."""

    price_mgtx_per_kwh: Amount
    energy_wh: Amount
    orders: int


class BookView(msgspec.Struct, frozen=True, gc=False):
    """The order book after a block: best prices first, and how many orders rest on each side."""

    shard: str
    height: Height
    bids: tuple[LevelView, ...]
    asks: tuple[LevelView, ...]
    bid_orders: int
    ask_orders: int


class TradeView(msgspec.Struct, frozen=True, gc=False):
    """A trade. `number` is its event number, by which trades are paged and ordered.

    `taker` is the side whose order came later and made the trade.
    """

    id: Hex
    number: EventNumber
    height: Height
    time_ms: int
    sell_order: Hex
    buy_order: Hex
    seller: Address
    buyer: Address
    energy_wh: Amount
    price_mgtx_per_kwh: Amount
    cost_ugtx: Amount
    taker: Literal["sell", "buy"]


class TradePage(msgspec.Struct, frozen=True, gc=False):
    """Trades in order of their numbers; `next` goes into the next call's `after`."""

    height: Height
    trades: tuple[TradeView, ...]
    next: EventNumber | None


class SupplyView(msgspec.Struct, frozen=True, gc=False):
    """The supply's totals after a block; outstanding energy is minted minus retired, always.

    The supply of GTX is what genesis made, less what was burned, with what was made for sealing.
    """

    shard: str
    height: Height
    minted_wh: Amount
    retired_wh: Amount
    outstanding_wh: Amount
    gtx_supply_ugtx: Amount
    gtx_burned_ugtx: Amount
    gtx_rewarded_ugtx: Amount


class MeterView(msgspec.Struct, frozen=True, gc=False):
    """A registered meter and its last accepted reading; its next reading has counter + 1."""

    id: Hex
    coin: Hex
    owner: Address
    public_key: Hex
    zone: str
    source: str
    capacity_w: Amount
    counter: int
    last_end_s: int
    import_wh: Amount
    export_wh: Amount


class UnbondingView(msgspec.Struct, frozen=True, gc=False):
    """Stake on its way back, and the epoch in which it becomes cash."""

    amount_ugtx: Amount
    release_epoch: int


class ValidatorView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A validator. `power_ugtx` is what it votes with at the height asked for, 0 without a seat.

    The rest is of the head. `state`: active; waiting for a seat; jailed, from `jailed_until` on
    (an epoch) it may ask to return; leaving, with nothing staked. Reputation is in millionths.
    What is missing where the chain holds no stakes: owner, stake, unbonding, seed commitment.
    """

    public_key: Hex
    power_ugtx: Amount
    state: Literal["active", "waiting", "jailed", "leaving"]
    region: str
    reputation: int
    owner: Address | None = None
    stake_ugtx: Amount | None = None
    unbonding: tuple[UnbondingView, ...] = ()
    jailed_until: int | None = None
    seed_commitment: Hex | None = None


class ValidatorsView(msgspec.Struct, frozen=True, gc=False):
    """Who votes at a height, most power first, and who else has a stake.

    `epoch` and its last height are null on a chain whose validators never change.
    """

    shard: str
    height: Height
    epoch: int | None
    epoch_ends: Height | None
    total_power_ugtx: Amount
    validators: tuple[ValidatorView, ...]


class AuthoritySignatureView(msgspec.Struct, frozen=True, gc=False):
    """An authority's signature; `role` is the authority's name."""

    role: str
    public_key: Hex
    signature: Hex


class CheckpointView(msgspec.Struct, frozen=True, gc=False):
    """A final block that enough authorities signed. `state_root` is the root after it.

    The roots of validators and authorities are those of the next height and the next checkpoint.
    With `certificate`, which is canonical, and the authorities' keys a client checks it for itself.
    """

    shard: str
    chain_id: str
    height: Height
    epoch: int
    block_id: Hex
    state_root: Hex
    next_validators_root: Hex
    next_authorities_root: Hex
    signatures: tuple[AuthoritySignatureView, ...]
    certificate: Hex


class ChainStatus(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How one hosted shard is doing. `validator` is this node's key if it validates there.

    `checkpoint` is the height of the newest that the authorities have certified.
    """

    shard: str
    chain_id: str
    height: Height
    time_ms: int
    catching_up: bool
    best_known_height: Height
    pending_transactions: int
    pending_batches: int
    validator: Hex | None = None
    checkpoint: Height | None = None


class NodeStatus(msgspec.Struct, frozen=True, gc=False):
    """How the node is doing. `reasons` says in words why it is not ready, empty when it is."""

    version: str
    peer_id: str
    started_ms: int
    peers: int
    ready: bool
    reasons: tuple[str, ...]
    chains: tuple[ChainStatus, ...]


class PeerView(msgspec.Struct, frozen=True, gc=False):
    """A connected peer, its score and the shards that it serves."""

    id: str
    addresses: tuple[str, ...]
    direction: Literal["inbound", "outbound"]
    score: int
    shards: tuple[str, ...]


class ChainParameters(msgspec.Struct, frozen=True, gc=False):
    """A shard's parameters by name, as genesis and governance set them.

    Amounts are decimal strings, keys are hex; zones and roles go by their names in lower case.
    """

    shard: str
    chain_id: str
    parameters: dict[str, Any]


class BlockEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="block"):
    """Topic `blocks`: a block became final."""

    id: Hex
    time_ms: int
    proposer: Hex
    app_root: Hex
    transactions: int
    refused: int
    trades: int
    minted_wh: Amount
    retired_wh: Amount
    traded_wh: Amount


class TransactionEvent(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="transaction", omit_defaults=True
):
    """Topic `address`: a transaction of one of `addresses` became final or was refused."""

    id: Hex
    addresses: tuple[Address, ...]
    refusal: Refusal | None = None


class TradeEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="trade"):
    """Topics `market`, and `address` of seller and buyer: a trade was made."""

    trade: TradeView


class OrderEvent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order"):
    """Topics `market`, and `address` of its owner: an order was opened, cut down or closed.

    `energy_wh` is what is left of it, zero when it is closed.
    """

    order: Hex
    owner: Address
    side: Literal["sell", "buy"]
    price_mgtx_per_kwh: Amount
    energy_wh: Amount
    change: Literal["opened", "traded", "filled", "cancelled", "expired"]


EventBody = BlockEvent | TransactionEvent | TradeEvent | OrderEvent


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that a final block did, numbered alike on every node."""

    number: EventNumber
    height: Height
    body: EventBody
