"""Asking the reference verifier (`recorder.verify`), in this process: hundreds of cases in seconds."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

MODULE = "recorder.verify.command"


def answer(folder: Path, arguments: Sequence[str]) -> tuple[int, bytes]:
    """Exit code and standard output of `python -m recorder.verify ARGUMENTS --json` in a folder."""
    main = importlib.import_module(MODULE).main
    with _in(folder), _captured() as out:
        code = main([*arguments, "--json"])
    return code, out.getvalue()


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _captured() -> Iterator[io.BytesIO]:
    """What is written to standard output; standard error is dropped."""
    found = io.BytesIO()
    out, err = sys.stdout, sys.stderr
    sys.stdout = io.TextIOWrapper(found, encoding="utf-8", write_through=True)
    sys.stderr = io.StringIO()
    try:
        yield found
    finally:
        sys.stdout.flush()
        sys.stdout.detach()
        sys.stdout, sys.stderr = out, err
