"""Processes that wait for each other and then begin at once.

Rule: a program says `ready` when it has opened what it needs, reads one line, works, and prints what came of it.
"""

from __future__ import annotations

import subprocess
import sys


def race(program: str, *arguments: str, racers: int = 4, seconds: float = 60.0) -> list[list[str]]:
    """Run a Python program several times at once with `arguments` and its number; the words that each printed."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(racers)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    return [child.communicate(timeout=seconds)[0].split() for child in children]
