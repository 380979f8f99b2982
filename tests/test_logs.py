"""Logs: JSON lines for programs, text for people, no secret in either."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gtxnode import logs
from gtxnode.config import LogLevel


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leaves logging as it was found."""
    handlers, level = logging.root.handlers[:], logging.root.level
    before = [
        (logger, logger.level, logger.propagate) for logger in map(logging.getLogger, logs.CHATTY)
    ]
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for logger, quiet, propagate in before:
        logger.setLevel(quiet)
        logger.propagate = propagate
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_outside_a_terminal_each_event_is_one_json_object() -> None:
    stream = io.StringIO()
    logs.configure(LogLevel.INFO, "auto", "n1", stream=stream)
    structlog.get_logger("gtxnode.engine").info("block_final", height=3, id=b"\x01\xff")
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "message": "block_final",
        "height": 3,
        "id": "01ff",
        "node": "n1",
        "level": "info",
        "logger": "gtxnode.engine",
    }


def test_on_a_terminal_it_is_coloured_text() -> None:
    stream = Terminal()
    logs.configure(LogLevel.INFO, "auto", "n1", stream=stream)
    structlog.get_logger("gtxnode.engine").warning("slow_disk", fsync_ms=70)
    assert "slow_disk" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


def test_the_form_may_be_forced() -> None:
    stream = Terminal()
    logs.configure(LogLevel.INFO, "json", "n1", stream=stream)
    structlog.get_logger("x").info("a")
    assert lines(stream)
    plain = io.StringIO()
    structlog.reset_defaults()
    logs.configure(LogLevel.INFO, "text", "n1", stream=plain)
    structlog.get_logger("x").info("b")
    assert "\x1b[" not in plain.getvalue()


def test_less_than_the_level_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure(LogLevel.WARNING, "json", "n1", stream=stream)
    structlog.get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    structlog.get_logger("x").error("loud")
    assert [line["message"] for line in lines(stream)] == ["loud"]


@pytest.mark.parametrize("format", ["json", "text"])
def test_no_secret_is_written(format: Any) -> None:
    stream = io.StringIO()
    logs.configure(LogLevel.DEBUG, format, "n1", stream=stream)
    log = structlog.get_logger("x")
    secret = "".join(("hunt", "er2"))
    log.info("a", passphrase=secret, config={"private_key": secret, "list": [{"Words": secret}]})
    try:
        raise ValueError(len(secret))
    except ValueError:
        log.exception("failed")
    written = stream.getvalue()
    assert "ValueError: 7" in written
    # Local variables stay out of tracebacks, so it is in neither line.
    assert secret not in written


def test_libraries_come_out_in_the_same_form_and_chatty_ones_less() -> None:
    stream = io.StringIO()
    logs.configure(LogLevel.INFO, "json", "n1", stream=stream)
    logging.getLogger("libp2p.host").info("noise")
    logging.getLogger("libp2p.host").warning("peer %s is gone", "x")
    (line,) = lines(stream)
    assert (line["message"], line["level"], line["node"]) == ("peer x is gone", "warning", "n1")


def test_what_json_has_no_form_for_is_still_written() -> None:
    stream = io.StringIO()
    logs.configure(LogLevel.INFO, "json", "n1", stream=stream)
    structlog.get_logger("x").info("odd", big=2**80, path=io, keys={b"\x01": 1}, error=ValueError())
    (line,) = lines(stream)
    assert line["big"] == 2**80
