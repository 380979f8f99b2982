"""One question, one answer, on a stream of its own.

asker  -> server   one frame: the payload; then the asker closes its direction
server -> asker    one frame: 0x00 and the answer, or 0x01 and the refusal's words (UTF-8)
"""

import logging
from collections import Counter

import trio

from p2p.counters import Counters, Traffic
from p2p.errors import (
    AlreadyOpen,
    Failure,
    MalformedFrame,
    MessageTooLarge,
    Refused,
    RequestFailed,
)
from p2p.gossip import Charge
from p2p.identity import PeerId
from p2p.library import ID, INetStream, StreamFailure, TProtocol
from p2p.mended_host import MendedHost, is_unsupported
from p2p.network import (
    MAX_REFUSAL_BYTES,
    MAX_REQUEST_BYTES,
    MAX_RESPONSE_BYTES,
    Handler,
    Limits,
    Offence,
)
from p2p.streams import LIBRARY_ERRORS, FramedStream, StreamBroken

logger = logging.getLogger(__name__)

ANSWERED = b"\x00"
REFUSED = b"\x01"


class Requests:
    """Both sides of requests."""

    def __init__(
        self, host: MendedHost, limits: Limits, counters: Counters, charge: Charge
    ) -> None:
        self._host = host
        self._limits = limits
        self._counters = counters
        self._charge = charge
        self._served: set[str] = set()
        self._running: Counter[PeerId] = Counter()

    async def request(self, peer: PeerId, protocol: str, payload: bytes, timeout_s: float) -> bytes:
        """Ask a connected peer. Raises MessageTooLarge or RequestFailed."""
        if len(payload) > MAX_REQUEST_BYTES:
            raise MessageTooLarge(len(payload), MAX_REQUEST_BYTES)
        self._counters.sent(Traffic.REQUEST, len(payload))
        try:
            with trio.fail_after(timeout_s):
                answer = await self._ask(peer, protocol, payload)
        except trio.TooSlowError as error:
            self._charge(peer, Offence.UNANSWERED)
            raise RequestFailed(Failure.TIMEOUT, f"{timeout_s} s") from error
        self._counters.received(Traffic.REQUEST, len(answer))
        return answer

    async def _ask(self, peer: PeerId, protocol: str, payload: bytes) -> bytes:
        stream = await open_stream(self._host, peer, protocol, MAX_RESPONSE_BYTES + 1)
        try:
            await stream.send(payload)
            await stream.end()
            return _read_answer(await stream.receive())
        except MalformedFrame as error:
            self._charge(peer, Offence.MALFORMED)
            await stream.reset()
            raise RequestFailed(Failure.MALFORMED, str(error)) from error
        except StreamBroken as error:
            raise RequestFailed(Failure.DISCONNECTED, str(error)) from error
        finally:
            await stream.close()

    def serve(self, protocol: str, handler: Handler) -> None:
        """Answer requests on a protocol. Raises AlreadyOpen."""
        if protocol in self._served:
            raise AlreadyOpen(f"protocol {protocol}")
        self._served.add(protocol)

        async def on_stream(stream: INetStream) -> None:
            await self._answer(FramedStream(stream, MAX_REQUEST_BYTES), protocol, handler)

        self._host.set_stream_handler(TProtocol(protocol), on_stream)

    async def _answer(self, stream: FramedStream, protocol: str, handler: Handler) -> None:
        peer = stream.peer
        self._running[peer] += 1
        try:
            with trio.move_on_after(self._limits.serve_timeout_s):
                await self._answer_in_time(stream, protocol, handler)
        except MalformedFrame as error:
            logger.info("%s sent a malformed request: %s", peer, error)
            self._charge(peer, Offence.MALFORMED)
            await stream.reset()
        except StreamBroken as error:
            logger.debug("%s left before its answer: %s", peer, error)
        finally:
            self._running[peer] -= 1
            if not self._running[peer]:
                del self._running[peer]
            await stream.close()

    async def _answer_in_time(self, stream: FramedStream, protocol: str, handler: Handler) -> None:
        if self._running[stream.peer] > self._limits.requests_per_peer:
            await stream.send(_refusal("too many requests at once"))
            return
        payload = await stream.receive()
        if payload is None:
            return
        self._counters.received(Traffic.REQUEST, len(payload))
        answer = await self._call(stream.peer, protocol, handler, payload)
        self._counters.sent(Traffic.REQUEST, len(answer) - 1)
        await stream.send(answer)

    async def _call(self, peer: PeerId, protocol: str, handler: Handler, payload: bytes) -> bytes:
        try:
            answer = await handler(peer, payload)
        except Refused as refusal:
            return _refusal(refusal.reason)
        except Exception:  # a caller's handler, supervised here
            self._counters.handler_errors += 1
            logger.exception("the handler of %s raised", protocol)
            return _refusal("internal error")
        if len(answer) > MAX_RESPONSE_BYTES:
            logger.error("%s answered %d bytes, over the limit", protocol, len(answer))
            return _refusal("answer too large")
        return ANSWERED + answer


async def open_stream(host: MendedHost, peer: PeerId, protocol: str, limit: int) -> FramedStream:
    """A new stream to a connected peer. Raises RequestFailed: not connected, unsupported."""
    peer_id = ID.from_base58(peer)
    # The library would dial; whom we are connected to is the roster's business.
    if not host.get_network().get_connections(peer_id):
        raise RequestFailed(Failure.NOT_CONNECTED, peer)
    try:
        return FramedStream(await host.new_stream(peer_id, [TProtocol(protocol)]), limit)
    except StreamFailure as error:
        if is_unsupported(error):
            raise RequestFailed(Failure.UNSUPPORTED, protocol) from error
        raise RequestFailed(Failure.DISCONNECTED, str(error.__cause__)) from error
    except LIBRARY_ERRORS as error:
        raise RequestFailed(Failure.DISCONNECTED, str(error)) from error


def _read_answer(frame: bytes | None) -> bytes:
    if frame is None:
        raise StreamBroken("no answer")
    if frame[:1] == ANSWERED:
        return frame[1:]
    if frame[:1] == REFUSED and len(frame) <= MAX_REFUSAL_BYTES + 1:
        raise RequestFailed(Failure.REFUSED, frame[1:].decode("utf-8", "replace"))
    raise MalformedFrame("an answer begins with 0x00 or 0x01")


def _refusal(reason: str) -> bytes:
    return REFUSED + reason.encode()[:MAX_REFUSAL_BYTES]
