"""Run a command that ends when its parent does: `python -m clyra_proxy.engine.leash PARENT_PID COMMAND...`.

prctl(2) PR_SET_PDEATHSIG survives execve(2), so the command needs to know nothing about it. A parent that died
before the call would never send the signal; comparing parent process ids afterwards closes that gap.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the command, tied to a parent. arguments: process id of the parent, then the command."""
    parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
