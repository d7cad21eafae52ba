"""The files a policy is made of: itself, what is written like it (cases, exceptions, packs), and what it names.

Guarantees: a file that cannot be read is a PolicyError that says which, why, and what to do; text is UTF-8 and of
bounded size, and nothing beyond the bound is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clyra_proxy.errors import PolicyError

MAX_TEXT_BYTES = 4 << 20


def read_text(path: Path) -> str:
    """The text of a policy, or of a file written like one. Raises PolicyError."""
    with _told(f"Cannot read {path}.", "Give an existing file; `clyra init` writes a policy."):
        return _text(path, str(path))


def read_named_text(name: str, base_dir: Path) -> str:
    """The text of a file that the policy names. base_dir: the policy's folder. Raises PolicyError."""
    with _named(name, "The policy"):
        return _text(base_dir / name, name)


def read_named(name: str, base_dir: Path, by: str = "The policy") -> bytes:
    """All of a file that the policy names, of any size. by: what names it, to begin a sentence. Raises PolicyError."""
    with _named(name, by):
        return (base_dir / name).read_bytes()


def _text(path: Path, name: str) -> str:
    with path.open("rb") as file:
        raw = file.read(MAX_TEXT_BYTES + 1)
    if len(raw) > MAX_TEXT_BYTES:
        raise PolicyError(f"{name} is larger than {MAX_TEXT_BYTES} bytes.", todo="Split it; schemas go into own files.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name} is not UTF-8.", f"Byte {error.start} is wrong.", "Save it as UTF-8.") from error


@contextmanager
def _named(name: str, by: str) -> Iterator[None]:
    place = "File names start from the folder of the policy file."
    with _told(f"{by} names the file {name}, which cannot be read.", place):
        yield


@contextmanager
def _told(what: str, todo: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PolicyError(what, f"The system says: {error.strerror}.", todo) from error
