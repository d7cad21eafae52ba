"""Changing the file of exceptions: atomically, one writer at a time, keeping what people wrote in it.

An entry is appended as text, so that comments and order stay; when the file is written in another style (a flow
sequence, say), it is written anew. Either way the result is read back before it takes the old file's place.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.exceptions import ExceptionEntry, ExceptionFile
from clyra_proxy.policy.files import read_text
from clyra_proxy.policy.load import validate
from clyra_proxy.policy.source import CoreDumper, Source, parse

HEADER = """\
# Exceptions for false positives. `clyra allow --from VERDICT` adds one, `clyra allow --remove ID` takes one out.
exceptions:
"""
MODE = 0o644


def add_entries(path: Path, entries: Sequence[ExceptionEntry]) -> None:
    """Add entries to the file, made when there is none. Raises PolicyError, StartupError."""
    with _alone(path):
        text = read_text(path) if path.exists() else HEADER
        before = _read(text, path)
        after = ExceptionFile(exceptions=[*before.exceptions, *entries])
        added = text.rstrip("\n") + "\n" + "".join(render(entry) for entry in entries)
        _write(path, added if _says(added, path, after) else _render_all(after), after)


def remove_entry(path: Path, name: str) -> ExceptionEntry:
    """Take one entry out; the one it was. Raises PolicyError when there is none of that id."""
    with _alone(path):
        text = read_text(path)
        before = _read(text, path)
        kept = [entry for entry in before.exceptions if entry.id != name]
        if len(kept) == len(before.exceptions):
            raise PolicyError(f"{path} has no exception `{name}`.", "", "`clyra allow --list` shows them all.")
        after = ExceptionFile(exceptions=kept)
        position = next(number for number, entry in enumerate(before.exceptions) if entry.id == name)
        shorter = _without(parse(text, str(path)), position)
        _write(path, shorter if _says(shorter, path, after) else _render_all(after), after)
        return before.exceptions[position]


def render(entry: ExceptionEntry) -> str:
    """The entry as an item of the list, conditions that are left out left out."""
    values = {key: value for key, value in entry.model_dump().items() if value not in ("", None)}
    readable = all("\x85" not in str(value) for value in values.values())  # YAML takes that one for the end of a line
    text = yaml.dump(values, Dumper=CoreDumper, sort_keys=False, allow_unicode=readable, width=10_000)
    lines = text.rstrip("\n").split("\n")
    return "".join(f"{'  - ' if not number else '    '}{line}\n" for number, line in enumerate(lines))


def _render_all(file: ExceptionFile) -> str:
    return HEADER + "".join(render(entry) for entry in file.exceptions) if file.exceptions else "exceptions: []\n"


def _read(text: str, path: Path) -> ExceptionFile:
    return validate(ExceptionFile, parse(_empty_made_a_list(text), str(path)))


def _empty_made_a_list(text: str) -> str:
    """`exceptions:` with nothing under it is no list in YAML; it means none here."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return text.rstrip("\n") + " []\n" if lines == ["exceptions:"] and text.rstrip().endswith("exceptions:") else text


def _says(text: str, path: Path, meant: ExceptionFile) -> bool:
    try:
        return _read(text, path) == meant
    except PolicyError:
        return False


def _without(source: Source, position: int) -> str:
    lines = [line + "\n" for line in source.text.rstrip("\n").split("\n")]  # as YAML counts them, not as Unicode does
    first = source.lines[("exceptions", position)] - 1
    following = source.lines.get(("exceptions", position + 1))
    return "".join(lines[:first] + (lines[following - 1 :] if following is not None else []))


def _write(path: Path, text: str, meant: ExceptionFile) -> None:
    text = text if meant.exceptions else "exceptions: []\n"
    if not _says(text, path, meant):
        raise PolicyError(f"{path} would not say what was meant.", "", "Change it by hand.")
    write_atomically(path, text.encode("utf-8"), MODE)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer at a time, by a lock on the folder."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise PolicyError(
            f"Cannot write {path}.", f"The system says: {error.strerror}.", "Make its folder first."
        ) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
