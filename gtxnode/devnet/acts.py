"""What the authorities do on the chain between zones while a development network runs: a script.

Each act is signed by its authority and sent like any client's transaction. Megawatts are those that
EGAT leaves the market beside all other traffic, so that communities of some hundred homes notice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import time

import trio

from gtxnode.devnet.watch import Settled, Watch
from gtxnode.grid.model import SLOT_S
from gtxnode.grid.status import GridStatus
from gtxnode.ledger.bodies import (
    Body,
    PostGridStatus,
    ReplaceTariff,
    SetCorridorLimits,
)
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.zones import Role, Zone
from gtxnode.rpc.client import Disconnected, RpcError, connect
from gtxnode.tariffs.tables import FuelSurcharge

CONNECT_S = 10.0
AGAIN_S = 0.5
NOTICE_S = 15
AHEAD_SLOTS = 4
"""Limits are set for the grid's slot that runs and as many after it."""

CALM = GridStatus(50_010, 98, 1_000_000, 50_000, 180_000, 475)
STRAINED = GridStatus(49_720, 88, 860_000, 300_000, 180_000, 475)
COLLAPSING = GridStatus(48_300, 61, 720_000, 950_000, 180_000, 475)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that an authority does once so much of the run has passed."""

    at_s: float
    role: Role
    says: str
    """In words, for whoever watches."""
    body: Callable[[int], Body]
    """What it signs, given the time in ms since 1970."""


def limits(first: Zone, second: Zone, megawatts: int) -> Callable[[int], Body]:
    """A corridor's limit both ways, from now on."""

    def body(now_ms: int) -> Body:
        start_s = now_ms // 1_000 // SLOT_S * SLOT_S
        end_s = start_s + AHEAD_SLOTS * SLOT_S
        return SetCorridorLimits(first, second, start_s, end_s, megawatts, megawatts, now_ms)

    return body


def condition(status: GridStatus, *zones: Zone) -> Callable[[int], Body]:
    """The condition of some zones' grid, now."""
    return lambda now_ms: PostGridStatus(tuple(sorted(zones)), status, now_ms)


def surcharge(ft_uthb_per_kwh: int) -> Callable[[int], Body]:
    """Another Ft, as soon as may be: a table begins in the future."""

    def body(now_ms: int) -> Body:
        table = FuelSurcharge(
            from_s=now_ms // 1_000 + NOTICE_S,
            source="development network",
            ft_uthb_per_kwh=ft_uthb_per_kwh,
        )
        return ReplaceTariff(now_ms, table)

    return body


_NORTH = (Zone.CENTRAL, Zone.NORTHERN)
_SOUTH = (Zone.WESTERN, Zone.SOUTHERN)

USUAL = (
    Act(3, Role.EGAT, "EGAT: the grid is in order everywhere", condition(CALM, *Zone)),
    Act(20, Role.EGAT, "EGAT: 1 MW is left from the north to the centre", limits(*_NORTH, 1)),
    Act(30, Role.ERC, "ERC: Ft will be 0.1823 THB/kWh", surcharge(182_300)),
)
BLACKOUT = (
    Act(3, Role.EGAT, "EGAT: the grid is in order everywhere", condition(CALM, *Zone)),
    Act(10, Role.EGAT, "EGAT: a line south is out for maintenance, 2 MW left", limits(*_SOUTH, 2)),
    Act(30, Role.EGAT, "EGAT: the other has tripped, 1 MW left", limits(*_SOUTH, 1)),
    Act(31, Role.EGAT, "EGAT: the south is strained", condition(STRAINED, Zone.SOUTHERN)),
    Act(45, Role.EGAT, "EGAT: the lines beside them are overloaded", limits(*_SOUTH, 0)),
    Act(46, Role.EGAT, "EGAT: the south is dark", condition(COLLAPSING, Zone.SOUTHERN)),
    Act(75, Role.EGAT, "EGAT: a line south is back, 2 MW left", limits(*_SOUTH, 2)),
    Act(76, Role.EGAT, "EGAT: the south is in order", condition(CALM, Zone.SOUTHERN)),
)
"""The southern blackout of May 2013. Demand in the south was 2,200 MW and its own generation 1,600;
of two 500 kV lines into it one was out for maintenance when the other tripped, the 230 kV lines
beside them overloaded, and the south went dark. Its hours are seconds here."""


class Script:
    """One run's acts. `said` is what has become final, in words and in order."""

    def __init__(self, acts: Sequence[Act], keys: Mapping[Role, bytes], chain_id: str) -> None:
        self.said: list[str] = []
        self._acts = acts
        self._keys = keys
        self._chain_id = chain_id

    async def run(self, urls: Sequence[str], watch: Watch) -> None:
        """Do everything in its time, on the first of these validators that answers."""
        started_s = trio.current_time()
        servers = cycle(urls)
        for act in self._acts:
            await trio.sleep_until(started_s + act.at_s)
            while not await self._do(act, next(servers), watch):  # noqa: ASYNC110 - other processes
                await trio.sleep(AGAIN_S)

    async def _do(self, act: Act, url: str, watch: Watch) -> bool:
        """Whether a block holds it; what was refused is said and not tried again."""
        signed = sign(self._chain_id, act.body(int(time() * 1_000)), self._keys[act.role])
        try:
            async with connect(url, timeout_s=CONNECT_S) as client:
                outcome = await watch.send(client, signed)
        except (Disconnected, RpcError):
            return False
        if outcome.settled is Settled.FINAL:
            self.said.append(act.says)
        else:
            reason = outcome.refusal.reason if outcome.refusal else outcome.settled.value
            self.said.append(f"{act.says} (refused: {reason})")
        return True
