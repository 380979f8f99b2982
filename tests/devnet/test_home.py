"""Two homes that live against a real chain of one validator, over real WebSockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from consensus import signing
from gtxnode.devnet.audit import INVARIANTS, Expected, audit
from gtxnode.devnet.home import Home
from gtxnode.devnet.homes import HOUR_S, Hour
from gtxnode.devnet.household import Household
from gtxnode.devnet.meter import SimulatedMeter
from gtxnode.devnet.processes import HOST, free_ports
from gtxnode.devnet.watch import Watch, percentile
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.wallet import sign
from gtxnode.metrics import Metrics
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import Shard, Zone
from gtxnode.rpc.client import connect
from gtxnode.rpc.server import serve_rpc
from p2p.simulated import SimulatedWorld, Weather
from tests.node.harness import (
    FUNDS_UGTX,
    SHARD,
    cluster,
    key,
    now_ms,
    quick_genesis,
    utility_key,
    wallet,
)
from tests.waiting import until

WALLETS = 8
SUNNY = (Hour(load_wh=100, solar_wh=2_100),)
SHADY = (Hour(load_wh=800, solar_wh=0),)
HOUR_TAKES_S = 0.05


@asynccontextmanager
async def one_validator(folder: Path, port: int = 0) -> AsyncIterator[str]:
    """The URL of a chain that makes ten blocks a second."""
    genesis = quick_genesis(1, wallets=WALLETS)
    async with cluster(folder, genesis, 1, SimulatedWorld(1, Weather())) as running:
        view = running.nodes[1].shard.view
        node: Any = SimpleNamespace(shards=lambda: (SHARD,), chain=lambda _: view)
        async with trio.open_nursery() as nursery:
            serve = partial(serve_rpc, node, host=HOST, port=port, observe=Metrics().rpc)
            listening = await nursery.start(serve)
            yield listening.url
            nursery.cancel_scope.cancel()


def home(number: int, watch: Watch, hours: tuple[Hour, ...]) -> Home:
    """A home whose wallet genesis has funded, with a meter that the utility registers."""
    household = Household(
        name=f"home-{number}",
        number=number,
        shard=Shard(SHARD),
        zone=Zone.BANGKOK,
        wallet_key=wallet(number),
        meter_key=key(3_000 + number),
    )
    chain = f"test/{SHARD}"
    start_s = (now_ms() // 1_000 // HOUR_S - 20 * 24) * HOUR_S
    return Home(
        household,
        watch=watch,
        chain_id=chain,
        registration=sign(chain, household.registration(start_s), utility_key()),
        meter=SimulatedMeter(
            chain_id=chain,
            meter=household.meter,
            key=household.meter_key,
            hours=hours,
            start_s=start_s,
        ),
        parameters=ChainParameters(),
    )


async def test_what_one_home_makes_the_other_buys_and_retires(tmp_path: Path) -> None:
    watch = Watch(SHARD)
    sunny, shady = home(0, watch, SUNNY), home(1, watch, SHADY)
    with trio.fail_after(90):
        async with one_validator(tmp_path) as url, trio.open_nursery() as nursery:
            nursery.start_soon(watch.follow, "one", url)
            for each in (sunny, shady):
                nursery.start_soon(each.run, [url], HOUR_TAKES_S)
            await until(lambda: watch.trades >= 3 and watch.retired_wh > 0, within_s=60)
            for each in (sunny, shady):
                each.wind_down()
            await until(lambda: sunny.delivered and shady.delivered and not watch.unsettled)

            assert sunny.accepted > 0
            assert sunny.exported_wh == sunny.accepted * SUNNY[0].export_wh
            assert shady.exported_wh == 0
            assert watch.traded_wh >= watch.retired_wh > 0
            assert percentile(watch.latencies_ms, 50) is not None
            async with connect(url) as client:
                owners = [address_of(signing.public_key(wallet(each))) for each in range(WALLETS)]
                validator = address_of(signing.public_key(key(1)))
                expected = Expected(
                    gtx_ugtx=WALLETS * FUNDS_UGTX,
                    delivered_wh=sunny.exported_wh,
                    undecided_wh=0,
                    owners=(*owners, validator),
                )
                result = await audit(watch, {"one": client}, expected)
            assert result.holds == dict.fromkeys(INVARIANTS, True), result.faults
            nursery.cancel_scope.cancel()


async def test_readings_wait_for_a_validator_and_are_delivered_in_order(tmp_path: Path) -> None:
    watch = Watch(SHARD)
    sunny = home(0, watch, SUNNY)
    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            # Nobody listens there yet; what is read meanwhile is kept.
            (port,) = free_ports(1)
            nursery.start_soon(sunny.run, [f"ws://{HOST}:{port}"], HOUR_TAKES_S)
            await until(lambda: sunny.undecided_wh >= 30 * SUNNY[0].export_wh)
            async with one_validator(tmp_path, port) as url:
                nursery.start_soon(watch.follow, "one", url)
                await until(lambda: sunny.accepted >= 30, within_s=60)
                sunny.wind_down()
                await until(lambda: sunny.delivered, within_s=60)
                assert watch.minted_wh == sunny.exported_wh
                assert watch.refused == 0
                nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("values", "p50", "p99"),
    [((), None, None), ((7,), 7, 7), (range(1, 101), 50, 99), (range(1, 11), 5, 10)],
)
def test_percentiles_are_of_the_nearest_rank(
    values: tuple[int, ...], p50: int | None, p99: int | None
) -> None:
    assert (percentile(values, 50), percentile(values, 99)) == (p50, p99)
