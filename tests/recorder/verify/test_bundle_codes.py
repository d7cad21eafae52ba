"""Every code of S0 to S6 that a bundle can earn, each with a twin that does not earn it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from recorder import dsse, note, statement, strict_json
from recorder.keys import LocalKey
from recorder.verify.codes import CODES
from tests.recorder.verify.conftest import Case, Change, judge, nothing
from tests.support.forged_bundles import compact, key_entry, rechained

CASES: dict[str, tuple[str, Change, Change]] = {}
"""name -> (code, what earns it, a neighbour that does not)."""


def case(code: str, twin: Change = nothing) -> Callable[[Change], Change]:
    def keep(wrong: Change) -> Change:
        CASES[wrong.__name__] = (code, wrong, twin)
        return wrong

    return keep


def _records(case: Case) -> list[dict[str, Any]]:
    return [json.loads(line) for line in case.forge.lines]


def _change_record(
    case: Case, number: int, change: Callable[[dict[str, Any]], object], *, chained: bool = True
) -> None:
    """As somebody with the log's keys would do it: everything after the record is made anew."""
    records = _records(case)
    change(records[number])
    if chained:
        case.forge.lines = rechained(records)
    else:
        case.forge.lines = [orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in records]


def _raw_line(case: Case, number: int, change: Callable[[bytes], bytes]) -> None:
    case.forge.lines[number] = change(case.forge.lines[number])


def _listed_attachment(case: Case) -> None:
    case.members["notes.txt"] = b"hello"


@case("E_MEMBER_UNLISTED", twin=_listed_attachment)
def a_member_nobody_signed(one: Case) -> None:
    one.later("notes.txt", b"hello")


@case("E_MEMBER_MISSING")
def a_covered_member_is_gone(one: Case) -> None:
    one.members["readme.txt"] = b"how to"
    one.later("readme.txt", None)


@case("E_MEMBER_MISSING", twin=lambda one: one.later("tree/start", None))
def the_start_checkpoint_is_gone(one: Case) -> None:
    one.start = 3
    one.later("tree/start", None)


@case("E_MEMBER_DIGEST")
def a_covered_member_is_another(one: Case) -> None:
    one.members["readme.txt"] = b"how to"
    one.later("readme.txt", b"how not to")


@case("E_ARCHIVE_LIMIT")
def a_checkpoint_is_huge(one: Case) -> None:
    one.later("tree/end", b"x" * 70_000)


@case("E_ARCHIVE_TYPE")
def a_member_is_a_link(one: Case) -> None:
    one.after.append(lambda bundle: (bundle / "tree" / "leaves").symlink_to("/dev/zero"))


@case("E_ARCHIVE_NAME")
def a_member_has_a_bad_name(one: Case) -> None:
    one.after.append(lambda bundle: (bundle / "Notes").write_bytes(b""))


@case("E_DSSE_FORMAT")
def the_envelope_has_white_space(one: Case) -> None:
    one.after.append(lambda bundle: _rewrite(bundle, statement.STATEMENT, lambda raw: raw.replace(b":", b": ", 1)))


@case("E_DSSE_TYPE")
def the_envelope_is_of_another_type(one: Case) -> None:
    one.after.append(
        lambda bundle: _rewrite(bundle, statement.STATEMENT, lambda raw: raw.replace(b"in-toto+json", b"in-toto+jsom"))
    )


@case("E_DSSE_SIG")
def the_statement_is_signed_by_a_stranger(one: Case) -> None:
    trusted = one.forge.trust_file()
    one.forge.seal_key = LocalKey.generate()
    one.give(trust=trusted)


@case("E_STMT_TYPE")
def the_payload_is_not_compact(one: Case) -> None:
    one.raw = lambda payload: payload.replace(b":", b": ", 1)


@case("E_STMT_TYPE")
def the_statement_has_a_float(one: Case) -> None:
    one.raw = lambda payload: payload.replace(b'"start":0', b'"start":0.0')


@case("E_STMT_PREDICATE")
def the_window_is_backwards(one: Case) -> None:
    one.edit = lambda value: {**value, "predicate": {**value["predicate"], "start": one.size}}


@case("E_STMT_PREDICATE")
def a_subject_is_listed_twice(one: Case) -> None:
    one.edit = lambda value: {**value, "subject": [*value["subject"], value["subject"][0]]}


@case("I_VERSION")
def the_predicate_is_of_another_version(one: Case) -> None:
    one.edit = lambda value: {**value, "predicateType": value["predicateType"].replace("/v0", "/v1")}


@case("I_VERSION")
def a_record_is_of_another_version(one: Case) -> None:
    _change_record(one, 5, lambda record: record.update(v="def/1"))


