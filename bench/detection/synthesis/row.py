"""One synthetic text with its label and its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """label: 1 for an attack. kind: as in the development corpus. provenance: a value of `Provenance`."""

    text: str
    label: int
    family: str
    kind: str
    lang: str
    provenance: str

    def written(self) -> dict[str, str | int]:
        """As a line of the output file; the source is the family, so that splits by source split by family."""
        return {
            "text": self.text,
            "label": self.label,
            "source": f"synth_{self.family}",
            "kind": self.kind,
            "lang": self.lang,
            "provenance": self.provenance,
        }
