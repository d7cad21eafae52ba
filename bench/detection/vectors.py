"""Vectors of spans and words for training, kept between runs.

Rule: a vector depends on its text and the version of the encoder alone, so what is kept (`bench/results/`, never
committed) only saves time. For the head of the embedding layer a few spans of a long
text stand for all, spread evenly: at most three of an attack and eight of a benign text, as for the classifier.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.detection.corpus import Row
from clyra_proxy.genai.embedding.encoder import PACKAGE, WIDTH, load_encoder
from clyra_proxy.genai.embedding.spans import cut

type Vectors = NDArray[np.float16]

_FOLDER = Path(__file__).resolve().parents[1] / "results"
_MOST = {1: 3, 0: 8}
_PART = 512


def version() -> str:
    """The version of the encoder."""
    return importlib.metadata.version(PACKAGE)


def spans_of(row: Row) -> list[str]:
    """The spans of a row that train."""
    found = cut(row.text)
    most = _MOST[row.label]
    if len(found) <= most:
        return found
    return [found[int(place)] for place in np.linspace(0, len(found) - 1, most)]


def _key(span: str) -> bytes:
    return hashlib.blake2b(span.encode("utf-8", "replace"), digest_size=16).digest()


class Library:
    """The vectors of all spans of some rows."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Encodes what is not kept yet; minutes the first time."""
        self._vectors = encoded(span for row in rows for span in spans_of(row))

    def of(self, row: Row) -> Iterator[Vectors]:
        """The vectors of the row's spans that train."""
        return (self._vectors[span] for span in spans_of(row))


def encoded(texts: Iterable[str]) -> dict[str, Vectors]:
    """The vector of each of these texts. Encodes what is not kept yet."""
    wanted = {_key(text): text for text in texts}
    kept = _read()
    missing = [text for key, text in wanted.items() if key not in kept]
    if missing:
        kept |= dict(zip(map(_key, missing), _encode(missing), strict=True))
        _write(kept)
    return {text: kept[key] for key, text in wanted.items()}


def _encode(spans: Sequence[str]) -> Iterator[Vectors]:
    parts = [spans[start : start + _PART] for start in range(0, len(spans), _PART)]
    if len(parts) == 1:
        yield from _encoded(spans)
        return
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for vectors in pool.map(_encoded, parts):
            yield from vectors


def _encoded(spans: Sequence[str]) -> Vectors:
    return load_encoder().encode(list(spans)).astype(np.float16)


def _path() -> Path:
    return _FOLDER / f"vectors-{version()}.npz"


def _read() -> dict[bytes, Vectors]:
    if not _path().exists():
        return {}
    with np.load(_path(), allow_pickle=False) as file:
        keys, vectors = file["keys"], file["vectors"]
    return {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}


def _write(kept: dict[bytes, Vectors]) -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    keys = np.frombuffer(b"".join(kept), np.uint8).reshape(-1, 16)
    vectors = np.stack(list(kept.values())) if kept else np.zeros((0, WIDTH), np.float16)
    part = _path().with_suffix(f".{os.getpid()}.npz")
    np.savez(part, keys=keys, vectors=vectors)
    part.replace(_path())
