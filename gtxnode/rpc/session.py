"""One client's conversation, whatever carries it: calls answered, subscriptions told.

A message comes in as text and its answer goes into the outbox. Messages of one client are answered
concurrently, so answers may overtake one another; within a batch the order is that of the batch.

Invariant: a subscription's first event never goes out before the answer that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
import trio

from gtxnode.metrics import RpcMetrics
from gtxnode.rpc import wire
from gtxnode.rpc.backend import Node
from gtxnode.rpc.codec import (
    Call,
    Entry,
    Invalid,
    Message,
    Notification,
    answer_to,
    failure_of,
    parse,
    result_of,
)
from gtxnode.rpc.errors import CloseCode, ErrorCode, Pruned, RpcFailure, Stopping
from gtxnode.rpc.limits import RpcLimits
from gtxnode.rpc.methods import METHODS, bind, find
from gtxnode.rpc.methods.row import Subscribe, Subscribed
from gtxnode.rpc.outbox import Outbox, OutboxClosed, SlowClient
from gtxnode.rpc.subscriptions import (
    EventFeed,
    Interest,
    Told,
    follow,
    height_of,
    next_number,
    notice,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all conversations of a server share."""

    node: Node
    feeds: Mapping[str, EventFeed]
    limits: RpcLimits
    metrics: RpcMetrics


@dataclass(slots=True)
class Subscription:
    """One subscription: what it wants, from which number on, and how it is ended."""

    id: int
    feed: EventFeed
    interest: Interest
    start: int
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class ClientSession:
    """The calls and subscriptions of one client.

    `end` is called, at most once for each cause, when the conversation cannot go on.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        outbox: Outbox,
        nursery: trio.Nursery,
        end: Callable[[CloseCode], None],
    ) -> None:
        self.node = surroundings.node
        self.limits = surroundings.limits
        self.metrics = surroundings.metrics
        self.subscriptions: dict[int, Subscription] = {}
        self._feeds = surroundings.feeds
        self._outbox = outbox
        self._nursery = nursery
        self._end = end
        self._last_id = 0
        self._in_hand: set[trio.CancelScope] = set()
        self._draining = False
        self._closed = False

    async def answer(self, text: str | bytes) -> None:
        """Do what a message asks, and queue the answer, if it wants one."""
        turn = _Turn(self, wants_answer=True)
        try:
            message = parse(text, max_batch=self.limits.batch)
        except RpcFailure as failure:
            answer: bytes | None = failure_of(None, failure)
        else:
            answer = answer_to(message, await self._responses(message, turn))
        with self._ending():
            if answer is not None:
                await self._outbox.put(answer)
            for subscription in turn.made:
                self._nursery.start_soon(self._tell, subscription)

    def open_subscription(self, feed: EventFeed, interest: Interest, start: int) -> Subscription:
        """Enter a subscription; it tells nothing before it is started."""
        if self._closed:
            raise Stopping
        if len(self.subscriptions) >= self.limits.subscriptions:
            raise RpcFailure(
                ErrorCode.TOO_MANY_SUBSCRIPTIONS, data={"limit": self.limits.subscriptions}
            )
        self._last_id += 1
        subscription = Subscription(self._last_id, feed, interest, start)
        self.subscriptions[subscription.id] = subscription
        self.metrics.subscriptions.inc()
        return subscription

    def close_subscription(self, id: int) -> None:
        """End a subscription."""
        subscription = self.subscriptions.pop(id, None)
        if subscription is None:
            raise RpcFailure(ErrorCode.UNKNOWN_SUBSCRIPTION)
        self.metrics.subscriptions.dec()
        subscription.scope.cancel()

    def drain(self, until: float) -> None:
        """Take no more calls; those in hand have until then, in trio's time, to be answered."""
        self._draining = True
        for scope in self._in_hand:
            scope.deadline = min(scope.deadline, until)

    def close(self) -> None:
        """End every subscription, and let none be made by the calls in progress."""
        self._closed = True
        for id in tuple(self.subscriptions):
            self.close_subscription(id)

    def feed(self, shard: str) -> EventFeed:
        """The events of a hosted shard; raises `NotHosted`."""
        chain = self.node.chain(shard)
        return self._feeds[chain.shard]

    async def _responses(self, message: Message, turn: _Turn) -> list[bytes]:
        """The responses to a message's entries, in their order; none for notifications."""
        entries = iter(enumerate(message.entries))
        responses: dict[int, bytes] = {}

        async def work() -> None:
            for position, entry in entries:
                response = await self._respond(entry, turn)
                if response is not None:
                    responses[position] = response

        async with trio.open_nursery() as nursery:
            for _ in range(min(self.limits.calls_per_message, len(message.entries))):
                nursery.start_soon(work)
        return [responses[position] for position in sorted(responses)]

    async def _respond(self, entry: Entry, turn: _Turn) -> bytes | None:
        match entry:
            case Invalid():
                return failure_of(entry.id, entry.failure)
            case Notification():
                await self._call(Call(None, entry.method, entry.params), turn.without_answer())
                return None
            case Call():
                return turn.fit(entry, await self._call(entry, turn))

    async def _call(self, call: Call, turn: _Turn) -> bytes:
        """Run one call, and count it; whatever goes wrong is an answer."""
        began = trio.current_time()
        outcome = "ok"
        try:
            response = result_of(call.id, await self._result(call, turn))
        except RpcFailure as failure:
            outcome = failure.code.name
            response = failure_of(call.id, failure)
        except Exception:
            # A call is a supervised task: its fault is logged and must not end the others.
            log.exception("call_failed", method=call.method[:64])
            outcome = ErrorCode.INTERNAL_ERROR.name
            response = failure_of(call.id, RpcFailure(ErrorCode.INTERNAL_ERROR))
        method = call.method if call.method in METHODS else "unknown"
        self.metrics.calls.labels(method, outcome).inc()
        self.metrics.call_seconds.labels(method).observe(trio.current_time() - began)
        return response

    async def _result(self, call: Call, turn: _Turn) -> bytes:
        method = find(call.method)
        params = bind(method, call.params)
        if self._draining:
            raise Stopping
        with trio.move_on_after(self.limits.call_s) as scope:
            self._in_hand.add(scope)
            try:
                return wire.encode(await method.handler(turn, params))
            finally:
                self._in_hand.discard(scope)
        raise RpcFailure(ErrorCode.TIMED_OUT)

    async def _tell(self, subscription: Subscription) -> None:
        """Tell a subscription's events until it is ended, or the client cannot follow."""

        async def deliver(told: Told) -> None:
            await self._outbox.put(notice(subscription.id, subscription.interest, told))

        with self._ending(), subscription.scope:
            await follow(subscription.feed, subscription.interest, subscription.start, deliver)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """What ends the conversation, and the close code that says so."""
        try:
            yield
        except SlowClient:
            self._end(CloseCode.SLOW_CLIENT)
        except Pruned:
            self._end(CloseCode.EVENTS_PRUNED)
        except Stopping:
            self._end(CloseCode.GOING_AWAY)
        except OutboxClosed:
            pass  # It has ended already.


