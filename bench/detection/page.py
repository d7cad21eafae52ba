"""The page `docs/detection.md`, section by section, from what was measured.

Rule: every figure of our own comes from the scores given here, with its count and its 95 % Wilson interval; what is
missed is said as plainly as what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.detection import bec, in_messages, leaks, speed, unseen
from bench.detection.corpus import UNVERIFIED, read_rows
from bench.detection.measuring import (
    ATTACK_GROUPS,
    BENIGN_GROUPS,
    Rate,
    Scored,
    operating_curve,
    rates,
    rates_by_source,
)

_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
_NONE = Rate(0, 0)
NAMES = {  # of each group, for people
    "direct": "direct override, extraction",
    "jailbreak": "jailbreak",
    "indirect": "indirect",
    "exfil": "exfiltration",
    "encoded": "encoded, obfuscated",
    "multilingual": "other languages",
    "ordinary": "ordinary",
    "hard_negative": "hard negatives",
    "all": "**all**",
}


def cell(rate: Rate) -> str:
    """A rate with its interval, for a table."""
    if not rate.total:
        return "-"
    low, high = rate.interval
    return f"{rate.value:.1%} [{low:.1%}, {high:.1%}]"


def fine(rate: Rate) -> str:
    """A small rate with its interval and count."""
    if not rate.total:
        return "-"
    low, high = rate.interval
    return f"{rate.value:.2%} [{low:.2%}, {high:.2%}] ({rate.hits} of {rate.total})"


def introduction(scored: Sequence[Scored]) -> Iterator[str]:
    """What is measured and how."""
    attacks = sum(one.row.label for one in scored)
    found = rates(scored)
    yield "# Detection, measured"
    yield ""
    yield "This page is written by `make bench-detection`; do not edit it."
    yield ""
    yield f"Prompt injection was measured on {len(scored)} texts of {len({one.row.source for one in scored})} sources, "
    yield f"{attacks} of them attacks. A whole source, with all others by the same hand, is held out at a time: the "
    yield "classifier that judges a text was trained and calibrated without its source. Rules are written by hand and "
    yield "their authors could see this corpus, so their figures here are nearer to the best case than to the field; "
    yield "expect less recall and more false positives on text that nobody here has seen. Each rate has its 95 % "
    yield "Wilson interval."
    yield ""
    yield f"At the default level, on text alone: recall {cell(found.get((1, 'all'), _NONE))}, false positives "
    yield f"{fine(found.get((0, 'all'), _NONE))} on ordinary and foreign-language text, "
    yield f"{fine(found.get((0, 'hard_negative'), _NONE))} on hard negatives (security documents, prompts about "
    yield "prompts, role play)."
    yield ""


def by_kind(columns: Mapping[str, Sequence[Scored]]) -> Iterator[str]:
    """Recall by kind of attack and false positives by kind of benign text, a column a detector."""
    measured = {name: rates(scored) for name, scored in columns.items()}
    for title, label, groups in (
        ("Recall by kind of attack", 1, (*ATTACK_GROUPS, "all")),
        ("False positives by kind of text", 0, (*BENIGN_GROUPS, "all")),
    ):
        yield f"## {title}"
        yield ""
        yield f"| kind | texts | {' | '.join(columns)} |"
        yield "|---|---|" + "---|" * len(columns)
        for group in groups:
            cells = [found.get((label, group), _NONE) for found in measured.values()]
            shown = [cell(rate) if label else fine(rate) for rate in cells]
            yield f"| {NAMES[group]} | {cells[0].total} | {' | '.join(shown)} |"
        yield ""
    yield "`all` of the benign texts is ordinary text and text in other languages. *In place* means that indirect and "
    yield "exfiltration attacks are judged as what they are, results of tools, and so is every benign text, however "
    yield "unlikely there; the rest is text of unknown origin."
    yield ""


def by_level(levels: Mapping[int, Sequence[Scored]]) -> Iterator[str]:
    """What each paranoia level finds and costs."""
    yield "## Paranoia levels"
    yield ""
    yield "At the first level weak patterns count only with the classifier's agreement; above it all points add up, "
    yield "and patterns of the level count without its agreement. A higher level flags whatever a lower one flags."
    yield ""
    yield "| level | recall | ordinary and other languages | hard negatives |"
    yield "|---|---|---|---|"
    for level, scored in levels.items():
        found = rates(scored)
        yield (
            f"| {level} | {cell(found.get((1, 'all'), _NONE))} | {fine(found.get((0, 'all'), _NONE))} "
            f"| {fine(found.get((0, 'hard_negative'), _NONE))} |"
        )
    yield ""


def curves(detectors: Mapping[str, Sequence[Scored]]) -> Iterator[str]:
    """Recall at given false-positive rates, with the threshold that gives them afterwards."""
    yield "## Operating curves"
    yield ""
    yield "Thresholds chosen afterwards on the same benign texts: a description of the scores, not a promise."
    yield ""
    yield "| detector | threshold | recall | ordinary and other languages | hard negatives |"
    yield "|---|---|---|---|---|"
    for name, scored in detectors.items():
        for point in operating_curve(scored, _RATES):
            cells = (f"{point.threshold:.2f}", cell(point.recall), fine(point.ordinary), fine(point.hard))
            yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def by_source(scored: Sequence[Scored]) -> Iterator[str]:
    """Every source, so that no mean hides one."""
    yield "## By source"
    yield ""
    yield "Sources marked * have no verified licence: they are measured, never trained on. `neuralchemy_safe` labels "
    yield "requests for harmful content as safe when nothing tells the model to drop its rules: what is flagged there "
    yield "is mostly that."
    yield ""
    yield "| source | kind | recall | false positives |"
    yield "|---|---|---|---|"
    for (label, source, group), rate in rates_by_source(scored).items():
        mark = "*" if source in UNVERIFIED else ""
        shown = (cell(rate), "") if label else ("", fine(rate))
        yield f"| {source}{mark} | {NAMES[group].strip('*')} | {shown[0]} | {shown[1]} |"
    yield ""


def in_place() -> Iterator[str]:
    """What is kept of attacks inside real messages and documents."""
    measured = in_messages.measure()
    yield "## Inside messages and documents"
    yield ""
    yield "Attacks of the corpus where a model would read them: the message as the provider writes it, with ordinary "
    yield "text of the corpus around the attack where the place has any. *Kept*: of those that are flagged alone. "
    yield f"Judged as shipped (alone: {cell(measured.alone)} flagged): this tells what a place costs, not how much is "
    yield "found in the field."
    yield ""
    yield "| place | flagged | kept |"
    yield "|---|---|---|"
    for name, (flagged, kept) in measured.placed.items():
        yield f"| {name} | {cell(flagged)} | {cell(kept)} |"
    yield ""
    sizes = ", ".join(f"{fine(rate)} of {size // 1000} KB" for size, rate in measured.calm.items())
    yield f"Ordinary documents as results of tools that are flagged: {sizes}."
    yield ""
    yield "What is lost there are texts that are flagged alone because a short text leaves little room for chance: "
    yield "patterns need less agreement of the classifier up to 300 bytes. Of a longer text the two passages in which "
    yield "patterns lie thickest are judged alone where the classifier suspects them, too."
    yield ""


def misses(scored: Sequence[Scored]) -> Iterator[str]:
    """What is not found, counted by how near it came."""
    yield "## What is missed"
    yield ""
    yield "Attacks that were not flagged, by kind, and how many of them gave no sign at all (score 0):"
    yield ""
    yield "| kind | missed | without any sign |"
    yield "|---|---|---|"
    for group in ATTACK_GROUPS:
        missed = [one for one in scored if one.row.label and one.row.group == group and not one.flagged]
        if missed:
            yield f"| {NAMES[group]} | {len(missed)} | {sum(one.score <= 0 for one in missed)} |"
    yield ""
    yield "Most of them are polite questions about the model's own rules, persuasion without an order, stories whose "
    yield "harm lies in their subject, and requests inside foreign text that any colleague might have written. They "
    yield "are told from ordinary text by intent rather than by words; an external detector or a model as judge sees "
    yield "more of them, and policy on tools and data limits what they can do."
    yield ""


def time_taken() -> Iterator[str]:
    """How long a text takes, as measured in this run."""
    yield "## Time"
    yield ""
    yield "Processor time of everything that judges a text, in milliseconds, each text once, as the process meets it "
    yield "for the first time; cold: the first texts of a process. `python -m bench.detection.unseen`"
    yield ""
    yield from unseen.table(unseen.measure(1))
    yield ""
    yield "Rules and classifier alone on ordinary text, best of three runs a text."
    yield ""
    yield "| bytes | p50 | p95 | budget of p95 |"
    yield "|---|---|---|---|"
    for timing in speed.measure_ordinary(read_rows(), 1):
        budget = f"{timing.budget:g}" if timing.budget else "-"
        yield f"| {timing.bytes} | {timing.p50:.2f} | {timing.p95:.2f} | {budget} |"
    yield ""


def secrets() -> Iterator[str]:
    """Secrets and personal data, as their own measurement reports them."""
    yield "## Secrets and personal data"
    yield ""
    yield from leaks.measure(1, 1, 1000)
    yield ""


def business_mail() -> Iterator[str]:
    """Business e-mail compromise, as its own measurement reports it."""
    yield "## Business e-mail compromise"
    yield ""
    yield from bec.report(*bec.measure())
