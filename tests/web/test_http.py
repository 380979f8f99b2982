"""The routes that operators' tools ask: metrics, liveness, readiness."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
import trio

from gtxnode.metrics import CONTENT_TYPE, Metrics
from gtxnode.primitives.errors import Reason
from gtxnode.web.http import make_app, serve_http
from tests.rpc.fake_node import FakeNode
from tests.web.serving import web

ALERTS = Path(__file__).parents[2] / "docs" / "alerts.yml"


async def test_metrics_are_prometheus_text() -> None:
    metrics = used_metrics()
    async with web(make_app(FakeNode(), metrics)) as server:
        answer = await server.get("/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"] == CONTENT_TYPE
        assert b'gridtokenx_height{shard="geo_bangkok"} 7.0' in answer.body


async def test_liveness_and_readiness() -> None:
    node = FakeNode()
    async with web(make_app(node, Metrics())) as server:
        assert json.loads((await server.get("/livez")).body) == {"live": True}
        ready = await server.get("/readyz")
        assert (ready.status, ready.headers["content-type"]) == (200, "application/json")
        body = json.loads(ready.body)
        assert (body["ready"], body["reasons"]) == (True, [])
        assert body["chains"][0]["shard"] == "geo_bangkok"
        node.reasons = ("geo_bangkok is catching up: 3 of 90",)
        unready = await server.get("/readyz")
        assert unready.status == 503
        assert json.loads(unready.body)["reasons"] == list(node.reasons)
        assert (await server.get("/livez")).status == 200


async def test_what_is_not_there_and_what_is_not_allowed() -> None:
    async with web(make_app(FakeNode(), Metrics())) as server:
        assert (await server.get("/")).status == 404
        assert (await server.get("/metrics", method="POST")).status == 405
        assert (await server.get("/metrics", method="HEAD")).status == 200


async def test_the_node_serves_it_where_it_is_told() -> None:
    async with trio.open_nursery() as nursery:
        serve = partial(serve_http, FakeNode(), Metrics(), host="127.0.0.1", port=0)
        address = await nursery.start(serve)
        assert address.url == f"http://127.0.0.1:{address.port}"
        with pytest.raises(OSError, match=f"^{address.url}: .*in use$"):
            await serve_http(FakeNode(), Metrics(), host="127.0.0.1", port=address.port)
        nursery.cancel_scope.cancel()


def used_metrics() -> Metrics:
    """Every series with a sample, as a node that has worked would have."""
    metrics = Metrics()
    shard = metrics.shard("geo_bangkok")
    shard.height.set(7)
    shard.traded(50_000)
    shard.minted(1_500)
    shard.retired(500)
    shard.refused_on_admission(Reason.OVERSPENT.value)
    shard.refused_by_execution(Reason.UNKNOWN_COIN.value)
    shard.refused_message("stale")
    shard.refused_checkpoint("bad_signature")
    shard.checkpoint_lag.set(3)
    shard.finality_seconds.observe(0.4)
    metrics.peer_bytes("in").inc(100)
    metrics.rpc.calls.labels("tx.send", "ok").inc()
    metrics.rpc.call_seconds.labels("tx.send").observe(0.001)
    metrics.rpc.closed.labels("SLOW_CLIENT").inc()
    return metrics


def test_amounts_of_energy_are_in_kwh() -> None:
    sample = used_metrics().registry.get_sample_value
    labels = {"shard": "geo_bangkok"}
    assert sample("gridtokenx_energy_minted_kwh_total", labels) == 1.5
    assert sample("gridtokenx_energy_traded_kwh_total", labels) == 50
    assert sample("gridtokenx_trading_volume_kwh_sum", labels) == 50


def test_nodes_of_one_process_do_not_share_series() -> None:
    first, second = used_metrics(), Metrics()
    assert b"geo_bangkok" in first.exposition()
    assert b"geo_bangkok" not in second.exposition()


needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="Debian's prometheus is not installed"
)


@needs_promtool
def test_the_shipped_alerts_are_rules() -> None:
    checked = subprocess.run(
        ["promtool", "check", "rules", str(ALERTS)], capture_output=True, timeout=30, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_shipped_alerts_are_over_metrics_that_there_are() -> None:
    named = set(re.findall(r"gridtokenx_\w+", ALERTS.read_text(encoding="utf-8")))
    exposed = used_metrics().exposition().decode()
    assert named
    assert not [name for name in named if f"\n{name}{{" not in exposed]


@needs_promtool
def test_promtool_finds_nothing_to_complain_of() -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=used_metrics().exposition(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
