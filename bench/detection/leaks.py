"""Measure the leak detectors: recall on made-up leaks, false positives on texts of all kinds.

    python -m bench.detection.leaks [--seed N] [--per N] [--show N] [--code FILES]

Rule: recall on made-up leaks says that the shapes and places are covered, not how the field looks; so false
positives are measured on texts that nobody made for this: the benign rows of the development corpus, sources of this
repository and of the installed packages.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.detection.corpus import CORPUS, read_rows
from bench.detection.leaking import places, values
from bench.detection.leaking.encoders import ENCODERS
from bench.detection.measuring import Rate
from clyra_proxy.genai.leaks.pack import load_packs
from clyra_proxy.genai.leaks.text import scan_text


@dataclass(frozen=True, slots=True)
class Case:
    """kind: vendor, generic or encoded. group: format, place or encoding. value: what must not leave, as it stands."""

    kind: str
    group: str
    text: str


def cases(seed: int, per: int) -> Iterator[Case]:
    """Made-up leaks. per: cases for each format, place and encoding."""
    chance = random.Random(seed)
    yield from _vendor(chance, per)
    yield from _generic(chance, per)
    yield from _encoded(chance, per)


def _filled(place: str, chance: random.Random, value: str, name: str = "") -> str:
    for mark, choice in (("{u}", places.USERS), ("{h}", places.HOSTS), ("{s}", places.SERVICES)):
        place = place.replace(mark, chance.choice(choice))
    return place.replace("{w}", name).replace("{{", "{").replace("}}", "}").replace("{}", value)


def _vendor(chance: random.Random, per: int) -> Iterator[Case]:
    for rule in load_packs():
        for _ in range(per):
            for token in rule.cases(chance):
                yield Case("vendor", rule.id, _filled(chance.choice(places.AROUND), chance, token))


def _generic(chance: random.Random, per: int) -> Iterator[Case]:
    for place in places.PASSWORD_PLACES:
        for _ in range(4 * per):
            yield Case("generic", place, _filled(place, chance, values.password(chance)))
    for place in places.KEY_PLACES:
        for _ in range(4 * per):
            name = chance.choice(places.KEY_NAMES)
            yield Case("generic", place, _filled(place, chance, values.machine_key(chance), name))


def _encoded(chance: random.Random, per: int) -> Iterator[Case]:
    formats = [rule for rule in load_packs() if not rule.near and rule.tokens]
    for name, encode in ENCODERS.items():
        for _ in range(10 * per):
            token = chance.choice(chance.choice(formats).cases(chance))
            yield Case("encoded", name, _filled(chance.choice(places.CARRIERS), chance, encode(token, chance)))
            plain = _filled(chance.choice(("password={}", "api_key: {}", '{{"secret": "{}"}}', "{u}:{}")), chance, "")
            secret = values.password(chance) if "pass" in plain else values.machine_key(chance)
            hidden = encode(f"{'password' if 'pass' in plain else 'api_key'}={secret}", chance)
            yield Case("encoded", f"{name} (named)", _filled(chance.choice(places.CARRIERS), chance, hidden))


def is_found(text: str) -> bool:
    """A secret is found in the text."""
    return any(signal.rule == "leak.secret" for signal in scan_text(text))


def benign_rows() -> Iterator[tuple[str, str]]:
    """(group, text) of the benign rows of the development corpus."""
    for row in read_rows():
        if not row.label:
            yield row.group, row.text


def source_files(folders: list[Path], most: int, seed: int) -> Iterator[tuple[str, str]]:
    """(ending, text) of source files, in an order drawn by chance."""
    files = [
        file for folder in folders for end in ("py", "md", "json", "yaml", "txt") for file in folder.rglob(f"*.{end}")
    ]
    random.Random(seed).shuffle(files)
    for file in files[:most]:
        try:
            text = file.read_text("utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        if len(text) > 200:
            yield file.suffix[1:], text[:100_000]


def _report(title: str, hits: Counter[str], totals: Counter[str], *, rate: str) -> list[str]:
    lines = [f"| {title} | n | {rate} | 95 % interval |", "|---|---|---|---|"]
    for name in totals:
        found = Rate(hits[name], totals[name])
        low, high = found.interval
        lines.append(f"| {name} | {found.total} | {found.value:.2%} | {low:.2%} - {high:.2%} |")
    return lines


def measure(seed: int, per: int, code: int, show: int = 0) -> list[str]:
    """A markdown section with recall and false positives. code: number of source files; show: misses printed."""
    hits: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    groups: dict[tuple[str, str], list[int]] = {}
    for case in cases(seed, per):
        found = is_found(case.text)
        totals[case.kind] += 1
        hits[case.kind] += found
        groups.setdefault((case.kind, case.group), []).append(found)
        if not found and show > 0:
            show -= 1
            print(f"MISS {case.kind} {case.group[:40]!r}: {case.text[:160]!r}", file=sys.stderr)
    lines = _report("made-up secrets", hits, totals, rate="found")
    weak = sorted((sum(found) / len(found), *group) for group, found in groups.items() if sum(found) < len(found))
    lines += ["", "Weakest: " + "; ".join(f"{kind} {group!r} {100 * share:.0f} %" for share, kind, group in weak[:15])]
    wrong: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    texts = [*(benign_rows() if CORPUS.exists() else ())]
    root = Path(__file__).resolve().parents[2]
    own = [root / name for name in ("addons", "clyra_proxy", "recorder", "docs", "tests", "bench")]
    texts += [(f"this repository, .{end}", text) for end, text in source_files(own, code, seed)]
    installed = [Path(json.__file__).parents[1], Path(sys.modules["pydantic"].__file__ or "").parents[1]]
    texts += [(f"installed packages, .{end}", text) for end, text in source_files(installed, code, seed)]
    for kind, text in texts:
        seen[kind] += 1
        wrong[kind] += is_found(text)
    return [*lines, "", *_report("texts without secrets", wrong, seen, rate="flagged")]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per", type=int, default=1)
    parser.add_argument("--code", type=int, default=1000)
    parser.add_argument("--show", type=int, default=0)
    told = parser.parse_args()
    print("\n".join(measure(told.seed, told.per, told.code, told.show)))


if __name__ == "__main__":
    main()
