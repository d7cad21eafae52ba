"""What single rows may not do: fields, tenants, schemas; and when nothing may be written."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.activation.model import Operation
from clyra_proxy.errors import SchemaError
from tests.activation.rows.support import inspector, limits, people, rules, told, written


@pytest.mark.parametrize(
    ("lists", "record", "bad"),
    [
        ("deny: [ssn]", {"ssn": "1"}, True),
        ("deny: [ssn]", {"SSN": "1"}, True),
        ("deny: [ssn]", {"ｓｓｎ": "1"}, True),
        ("deny: [ssn]", {"properties": {"ssn": "1"}}, True),
        ("deny: [ssn]", {"a": [{"b": {"Ssn": None}}]}, True),
        ("deny: [ssn]", {"ssn_last4": "1"}, False),
        ("deny: ['*password*']", {"user_password_hash": "x"}, True),
        ("deny: ['billing.*']", {"billing": {"iban": "x"}}, True),
        ("deny: ['billing.*']", {"billing": "x"}, False),
        ("deny: ['billing.*']", {"billing.iban": "x"}, True),
        ("allow: [id, email]", {"id": "1", "email": "e"}, False),
        ("allow: [id, email]", {"id": "1", "phone": "e"}, True),
        ("allow: [id, email]", {"id": "1", "Email": "e"}, True),
        ("allow: [id, address]", {"id": "1", "address": {"city": "x", "zip": [1]}}, False),
        ("allow: [id, address.city]", {"id": "1", "address": {"city": "x"}}, False),
        ("allow: [id, address.city]", {"id": "1", "address": {"city": "x", "zip": "y"}}, True),
        ("allow: ['custom_*'], deny: [custom_secret]", {"custom_a": 1}, False),
        ("allow: ['custom_*'], deny: [custom_secret]", {"custom_secret": 1}, True),
    ],
)
def test_fields(lists: str, record: dict[str, Any], bad: bool) -> None:
    judge = inspector(limits(f"rules: [{{name: r, fields: {{{lists}}}}}]"))
    found = told(judge.inspect(written([{}, record, {}])))
    assert found == ([("rows.field", "", (1,))] if bad else [])


def test_fields_of_many_rows_are_told_by_field() -> None:
    judge = inspector(limits("rules: [{name: r, fields: {deny: [ssn, iban]}}]"))
    records = [{"id": 1}, {"id": 2, "ssn": 1}, {"id": 3, "iban": 1}, {"id": 4, "ssn": 2}]
    found = {str(one.detail["field"]): one.rows for one in judge.inspect(written(records))}
    assert found == {"ssn": (1, 3), "iban": (2,)}


def test_rules_of_one_target_hold_for_its_rows_of_a_batch_for_several() -> None:
    judge = inspector(
        limits("rules: [{name: a, targets: [account], fields: {}}, {name: c, targets: [contact], fields: {deny: [s]}}]")
    )
    asked = written([{"s": 1}, {"s": 1}, {"s": 1}], target="Account,Contact")
    several = replace(asked.batch, targets=("Account", "Contact", "Account"))
    assert told(judge.inspect(replace(asked, batch=several))) == [("rows.field", "", (1,))]


def test_deep_nesting_is_bounded() -> None:
    nested: Any = {"ssn": 1}
    for _ in range(5000):
        nested = {"a": nested}
    judge = inspector(limits("rules: [{name: r, fields: {deny: [ssn]}}]"))
    assert rules(judge.inspect(written([{"top": nested}]))) == ["rows.field"]


@pytest.mark.parametrize(
    ("fence", "record", "kind"),
    [
        ("field: tenant", {"tenant": "acme"}, ""),
        ("field: tenant", {"tenant": "umbrella"}, "foreign"),
        ("field: tenant", {"tenant": "ACME"}, "foreign"),
        ("field: tenant", {"tenant": " acme"}, "foreign"),
        ("field: tenant", {"tenant": ["acme"]}, "foreign"),
        ("field: tenant", {"tenant": True}, "foreign"),
        ("field: tenant", {"tenant": None}, "missing"),
        ("field: tenant", {}, "missing"),
        ("field: tenant, missing: allow", {}, ""),
        ("field: tenant, missing: allow", {"tenant": "x"}, "foreign"),
        ("field: org.id, tenants: ['42']", {"org": {"id": 42}}, ""),
        ("field: org.id, tenants: ['42']", {"org.id": "42"}, ""),
        ("field: org.id, tenants: ['42']", {"org": {"id": 43}}, "foreign"),
        ("field: tenant, tenants: [a, b]", {"tenant": "b"}, ""),
        ("field: tenant, tenants: [a, b]", {"tenant": "acme"}, "foreign"),
    ],
)
def test_tenants(fence: str, record: dict[str, Any], kind: str) -> None:
    judge = inspector(limits(f"rules: [{{name: r, tenant: {{{fence}}}}}]"))
    assert told(judge.inspect(written([record]))) == ([("rows.tenant", kind, (0,))] if kind else [])


def test_a_caller_without_tenant_may_write_for_none() -> None:
    judge = inspector(limits("rules: [{name: r, tenant: {field: tenant}}]"))
    assert told(judge.inspect(written([{"tenant": ""}, {"tenant": "acme"}], tenant=""))) == [
        ("rows.tenant", "foreign", (1,)),
        ("rows.tenant", "missing", (0,)),
    ]


def test_row_schema(tmp_path: Path) -> None:
    (tmp_path / "row.json").write_text(
        '{"type": "object", "properties": {"id": {"type": "string"}, "age": {"minimum": 0}}, "required": ["id"]}'
    )
    judge = inspector(limits("rules: [{name: r, row_schema: row.json}]"), base_dir=tmp_path)
    found = list(judge.inspect(written([{"id": "a"}, {"id": 7}, {"age": 1}, {"id": "b", "age": -1}])))
    assert [(one.rule, one.rows, one.path, one.detail["keyword"]) for one in found] == [
        ("rows.invalid", (1,), "/id", "type"),
        ("rows.invalid", (2,), "", "required"),
        ("rows.invalid", (3,), "/age", "minimum"),
    ]
    with pytest.raises(SchemaError):
        inspector(limits("rules: [{name: r, row_schema: none.json}]"), base_dir=tmp_path)


def _at(text: str, zone: str = "Europe/Berlin") -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


HOURS = """
rules:
- name: office
  hours:
    zone: Europe/Berlin
    open:
    - {days: [mon, tue, wed, thu, fri], start: "08:00", end: "18:00"}
    - {days: [sat], start: "22:00", end: "02:00"}
    holidays: ["2026-12-25"]
    freezes:
    - {name: year-end, start: "2026-12-28", end: "2026-12-30"}
    - {name: f2, start: "2026-11-19T12:00", end: "2026-11-19T13:00"}
