"""The words others use for what a rule finds: OWASP Top 10 for LLM Applications and MITRE ATLAS, as data.

Rule: no id is written in code. `policies/taxonomy/rules.json` says which ids a rule has, `owasp-llm.json` and
`atlas.json` what each id means; a test holds the one against the others. An OWASP id names its edition
(`LLM01:v1.1`, `LLM01:2025`), because the numbers moved between the editions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from clyra_proxy.policy.profiles import policies_folder


@dataclass(frozen=True, slots=True)
class Labels:
    """The ids of one rule. owasp_llm: `LLM01:v1.1`, `LLM01:2025`. atlas: technique ids, `AML.T0051.001`."""

    owasp_llm: tuple[str, ...] = ()
    atlas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique of MITRE ATLAS. name: of a sub-technique with its parent's before it. tactics: names."""

    id: str
    name: str
    tactics: tuple[str, ...]


@lru_cache(maxsize=1)
def labels_of_rules() -> Mapping[str, Labels]:
    """Rule id -> its labels. Raises OSError or ValueError when the shipped data cannot be read."""
    rows = _read("rules.json")
    return MappingProxyType({rule: Labels(tuple(row["owasp_llm"]), tuple(row["atlas"])) for rule, row in rows.items()})


@lru_cache(maxsize=1)
def risks() -> Mapping[str, str]:
    """OWASP id -> name of the risk, both editions."""
    return MappingProxyType(_read("owasp-llm.json")["risks"])


@lru_cache(maxsize=1)
def techniques() -> Mapping[str, Technique]:
    """ATLAS id -> technique."""
    document = _read("atlas.json")
    rows, tactics = document["techniques"], document["tactics"]
    found = {}
    for identifier, row in rows.items():
        parent = rows.get(identifier.rpartition(".")[0])
        named = row if parent is None else parent
        name = row["name"] if parent is None else f"{parent['name']}: {row['name']}"
        found[identifier] = Technique(identifier, name, tuple(tactics[tactic] for tactic in named.get("tactics", ())))
    return MappingProxyType(found)


def name_of(identifier: str) -> str:
    """What an OWASP or ATLAS id is called; "" for one that is not known."""
    technique = techniques().get(identifier)
    return technique.name if technique is not None else risks().get(identifier, "")


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((policies_folder() / "taxonomy" / name).read_text("utf-8"))
    return document
