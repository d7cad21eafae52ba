"""What commands print: JSON for programs on stdout, errors for people on stderr.

Rule: stdout carries the answer alone, so that it can be piped; colour only when stdout is a terminal and NO_COLOR is
unset; text that came over the network is stripped of control characters before it reaches a terminal.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import orjson


def print_json(value: Any, *, indent: bool = True) -> None:
    """Write one JSON document (or, with `indent=False`, one NDJSON line) to stdout."""
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    sys.stdout.write(orjson.dumps(value, option=option, default=str).decode())
    sys.stdout.flush()


def print_error(what: str, why: str = "", todo: str = "") -> None:
    """The three lines every failure gets; empty parts are left out."""
    sys.stdout.flush()
    print(f"error: {what}", file=sys.stderr)
    if why:
        print(f"  why: {why}", file=sys.stderr)
    if todo:
        print(f"  do:  {todo}", file=sys.stderr)
    sys.stderr.flush()


def wants_colour() -> bool:
    """Colour is for terminals (https://no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36", "dim": "2"}


def painted(text: str, colour: str, enabled: bool) -> str:
    """`text` in an ANSI colour when enabled."""
    code = _CODES.get(colour)
    return f"\x1b[{code}m{text}\x1b[0m" if enabled and code else text
