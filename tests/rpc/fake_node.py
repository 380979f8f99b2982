"""A node in memory: it implements `rpc.backend`, makes a block when told to, and can be faulty."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Self

import trio

from gtxnode.chain.store import ChainStore
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters as Parameters
from gtxnode.rpc.backend import EVENTS_PER_BLOCK
from gtxnode.rpc.errors import NotFound, NotHosted, Pruned
from gtxnode.rpc.views.accounts import BalanceView, CoinPage, CoinView
from gtxnode.rpc.views.blocks import BlockView, HeadView, RefusedTransaction
from gtxnode.rpc.views.events import (
    BlockEvent,
    Event,
    EventBody,
    OrderEvent,
    TradeEvent,
    TransactionEvent,
)
from gtxnode.rpc.views.ledger import SupplyView
from gtxnode.rpc.views.market import BookView, DayTotals, DayView, LevelView, TradePage, TradeView
from gtxnode.rpc.views.meters import (
    HeldPage,
    HeldView,
    HomeView,
    JudgementView,
    MeterView,
    ProvinceView,
    RecordView,
)
from gtxnode.rpc.views.node import ChainParameters, ChainStatus, NodeStatus, PeerView
from gtxnode.rpc.views.orders import LicenceView, OpenOrders, OpenOrderView
from gtxnode.rpc.views.seeds import PledgeView, ProposerView, SeedsView
from gtxnode.rpc.views.transactions import (
    Refusal,
    TransactionProof,
    TransactionState,
    TransactionStatus,
    Verdict,
    VerdictStatus,
)
from gtxnode.rpc.views.validators import (
    AuthoritySignatureView,
    CheckpointView,
    TrustView,
    UnbondingView,
    ValidatorsView,
    ValidatorView,
)
from gtxnode.rpc.wire import Address, Amount, Hex
from gtxnode.views.carbon import CarbonView
from gtxnode.views.certificates import CertificatesView
from gtxnode.views.tariffs import TariffsView
from storage.memory import MemoryStore
from tests.rpc.fake_forwards import FakeForwards
from tests.rpc.fake_grid import FakeGrid
from tests.rpc.fake_topics import FakeCompliance, FakeGovernance

SHARD = "geo_bangkok"
ALICE = Address(b"\x01" * 20)
BOB = Address(b"\x02" * 20)
REJECTED = b"\xff"
"""Transactions that begin so are rejected."""
CRASHES = b"\xee"
"""Transactions that begin so are a fault of the node."""
HANGS = b"\xdd"
"""Transactions that begin so wait until `FakeChain.released`."""
"""Transactions that begin so find the pool full."""


def digest(*parts: object) -> Hex:
    """Some 32 bytes."""
    return Hex(hashlib.sha256(repr(parts).encode()).digest())


@cache
def empty_store() -> ChainStore:
    """A chain at genesis on which nothing has happened: what is derived from history is empty."""
    coins = initial_coins("a chain at genesis", [])
    return ChainStore.on(MemoryStore(), "a chain at genesis", bytes(32), 0, Parameters(), coins)


class FakeChain:
    """Implements `backend.Chain` and every topic of it."""

    def __init__(self, shard: str = SHARD) -> None:
        self.shard = shard
        self.chain_id = f"test-{shard}"
        self.first_height = 1
        self.released = trio.Event()
        self.waiting = 0
        self.padding = 0
        """Bytes by which each block's address events are swollen."""
        self.event_reads = 0
        self._bodies: list[tuple[EventBody, ...]] = [()]
        self._pending: dict[Hex, bytes] = {}
        self._final: dict[Hex, tuple[int, int]] = {}
        self._advanced = trio.Event()

    @property
    def transactions(self) -> Self:
        return self

    @property
    def meters(self) -> Self:
        return self

    @property
    def accounts(self) -> Self:
        return self

    @property
    def market(self) -> Self:
        return self

    @property
    def grid(self) -> FakeGrid:
        return FakeGrid(self.shard)

    @property
    def forwards(self) -> FakeForwards:
        return FakeForwards(self.shard)

    @property
    def ledger(self) -> Self:
        return self

    @property
    def tariffs(self) -> TariffsView:
        return TariffsView(self.shard, empty_store())

    @property
    def carbon(self) -> CarbonView:
        return CarbonView(self.shard, empty_store())

    @property
    def certificates(self) -> CertificatesView:
        return CertificatesView(self.shard, empty_store())

    @property
    def governance(self) -> FakeGovernance:
        return FakeGovernance()

    @property
    def compliance(self) -> FakeCompliance:
        return FakeCompliance(self.shard)

    @property
    def height(self) -> int:
        return len(self._bodies) - 1

    def make_block(self, *extra: EventBody) -> int:
        """Finalise what is pending, with more events besides; the new height."""
        height = self.height + 1
        included = list(self._pending)
        bodies: list[EventBody] = [
            BlockEvent(
                id=digest("block", height),
                time_ms=height * 1_000,
                proposer=Hex(b"\x02" * 33),
                app_root=digest("root", height - 1),
                transactions=len(included),
                refused=0,
                trades=0,
                minted_wh=Amount(0),
                retired_wh=Amount(0),
                traded_wh=Amount(0),
            )
        ]
        for position, id in enumerate(included):
            self._final[id] = (height, position)
            bodies.append(TransactionEvent(id=id, addresses=(ALICE,)))
        if self.padding:
            swollen = Refusal("overspent", "x" * self.padding)
            bodies.append(TransactionEvent(digest("swollen", height), (ALICE,), swollen))
        bodies.extend(extra)
        self._pending.clear()
        self._bodies.append(tuple(bodies))
        self._advanced.set()
        self._advanced = trio.Event()
        return height

    def prune_below(self, height: int) -> None:
        self.first_height = height

    def head(self) -> HeadView:
        height = self.height
        return HeadView(
            self.shard,
            self.chain_id,
            height,
            digest("block", height),
            height * 1_000,
            digest("root", height),
            digest("target", height),
        )

    async def submit(self, transactions: Sequence[bytes]) -> tuple[Verdict, ...]:
        return tuple([await self._submit(item) for item in transactions])

    async def _submit(self, data: bytes) -> Verdict:
        await trio.lowlevel.checkpoint()
        id = digest(data)
        if data.startswith(CRASHES):
            raise ZeroDivisionError("a fault of the node")
        if data.startswith(HANGS):
            self.waiting += 1
            await self.released.wait()
            self.waiting -= 1
        if data.startswith(REJECTED):
            return Verdict(VerdictStatus.REJECTED, id, Refusal("overspent", "in 1 < out 2"))
        if id in self._pending or id in self._final:
            return Verdict(VerdictStatus.DUPLICATE, id)
        self._pending[id] = data
        return Verdict(VerdictStatus.ACCEPTED, id)

    async def status(self, id: bytes) -> TransactionStatus:
        if id in self._final:
            height, position = self._final[Hex(id)]
            return TransactionStatus(Hex(id), TransactionState.FINAL, height, position)
        if id in self._pending:
            return TransactionStatus(Hex(id), TransactionState.PENDING)
        raise NotFound(f"transaction {id.hex()}")

    async def prove(self, id: bytes) -> TransactionProof:
        raise NotFound(f"transaction {id.hex()}")

    async def block(self, height: int) -> BlockView:
        self._require(height)
        event = self._bodies[height][0]
        assert isinstance(event, BlockEvent)
        return BlockView(
            shard=self.shard,
            chain_id=self.chain_id,
            height=height,
            id=event.id,
            parent_id=digest("block", height - 1),
            time_ms=event.time_ms,
            proposer=event.proposer,
            app_root=event.app_root,
            payload_root=digest("payload", height),
            batches=(),
            transactions=tuple(id for id, place in self._final.items() if place[0] == height),
            refused=(RefusedTransaction(digest("refused"), Refusal("overspent", "too much")),),
            header=Hex(b"header"),
            commit=Hex(b"commit"),
        )

    async def balance(self, address: bytes) -> BalanceView:
        return BalanceView(
            shard=self.shard,
            address=Address(address),
            height=self.height,
            money_ugtx=Amount(2**60 + 1),
            energy_wh=Amount(0),
            money_in_orders_ugtx=Amount(0),
            energy_in_orders_wh=Amount(0),
            money_staked_ugtx=Amount(0),
            energy_held_wh=Amount(0),
            credits_mgco2e=Amount(0),
            money_in_contracts_ugtx=Amount(0),
            money_in_proposals_ugtx=Amount(0),
        )

    async def coins(self, address: bytes, *, after: bytes | None, limit: int) -> CoinPage:
        start = 0 if after is None else int.from_bytes(after, "big") + 1
        coins = tuple(
            CoinView(Hex(i.to_bytes(34, "big")), "cash", Address(address), Amount(i), Hex(b"\x00"))
            for i in range(start, min(start + limit, 2_000))
        )
        more = bool(coins) and start + limit < 2_000
        return CoinPage(self.height, coins, coins[-1].id if more else None)

    async def orders(self, address: bytes) -> OpenOrders:
        order = OpenOrderView(
            *(digest("order"), "buy", Amount(3_500), Amount(50_000), Amount(175_000_000)),
            *(1_800_086_400, 7, 0),
            sources=("solar",),
            partner=BOB,
        )
        return OpenOrders(self.shard, self.height, (order,))

    async def licence(self, address: bytes) -> LicenceView:
        if address != ALICE:
            raise NotFound(f"licence of {address.hex()}")
        return LicenceView(
            self.shard, self.height, ALICE, Amount(2_000_000), 1_831_536_000, "chain"
        )

    async def day(self) -> DayView:
        today = DayTotals("2026-11-21", Amount(0), Amount(0), None)
        before = DayTotals("2026-11-20", Amount(200_000), Amount(700_000_000), Amount(3_500))
        return DayView(self.shard, self.height, today, before, Amount(1_750), Amount(5_250))

    async def book(self, depth: int) -> BookView:
        level = LevelView(Amount(3_500), Amount(50_000), 1)
        return BookView(self.shard, self.height, (), (level,) * min(depth, 1), 0, 1)

    async def trades(self, *, after: int | None, limit: int) -> TradePage:
        made = [
            event.body.trade
            for height in range(1, self.height + 1)
            for event in await self.events(height)
            if isinstance(event.body, TradeEvent) and event.number > (after or 0)
        ]
        page = made[-limit:] if after is None else made[:limit]
        return TradePage(self.height, tuple(page), None)

    async def supply(self) -> SupplyView:
        rest = (Amount(10**15), *[Amount(0)] * 4, Amount(1_000), Amount(0))
        return SupplyView(self.shard, self.height, Amount(7), Amount(2), Amount(5), *rest)

    async def validators(self, height: int | None) -> ValidatorsView:
        wanted = self.height + 1 if height is None else height
        if wanted > self.height + 2:
            raise NotFound(f"validators at height {wanted}")
        jailed = ValidatorView(
            Hex(b"\x03" * 33),
            Amount(0),
            "jailed",
            "southern",
            50_000,
            owner=ALICE,
            stake_ugtx=Amount(95_000_000),
            unbonding=(UnbondingView(Amount(1_500_000), 9),),
            jailed_until=3,
            seed_commitment=Hex(bytes(32)),
        )
        active = ValidatorView(Hex(b"\x02" * 33), Amount(100_000_000), "active", "bangkok", 500_000)
        validators = (active, jailed)
        return ValidatorsView(self.shard, wanted, 0, 1_200, Amount(100_000_000), validators)

    async def checkpoint(self, height: int | None) -> CheckpointView:
        wanted = self.height if height is None else height
        if not 1 <= wanted <= self.height:
            raise NotFound(f"checkpoint {wanted}")
        return CheckpointView(
            self.shard,
            self.chain_id,
            wanted,
            0,
            digest("block", wanted),
            digest("root", wanted),
            digest("validators", wanted),
            digest("authorities", wanted),
            (AuthoritySignatureView("erc", Hex(b"\x02" * 33), Hex(bytes(64))),),
            Hex(b"\x92"),
        )

    async def trust(self) -> TrustView:
        wanted = self.height
        block = digest("block", wanted)
        return TrustView(self.shard, self.chain_id, wanted, block, Hex(b"\x93"))

    async def seeds(self) -> SeedsView:
        return SeedsView(
            self.shard,
            self.height + 1,
            2,
            3_600,
            digest("seed"),
            digest("next seed"),
            (
                PledgeView("egat", 0, digest("pledge"), "withheld"),
                PledgeView("erc", 0, digest("other"), "revealed", digest("value")),
            ),
            (
                ProposerView(Hex(b"\x02" * 33), 0, None, 3, 1, 1, "in_use"),
                ProposerView(Hex(b"\x03" * 33), 3, self.height + 100, 0, 3, 0, "none"),
            ),
        )

    async def get(self, id: bytes) -> MeterView:
        if id != b"\x05" * 16:
            raise NotFound(f"meter {id.hex()}")
        return MeterView(
            id=Hex(id),
            coin=digest("meter"),
            owner=ALICE,
            public_key=Hex(b"\x03" * 33),
            province="bangkok",
            zone="bangkok",
            utility="MEA",
            source="solar",
            capacity_w=Amount(5_000),
            counter=3,
            last_end_s=10_800,
            import_wh=Amount(0),
            export_wh=Amount(9_000),
            direction="both",
            revision=0,
            retired=False,
            last_moved_s=10_800,
        )

    async def held(self, utility: str | None, *, after: bytes | None, limit: int) -> HeldPage:
        held = HeldView(
            Hex(b"\x07" * 34), digest("reading"), Hex(b"\x05" * 16), ALICE, "bangkok", "MEA",
            Amount(8_000), "solar", 7_200, 10_800, ("over_capacity",),
        )  # fmt: skip
        found = (held,) if utility in (None, "MEA") and after is None else ()
        return HeldPage(self.height, found[:limit], None)

    async def home(self, public_key: bytes, curve: str | None, serial: str | None) -> HomeView:
        if curve is not None:
            raise NotFound(f"a home of the key {public_key.hex()}")
        return HomeView(Hex(bytes(16)), SHARD, 7)

    async def provinces(self) -> tuple[ProvinceView, ...]:
        return (ProvinceView(10, "bangkok", "bangkok", "MEA", True),)

    async def verdict(self, record: bytes, public_key: str) -> JudgementView:
        return JudgementView("malformed", "not_a_record", record.hex() + public_key)

    async def record(self, transaction: bytes) -> RecordView:
        raise NotFound(f"transaction {transaction.hex()}")

    async def events(self, height: int) -> tuple[Event, ...]:
        self._require(height)
        self.event_reads += 1
        await trio.lowlevel.checkpoint()
        return tuple(
            Event(height * EVENTS_PER_BLOCK + position, height, body)
            for position, body in enumerate(self._bodies[height])
        )

    async def wait_for_height(self, height: int) -> None:
        while self.height < height:
            await self._advanced.wait()

    def _require(self, height: int) -> None:
        if not 0 < height <= self.height:
            raise NotFound(f"block {height}")
        if height < self.first_height:
            raise Pruned(f"block {height}", self.first_height)


