"""A chain in a dict for tests: people by name, blocks one after the other, invariants held.

Every block is checked as it is made: money and energy are conserved, the book is what the order
coins say, the root is what the coins say. A test that makes blocks has tested all of that.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from consensus import merkle, merkle_log, signing
from consensus.turns import Turns
from consensus.types import Commit
from consensus.validators import ValidatorSet
from gtxnode.ledger import wallet
from gtxnode.ledger.accounts import accounts_of
from gtxnode.ledger.authority.decrees import Decreed
from gtxnode.ledger.block_state import Share
from gtxnode.ledger.bodies import Body, RegisterMeter
from gtxnode.ledger.coins import (
    BuyOrder,
    Cash,
    Coin,
    Credit,
    Energy,
    HeldEnergy,
    Order,
    SellOrder,
    Supply,
    decode_coin,
    encode_coin,
    meter_coin_id,
    order_coin_id,
    order_id_of,
    owners_of,
    supply_coin_id,
)
from gtxnode.ledger.delivery.forward_coins import Contract, ForwardBuy, ForwardOrder, ForwardSell
from gtxnode.ledger.energy.retirement_coins import RetirementLog, retirement_log_coin_id
from gtxnode.ledger.energy.retirement_log import entry_of, leaf_of, retired_codec
from gtxnode.ledger.execute import BlockContext, BlockOutcome, execute
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.grid.grid_coins import GridFund
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.metering.meter_home_coins import Homes
from gtxnode.ledger.outcome import Receipt
from gtxnode.ledger.parameters import Authority, ChainParameters
from gtxnode.ledger.registry.proposals import Proposal
from gtxnode.ledger.registry.validators import Validator
from gtxnode.ledger.state_root import StateRoot
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market import Side
from gtxnode.market.slots import Slot
from gtxnode.metering.meters import Direction, Meter, Reading, meter_id_of
from gtxnode.primitives.addresses import Address, address_of
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import RENEWABLE, Source
from gtxnode.primitives.zones import Role, Zone

CHAIN = "geo_bangkok-test"
START_S = 1_800_000_000
HOUR_S = 3_600
GTX = 1_000_000
KWH = 1_000
FEE = 1_000
PARAMETERS = ChainParameters(zones=(Zone.BANGKOK,))

K = TypeVar("K", bound=Coin)


def private_key(name: str) -> bytes:
    """The key of a person, a meter or an authority."""
    return sha256(f"key of {name}".encode()).digest()


def public_key(name: str) -> bytes:
    return signing.public_key(private_key(name))


def address(name: str) -> Address:
    return address_of(public_key(name))


def meter_of(name: str) -> bytes:
    return meter_id_of(public_key(f"{name}'s meter"))


def month_in_bangkok(at_s: int) -> str:
    return datetime.fromtimestamp(at_s + 7 * HOUR_S, UTC).strftime("%Y-%m")


def signed(body: Body, *names: str) -> CheckedTransaction:
    """A body signed by people of these names."""
    return wallet.sign(CHAIN, body, *map(private_key, names))


def registration(name: str, **changes: object) -> RegisterMeter:
    """Of a person's 5 kW solar meter, installed when the chain starts."""
    fields: dict[str, object] = {
        "meter": meter_of(name),
        "public_key": public_key(f"{name}'s meter"),
        "owner": address(name),
        "province": Province.BANGKOK,
        "source": Source.SOLAR,
        "capacity_w": 5_000_000,
        "direction": Direction.BOTH,
        "installed_s": START_S,
    }
    return RegisterMeter(**{**fields, **changes})  # type: ignore[arg-type]


def holdings(coin: Coin) -> list[tuple[bytes, int, int]]:
    """Owner, money and energy of what a coin is to somebody."""
    match coin:
        case Cash():
            return [(coin.owner, coin.amount_ugtx, 0)]
        case Energy():
            return [(coin.owner, 0, coin.amount_wh)]
        case BuyOrder() | ForwardBuy() | ForwardSell():
            return [(coin.trader, coin.locked_ugtx, 0)]
        case SellOrder():
            return [(coin.trader, 0, coin.quantity_wh)]
        case Contract():
            return [(who, coin.share_ugtx(who), 0) for who in (coin.buyer, coin.seller)]
        case Validator():
            return [(coin.owner, coin.locked_ugtx, 0)]
        case Proposal():
            return [(coin.proposer, coin.deposit_ugtx, 0)]
        case _:
            return []


