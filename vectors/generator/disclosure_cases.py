"""S8: bodies and fields that somebody disclosed, held against what the records committed to; erased subjects."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from recorder import disclosure_check
from vectors.generator.bundle import INTACT, Bundle, compact, sealed
from vectors.generator.case import Case
from vectors.generator.log import Log

GOOD = "P_TAIL_UNANCHORED"
SHOWN = "a request body disclosed"
SALT = bytes(range(32))
REQUEST, RESPONSE, TARGET = b'{"amount":"1200.00"}', b"", b"/accounts/7?token=abc"
FIELD = base64.urlsafe_b64encode(b'["c2FsdHNhbHRzYWx0","name","Ada"]').rstrip(b"=").decode()
HELD = "That nothing else of the record is true, or that what was disclosed is all there was."
PLACE = 4


def cases() -> Iterator[Case]:
    yield from _good()
    yield from _wrong()
    yield from _forms()
    yield from _erased()


def commit(value: bytes) -> str:
    return hmac.digest(SALT, value, "sha256").hex()


def log() -> Log:
    """Record 4 has commitments to everything; record 5 to nothing."""
    found = Log().begin()
    digest = base64.urlsafe_b64encode(sha256(FIELD.encode()).digest()).rstrip(b"=").decode()
    other = base64.urlsafe_b64encode(sha256(b"another").digest()).rstrip(b"=").decode()
    io = {"req": {"len": len(REQUEST), "c": commit(REQUEST)}, "res": {"len": 0, "c": commit(RESPONSE), "status": 204}}
    data = {"phase": "whole", "exchange": "exchange-4", "result": "completed", "target_c": commit(TARGET)}
    found.source("pef.http_call", data, **found.facts(4), io=io, sd=sorted((digest, other)))
    return found.calls(2)


def body(field: str, content: bytes, **changes: Any) -> bytes:
    made = {"v": "def-disclosure/0", "kind": "body", "field": field, "salt": SALT.hex()}
    made["value"] = base64.b64encode(content).decode()
    return compact({**made, **changes})


def hidden(disclosure: str, **changes: Any) -> bytes:
    return compact({"v": "def-disclosure/0", "kind": "sd", "disclosure": disclosure, **changes})


def case(title: str, content: bytes, code: str, place: int = PLACE, **told: Any) -> Case:
    detached = {disclosure_check.member_name(place): content}
    told = {"twin": "" if code == GOOD else SHOWN, "silent": HELD, **told}
    return sealed(title, Bundle(log(), told.pop("start", 0), detached=detached), code, **told)


def _good() -> Iterator[Case]:
    yield case(SHOWN, body("req", REQUEST) + b"\n", GOOD, shows={"disclosed": 1})
    yield case("an empty response body disclosed", body("res", RESPONSE) + b"\n", GOOD, shows={"disclosed": 1})
    yield case("a request target disclosed", body("target", TARGET) + b"\n", GOOD, shows={"disclosed": 1})
    yield case("a field disclosed", hidden(FIELD) + b"\n", GOOD, shows={"disclosed": 1})
    every = [body("req", REQUEST), body("res", RESPONSE), body("target", TARGET), hidden(FIELD), hidden(FIELD)]
    yield case("everything of a record disclosed", b"\n".join([*every, b""]), GOOD, shows={"disclosed": 5})
    yield case("nothing disclosed", b"", GOOD, shows={"disclosed": 0})
    below = {"skipped": ["record contents"], "disclosed": 0}
    yield case("a request body disclosed, at L1", body("req", REQUEST) + b"\n", GOOD, more=("--level=L1",), shows=below)


def _wrong() -> Iterator[Case]:
    wrong = "E_COMMITMENT"
    yield case("another body disclosed", body("req", REQUEST + b" ") + b"\n", wrong)
    yield case("a body disclosed with another salt", body("req", REQUEST, salt="00" * 32) + b"\n", wrong)
    yield case("a request body disclosed as the response", body("res", REQUEST) + b"\n", wrong)
    for field in ("req", "res", "target"):
        yield case(f"a {field} disclosed of a record that committed to none", body(field, b"") + b"\n", wrong, 5)
    lines = b"\n".join([body("req", REQUEST), body("req", b"x"), body("req", b"y"), b""])
    place = {"code": wrong, "count": 2, "member": "disclosures/4.jsonl", "seq": 4}
    shows = {"disclosed": 1, "codes": [place, {"code": GOOD, "count": 1}]}
    yield case("a good disclosure beside two wrong ones", lines, wrong, shows=shows)
    unknown = "E_DISCLOSURE_DIGEST"
    yield case("a field disclosed that the record does not have", hidden("WyJ4Il0") + b"\n", unknown)
    yield case("a field disclosed of a record without any", hidden(FIELD) + b"\n", unknown, 5)
    yield case("a field disclosed with one letter more", hidden(FIELD + "A") + b"\n", unknown)
    yield case("a disclosure about a record after the window", body("req", REQUEST) + b"\n", unknown, 7)
    yield case("a disclosure about a record before the window", body("req", REQUEST) + b"\n", unknown, start=5)
    broken = log()
    broken.raw(b"hello")
    bundle = Bundle(broken, detached={"disclosures/7.jsonl": body("req", REQUEST) + b"\n"})
    yield sealed("a disclosure about a record that cannot be read", bundle, "E_CANON", twin=SHOWN, silent=HELD)


def _forms() -> Iterator[Case]:
    good = body("req", REQUEST)
    for title, content in {
        "without a newline": good,
        "with blanks": good.replace(b'":', b'": ', 1) + b"\n",
        "with a further member": body("req", REQUEST, note="x") + b"\n",
        "with a name twice": good[:-1] + b',"value":""}\n',
        "of another version": body("req", REQUEST, v="def-disclosure/1") + b"\n",
        "of another kind": body("req", REQUEST, kind="head") + b"\n",
        "of another field": body("head", REQUEST) + b"\n",
        "with a salt of 31 bytes": body("req", REQUEST, salt="00" * 31) + b"\n",
        "with a salt in capitals": body("req", REQUEST, salt=SALT.hex().upper()) + b"\n",
        "with a value in base64url": body("req", b"\xff\xff\xff", value="____") + b"\n",
        "with a value without padding": body("req", REQUEST, value=base64.b64encode(b"a").decode()[:2]) + b"\n",
        "with a value that is null": body("req", REQUEST, value=None) + b"\n",
        "that is an array": b"[]\n",
        "that is empty": b"\n",
        "that is not JSON": b"hello\n",
        "with a carriage return": good + b"\r\n",
        "of a field with padding": hidden(FIELD + "=") + b"\n",
        "of a field that is empty": hidden("") + b"\n",
        "of a field with a salt too": hidden(FIELD, salt=SALT.hex()) + b"\n",
    }.items():
        yield case(f"a disclosure {title}", content, "E_DISCLOSURE_DIGEST")


def _erased() -> Iterator[Case]:
    found = log()
    data = {"subject_key": "5" * 32, "from_seq": 4, "to_seq": 6, "basis": "asked by the person"}
    found.own("sys.erasure", data)
    found.own("sys.erasure", {**data, "subject_key": "6" * 32})
    silent = "What was erased: its commitments are there, and nothing can show what they were of."
    shows = {"erased": 2}
    yield sealed("two subjects erased", found, GOOD, warnings=("W_ERASED",), twin=INTACT, silent=silent, shows=shows)
    kept = Bundle(found, detached={"disclosures/4.jsonl": body("req", REQUEST) + b"\n"})
    title = "a body of an erased subject that somebody kept and disclosed"
    yield sealed(title, kept, GOOD, warnings=("W_ERASED",), silent=silent, shows={"erased": 2, "disclosed": 1})
