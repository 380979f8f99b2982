"""One run of a development network, from prepared homes to its last word.

In order: start the processes, wait until all are ready, write devnet.json, let the homes live;
then, at the end of its time or at a Ctrl-C: stop the homes, wait for what is on its way, check the
invariants, stop the processes.

A validator may be killed from outside and started again, which is what such a network is for: it
goes on without, and what answers at the end is checked. One that ended by itself and is not back by
then is a fault.

Invariant: however this ends, none of the processes outlives it, and after a Ctrl-C they are gone
within five seconds. A second Ctrl-C leaves the checks out.
"""

import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from time import time
from typing import Any, TextIO

import trio

from consensus import signing
from gtxnode.devnet import homes, report
from gtxnode.devnet.acts import BLACKOUT, USUAL
from gtxnode.devnet.audit import Audit, Expected, audit
from gtxnode.devnet.communities import SLOT_S, first_slot_s
from gtxnode.devnet.exchange import SHARD
from gtxnode.devnet.fleet import Fleet, Validator
from gtxnode.devnet.home import Home
from gtxnode.devnet.homes import HOUR_S
from gtxnode.devnet.household import Household
from gtxnode.devnet.meter import SimulatedMeter, first_morning_s
from gtxnode.devnet.slots import Plan
from gtxnode.devnet.table import show
from gtxnode.devnet.trading_chain import Trading
from gtxnode.devnet.watch import Watch
from gtxnode.genesis import chain_id
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import REGISTRY
from gtxnode.rpc.client import Client, Disconnected, RpcError, connect
from gtxnode.rpc.views.node import NodeStatus

READY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1
CONNECT_S = 2.0
# At the end of its time a network may settle in peace; after a Ctrl-C it has five seconds for all.
SETTLE_S, AUDIT_S, STOP_S = 20.0, 20.0, 4.0
HURRIED_SETTLE_S, HURRIED_AUDIT_S, HURRIED_STOP_S = 1.5, 1.0, 2.0


# How a validator ends that somebody stopped: in order, or by one of these signals.
STOPPED = frozenset({0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT})


class Failed(Exception):
    """The network did not start."""

    code = "devnet.failed"


