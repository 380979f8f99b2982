"""The peers that this node has reached before, kept in the home for its next start.

Advice only: a file that is missing or damaged costs the bootstrap's dials, and nothing else.
"""

from pathlib import Path

import msgspec
import structlog

from storage.errors import StorageError
from storage.files import replace_file

log = structlog.get_logger(__name__)

MAX_KNOWN = 256


def read_known_peers(path: Path) -> tuple[str, ...]:
    """The addresses in the file; none where there is no usable one."""
    try:
        return tuple(msgspec.json.decode(path.read_bytes(), type=list[str])[:MAX_KNOWN])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        log.warning("known_peers_unreadable", path=str(path), reason=str(error))
        return ()


def write_known_peers(path: Path, addresses: tuple[str, ...]) -> None:
    """Replace the file."""
    try:
        replace_file(path, msgspec.json.encode(addresses[:MAX_KNOWN]))
    except StorageError as error:
        log.warning("known_peers_not_written", path=str(path), reason=str(error))
