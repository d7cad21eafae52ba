"""What statements do to which tables, for rules that name operations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.sql.effects import effect_of

ANYTHING = "delete insert unknown update upsert"


@pytest.mark.parametrize(
    ("text", "operations", "targets"),
    [
        ("select * from deletes", "", ""),
        ("DELETE FROM crm.users WHERE id = 1", "delete", "crm.users users"),
        ("delete from users u using x where u.a = x.b", "delete", "users"),
        ("with d as (delete from a returning *) insert into b select * from d", "delete insert", "a b"),
        ("select 1; update t set a = 1; ", "update", "t"),
        ("begin; delete from q; commit", "delete", "q"),
        ("TRUNCATE TABLE x", "delete", "x"),
        ("drop table a.b", "delete", "a.b b"),
        ("alter table t drop column c", "delete", None),
        ("create or replace table t as select 1", "delete", "t"),
        ("create table t as select 1", "", ""),
        ("insert overwrite t select 1", "delete insert", "t"),
        ("insert into t values (1)", "insert", "t"),
        ("insert into t values (1) on conflict (id) do update set a = 1", "upsert", "t"),
        ("REPLACE INTO t VALUES (1)", "upsert", None),
        ("copy into t from @stage", "insert", "t"),
        ("merge into t using s on t.id = s.id when matched then update set a = 1", "update upsert", "t"),
        ("merge into t using s on t.id = s.id when matched and s.gone then delete", "delete upsert", "t"),
        ("explain delete from t", "", ""),
        ("explain analyze delete from t", "unknown", ""),
        ("call tidy()", "unknown", ""),
        ("DO $$ begin delete from t; end $$", ANYTHING, None),
        ("exec sp_tidy", "unknown", ""),
        ("show tables", "", ""),
        ("set x = 1", "", ""),
        ("delete from", ANYTHING, ""),
        ("delete from users\x00", ANYTHING, ""),
        ("/*!50000 delete from users */", ANYTHING, ""),
    ],
)
def test_what_a_statement_does(text: str, operations: str, targets: str | None) -> None:
    effect = effect_of([text])
    assert {one.value for one in effect.operations} == set(operations.split())
    if targets is not None:
        assert effect.targets == set(targets.split())


def test_several_texts_and_a_known_dialect() -> None:
    effect = effect_of(["insert into a values (1)", "delete from b where id = 1"], "Snowflake")
    assert effect.operations == {Operation.INSERT, Operation.DELETE}
    assert effect.targets == {"a", "b"}
    assert effect_of([]) == effect_of(["select 1"], "no such dialect")


@given(st.text(max_size=200))
def test_any_text_has_an_effect(text: str) -> None:
    assert effect_of([text]).operations <= frozenset(Operation)
