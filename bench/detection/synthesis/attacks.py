"""Families of attacks: typed, in foreign text, in what a tool declares, in many languages, disguised."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from bench.detection.synthesis.disguises import DISGUISES
from bench.detection.synthesis.grammar import Grammar, english, languages, read
from bench.detection.synthesis.places import placed, styled
from bench.detection.synthesis.row import Row


class Attacks:
    """The families by name; each is an endless generator of rows."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._grammar = english()
        self._attack = read("english/attack.yaml")
        self._payloads = self._attack["payloads"]
        self._chat = read("english/chat.yaml")
        self._carriers = read("english/carriers.yaml")
        self._languages = languages()

    def families(self) -> dict[str, Callable[[], Iterator[Row]]]:
        return {
            "direct": lambda: self._typed("direct", "direct"),
            "extraction": lambda: self._typed("extraction", "exfil"),
            "jailbreak": lambda: self._typed("jailbreak", "jailbreak"),
            "indirect": lambda: self._foreign(("addressed", "override", "spoken"), "indirect"),
            "indirect_agentless": lambda: self._foreign(("agentless",), "indirect"),
            "exfiltration": self._exfiltration,
            "tool_poisoning": self._poisoned,
            "multilingual": self._multilingual,
            "multilingual_indirect": self._multilingual_foreign,
            "encoded": self._encoded,
        }

    def _fill(self, template: str) -> str:
        return self._grammar.fill(template, self._rng)

    def _typed(self, family: str, kind: str) -> Iterator[Row]:
        while True:
            yield Row(
                styled(self._fill(self._rng.choice(self._chat[family])), self._rng), 1, family, kind, "en", "user"
            )

    def _payload(self, groups: tuple[str, ...]) -> str:
        return styled(self._fill(self._rng.choice(self._payloads[self._rng.choice(groups)])), self._rng)

    def _foreign(self, groups: tuple[str, ...], kind: str) -> Iterator[Row]:
        family = "indirect" if len(groups) > 1 else "indirect_agentless"
        while True:
            text = self._placed(self._payload(groups), "carriers")
            yield Row(text, 1, family, kind, "en", self._rng.choice(("tool_result", "document")))

    def _placed(self, payload: str, places: str) -> str:
        return placed(self._rng.choice(self._carriers[places]), payload, self._grammar, self._rng)

    def _exfiltration(self) -> Iterator[Row]:
        while True:
            payload = styled(self._fill(self._rng.choice(self._attack["exfiltration"])), self._rng)
            foreign = self._rng.random() < 0.5
            text = self._placed(payload, "carriers") if foreign else payload
            yield Row(text, 1, "exfiltration", "exfil", "en", "tool_result" if foreign else "user")

    def _poisoned(self) -> Iterator[Row]:
        while True:
            text = self._placed(
                styled(self._fill(self._rng.choice(self._carriers["poison"])), self._rng), "descriptions"
            )
            yield Row(text, 1, "tool_poisoning", "indirect", "en", "tool_description")

    def _in_language(self) -> tuple[str, str]:
        code = self._rng.choice(sorted(self._languages))
        content = self._languages[code]
        grammar = Grammar({**self._grammar.slots, **content["slots"]})
        return code, styled(grammar.fill(self._rng.choice(content["attacks"]), self._rng), self._rng)

    def _multilingual(self) -> Iterator[Row]:
        while True:
            code, text = self._in_language()
            yield Row(text, 1, "multilingual", "multilingual", code, "user")

    def _multilingual_foreign(self) -> Iterator[Row]:
        while True:
            code, payload = self._in_language()
            say = self._languages[code]["benign"]
            grammar = Grammar({**self._grammar.slots, "say": say})
            text = placed(self._rng.choice(self._carriers["carriers"]), payload, grammar, self._rng)
            yield Row(text, 1, "multilingual_indirect", "multilingual", code, "tool_result")

    def _encoded(self) -> Iterator[Row]:
        while True:
            family = self._rng.choice(("direct", "extraction", "direct", "jailbreak"))
            plain = self._fill(self._rng.choice(self._chat[family]))
            hidden = self._rng.choice(DISGUISES)(plain, self._rng)
            text = self._rng.choice(self._attack["encoded"]).replace("{it}", hidden)
            if self._rng.random() < 0.25:
                text = self._placed(text, "carriers")
            yield Row(text, 1, "encoded", "encoded", "en", "user")
