"""False positives on any folders of text: `python -m bench.detection.wild FOLDER... [--provenance tool_result]`.

Takes pieces of random files (code, documents, markup, data), judges them as shipped and names the file and the
patterns of each that is flagged. Nothing in such files is meant for a model, so what is flagged is a false positive
unless the file itself is about attacks. Prints no text.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.detection.measuring import Rate
from clyra_proxy.genai.classifier import Classifier
from clyra_proxy.genai.injection.detector import Detector
from clyra_proxy.genai.model import Provenance

_SIZES = (400, 1500, 4000, 8000)
_LEAST = 80


def pieces(folders: Sequence[Path], most: int, rng: random.Random) -> Iterator[tuple[Path, str]]:
    """A random piece of up to `most` readable text files of each ending."""
    files = sorted(file for folder in folders for file in folder.rglob("*.*") if file.is_file())
    rng.shuffle(files)
    taken: Counter[str] = Counter()
    for file in files:
        if taken[file.suffix] >= most:
            continue
        try:
            text = file.read_text("utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        if len(text) >= _LEAST and "\0" not in text:
            taken[file.suffix] += 1
            start = rng.randrange(len(text) - _LEAST + 1)
            yield file, text[start : start + rng.choice(_SIZES)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.wild", description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--provenance", default="unknown", choices=[p.value for p in Provenance])
    parser.add_argument("--most", type=int, default=200, help="files of one ending")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    detector = Detector.load(classifier=Classifier.load())
    wrong = total = 0
    for file, text in pieces(options.folders, options.most, random.Random(options.seed)):
        found = detector.assess(text, Provenance(options.provenance))
        total += 1
        if found.flagged:
            wrong += 1
            print(f"{found.score:6.1f} {file} {', '.join(found.patterns[:5])}")
    print(f"flagged: {Rate(wrong, total)}")


if __name__ == "__main__":
    main()