class FakeNode:
    """Implements `backend.Node` over fake chains."""

    elsewhere: tuple[str, ...] = ()
    """The network's other chains."""

    def __init__(self, *chains: FakeChain) -> None:
        self.chains = {chain.shard: chain for chain in chains or (FakeChain(),)}
        self.reasons: tuple[str, ...] = ()

    def status(self) -> NodeStatus:
        return NodeStatus(
            version="0.1.0",
            peer_id="peer",
            started_ms=1,
            peers=1,
            ready=not self.reasons,
            reasons=self.reasons,
            chains=tuple(
                ChainStatus(name, chain.chain_id, chain.height, 0, False, chain.height, 0, 0)
                for name, chain in self.chains.items()
            ),
            shards=(*self.chains, *self.elsewhere),
        )

    def peers(self) -> tuple[PeerView, ...]:
        return (PeerView("peer", ("/ip4/127.0.0.1/tcp/1",), "outbound", 0, (SHARD,)),)

    def parameters(self) -> tuple[ChainParameters, ...]:
        return tuple(
            ChainParameters(name, chain.chain_id, {"min_fee_ugtx": "1000"})
            for name, chain in self.chains.items()
        )

    def shards(self) -> tuple[str, ...]:
        return tuple(sorted(self.chains))

    def chain(self, shard: str) -> FakeChain:
        if shard not in self.chains:
            raise NotHosted(shard, self.shards())
        return self.chains[shard]


def a_trade(height: int, position: int) -> TradeEvent:
    """A trade of Alice's energy to Bob."""
    return TradeEvent(
        TradeView(
            id=digest("trade", height, position),
            number=height * EVENTS_PER_BLOCK + position,
            height=height,
            time_ms=height * 1_000,
            sell_order=digest("sell"),
            buy_order=digest("buy"),
            seller=ALICE,
            buyer=BOB,
            energy_wh=Amount(50_000),
            price_mgtx_per_kwh=Amount(3_500),
            cost_ugtx=Amount(175_000_000),
            taker="buy",
            trading_fee_ugtx=Amount(1_750_000),
        )
    )


def an_order(owner: Address) -> OrderEvent:
    """An order opened."""
    return OrderEvent(
        digest("order", owner), owner, "sell", Amount(3_500), Amount(100_000), "opened"
    )
