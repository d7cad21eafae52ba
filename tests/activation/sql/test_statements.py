"""Hostile and benign statements of many dialects, and what policy changes about them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from clyra_proxy.activation.sql.fingerprints import fingerprint, form_of
from clyra_proxy.activation.sql.parsing import tokens_of
from clyra_proxy.errors import PolicyError
from tests.activation.sql.support import judge, signals, table, told, where

HOSTILE = table("hostile.txt", 3)
BENIGN = table("benign.txt", 2)
JUDGE = judge()


def test_the_tables_are_as_large_as_they_should_be() -> None:
    assert len(HOSTILE) >= 250
    assert len(BENIGN) >= 200


@pytest.mark.parametrize(("dialect", "rule", "statement"), HOSTILE)
def test_hostile(dialect: str, rule: str, statement: str) -> None:
    found = {one.rule for one in JUDGE.judge([statement], dialect, where())}
    assert found if rule == "any" else rule in found


@pytest.mark.parametrize(("dialect", "statement"), BENIGN)
def test_benign(dialect: str, statement: str) -> None:
    assert list(JUDGE.judge([statement], dialect, where())) == []


@pytest.mark.parametrize(("dialect", "rule", "statement"), HOSTILE[::4])
def test_hostile_in_a_dialect_that_nobody_knows(dialect: str, rule: str, statement: str) -> None:
    assert list(JUDGE.judge([statement], "", where()))


def test_findings_carry_no_text_of_the_statement() -> None:
    (found,) = signals("DELETE FROM payroll WHERE 'secret-value' = 'secret-value'")
    assert "payroll" not in repr(found)
    assert "secret" not in repr(found)
    assert set(found.detail) == {"kind", "statement", "fingerprint"}


def test_every_statement_of_a_call_is_judged() -> None:
    found = list(JUDGE.judge(["SELECT 1", "DROP TABLE a"], "postgres", where()))
    assert [(one.rule, one.detail.get("statement")) for one in found] == [("sql.definition", 1), ("sql.multiple", None)]
    assert told("SELECT 1; SELECT 2", text="statements: 2") == []


DBT = """
permissions:
- {name: dbt, agents: [dbt], rules: [sql.definition, sql.truncate, sql.grant], objects: ["db1.s1.*"]}
"""


@pytest.mark.parametrize(
    ("statement", "agent", "expected"),
    [
        ("create or replace view DB1.S1.m as (select 1 as id)", "dbt", []),
        ("create or replace transient table DB1.S1.m as (select 1 as id)", "dbt", []),
        ('create table "DB1"."S1"."m" (a int)', "dbt", []),
        ("create schema if not exists DB1.S1", "dbt", []),
        ("drop view if exists DB1.S1.m cascade", "dbt", []),
        ("truncate table DB1.S1.seed", "dbt", []),
        ("grant select on table DB1.S1.m to role reader", "dbt", []),
        ("alter table DB1.S1.m__tmp rename to DB1.S1.m", "dbt", []),
        ("create or replace view DB1.S1.m as (select 1 as id)", "agent", [("sql.definition", "create")]),
        ("create or replace view DB1.OTHER.m as (select 1 as id)", "dbt", [("sql.definition", "create")]),
        ("drop table DB1.S1.m, DB1.OTHER.x", "dbt", [("sql.definition", "drop")]),
        ("alter table DB1.S1.m rename to DB2.X.m", "dbt", [("sql.definition", "alter")]),
        ("delete from DB1.S1.m", "dbt", [("sql.mass_write", "delete")]),
        ("drop schema DB1", "dbt", [("sql.definition", "drop")]),
        ("create user x", "dbt", [("sql.grant", "create_user")]),
    ],
)
def test_permissions(statement: str, agent: str, expected: list[tuple[str, str]]) -> None:
    assert told(statement, "snowflake", DBT, agent=agent) == expected


def test_a_permission_for_everything_covers_what_has_no_name() -> None:
    text = 'permissions: [{name: admin, rules: [sql.grant], objects: ["*"]}]'
    assert told("create user x", "postgres", text) == []


@pytest.mark.parametrize(
    ("statement", "passes"),
    [
        ("VACUUM (ANALYZE) app.t", True),
        ("vacuum  ( analyze ) /* x */ APP.T;", True),
        ("VACUUM (ANALYZE) app.other", False),
        ("VACUUM (FULL) app.t", False),
        ("CALL nightly(7)", True),
        ("CALL nightly('7')", True),
        ("CALL nightly(7, 8)", False),
        ("CALL other(7)", False),
        ("VACUUM (ANALYZE) app.t; DROP TABLE app.t", False),
    ],
)
def test_maintenance(statement: str, passes: bool) -> None:
    text = (
        "maintenance:\n- {name: vacuum, statement: VACUUM (ANALYZE) app.t}\n"
        "- {name: nightly, statement: CALL nightly(?), agents: [dbt]}\n"
    )
    assert (told(statement, "postgres", text) == []) is passes
    if "nightly" in statement:
        assert told(statement, "postgres", text, agent="other") != []


def test_maintenance_by_the_fingerprint_of_a_finding() -> None:
    (found,) = signals("OPTIMIZE main.s.t ZORDER BY (a)", "databricks")
    text = f"maintenance: [{{name: optimize, fingerprint: {found.detail['fingerprint']}}}]"
    assert told("optimize main.s.t zorder by (a)", "databricks", text) == []
    assert told("OPTIMIZE main.s.t ZORDER BY (b)", "databricks", text) != []


def test_maintenance_must_say_something() -> None:
    with pytest.raises(PolicyError):
        judge("maintenance: [{name: nothing, statement: '-- nothing'}]")


SIZES = "table_sizes: {users: 90000, app.small: 20}\nsmall_tables: 100\nlargest_write: 5000\n"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM users WHERE id = 1", []),
        ("DELETE FROM users WHERE score >= 100", [("sql.rows", "delete")]),
        ("DELETE FROM public.users WHERE created_at < now()", [("sql.rows", "delete")]),
        ("DELETE FROM users", [("sql.mass_write", "delete")]),
        ("DELETE FROM app.small", []),
        ("DELETE FROM unknown WHERE score >= 100", []),
        ("DELETE FROM app.small WHERE score >= 100", []),
    ],
)
def test_estimates(statement: str, expected: list[tuple[str, str]]) -> None:
    assert told(statement, "postgres", SIZES) == expected


KEYS = "keys: {users: [id, uuid], 'app.*': [tenant_id]}\n"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE users SET a = 1 WHERE id = 1", []),
        ("UPDATE users SET a = 1 WHERE UUID IN ('a', 'b')", []),
        ("UPDATE users SET a = 1 WHERE active = true", [("sql.mass_write", "update_without_key")]),
        ("UPDATE users SET id = 1 WHERE name = 'x'", [("sql.mass_write", "update_without_key")]),
        ("UPDATE users SET a = 1 WHERE id > 7", [("sql.mass_write", "update_without_key")]),
        ("UPDATE users SET a = 1 FROM s WHERE users.id = s.id", []),
        ("UPDATE users SET a = 1 FROM s WHERE users.name = s.name", [("sql.mass_write", "update_without_key")]),
        ("DELETE FROM app.orders WHERE tenant_id = 4 AND state = 'x'", []),
        ("DELETE FROM app.orders WHERE state = 'x'", [("sql.mass_write", "delete_without_key")]),
        ("DELETE FROM other WHERE state = 'x'", []),
    ],
)
def test_keys(statement: str, expected: list[tuple[str, str]]) -> None:
    assert told(statement, "postgres", KEYS) == expected


@pytest.mark.parametrize(
    ("setting", "on_match", "conditional"), [("allow", [], []), ("conditional", ["x"], []), ("deny", ["x"], ["x"])]
)
def test_merge_that_deletes(setting: str, on_match: list[str], conditional: list[str]) -> None:
    text = f"merge_delete: {setting}"
    merge = "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED %s THEN DELETE"
    assert bool(told(merge % "", "snowflake", text)) is bool(on_match)
    assert bool(told(merge % "AND s.gone", "snowflake", text)) is bool(conditional)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT " + "(" * 5000 + "1" + ")" * 5000, "nesting"),
        ("SELECT " + "(" * 5000, "nesting"),
        ("SELECT " + "case when 1 then " * 3000 + "1" + " end" * 3000, "nesting"),
        ("SELECT " + "NOT " * 100_000 + "a", "nesting"),
        ("SELECT a" + "[1]" * 50_000, "nesting"),
        ("SELECT " + "- " * 100_000 + "1", "nesting"),
        ("EXPLAIN " + "(" * 5000, "nesting"),
        ("SELECT '" + "x" * 600_000 + "'", "size"),
        ("SELECT 'é" + "é" * 300_000 + "'", "size"),
        ("SELECT 1\x00; DROP TABLE users", "encoding"),
        ("SELECT '\ud800'", "encoding"),
        ("SELECT 'unterminated", "syntax"),
    ],
)
def test_bounds_hold_before_parsing(statement: str, kind: str) -> None:
    assert ("sql.opaque", kind) in told(statement)


def test_long_but_plain_statements_pass() -> None:
    values = ", ".join(f"({n}, 'name {n}', {n}.5)" for n in range(2000))
    assert told(f"INSERT INTO t (id, name, price) VALUES {values}") == []
    assert told("SELECT * FROM t WHERE " + " OR ".join(f"id = {n}" for n in range(2000))) == []
    assert told("DELETE FROM t WHERE " + " OR ".join(f"id = {n}" for n in range(500))) == []
    assert told("DELETE FROM t WHERE " + " AND ".join(f"a{n} = {n}" for n in range(500))) == []


def test_fingerprints_tell_statements_apart() -> None:
    def of(text: str) -> str:
        return fingerprint(form_of(tokens_of(text, "postgres")))

    assert of("select  1 -- x") == of("SELECT /* y */ 1;")
    assert of("select 1") != of("select 2")
    assert of("select 'a'") != of('select "a"')
    assert of('select "A"') != of('select "a"')
    assert of("select 'A'") != of("select 'a'")


_WORDS = (
    "DELETE FROM users WHERE id = 1 OR true AND NOT ( ) , ; ' \" -- /* */ $$ SELECT UPDATE t SET a IN EXISTS CASE WHEN "
    "THEN END MERGE USING ON LIKE '%' [ ] { } :: @ # \\ \u00e9 \x00 WITH x AS INSERT VALUES BETWEEN IS NULL * . : ? %s"
)
_PIECES = st.sampled_from(re.split(" ", _WORDS))


@hypothesis_settings(max_examples=300)
@given(
    st.one_of(st.lists(_PIECES, max_size=25).map(" ".join), st.text(max_size=60)),
    st.sampled_from(["postgres", "snowflake", "mysql", "tsql", "bigquery", ""]),
)
def test_whatever_is_sent_is_judged(statement: str, dialect: str) -> None:
    found = list(JUDGE.judge([statement], dialect, where()))
    assert found == list(JUDGE.judge([statement], dialect, where()))


@hypothesis_settings(max_examples=150)
@given(
    st.sampled_from(["1=1", "true", "id = id", "id IS NOT NULL", "name LIKE '%'", "2 > 1", "id <> -1", "NOT false"]),
    st.lists(st.sampled_from(["id = 7", "name = 'x'", "id > 3", "a IS NULL", "id IN (1, 2)"]), max_size=3),
    st.randoms(use_true_random=False),
)
def test_a_tautology_under_or_is_found_wherever_it_stands(always: str, others: list[str], random: object) -> None:
    parts = [always, *others]
    random.shuffle(parts)  # type: ignore[attr-defined]
    assert told(f"DELETE FROM t WHERE {' OR '.join(f'({part})' for part in parts)}") == [("sql.mass_write", "delete")]
    keyed = " AND ".join(f"({part})" for part in [*parts, "id = 9"])
    assert told(f"DELETE FROM t WHERE {keyed}") == []
