"""Readings: from a meter's signed bytes to minted energy, through a whole node on two cores.

One validator process, one shard, blocks every second. A process outside delivers what many meters
have stored, over WebSocket, in calls of many readings, as fast as they are acknowledged; the clock
runs from the first call until the chain's supply holds the last watt-hour. Each reading is decoded,
verified, admitted, sealed in a batch with work, ordered, executed and written. The load shares the
two cores.

Reference: the signatures of the same readings, checked on two threads with nothing else to do.

    python -m benchmarks.readings [--meters 200] [--readings 60] [-o json]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import trio

from benchmarks.figure import Figure, add_output_option, show
from benchmarks.validators import CHAIN, CORES, SHARD, keep_to_two_cores, prepare, running
from consensus import signing
from gtxnode.ledger.bodies import Reading, RegisterMeter
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.ledger.transactions import CheckedTransaction, parse
from gtxnode.ledger.wallet import sign
from gtxnode.metering.meters import Direction, meter_id_of
from gtxnode.metering.readings import ReadingLimits
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.provinces import Province
from gtxnode.primitives.sources import Source
from gtxnode.rpc.client import Client, connect
from gtxnode.rpc.views.ledger import SupplyView
from gtxnode.rpc.views.transactions import (
    TransactionState,
    TransactionStatus,
    Verdict,
    VerdictStatus,
)

UTILITY = (7).to_bytes(32, "big")
INTERVAL_S = 900
WH = 100
CONNECTIONS = 4
AT_ONCE = 250
"""Readings in one call."""
POLL_S = 0.02
WITHIN_S = 300.0
SLICES = 8


def registrations(meters: int, installed_s: int) -> list[CheckedTransaction]:
    """The utility's word on every meter. The owners are the meters' own keys."""
    made = []
    for number in range(meters):
        public = signing.public_key(_key(number))
        body = RegisterMeter(
            meter_id_of(public), public, address_of(public), Province.BANGKOK, Source.WIND, 5_000,
            Direction.BOTH, installed_s,
        )  # fmt: skip
        made.append(sign(CHAIN, body, UTILITY))
    return made


def readings_of(number: int, count: int, installed_s: int) -> list[bytes]:
    """What one meter has stored, in order."""
    key = _key(number)
    meter = meter_id_of(signing.public_key(key))
    made = []
    for place in range(count):
        start_s = installed_s + place * INTERVAL_S
        body = Reading(meter, place + 1, place, start_s, start_s + INTERVAL_S, 0, (place + 1) * WH)
        made.append(sign(CHAIN, body, key).encoded)
    return made


def checks_per_s(encoded: Sequence[bytes]) -> float:
    """The readings whose signatures two threads check a second."""
    checks = [check for data in encoded for check in parse(CHAIN, data).signature_checks()]
    size = -(-len(checks) // SLICES)
    slices = [checks[at : at + size] for at in range(0, len(checks), size)]
    with ThreadPoolExecutor(CORES) as threads:
        started = time.perf_counter()
        assert all(all(held) for held in threads.map(signing.verify_slice, slices))
        return len(checks) / (time.perf_counter() - started)


async def register(client: Client, transactions: Sequence[CheckedTransaction]) -> None:
    """Make the meters known, and wait until all are."""
    for at in range(0, len(transactions), AT_ONCE):
        group = transactions[at : at + AT_ONCE]
        async with trio.open_nursery() as nursery:
            for each in group:
                nursery.start_soon(_settle, client, each)


async def _settle(client: Client, transaction: CheckedTransaction) -> None:
    await client.ask(Verdict, "tx.send", shard=SHARD, transaction=transaction.encoded)
    while True:
        status = await client.ask(TransactionStatus, "tx.status", shard=SHARD, id=transaction.id)
        if status.state is not TransactionState.PENDING:
            assert status.state is TransactionState.FINAL, status
            return
        await trio.sleep(POLL_S)


async def deliver(url: str, meters: Sequence[Sequence[bytes]]) -> None:
    """Deliver the readings of some meters in calls of `AT_ONCE`, one call after another."""
    # Of every meter the first, then of every meter the second: each in its order.
    stored = [reading for row in zip(*meters, strict=True) for reading in row]
    async with connect(url) as client:
        for at in range(0, len(stored), AT_ONCE):
            verdicts = await client.ask(
                tuple[Verdict, ...],
                "meter.submit",
                shard=SHARD,
                readings=stored[at : at + AT_ONCE],
            )
            assert all(each.status is VerdictStatus.ACCEPTED for each in verdicts), verdicts


async def measure(folder: Path, meters: int, count: int) -> float:
    """Readings a second, from the first call to the last watt-hour minted."""
    limits = ReadingLimits(anomalies=None)
    network = prepare(
        folder,
        validators=1,
        wallets=1,
        parameters=ChainParameters(readings=limits),
        utility_key=UTILITY,
    )
    installed_s = int(time.time()) - (count + 1) * INTERVAL_S
    stored = [readings_of(number, count, installed_s) for number in range(meters)]
    url = network.validators[0].websocket
    async with running(network), connect(url) as client:
        await register(client, registrations(meters, installed_s))
        with trio.fail_after(WITHIN_S):
            started = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for place in range(min(CONNECTIONS, meters)):
                    nursery.start_soon(deliver, url, stored[place::CONNECTIONS])
            while True:
                supply = await client.ask(SupplyView, "ledger.supply", shard=SHARD)
                if supply.minted_wh == meters * count * WH:
                    return meters * count / (time.perf_counter() - started)
                await trio.sleep(POLL_S)


def _key(number: int) -> bytes:
    return (10_000 + number).to_bytes(32, "big")


def main() -> int:
    """Measure, and print the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--meters", type=int, default=200)
    parser.add_argument("--readings", type=int, default=60, help="of each meter")
    add_output_option(parser)
    options = parser.parse_args()
    keep_to_two_cores()
    some = [
        data for number in range(20) for data in readings_of(number, 100, int(time.time()) - 10**6)
    ]
    reference = checks_per_s(some)
    with tempfile.TemporaryDirectory() as folder:
        figure = trio.run(measure, Path(folder), options.meters, options.readings)
    show([Figure("readings to minted", figure, "1/s", reference)], options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
