"""A wallet and a meter as a test drives them, straight at one shard's view."""

from dataclasses import dataclass

from consensus import signing
from gtxnode.ledger import wallet as wallets
from gtxnode.ledger.bodies import Body, HomeMeter, RegisterMeter
from gtxnode.ledger.coins import Cash, Coin, Energy, decode_coin
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import Direction, Reading, meter_id_of
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Shard
from gtxnode.rpc.views.transactions import TransactionState, TransactionStatus, VerdictStatus
from gtxnode.views.chain import ChainView
from tests.node.harness import utility_key
from tests.waiting import until_true

FEE_UGTX = 1_000


@dataclass
class Client:
    """One private key at one node."""

    view: ChainView
    private_key: bytes

    @property
    def address(self) -> bytes:
        return address_of(signing.public_key(self.private_key))

    async def coins(self) -> list[tuple[bytes, Coin]]:
        page = await self.view.accounts.coins(self.address, after=None, limit=1_000)
        return [(bytes(each.id), decode_coin(bytes(each.encoded))) for each in page.coins]

    async def cash(self) -> list[tuple[bytes, Cash]]:
        return [(each, coin) for each, coin in await self.coins() if isinstance(coin, Cash)]

    async def energy(self) -> list[tuple[bytes, Energy]]:
        return [(each, coin) for each, coin in await self.coins() if isinstance(coin, Energy)]

    def signed(self, body: Body) -> CheckedTransaction:
        return wallets.sign(self.view.chain_id, body, self.private_key)

    async def send(self, body: Body) -> TransactionStatus:
        """Submit, and wait until a block has it."""
        signed = self.signed(body)
        (verdict,) = await self.view.transactions.submit([signed.encoded])
        assert verdict.status is VerdictStatus.ACCEPTED, verdict
        return await settled(self.view, signed.id)

    async def pay(self, to: bytes, amount_ugtx: int) -> TransactionStatus:
        return await self.send(
            wallets.pay(self.address, await self.cash(), to, amount_ugtx, FEE_UGTX)
        )

    async def sell(self, quantity_wh: int, price_mgtx_per_kwh: int) -> TransactionStatus:
        energy = await self.energy()
        return await self.send(wallets.sell(self.address, energy, quantity_wh, price_mgtx_per_kwh))

    async def buy(self, quantity_wh: int, price_mgtx_per_kwh: int) -> TransactionStatus:
        cash = await self.cash()
        return await self.send(wallets.buy(self.address, cash, quantity_wh, price_mgtx_per_kwh))


async def settled(view: ChainView, identity: bytes) -> TransactionStatus:
    """A transaction's outcome, once a block has it."""

    async def done() -> bool:
        return (await view.transactions.status(identity)).state is not TransactionState.PENDING

    await until_true(done)
    return await view.transactions.status(identity)


@dataclass
class TestMeter:
    """A meter that signs readings of its registers."""

    __test__ = False

    view: ChainView
    private_key: bytes
    owner: bytes
    end_s: int
    counter: int = 0
    import_wh: int = 0
    export_wh: int = 0

    @property
    def id(self) -> bytes:
        return meter_id_of(signing.public_key(self.private_key))

    async def register(self, capacity_w: int = 1_000_000) -> TransactionStatus:
        body = RegisterMeter(
            self.id,
            signing.public_key(self.private_key),
            self.owner,
            Province.BANGKOK,
            Source.SOLAR,
            capacity_w,
            Direction.BOTH,
            self.end_s,
        )
        return await Client(self.view, utility_key()).send(body)

    async def settle_in(self, registry: ChainView) -> None:
        """Give its key a home on the registry, and register it once its chain has heard of that."""
        body = HomeMeter(self.id, signing.public_key(self.private_key), Shard.GEO_BANGKOK)
        homed = await Client(registry, utility_key()).send(body)
        assert homed.state is TransactionState.FINAL, homed.refusal
        while (await self.register()).state is not TransactionState.FINAL:
            await self.view.wait_for_height(self.view.head().height + 1)

    def reading(self, export_wh: int, import_wh: int = 0, seconds: int = 3_600) -> bytes:
        """The next reading, signed and encoded: what flowed since the last."""
        self.counter += 1
        self.import_wh += import_wh
        self.export_wh += export_wh
        body = Reading(
            self.id,
            self.counter,
            self.counter - 1,
            self.end_s,
            self.end_s + seconds,
            self.import_wh,
            self.export_wh,
        )
        self.end_s += seconds
        return wallets.sign(self.view.chain_id, body, self.private_key).encoded
