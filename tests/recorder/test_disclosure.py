"""Disclosures: only what a record committed to counts, in one form, and nothing hostile raises."""

from __future__ import annotations

import base64
import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import disclosure, strict_json
from recorder.disclosure import DisclosureError, body_line, commit_fields, field_line
from recorder.disclosure_check import check_disclosures, facts_of, sd_digest

VALUE, SALT = b'{"iban": "DE00"}', bytes(range(32))
COMMITTED = hmac.digest(SALT, VALUE, "sha256").hex()
FIELDS = commit_fields({"name": "Zoë", "level": 3}, lambda name: sha256(name.encode()).digest())
RECORD: dict[str, Any] = {
    "seq": 9,
    "io": {"req": {"len": 16, "c": COMMITTED}, "res": {"len": 0}},
    "sd": list(FIELDS.digests),
    "data": {"target_c": COMMITTED},
}
FACTS = facts_of(RECORD)
BODY = body_line(RECORD, "req", VALUE, SALT)
NAME = field_line(RECORD, FIELDS.disclosures["name"], "name")


def _changed(line: bytes, **members: Any) -> bytes:
    return strict_json.write({**json.loads(line), **members})


def test_good_lines_count() -> None:
    target = body_line(RECORD, "target", VALUE, SALT)
    raw = b"".join(line + b"\n" for line in (BODY, NAME, target, BODY))
    assert check_disclosures(9, FACTS, raw) == ([], 4)
    assert check_disclosures(9, FACTS, b"") == ([], 0)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (_changed(BODY, value=base64.b64encode(VALUE + b"x").decode()), "E_COMMITMENT"),
        (_changed(BODY, salt="0" * 64), "E_COMMITMENT"),
        (_changed(BODY, field="res"), "E_COMMITMENT"),
        (_changed(BODY, field="trailers"), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, field=["req"]), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, salt="0" * 63), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, salt=7), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, value="AA="), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, value="AB=="), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, value="é"), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, v="def-disclosure/1"), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, kind="sd"), "E_DISCLOSURE_DIGEST"),
        (_changed(BODY, more=1), "E_DISCLOSURE_DIGEST"),
        (_changed(NAME, disclosure="AAAA"), "E_DISCLOSURE_DIGEST"),
        (_changed(NAME, disclosure="A=="), "E_DISCLOSURE_DIGEST"),
        (_changed(NAME, disclosure=None), "E_DISCLOSURE_DIGEST"),
        (BODY.replace(b'","', b'", "', 1), "E_DISCLOSURE_DIGEST"),
        (BODY.replace(b'"kind"', b'"kind":"sd","kind"'), "E_DISCLOSURE_DIGEST"),
        (b"", "E_DISCLOSURE_DIGEST"),
        (b"[]", "E_DISCLOSURE_DIGEST"),
        (b"[" * 100_000, "E_DISCLOSURE_DIGEST"),
    ],
)
def test_a_bad_line_has_its_code_and_spoils_no_other(line: bytes, code: str) -> None:
    findings, good = check_disclosures(9, FACTS, NAME + b"\n" + line + b"\n" + BODY + b"\n")
    assert ([one.code for one in findings], good) == ([code], 2)
    assert (findings[0].seq, findings[0].member) == (9, "disclosures/9.jsonl")


def test_what_is_about_no_record_or_has_no_end() -> None:
    assert [one.code for one in check_disclosures(9, None, BODY + b"\n")[0]] == ["E_DISCLOSURE_DIGEST"]
    findings, good = check_disclosures(9, FACTS, BODY + b"\n" + BODY)
    assert ([one.code for one in findings], good) == (["E_DISCLOSURE_DIGEST"], 1)


@pytest.mark.parametrize("odd", [7, None, "ä", ["x"], {"a": 1}])
def test_a_commitment_of_an_unknown_type_may_be_anything(odd: Any) -> None:
    facts = facts_of({**RECORD, "data": {"target_c": odd}})
    line = _changed(BODY, field="target")
    assert [one.code for one in check_disclosures(9, facts, line + b"\n")[0]] == ["E_COMMITMENT"]


@given(st.binary(max_size=200))
def test_nothing_hostile_raises(raw: bytes) -> None:
    check_disclosures(9, FACTS, raw)
    check_disclosures(9, {}, BODY + raw + b"\n")


def test_fields_follow_rfc_9901_and_hide_among_decoys() -> None:
    assert len(FIELDS.digests) == 8
    assert list(FIELDS.digests) == sorted(FIELDS.digests)
    text = FIELDS.disclosures["name"]
    salt, name, value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert (name, value) == ("name", "Zoë")
    assert len(base64.urlsafe_b64decode(salt + "==")) == 16
    assert {sd_digest(shown) for shown in FIELDS.disclosures.values()} < set(FIELDS.digests)
    again = commit_fields({"name": "Zoë"}, lambda name: sha256(name.encode()).digest())
    assert again.disclosures["name"] == text
    assert len(set(again.digests) & set(FIELDS.digests)) == 1  # decoys are fresh


def test_the_example_of_the_standard() -> None:
    """RFC 9901, section 4.2.3: the digest of the disclosure of `family_name`."""
    shown = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert sd_digest(shown) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"


def test_only_what_was_committed_to_is_made() -> None:
    for field, value in (("req", b"x"), ("res", VALUE)):
        with pytest.raises(DisclosureError):
            body_line(RECORD, field, value, SALT)
    with pytest.raises(DisclosureError):
        field_line(RECORD, disclosure.field_disclosure("name", "Zoe", lambda _: SALT), "name")
