"""S9: what others wrote down about the log: checkpoints you kept, rows in tables, commits, files in the bundle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recorder import note, statement
from vectors.generator.bundle import INTACT, KEPT, Bundle, compact, sealed, signed_note, without
from vectors.generator.case import Case
from vectors.generator.keys import key
from vectors.generator.log import Log
from vectors.generator.trust_file import limited

GOOD = "P_TAIL_UNANCHORED"
PLACED = "an intact bundle and a row of a table that has its end"
INSIDE = "an intact bundle with a checkpoint of an earlier size beside it"
APART = "That the place it was read from is not the operator's own."


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    yield from _checkpoints(log)
    yield from _placed(log)
    yield from _inside(log)
    yield from _unproven(log)
    yield from _overdue()


def placed(log: Log, at: int, /, **changes: Any) -> dict[str, Any]:
    """A def-anchor; None takes a member out."""
    made = {"v": "def-anchor/0", "kind": "warehouse", "origin": log.origin, "size": at, "location": "db.audit.roots"}
    made |= {"root": log.root(min(at, log.size)).hex(), **changes}
    return {name: value for name, value in made.items() if value is not None}


def outside(
    title: str, source: Log | Bundle, code: str, content: bytes, *more: str, word: str = "checkpoint", **told: Any
) -> Case:
    """A bundle and one file from elsewhere."""
    told = {"silent": APART, "twin": "" if code in ("", GOOD) else KEPT, **told}
    return sealed(title, source, code, files={"outside": content}, more=(f"--{word}=outside", *more), **told)


def fork(log: Log, size: int) -> bytes:
    """A checkpoint of another history, signed by the log's own key."""
    return note.sign_checkpoint(log.origin, size, bytes(range(32)), log.log_key)


def _checkpoints(log: Log) -> Iterator[Case]:
    anchored = {"anchored_end": 9, "unanchored": 0, "exposure_us": 0}
    yield outside(KEPT, log, "", log.checkpoint(), shows=anchored)
    yield outside(
        "a kept checkpoint of an earlier size",
        log,
        GOOD,
        log.checkpoint(7),
        shows={"anchored_end": 7, "unanchored": 2, "exposure_us": 2000},
    )
    yield outside("a kept checkpoint of size 1", log, GOOD, log.checkpoint(1), shows={"anchored_end": 1})
    older = {"skipped": ["checkpoint: older than the window"], "anchored_end": 0}
    yield outside("a kept checkpoint from before the window", Bundle(log, 5), GOOD, log.checkpoint(4), shows=older)
    at_start = {"anchored_end": 5, "unanchored": 4}
    yield outside("a kept checkpoint of the window's start", Bundle(log, 5), GOOD, log.checkpoint(5), shows=at_start)
    yield outside("a kept checkpoint of another history", log, "E_SPLIT_VIEW", fork(log, 9))
    yield outside("a kept checkpoint of another history, earlier", log, "E_SPLIT_VIEW", fork(log, 7))
    yield outside("a kept checkpoint of another history at the start", Bundle(log, 5), "E_SPLIT_VIEW", fork(log, 5))
    yield outside("a kept checkpoint of another history, from before", Bundle(log, 5), GOOD, fork(log, 4), shows=older)
    longer = Log().begin().calls(8)
    yield outside("a kept checkpoint that the bundle does not reach", log, "E_ROLLBACK", longer.checkpoint())
    newer = {"skipped": ["checkpoint: newer than the bundle"]}
    yield outside(
        "a kept checkpoint that an older bundle does not reach", log, GOOD, longer.checkpoint(), "--older", shows=newer
    )
    text = note.checkpoint_text(log.origin, 9, log.root())
    for title, content in {
        "by a stranger": log.checkpoint(signer=key("stranger")),
        "by the seal key": log.checkpoint(signer=log.seal_key),
        "of another log": Log(origin="vectors.clyra.example/other").begin().checkpoint(),
        "with an extension line": signed_note(log, text + b"x\n"),
        "that is not a note": b"hello\n",
        "that is empty": b"",
        "without a signature": text,
    }.items():
        yield outside(f"a kept checkpoint {title}", log, "E_ANCHOR_MISMATCH", content)
    ended = limited(log, "log", valid_until_size=9)
    yield outside(
        "a kept checkpoint beyond the log key's end", log, "E_ANCHOR_MISMATCH", longer.checkpoint(), trust=ended
    )
    later = limited(log, "log", valid_from_size=9)
    yield outside("a kept checkpoint from before the log key's start", log, GOOD, log.checkpoint(7), trust=later)
    two = {
        "files": {"first": log.checkpoint(), "second": fork(log, 7)},
        "more": ("--checkpoint=first", "--checkpoint=second"),
    }
    yield sealed("two kept checkpoints, one of another history", log, "E_SPLIT_VIEW", twin=KEPT, silent=APART, **two)
    both = {
        "files": {"first": log.checkpoint(7), "second": log.checkpoint()},
        "more": ("--checkpoint=first", "--checkpoint=second"),
    }
    yield sealed("two kept checkpoints of one history", log, "", silent=APART, **both)
    blind = outside(
        "a kept checkpoint by a stranger and no trust file", log, "I_TRUST_MISSING", log.checkpoint(signer=key("x"))
    )
    files = {name: content for name, content in blind.files.items() if name != "trust.json"}
    words = ("verify", "bundle.zip", "--checkpoint=outside")
    yield Case(blind.title, files, "I_TRUST_MISSING", KEPT, words, silent=APART, shows={"anchored_end": 9})


