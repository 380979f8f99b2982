"""The southern blackout of May 2013, played by EGAT on a development network.

What happened: demand in the south was 2,200 MW and its own generation 1,600. Of two 500 kV lines
into the south one was out for maintenance when the other tripped; then the 230 kV lines beside them
overloaded, and the south went dark. Here EGAT says each of these steps on `func_energytrading`: the
condition of the south's grid, and what the corridor into it leaves the market. The megawatts are
scaled to what a few communities trade.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import time

import trio

from gtxnode.devnet.watch import Settled, Watch
from gtxnode.grid.model import SLOT_S
from gtxnode.grid.status import GridStatus
from gtxnode.ledger.bodies import Body, PostGridStatus, SetCorridorLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.zones import Zone
from gtxnode.rpc.client import Client, Disconnected, RpcError, connect

AGAIN_S = 0.5
CONNECT_S = 2.0
CORRIDOR = (Zone.WESTERN, Zone.SOUTHERN)
# A step's limits hold for longer than the whole play takes.
HOLDS_SLOTS = 96


@dataclass(frozen=True, slots=True)
class Step:
    """What EGAT says, how many seconds after the network began."""

    after_s: float
    says: str
    status: GridStatus
    limit_mw: int
    """Into the south and out of it."""


STEPS = (
    Step(
        10,
        "one of two 500 kV lines into the south is out for maintenance",
        GridStatus(50_000, 97, 960_000, 150_000, 180_000, 475),
        20,
    ),
    Step(
        30,
        "the other has tripped: what is left is strained, trades pay a premium",
        GridStatus(49_720, 88, 860_000, 300_000, 180_000, 475),
        1,
    ),
    Step(
        45,
        "the 230 kV lines are overloaded: the south is dark, nothing is traded there",
        GridStatus(48_300, 61, 720_000, 950_000, 180_000, 475),
        0,
    ),
    Step(
        75,
        "the south is back",
        GridStatus(50_010, 98, 1_000_000, 50_000, 180_000, 475),
        3_000,
    ),
)


def acts(step: Step, now_ms: int) -> tuple[Body, Body]:
    """What EGAT signs for a step, at this time."""
    start_s = now_ms // 1_000 // SLOT_S * SLOT_S
    end_s = start_s + HOLDS_SLOTS * SLOT_S
    limits = (step.limit_mw, step.limit_mw)
    return (
        PostGridStatus((Zone.SOUTHERN,), step.status, now_ms),
        SetCorridorLimits(*CORRIDOR, start_s, end_s, *limits, now_ms),
    )


async def play(
    watch: Watch,
    urls: Sequence[str],
    *,
    chain_id: str,
    key: bytes,
    say: Callable[[str], None],
    steps: Sequence[Step] = STEPS,
) -> None:
    """Say every step in its time, with EGAT's key, and tell people of it."""
    start_s = trio.current_time()
    for step in steps:
        await trio.sleep_until(start_s + step.after_s)
        for body in acts(step, int(time() * 1_000)):
            await _send(watch, urls, chain_id, body, key)
        say(f"EGAT: {step.says}; {step.limit_mw} MW are left to the market")


async def _send(watch: Watch, urls: Sequence[str], chain_id: str, body: Body, key: bytes) -> None:
    """Have it taken by a block, at whichever validator answers."""
    transaction = sign(chain_id, body, key)
    for url in cycle(urls):
        try:
            async with connect(url, timeout_s=CONNECT_S) as client:
                if await _settled(watch, client, transaction):
                    return
        except (Disconnected, RpcError):
            pass  # the next one may answer
        await trio.sleep(AGAIN_S)


async def _settled(watch: Watch, client: Client, transaction: CheckedTransaction) -> bool:
    """Whether a block has it. What a block refuses is not sent again."""
    return (await watch.send(client, transaction)).settled is not Settled.REJECTED
