"""Make the reader of drawn letters: `python -m bench.detection.train_drawings [--out FILE] [--measure]`.

Needs `pyfiglet`, whose fonts it learns from. Reproducible: the same fonts, seed and library versions give the same
file. A quarter of the families of fonts is held back from the network; `--measure` reads sentences in them. Of FIGlet's
own line fonts, whose letters touch, the very cells are kept (`templates`).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import string
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyfiglet
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from bench.detection.corpus import read_rows, trainable
from clyra_proxy.genai.ascii_art.model import LETTERS, SHIPPED
from clyra_proxy.genai.ascii_art.raster import WIDE, image_of, letters_of

SEED = 20251
LINE_FONTS = (
    "standard",
    "slant",
    "big",
    "small",
    "script",
    "shadow",
    "lean",
    "smslant",
    "smshadow",
    "smscript",
    "mini",
)
_SLANTED = frozenset({"slant", "smslant"})
FILLED = json.loads((Path(__file__).parent / "drawing_fonts.json").read_text("utf-8"))
"""Fonts whose letters can be told apart by shape."""
_JUNK = len(LETTERS)
_WORDS, _LONGEST = 1500, 2000
_A_FONT = 18
_GAPS = ("full", 1, 1, 0, 0, -1)

type Glyphs = Mapping[str, list[str]]


def is_held_back(font: str) -> bool:
    """Whether the family of a font is kept out of training."""
    family = re.sub(r"[\d_-]+.*$", "", font)[:5] or font
    return zlib.crc32(family.encode()) % 4 == 0


def glyphs_of(name: str, letters: str = string.ascii_letters) -> dict[str, list[str]]:
    """The lines of each letter of a font."""
    font = pyfiglet.FigletFont(font=name)
    return {letter: [row.replace(font.hardBlank, " ") for row in font.chars[ord(letter)]] for letter in letters}


def listed_words() -> list[str]:
    """The commonest words of attacks that may train."""
    counts: Counter[str] = Counter()
    for row in trainable(read_rows()):
        if row.label and len(row.text) < _LONGEST:
            counts.update(set(re.findall(r"[a-z]{3,14}", row.text.lower())))
    return sorted(word for word, _ in counts.most_common(_WORDS))


def _extent(rows: Sequence[str]) -> tuple[int, int]:
    columns = [column for row in rows for column, mark in enumerate(row) if mark != " "]
    return (min(columns), max(columns) + 1) if columns else (0, 0)


def _drawn(glyphs: Glyphs, word: str, gap: int | str) -> tuple[list[str], list[tuple[int, int]]]:
    """A word in a font, and the columns of each letter. gap: columns between inks, -1 to overlap."""
    canvas: list[list[str]] = [[] for _ in range(max(map(len, glyphs.values())))]
    extents: list[tuple[int, int]] = []
    for letter in word:
        first, last = _extent(glyphs[letter])
        rows = [row[first:last] for row in glyphs[letter]]
        at = _place(canvas, rows, gap, extents)
        for line, row in zip(canvas, rows, strict=False):
            line.extend(" " * (at + len(row) - len(line)))
            for column, mark in enumerate(row):
                if mark != " ":
                    line[at + column] = mark
        extents.append((at, at + last - first))
    lines = ["".join(line) for line in canvas]
    inked = [number for number, line in enumerate(lines) if line.strip()]
    return (lines[inked[0] : inked[-1] + 1], extents) if inked else ([], [])


def _place(canvas: list[list[str]], rows: list[str], gap: int | str, extents: list[tuple[int, int]]) -> int:
    if not extents:
        return 0
    if isinstance(gap, str):
        return max(map(len, canvas)) + 1
    at = 0
    for line, row in zip(canvas, rows, strict=False):
        if row.strip() and line:
            last = max((column for column, mark in enumerate(line) if mark != " "), default=-1)
            at = max(at, last + 1 - (len(row) - len(row.lstrip(" "))))
    return max(at + gap, extents[-1][0] + 1)


def _spans(extents: Sequence[tuple[int, int]], word: str, rng: random.Random) -> Iterator[tuple[int, int, int]]:
    """(first column, last, what it is): letters, and pieces that are no letter."""
    for (first, last), letter in zip(extents, word, strict=True):
        yield first, last, LETTERS.index(letter.lower())
        yield first + rng.choice([-1, 0, 0, 1]), last + rng.choice([-1, 0, 0, 1]), LETTERS.index(letter.lower())
    for number, (first, last) in enumerate(extents):
        wide = last - first
        if wide >= 4:
            start = rng.randrange(first, last - 1)
            end = rng.randrange(start + 1, last)
            if end - start <= 0.7 * wide:
                yield start, end, _JUNK
        shift = max(1, int(wide * rng.uniform(0.3, 0.7)))
        yield first + shift, last + shift, _JUNK
        if number + 1 < len(extents):
            yield first + rng.choice([0, 0, wide // 3]), extents[number + 1][1], _JUNK


def samples(fonts: Sequence[str], words: Sequence[str], seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images of letters and of what is none, and which."""
    rng = random.Random(seed)
    images, labels = [], []
    for font in fonts:
        glyphs = glyphs_of(font)
        for _ in range(_A_FONT):
            word = rng.choice(words) if rng.random() < 0.75 else "".join(rng.choices(LETTERS, k=6))
            word = rng.choice([word, word.upper(), word.title()])
            lines, extents = _drawn(glyphs, word, rng.choice(_GAPS))
            if not lines:
                continue
            image = image_of(lines)
            width = image.shape[1] // WIDE
            spans = [(max(0, a), min(width, b), label) for a, b, label in _spans(extents, word, rng)]
            spans = [span for span in spans if span[1] > span[0]]
            starts, ends, found = (np.array(column) for column in zip(*spans, strict=True))
            images.append(letters_of(image, starts, ends, len(lines)).astype(np.float16))
            labels.append(found)
    return np.vstack(images).astype(np.float32), np.concatenate(labels)


