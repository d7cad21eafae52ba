"""S5 and S6: one record that its log's own keys have signed and that is wrong all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from recorder import statement
from vectors.generator.bundle import INTACT, Bundle, sealed
from vectors.generator.case import Case
from vectors.generator.checkpoint_cases import MIDDLE
from vectors.generator.log import Log

INSIDER = "Who made the log wrong: whoever holds its keys signed these records as they are."
GAP = "a declared gap"
STEP = "a declared clock step"


def cases() -> Iterator[Case]:
    yield from _bytes()
    yield from _lines()
    yield from _meaning()
    yield from _order()
    yield from _sources()
    yield from _clocks()
    yield from _aggregates()


def _case(title: str, source: Log | Bundle, code: str, **told: Any) -> Case:
    return sealed(title, source, code, **{"silent": INSIDER, **told})


def _bytes() -> Iterator[Case]:
    """Records whose bytes are not canonical. Tally and schema never see them."""

    def put(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
        return lambda line: line.replace(old, new, 1)

    def before(new: bytes) -> Callable[[bytes], bytes]:
        return lambda line: line.replace(b'"data":', b'"data":' + new + b',"datb":', 1)

    wrong: dict[str, tuple[Callable[[bytes], bytes], str]] = {
        "a blank after a colon": (put(b'":', b'": '), "E_CANON"),
        "a carriage return at its end": (lambda line: line + b"\r", "E_CANON"),
        "a byte order mark": (lambda line: b"\xef\xbb\xbf" + line, "E_CANON"),
        "an escaped slash": (put(b"/accounts", b"\\/accounts"), "E_CANON"),
        "an escape in upper case": (put(b"agent-7", b"agent-\\u001F"), "E_CANON"),
        "an ASCII letter escaped": (put(b"agent-7", b"\\u0061gent-7"), "E_CANON"),
        "a newline escaped the long way": (put(b"agent-7", b"agent-\\u000a"), "E_CANON"),
        "a DEL escaped": (put(b"agent-7", b"agent-\\u007f"), "E_CANON"),
        "a pair of surrogates escaped": (put(b"agent-7", b"agent-\\ud83d\\ude00"), "E_CANON"),
        "a raw control character": (put(b"agent-7", b"agent-\x01"), "E_CANON"),
        "two keys exchanged": (put(b'"auth":"mtls","uid":"agent-7"', b'"uid":"agent-7","auth":"mtls"'), "E_CANON"),
        "a key after the last one": (lambda line: line[:-1] + b',"a":1}', "E_CANON"),
        "a comma too many": (lambda line: line[:-1] + b",}", "E_CANON"),
        "a second value": (lambda line: line + b"{}", "E_CANON"),
        "single quotes": (put(b'"mtls"', b"'mtls'"), "E_CANON"),
        "NaN": (put(b'"eval_us":90', b'"eval_us":NaN'), "E_CANON"),
        "infinity": (put(b'"eval_us":90', b'"eval_us":-Infinity'), "E_CANON"),
        "a leading zero": (put(b'"eval_us":90', b'"eval_us":090'), "E_CANON"),
        "a plus sign": (put(b'"eval_us":90', b'"eval_us":+90'), "E_CANON"),
        "a comment": (put(b'"eval_us":90', b'"eval_us":90/**/'), "E_CANON"),
        "not JSON": (lambda line: b"hello", "E_CANON"),
        "nothing in it": (lambda line: b"", "E_CANON"),
        "an array in place of an object that never ends": (lambda line: b"[" * 16, "E_CANON"),
        "the same key twice": (put(b'"seq":', b'"seq":0,"seq":'), "E_DUP_KEY"),
        "the same key twice, once escaped": (put(b'"seq":', b'"\\u0073eq":0,"seq":'), "E_DUP_KEY"),
        "the same key twice, deep inside": (put(b'"uid":"agent-7"', b'"uid":"a","uid":"b"'), "E_DUP_KEY"),
        "a bad key twice": (put(b'"uid":"agent-7"', b'"UID":1,"UID":2'), "E_KEYNAME"),
        "a key in upper case": (put(b'"v":', b'"V":'), "E_KEYNAME"),
        "an empty key": (put(b'"v":', b'"":'), "E_KEYNAME"),
        "a key of 65 letters": (put(b'"v":', b'"' + b"v" * 65 + b'":'), "E_KEYNAME"),
        "a Cyrillic key": (put(b'"uid":', '"u\u0456d":'.encode()), "E_KEYNAME"),
        "a fraction": (put(b'"eval_us":90', b'"eval_us":90.0'), "E_NUM"),
        "an exponent": (put(b'"eval_us":90', b'"eval_us":9e1'), "E_NUM"),
        "a number of infinite size": (put(b'"eval_us":90', b'"eval_us":1e999'), "E_NUM"),
        "minus zero": (put(b'"eval_us":90', b'"eval_us":-0'), "E_NUM"),
        "an integer of 2^53": (put(b'"eval_us":90', b'"eval_us":9007199254740992'), "E_NUM"),
        "an integer of -2^53": (put(b'"eval_us":90', b'"eval_us":-9007199254740992'), "E_NUM"),
        "an integer of a thousand digits": (put(b'"eval_us":90', b'"eval_us":' + b"9" * 1000), "E_NUM"),
        "a byte that is not UTF-8": (put(b"agent-7", b"agent-\xff"), "E_UTF8"),
        "an overlong UTF-8 form": (put(b"agent-7", b"agent-\xc0\xaf"), "E_UTF8"),
        "a surrogate in UTF-8": (put(b"agent-7", b"agent-\xed\xa0\x80"), "E_UTF8"),
        "a character beyond Unicode": (put(b"agent-7", b"agent-\xf4\x90\x80\x80"), "E_UTF8"),
        "UTF-8 cut off": (put(b"agent-7", b"agent-\xe2\x82"), "E_UTF8"),
        "a lone surrogate escaped": (put(b"agent-7", b"agent-\\ud800"), "E_UTF8"),
        "surrogates in the wrong order": (put(b"agent-7", b"agent-\\ude00\\ud83d"), "E_UTF8"),
        "seventeen levels": (before(b"[" * 16 + b"]" * 16), "E_DEPTH"),
        "a thousand levels": (before(b"[" * 1000 + b"]" * 1000), "E_DEPTH"),
        "seventeen brackets that never close": (lambda line: b"[" * 17, "E_DEPTH"),
        "65,536 bytes": (lambda line: line.replace(b"agent-7", b"a" * (65_536 - len(line) + 7)), "E_SIZE"),
        "65,600 bytes that are not UTF-8": (lambda line: b"\xff" * 65_600, "E_SIZE"),
    }
    for title, (spoil, code) in wrong.items():
        log = Log().begin().calls(1)
        log.raw(spoil(_call_line(log)))
        log.call(1)
        yield _case(f"a record with {title}", log, code)
    log = Log().begin()
    log.edited(lambda made: made["agent"].update(uid='\u20ac\U0001f600\u007f\u2028"\\\b\f\n\r\t\x01'))
    log.edited(
        lambda made: (
            made["perf"].update(eval_us=2**53 - 1) if "perf" in made else made.update(perf={"eval_us": 2**53 - 1})
        )
    )
    yield _case("records with every kind of character and the largest integer", log, "P_TAIL_UNANCHORED")


def _lines() -> Iterator[Case]:
    log = Log().begin().calls(2)
    members = Bundle(log).members()
    raw = members[statement.RECORDS]
    for title, content, code in (
        ("records without their last newline, signed", raw[:-1], "E_CANON"),
        ("records with an empty line at their end, signed", raw + b"\n", "E_TREE_SIZE"),
        ("records with half a line at their end, signed", raw + b'{"v":', "E_TREE_SIZE"),
    ):
        yield _case(title, Bundle(log, covered={statement.RECORDS: content}), code)
    for level in ("L0", "L1"):
        same = Bundle(log, covered={statement.RECORDS: raw[:-1]})
        title = f"records without their last newline, signed, at {level}"
        yield _case(title, same, "P_TAIL_UNANCHORED", more=(f"--level={level}",))


def _meaning() -> Iterator[Case]:
    def put(**values: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda made: made.update(values)

    def inside(part: str, **values: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda made: made[part].update(values)

    wrong: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
        "a field nobody knows": (put(note="hidden"), "E_SCHEMA"),
        "a field nobody knows deep inside": (inside("agent", note="hidden"), "E_SCHEMA"),
        "a field nobody knows in its data": (inside("data", note="hidden"), "E_SCHEMA"),
        "no verdict": (lambda made: made.pop("verdict"), "E_SCHEMA"),
        "no source": (lambda made: made.pop("src"), "E_SCHEMA"),
        "a null": (put(trace=None), "E_SCHEMA"),
        "a boolean for a number": (inside("verdict", eval_us=True), "E_SCHEMA"),
        "a number that is text": (put(seq="5"), "E_SCHEMA"),
        "a time without its zone": (put(ts="2026-09-21T00:00:00.000000"), "E_SCHEMA"),
        "a time with a newline at its end": (put(ts="2026-09-21T00:00:00.000000Z\n"), "E_SCHEMA"),
        "a time in other digits": (put(ts="\u0662\u0660\u0662\u0666-09-21T00:00:00.000000Z"), "E_SCHEMA"),
        "a target of 1025 characters": (inside("act", target="\U0001f600" * 1025), "E_SCHEMA"),
        "an unknown decision": (inside("verdict", decision="perhaps"), "E_SCHEMA"),
        "another log's name": (put(origin="vectors.clyra.example/other"), "E_ORIGIN"),
        "another number": (lambda made: made.update(seq=made["seq"] + 1), "E_SEQ"),
        "another predecessor": (put(prev="00" * 32), "E_PREV"),
        "an earlier time": (put(ts="2026-09-21T00:00:00.000000Z"), "E_TS_ROLLBACK"),
        "a monotonic clock that goes back": (put(mono_us=1), "E_MONO"),
        "a source counter that jumps": (lambda made: made["src"].update(seq=99), "E_SRC_GAP"),
        "a source counter that stands still": (lambda made: made["src"].update(seq=1), "E_SRC_GAP"),
        "a version of the future": (put(v="def/9"), "I_VERSION"),
        "a version that is a number": (put(v=0), "I_VERSION"),
        "no version": (lambda made: made.pop("v"), "E_SCHEMA"),
        "a type of the future that breaks the envelope": (put(typ="pef.telepathy", note=1), "E_SCHEMA"),
    }
    for title, (change, code) in wrong.items():
        log = Log().begin().calls(2)
        log.edited(change, 78)
        yield _case(f"a record with {title}", log, code)
    log = Log().begin().calls(2)
    log.edited(put(typ="pef.telepathy", data={"anything": [1, {"at": "all"}]}), 78)
    yield _case(
        "a record with a type of the future", log, "P_TAIL_UNANCHORED", warnings=("W_TYPE_UNKNOWN",), twin=INTACT
    )
    log = Log().begin().calls(1)
    log.edited(inside("act", target="\U0001f600" * 1024), 78)
    yield _case("a record with a target of 1024 characters beyond the first plane", log, "P_TAIL_UNANCHORED")
    log = Log().begin().calls(1)
    log.raw(b"[1]")
    yield _case("a record that is an array", log, "E_SCHEMA")


def _order() -> Iterator[Case]:
    """What a window knows of the record before it."""
    log = Log().begin().calls(5)
    for start, code in ((5, "E_PREV"), (6, "P_TAIL_UNANCHORED")):
        other = Log().begin().calls(start - 4)
        other.edited(lambda made: made.update(prev="ab" * 32))
        other.calls(2)
        kind = "odd: its frontier knows" if start & 1 else "even: nothing here knows"
        title = f"a first record with another predecessor, start {kind}"
        yield _case(title, Bundle(other, start), code, twin=MIDDLE if code == "E_PREV" else "")
    lines = list(log.lines)
    lines[5], lines[6] = lines[6], lines[5]
    other = Log()
    for line in lines:
        other.raw(line)
    shows = {
        "codes": [
            _at("E_SEQ", 2, 5),
            _at("E_PREV", 3, 5),
            _at("E_TS_ROLLBACK", 1, 6),
            _at("E_MONO", 1, 6),
            _at("E_SRC_GAP", 3, 5),
        ]
    }
    shows["codes"].sort(key=lambda one: (one["seq"], one["code"]))
    shows["codes"].append({"code": "P_TAIL_UNANCHORED", "count": 1})
    yield _case("two records exchanged, the whole log signed", other, "E_PREV", shows=shows)


def _sources() -> Iterator[Case]:
    def gapped(first: int, last: int, source: str = "proxy-1", after: int = 0) -> Log:
        log = Log().begin().calls(2)
        data = {"source": source, "first": first, "last": last, "count": last - first + 1, "cause": "overflow"}
        log.own("sys.gap", data)
        log.counters[source] = after or last
        log.call(5)
        return log

    yield _case(GAP, gapped(3, 4), "P_TAIL_UNANCHORED", warnings=("W_GAP_DECLARED",), twin=INTACT)
    yield _case(
        "a declared gap that does not follow the last event",
        gapped(4, 4),
        "E_SRC_GAP",
        twin=GAP,
        warnings=("W_GAP_DECLARED",),
    )
    yield _case(
        "a declared gap that ends before the next event",
        gapped(3, 4, after=5),
        "E_SRC_GAP",
        twin=GAP,
        warnings=("W_GAP_DECLARED",),
    )
    yield _case(
        "a gap declared for a source that never spoke",
        gapped(1, 3, "proxy-9"),
        "P_TAIL_UNANCHORED",
        warnings=("W_GAP_DECLARED",),
    )
    log = Log().begin().calls(2)
    log.source("pef.http_call", {"phase": "whole", "exchange": "x", "result": "completed"}, "proxy-2", **log.facts(5))
    yield _case("a second source", log, "P_TAIL_UNANCHORED")
    log = Log().begin().calls(4)
    yield _case("a source that began before the window", Bundle(log, 6), "P_TAIL_UNANCHORED")


def _clocks() -> Iterator[Case]:
    def stepped(by: int, *, declared: bool) -> Log:
        log = Log().begin().calls(2)
        log.clock.wall += by
        step = log.chain.look_at_clock()
        assert step is not None  # an hour is a step
        if declared:
            log.lines.append(step.line)
        else:
            log = _undeclared(by)
        log.calls(2)
        return log

    back, forth = -3_600_000_000, 3_600_000_000
    yield _case(STEP, stepped(back, declared=True), "P_TAIL_UNANCHORED", warnings=("W_CLOCK_STEP",), twin=INTACT)
    yield _case(
        "a declared clock step forward", stepped(forth, declared=True), "P_TAIL_UNANCHORED", warnings=("W_CLOCK_STEP",)
    )
    yield _case("a clock set back that nobody declared", stepped(back, declared=False), "E_TS_ROLLBACK", twin=STEP)
    yield _case("a clock set forward that nobody declared", stepped(forth, declared=False), "P_TAIL_UNANCHORED")
    log = Log().begin().calls(2)
    log.clock.boot = 1
    log.chain.boot = "0badcafe"
    log.chain._mono = 0
    log.chain._offset = None
    log.calls(2)
    yield _case("a restart, with a monotonic clock that begins again", log, "P_TAIL_UNANCHORED")
    log = Log().begin().calls(2)
    log.own("sys.close", {"cause": "end of the vectors"})
    yield _case("a log that was closed", log, "P_TAIL_UNANCHORED")


def _undeclared(by: int) -> Log:
    """Two records of before a step of the clock, then records after it without a word about it."""
    log = Log().begin().calls(2)
    log.clock.wall += by
    log.chain.last_ts = 0
    log.chain._offset = None
    log.chain.clock = log.clock
    return log


def _aggregates() -> Iterator[Case]:
    log = Log().begin().calls(5)
    good: dict[str, Any] = orjson.loads(Bundle(log).payload())["predicate"]
    source = {**good["sources"][0], "last": 99}
    wrong: dict[str, Any] = {
        "counts": {**good["counts"], "pef.http_call": 6},
        "sources": [source, *good["sources"][1:]],
        "policy": [],
        "period": {**good["period"], "to": "2027-01-01T00:00:00.000000Z"},
        "tail": "closed",
    }
    for name, value in wrong.items():
        assert value != good[name]
        yield _case(
            f"a statement whose {name} are not the records'", Bundle(log, predicate={name: value}), "E_AGGREGATE"
        )
    every = Bundle(log, predicate=wrong)
    shows = {
        "codes": [
            {"code": "E_AGGREGATE", "count": 5, "member": statement.STATEMENT},
            {"code": "P_TAIL_UNANCHORED", "count": 1},
        ]
    }
    yield _case("a statement that is wrong about everything in the records", every, "E_AGGREGATE", shows=shows)
    yield _case("a statement that is wrong about the records, at L1", every, "P_TAIL_UNANCHORED", more=("--level=L1",))


def _at(code: str, count: int, seq: int) -> dict[str, Any]:
    return {"code": code, "count": count, "member": statement.RECORDS, "seq": seq}


def _call_line(log: Log) -> bytes:
    """The next call as bytes, not yet in the log."""
    before = log.chain.copy()
    log.call(77)
    log.chain = before
    log.counters["proxy-1"] -= 1
    return log.lines.pop()
