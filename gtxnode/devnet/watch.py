"""What the validators of one shard say, followed from outside: blocks, totals, our transactions.

Every validator is subscribed to. Each says of each height which block it is and which state it
leads to, and they must never differ (agreement.py). Whoever tells of a block first has it read for
the transactions that our clients sent, which are then final or refused; from sending to knowing
that is what "finality" means in the reports.

Invariant: a transaction that a validator acknowledged is in `unsettled` until a block holds it.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import trio

from gtxnode.devnet.agreement import Agreement
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.rpc.client import Client, Disconnected, EventsLost, RpcError, connect
from gtxnode.rpc.views.blocks import BlockView, HeadView
from gtxnode.rpc.views.events import BlockEvent
from gtxnode.rpc.views.market import TradePage
from gtxnode.rpc.views.transactions import (
    Refusal,
    TransactionState,
    TransactionStatus,
    Verdict,
    VerdictStatus,
)

REMEMBERED_LATENCIES = 20_000
CONNECT_S = 10.0
AGAIN_S = 0.5
ASK_AFTER_S = 10.0
"""How long a transaction may stay out of the blocks before we ask what became of it."""
HEAD_EVERY_S = 1.0


class Settled(Enum):
    """What became of a transaction that was sent."""

    FINAL = "final"
    REFUSED = "refused"  # by a block's execution
    REJECTED = "rejected"  # by the validator it was sent to, so it was never acknowledged


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction, and why if it was not executed."""

    settled: Settled
    height: int = 0  # of its block
    refusal: Refusal | None = None


class _Sent:
    """A transaction on its way."""

    __slots__ = ("done", "outcome", "sent_s")

    def __init__(self, sent_s: float) -> None:
        self.sent_s = sent_s
        self.done = trio.Event()
        self.outcome: Outcome | None = None