@case("I_PROFILE", twin=lambda one: _profile(one, ["core", "time"]))
def a_profile_nobody_knows(one: Case) -> None:
    _profile(one, ["core", "quantum"])


def _profile(one: Case, names: list[str]) -> None:
    one.edit = lambda value: {**value, "predicate": {**value["predicate"], "profile": names}}


@case("I_TRUST_MISSING")
def no_trust_file(one: Case) -> None:
    one.trusted = False


@case("E_CKPT_FORMAT")
def a_checkpoint_is_no_note(one: Case) -> None:
    one.later("tree/end", b"hello\n")


@case("E_CKPT_EXT")
def a_checkpoint_has_an_extension(one: Case) -> None:
    root = one.forge.frontier(one.size).root()
    text = note.checkpoint_text(one.forge.origin, one.size, root) + b"more\n"
    one.later("tree/end", _signed_text(one, text))


@case("E_CKPT_ORIGIN")
def a_checkpoint_of_another_log(one: Case) -> None:
    root = one.forge.frontier(one.size).root()
    one.later("tree/end", note.sign_checkpoint("other.example/log", one.size, root, one.forge.log_key))


@case("E_CKPT_SIZE")
def a_checkpoint_of_another_size(one: Case) -> None:
    one.later("tree/end", one.forge.checkpoint(one.size - 1))


@case("E_CKPT_SIG")
def a_checkpoint_by_a_stranger(one: Case) -> None:
    one.later("tree/end", one.forge.checkpoint(one.size, LocalKey.generate()))


@case("E_KEY_NOT_VALID_AT_SIZE", twin=lambda one: _bound_log_key(one, valid_until_size=one.size))
def the_log_key_had_ended(one: Case) -> None:
    _bound_log_key(one, valid_until_size=one.size - 1)


@case("E_KEY_COMPROMISED", twin=lambda one: _bound_log_key(one, compromised_from_size=one.size + 1))
def the_log_key_was_compromised(one: Case) -> None:
    _bound_log_key(one, compromised_from_size=one.size)


def _bound_log_key(one: Case, **bounds: int) -> None:
    def edit(document: Any) -> Any:
        next(key for key in document["keys"] if key["role"] == "log").update(bounds)
        return document

    one.trust_edit = edit


@case("E_FRONTIER")
def the_frontier_is_of_another_tree(one: Case) -> None:
    one.start = 5
    one.members[statement.FRONTIER] = b"A" * 43 + b"=\n" + b"B" * 42 + b"A=\n"


@case("E_FRONTIER")
def the_frontier_is_not_base64(one: Case) -> None:
    one.start = 1
    one.members[statement.FRONTIER] = b"?\n"


@case("E_TREE_SIZE")
def the_last_record_is_cut_off(one: Case) -> None:
    one.after.append(lambda bundle: _rewrite(bundle, statement.RECORDS, lambda raw: raw[: raw[:-1].rindex(b"\n") + 1]))


@case("E_ROOT")
def a_record_is_altered(one: Case) -> None:
    one.after.append(
        lambda bundle: _rewrite(bundle, statement.RECORDS, lambda raw: raw.replace(b'"seq":0', b'"seq":1', 1))
    )


@case("E_UTF8")
def a_record_is_not_utf8(one: Case) -> None:
    _raw_line(one, 5, lambda line: line.replace(b'"origin":"', b'"origin":"\xff'))


@case("E_UTF8")
def a_record_escapes_a_lone_surrogate(one: Case) -> None:
    _raw_line(one, 5, lambda line: line.replace(b'"origin":"', b'"origin":"\\ud800'))


@case("E_CANON")
def a_record_has_white_space(one: Case) -> None:
    _raw_line(one, 5, lambda line: line + b" ")


@case("E_NUM")
def a_record_has_a_fraction(one: Case) -> None:
    _raw_line(one, 5, lambda line: line.replace(b'"seq":5', b'"seq":5.0'))


@case("E_KEYNAME")
def a_record_has_an_odd_field(one: Case) -> None:
    _raw_line(one, 5, lambda line: line.replace(b'"origin"', b'"Origin"'))


@case("E_DEPTH")
def a_record_is_too_deep(one: Case) -> None:
    _raw_line(one, 5, lambda line: b"[" * 17 + b"]" * 17)


@case("E_SIZE", twin=lambda one: _raw_line(one, 5, lambda line: line))
def a_record_is_too_long(one: Case) -> None:
    _raw_line(one, 5, lambda line: b'"' + b"x" * 200_000 + b'"')


