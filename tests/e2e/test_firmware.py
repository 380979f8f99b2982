"""The firmware example, built and run as its README says, against real nodes."""

import os
import signal
import struct
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from gtxnode.devnet.fleet import Validator
from gtxnode.devnet.homes import HOUR_S
from gtxnode.devnet.household import Household
from gtxnode.devnet.meter import first_morning_s
from gtxnode.ledger.wallet import sign
from gtxnode.rpc.client import Client, connect
from gtxnode.rpc.views.accounts import BalanceView
from gtxnode.rpc.views.meters import MeterView
from gtxnode.rpc.wire import Address, Hex
from tests.e2e.harness import BANGKOK, Cluster, fate, supply
from tests.waiting import until_true

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SOURCE = Path(__file__).resolve().parents[2] / "clients" / "meter-c"
START_S = first_morning_s(1_795_000_000)
HOURS = 12
"""Of daylight, so that nothing is suspect."""
HOURLY_WH = 1_500
MOVES_S = 60


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """The program, built by its own Makefile."""
    if not list(Path("/usr/include").rglob("mbedtls/ecdsa.h")) and "CI" not in os.environ:
        pytest.skip("libmbedtls-dev is not installed")
    folder = tmp_path / "build"
    folder.mkdir()
    subprocess.run(
        ["make", "--silent", "-f", SOURCE / "Makefile", f"VPATH={SOURCE}", "meter"],
        cwd=folder,
        check=True,
    )
    assert len((SOURCE / "meter.c").read_text(encoding="ascii").splitlines()) < 200
    return folder / "meter"


class Device:
    """The firmware on a machine that may lose its power or its store."""

    def __init__(self, firmware: Path, cluster: Cluster, household: Household) -> None:
        self._program = [firmware, "127.0.0.1"]
        self._cluster = cluster
        self._key = firmware.parent / "key"
        self._key.write_text(household.meter_key.hex(), encoding="ascii")
        self.store = firmware.parent / "state"

    @asynccontextmanager
    async def running(self, node: Validator) -> AsyncIterator[trio.Process]:
        """The program, delivering to a node; killed in the end if it has not ended."""
        process = await trio.lowlevel.open_process(
            [
                *map(str, self._program),
                str(node.ports.rpc),
                self._cluster.chain_id,
                str(self._key),
                str(self.store),
            ],
            stdin=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()

    async def waiting(self, samples: int) -> None:
        """Return once that many samples are stored and not delivered."""

        async def stored() -> bool:
            return self.store.exists() and self._count() == samples

        await until_true(stored, within_s=MOVES_S)

    def _count(self) -> int:
        taken, last, count = struct.unpack_from("@QQQ", self.store.read_bytes())
        assert taken <= last
        return int(count)


def samples(hours: Sequence[int]) -> bytes:
    """What the measuring chip says of these hours since the start."""
    return b"".join(
        b"%d %d %d %d\n"
        % (START_S + hour * HOUR_S, START_S + (hour + 1) * HOUR_S, hour + 1, (hour + 1) * HOURLY_WH)
        for hour in hours
    )


async def feed(process: trio.Process, hours: Sequence[int]) -> None:
    assert process.stdin is not None
    await process.stdin.send_all(samples(hours))


async def ends(process: trio.Process) -> None:
    """Nothing more is measured: the program delivers what waits, and ends."""
    assert process.stdin is not None
    await process.stdin.aclose()
    with trio.fail_after(MOVES_S):
        assert await process.wait() == 0


async def minted(client: Client, wh: int) -> None:
    async def so_much() -> bool:
        return (await supply(client)).minted_wh == wh

    await until_true(so_much, within_s=MOVES_S)


async def test_it_stores_and_retries_until_its_energy_is_minted(
    firmware: Path, cluster: Cluster
) -> None:
    household = cluster.fleet.households[0]
    device = Device(firmware, cluster, household)
    down, up = cluster.nodes[0], cluster.nodes[1]
    await cluster.kill(down)

    # Its node is away, and so, for a while, is its own power.
    async with device.running(down) as process:
        await feed(process, range(4))
        await device.waiting(4)
    async with device.running(down) as process:
        await feed(process, range(4, HOURS))
        await device.waiting(HOURS)
        await cluster.start([down])
        # Nobody has registered it yet: it goes on trying.
        async with connect(up.websocket) as client:
            body = household.registration(START_S)
            utility = cluster.fleet.authorities[household.utility]
            assert await fate(client, sign(cluster.chain_id, body, utility)) == "final"
            await ends(process)
            await minted(client, HOURS * HOURLY_WH)
            owned = await client.ask(
                BalanceView, "account.balance", shard=BANGKOK, address=Address(household.owner)
            )
            assert owned.energy_wh == HOURS * HOURLY_WH
            assert (await supply(client)).held_wh == 0


async def test_a_lost_store_loses_no_energy(firmware: Path, cluster: Cluster) -> None:
    household = cluster.fleet.households[0]
    device = Device(firmware, cluster, household)
    node = cluster.nodes[0]
    async with connect(node.websocket) as client:
        body = household.registration(START_S)
        utility = cluster.fleet.authorities[household.utility]
        assert await fate(client, sign(cluster.chain_id, body, utility)) == "final"
        async with device.running(node) as process:
            await feed(process, range(3))
            await ends(process)
        await minted(client, 3 * HOURLY_WH)

        device.store.unlink()  # and with it the count; two hours are never sent
        async with device.running(node) as process:
            await feed(process, range(5, 8))
            await ends(process)
        # What flowed in the hours that are lost stood in the registers all along.
        await minted(client, 8 * HOURLY_WH)
        meter = await client.ask(MeterView, "meter.get", shard=BANGKOK, meter=Hex(household.meter))
        assert meter.counter == 7  # a gap is declared by the counter that it skips
