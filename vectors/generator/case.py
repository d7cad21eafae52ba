"""One golden case: files, the command lines to give a verifier, and what it must answer.

The answer is declared by hand, from the specification: the first code, all warnings, and what else the case is about.
The id of a case is a digest of its files and command lines, so that no name gives the answer away. Each rejecting case
has a twin that is not rejected and differs in the one thing under test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

EXITS = {"verified": 0, "rejected": 1, "prefix": 3, "indeterminate": 4}
UNREADABLE = 2
BUNDLE, TRUST, MEMORY = "bundle.zip", "trust.json", "memory.json"
VERIFY = ("verify", BUNDLE, f"--trust={TRUST}")
TRUTH = "That the recorder was told the truth."


@dataclass(frozen=True, slots=True)
class Case:
    """title: in words, kept in the manifest only. code: `first` of the last report. twin: title of the accepting twin.

    arguments: the last command line, without `--json`. earlier: command lines that run before it, in the same folder.
    warnings: all warning codes of the last report. shows: further members of the last report. silent: what a verifier's
    answer does not assert. verdict: "" for the one that `code` alone means. leaves: files the run leaves behind whose
    content is part of the answer. links: symbolic links among the files. needs: optional parts of a verifier.
    worst: exit code, when that of another bundle on the command line outdoes the last one's.
    """

    title: str
    files: Mapping[str, bytes]
    code: str
    twin: str = ""
    arguments: tuple[str, ...] = VERIFY
    earlier: tuple[tuple[str, ...], ...] = ()
    warnings: tuple[str, ...] = ()
    shows: Mapping[str, Any] = field(default_factory=dict)
    silent: str = TRUTH
    verdict: str = ""
    leaves: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    worst: int = -1

    @property
    def id(self) -> str:
        """Hex, 32 digits."""
        found = sha256()
        for name, content in sorted(self.files.items()):
            found.update(f"file {name}\n{len(content)}\n".encode() + content)
        for name, target in sorted(self.links.items()):
            found.update(f"link {name}\n{target}\n".encode())
        for command in self.commands:
            found.update("\n".join(("command", *command, "")).encode())
        return found.hexdigest()[:32]

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        return (*self.earlier, self.arguments)

    @property
    def expected_verdict(self) -> str:
        return self.verdict or verdict_of(self.code)

    @property
    def exit(self) -> int:
        return self.worst if self.worst >= 0 else EXITS.get(self.expected_verdict, UNREADABLE)


def verdict_of(code: str) -> str:
    """The verdict of a report whose only code is this."""
    return {"": "verified", "E": "rejected", "I": "indeterminate", "P": "prefix"}[code[:1]]
