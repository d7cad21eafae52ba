"""The section of `docs/detection.md` on what the default level is held to, what it reaches, and what that costs.

Rule: a bound or a goal that is missed is said to be missed, by the figures of this run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.detection.measuring import Rate, Scored, rates
from bench.detection.page import NAMES, cell, fine

_BOUNDS = {"ordinary": 0.001, "hard_negative": 0.02}
"""The most false positives of the default level, by kind of text."""
_GOALS = {"direct": 0.75, "jailbreak": 0.70, "indirect": 0.60, "encoded": 0.70, "multilingual": 0.40, "all": 0.60}
"""Recall aimed at within these bounds, by kind of attack; indirect attacks as results of tools."""
_NONE = Rate(0, 0)


def bounds_and_goals(levels: Mapping[int, Sequence[Scored]], placed: Sequence[Scored]) -> Iterator[str]:
    """What is held and reached. levels: texts alone, by paranoia level. placed: the first level, texts in place."""
    yield "## What the default level is held to"
    yield ""
    yield "The default (`level: 1`, `threshold: 5`) puts quiet before recall. Its weights were chosen so that false "
    yield "positives stay within two bounds on this corpus, for texts alone and for the same texts as results of tools:"
    yield ""
    yield "| text | bound | alone | as results of tools | |"
    yield "|---|---|---|---|---|"
    alone, there = rates(levels[1]), rates(placed)
    for group, most in _BOUNDS.items():
        pair = [found.get((0, group), _NONE) for found in (alone, there)]
        held = "held" if all(rate.value <= most for rate in pair) else "**not held**"
        yield f"| {NAMES[group]} | {most:.1%} | {fine(pair[0])} | {fine(pair[1])} | {held} |"
    yield ""
    pair = [found.get((0, "multilingual"), _NONE) for found in (alone, there)]
    yield f"Text in other languages has no bound of its own: {fine(pair[0])} alone and {fine(pair[1])} as results of "
    yield "tools are flagged; the table of sources below says where."
    yield ""
    yield "Within these bounds, recall by kind against the goals, and what the second level finds beyond them:"
    yield ""
    yield "| kind | goal | level 1 | | level 2, texts alone |"
    yield "|---|---|---|---|---|"
    second = rates(levels[2])
    for group, least in _GOALS.items():
        rate = there.get((1, group), _NONE)
        reached = "reached" if rate.value >= least else "**missed**"
        yield f"| {NAMES[group]} | {least:.0%} | {cell(rate)} | {reached} | {cell(second.get((1, group), _NONE))} |"
    yield ""
    yield "How it holds them: one critical pattern flags a text; weaker ones never do without the classifier, "
    yield "however many there are, but for errors in texts of at most 300 bytes. What is given up are mostly "
    yield "jailbreaks that only add up small signs (a persona, a fictional frame, a way to begin the answer) and "
    yield "short questions about the model's rules that two or three broad patterns match and the classifier does "
    yield "not. Who would rather see these sets `genai_security.injection.level: 2`, where all points add up, and "
    yield "pays for it on prompts about prompts and role play: see the paranoia levels below. The bounds are held "
    yield "on this corpus, which the authors "
    yield "of the rules could see; few false positives stand behind each figure, so mind the intervals."
    yield ""
    yield from _tried()


def _tried() -> Iterator[str]:
    """What was tried on the same folds and did not ship."""
    yield "The signs of a text that speaks to a machine, the sentences in leetspeak and the questions taken to pieces "
    yield "(`direct-machine`, `direct-signs`, `obfuscated-leet`, `jailbreak-assembled`) were written from one half of "
    yield "the misses, by a hash of the text; the other half, that their author had not read but counted, gained seven "
    yield "to eight tenths as much: the table says a little more than is to be expected of texts of strangers. Tried "
    yield "without a gain at equal rates of false positives: learning the weights of all rules together with the "
    yield "classifier's score; a convolution over the vectors of words with the largest value kept, in place of "
    yield "their mean or beside it; a stronger or weaker penalty for the n-grams, n-grams weighted by label, more "
    yield "networks or passes; other steps for the classifier's points. Scenes that make a crime the next thing to "
    yield "describe cannot be told from crime stories by words."
    yield ""
