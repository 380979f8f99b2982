"""One hosted chain as the interfaces see it: `rpc.backend.Chain` over the store and the pool.

Answers are of final state only. What scans the database runs in a worker thread on a snapshot, so
that no client holds up the node's loop or sees half a block.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Protocol

import msgspec
import trio

from consensus import signing
from consensus.types import block_id, commit_codec, header_codec
from gtxnode.batches.gather import Waiting
from gtxnode.chain.records import BlockRecord
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import ValidatorSets
from gtxnode.checkpoint_views import checkpoint_view
from gtxnode.coin_views import coin_view
from gtxnode.events import events_of, refusal_of, trade_views
from gtxnode.ledger.coins import (
    BuyOrder,
    Cash,
    Energy,
    SellOrder,
    decode_coin,
    meter_coin_id,
)
from gtxnode.ledger.transactions import (
    Transaction,
    UnverifiedTransaction,
    encode_transaction,
    parse,
)
from gtxnode.ledger.validators import Validator
from gtxnode.market.orders import PriceLevel
from gtxnode.metering.meters import Meter, Reading
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.rpc.backend import EVENTS_PER_BLOCK
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views import (
    BalanceView,
    BlockView,
    BookView,
    CheckpointView,
    CoinPage,
    Event,
    HeadView,
    LevelView,
    MeterView,
    Refusal,
    RefusedTransaction,
    SupplyView,
    TradePage,
    TradeView,
    TransactionState,
    TransactionStatus,
    ValidatorsView,
    Verdict,
    VerdictStatus,
)
from gtxnode.rpc.wire import Address, Amount, Hex
from gtxnode.validator_views import validators_view

# Blocks that one call for trades looks into, to bound its cost; `next` goes on from there.
MAX_TRADE_BLOCKS = 2_000


class Intake(Protocol):
    """What takes a client's transactions into batches."""

    def submit(self, parsed: UnverifiedTransaction) -> Waiting:
        """Take it in its turn; raises `Refused`. What comes back says when it is durable."""

    def is_pending(self, transaction_id: bytes) -> bool:
        """Whether it waits for a block."""

    def is_dropped(self, transaction_id: bytes) -> bool:
        """Whether it waited in vain and may be sent again."""


