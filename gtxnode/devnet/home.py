"""One home as an outside client: its meter delivers readings, its wallet trades and retires.

The home speaks to one validator over WebSocket, and to the next one when that is gone. Meter and
wallet are two tasks on one connection. What was read stays in the outbox until a block holds it,
so a lost connection loses nothing; what the wallet decides, it decides anew from what the chain
says it owns.
"""

from collections import deque
from collections.abc import Sequence
from itertools import cycle
from time import time
from typing import Protocol

import structlog
import trio

from gtxnode.devnet.household import Household
from gtxnode.devnet.meter import SignedReading, SimulatedMeter
from gtxnode.devnet.purse import CoinPair, Purse, sort_coins, write
from gtxnode.devnet.slots import Plan, SlotOrder
from gtxnode.devnet.trading import (
    Need,
    OpenOrder,
    Standing,
    coverable,
    decide,
)
from gtxnode.devnet.watch import Outcome, Settled, Watch
from gtxnode.ledger import bodies, wallet
from gtxnode.ledger.bodies import Body
from gtxnode.ledger.coins import (
    Energy,
    decode_coin,
)
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.wallet import InsufficientFunds, sign
from gtxnode.rpc import wire
from gtxnode.rpc.client import Client, Disconnected, RpcError, connect
from gtxnode.rpc.views.accounts import CoinPage
from gtxnode.tariffs.calendar import month_number

log = structlog.get_logger(__name__)

CONNECT_S = 10.0
AGAIN_S = 0.5
MAX_DELIVERY = 24
"""Readings delivered together; a meter that was cut off delivers day by day."""
FEES_KEPT = 20
"""So many fees are kept out of what is spent on energy."""
MAX_CASH_COINS = 48
"""From here on a home gathers its money into one coin, before it has more than an order takes."""
COINS_PAGE = 1_000
HOURS_BACK = 2
"""A home that has traded tries a price as many hours better."""
MOST_HOURS_WAITED = 24


class _Task(Protocol):
    async def __call__(self, client: Client) -> None: ...