@case("E_DUP_KEY")
def a_record_has_a_field_twice(one: Case) -> None:
    _raw_line(one, 5, lambda line: line.replace(b'{"', b'{"boot":"00000000","', 1))


@case("E_SCHEMA")
def a_record_has_a_field_more(one: Case) -> None:
    _change_record(one, 5, lambda record: record.update(more=1))


@case("E_ORIGIN")
def a_record_is_of_another_log(one: Case) -> None:
    _change_record(one, 5, lambda record: record.update(origin="other.example/log"))


@case("E_SEQ")
def a_record_has_another_number(one: Case) -> None:
    _change_record(one, 5, lambda record: record.update(seq=6), chained=False)


@case("E_PREV")
def a_record_follows_another(one: Case) -> None:
    _change_record(one, 5, lambda record: record.update(prev="0" * 64), chained=False)


@case("E_TS_ROLLBACK", twin=lambda one: _back_in_time(one, after_clock=True))
def time_goes_back(one: Case) -> None:
    _back_in_time(one, after_clock=False)


def _back_in_time(one: Case, *, after_clock: bool) -> None:
    """One record earlier than the one before it, which is a declared step of the clock or is not."""
    records = _records(one)
    steps = [number for number, record in enumerate(records) if record["typ"] == "sys.clock"]
    at = steps[0] + 1 if after_clock else 5
    records[at]["ts"] = "2026-01-01T00:00:00.000000Z"
    one.forge.lines = rechained(records)


@case("E_MONO")
def the_monotonic_clock_stands_still(one: Case) -> None:
    records = _records(one)
    records[5]["mono_us"] = records[4]["mono_us"]
    records[5]["boot"] = records[4]["boot"]
    one.forge.lines = rechained(records)


@case("E_SRC_GAP")
def a_source_jumps(one: Case) -> None:
    records = _records(one)
    last = max(number for number, record in enumerate(records) if record["src"]["id"] == records[5]["src"]["id"])
    records[last]["src"]["seq"] += 1
    one.forge.lines = rechained(records)


@case("E_AGGREGATE")
def the_statement_counts_wrong(one: Case) -> None:
    one.edit = lambda value: {**value, "predicate": {**value["predicate"], "tail": _other_tail(value)}}


def _other_tail(value: Any) -> str:
    return "closed" if value["predicate"]["tail"] == "open" else "open"


@case("W_TYPE_UNKNOWN")
def a_record_of_a_type_to_come(one: Case) -> None:
    _change_record(one, 5, lambda record: record.update(typ="pef.quantum"))


@case("W_GAP_DECLARED", twin=lambda one: _only(one, 8))
def a_gap_is_declared(one: Case) -> None:
    nothing(one)


@case("W_CLOCK_STEP", twin=lambda one: _only(one, 8))
def a_clock_step_is_declared(one: Case) -> None:
    nothing(one)


@case("W_ERASED", twin=lambda one: _only(one, 6))
def an_erasure_is_declared(one: Case) -> None:
    nothing(one)


def _only(one: Case, end: int) -> None:
    one.end = end
    for name in [name for name in one.members if name.startswith("approvals/")]:
        del one.members[name]


@case("E_APPROVAL_MISSING")
def an_approval_is_used_that_nobody_consumed(one: Case) -> None:
    records = _records(one)
    calls = [record for record in records if record["typ"] == "pef.http_call"]
    calls[1]["appr"] = {"id": "00000000-0000-7000-8000-000000000000", "state": "consumed"}
    one.forge.lines = rechained(records)


