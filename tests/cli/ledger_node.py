"""A node with a real ledger behind a real server, in a thread beside the command under test.

What is submitted is checked, executed and receipted by the ledger itself; a block is made of it
when its status is first asked for, so that a waiting command sees it pending and then final.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from queue import Queue
from threading import Thread

import trio

from consensus import signing
from consensus.validators import Validator, ValidatorSet
from gtxnode.ledger.bodies import RegisterMeter
from gtxnode.ledger.coins import (
    Cash,
    Coin,
    Credit,
    Energy,
    HeldCoin,
    Origin,
    decode_coin,
    encode_coin,
    meter_coin_id,
    output_id,
    owners_of,
)
from gtxnode.ledger.execute import BlockContext, execute
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.metering.territories import Territories
from gtxnode.ledger.outcome import Receipt
from gtxnode.ledger.parameters import Authority, ChainParameters, StakingRules
from gtxnode.ledger.registry.votes import GovernanceRules
from gtxnode.ledger.transactions import CheckedTransaction, parse
from gtxnode.metering.meters import Direction, Meter
from gtxnode.metrics import Metrics
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import REGISTRY, Role, Zone
from gtxnode.rpc.server import serve_rpc
from gtxnode.rpc.views.accounts import CoinPage
from gtxnode.rpc.views.meters import MeterView
from gtxnode.rpc.views.transactions import (
    Refusal,
    TransactionState,
    TransactionStatus,
    Verdict,
    VerdictStatus,
)
from gtxnode.rpc.wire import Hex
from gtxnode.views.coins import coin_view
from gtxnode.views.meter_shapes import meter_view
from tests.rpc.fake_node import SHARD, FakeChain, FakeNode

KEY = b"\x11" * 32
OWNER = address_of(signing.public_key(KEY))
FRIEND = address_of(signing.public_key(b"\x12" * 32))
START_S = 5.0
METER = RegisterMeter(
    *(b"\x44" * 16, signing.public_key(b"\x14" * 32), OWNER, Province.BANGKOK, Source.SOLAR),
    *(50_000, Direction.BOTH, 0),
)
"""The owner's."""
STAKING = StakingRules(min_stake_ugtx=10_000_000)
GOVERNANCE = GovernanceRules(deposit_ugtx=50_000_000)
FOUNDER = signing.public_key(b"\x13" * 32)
FOUNDERS = ValidatorSet([Validator(FOUNDER, 50_000_000, region=Zone.BANGKOK)])


