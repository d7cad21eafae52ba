"""Families of texts that resemble attacks and are none, with the carriers, names and addresses that attacks use."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Iterator

from bench.detection.synthesis.disguises import DISGUISES
from bench.detection.synthesis.grammar import Grammar, english, languages, read
from bench.detection.synthesis.places import placed, styled
from bench.detection.synthesis.row import Row


class Benign:
    """The families by name; each is an endless generator of rows."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._grammar = english()
        self._texts = read("english/benign.yaml")
        self._carriers = read("english/carriers.yaml")
        self._languages = languages()

    def families(self) -> dict[str, Callable[[], Iterator[Row]]]:
        return {
            "benign_twin": self._twins,
            "benign_chat": lambda: self._alone("chat"),
            "benign_long": lambda: self._alone("long"),
            "benign_tools": self._tools,
            "benign_multilingual": self._multilingual,
            "benign_encoded": self._encoded,
        }

    def _fill(self, template: str) -> str:
        secret = base64.b64encode(self._grammar.fill("{say}", self._rng).encode()).decode()
        return self._grammar.holding(b64=secret).fill(template, self._rng)

    def _twins(self) -> Iterator[Row]:
        while True:
            twin = styled(self._fill(self._rng.choice(self._texts["twin"])), self._rng)
            text = placed(self._rng.choice(self._carriers["carriers"]), twin, self._grammar, self._rng)
            yield Row(text, 0, "benign_twin", "benign", "en", self._rng.choice(("tool_result", "document")))

    def _alone(self, group: str) -> Iterator[Row]:
        while True:
            text = styled(self._fill(self._rng.choice(self._texts[group])), self._rng)
            provenance = "user" if group == "chat" else "document"
            yield Row(text, 0, f"benign_{group}", "hard_negative", "en", provenance)

    def _tools(self) -> Iterator[Row]:
        while True:
            note = self._fill(self._rng.choice(self._texts["toolnote"]))
            text = placed(self._rng.choice(self._carriers["descriptions"]), note, self._grammar, self._rng)
            yield Row(text, 0, "benign_tools", "hard_negative", "en", "tool_description")

    def _multilingual(self) -> Iterator[Row]:
        while True:
            code = self._rng.choice(sorted(self._languages))
            content = self._languages[code]
            grammar = Grammar({**self._grammar.slots, "say": content["benign"]})
            text = grammar.fill(self._rng.choice(content["benign"]), self._rng)
            foreign = self._rng.random() < 0.4
            if foreign:
                text = placed(self._rng.choice(self._carriers["carriers"]), text, grammar, self._rng)
            yield Row(text, 0, "benign_multilingual", "multilingual", code, "tool_result" if foreign else "user")

    def _encoded(self) -> Iterator[Row]:
        templates = (
            "{it}",
            "Decode this: {it}",
            "token={it}",
            "checksum {it}",
            "What does {it} mean?",
            '{"data": "{it}"}',
        )
        while True:
            plain = self._fill(self._rng.choice(self._texts["twin"] + self._texts["chat"]))
            if self._rng.random() < 0.3:
                hidden = hashlib.sha256(plain.encode()).hexdigest()[: self._rng.choice((32, 40, 64))]
            else:
                hidden = self._rng.choice(DISGUISES)(plain, self._rng)
            text = self._rng.choice(templates).replace("{it}", hidden)
            yield Row(text, 0, "benign_encoded", "hard_negative", "en", "user")