def cells_of(fonts: Sequence[str]) -> tuple[NDArray[np.uint16], str]:
    """(font, letter, line, column, character) of all inked cells, and the letters of each font."""
    cells: list[tuple[int, ...]] = []
    spelled = []
    for number, name in enumerate(fonts):
        spells = ""
        for letter, rows in glyphs_of(name, string.ascii_letters + string.digits).items():
            first, last = _extent(rows)
            if last > first:
                marks = (
                    (y, x - first, ord(mark)) for y, row in enumerate(rows) for x, mark in enumerate(row) if mark != " "
                )
                cells += [(number, len(spells), *mark) for mark in sorted(marks)]
                spells += letter.lower()
        spelled.append(spells)
    return np.array(cells, np.uint16), " ".join(spelled)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write the file; say how well letters of fonts that were held back are told apart."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.detection.train_drawings", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    words = listed_words()
    images, labels = samples([font for font in FILLED if not is_held_back(font)], words, options.seed)
    network = MLPClassifier((160,), max_iter=10, batch_size=512, learning_rate_init=2e-3, random_state=options.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(images, labels)
    (w0, w1), (b0, b1) = (
        [part.astype(np.float16) for part in parts] for parts in (network.coefs_, network.intercepts_)
    )
    cells, spells = cells_of(LINE_FONTS)
    with options.out.open("wb") as file:
        np.savez_compressed(
            file, w0=w0, b0=b0, w1=w1, b1=b1, cells=cells,
            spells=np.frombuffer(spells.encode(), np.uint8),
            words=np.frombuffer(" ".join(words).encode(), np.uint8),
            slanted=np.array([name in _SLANTED for name in LINE_FONTS]),
        )  # fmt: skip
    images, labels = samples([font for font in FILLED if is_held_back(font)], words, options.seed)
    right = network.predict(images) == labels
    letters = labels != _JUNK
    print(f"{options.out}: {options.out.stat().st_size} bytes; held back: letters {right[letters].mean():.3f}, "
          f"pieces {right[~letters].mean():.3f} of {len(labels)}")  # fmt: skip


if __name__ == "__main__":
    main()
