"""The development corpus: texts with label, kind, language and source.

Rule: a source is the unit of every split. Sources written by the same hand are one family and stay together: a row of
a sister file is as good as a row of the same file. Sources whose licence is not verified are measured, never trained
on. Texts are inert data: nothing here prints one unless asked to show misses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "data" / "injection" / "dev.jsonl"
UNVERIFIED = frozenset({"neuralchemy", "neuralchemy_safe"})

# Sources of one author, or of one making.
_FAMILIES = {
    "neuralchemy_safe": "neuralchemy",
    "fprompts_messages": "fprompts",
    "fprompts_book": "fprompts",
    "fuzzyai_benign": "fuzzyai",
    "gpteacher_roleplay": "gpteacher",
    "gpteacher_toolform": "gpteacher",
    "selfinstruct_user": "selfinstruct",
    "selfinstruct_seed": "selfinstruct",
    "mitmproxy_code": "mitmproxy",
    "docs_mitm": "mitmproxy",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One text. label: 1 for an attack. kind: what attack, or what sort of benign text."""

    text: str
    label: int
    source: str
    kind: str
    lang: str

    @property
    def family(self) -> str:
        """The group of sources that this row's source may not be separated from."""
        return _FAMILIES.get(self.source, self.source)

    @property
    def group(self) -> str:
        """What it is counted as: `direct`, `jailbreak`, ... for attacks; `ordinary`, ... for benign texts."""
        if self.label:
            return self.kind
        return "ordinary" if self.kind == "benign" else self.kind


def read_rows(path: Path = CORPUS) -> list[Row]:
    """All rows of a corpus file, in its order. Raises FileNotFoundError or KeyError: a corpus is whole or unusable."""
    with path.open(encoding="utf-8") as lines:
        loaded = [json.loads(line) for line in lines]
    return [Row(row["text"], int(row["label"]), row["source"], row["kind"], row.get("lang", "")) for row in loaded]


def trainable(rows: Iterable[Row]) -> list[Row]:
    """The rows that may shape what ships."""
    return [row for row in rows if row.source not in UNVERIFIED]