def _rewrite(bundle: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    path = bundle / name
    path.write_bytes(change(path.read_bytes()))


def _signed_text(one: Case, text: bytes) -> bytes:
    import base64

    key = one.forge.log_key
    blob = base64.b64encode(note.key_id(one.forge.origin, key.public) + key.sign(text)).decode()
    return text + f"\n— {one.forge.origin} {blob}\n".encode()


@pytest.mark.parametrize("name", CASES)
def test_each_code_is_earned_and_its_twin_is_not(new_case: Callable[[], Case], name: str) -> None:
    code, wrong, twin = CASES[name]
    report, _ = judge(new_case, code, wrong, twin)
    if code.startswith("E_"):
        assert report.verdict == "rejected"


def test_the_sound_case_is_intact_and_says_what_it_holds(new_case: Callable[[], Case]) -> None:
    report = new_case().verify()
    document = report.document()
    assert (document["verdict"], document["first"]) == ("prefix", "P_TAIL_UNANCHORED")
    assert document["approvals"] == {"certificates": 3, "consumed": 3, "operator_asserted": 1, "valid": 3}
    assert document["erased"] == 1
    assert document["exposure_us"] > 0
    assert document["unanchored"] == document["end"]


TRUST: list[tuple[str, Callable[[Any], Any]]] = [
    ("E_TRUST_SIG", lambda document: document | {"more": 1}),
    ("E_TRUST_SIG", lambda document: _with_key(document, 0, keyid="0" * 64)),
    ("E_TRUST_THRESHOLD", lambda document: document | {"threshold": 2}),
    ("E_TRUST_EXPIRED", lambda document: document | {"expires_size": 5}),
    ("E_KEY_ALG", lambda document: _with_key(document, 0, alg="rsa-pkcs1-sha256")),
    ("E_KEY_WEAK", lambda document: _with_key(document, 0, pub="00" * 32)),
    ("E_KEY_DUP", lambda document: document | {"keys": [*document["keys"], document["keys"][0] | {"role": "auditor"}]}),
]


def _with_key(document: Any, number: int, **said: str) -> Any:
    document["keys"][number].update(said)
    return document


@pytest.mark.parametrize(("code", "edit"), TRUST)
def test_a_trust_file_that_must_not_be_used(
    new_case: Callable[[], Case], code: str, edit: Callable[[Any], Any]
) -> None:
    def wrong(one: Case) -> None:
        one.trust_edit = edit

    def twin(one: Case) -> None:
        one.trust_edit = lambda document: document | {"expires_size": one.size}

    report, _ = judge(new_case, code, wrong, twin)
    assert report.document()["first"] == code
    place = report.found[code].places[0]
    assert place.member == "trust file"


def test_a_new_trust_file_is_signed_by_enough_of_the_old_roots(new_case: Callable[[], Case]) -> None:
    root = LocalKey.generate()

    def replaced(one: Case, *signers: Any, version: int = 2) -> bytes:
        def edit(document: Any) -> Any:
            kept = [key for key in document["keys"] if key["role"] != "root"]
            return document | {"version": version, "keys": [*kept, key_entry(root, "root")]}

        return one.forge.trust_file(edit, [root, *signers])

    one = new_case()
    old = one.forge.trust_file()
    for code, new in (
        ("E_TRUST_THRESHOLD", replaced(one)),
        ("E_TRUST_SIG", one.forge.trust_file(lambda document: document | {"version": 1})),
    ):
        again = new_case()
        before = old if code == "E_TRUST_THRESHOLD" else replaced(one, one.forge.root_key, version=3)
        again.give(trust=new, trust_from=before)
        assert code in again.verify().found
    good = new_case()
    good.give(trust=replaced(one, one.forge.root_key), trust_from=old)
    assert good.verify().verdict == "prefix"
    broken = new_case()
    broken.give(trust=old, trust_from=b"{}")
    report = broken.verify()
    assert report.found["E_TRUST_SIG"].places[0].member == "old trust file"


def test_what_a_member_says_after_a_broken_stream_does_not_count(new_case: Callable[[], Case]) -> None:
    """A statement that cannot be read stops what depends on it, and the report says so."""
    one = new_case()
    one.later(statement.STATEMENT, b"x" * (17 << 20))
    document = one.verify().document()
    assert [entry["code"] for entry in document["codes"]] == ["E_ARCHIVE_LIMIT"]
    assert document["skipped"] == ["records"]
    assert document["bundle"] == ""


def test_compact_json_has_one_form() -> None:
    assert strict_json.read(compact({"b": 1, "a": [True, None, "é"]})) == {"a": [True, None, "é"], "b": 1}
    for bad in (b'{"b":1,"a":1}', b"1.0", b"-0", b"9007199254740992", b'{"a":1,"a":1}', b"[1 ]", b'"\\u0041"', b""):
        with pytest.raises(strict_json.StrictJsonError):
            strict_json.read(bad)
    assert strict_json.read(b"[" * 16 + b"]" * 16)
    for deep in (17, 300, 100_000):
        with pytest.raises(strict_json.StrictJsonError):
            strict_json.read(b"[" * deep + b"]" * deep)


def test_an_envelope_needs_its_last_newline() -> None:
    raw = dsse.sign(b"{}", "application/x", [LocalKey.generate()])
    assert dsse.parse(raw, "application/x").payload == b"{}"
    with pytest.raises(dsse.DsseError):
        dsse.parse(raw[:-1], "application/x")


def test_no_code_is_without_a_test() -> None:
    """Each code is named by a test of this room; what each test does with it is its own matter."""
    texts = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    words = set(re.findall(r"[A-Z0-9_]{3,}", texts))  # a table of approvals leaves the beginning of its codes out
    assert [code for code in CODES if not {code, code.removeprefix("E_APPROVAL_")} & words] == []