"""


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        ("2026-11-18T08:00:00", ""),
        ("2026-11-18T17:59:59", ""),
        ("2026-11-18T18:00:00", "hours"),
        ("2026-11-18T07:59:59", "hours"),
        ("2026-11-21T12:00:00", "hours"),
        ("2026-11-21T23:00:00", ""),
        ("2026-11-22T01:59:00", ""),
        ("2026-11-22T02:00:00", "hours"),
        ("2026-12-25T10:00:00", "holiday"),
        ("2026-12-28T10:00:00", "freeze"),
        ("2026-12-30T10:00:00", "freeze"),
        ("2026-12-31T10:00:00", ""),
        ("2026-11-19T11:59:00", ""),
        ("2026-11-19T12:00:00", "freeze"),
        ("2026-11-19T13:00:00", ""),
        ("2026-07-15T08:30:00", ""),  # summer time
    ],
)
def test_hours(moment: str, kind: str) -> None:
    judge = inspector(limits(HOURS))
    expected = [("rows.window", kind, ())] if kind else []
    assert told(judge.inspect(written(people(1), now=_at(moment)))) == expected


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [  # in UTC; Berlin's clock goes from 03:00 back to 02:00 at 01:00, and forward to 03:00 on the other day
        ("2026-10-24T23:59:59", False),
        ("2026-10-25T00:00:00", True),
        ("2026-10-25T00:40:00", True),  # the first 02:40, after the first end
        ("2026-10-25T01:10:00", True),
        ("2026-10-25T01:29:59", True),
        ("2026-10-25T01:30:00", False),
        ("2027-03-28T00:29:59", False),
        ("2027-03-28T01:00:00", True),
        ("2027-03-28T01:59:59", True),
        ("2027-03-28T02:00:00", False),
    ],
)
def test_a_freeze_has_no_break_where_the_clock_is_changed(moment: str, frozen: bool) -> None:
    freezes = """
rules:
- name: nights
  hours:
    zone: Europe/Berlin
    freezes:
    - {name: back, start: "2026-10-25T02:00", end: "2026-10-25T02:30"}
    - {name: forward, start: "2027-03-28T02:30", end: "2027-03-28T04:00"}
"""
    judge = inspector(limits(freezes))
    expected = [("rows.window", "freeze", ())] if frozen else []
    assert told(judge.inspect(written(people(1), now=_at(moment, "UTC")))) == expected


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=200)
@given(
    st.lists(st.dictionaries(st.text(max_size=6), _VALUES, max_size=5), max_size=12),
    st.sampled_from(list(Operation)),
    st.binary(max_size=40),
)
def test_whatever_rows_hold_they_are_judged(records: list[dict[str, Any]], operation: Operation, body: bytes) -> None:
    text = (
        "default: {deletes: {}, nulls: {minimum: 1}, distribution: {minimum: 20}, idempotency: {}, table_rows: 10, "
        "share: 0.5, tenant: {field: t}, fields: {allow: [a], deny: [b]}, velocity: {rows_per_s: 3}}"
    )
    judge = inspector(limits(text))
    for exchange in ("a", "b"):
        inspection = written(records, operation=operation, exchange=exchange, body=body)
        for one in judge.inspect(inspection):
            assert set(one.rows) <= set(range(len(records)))
        judge.settle(inspection, frozenset(range(len(records))), 200, body)
