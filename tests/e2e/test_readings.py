"""Readings that must not mint: each is refused with its reason, and nothing is minted twice."""

import msgspec
import pytest

from consensus import signing
from gtxnode.devnet.homes import CONNECTION_W, HOUR_S, Hour
from gtxnode.devnet.household import Household
from gtxnode.devnet.meter import LIMITS, SimulatedMeter, first_morning_s
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.wallet import sign
from gtxnode.metering.meters import Reading, meter_id_of
from gtxnode.primitives.errors import Reason
from gtxnode.rpc.client import connect
from tests.e2e.harness import Cluster, fate, supply

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EXPORTED = Hour(load_wh=200, solar_wh=1_700)
START_S = first_morning_s(1_795_000_000)


class Bench:
    """One registered meter, and readings made from its last one by changing a field."""

    def __init__(self, cluster: Cluster, household: Household) -> None:
        self.household = household
        self.chain_id = cluster.chain_id
        self.meter = SimulatedMeter(
            chain_id=cluster.chain_id,
            meter=household.meter,
            key=household.meter_key,
            hours=[EXPORTED],
            start_s=START_S,
        )

    def next(self) -> CheckedTransaction:
        return self.meter.read().transaction

    def changed(self, reading: CheckedTransaction, **fields: int | bytes) -> CheckedTransaction:
        """The reading with other values, signed by the meter."""
        assert isinstance(reading.body, Reading)
        body = msgspec.structs.replace(reading.body, **fields)
        return sign(self.chain_id, body, self.household.meter_key)


async def test_every_bad_reading_is_refused_with_its_reason(cluster: Cluster) -> None:
    household = cluster.fleet.households[0]
    utility = cluster.fleet.authorities[household.utility]
    bench = Bench(cluster, household)
    async with connect(cluster.nodes[0].websocket) as client:

        async def told(reading: CheckedTransaction) -> str:
            return await fate(client, reading, reading=True)

        first = bench.next()
        assert await told(first) == Reason.UNREGISTERED_METER
        registration = sign(bench.chain_id, household.registration(START_S), utility)
        assert await fate(client, registration) == "final"

        # the very bytes may have been refused for good: a new meter signs anew
        first = bench.changed(first, voltage_mv=229_000)
        assert await told(first) == "final"
        minted_wh = (await supply(client)).minted_wh
        assert minted_wh == EXPORTED.export_wh

        again = bench.changed(first, voltage_mv=231_000)
        assert await told(again) == Reason.REPLAYED_READING
        second, third = bench.next(), bench.next()
        assert await told(third) == Reason.UNDECLARED_GAP
        down = bench.changed(second, export_wh=EXPORTED.export_wh - 1)
        assert await told(down) == Reason.REGISTER_DECREASED
        over = bench.changed(second, export_wh=EXPORTED.export_wh + 2 * CONNECTION_W)
        assert await told(over) == Reason.OVER_CAPACITY
        overlapping = bench.changed(second, start_s=START_S + HOUR_S - 1)
        assert await told(overlapping) == Reason.OVERLAPPING_INTERVAL
        future = bench.changed(second, end_s=START_S + 2 * LIMITS.max_age_s)
        assert await told(future) == Reason.READING_IN_FUTURE
        stranger = sign(bench.chain_id, second.body, household.wallet_key)
        assert await told(stranger) == Reason.WRONG_METER_KEY
        assert (await supply(client)).minted_wh == minted_wh

        assert await told(second) == "final"
        earlier = bench.changed(first, voltage_mv=228_000)
        assert await told(earlier) == Reason.OUT_OF_ORDER_READING
        assert (await supply(client)).minted_wh == 2 * minted_wh


async def test_what_is_sent_again_everywhere_is_minted_once(cluster: Cluster) -> None:
    household = cluster.fleet.households[0]
    utility = cluster.fleet.authorities[household.utility]
    bench = Bench(cluster, household)
    async with connect(cluster.nodes[0].websocket) as client:
        registration = sign(bench.chain_id, household.registration(START_S), utility)
        assert await fate(client, registration) == "final"
    readings = [bench.next() for _ in range(5)]
    for node in cluster.nodes:
        async with connect(node.websocket) as client:
            for reading in readings:
                assert await fate(client, reading, reading=True) == "final"
    await cluster.moves(*cluster.nodes)
    for node in cluster.nodes:
        async with connect(node.websocket) as client:
            assert (await supply(client)).minted_wh == 5 * EXPORTED.export_wh


async def test_a_meter_that_nobody_registered_mints_nothing(cluster: Cluster) -> None:
    key = bytes(31) + b"\x2a"
    meter = SimulatedMeter(
        chain_id=cluster.chain_id,
        meter=meter_id_of(signing.public_key(key)),
        key=key,
        hours=[EXPORTED],
        start_s=START_S,
    )
    async with connect(cluster.nodes[0].websocket) as client:
        reading = meter.read().transaction
        assert await fate(client, reading, reading=True) == Reason.UNREGISTERED_METER
        assert (await supply(client)).minted_wh == 0