class LedgerChain(FakeChain):
    """A fake chain whose coins, transactions and receipts are the ledger's."""

    def __init__(self, shard: str = SHARD, *, stuck: bool = False, full: bool = False) -> None:
        super().__init__(shard)
        self.stuck = stuck
        """Whether nothing that is submitted ever becomes final."""
        self.full = full
        """Whether nothing is taken in."""
        self.coins_now: dict[bytes, bytes] = {}
        validators = FOUNDERS if shard == REGISTRY else None
        cash = [(OWNER, 100_000_000)]
        self._put(initial_coins(self.chain_id, cash, [METER], validators=validators))
        origin = Origin(Zone.BANGKOK, Source.SOLAR, 0, 3_600, bytes(16))
        energy = Energy(OWNER, 20_000, origin)
        self._put({output_id(b"\x42" * 32, 0): HeldCoin(energy, encode_coin(energy))})
        self._orders = OpenOrders()
        self._waiting: dict[bytes, CheckedTransaction] = {}
        self.receipts: dict[bytes, tuple[int, Receipt]] = {}

    def held_by(self, owner: bytes) -> tuple[int, int]:
        """µGTX and Wh that the address owns."""
        coins = [coin for _, coin in self._coins_of(owner)]
        return (
            sum(coin.amount_ugtx for coin in coins if isinstance(coin, Cash)),
            sum(coin.amount_wh for coin in coins if isinstance(coin, Energy)),
        )

    def credits_of(self, owner: bytes) -> int:
        """Carbon credits of the address, in mg."""
        coins = [coin for _, coin in self._coins_of(owner)]
        return sum(coin.amount_mgco2e for coin in coins if isinstance(coin, Credit))

    def settle(self) -> None:
        """Make a block of what waits."""
        height = self.height + 1
        parameters = ChainParameters(
            zones=(Zone.BANGKOK,),
            authorities=tuple(
                Authority(role, signing.public_key(KEY)) for role in (Role.MEA, Role.ERC)
            ),
            staking=STAKING,
            governance=GOVERNANCE,
            registry=self.shard == REGISTRY,
        )
        context = BlockContext(self.chain_id, height, height * 1_000, FRIEND, parameters)
        reader = _Reader(self.coins_now)
        outcome = execute(context, list(self._waiting.values()), reader, self._orders)
        for coin_id in outcome.spent:
            self.coins_now.pop(coin_id)
        self._put(outcome.made)
        self.receipts |= {receipt.id: (height, receipt) for receipt in outcome.receipts}
        self._waiting.clear()
        self.make_block()

    async def get(self, id: bytes) -> MeterView:
        coin_id = meter_coin_id(self.chain_id, id)
        if coin_id not in self.coins_now:
            return await super().get(id)
        coin = decode_coin(self.coins_now[coin_id])
        assert isinstance(coin, Meter)
        return meter_view(coin_id, coin, Territories())

    async def _submit(self, data: bytes) -> Verdict:
        await trio.lowlevel.checkpoint()
        try:
            unverified = parse(self.chain_id, data)
            if not all(signing.verify_slice(unverified.signature_checks())):
                raise Refused(Reason.BAD_SIGNATURE)
            if self.full:
                raise Refused(Reason.POOL_FULL)
        except Refused as refused:
            refusal = Refusal(refused.reason.value, str(refused))
            return Verdict(VerdictStatus.REJECTED, None, refusal)
        self._waiting[unverified.id] = unverified.verified()
        return Verdict(VerdictStatus.ACCEPTED, Hex(unverified.id))

    async def status(self, id: bytes) -> TransactionStatus:
        if id in self._waiting:
            if not self.stuck:
                self.settle()
            return TransactionStatus(Hex(id), TransactionState.PENDING)
        height, receipt = self.receipts[id]
        if receipt.reason is None:
            return TransactionStatus(Hex(id), TransactionState.FINAL, height, 0)
        refusal = Refusal(receipt.reason.value, receipt.detail)
        return TransactionStatus(Hex(id), TransactionState.REFUSED, height, 0, refusal)

    async def coins(self, address: bytes, *, after: bytes | None, limit: int) -> CoinPage:
        views = [
            coin_view(coin_id, encode_coin(coin), coin)
            for coin_id, coin in self._coins_of(address)
            if after is None or coin_id > after
        ]
        # One at a time, whatever the limit: so that pages are turned.
        return CoinPage(self.height, tuple(views[:1]), views[0].id if len(views) > 1 else None)

    def _coins_of(self, owner: bytes) -> list[tuple[bytes, Coin]]:
        return [
            (coin_id, coin)
            for coin_id, encoded in sorted(self.coins_now.items())
            if owner in owners_of(coin := decode_coin(encoded))
        ]

    def _put(self, made: Mapping[bytes, HeldCoin]) -> None:
        self.coins_now |= {coin_id: held.encoded for coin_id, held in made.items()}


class _Reader:
    """What execution reads coins through."""

    def __init__(self, coins: Mapping[bytes, bytes]) -> None:
        self._coins = coins

    def get(self, coin_id: bytes) -> bytes | None:
        return self._coins.get(coin_id)


@contextmanager
def running(*chains: FakeChain) -> Iterator[str]:
    """A node of these chains on a free port of loopback; its URL."""
    started: Queue[tuple[str, trio.CancelScope, trio.lowlevel.TrioToken]] = Queue()

    async def serve() -> None:
        node = FakeNode(*chains)
        async with trio.open_nursery() as nursery:
            serve = partial(serve_rpc, node, host="127.0.0.1", port=0, observe=Metrics().rpc)
            address = await nursery.start(serve)
            token = trio.lowlevel.current_trio_token()
            started.put((address.url, nursery.cancel_scope, token))

    thread = Thread(target=trio.run, args=(serve,), daemon=True)
    thread.start()
    url, scope, token = started.get(timeout=START_S)
    try:
        yield url
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(START_S)