class ChainView:
    """Implements `rpc.backend.Chain`."""

    def __init__(self, shard: str, store: ChainStore, intake: Intake, sets: ValidatorSets) -> None:
        self.shard = shard
        self.chain_id = store.chain_id
        self._store = store
        self._intake = intake
        self._sets = sets
        self._advanced = trio.Event()

    def advanced(self) -> None:
        """Say that a block became final and can be read."""
        self._advanced.set()
        self._advanced = trio.Event()

    # ---- what changes the chain ----

    async def submit(self, transactions: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Check and pool transactions; each is answered once it is durable or refused."""
        return await self._submit(transactions, readings_only=False)

    async def submit_readings(self, readings: Sequence[bytes]) -> tuple[Verdict, ...]:
        """Like `submit`, for meters' firmware: high S in a signature is normalised here."""
        return await self._submit(readings, readings_only=True)

    async def _submit(
        self, encoded: Sequence[bytes], *, readings_only: bool
    ) -> tuple[Verdict, ...]:
        # All are taken in their order before the first is waited for: they share batches, and a
        # meter's readings stay in sequence.
        taken = [self._take(data, readings_only=readings_only) for data in encoded]
        return tuple(
            [item if isinstance(item, Verdict) else await _settled(item) for item in taken]
        )

    def _take(self, data: bytes, *, readings_only: bool) -> Verdict | Waiting:
        identity: Hex | None = None
        try:
            parsed = parse(self.chain_id, bytes(data))  # no `Hex`: batches encode bytes alone
            if readings_only:
                parsed = _reading(self.chain_id, parsed)
            identity = Hex(parsed.id)
            if self._is_known(parsed.id):
                return Verdict(VerdictStatus.DUPLICATE, identity)
            return self._intake.submit(parsed)
        except Refused as refused:
            return Verdict(VerdictStatus.REJECTED, identity, _refusal(refused))

    def _is_known(self, identity: bytes) -> bool:
        """Whether it is pending or took effect. One that a block refused may be tried again."""
        if self._intake.is_pending(identity):
            return True
        place = self._store.transaction(identity)
        return place is not None and self._outcome(*place).refusal is None

    # ---- reads ----

    def head(self) -> HeadView:
        """The last final block, and the state root after it."""
        tip = self._store.tip
        return HeadView(
            self.shard, self.chain_id, tip.height, Hex(tip.id), tip.time_ms, Hex(tip.app_root)
        )

    async def transaction(self, id: bytes) -> TransactionStatus:
        """Where a transaction stands; raises `NotFound`."""
        place = self._store.transaction(id)
        if self._intake.is_pending(id) and (
            place is None or self._outcome(*place).refusal is not None
        ):
            return TransactionStatus(Hex(id), TransactionState.PENDING)
        if place is not None:
            return self._outcome(*place)
        if self._intake.is_dropped(id):
            return TransactionStatus(Hex(id), TransactionState.DROPPED)
        raise NotFound(f"transaction {id.hex()}")

    def _outcome(self, height: int, position: int) -> TransactionStatus:
        item = self._record(height).transactions[position]
        if item.reason is None:
            return TransactionStatus(Hex(item.id), TransactionState.FINAL, height, position)
        return TransactionStatus(
            Hex(item.id),
            TransactionState.REFUSED,
            height,
            position,
            refusal_of(item.reason, item.detail),
        )

    def _record(self, height: int) -> BlockRecord:
        record = self._store.record(height)
        if record is None:
            raise NotFound(f"block {height}")
        return record

    async def block(self, height: int) -> BlockView:
        """A final block; raises `NotFound` above the head."""
        record = self._record(height)
        block, commit = self._store.block(height)
        header = block.header
        return BlockView(
            shard=self.shard,
            chain_id=self.chain_id,
            height=height,
            id=Hex(block_id(header)),
            parent_id=Hex(header.parent_id),
            time_ms=header.time_ms,
            proposer=Hex(header.proposer),
            app_root=Hex(header.app_root),
            payload_root=Hex(header.payload_root),
            batches=tuple(map(Hex, block.payload)),
            transactions=tuple(Hex(item.id) for item in record.transactions),
            refused=tuple(
                RefusedTransaction(Hex(item.id), refusal_of(item.reason, item.detail))
                for item in record.transactions
                if item.reason is not None
            ),
            header=Hex(header_codec.encode(header)),
            commit=Hex(commit_codec.encode(commit)),
        )

    async def balance(self, address: bytes) -> BalanceView:
        """What an address owns, in coins and inside its open orders."""
        return await trio.to_thread.run_sync(self._balance, address)

    def _balance(self, address: bytes) -> BalanceView:
        height = self._store.tip.height
        money = energy = bids = asks = staked = 0
        with self._store.snapshot() as reader:
            for _, encoded in self._store.owned(reader, address, None, None):
                match decode_coin(encoded):
                    case Cash(amount_ugtx=amount):
                        money += amount
                    case Energy(amount_wh=amount):
                        energy += amount
                    case BuyOrder() as order:
                        bids += order.locked_ugtx
                    case SellOrder() as order:
                        asks += order.quantity_wh
                    case Validator() as validator:
                        staked += validator.locked_ugtx
        return BalanceView(
            self.shard,
            Address(address),
            height,
            Amount(money),
            Amount(energy),
            Amount(bids),
            Amount(asks),
            Amount(staked),
        )

    async def coins(self, address: bytes, *, after: bytes | None, limit: int) -> CoinPage:
        """An address's coins in order of ids, at most `limit`."""
        return await trio.to_thread.run_sync(self._coins, address, after, limit)

    def _coins(self, address: bytes, after: bytes | None, limit: int) -> CoinPage:
        height = self._store.tip.height
        with self._store.snapshot() as reader:
            found = list(self._store.owned(reader, address, after, limit + 1))
        views = tuple(
            coin_view(coin_id, encoded, decode_coin(encoded)) for coin_id, encoded in found[:limit]
        )
        return CoinPage(height, views, views[-1].id if len(found) > limit else None)

    async def book(self, depth: int) -> BookView:
        """The best `depth` price levels of each side."""
        whole = self._store.depth
        return BookView(
            self.shard,
            self._store.tip.height,
            _levels(whole.bids[:depth]),
            _levels(whole.asks[:depth]),
            sum(level.orders for level in whole.bids),
            sum(level.orders for level in whole.asks),
        )

    async def trades(self, *, after: int | None, limit: int) -> TradePage:
        """Trades numbered above `after`; without it, the latest `limit`. In order."""
        return await trio.to_thread.run_sync(self._trades, after, limit)

    def _trades(self, after: int | None, limit: int) -> TradePage:
        height = self._store.tip.height
        if after is None:
            latest: list[TradeView] = []
            for record in islice(self._store.records(0, reverse=True), MAX_TRADE_BLOCKS):
                latest[:0] = self._trades_in(record)
                if len(latest) >= limit:
                    break
            return TradePage(height, tuple(latest[-limit:]), None)
        found: list[TradeView] = []
        at = after
        for record in islice(self._store.records(after // EVENTS_PER_BLOCK), MAX_TRADE_BLOCKS):
            found.extend(view for view in self._trades_in(record) if view.number > after)
            at = (record.height + 1) * EVENTS_PER_BLOCK - 1
            if len(found) >= limit:
                break
        page = tuple(found[:limit])
        if len(page) == limit:
            at = page[-1].number
        more = len(found) > limit or at // EVENTS_PER_BLOCK < height
        return TradePage(height, page, at if more else None)

    def _trades_in(self, record: BlockRecord) -> list[TradeView]:
        if not record.trades:
            return []
        return trade_views(self._store.block(record.height)[0], record)

    async def supply(self) -> SupplyView:
        """What was minted, retired and issued."""
        height, supply = self._store.tip.height, self._store.supply()
        return SupplyView(
            self.shard,
            height,
            Amount(supply.minted_wh),
            Amount(supply.retired_wh),
            Amount(supply.minted_wh - supply.retired_wh),
            Amount(supply.gtx_ugtx),
            Amount(supply.burned_ugtx),
            Amount(supply.rewarded_ugtx),
        )

    async def validators(self, height: int | None) -> ValidatorsView:
        """Who votes at a height, the next one if none is given; raises `NotFound`."""
        return await trio.to_thread.run_sync(
            validators_view, self.shard, self._store, self._sets, height
        )

    async def checkpoint(self, height: int | None) -> CheckpointView:
        """The authorities' checkpoint of a height, the newest if none is given."""
        return await trio.to_thread.run_sync(checkpoint_view, self.shard, self._store, height)

    async def meter(self, id: bytes) -> MeterView:
        """A meter and its last accepted reading; raises `NotFound`."""
        coin_id = meter_coin_id(self.chain_id, id)
        encoded = self._store.get(coin_id)
        if encoded is None:
            raise NotFound(f"meter {id.hex()}")
        meter = decode_coin(encoded)
        assert isinstance(meter, Meter), "a meter's id holds the meter"
        return MeterView(
            id=Hex(id),
            coin=Hex(coin_id),
            owner=Address(meter.owner),
            public_key=Hex(meter.public_key),
            zone=meter.zone.name.lower(),
            source=meter.source.name.lower(),
            capacity_w=Amount(meter.capacity_w),
            counter=meter.counter,
            last_end_s=meter.end_s,
            import_wh=Amount(meter.import_wh),
            export_wh=Amount(meter.export_wh),
        )

    async def events(self, height: int) -> tuple[Event, ...]:
        """All events of a final block, in order of their numbers."""
        # A full block's thousands take longer to put together than the loop may stand still.
        return await trio.to_thread.run_sync(self._events, height)

    def _events(self, height: int) -> tuple[Event, ...]:
        record = self._record(height)
        block, _ = self._store.block(height)
        return events_of(block, record)

    async def wait_for_height(self, height: int) -> None:
        """Return once the head is at `height` or above."""
        while self._store.tip.height < height:
            await self._advanced.wait()


async def _settled(waiting: Waiting) -> Verdict:
    identity = Hex(waiting.parsed.id)
    try:
        await waiting.stored()
    except Refused as refused:
        return Verdict(VerdictStatus.REJECTED, identity, _refusal(refused))
    return Verdict(VerdictStatus.ACCEPTED, identity)


def _refusal(refused: Refused) -> Refusal:
    return Refusal(refused.reason.value, refused.detail or refused.reason.description)


def _reading(chain_id: str, parsed: UnverifiedTransaction) -> UnverifiedTransaction:
    """A meter's reading with its signatures in the low-S form; raises `Refused` for all else.

    Firmware's libraries emit high S half of the time. The id does not cover signatures, so the
    reading stays the same reading.
    """
    if not isinstance(parsed.body, Reading):
        raise Refused(Reason.MALFORMED_TRANSACTION, "only readings are taken here")
    witnesses = tuple(
        msgspec.structs.replace(witness, signature=signing.low_s(witness.signature))
        for witness in parsed.witnesses
    )
    if witnesses == parsed.witnesses:
        return parsed
    return parse(chain_id, encode_transaction(Transaction(parsed.body, witnesses)))


def _levels(levels: Sequence[PriceLevel]) -> tuple[LevelView, ...]:
    return tuple(
        LevelView(Amount(level.price_mgtx_per_kwh), Amount(level.quantity_wh), level.orders)
        for level in levels
    )
