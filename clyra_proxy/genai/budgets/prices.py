"""What tokens cost: a table that ships, a policy's own laid over it, and a price for what is in neither.

Rule: amounts are counted in whole millionths of the table's currency, rounded up, so that sums are exact and nothing is
free because it is small. Prices limit spending; they do not book it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from clyra_proxy.genai.selecting import Names
from clyra_proxy.policy.genai.selecting import NamePattern
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.shipped import read_data

type Money = int
"""Millionths of the currency."""

PerMillion = Annotated[float, Field(ge=0, le=1e6)]


class _Row(Section):
    models: Annotated[list[NamePattern], Field(min_length=1)]
    input: PerMillion
    output: PerMillion


class _File(Section):
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    as_of: str = ""
    prices: list[_Row]


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens, in whole currency; so of one token, in millionths."""

    input: float
    output: float

    def of(self, input_tokens: int, output_tokens: int) -> Money:
        """What some tokens cost, rounded up."""
        exact = input_tokens * self.input + output_tokens * self.output
        return int(exact) + (exact > int(exact))


class Prices:
    """The tables in force. unpriced: of a million tokens of a model that none of them has."""

    def __init__(self, files: Iterable[Path], unpriced: float) -> None:
        """files: the first that has a model counts. Raises PolicyError."""
        rows = [row for path in files for row in read_data(_File, path).prices]
        self._rows = [(Names(row.models, fold=True), Price(row.input, row.output)) for row in rows]
        self._otherwise = Price(unpriced, unpriced)
        self._find = lru_cache(maxsize=512)(self._search)

    def of(self, model: str) -> Price:
        return self._find(model[:512])

    def _search(self, model: str) -> Price:
        spellings = spellings_of(model)
        return next(
            (price for names, price in self._rows if any(map(names.match, spellings))),
            self._otherwise,
        )


def shipped_prices() -> Path:
    """The table that counts where a policy names none."""
    return policies_folder() / "rules" / "prices.yaml"


def spellings_of(model: str) -> tuple[str, ...]:
    """A model's name as written, and without the path before it: `models/gemini-x`, an ARN, `openai/gpt-x`."""
    short = model.rpartition("/")[2]
    return (model,) if short == model or not short else (model, short)
