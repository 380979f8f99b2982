"""Run a program that the kernel kills when the process that wanted it dies.

`python -m gtxnode.devnet.under_parent PARENT_PID PROGRAM [ARGUMENT...]` asks the kernel, then
turns into the program, so that its process id and exit code are the program's. The wish outlives
the change of program (prctl(2), PR_SET_PDEATHSIG). Elsewhere than on Linux there is no such wish,
and the program runs without it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, program: list[str]) -> None:
    """Become the program; `SystemExit` if the parent has died already."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:  # it died before the wish was made
            raise SystemExit(f"process {parent} is gone")
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
