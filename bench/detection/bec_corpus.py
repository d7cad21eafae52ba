"""Business mail and lures for measuring BEC detection, made from templates by a seed.

Rule: the templates are data (`bench/detection/mail/*.yaml`), the slots are names nobody has; the same seed gives the
same rows. Rows of one template are not independent of each other, so intervals are computed over templates.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parent / "mail"
_SLOT = re.compile(r"\{(\w+)\}")
_VALUES = {
    "person": ("Jana", "Tom", "Aisha", "Kenji", "Lucía", "Piotr", "Ms Okafor", "Herr Brandt"),
    "person2": ("Maria", "Oleg", "Chen Wei", "Samir", "Ingrid", "Paul", "Dana Cole", "R. Iyer"),
    "vendor": ("Nordwind GmbH", "Globex Ltd", "Acme Supplies", "Ferro & Co", "Initech", "Blue Harbour LLC"),
    "amount": ("EUR 4,310.20", "$12,480", "1.250,00 EUR", "38 900 EUR", "USD 7,250.00"),
    "date": ("3 March", "2026-04-17", "12.05.2026", "Monday", "30 June"),
    "month": ("March", "June", "Q3", "October"),
    "iban": ("DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "FR76 3000 6000 0112 3456 7890 189"),
    "bank": ("First Harbour Bank", "Nordbank", "Banco Meridional"),
    "domain": ("nordwind.example", "globex.example"),
    "url": ("https://files.nordwind.example/d/8812", "https://globex.example/view?id=77", "<<link>>"),
}


@dataclass(frozen=True, slots=True)
class Mail:
    """lure: whether it is one. template: `file/kind/number`."""

    text: str
    lure: bool
    kind: str
    language: str
    template: str


def synthesise(seed: int = 1, copies: int = 5) -> Iterator[Mail]:
    """`copies` of every template with slots filled."""
    chooser = random.Random(seed)
    for path in sorted(FOLDER.glob("*.yaml")):
        pack = yaml.safe_load(path.read_text("utf-8"))
        for kind, templates in pack["kinds"].items():
            for number, template in enumerate(templates):
                name = f"{path.stem}/{kind}/{number}"
                for text in dict.fromkeys(_fill(template, chooser) for _ in range(copies)):
                    yield Mail(text, path.stem.startswith("lures"), kind, pack["language"], name)


def _fill(template: str, chooser: random.Random) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] in ("n", "n2"):
            return str(chooser.randrange(1000, 99999))
        return chooser.choice(_VALUES[found[1]])

    return _SLOT.sub(value, template)
