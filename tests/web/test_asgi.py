"""The ASGI server: what HTTP/1.1 asks, its limits, faulty applications, and garbage."""

from __future__ import annotations

import random
from typing import Any

import h11
import pytest
import trio

from gtxnode.web.asgi import Event, HttpLimits, Receive, Send
from tests.waiting import until
from tests.web.serving import Caller, web

CASES = 300
LISTEN_S = 0.03
SEEDS = (
    b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


class Echo:
    """An application that answers with the request's body, and keeps what it was asked."""

    def __init__(self) -> None:
        self.scopes: list[Event] = []
        self.released = trio.Event()
        self.left: list[str] = []

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        match scope["path"]:
            case "/raises":
                raise ZeroDivisionError("a fault of the application")
            case "/raises-late":
                await send(start(200))
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise ZeroDivisionError("a fault of the application")
            case "/silent":
                return
            case "/unread":
                await send(start(200))
                await send({"type": "http.response.body", "body": b"read nothing"})
                return
            case "/waits":
                await self.released.wait()
            case "/listens":
                await receive()
                event = await receive()
                self.left.append(event["type"])
                return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body", False):
                break
        await send(start(200))
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body"})


def start(status: int) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": [(b"x-app", b"echo")]}


async def test_a_request_arrives_as_asgi_has_it() -> None:
    app = Echo()
    async with web(app) as server:
        answer = await server.get("/%E0%B9%84%E0%B8%9F?kwh=1&x=%20")
        assert (answer.status, answer.headers["x-app"]) == (200, "echo")
        assert answer.headers["date"].endswith("GMT")
        (scope,) = app.scopes
        assert (scope["type"], scope["method"], scope["scheme"]) == ("http", "GET", "http")
        assert scope["path"] == "/ไฟ"
        assert scope["raw_path"] == b"/%E0%B9%84%E0%B8%9F"
        assert scope["query_string"] == b"kwh=1&x=%20"
        assert (b"host", b"node") in scope["headers"]
        assert scope["server"] == (server.address.host, server.address.port)


async def test_one_connection_carries_many_requests_and_bodies() -> None:
    async with web(Echo()) as server, Caller(await server.open()) as caller:
        for size in (0, 1, 65_536, 1_000_000):
            body = b"x" * size
            assert (await caller.request("POST", "/echo", body)).body == body


async def test_a_request_that_is_not_read_leaves_the_connection_open_if_it_is_all_there() -> None:
    async with web(Echo()) as server, Caller(await server.open()) as caller:
        for _ in range(3):
            assert (await caller.request("GET", "/unread")).body == b"read nothing"
        assert (await caller.request("POST", "/unread", b"x" * 900_000)).body == b"read nothing"
        assert await caller.stream.receive_some() == b""


async def test_a_head_request_has_no_body() -> None:
    async with web(Echo()) as server, Caller(await server.open()) as caller:
        answer = await caller.request("HEAD", "/echo", b"body")
        assert (answer.status, answer.body) == (200, b"")
        assert (await caller.request("POST", "/echo", b"next")).body == b"next"


async def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on() -> None:
    async with web(Echo()) as server, Caller(await server.open()) as caller:
        headers = [("host", "x"), ("content-length", "2"), ("expect", "100-continue")]
        await caller.send(h11.Request(method="POST", target="/echo", headers=headers))
        told = await caller.stream.receive_some()
        assert told.startswith(b"HTTP/1.1 100 ")
        await caller.send(h11.Data(data=b"ok"))
        await caller.send(h11.EndOfMessage())
        assert (await caller.answer()).body == b"ok"


@pytest.mark.parametrize("path", ["/raises", "/silent"])
async def test_an_application_that_fails_is_answered_for(path: str) -> None:
    async with web(Echo()) as server:
        assert (await server.get(path)).status == 500
        assert (await server.get("/echo")).status == 200


async def test_half_an_answer_ends_the_connection() -> None:
    async with web(Echo()) as server:
        with pytest.raises(h11.RemoteProtocolError, match="without sending complete message"):
            await server.get("/raises-late")
        assert (await server.get("/echo")).status == 200


async def test_an_application_learns_that_its_client_left() -> None:
    app = Echo()
    async with web(app) as server:
        stream = await server.open()
        await stream.send_all(b"GET /listens HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(app.scopes) == 1)
        await stream.aclose()
        await until(lambda: app.left == ["http.disconnect"])


async def test_a_body_over_the_limit_is_413() -> None:
    limits = HttpLimits(body_bytes=1_000)
    async with web(Echo(), limits) as server, Caller(await server.open()) as caller:
        assert (await caller.request("POST", "/echo", b"x" * 1_000)).status == 200
        assert (await caller.request("POST", "/echo", b"x" * 1_001)).status == 413


async def test_a_head_over_the_limit_is_431() -> None:
    async with web(Echo(), HttpLimits(head_bytes=1_000)) as server:
        assert (await server.get("/" + "x" * 100_000)).status == 431


@pytest.mark.parametrize(
    "partial", [b"", b"GET / HT", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"]
)
async def test_a_client_that_dawdles_is_disconnected(partial: bytes) -> None:
    async with web(Echo(), HttpLimits(read_s=0.05, body_s=0.05, drain_s=0.05)) as server:
        stream = await server.open()
        async with stream:
            await stream.send_all(partial)
            while await stream.receive_some():
                pass


async def test_a_connection_too_many_is_closed_and_a_place_comes_free() -> None:
    app = Echo()
    async with web(app, HttpLimits(connections=1, drain_s=0.05)) as server:
        async with Caller(await server.open()) as caller:
            assert (await caller.request("GET", "/echo")).status == 200
            stream = await server.open()
            async with stream:
                assert await stream.receive_some() == b""

        async def served() -> bool:
            async with Caller(await server.open()) as again:
                try:
                    return (await again.request("GET", "/echo")).status == 200
                except (h11.RemoteProtocolError, trio.BrokenResourceError):
                    return False

        while not await served():
            pass


async def test_a_stopping_server_finishes_the_answer_in_hand_and_lets_idle_ones_go() -> None:
    app = Echo()
    async with web(app) as server, Caller(await server.open()) as idle:
        assert (await idle.request("GET", "/echo")).status == 200
        async with Caller(await server.open()) as busy:
            await busy.send(h11.Request(method="GET", target="/waits", headers=[("host", "x")]))
            await busy.send(h11.EndOfMessage())
            await until(lambda: len(app.scopes) == 2)
            server.stop()
            assert await idle.stream.receive_some() == b""
            app.released.set()
            assert (await busy.answer()).status == 200


def mutated(source: random.Random) -> bytes:
    """A seed or two, cut, changed or followed by noise; or noise alone."""
    data = bytearray(source.choice(SEEDS) * source.randint(1, 2))
    match source.randrange(4):
        case 0:
            return source.randbytes(source.randrange(1, 300))
        case 1:
            return bytes(data[: source.randrange(len(data))])
        case 2:
            for _ in range(source.randrange(1, 5)):
                data[source.randrange(len(data))] = source.randrange(256)
        case 3:
            data += source.randbytes(source.randrange(200))
    return bytes(data)


@pytest.mark.parametrize("seed", [1, 2])
async def test_garbage_ends_only_its_own_connection(
    seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    source = random.Random(seed)
    async with web(Echo(), HttpLimits(drain_s=0.05)) as server:
        limit = trio.CapacityLimiter(20)

        async def poke(data: bytes) -> None:
            async with limit:
                stream = await server.open()
                async with stream:
                    try:
                        await stream.send_all(data)
                        with trio.move_on_after(LISTEN_S):
                            while await stream.receive_some():
                                pass
                    except trio.BrokenResourceError:
                        return  # The server has had enough, which is its right.

        async with trio.open_nursery() as nursery:
            for _ in range(CASES):
                nursery.start_soon(poke, mutated(source))
        assert (await server.get("/echo")).status == 200
    captured = capfd.readouterr()
    assert "http_connection_failed" not in captured.out + captured.err