def _placed(log: Log) -> Iterator[Case]:
    def put(title: str, content: bytes, code: str, *more: str, **told: Any) -> Case:
        told = {"twin": "" if code in ("", GOOD) else PLACED, **told}
        source = told.pop("source", log)
        return outside(title, source, code, content, *more, word="anchor", **told)

    yield put(PLACED, compact(placed(log, 9)), "", shows={"anchored_end": 9})
    yield put("a row with a newline at its end", compact(placed(log, 9)) + b"\n", "")
    for kind in ("git", "object"):
        extra = {"version": "v7", "written_at": "2026-09-21T14:13:20Z"}
        yield put(f"a file of kind {kind} that has its end", compact(placed(log, 9, kind=kind, **extra)), "")
    yield put("a row that has an earlier size", compact(placed(log, 4)), GOOD, shows={"anchored_end": 4})
    older = {"skipped": ["anchor: older than the window"]}
    yield put("a row from before the window", compact(placed(log, 4)), GOOD, source=Bundle(log, 5), shows=older)
    yield put("a checkpoint that a place had", log.checkpoint(), "", shows={"anchored_end": 9})
    yield put("a checkpoint of another history that a place had", fork(log, 9), "E_SPLIT_VIEW")
    yield put("a row with another root", compact(placed(log, 9, root="ab" * 32)), "E_ANCHOR_MISMATCH")
    yield put("a row with another root, earlier", compact(placed(log, 4, root="ab" * 32)), "E_ANCHOR_MISMATCH")
    yield put("a row that the bundle does not reach", compact(placed(log, 12)), "E_ROLLBACK")
    newer = {"skipped": ["anchor: newer than the bundle"]}
    yield put("a row that an older bundle does not reach", compact(placed(log, 12)), GOOD, "--older", shows=newer)
    wrong: dict[str, bytes] = {
        "of another log": compact(placed(log, 9, origin="vectors.clyra.example/other")),
        "of another version": compact(placed(log, 9, v="def-anchor/1")),
        "of another kind": compact(placed(log, 9, kind="blackboard")),
        "of size zero": compact(placed(log, 9, size=0)),
        "with a size that is text": compact(placed(log, 9, size="9")),
        "with a root in capitals": compact(placed(log, 9, root=log.root().hex().upper())),
        "without its place": compact(placed(log, 9, location=None)),
        "with a place of 1025 letters": compact(placed(log, 9, location="x" * 1025)),
        "with a member nobody knows": compact(placed(log, 9, note="x")),
        "with blanks": compact(placed(log, 9)).replace(b'":', b'": ', 1),
        "with two newlines": compact(placed(log, 9)) + b"\n\n",
        "with a fraction": compact(placed(log, 9)).replace(b'"size":9', b'"size":9.0'),
        "cut short": compact(placed(log, 9))[:-1],
    }
    for title, content in wrong.items():
        yield put(f"a row {title}", content, "E_ANCHOR_MISMATCH")


