"""Running records through the pass: member bytes in, checked lines out, in constant memory.

Whatever goes wrong in the container while records are read, nothing found until then counts: it would depend on how
far the inflater came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

from recorder.merkle import HASH_SIZE
from recorder.verify.records import MAX_LINE, RecordCheck


def cut(chunks: Iterable[bytes]) -> Iterator[tuple[list[bytes], bytes]]:
    """(whole lines of a chunk, bytes left at its end); a line keeps its first MAX_LINE bytes only."""
    rest = b""
    for chunk in chunks:
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()[:MAX_LINE]
        if len(chunk) >= MAX_LINE or len(rest) >= MAX_LINE or (lines and len(lines[0]) > MAX_LINE):
            lines = [line[:MAX_LINE] for line in lines]
        yield lines, rest
    yield [], rest


def check_lines(check: RecordCheck, chunks: Iterable[bytes], tell: Callable[[], None]) -> tuple[str, str]:
    """Pass every line through `check`; (hex SHA-256 of the bytes, the same over the leaf hashes or "")."""
    digest = sha256()
    rest = b""

    def hashed() -> Iterator[bytes]:
        for chunk in chunks:
            digest.update(chunk)
            yield chunk

    for lines, rest in cut(hashed()):  # noqa: B007 - the last one is what has no end
        check.lines(lines)
        tell()
    if rest:
        check.unended(rest)
    check.finish()
    return digest.hexdigest(), check.leaves.hexdigest() if check.leaves is not None else ""


def check_leaves(check: RecordCheck, chunks: Iterable[bytes]) -> bool:
    """Grow the tree from stored leaf hashes; False when the member is not whole hashes."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = len(rest) - len(rest) % HASH_SIZE
        for at in range(0, whole, HASH_SIZE):
            check.leaf(rest[at : at + HASH_SIZE], "")
        rest = rest[whole:]
    return not rest
