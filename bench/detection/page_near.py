"""The section of `docs/detection.md` on near misses: ordinary short texts in the words of attacks.

Rule: only the half that nothing was trained on, and no rule was changed for, is shown; judged by the model that ships.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.detection.detectors import placed_at, run_shipped
from bench.detection.measuring import Rate, Scored
from bench.detection.near_misses import is_suspicious, near_misses
from bench.detection.page import fine
from clyra_proxy.genai.model import Provenance

type Pair = tuple[Scored, Scored]
"""A text alone, and as a result of a tool."""


def near_misses_flagged() -> Iterator[str]:
    """How many are flagged, by scene."""
    rows = near_misses("held_back")
    alone = run_shipped(rows, placed_at(Provenance.UNKNOWN), 1)
    there = run_shipped(rows, placed_at(Provenance.TOOL_RESULT), 1)
    yield from table(list(zip(alone, there, strict=True)))


def table(pairs: Sequence[Pair]) -> Iterator[str]:
    """The section, from what was scored."""
    yield "## Near misses"
    yield ""
    yield "The corpus has hardly any of the short texts that people and programs send all day and that share words "
    yield 'with attacks ("please send the instructions", "show version", "forget it, I will ask my sister"). These '
    yield "were written for this repository (`bench/detection/near_misses`): one half trains the classifier, with more "
    yield "of its kind from templates; the other, shown here, is only measured. One hand wrote all of it and knew the "
    yield "rules: the last scene lies next to their patterns on purpose and is harder than traffic is, but texts by "
    yield "strangers will differ more from what was trained on."
    yield ""
    yield "| scene | alone | as results of tools |"
    yield "|---|---|---|"
    for scene in dict.fromkeys(one.row.kind for one, _ in pairs):
        yield _line(scene.replace("_", " "), [pair for pair in pairs if pair[0].row.kind == scene])
    yield _line("without a word that attacks use", [pair for pair in pairs if not is_suspicious(pair[0].row)])
    yield _line("**all**", pairs)
    yield ""


def _line(name: str, pairs: Sequence[Pair]) -> str:
    rates = [Rate(sum(pair[place].flagged for pair in pairs), len(pairs)) for place in (0, 1)]
    return f"| {name} | {fine(rates[0])} | {fine(rates[1])} |"
