"""The load: a process outside the validators that submits signed transactions at a steady rate.

Open loop: each transaction is sent when it is due, whether or not those before it were answered,
and its time to finality counts from when it was due. Every connection pays into an address of its
own and is told of it by its own subscription, as a wallet would be. It speaks the protocol with as
little code as that takes, because it shares the processors with what it measures.

    python -m benchmarks.load PLAN RESULT

reads a `Plan` and writes a `Result`, both MessagePack; the benchmarks run it through `apart`.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from math import ceil
from pathlib import Path

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from gtxnode.primitives.addresses import format_address

SETTLE_S = 15.0
"""How long after the last transaction its finality is waited for."""
LEAD_S = 0.5
IDLE_CALLS = 50


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


class _Refusal(msgspec.Struct):
    reason: str


class _Verdict(msgspec.Struct):
    status: str
    refusal: _Refusal | None = None


class _Event(msgspec.Struct):
    kind: str
    id: str = ""
    refusal: _Refusal | None = None


class _Notice(msgspec.Struct):
    event: _Event


class _Incoming(msgspec.Struct):
    """An answer to a submission, or an event."""

    id: int | None = None
    result: _Verdict | None = None
    params: _Notice | None = None


_INCOMING = msgspec.json.Decoder(_Incoming)


def _request(number: int, method: str, **params: object) -> str:
    body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return msgspec.json.encode(body).decode()


class _Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._due_s = {
            identity.hex(): due_s
            for each in plan.connections
            for due_s, identity, _ in each.transactions
        }
        self._open = set(self._due_s)
        self._settled = trio.Event()
        self._started_s = 0.0
        self.finality_s: list[float] = []
        self.late_s: list[float] = []
        self.idle_s: list[float] = []
        self.refused: Counter[str] = Counter()

    async def run(self) -> None:
        connections = self._plan.connections
        async with AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(open_websocket_url(each.url))
                for each in connections
            ]
            for each, socket in zip(connections, sockets, strict=True):
                await self._subscribe(socket, each.sink)
            await self._idle_calls(sockets[0])
            texts = [self._texts(each) for each in connections]
            self._started_s = trio.current_time() + LEAD_S
            nursery = await stack.enter_async_context(trio.open_nursery())
            for each, socket, prepared in zip(connections, sockets, texts, strict=True):
                nursery.start_soon(self._receive, socket, each)
                nursery.start_soon(self._send, socket, prepared)
            last_s = max(self._due_s.values(), default=0.0)
            with trio.move_on_at(self._started_s + last_s + self._plan.settle_s):
                await self._settled.wait()
            nursery.cancel_scope.cancel()

    def _texts(self, connection: Connection) -> list[tuple[float, str]]:
        """When to send what: a request's number is its transaction's place."""
        shard = self._plan.shard
        return [
            (due_s, _request(place, "tx.send", shard=shard, transaction=encoded.hex()))
            for place, (due_s, _, encoded) in enumerate(connection.transactions)
        ]

    async def _subscribe(self, socket: WebSocketConnection, sink: bytes) -> None:
        address = format_address(sink)
        shard = self._plan.shard
        text = _request(0, "events.subscribe", shard=shard, topic="address", address=address)
        await socket.send_message(text)
        answer = msgspec.json.decode(await socket.get_message())
        assert "result" in answer, answer

    async def _idle_calls(self, socket: WebSocketConnection) -> None:
        for number in range(IDLE_CALLS):
            started_s = trio.current_time()
            await socket.send_message(_request(number, "chain.head", shard=self._plan.shard))
            await socket.get_message()
            self.idle_s.append(trio.current_time() - started_s)

    async def _send(self, socket: WebSocketConnection, texts: list[tuple[float, str]]) -> None:
        for due_s, text in texts:
            at_s = self._started_s + due_s
            await trio.sleep_until(at_s)
            await socket.send_message(text)
            self.late_s.append(trio.current_time() - at_s)

    async def _receive(self, socket: WebSocketConnection, connection: Connection) -> None:
        while True:
            try:
                message = _INCOMING.decode(await socket.get_message())
            except ConnectionClosed as closed:
                raise RuntimeError(f"{connection.url} hung up: {closed.reason}") from closed
            if message.params is not None:
                event = message.params.event
                if event.kind == "transaction":
                    self._settle(event.id, event.refusal)
            elif message.result is None or message.result.status == "rejected":
                assert message.id is not None, "only submissions are under way"
                _, identity, _ = connection.transactions[message.id]
                refusal = message.result.refusal if message.result else None
                self._settle(identity.hex(), refusal or _Refusal("error"))

    def _settle(self, identity: str, refused: _Refusal | None) -> None:
        if identity not in self._open:
            return
        self._open.remove(identity)
        if refused is None:
            at_s = self._started_s + self._due_s[identity]
            self.finality_s.append(trio.current_time() - at_s)
        else:
            self.refused[refused.reason] += 1
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
