"""Statements about a bundle by those who looked at it: they are checked, and they change nothing about the evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recorder import NAMESPACE, dsse, statement
from vectors.generator.bundle import Bundle, compact, sealed
from vectors.generator.case import Case
from vectors.generator.keys import key, p256
from vectors.generator.log import Log
from vectors.generator.trust_file import listed, trusting

GOOD = "P_TAIL_UNANCHORED"
AUDITED = "a bundle with an auditor's result beside it"
GIVEN = "a bundle and an auditor's result in a file of its own"
SAID = "That what the statement says is true; only who signed it, and about which bundle."
RESULT = f"{NAMESPACE}/compliance/result/v0"
SVR = "https://in-toto.io/attestation/svr/v0.2"


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    yield from _good(log)
    yield from _wrong(log)
    yield from _payloads(log)


def result(bundle: Bundle, **changes: Any) -> dict[str, Any]:
    digest = {"sha256": bundle.digest().removeprefix("sha256:")}
    made = {"_type": statement.STATEMENT_TYPE, "subject": [{"name": "evidence", "digest": digest}]}
    made |= {"predicateType": RESULT, "predicate": {"framework": "vectors"}, **changes}
    return {name: value for name, value in made.items() if value is not None}


def sign(content: Any, *signers: Any, kind: str = statement.PAYLOAD_TYPE) -> bytes:
    body = content if isinstance(content, bytes) else compact(content)
    return dsse.sign(body, kind, list(signers) or [key("auditor")])


def case(title: str, log: Log, code: str, *beside: bytes, **told: Any) -> Case:
    bundle = Bundle(log)
    bundle.detached = {f"attestations/{number}.dsse.json": raw for number, raw in enumerate(beside)}
    keys = told.pop("keys", [listed(key("auditor"), "auditor"), listed(p256("auditor"), "auditor")])
    told = {"trust": trusting(log, *keys), "twin": "" if code == GOOD else AUDITED, "silent": SAID, **told}
    return sealed(title, bundle, code, **told)


def _good(log: Log) -> Iterator[Case]:
    bundle = Bundle(log)
    yield case(AUDITED, log, GOOD, sign(result(bundle)))
    yield case("a result signed with P-256", log, GOOD, sign(result(bundle), p256("auditor")))
    yield case("a result signed by the seal key", log, GOOD, sign(result(bundle), key("seal")))
    yield case(
        "a result signed by an auditor and a stranger", log, GOOD, sign(result(bundle), key("x"), key("auditor"))
    )
    yield case("a summary result", log, GOOD, sign(result(bundle, predicateType=SVR)))
    many = [{"name": "other", "digest": {"sha256": "ab" * 32}}, 7, {"digest": 1}, *result(bundle)["subject"]]
    yield case("a result about several things", log, GOOD, sign(result(bundle, subject=many)))
    yield case("a result without a predicate", log, GOOD, sign(result(bundle, predicate=None)))
    yield case("a result at L0", log, GOOD, sign(result(bundle)), more=("--level=L0",))
    told = {"files": {"result": sign(result(bundle))}, "more": ("--attestation=result",)}
    yield case(GIVEN, log, GOOD, **told)
    later = [listed(key("auditor"), "auditor", valid_from_size=100)]
    yield case("a result by an auditor who came later", log, GOOD, sign(result(bundle)), keys=later)
    blind = case("a result and no trust file", log, "I_TRUST_MISSING", sign(result(bundle), key("x")))
    files = {"bundle.zip": blind.files["bundle.zip"]}
    yield Case(blind.title, files, "I_TRUST_MISSING", AUDITED, ("verify", "bundle.zip"), silent=SAID)


def _wrong(log: Log) -> Iterator[Case]:
    bundle = Bundle(log)
    good = sign(result(bundle))
    for title, raw, code in (
        ("that is no envelope", b"hello\n", "E_DSSE_FORMAT"),
        ("that is empty", b"", "E_DSSE_FORMAT"),
        ("without its newline", good[:-1], "E_DSSE_FORMAT"),
        ("of another payload type", sign(result(bundle), kind="application/json"), "E_DSSE_TYPE"),
        ("by a stranger", sign(result(bundle), key("stranger")), "E_DSSE_SIG"),
        ("by the log key", sign(result(bundle), key("log")), "E_DSSE_SIG"),
        ("by the root key", sign(result(bundle), key("root")), "E_DSSE_SIG"),
        ("with an auditor's wrong signature", _wrongly(result(bundle)), "E_DSSE_SIG"),
    ):
        yield case(f"a result {title}", log, code, raw)
        files = {"files": {"result": raw}, "more": ("--attestation=result",), "twin": GIVEN}
        yield case(f"a result in a file {title}", log, code, **files)
    for title, fields in (("ended", {"valid_until_size": 8}), ("was stolen", {"compromised_from_size": 9})):
        keys = [listed(key("auditor"), "auditor", **fields)]
        yield case(f"a result by an auditor whose key {title}", log, "E_DSSE_SIG", good, keys=keys)
    wrong = sign(result(bundle), key("stranger"))
    place = {"code": "E_DSSE_SIG", "count": 1, "member": "attestations/1.dsse.json"}
    shows = {"codes": [place, {"code": GOOD, "count": 1}]}
    yield case("a good result beside a wrong one", log, "E_DSSE_SIG", good, wrong, shows=shows)


def _payloads(log: Log) -> Iterator[Case]:
    bundle = Bundle(log)
    body = compact(result(bundle))
    for title, content, code in (
        ("with blanks", body.replace(b'":', b'": ', 1), "E_STMT_TYPE"),
        ("with a fraction", compact(result(bundle, predicate={"share": 0.5})), "E_STMT_TYPE"),
        ("that is an array", b"[]", "E_STMT_TYPE"),
        ("of another statement type", result(bundle, _type="https://in-toto.io/Statement/v0.1"), "E_STMT_TYPE"),
        ("without subjects", result(bundle, subject=None), "E_STMT_TYPE"),
        ("whose subject is an object", result(bundle, subject={}), "E_STMT_TYPE"),
        ("of another predicate type", result(bundle, predicateType=f"{NAMESPACE}/opinion/v0"), "E_STMT_PREDICATE"),
        (
            "about other evidence",
            result(bundle, subject=[{"name": "x", "digest": {"sha256": "ab" * 32}}]),
            "E_MEMBER_DIGEST",
        ),
        ("about nothing", result(bundle, subject=[]), "E_MEMBER_DIGEST"),
        (
            "about a digest of another kind",
            result(bundle, subject=[{"digest": {"sha512": bundle.digest()[7:]}}]),
            "E_MEMBER_DIGEST",
        ),
    ):
        yield case(f"a result {title}", log, code, sign(content))


def _wrongly(content: Any) -> bytes:
    """An envelope whose signature names the auditor and is another's."""
    one = sign(content, key("stranger"))
    return one.replace(key("stranger").key_id.encode(), key("auditor").key_id.encode())