def _inside(log: Log) -> Iterator[Case]:
    def beside(title: str, name: str, content: bytes, code: str, start: int = 0, **told: Any) -> Case:
        told = {"twin": "" if code == GOOD else INSIDE, "silent": APART, **told}
        return sealed(title, Bundle(log, start, detached={f"anchors/{name}": content}), code, **told)

    alone = {"anchored_end": 0, "skipped": []}
    yield beside(INSIDE, "7.cosig", log.checkpoint(7), GOOD, shows=alone)
    yield beside("a bundle with another history's checkpoint beside it", "7.cosig", fork(log, 7), "E_SPLIT_VIEW")
    yield beside("a bundle with another history's end beside it", "9.cosig", fork(log, 9), "E_SPLIT_VIEW")
    for title, content in {
        "of another size than its name": log.checkpoint(6),
        "by a stranger": log.checkpoint(7, key("stranger")),
        "of another log": Log(origin="vectors.clyra.example/other").begin().calls(5).checkpoint(7),
        "that is no checkpoint": b"hello\n",
    }.items():
        yield beside(f"a note beside the bundle {title}", "7.cosig", content, "E_ANCHOR_MISMATCH")
    for name, start in (("10.cosig", 0), ("5.cosig", 5), ("0.cosig", 0), ("4.wh.json", 5), ("99.tsr", 0)):
        away = {"skipped": [f"anchors/{name}: outside the window"]}
        title = f"anchors/{name} beside records {start} to 8"
        yield beside(title, name, b"hello\n", GOOD, start, shows=away)
    receipt = compact(placed(log, 7))
    shown = {"anchored_end": 0, "skipped": ["anchors/7.wh.json: does not anchor"]}
    yield beside("a receipt beside the bundle", "7.wh.json", receipt, GOOD, shows=shown)
    yield beside("a receipt with a newline beside the bundle", "7.wh.json", receipt + b"\n", GOOD, shows=shown)
    for title, content in {
        "of another size than its name": compact(placed(log, 6)),
        "with another root": compact(placed(log, 7, root="ab" * 32)),
        "of another log": compact(placed(log, 7, origin="other")),
        "that is not one": b"{}",
        "that is a checkpoint": log.checkpoint(7),
    }.items():
        yield beside(f"a receipt beside the bundle {title}", "7.wh.json", content, "E_ANCHOR_MISMATCH")
    stamp = {"skipped": ["anchors/7.tsr: profile time"]}
    yield beside("a time stamp that nobody looks at", "7.tsr", b"hello", GOOD, shows=stamp)
    yield beside("a note with zeros in its name", "007.cosig", log.checkpoint(7), "E_MEMBER_UNLISTED", twin=INTACT)


def _unproven(log: Log) -> Iterator[Case]:
    """When the tree is not the log's, nothing outside can confirm it, but what is newer still is."""
    lines = list(log.lines)
    lines[6], lines[7] = lines[7], lines[6]
    broken = Bundle(log, lines=lines)
    skipped = {"skipped": ["anchors"], "anchored_end": 0}
    yield outside(
        "a kept checkpoint and records that do not fit", broken, "E_ROOT", log.checkpoint(), shows=skipped, twin=KEPT
    )
    longer = Log().begin().calls(8)
    both = outside("a longer checkpoint and records that do not fit", broken, "E_ROOT", longer.checkpoint(), twin=KEPT)
    yield both
    left = without(Bundle(log).members(), statement.TREE_END)
    yield outside("no checkpoint of the end, but one that was kept", log, "", log.checkpoint(), members=left)
    title = "no checkpoint of the end, and one of an earlier size that was kept"
    yield outside(title, log, "P_END_UNPROVEN", log.checkpoint(7), members=left, twin=KEPT)
    row = {"word": "anchor", "members": left, "twin": PLACED}
    yield outside("no checkpoint of the end, but a row of it", log, "P_END_UNPROVEN", compact(placed(log, 9)), **row)
    beside = {**left, "anchors/9.cosig": log.checkpoint()}
    yield sealed("no checkpoint of the end, but one beside it", log, GOOD, members=beside, silent=APART)


def _overdue() -> Iterator[Case]:
    """An interval of 60 seconds, counted from the first record after an anchor's that is not about anchors."""

    def anchor(log: Log, wait_us: int) -> Log:
        log.clock.wall += wait_us
        log.clock.boot += wait_us
        anchors = [{"kind": "witness", "sha256": "ab" * 32, "name": "w1.example"}]
        log.own("sys.anchor", {"size": log.size, "root": log.root().hex(), "interval_s": 60, "anchors": anchors})
        return log

    def anchored(*waits_us: int) -> Log:
        """An anchor, and then a call and an anchor after each wait."""
        log = anchor(Log().begin(), 0)
        for wait_us in waits_us:
            anchor(log.calls(1), wait_us)
        return log

    minute = 60_000_000
    steady = "a log that was anchored every minute"
    late = {"warnings": ("W_ANCHOR_OVERDUE",), "twin": steady, "silent": APART}
    yield sealed(steady, anchored(minute, minute), GOOD, silent=APART)
    tick = 1_000
    yield sealed("a log that was anchored just in time", anchored(2 * minute - tick), GOOD, silent=APART)
    yield sealed("a log that was anchored a moment too late", anchored(2 * minute - tick + 1), GOOD, **late)
    yield sealed("a log that was anchored too late twice", anchored(minute, 3 * minute, 3 * minute), GOOD, **late)
    idle = anchor(anchored(minute), 10 * minute)
    yield sealed("a log in which nothing happened that had to be anchored", idle, GOOD, silent=APART)
    ended = anchored(minute).calls(1)
    ended.clock.wall += 3 * minute
    ended.clock.boot += 3 * minute
    yield sealed("a log whose end was not anchored for three minutes", ended.calls(1), GOOD, **late)
    alone = anchored(minute)
    alone.clock.wall += 3 * minute
    alone.clock.boot += 3 * minute
    yield sealed("a log with one record long after its last anchor", alone.calls(1), GOOD, silent=APART)
