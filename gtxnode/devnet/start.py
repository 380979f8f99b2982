"""From what was asked for to a session, and from its end to an exit code."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import time
from typing import TextIO

import structlog
import trio

from gtxnode.devnet import report
from gtxnode.devnet.fleet import prepare
from gtxnode.devnet.session import Failed, Session
from gtxnode.primitives.zones import Shard

LOG = "devnet.log"


def run_in(
    folder: Path,
    *,
    validators: int,
    shards: Sequence[Shard],
    duration_s: float | None,
    speed: int,
    port_base: int | None,
    as_json: bool,
    blackout: bool,
) -> int:
    """Run a network in an empty folder; 0 if every invariant held, else 1."""
    with (folder / LOG).open("w", encoding="utf-8") as log:
        _log_to(log)
        fleet = prepare(
            folder,
            validators=validators,
            shards=shards,
            port_base=port_base,
            now_ms=int(time() * 1_000),
        )
        session = Session(fleet, speed=speed, duration_s=duration_s, blackout=blackout)
        failures: list[str] = []
        try:
            summary = trio.run(partial(session.run, sys.stderr if as_json else sys.stdout))
        except* Failed as group:
            failures += [str(each) for each in _leaves(group)]
        finally:
            structlog.reset_defaults()
    if failures:
        print("\n".join(failures), file=sys.stderr)
        return 1
    for fault in session.faults:
        print(fault, file=sys.stderr)
    if as_json:
        print(report.as_line(summary), flush=True)
    else:
        print(report.as_text(summary, session.audits), flush=True)
    return 0 if summary["ok"] else 1


def _log_to(file: TextIO) -> None:
    """Our clients' log goes to a file: standard output is the table's or the final object's."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=file),
    )


def _leaves(group: BaseExceptionGroup[Failed]) -> list[Failed]:
    """The failures themselves, however deep the nurseries that they left."""
    found: list[Failed] = []
    for each in group.exceptions:
        found += _leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found
