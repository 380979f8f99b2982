"""The load: a process outside the validators that submits signed transactions at a steady rate.

Open loop: each transaction is sent when it is due, whether or not those before it were answered,
and its time to finality counts from when it was due. Every connection pays into an address of its
own and is told of it by its own subscription, as a wallet would be.

    python -m benchmarks.load PLAN RESULT

reads a `Plan` and writes a `Result`, both MessagePack; the benchmarks run it through `apply`.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import count
from math import ceil
from pathlib import Path

import msgspec
import trio

from gtxnode.devnet.processes import Child, stop
from gtxnode.rpc.backend import HeadView, TransactionEvent, Verdict, VerdictStatus
from gtxnode.rpc.client import Client, EventStream, connect
from gtxnode.rpc.wire import Address

SETTLE_S = 15.0
"""How long after the last transaction its finality is waited for."""
LEAD_S = 0.5
IDLE_CALLS = 50
STOP_S = 2.0

_runs = count(1)


class Connection(msgspec.Struct, frozen=True):
    """One client's connection: where to, which address it watches, what it sends."""

    url: str
    sink: bytes
    transactions: tuple[tuple[float, bytes, bytes], ...]
    """Seconds after the start, id, encoded."""


class Plan(msgspec.Struct, frozen=True):
    """All that the load does."""

    shard: str
    connections: tuple[Connection, ...]
    settle_s: float = SETTLE_S


class Result(msgspec.Struct, frozen=True):
    """What came of it. Times in seconds, sorted."""

    sent: int
    finality_s: list[float]
    """Of every transaction that took effect: from when it was due to its event."""
    late_s: list[float]
    """How long after it was due each one was sent: the load's own delay."""
    refused: dict[str, int]
    """How many were refused, on submission or by a block, by reason."""
    idle_s: list[float]
    """Round trips of one call after the other over the first connection, before the load."""
    cpu_s: float
    """Processor time that the load itself took from the machine."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; NaN of none."""
    return ordered[max(0, ceil(len(ordered) * share) - 1)] if ordered else float("nan")


def spread(
    urls: Sequence[str],
    sinks: Sequence[bytes],
    transactions: Sequence[tuple[bytes, bytes]],
    rate: float,
) -> tuple[Connection, ...]:
    """Deal transactions, each (id, encoded), out over connections, one for each sink."""
    due = [(number / rate, *item) for number, item in enumerate(transactions)]
    return tuple(
        Connection(urls[place % len(urls)], sink, tuple(due[place :: len(sinks)]))
        for place, sink in enumerate(sinks)
    )


async def apply(folder: Path, plan: Plan) -> Result:
    """Run a plan in a process of its own. `RuntimeError` if it fails."""
    number = next(_runs)
    given, made = folder / f"plan-{number}", folder / f"result-{number}"
    given.write_bytes(msgspec.msgpack.encode(plan))
    command = (sys.executable, "-m", "benchmarks.load", str(given), str(made))
    process = Child("load", command, folder / f"load-{number}.log")
    try:
        process.start()
        if await process.exited() != 0:
            raise RuntimeError(process.last_lines())
    finally:
        await stop([process], grace_s=STOP_S)
    given.unlink()
    return msgspec.msgpack.decode(made.read_bytes(), type=Result)


class _Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._due_s = {
            identity: due_s for each in plan.connections for due_s, identity, _ in each.transactions
        }
        self._open = set(self._due_s)
        self._settled = trio.Event()
        self._started_s = 0.0
        self.finality_s: list[float] = []
        self.late_s: list[float] = []
        self.idle_s: list[float] = []
        self.refused: Counter[str] = Counter()

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(connect(e.url)) for e in self._plan.connections
            ]
            streams = [
                await stack.enter_async_context(
                    client.subscribe(self._plan.shard, "address", address=Address(each.sink))
                )
                for client, each in zip(clients, self._plan.connections, strict=True)
            ]
            await self._idle_calls(clients[0])
            self._started_s = trio.current_time() + LEAD_S
            nursery = await stack.enter_async_context(trio.open_nursery())
            for each, client, stream in zip(self._plan.connections, clients, streams, strict=True):
                nursery.start_soon(self._listen, stream)
                nursery.start_soon(self._send, nursery, client, each)
            last_s = max(self._due_s.values(), default=0.0)
            with trio.move_on_at(self._started_s + last_s + self._plan.settle_s):
                await self._settled.wait()
            nursery.cancel_scope.cancel()

    async def _idle_calls(self, client: Client) -> None:
        for _ in range(IDLE_CALLS):
            started_s = trio.current_time()
            await client.ask(HeadView, "chain.head", shard=self._plan.shard)
            self.idle_s.append(trio.current_time() - started_s)

    async def _send(self, nursery: trio.Nursery, client: Client, connection: Connection) -> None:
        for due_s, identity, encoded in connection.transactions:
            at_s = self._started_s + due_s
            await trio.sleep_until(at_s)
            self.late_s.append(trio.current_time() - at_s)
            nursery.start_soon(self._submit, client, identity, encoded)

    async def _submit(self, client: Client, identity: bytes, encoded: bytes) -> None:
        verdict = await client.ask(Verdict, "tx.send", shard=self._plan.shard, transaction=encoded)
        if verdict.status is VerdictStatus.REJECTED:
            assert verdict.refusal is not None, "a rejection has its reason"
            self._settle(identity, verdict.refusal.reason)

    async def _listen(self, stream: EventStream) -> None:
        async for event in stream:
            if isinstance(event.body, TransactionEvent):
                refusal = event.body.refusal
                self._settle(event.body.id, refusal.reason if refusal else None)

    def _settle(self, identity: bytes, refused: str | None) -> None:
        if identity not in self._open:
            return
        self._open.remove(identity)
        if refused is None:
            at_s = self._started_s + self._due_s[identity]
            self.finality_s.append(trio.current_time() - at_s)
        else:
            self.refused[refused] += 1
        if not self._open:
            self._settled.set()


def main(plan: Path, result: Path) -> None:
    """Run a plan."""
    load = _Load(msgspec.msgpack.decode(plan.read_bytes(), type=Plan))
    trio.run(load.run)
    made = Result(
        len(load.late_s),
        sorted(load.finality_s),
        sorted(load.late_s),
        dict(load.refused),
        sorted(load.idle_s),
        time.process_time(),
    )
    result.write_bytes(msgspec.msgpack.encode(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