class Watch:
    """One shard as our clients see it. One task follows each validator (`follow`)."""

    def __init__(self, shard: str) -> None:
        self.shard = shard
        self.agreement = Agreement()
        self.height = 0
        self.tip = ""
        self.transactions = 0
        self.refused = 0
        self.trades = 0
        self.minted_wh = 0
        self.retired_wh = 0
        self.traded_wh = 0
        self.last_price_mgtx_per_kwh: int | None = None
        self.unsettled: set[bytes] = set()
        """Ids that a validator acknowledged and no block holds yet."""
        self.latencies_ms: deque[int] = deque(maxlen=REMEMBERED_LATENCIES)
        self._sent: dict[bytes, _Sent] = {}
        self._block_seen = trio.Event()

    # -- following validators

    async def follow(self, validator: str, url: str) -> None:
        """Follow one validator for ever, coming back whenever it does."""
        next_number = 0
        while True:
            try:
                async with connect(url, timeout_s=CONNECT_S) as client:
                    next_number = await self._listen(validator, client, next_number)
            except Disconnected:
                pass
            await trio.sleep(AGAIN_S)

    async def _listen(self, validator: str, client: Client, from_: int) -> int:
        """Take block events until the connection ends; the number to go on from."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ask_heads, validator, client)
            next_number = from_
            try:
                async with client.subscribe(self.shard, "blocks", from_=next_number) as events:
                    async for event in events:
                        if isinstance(event.body, BlockEvent):
                            await self._take_block(validator, client, event.height, event.body)
                        next_number = event.number + 1
            except EventsLost as lost:
                next_number = lost.resume_from
            except (Disconnected, RpcError):
                pass  # whoever follows comes back, and goes on from the same number
            nursery.cancel_scope.cancel()
        return next_number

    async def _ask_heads(self, validator: str, client: Client) -> None:
        try:
            while True:
                head = await client.ask(HeadView, "chain.head", shard=self.shard)
                self.agreement.state(validator, head.height, head.state_root)
                page = await client.ask(TradePage, "market.trades", shard=self.shard, limit=1)
                if page.trades:
                    self.last_price_mgtx_per_kwh = int(page.trades[-1].price_mgtx_per_kwh)
                await trio.sleep(HEAD_EVERY_S)
        except (Disconnected, RpcError):
            return  # the listener beside this one notices too

    async def _take_block(
        self, validator: str, client: Client, height: int, block: BlockEvent
    ) -> None:
        self.agreement.block(validator, height, block.id, block.app_root)
        if height <= self.height:
            return
        self.height, self.tip = height, block.id.hex()
        self.transactions += block.transactions
        self.refused += block.refused
        self.trades += block.trades
        self.minted_wh += block.minted_wh
        self.retired_wh += block.retired_wh
        self.traded_wh += block.traded_wh
        self._block_seen.set()
        self._block_seen = trio.Event()
        if self._sent and block.transactions:
            view = await client.ask(BlockView, "chain.block", shard=self.shard, height=height)
            self._settle(view)

    def _settle(self, block: BlockView) -> None:
        refusals = {refused.id: refused.refusal for refused in block.refused}
        now_s = trio.current_time()
        for id_ in block.transactions:
            sent = self._sent.pop(id_, None)
            if sent is not None:
                self.latencies_ms.append(round((now_s - sent.sent_s) * 1_000))
                self._finish(id_, sent, block.height, refusals.get(id_))

    def _finish(self, id_: bytes, sent: _Sent, height: int, refusal: Refusal | None) -> None:
        self.unsettled.discard(id_)
        sent.outcome = Outcome(Settled.REFUSED if refusal else Settled.FINAL, height, refusal)
        sent.done.set()

    async def next_block(self) -> None:
        """Wait until any validator tells of a block that is new to us."""
        await self._block_seen.wait()

    # -- sending

    async def send(self, client: Client, transaction: CheckedTransaction) -> Outcome:
        """Send a transaction and wait for what becomes of it. `Disconnected`, `RpcError`."""
        sent = self._expect(transaction.id)
        verdict = await client.ask(
            Verdict, "tx.send", shard=self.shard, transaction=transaction.encoded
        )
        known = self._judged(transaction.id, verdict)
        return known or await self._wait(client, transaction.id, sent, verdict)

    async def deliver(
        self, client: Client, readings: Sequence[CheckedTransaction]
    ) -> tuple[Outcome, ...]:
        """Send readings together, and wait for all. `Disconnected`, `RpcError`."""
        sent = [self._expect(reading.id) for reading in readings]
        verdicts = await client.ask(
            tuple[Verdict, ...],
            "meter.submit",
            shard=self.shard,
            readings=[reading.encoded for reading in readings],
        )
        # What is refused at once is known before the first is waited for.
        known = [self._judged(*one) for one in zip([r.id for r in readings], verdicts, strict=True)]
        return tuple(
            [
                outcome or await self._wait(client, reading.id, one, verdict)
                for reading, one, verdict, outcome in zip(
                    readings, sent, verdicts, known, strict=True
                )
            ]
        )

    def _expect(self, id_: bytes) -> _Sent:
        # A block may hold it before the answer to our sending arrives. Sent again after a lost
        # connection, it is still the first time that counts.
        return self._sent.setdefault(id_, _Sent(trio.current_time()))

    def _judged(self, id_: bytes, verdict: Verdict) -> Outcome | None:
        """The outcome if the answer itself says it; else it is acknowledged and a block tells."""
        if verdict.status is VerdictStatus.REJECTED:
            self._sent.pop(id_, None)
            return Outcome(Settled.REJECTED, refusal=verdict.refusal)
        if id_ in self._sent:
            self.unsettled.add(id_)
        return None

    async def _wait(self, client: Client, id_: bytes, sent: _Sent, verdict: Verdict) -> Outcome:
        if verdict.status is VerdictStatus.DUPLICATE and sent.outcome is None:
            await self._ask(client, id_, sent)  # its block may be behind us
        while sent.outcome is None:
            with trio.move_on_after(ASK_AFTER_S):
                await sent.done.wait()
            if sent.outcome is None:
                await self._ask(client, id_, sent)
        return sent.outcome

    async def _ask(self, client: Client, id_: bytes, sent: _Sent) -> None:
        """Ask after a transaction that takes long: nobody may have read its block to us."""
        try:
            status = await client.ask(TransactionStatus, "tx.status", shard=self.shard, id=id_)
        except RpcError:
            return  # not known there (any more): it stays unsettled, and the report says so
        if status.state in (TransactionState.FINAL, TransactionState.REFUSED):
            self._sent.pop(id_, None)
            self._finish(id_, sent, status.height or 0, status.refusal)


def percentile(values: Iterable[int], percent: int) -> int | None:
    """The value that so many per cent do not exceed (nearest rank); None without values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None
