"""The attack pack: cases as data (`policies/attacks/*.yaml`), one file a vector, look-alikes beside the attacks.

Rule: a file that is not what it should be is refused with its name and what is wrong; nothing is skipped. A text with
`disguises` is one case per disguise. `{github}` and the like in a text become made-up samples (`samples`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field

from clyra_proxy.errors import PolicyError, UsageError
from clyra_proxy.genai.rehearsal.disguises import DISGUISES
from clyra_proxy.genai.rehearsal.samples import fill
from clyra_proxy.policy.files import read_text
from clyra_proxy.policy.load import validate
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.source import parse


class Place(StrEnum):
    """Where in a conversation the text stands."""

    USER = "user"
    TOOL_RESULT = "tool_result"
    DOCUMENT = "document"
    TOOL_DESCRIPTION = "tool_description"
    ASSISTANT = "assistant"  # what the model answers
    ARGUMENTS = "arguments"  # what a tool is called with
    MEDIA = "media"  # beside the text, an image or a sound


class _Text(Section):
    id: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    text: str = Field(min_length=1)
    place: Place | None = None
    expect: list[str] | None = None
    lang: str = "en"
    media: str = ""
    parts: int = Field(1, ge=1, le=16)
    disguises: list[str] = Field(default_factory=list)


class _Pack(Section):
    vector: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    about: str = Field(min_length=1)
    place: Place
    expect: list[str] = Field(min_length=1)
    needs: str = ""
    attacks: list[_Text] = Field(min_length=1)
    benign: list[_Text] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """One text in its place. expect: rules or families of which one must be found; empty for a look-alike, where none
    may be. needs: dotted key of the policy without which the proxy cannot know; "" for none. media: media type.
    parts: content parts that the text is cut into, wherever the cut falls."""

    id: str
    vector: str
    place: Place
    text: str
    expect: tuple[str, ...] = ()
    needs: str = ""
    lang: str = "en"
    media: str = ""
    parts: int = 1

    @property
    def pieces(self) -> list[str]:
        """The text in its parts."""
        size = -(-len(self.text) // self.parts)
        return [self.text[at : at + size] for at in range(0, len(self.text), size)]

    @property
    def attack(self) -> bool:
        return bool(self.expect)


@lru_cache(maxsize=1)
def shipped_cases() -> tuple[Case, ...]:
    """Every case of every shipped pack. Raises PolicyError."""
    folder = policies_folder() / "attacks"
    return tuple(case for file in sorted(folder.glob("*.yaml")) for case in read_pack(file))


def choose(cases: Iterable[Case], vectors: Sequence[str]) -> list[Case]:
    """The cases of these vectors; of all when none is named. Raises UsageError for a vector there is not."""
    cases = list(cases)
    known = sorted({case.vector for case in cases})
    for vector in vectors:
        if vector not in known:
            near = difflib.get_close_matches(vector, known, 1)
            raise UsageError(
                f"There is no attack vector `{vector}`.",
                f"The nearest is `{near[0]}`." if near else "",
                f"Choose from: {', '.join(known)}.",
            )
    return [case for case in cases if not vectors or case.vector in vectors]


def read_pack(file: Path) -> tuple[Case, ...]:
    """The cases of one file. Raises PolicyError, which names the line."""
    pack = validate(_Pack, parse(read_text(file), file.name))
    try:
        cases = (*_expanded(pack, pack.attacks, True), *_expanded(pack, pack.benign, False))
    except KeyError as error:
        raise PolicyError(f"{file}: there is no disguise {error}.") from error
    if len({case.id for case in cases}) != len(cases):
        raise PolicyError(f"{file}: two cases have the same id.")
    return cases


def _expanded(pack: _Pack, texts: Iterable[_Text], attack: bool) -> Iterator[Case]:
    for given in texts:
        name = f"{pack.vector}.{given.id}"
        facts: dict[str, Any] = {
            "vector": pack.vector,
            "place": given.place or pack.place,
            "expect": tuple(given.expect or pack.expect) if attack else (),
            "needs": pack.needs,
            "lang": given.lang,
            "media": given.media,
            "parts": given.parts,
        }
        text = fill(given.text, name)
        if not given.disguises:
            yield Case(name, text=text, **facts)
        for disguise in given.disguises:
            yield Case(f"{name}.{disguise}", text=DISGUISES[disguise](text), **facts)