class _Turn:
    """One message being answered: what its handlers may use, and what is left of its room."""

    def __init__(self, session: ClientSession, *, wants_answer: bool) -> None:
        self.node = session.node
        self.made: list[Subscription] = []
        self._session = session
        self._wants_answer = wants_answer
        self._bytes_left = session.limits.answer_bytes

    def without_answer(self) -> _Turn:
        """The same session for a notification."""
        return _Turn(self._session, wants_answer=False)

    def fit(self, call: Call, response: bytes) -> bytes:
        """The response, or if the answer's limit is passed, the failure that says so."""
        if len(response) > self._bytes_left:
            limit = self._session.limits.answer_bytes
            return failure_of(
                call.id, RpcFailure(ErrorCode.RESPONSE_TOO_LARGE, data={"limit": limit})
            )
        self._bytes_left -= len(response)
        return response

    async def subscribe(self, params: Subscribe) -> Subscribed:
        """Make a subscription, to be started once its number is on the way to the client."""
        if not self._wants_answer:
            raise RpcFailure(ErrorCode.INVALID_REQUEST, "a subscription needs an answer")
        feed = self._session.feed(params.shard)
        live = next_number(feed.chain)
        start = live if params.from_ is None else params.from_
        first = height_of(start)
        if first <= feed.chain.head().height:
            await feed.at(first)  # Pruned, if it is no longer there.
        interest = Interest(params.topic, params.address)
        subscription = self._session.open_subscription(feed, interest, start)
        self.made.append(subscription)
        return Subscribed(subscription.id, start)

    def unsubscribe(self, subscription: int) -> None:
        """End a subscription of this session."""
        self._session.close_subscription(subscription)
