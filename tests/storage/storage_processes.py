"""Running a piece of Python elsewhere: what only another process can show."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def in_another_process(program: str, *arguments: str, file_limit_bytes: int | None = None) -> str:
    """What `program` prints. No file it writes can grow past `file_limit_bytes`.

    The limit stands in for a full disk: a write takes what fits and the next one fails.
    """
    limit = ""
    if file_limit_bytes is not None:
        pair = (file_limit_bytes, file_limit_bytes)
        limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, {pair})\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
