"""Every error a user of the proxy can meet, as one small tree.

Each error says what happened, why, and what to do; the command line prints exactly that, never a traceback.
"""

from __future__ import annotations

from typing import ClassVar


class ClyraError(Exception):
    """Base of all errors meant for a person.

    `what` names the thing that failed (with file and line where there is one), `why` the cause,
    `todo` the next step. `exit_code` is what the process ends with: 1 fail, 2 cannot tell, 64 usage.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, why: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.todo = todo

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.todo) if part)


class UsageError(ClyraError):
    """The command was called with words that make no sense together."""

    exit_code: ClassVar[int] = 64


class PolicyError(ClyraError):
    """A policy file is wrong: unknown key, bad value, missing profile, contradiction."""


class SchemaError(ClyraError):
    """A JSON Schema or OpenAPI document cannot be used safely."""


class StartupError(ClyraError):
    """The proxy cannot start: port taken, certificate authority missing, folder not writable."""


class EvidenceError(ClyraError):
    """The recorder did not accept, or could not be asked to accept, a record."""


class CannotTellError(ClyraError):
    """A question has no honest answer from what is at hand."""

    exit_code: ClassVar[int] = 2
