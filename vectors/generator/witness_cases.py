"""S9: witnesses. Who must have seen the log, and what a cosignature that is not one looks like."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from recorder import cosignature, note, statement
from recorder.keys import LocalKey
from vectors.generator.anchor_cases import fork
from vectors.generator.bundle import Bundle, sealed
from vectors.generator.case import Case
from vectors.generator.keys import key
from vectors.generator.log import Log
from vectors.generator.people import NOW
from vectors.generator.trust_file import listed, trusting

GOOD = "P_TAIL_UNANCHORED"
SEEN = "a bundle whose end a witness has seen"
TWO = "a bundle whose end two witnesses have seen, where two are needed"
LAST = 253_402_300_799
BOUND = "That the witnesses are independent of each other and of the operator."


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    yield from _good(log)
    yield from _wrong(log)
    yield from _quorum(log)
    yield from _times(log)


def witness(label: str, **fields: Any) -> dict[str, Any]:
    return listed(key(label), "witness", **{"name": f"{label}.example", **fields})


def line(log: Log, label: str, size: int = 9, at: int = NOW + 60, name: str = "", by: LocalKey | None = None) -> bytes:
    """A cosignature line of a witness over the true checkpoint."""
    text = note.checkpoint_text(log.origin, size, log.root(size))
    return cosignature.cosign(text, name or f"{label}.example", by or key(label), at)


def case(
    title: str, log: Log, code: str, *lines: bytes, need: int | None = None, keys: Any = None, **told: Any
) -> Case:
    """A bundle whose end has these further lines."""
    known = [witness("w1"), witness("w2"), witness("w3")] if keys is None else keys
    asked = {} if need is None else {"witness": {"need": need}}
    bundle = Bundle(log)
    members = {**bundle.members(), statement.TREE_END: log.checkpoint() + b"".join(lines), **told.pop("beside", {})}
    told = {
        "silent": BOUND,
        "trust": trusting(log, *known, **asked),
        "twin": "" if code in ("", GOOD) else SEEN,
        **told,
    }
    return sealed(title, bundle, code, members=members, **told)


def _good(log: Log) -> Iterator[Case]:
    seen = {
        "anchored_end": 9,
        "witnesses": ["w1.example"],
        "anchored_at": "2026-09-21T14:14:20.000000Z",
        "exposure_us": 0,
    }
    yield case(SEEN, log, "", line(log, "w1"), shows=seen)
    yield case("a bundle whose end a needed witness has seen", log, "", line(log, "w1"), need=1, shows=seen)
    yield case("a witness of which nobody asks more than none", log, "", line(log, "w1"), need=0, shows=seen)
    both = {"witnesses": ["w1.example", "w2.example"], "anchored_at": "2026-09-21T14:15:00.000000Z"}
    later = line(log, "w2", at=NOW + 100)
    yield case(TWO, log, "", line(log, "w1"), later, need=2, shows=both)
    first = {**both, "anchored_at": seen["anchored_at"]}
    yield case("a bundle whose end two witnesses have seen", log, "", line(log, "w1"), later, shows=first)
    twice = line(log, "w1", at=NOW + 500) + line(log, "w1")
    yield case("a witness that signed twice", log, "", twice, shows=seen)
    strange = [line(log, "w9"), line(log, "w1", name="w9.example")]
    yield case("witnesses that nobody knows", log, GOOD, *strange, shows={"witnesses": [], "anchored_end": 0})
    yield case(
        "a witness that is not ASCII",
        log,
        "",
        line(log, "w1", name="w\u00ebtness"),
        keys=[witness("w1", name="w\u00ebtness")],
    )
    for title, fields in (
        ("ended before", {"valid_until_size": 8}),
        ("began later", {"valid_from_size": 10}),
        ("was stolen", {"state": "compromised"}),
    ):
        yield case(f"a witness whose key {title}", log, GOOD, line(log, "w1"), keys=[witness("w1", **fields)])
    own = {"warnings": ("W_WITNESS_SAME_ADMIN",), "twin": SEEN}
    yield case(
        "a witness that the operator runs", log, "", line(log, "w1"), keys=[witness("w1", same_admin=True)], **own
    )
    mixed = [witness("w1", same_admin=True), witness("w2")]
    yield case("two witnesses, one that the operator runs", log, "", line(log, "w1"), line(log, "w2"), keys=mixed)
    beside = {"anchors/7.cosig": log.checkpoint(7) + line(log, "w1", 7)}
    early = {"anchored_end": 7, "witnesses": ["w1.example"], "unanchored": 2}
    yield case("a witness that saw an earlier size", log, GOOD, beside=beside, shows=early)
    yield case(
        "a witness that saw an earlier size, and one the end",
        log,
        "",
        line(log, "w2"),
        beside=beside,
        shows={"witnesses": ["w2.example"]},
    )
    other = {"anchors/7.cosig": fork(log, 7)}
    yield case("a witness of the end beside another history", log, "E_SPLIT_VIEW", line(log, "w1"), beside=other)
    told = {"files": {"kept": log.checkpoint(8) + line(log, "w1", 8)}, "more": ("--checkpoint=kept",)}
    yield case(
        "a kept checkpoint that a witness has seen",
        log,
        GOOD,
        shows={"anchored_end": 8, "witnesses": ["w1.example"]},
        **told,
    )


def _wrong(log: Log) -> Iterator[Case]:
    good = line(log, "w1")
    blob = base64.b64decode(good.split(b" ")[2])
    text = note.checkpoint_text(log.origin, 9, log.root())

    def raw(value: bytes) -> bytes:
        return b"\xe2\x80\x94 w1.example " + base64.b64encode(blob[:4] + value) + b"\n"

    for title, value in {
        "of another size": base64.b64decode(line(log, "w1", 8).split(b" ")[2])[4:],
        "with another time": (NOW + 61).to_bytes(8) + blob[12:],
        "with a bit turned": blob[4:-1] + bytes([blob[-1] ^ 1]),
        "by another key": base64.b64decode(line(log, "w1", by=key("w2")).split(b" ")[2])[4:],
        "cut short": blob[4:-1],
        "with a byte more": blob[4:] + b"\x00",
        "without a time": key("w1").sign(text),
        "at a time without a name": base64.b64decode(line(log, "w1", at=LAST + 1).split(b" ")[2])[4:],
        "at a time beyond 2^63": base64.b64decode(line(log, "w1", at=2**63).split(b" ")[2])[4:],
    }.items():
        yield case(f"a cosignature {title}", log, "E_WITNESS_SIG", raw(value))
    yield case("a cosignature of the last second there is", log, "", line(log, "w1", at=LAST))
    yield case(
        "a good cosignature beside a wrong one",
        log,
        "E_WITNESS_SIG",
        good,
        raw(blob[4:-1] + b"\x00"),
        shows={"anchored_end": 9},
    )
    plain = note.key_id("w1.example", key("w1").public) + key("w1").sign(text)
    kind = b"\xe2\x80\x94 w1.example " + base64.b64encode(plain) + b"\n"
    yield case("a witness that signed as a log", log, GOOD, kind)
    stolen = [witness("w1", state="compromised")]
    yield case("a wrong cosignature by a stolen key", log, "E_WITNESS_SIG", raw(blob[4:-1] + b"\x00"), keys=stolen)


def _quorum(log: Log) -> Iterator[Case]:
    wrong = "E_WITNESS_QUORUM"
    yield case(
        "no witness where one is needed", log, wrong, need=1, twin="a bundle whose end a needed witness has seen"
    )
    yield case("one witness where two are needed", log, wrong, line(log, "w1"), need=2, twin=TWO)
    same = [witness("w1"), witness("w2", name="w1.example")]
    lines = [line(log, "w1"), line(log, "w2", name="w1.example")]
    yield case("two keys of one name where two are needed", log, wrong, *lines, need=2, keys=same, twin=TWO)
    twice = [line(log, "w1"), line(log, "w1", at=NOW + 61)]
    yield case("one witness twice where two are needed", log, wrong, *twice, need=2, twin=TWO)
    apart = {"anchors/7.cosig": log.checkpoint(7) + line(log, "w2", 7)}
    yield case(
        "two witnesses of two sizes where two are needed", log, wrong, line(log, "w1"), need=2, beside=apart, twin=TWO
    )
    both = {"anchors/7.cosig": log.checkpoint(7) + line(log, "w1", 7) + line(log, "w2", 7)}
    early = {"anchored_end": 7, "witnesses": ["w1.example", "w2.example"]}
    title = "two witnesses of an earlier size where two are needed"
    yield case(title, log, GOOD, line(log, "w1"), need=2, beside=both, shows=early)
    stolen = [witness("w1"), witness("w2", state="compromised")]
    yield case(
        "a stolen witness among two that are needed",
        log,
        wrong,
        line(log, "w1"),
        line(log, "w2"),
        need=2,
        keys=stolen,
        twin=TWO,
    )
    split = {"anchors/9.cosig": log.checkpoint() + line(log, "w2")}
    yield case("two witnesses of one size in two notes", log, "", line(log, "w1"), need=2, beside=split)


def _times(log: Log) -> Iterator[Case]:
    future = "E_TS_FUTURE"
    yield case(
        "records younger than a witness that saw them",
        log,
        future,
        line(log, "w1", at=NOW - 300),
        shows={"anchored_end": 9},
    )
    yield case("records as young as the clocks allow", log, "", line(log, "w1", at=NOW - 299))
    early = {"anchors/7.cosig": log.checkpoint(7) + line(log, "w1", 7, at=NOW - 301)}
    yield case("a witness that saw an earlier size before its records", log, future, beside=early)
    stranger = {"anchors/7.cosig": log.checkpoint(7) + line(log, "w9", 7, at=NOW - 301)}
    yield case("a witness that nobody knows and that came too early", log, GOOD, beside=stranger)
    stolen = [witness("w1", state="compromised")]
    yield case("a stolen witness that came too early", log, GOOD, line(log, "w1", at=NOW - 301), keys=stolen)
    yield case("a witness before 1970 is not possible: second zero", log, future, line(log, "w1", at=0))
    slow = Log().begin().calls(2)
    slow.clock.wall += 400_000_000
    slow.clock.boot += 400_000_000
    slow.calls(2)
    places = {"anchors/6.cosig": slow.checkpoint(6) + line(slow, "w1", 6, at=NOW + 1)}
    yield case("a witness that saw what was there, and records much later", slow, GOOD, beside=places)
    wrong = {"anchors/7.cosig": slow.checkpoint(7) + line(slow, "w1", 7, at=NOW + 1)}
    at = {"codes": [{"code": future, "count": 1, "member": statement.RECORDS, "seq": 6}, {"code": GOOD, "count": 1}]}
    yield case("a witness that saw one record too much", slow, future, beside=wrong, shows=at)
