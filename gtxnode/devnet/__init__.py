"""A whole network on one machine: validators as processes, and real homes that use it.

`run` is the entry. What it does in which order is in session.py; what is on disk in fleet.py; how
meters' time runs in meter.py; which invariants are checked, and against what, in audit.py.
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gtxnode.primitives.zones import Shard

DEFAULT_VALIDATORS = 4
MAX_VALIDATORS = 100
DEFAULT_SHARDS = ("geo_bangkok", "geo_northern")
DEFAULT_SPEED = 1_800
"""Seconds of a meter's time for each second of real time: an hour takes two seconds."""
MAX_SPEED = 360_000


class DevnetError(ValueError):
    """A development network that cannot be started as it was asked for, and why."""

    code = "devnet.invalid"


def run(
    *,
    validators: int = DEFAULT_VALIDATORS,
    shards: Sequence[str] = DEFAULT_SHARDS,
    duration_s: float | None = None,
    speed: int = DEFAULT_SPEED,
    home: Path | None = None,
    port_base: int | None = None,
    as_json: bool = False,
    blackout: bool = False,
) -> int:
    """Run a development network until `duration_s` is over or a Ctrl-C; the exit code.

    0 when every invariant holds, 1 when one does not or a validator stopped by itself. `home` has
    to be empty or missing, and is kept; without it a temporary folder is used, which is kept only
    if something went wrong. With `as_json` the last line of standard output is the final object.
    `DevnetError` before anything is started. With `blackout`, EGAT plays the southern blackout of
    2013 on the chain where zones trade, which is then among the shards.
    """
    if blackout and Shard.FUNC_ENERGYTRADING not in shards:
        shards = (*shards, Shard.FUNC_ENERGYTRADING)
    _check(validators, duration_s, speed, port_base)
    known = _shards(shards)
    folder = _empty(home)

    # Heavy: left until somebody starts a network.
    from gtxnode.devnet.start import run_in

    code = run_in(
        folder,
        validators=validators,
        shards=known,
        duration_s=duration_s,
        speed=speed,
        port_base=port_base,
        as_json=as_json,
        blackout=blackout,
    )
    if home is None and code == 0:
        shutil.rmtree(folder)
    elif home is None:
        print(f"kept for a look: {folder}", file=sys.stderr)
    return code


def _check(validators: int, duration_s: float | None, speed: int, port_base: int | None) -> None:
    if not 1 <= validators <= MAX_VALIDATORS:
        raise DevnetError(f"validators: {validators} is not within 1 to {MAX_VALIDATORS}")
    if duration_s is not None and duration_s <= 0:
        raise DevnetError(f"duration: {duration_s} is not above zero")
    if not 1 <= speed <= MAX_SPEED:
        raise DevnetError(f"speed: {speed} is not within 1 to {MAX_SPEED}")
    if port_base is not None and not 1_024 <= port_base <= 65_535 - 10 * validators:
        raise DevnetError(f"port base: {port_base} leaves no ports for {validators} validators")


def _shards(names: Sequence[str]) -> tuple[Shard, ...]:
    if not names:
        raise DevnetError("shards: there must be one at least")
    if len(set(names)) != len(names):
        raise DevnetError("shards: one stands twice")
    unknown = [name for name in names if name not in set(Shard)]
    if unknown:
        raise DevnetError(f"shards: {unknown[0]} is none of {', '.join(Shard)}")
    return tuple(Shard(name) for name in names)


def _empty(home: Path | None) -> Path:
    """The folder to use, which is there and empty."""
    if home is None:
        return Path(tempfile.mkdtemp(prefix="gtx-devnet-"))
    try:
        home.mkdir(parents=True, exist_ok=True)
        occupied = any(home.iterdir())
    except OSError as error:
        raise DevnetError(f"home: {home}: {error.strerror}") from error
    if occupied:
        raise DevnetError(f"home: {home} is not empty; a network starts from an empty folder")
    return home.absolute()
