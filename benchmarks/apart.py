"""Programs that a benchmark runs in processes of their own, beside what it measures."""

import sys
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec

from gtxnode.devnet.processes import Child, stop

T = TypeVar("T")

STOP_S = 2.0

_runs = count(1)


async def apart(folder: Path, module: str, plan: msgspec.Struct, result: type[T]) -> T:
    """Run `python -m module PLAN RESULT`, both MessagePack files in `folder`; what it wrote.

    `RuntimeError` with the end of its log if it fails.
    """
    number = next(_runs)
    given, made = folder / f"plan-{number}", folder / f"result-{number}"
    given.write_bytes(msgspec.msgpack.encode(plan))
    command = (sys.executable, "-m", module, str(given), str(made))
    process = Child(module, command, folder / f"{module}-{number}.log")
    try:
        process.start()
        if await process.exited() != 0:
            raise RuntimeError(process.last_lines())
    finally:
        await stop([process], grace_s=STOP_S)
    given.unlink()
    return msgspec.msgpack.decode(made.read_bytes(), type=result)
