"""The formats of vendors' keys, read from `policies/rules/secrets/*.yaml`.

Rule: a format is data with its own cases. Where a vendor gives its tokens a fixed beginning, that beginning
(`anchors`) is looked for first, so that a text without any costs one pass; a format without one counts only right
after a word that names it (`near`), or, where its shape alone tells (`direct`), is looked for everywhere. No file
holds anything that looks like a live key: the cases are made from the shapes (`templates`).
"""

from __future__ import annotations

import random
import re
from functools import lru_cache
from pathlib import Path

from pydantic import Field

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.leaks.templates import Template, made_basic, made_jwt
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.shipped import read_data

# Literal text, then at least so many of a class. Read from our own files, never from traffic.
_HEAD = re.compile(r"((?:[A-Za-z0-9_:!@#/ =-]\??|\\\W)+\[(?:[^\]\\]|\\.)+\])\{(\d+)")
_LONGEST_HEAD = 6


class SecretFormat(Section):
    """One kind of key.

    id, vendor: names a finding carries. tokens: shapes (`templates`). pattern: RE2, when shapes are too narrow; one of
    the two is there. anchors: texts of which one begins every match; taken from the shapes when not given. near: words
    of which one must stand right before. core: RE2 of a short piece inside every match, when chance begins it; before:
    most characters of a match before the core begins. value: number of the group that is the
    secret. check: name of a check in `checks`, which voids a match. checksum: name of a checksum, which only makes the
    finding surer. entropy: least bits a character (Shannon). mixed: both letters and digits. least: shortest random
    part, for vendors that change the length. block: text that ends a key of many lines. made: what makes its cases
    (`jwt`, `basic`).
    """

    id: str
    vendor: str
    tokens: list[str] = Field(default_factory=list)
    pattern: str = ""
    anchors: list[str] = Field(default_factory=list)
    near: list[str] = Field(default_factory=list)
    core: str = ""
    before: int = 0
    value: int = 0
    check: str = ""
    checksum: str = ""
    entropy: float = 2.5
    mixed: bool = False
    least: int = 0
    long: bool = False
    block: str = ""
    made: str = ""

    def templates(self) -> list[Template]:
        return [Template.parse(token) for token in self.tokens]

    def expression(self) -> str:
        """The RE2 pattern of a match."""
        if self.pattern:
            return self.pattern
        return "|".join(template.pattern(self.least) for template in self.templates())

    def beginnings(self) -> list[str]:
        """The anchors; empty for formats found by `near` or `core`."""
        if self.near or self.core:
            return []
        found = self.anchors or sorted({template.anchor for template in self.templates()})
        if not found or min(map(len, found)) < 2:
            raise PolicyError(f"secret format `{self.id}` begins with chance: give it `anchors`, `near` or `core`.")
        return found

    def heads(self) -> list[str]:
        """RE2 of how every match begins, for formats with anchors: literal text and the first characters after it."""
        sources = [self.pattern] if self.pattern else [template.pattern(self.least) for template in self.templates()]
        heads = [None if "|" in source and self.pattern else _HEAD.match(source) for source in sources]
        if None in heads:
            return [re.escape(anchor) for anchor in self.beginnings()]
        return [f"{head[1]}{{{min(int(head[2]), _LONGEST_HEAD)}}}" for head in heads if head]

    def cases(self, chance: random.Random) -> list[str]:
        """A text for each shape that must be found; nobody's key."""
        if self.made == "basic":
            return [f'"auth": "{made_basic(chance)}"']
        made = [made_jwt(chance)] if self.made == "jwt" else [template.make(chance) for template in self.templates()]
        return [f"{chance.choice(self.near)}: {token}" for token in made] if self.near else made


class Pack(Section):
    """One file. pack: its name without `.yaml`."""

    pack: str
    about: str
    rules: list[SecretFormat]


def load_packs(folder: Path | None = None) -> tuple[SecretFormat, ...]:
    """Every format, in the order of the files. folder: None for the shipped ones. Raises PolicyError for a bad file."""
    return _load(folder or policies_folder() / "rules" / "secrets")


@lru_cache(maxsize=4)
def _load(folder: Path) -> tuple[SecretFormat, ...]:
    formats: list[SecretFormat] = []
    for file in sorted(folder.glob("*.yaml")):
        pack = read_data(Pack, file)
        if pack.pack != file.stem:
            raise PolicyError(f"{file.name}: the pack calls itself `{pack.pack}`.")
        formats += pack.rules
    names = [rule.id for rule in formats]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise PolicyError(f"secret formats with the same id: {', '.join(twice)}.")
    if not formats:
        raise PolicyError(f"no secret formats in {folder}.")
    return tuple(formats)