class Home:
    """One simulated home: `run` it, and `wind_down` before its end."""

    def __init__(
        self,
        household: Household,
        *,
        watch: Watch,
        chain_id: str,
        registration: CheckedTransaction,
        meter: SimulatedMeter,
        parameters: ChainParameters,
        homing: tuple[Watch, CheckedTransaction] | None = None,
        plan: Plan | None = None,
    ) -> None:
        """`homing` is what goes before the registration, and the registry that it goes to. With a
        `plan` it trades slots ahead of time too."""
        self.accepted = 0
        """Readings that a block took."""
        self.exported_wh = 0
        """What these readings exported: what the chain must have minted for them."""
        self._household = household
        self._watch = watch
        self._chain_id = chain_id
        self._registration = registration
        self._homing = homing
        self._registered = trio.Event()
        self._meter = meter
        self._parameters = parameters
        self._fee_ugtx = parameters.min_fee_ugtx
        self._plan = plan
        self._outbox: deque[SignedReading] = deque()
        self._read = trio.Event()
        self._told = trio.Event()
        self._winding_down = False
        self._need = Need()
        self._hours_waited = 0
        self._resting: OpenOrder | None = None
        self._known_height = 0

    @property
    def undecided_wh(self) -> int:
        """Exports in readings that were read and that no block is known to have taken."""
        return sum(reading.export_wh for reading in self._outbox)

    @property
    def delivered(self) -> bool:
        """Whether nothing that was read is still to be taken by a block."""
        return not self._outbox

    def wind_down(self) -> None:
        """Read and trade no more; what was read is still delivered."""
        self._winding_down = True
        self._told.set()

    async def run(self, urls: Sequence[str], hour_takes_s: float) -> None:
        """Live for ever, on the first of these validators that answers."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._measure, hour_takes_s)
            for url in cycle(urls):
                try:
                    async with connect(url, timeout_s=CONNECT_S) as client:
                        await self._live(client)
                except Disconnected as gone:
                    self._say("home.disconnected", url=url, reason=str(gone))
                await trio.sleep(AGAIN_S)

    # -- the meter

    async def _measure(self, hour_takes_s: float) -> None:
        """Read the meter once an hour of its time, and never before that hour has passed."""
        next_s = trio.current_time()
        while True:
            next_s += hour_takes_s
            await trio.sleep_until(next_s)
            await _sleep_until_unix(self._meter.end_s + self._meter.interval_s)
            if self._winding_down:
                return
            self._outbox.append(self._meter.read())
            self._read.set()

    async def _deliver(self, client: Client) -> None:
        """Send what was read, in order, and wait until a block holds it before sending more."""
        if not self._registered.is_set():
            await self._register(client)
        while True:
            while not self._outbox:
                self._read = trio.Event()
                await self._read.wait()
            sent = [self._outbox[index] for index in range(min(len(self._outbox), MAX_DELIVERY))]
            outcomes = await self._watch.deliver(client, [one.transaction for one in sent])
            # Only now, so that a connection lost in between leaves them to be sent again.
            for reading, outcome in zip(sent, outcomes, strict=True):
                if outcome.settled is Settled.REJECTED:
                    self._complain("reading", outcome)
                    await trio.sleep(AGAIN_S)
                    break  # it and those after it are sent again
                self._outbox.popleft()
                self._take(reading, outcome)

    async def _register(self, client: Client) -> None:
        if self._homing is not None:
            registry, homing = self._homing
            await registry.send(client, homing)
        while not self._registered.is_set():
            outcome = await self._watch.send(client, self._registration)
            if outcome.settled is Settled.FINAL:
                self._registered.set()
            else:
                # A chain hears of the meter's home a block or two later.
                self._complain("registration", outcome)
                await trio.sleep(AGAIN_S)

    def _take(self, reading: SignedReading, outcome: Outcome) -> None:
        if outcome.settled is Settled.REFUSED:
            self._complain("reading", outcome)
            return
        self.accepted += 1
        self.exported_wh += reading.export_wh
        self._hours_waited = min(self._hours_waited + 1, MOST_HOURS_WAITED)
        self._need.use(reading.end_s - self._meter.interval_s, reading.import_wh)
        self._told.set()

    # -- the wallet

    async def _live(self, client: Client) -> None:
        """Deliver and trade until the connection ends."""
        async with trio.open_nursery() as nursery:
            for task in (self._deliver, self._trade):
                nursery.start_soon(self._while_connected, task, client, nursery.cancel_scope)

    async def _while_connected(self, task: _Task, client: Client, both: trio.CancelScope) -> None:
        try:
            await task(client)
        except (Disconnected, RpcError) as error:
            self._say("home.interrupted", reason=str(error))
            both.cancel()

    async def _trade(self, client: Client) -> None:
        """Do what is to be done, one thing after another; then wait for the meter's next hour."""
        await self._registered.wait()
        while not self._winding_down:
            purse = await self._purse(client)
            body = self._next(purse)
            if body is None:
                self._told = trio.Event()
                await self._told.wait()
                continue
            outcome = await self._watch.send(client, self._sign(body))
            self._known_height = max(self._known_height, outcome.height)
            if outcome.settled is Settled.FINAL:
                self._done(body, purse)
            else:
                self._complain(bodies.KIND_NAMES[type(body)], outcome)
                await self._watch.next_block()

    def _sign(self, body: Body) -> CheckedTransaction:
        return sign(self._chain_id, body, self._household.wallet_key)

    def _next(self, purse: Purse) -> Body | None:
        """The body of the next transaction; None when there is nothing to do."""
        owner, fee_ugtx = self._household.owner, self._fee_ugtx
        if len(purse.cash) > MAX_CASH_COINS:
            return wallet.pay(owner, purse.cash, owner, purse.cash_ugtx - fee_ugtx, fee_ugtx)
        ahead = self._plan.next(time()) if self._plan is not None else None
        if ahead is not None:
            return self._slot_order(ahead, purse)
        order = purse.orders[0] if purse.orders else None
        self._notice_trades(order)
        standing = Standing(
            energy_wh=purse.energy_wh,
            offerable_wh=purse.offerable_wh,
            cash_ugtx=purse.cash_ugtx,
            need_wh=self._need.total_wh,
            covers=coverable(self._need.by_month(), purse.by_month()),
            order=order,
            waited_hours=self._hours_waited,
            local_hour=self._meter.hour_of_day,
        )
        temper = self._household.number
        action = decide(standing, temper=temper, reserve_ugtx=FEES_KEPT * fee_ugtx)
        if action is None:
            return None
        home = self._household
        zone = None if self._parameters.grid is None else home.zone
        try:
            return write(action, owner, purse, fee_ugtx, covers=home.meter, zone=zone)
        except InsufficientFunds as short:
            self._say("home.short", reason=str(short))
            return None

    def _slot_order(self, order: SlotOrder, purse: Purse) -> Body | None:
        home, price = self._household, order.price_mgtx_per_kwh
        try:
            if not order.sells:
                return wallet.forward_bid(
                    home.owner, purse.cash, order.slot, home.zone, order.amount_wh, price
                )
            collateral = self._parameters.forwards.imbalance.collateral(
                price, self._parameters.orders.max_price_mgtx_per_kwh
            )
            return wallet.forward_offer(
                home.owner, purse.cash, order.slot, home.meter, order.amount_wh, price, collateral
            )
        except InsufficientFunds as short:
            self._say("home.short", reason=str(short))
            return None

    def _notice_trades(self, order: OpenOrder | None) -> None:
        """An order that shrank or went without our cancelling it has traded."""
        before = self._resting
        if before is not None and (order is None or order.amount_wh < before.amount_wh):
            self._hours_waited = max(0, self._hours_waited - HOURS_BACK)
        self._resting = order

    def _done(self, body: Body, purse: Purse) -> None:
        match body:
            case bodies.Retire():
                kept = sum(out.amount_wh for out in body.outputs if isinstance(out, Energy))
                put_in = [coin for id_, coin in purse.energy if id_ in body.inputs]
                retired_wh = sum(coin.amount_wh for coin in put_in) - kept
                # All of it was made in one month (purse.py).
                self._need.cover(retired_wh, month_number(put_in[0].origin.start_s))
            case bodies.Cancel():
                self._resting = None
            case bodies.PlaceSell() | bodies.PlaceBuy():
                sells = isinstance(body, bodies.PlaceSell)
                self._resting = OpenOrder(b"", sells, body.quantity_wh, body.price_mgtx_per_kwh)

    async def _purse(self, client: Client) -> Purse:
        """What the home owns, not before the last block that changed it by its own doing."""
        while True:
            coins, height = await self._coins(client)
            if height >= self._known_height:
                return sort_coins(coins)
            await trio.sleep(AGAIN_S)  # this validator is behind the one that told us

    async def _coins(self, client: Client) -> tuple[list[CoinPair], int]:
        coins: list[CoinPair] = []
        after: bytes | None = None
        while True:
            page = await client.ask(
                CoinPage,
                "account.coins",
                shard=self._watch.shard,
                address=wire.Address(self._household.owner),
                after=after,
                limit=COINS_PAGE,
            )
            coins += [(bytes(coin.id), decode_coin(coin.encoded)) for coin in page.coins]
            after = page.next
            if after is None:
                return coins, page.height

    def _complain(self, what: str, outcome: Outcome) -> None:
        reason = f"{outcome.refusal.reason}: {outcome.refusal.message}" if outcome.refusal else ""
        self._say("home.refused", what=what, by=outcome.settled.value, reason=reason)

    def _say(self, event: str, **facts: object) -> None:
        log.info(event, home=self._household.name, **facts)


async def _sleep_until_unix(at_s: int) -> None:
    """No hour is read before it has passed on the real clock."""
    await trio.sleep(max(0.0, at_s - time()))
