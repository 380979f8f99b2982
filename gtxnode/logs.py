"""Logs: structured events on the standard error, JSON lines unless a person is looking.

Invariant: no secret is written. Values under the names of secrets are hidden wherever they
stand in an event, and bytes are shown as hex, so that a key is not printed by its repr.
Libraries that log through the standard module come out in the same form.
"""

import json
import logging
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gtxnode.config import LogLevel

SECRET_NAMES = frozenset(
    {
        "passphrase",
        "password",
        "private_key",
        "secret",
        "seed_words",
        "words",
        "mnemonic",
        "validator_key",
        "network_key",
    }
)
HIDDEN = "[hidden]"
# They tell of every stream and dial at INFO; on a node that is noise.
CHATTY = ("libp2p", "hypercorn", "trio_websocket", "multiaddr", "async_service")


def configure(
    level: LogLevel,
    format: Literal["auto", "json", "text"],
    node: str,
    *,
    stream: TextIO | None = None,
) -> None:
    """Set up logging for this process. `node` stands in every line."""
    target = stream or sys.stderr
    as_text = format == "text" or (format == "auto" and target.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        hide_secrets,
    ]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_text(target) if as_text else _JSON),
            ],
        )
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=threshold, handlers=[handler], force=True)
    for name in CHATTY:
        quiet = threshold if level is LogLevel.DEBUG else max(threshold, logging.WARNING)
        logger = logging.getLogger(name)
        logger.setLevel(quiet)
        logger.propagate = True  # libp2p silences itself altogether when it is imported
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(node=node)


def hide_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The event without what is secret, and with bytes as hex."""
    # Names that begin with _ are structlog's own, for the formatter.
    return {n: v if n.startswith("_") else _shown(n, v) for n, v in event.items()}


def _shown(name: str, value: Any) -> Any:
    if name.lower() in SECRET_NAMES:
        return HIDDEN
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(_shown("", key)): _shown(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(name, inner) for inner in value]
    return value


_JSON: list[Processor] = [
    structlog.processors.format_exc_info,
    structlog.processors.EventRenamer("message", "event"),
    structlog.processors.JSONRenderer(
        serializer=partial(json.dumps, ensure_ascii=False), default=str
    ),
]


def _text(target: TextIO) -> list[Processor]:
    # The fancy tracebacks show local variables, and one of those may be a key.
    plain = structlog.dev.plain_traceback
    colours = target.isatty()
    return [
        structlog.dev.ConsoleRenderer(
            colors=colours, timestamp_key="time", exception_formatter=plain
        )
    ]