class LittleChain:
    """One chain with cash for `people`, who have a meter each."""

    def __init__(
        self,
        *people: str,
        cash_ugtx: int = 1_000_000 * GTX,
        parameters: ChainParameters = PARAMETERS,
        validators: ValidatorSet | None = None,
        watchful: bool = False,
        registrations: Sequence[RegisterMeter] | None = None,
    ) -> None:
        """Nothing is suspect, unless it is `watchful`: time flies here, by night as by day."""
        if registrations is None:
            registrations = [registration(name) for name in people]
        keys = tuple(Authority(role, public_key(role.name)) for role in Role)
        self.parameters = msgspec.structs.replace(parameters, authorities=keys)
        if not watchful:
            readings = msgspec.structs.replace(parameters.readings, anomalies=None)
            self.parameters = msgspec.structs.replace(self.parameters, readings=readings)
        held = initial_coins(
            CHAIN,
            [(address(name), cash_ugtx) for name in people],
            registrations,
            validators,
        )
        self.store = {coin_id: coin.encoded for coin_id, coin in held.items()}
        self.orders = OpenOrders()
        self.state_root = StateRoot(CHAIN)
        self.state_root.apply({}, held)
        self.height = 0
        self.now_s = START_S
        self.metered_wh = 0
        self.genesis_ugtx = self.supply().gtx_ugtx
        self.last_commit: Commit | None = None
        self.turns: Turns | None = None
        self.voters: ValidatorSet | None = None
        self.author: bytes | None = None
        self.reveal: bytes | None = None
        self.elapsed_s = 0
        self.parent_s = self.now_s
        self.shares: tuple[Share, ...] = ()
        """Who sealed the next block's transactions; nobody, where a test does not say."""
        self.decreed: Decreed | None = None
        self.homes: Homes | None = None
        self.imported_wh: dict[tuple[bytes, str], int] = {}
        """By meter and month in Bangkok, as the readings said."""
        self.covered_wh: dict[tuple[bytes, str], int] = {}
        self.log_leaves: list[bytes] = []
        self.credited_mg = 0
        self.used_mg = 0
        self.check()

    def execute(
        self, *transactions: CheckedTransaction, orders: OpenOrders | None = None
    ) -> BlockOutcome:
        """What the next block would come to; only `orders` (the chain's own) move on."""
        context = BlockContext(
            CHAIN,
            self.height + 1,
            self.now_s * 1_000,
            address("proposer"),
            self.parameters,
            self.last_commit,
            self.turns,
            self.elapsed_s * 1_000,
            self.shares,
            self.voters,
            self.decreed,
            self.author,
            self.reveal,
            homes=self.homes,
        )
        return execute(context, transactions, self.store, self.orders if orders is None else orders)

    def block(self, *transactions: CheckedTransaction, after_s: int = 1) -> BlockOutcome:
        """Make a block, write its coins, and hold it against the invariants."""
        self.now_s += after_s
        self.elapsed_s = self.now_s - self.parent_s
        self.parent_s = self.now_s
        outcome = self.execute(*transactions)
        self.shares = ()
        self.height += 1
        self.parameters = outcome.parameters or self.parameters
        for coin_id, held in outcome.spent.items():
            assert self.store.pop(coin_id) == held.encoded == encode_coin(held.coin)
        for coin_id, held in outcome.made.items():
            assert coin_id not in self.store
            assert held.encoded == encode_coin(held.coin)
            self.store[coin_id] = held.encoded
        self.state_root.apply(outcome.spent, outcome.made)
        self.metered_wh += sum(reading.exported_wh for reading in outcome.readings)
        assert [receipt.id for receipt in outcome.receipts] == [t.id for t in transactions]
        self._account(transactions, outcome)
        self._check_accounts(outcome)
        self.check()
        return outcome

    def _check_accounts(self, outcome: BlockOutcome) -> None:
        """What the block says of addresses is what became of their coins."""
        changed: Counter[tuple[bytes, str]] = Counter()
        for sign, coins in ((-1, outcome.spent), (1, outcome.made)):
            for held in coins.values():
                for owner, ugtx, wh in holdings(held.coin):
                    changed[owner, "ugtx"] += sign * ugtx
                    changed[owner, "wh"] += sign * wh
        told: Counter[tuple[bytes, str]] = Counter()
        for owner, postings in accounts_of(outcome).items():
            told[owner, "ugtx"] += sum(each.ugtx for each in postings)
            told[owner, "wh"] += sum(each.wh for each in postings)
        assert {k: v for k, v in changed.items() if v} == {k: v for k, v in told.items() if v}

    def _account(self, transactions: Sequence[CheckedTransaction], outcome: BlockOutcome) -> None:
        """What was imported, covered and credited, told from what was sent."""
        sent = {each.id: each.body for each in transactions}
        for reading in outcome.readings:
            body = sent[reading.transaction]
            # A record says nothing of where its interval begins: that is the meter's last end.
            start_s = body.start_s if isinstance(body, Reading) else reading.start_s
            key = (reading.meter, month_in_bangkok(start_s))
            self.imported_wh[key] = self.imported_wh.get(key, 0) + reading.imported_wh
        for retirement in outcome.retirements:
            entry = entry_of(self.height, self.now_s * 1_000, retirement)
            self.log_leaves.append(leaf_of(CHAIN, retired_codec.encode(entry)))
            for lot in retirement.lots:
                if lot.origin.source in RENEWABLE:
                    self.credited_mg += 500 * lot.amount_wh
                if retirement.meter is not None:
                    key = (retirement.meter, month_in_bangkok(lot.origin.start_s))
                    self.covered_wh[key] = self.covered_wh.get(key, 0) + lot.amount_wh
        self.used_mg += outcome.credits_retired_mgco2e

    def accepted(self, *transactions: CheckedTransaction) -> BlockOutcome:
        """A block of which every transaction takes effect."""
        outcome = self.block(*transactions)
        assert [receipt for receipt in outcome.receipts if not receipt.ok] == []
        return outcome

    def refused(self, transaction: CheckedTransaction) -> Reason:
        """Why the transaction is refused; that it changes nothing is checked."""
        before = dict(self.store)
        outcome = self.block(transaction, after_s=0)
        assert self.store == before
        assert not outcome.spent
        assert not outcome.made
        (receipt,) = outcome.receipts
        assert receipt.reason is not None, "it was accepted"
        return receipt.reason

    def reading(self, name: str, exported_wh: int, imported_wh: int = 0) -> CheckedTransaction:
        """The next reading of a person's meter, up to now."""
        meter = self.meter(name)
        body = Reading(
            meter.meter,
            meter.counter + 1,
            meter.counter,
            meter.end_s,
            max(self.now_s, meter.end_s + 1),
            meter.import_wh + imported_wh,
            meter.export_wh + exported_wh,
        )
        return signed(body, f"{name}'s meter")

    def export(self, name: str, exported_wh: int) -> None:
        """An hour passes, and a person's meter exports this much."""
        self.block(after_s=HOUR_S)
        self.accepted(self.reading(name, exported_wh))

    def sell(
        self, name: str, wh: int, price: int, expires_s: int = 0, **how: Any
    ) -> CheckedTransaction:
        body = wallet.sell(address(name), self.coins(name, Energy), wh, price, expires_s, **how)
        return signed(body, name)

    def buy(
        self, name: str, wh: int, price: int, expires_s: int = 0, **how: Any
    ) -> CheckedTransaction:
        body = wallet.buy(address(name), self.coins(name, Cash), wh, price, expires_s, **how)
        return signed(body, name)

    def amend(
        self, name: str, placed: CheckedTransaction, wh: int, price: int
    ) -> CheckedTransaction:
        order = self.order(placed)
        assert isinstance(order, Order)
        energy, cash = self.coins(name, Energy), self.coins(name, Cash)
        return signed(wallet.amend(placed.id, order, energy, cash, wh, price), name)

    def coin(self, coin_id: bytes) -> Coin | None:
        encoded = self.store.get(coin_id)
        return None if encoded is None else decode_coin(encoded)

    def order(self, placed: CheckedTransaction) -> Coin | None:
        return self.coin(order_coin_id(placed.id))

    def meter(self, name: str) -> Meter:
        meter = self.coin(meter_coin_id(CHAIN, meter_of(name)))
        assert isinstance(meter, Meter)
        return meter

    def supply(self) -> Supply:
        supply = self.coin(supply_coin_id(CHAIN))
        assert isinstance(supply, Supply)
        return supply

    def coins(self, name: str, kind: type[K]) -> list[tuple[bytes, K]]:
        """A person's coins of one kind."""
        return [
            (coin_id, coin)
            for coin_id, coin in self.all_coins()
            if isinstance(coin, kind) and address(name) in owners_of(coin)
        ]

    def all_coins(self) -> list[tuple[bytes, Coin]]:
        return [(coin_id, decode_coin(encoded)) for coin_id, encoded in self.store.items()]

    def cash(self, name: str) -> int:
        return sum(coin.amount_ugtx for _, coin in self.coins(name, Cash))

    def energy(self, name: str) -> int:
        return sum(coin.amount_wh for _, coin in self.coins(name, Energy))

    def check(self) -> None:
        """The invariants that no history may break."""
        coins = [coin for _, coin in self.all_coins()]
        supply = self.supply()
        cash = sum(coin.amount_ugtx for coin in coins if isinstance(coin, Cash))
        locked = sum(coin.locked_ugtx for coin in coins if isinstance(coin, BuyOrder))
        staked = sum(coin.locked_ugtx for coin in coins if isinstance(coin, Validator))
        deposits = sum(coin.deposit_ugtx for coin in coins if isinstance(coin, Proposal))
        forwards = ForwardSell | ForwardBuy | Contract
        ahead = sum(coin.locked_ugtx for coin in coins if isinstance(coin, forwards))
        grid = sum(coin.amount_ugtx for coin in coins if isinstance(coin, GridFund))
        assert cash + locked + staked + deposits + ahead + grid == supply.gtx_ugtx
        assert supply.gtx_ugtx + supply.burned_ugtx == self.genesis_ugtx + supply.rewarded_ugtx
        free = sum(coin.amount_wh for coin in coins if isinstance(coin, Energy))
        offered = sum(coin.quantity_wh for coin in coins if isinstance(coin, SellOrder))
        assert free + offered == supply.minted_wh - supply.retired_wh
        held = sum(coin.amount_wh for coin in coins if isinstance(coin, HeldEnergy))
        assert held == supply.held_wh
        assert supply.minted_wh + supply.held_wh + supply.voided_wh == self.metered_wh
        held = sum(coin.amount_mgco2e for coin in coins if isinstance(coin, Credit))
        assert held == supply.credits_issued_mgco2e - supply.credits_retired_mgco2e
        assert supply.credits_issued_mgco2e == self.credited_mg
        assert supply.credits_retired_mgco2e == self.used_mg
        for key, covered_wh in self.covered_wh.items():
            assert covered_wh <= self.imported_wh[key]
        log = self.coin(retirement_log_coin_id(CHAIN))
        assert isinstance(log, RetirementLog | None)
        assert (log.total if log else 0) == len(self.log_leaves)
        assert merkle_log.root_of(log.peaks if log else ()) == merkle.root(self.log_leaves)
        self._check_book()
        self._check_forwards()
        assert self.state_root.root == StateRoot.compute(CHAIN, self.store.items()).root

    def _check_forwards(self) -> None:
        """What is kept of the open forwards is what a node finds that starts now."""
        kept, rebuilt = self.orders.forwards, OpenOrders.rebuild(self.all_coins()).forwards
        orders = {slot: list(book.orders()) for slot, book in kept.books.items()}
        assert orders == {slot: list(book.orders()) for slot, book in rebuilt.books.items()}
        assert all(orders.values())
        coins = [coin for _, coin in self.all_coins()]
        placed = [coin for coin in coins if isinstance(coin, ForwardOrder)]
        contracts = [coin for coin in coins if isinstance(coin, Contract)]
        assert sum(map(len, orders.values())) == len(placed)
        assert len(kept) == len(rebuilt) == len(contracts)
        for trader in {coin.trader for coin in placed}:
            assert kept.count(trader) == rebuilt.count(trader)
        offers = [coin for coin in placed if isinstance(coin, ForwardSell)]
        promised: Counter[tuple[bytes, Slot]] = Counter()
        for offer in offers:
            promised[offer.meter, offer.slot] += offer.quantity_wh
        for contract in contracts:
            promised[contract.meter, contract.slot] += contract.sold_wh
        for (meter, slot), promised_wh in promised.items():
            times = (slot.start_s, slot.end_s)
            assert kept.contracts(meter, *times) == rebuilt.contracts(meter, *times)
            assert kept.committed_wh(meter, slot) == promised_wh
            assert kept.committed_wh(meter, slot) == rebuilt.committed_wh(meter, slot)
        late_ms = (self.now_s + 100 * 86_400) * 1_000
        assert kept.next_gate(late_ms) == rebuilt.next_gate(late_ms)
        assert kept.next_expired(late_ms) == rebuilt.next_expired(late_ms)
        assert kept.next_due(late_ms) == rebuilt.next_due(late_ms)

    def _check_book(self) -> None:
        resting = {
            (
                order.id,
                order.trader,
                order.side,
                order.price_mgtx_per_kwh,
                order.quantity_wh,
                order.terms,
                order.shown_wh,
            )
            for order in self.orders.book.orders()
        }
        assert resting == {
            (
                order_id_of(coin_id),
                coin.trader,
                Side.SELL if isinstance(coin, SellOrder) else Side.BUY,
                coin.price_mgtx_per_kwh,
                coin.quantity_wh,
                None if coin.standing is None else coin.standing.terms,
                0 if coin.standing is None else coin.standing.shown_wh,
            )
            for coin_id, coin in self.all_coins()
            if isinstance(coin, Order)
        }
        rebuilt = OpenOrders.rebuild(self.all_coins())
        assert list(rebuilt.book.orders()) == list(self.orders.book.orders())
        assert len(rebuilt) == len(self.orders) == len(resting)
        for _, trader, *_ in resting:
            assert rebuilt.count(trader) == self.orders.count(trader)


def reasons(receipts: Sequence[Receipt]) -> list[Reason | None]:
    return [receipt.reason for receipt in receipts]