class Session:
    """A network, and what our clients know of it."""

    def __init__(
        self, fleet: Fleet, *, speed: int, duration_s: float | None, blackout: bool = False
    ) -> None:
        self._fleet = fleet
        script = BLACKOUT if blackout else USUAL
        self._trading = Trading(fleet, script) if SHARD in fleet.shards else None
        self._hour_takes_s = HOUR_S / speed
        self._duration_s = math.inf if duration_s is None else duration_s
        self._lasted_s = 0.0
        self._watches = {str(shard): Watch(shard) for shard in fleet.shards}
        self._homes: dict[str, list[Home]] = {shard: [] for shard in self._watches}
        self._audits: dict[str, Audit] = {}
        self._faults: list[str] = []
        self._interruptible = trio.CancelScope()
        self._interrupted = False

    async def run(self, output: TextIO) -> dict[str, Any]:
        """Run to the end, showing it on `output`; the final object of report.py. `Failed`."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._listen, signals)
                    with self._interruptible:
                        await self._live(nursery, output)
                    self._interruptible = trio.CancelScope()
                    with self._interruptible:
                        await self._judge()
                    nursery.cancel_scope.cancel()
            finally:
                await self._fleet.stop(HURRIED_STOP_S if self._interrupted else STOP_S)
        return report.summarise(
            duration_s=self._lasted_s,
            validators=len(self._fleet.validators),
            watches=self._watches,
            audits=self._audits,
            faults=self._faults,
            trading=self._trading.as_object() if self._trading else None,
        )

    @property
    def audits(self) -> Mapping[str, Audit]:
        """The checks' results by shard, after the run."""
        return self._audits

    @property
    def faults(self) -> Sequence[str]:
        """What went wrong besides the invariants, in words, after the run."""
        return self._faults

    async def _listen(self, signals: AsyncIterator[int]) -> None:
        async for _ in signals:
            self._interrupted = True
            self._interruptible.cancel()

    # -- start

    async def _start(self) -> None:
        self._fleet.start()
        with trio.move_on_after(READY_WITHIN_S):
            for validator in self._fleet.validators:
                while not await is_ready(validator):
                    self._check_running()
                    await trio.sleep(LOOK_EVERY_S)
            return
        raise Failed(f"not every validator was ready within {READY_WITHIN_S:.0f} s")

    def _check_running(self) -> None:
        for validator in self._fleet.validators:
            if not validator.process.running:
                raise Failed(_last_words(validator))

    @contextmanager
    def _described(self) -> Iterator[None]:
        """Keep HOME/devnet.json, whole at any time, while the network runs."""
        path = self._fleet.folder / "devnet.json"
        new = path.with_suffix(".new")
        new.write_text(self._fleet.describe(os.getpid()), encoding="utf-8")
        new.replace(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    # -- life

    async def _live(self, nursery: trio.Nursery, output: TextIO) -> None:
        """Start everything, and let it run until its time is over or a Ctrl-C."""
        await self._start()
        started_s = trio.current_time()
        try:
            with self._described():
                self._open(nursery, output)
                await trio.sleep(self._duration_s)
        finally:
            self._lasted_s = trio.current_time() - started_s

    def _open(self, nursery: trio.Nursery, output: TextIO) -> None:
        """Follow the validators, show what they do, and let the homes live."""
        nursery.start_soon(self._guard)
        notes = self._trading.notes if self._trading else tuple
        nursery.start_soon(show, self._watches, output, notes)
        for watch in self._watches.values():
            for each in self._fleet.validators:
                nursery.start_soon(watch.follow, each.name, each.websocket)
        now_s = int(time())
        urls = [each.websocket for each in self._fleet.validators]
        if self._trading is not None:
            nursery.start_soon(self._trading.run, urls, self._watches[SHARD])
        for household, hours in zip(self._fleet.households, homes.load(), strict=False):
            home = self._home(household, hours, now_s)
            self._homes[household.shard].append(home)
            first = household.number % len(urls)
            hour_takes_s = SLOT_S if household.homes > 1 else self._hour_takes_s
            nursery.start_soon(home.run, [*urls[first:], *urls[:first]], hour_takes_s)

    def _home(self, household: Household, hours: tuple[homes.Hour, ...], now_s: int) -> Home:
        chain = chain_id(self._fleet.genesis.network, household.shard)
        utility_key = self._fleet.authorities[household.utility]
        is_community = household.homes > 1
        start_s = first_slot_s(now_s) if is_community else first_morning_s(now_s)
        meter = SimulatedMeter(
            chain_id=chain,
            meter=household.meter,
            key=household.meter_key,
            hours=tuple(hour.times(household.homes, household.plants) for hour in hours),
            start_s=start_s,
            interval_s=household.interval_s,
            first_hour=household.first_hour,
        )
        return Home(
            household,
            watch=self._watches[household.shard],
            chain_id=chain,
            registration=sign(chain, household.registration(start_s), utility_key),
            meter=meter,
            parameters=self._fleet.genesis.parameters,
            homing=self._homing(household),
            plan=Plan(meter, household.number) if is_community else None,
        )

    def _homing(self, household: Household) -> tuple[Watch, CheckedTransaction] | None:
        """What has to be on the registry before the meter is registered; None without one."""
        if REGISTRY not in self._fleet.shards:
            return None
        chain = chain_id(self._fleet.genesis.network, REGISTRY)
        utility_key = self._fleet.authorities[household.utility]
        return self._watches[REGISTRY], sign(chain, household.homing(), utility_key)

    async def _guard(self) -> None:
        """Say of each validator that it ended, once."""
        left = list(self._fleet.validators)
        while True:
            for validator in [each for each in left if not each.process.running]:
                left.remove(validator)
                print(_last_words(validator), file=sys.stderr, flush=True)
            await trio.sleep(LOOK_EVERY_S)

    # -- end

    async def _judge(self) -> None:
        """Stop the homes, wait for what is on its way, and check the invariants."""
        for home in self._all_homes():
            home.wind_down()
        with trio.move_on_after(HURRIED_SETTLE_S if self._interrupted else SETTLE_S):
            while not self._settled():  # noqa: ASYNC110 - a wait for other processes
                await trio.sleep(LOOK_EVERY_S)
        with trio.move_on_after(HURRIED_AUDIT_S if self._interrupted else AUDIT_S):
            async with AsyncExitStack() as stack:
                clients = await self._clients(stack)
                for shard, watch in self._watches.items() if clients else ():
                    try:
                        self._audits[shard] = await audit(watch, clients, self._expected(shard))
                    except Disconnected as error:
                        self._faults.append(f"{shard} could not be checked: {error}")
                if self._trading is not None and clients:
                    await self._trading.collect(next(iter(clients.values())))

    async def _clients(self, stack: AsyncExitStack) -> dict[str, Client]:
        """Connections to all validators but those that somebody stopped and that are not back."""
        found: dict[str, Client] = {}
        for each in self._fleet.validators:
            was_stopped = each.process.exit_code in STOPPED
            if was_stopped and not await is_ready(each):
                continue
            try:
                client = connect(each.websocket, timeout_s=CONNECT_S)
                found[each.name] = await stack.enter_async_context(client)
            except Disconnected:
                if not was_stopped:
                    self._faults.append(f"{each.name} does not answer")
        return found

    def _all_homes(self) -> list[Home]:
        return [home for each in self._homes.values() for home in each]

    def _settled(self) -> bool:
        on_their_way = any(watch.unsettled for watch in self._watches.values())
        return not on_their_way and all(home.delivered for home in self._all_homes())

    def _expected(self, shard: str) -> Expected:
        genesis = self._fleet.genesis
        stakes = genesis.stakes_on(shard)
        staked_ugtx = stakes.total_stake if stakes is not None else 0
        validators = [address_of(each.public_key) for each in genesis.validators]
        authorities = [
            address_of(signing.public_key(key)) for key in self._fleet.authorities.values()
        ]
        residents = [each.owner for each in self._fleet.households if each.shard == shard]
        return Expected(
            gtx_ugtx=staked_ugtx + sum(e.amount_ugtx for e in genesis.allocations_on(shard)),
            delivered_wh=sum(home.exported_wh for home in self._homes[shard]),
            undecided_wh=sum(home.undecided_wh for home in self._homes[shard]),
            owners=(*validators, *authorities, *residents),
        )


def _last_words(validator: Validator) -> str:
    """That a validator ended: how to start it again, or what it said last if it was by itself."""
    code = validator.process.exit_code
    if code in STOPPED:
        again = f"gtxnode start --home {validator.home.path}"
        return f"{validator.name} was stopped; it comes back with {again}"
    return f"{validator.name} stopped (exit code {code}):\n{validator.process.last_lines()}"


async def is_ready(validator: Validator) -> bool:
    """Whether a validator answers, and says that it is ready."""
    try:
        async with connect(validator.websocket, timeout_s=CONNECT_S) as client:
            status = await client.ask(NodeStatus, "node.status")
            return status.ready
    except (Disconnected, RpcError):
        return False
