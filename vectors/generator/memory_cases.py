"""S9: what a verifier remembers from one bundle to the next, and bundles that do not go with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vectors.generator.bundle import Bundle, compact, pack
from vectors.generator.case import MEMORY, TRUST, Case
from vectors.generator.keys import key
from vectors.generator.log import Log
from vectors.generator.trust_file import document, signed

GOOD = "P_TAIL_UNANCHORED"
FIRST, NEXT, AGAIN = "first.zip", "next.zip", "again.zip"
LAST = f"--memory={MEMORY}"
SECOND = "a bundle that follows the one before"
REMEMBERED = "That nobody changed the memory file: it is the verifier's own."


def cases() -> Iterator[Case]:
    yield from _sequences()
    yield from _files()
    yield from _trust()
    yield from _several()


def words(*bundles: str, trust: str = TRUST, more: tuple[str, ...] = (LAST,)) -> tuple[str, ...]:
    return ("verify", *bundles, f"--trust={trust}", *more)


def window(log: Log, start: int, end: int) -> bytes:
    return pack(Bundle(log, start, end).members())


def forked(at: int) -> Log:
    """The same keys and another history from a record on."""
    log = Log().begin().calls(at - 4)
    log.clock.wall += 5_000
    return log.calls(14 - log.size)


def seen(log: Log, at: int, /, **changes: Any) -> bytes:
    """A memory file."""
    entry = {"origin": log.origin, "size": at, "root": log.root(at).hex(), **changes}
    return compact({"v": "def-memory/0", "logs": [entry]}) + b"\n"


def case(title: str, files: dict[str, bytes], code: str, *arguments: str, **told: Any) -> Case:
    told = {"silent": REMEMBERED, "leaves": (MEMORY,), "twin": "" if code in ("", GOOD) else SECOND, **told}
    log = Log().begin()
    return Case(title, {TRUST: log.trust(), **files}, code, arguments=arguments, **told)


def _sequences() -> Iterator[Case]:
    log = Log().begin().calls(10)
    first, following = window(log, 0, 9), window(log, 9, 13)
    both = {FIRST: first, NEXT: following}
    before = (words(FIRST),)
    yield case("a first bundle, remembered", {FIRST: first}, GOOD, *words(FIRST))
    yield case(SECOND, both, GOOD, *words(NEXT), earlier=before, shows={"anchored_end": 9, "unanchored": 4})
    yield case("the same bundle again", {FIRST: first}, "", *words(FIRST), earlier=before, shows={"anchored_end": 9})
    wider = {FIRST: first, NEXT: window(log, 5, 14)}
    yield case(
        "a bundle that overlaps the one before", wider, GOOD, *words(NEXT), earlier=before, shows={"anchored_end": 9}
    )
    whole = {FIRST: first, NEXT: window(log, 0, 14)}
    yield case("the whole log after a part of it", whole, GOOD, *words(NEXT), earlier=before, shows={"anchored_end": 9})
    yield case("an older bundle after a newer one", both, "E_ROLLBACK", *words(FIRST), earlier=(words(NEXT),))
    older = {"skipped": ["memory: newer than the bundle"], "anchored_end": 0}
    yield case(
        "an older bundle, asked for",
        both,
        GOOD,
        *words(FIRST, more=(LAST, "--older")),
        earlier=(words(NEXT),),
        shows=older,
    )
    gap = {FIRST: first, NEXT: window(log, 10, 13)}
    yield case("a bundle after one that was dropped", gap, "E_BUNDLE_GAP", *words(NEXT), earlier=before)
    for at, start in ((7, 0), (7, 9), (9, 5)):
        other = forked(at)
        split = {FIRST: first, NEXT: window(other, start, 14)}
        code = "E_SPLIT_VIEW" if at < 9 else GOOD
        title = f"another history from record {at} on, records {start} to 13"
        yield case(title, split, code, *words(NEXT), earlier=before)
    yield case(
        "another history with the same size",
        {FIRST: first, NEXT: window(forked(7), 0, 9)},
        "E_SPLIT_VIEW",
        *words(NEXT),
        earlier=before,
    )
    three = {**both, AGAIN: window(log, 13, 14)}
    yield case("three bundles, one after the other", three, GOOD, *words(AGAIN), earlier=(words(FIRST), words(NEXT)))
    blind = (("verify", FIRST, LAST),)
    yield case(
        "a bundle without a trust file is not remembered",
        both,
        GOOD,
        *words(NEXT),
        earlier=blind,
        shows={"anchored_end": 0},
    )
    spoilt = {**both, FIRST: window(log, 0, 9)[:-1]}
    yield case(
        "a rejected bundle is not remembered", spoilt, GOOD, *words(NEXT), earlier=before, shows={"anchored_end": 0}
    )
    level = words(NEXT, more=(LAST, "--level=L0"))
    yield case("a memory at L0", both, GOOD, *level, earlier=before, shows={"anchored_end": 9, "exposure_us": 0})


def _files() -> Iterator[Case]:
    log = Log().begin().calls(10)
    files = {FIRST: window(log, 5, 9)}

    def remembering(title: str, memory: bytes, code: str, **told: Any) -> Case:
        return case(title, {**files, MEMORY: memory}, code, *words(FIRST), **told)

    yield remembering("a memory of the end", seen(log, 9), "", shows={"anchored_end": 9})
    yield remembering("a memory of a size inside", seen(log, 7), GOOD, shows={"anchored_end": 7})
    yield remembering("a memory of the start", seen(log, 5), GOOD, shows={"anchored_end": 5})
    yield remembering("a memory of a size before", seen(log, 4), "E_BUNDLE_GAP")
    yield remembering("a memory of a size beyond", seen(log, 10), "E_ROLLBACK")
    yield remembering("a memory of another history", seen(log, 7, root="ab" * 32), "E_SPLIT_VIEW")
    yield remembering(
        "a memory of another log", seen(log, 7, origin="another.example/log"), GOOD, shows={"anchored_end": 0}
    )
    entries = [{"origin": name, "size": 3, "root": "ab" * 32} for name in ("a.example/log", "z.example/log")]
    two = compact({"v": "def-memory/0", "logs": entries}) + b"\n"
    yield remembering("a memory of two other logs", two, GOOD, shows={"anchored_end": 0})
    for title, content in {
        "that is empty": b"",
        "of another version": seen(log, 7).replace(b"def-memory/0", b"def-memory/1"),
        "with blanks": seen(log, 7).replace(b'":', b'": ', 1),
        "with a member nobody knows": seen(log, 7, note="x"),
        "of size zero": seen(log, 7, size=0),
        "with two newlines": seen(log, 7) + b"\n",
        "that is not sorted": compact({"v": "def-memory/0", "logs": entries[::-1]}) + b"\n",
        "that has a log twice": compact({"v": "def-memory/0", "logs": entries[:1] * 2}) + b"\n",
    }.items():
        yield remembering(f"a memory file {title}", content, "", verdict="unreadable", twin=SECOND)


def _trust() -> Iterator[Case]:
    log = Log().begin().calls(10)
    root, other = key("root"), key("root-2")
    files = {FIRST: window(log, 0, 9), NEXT: window(log, 9, 13)}

    def succession(title: str, old: bytes, new: bytes, code: str) -> Case:
        every = {**files, "old.json": old, "new.json": new}
        return case(title, every, code, *words(NEXT, trust="new.json"), earlier=(words(FIRST, trust="old.json"),))

    before, after = signed(document(log)), document(log, [other], version=2)
    yield succession("a trust file that the remembered root has signed", before, signed(after, [other, root]), GOOD)
    yield succession(
        "a trust file that the remembered root has not signed", before, signed(after, [other]), "E_TRUST_THRESHOLD"
    )
    newer = signed(document(log, version=3))
    yield succession(
        "a trust file older than the remembered one", newer, signed(document(log, version=2)), "E_TRUST_SIG"
    )
    yield succession("a trust file newer than the remembered one", signed(document(log, version=2)), newer, GOOD)


def _several() -> Iterator[Case]:
    log = Log().begin().calls(10)
    files = {FIRST: window(log, 0, 9), NEXT: window(log, 9, 13), AGAIN: window(log, 13, 14)}
    none: tuple[str, ...] = ()
    anchored = {"anchored_end": 9}
    yield case("two bundles at once", files, GOOD, *words(FIRST, NEXT, more=none), shows=anchored, leaves=())
    yield case("two bundles at once, remembered", files, GOOD, *words(FIRST, NEXT), shows=anchored)
    twin = {"twin": "two bundles at once", "leaves": ()}
    yield case("two bundles at once, in the wrong order", files, "E_ROLLBACK", *words(NEXT, FIRST, more=none), **twin)
    yield case(
        "two bundles at once with one missing between", files, "E_BUNDLE_GAP", *words(FIRST, AGAIN, more=none), **twin
    )
    damaged = {**files, FIRST: files[FIRST][:-1]}
    yield case(
        "two bundles at once, the first one damaged",
        damaged,
        GOOD,
        *words(FIRST, NEXT, more=none),
        leaves=(),
        worst=1,
    )
    kept = {**files, "kept": log.checkpoint(13)}
    older = words(FIRST, NEXT, more=("--checkpoint=kept", "--older"))
    yield case("two bundles at once with a checkpoint of the second's end", kept, "", *older, leaves=(), worst=3)
    elsewhere = Log(origin="vectors.clyra.example/other").begin()
    mixed = {**files, NEXT: window(elsewhere, 0, 4)}
    yield case("two bundles of two logs at once", mixed, "E_DSSE_SIG", *words(FIRST, NEXT, more=none), **twin)
