"""Cedar in process, real: what is wrong is said when a policy is loaded, and an answer names what decided it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.enforcement.engines import cedar
from clyra_proxy.enforcement.engines.answer import Answer, Outcome
from clyra_proxy.enforcement.engines.cedar import CedarEngine
from clyra_proxy.enforcement.engines.cedar_source import statements_of
from clyra_proxy.enforcement.engines.question import Question, RowFacts, example
from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.engines import Cedar
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.services.failure import ServiceFailure
from tests.support.engines.asking import ask, engines, facts, question

POLICIES = """\
// "a comment; with a semicolon"
@id("finance-writes")
permit(principal in Clyra::Group::"finance", action == Clyra::Action::"write", resource);

permit(principal, action == Clyra::Action::"read", resource);

@id("no-deletes; ever") @note("x;y")
forbid(principal, action, resource) when { context has rows && context.rows.operations has delete };

@id("ask-for-many") @clyra("approve")
forbid(principal, action, resource) when { context has rows && context.rows.count > 2 };

@id("no-shell")
forbid(principal, action, resource) when { context has conversation && context.conversation.tools.contains("shell") };
"""
ENTITIES = [
    {"uid": {"type": "Clyra::Group", "id": "finance"}, "attrs": {}, "parents": []},
    {
        "uid": {"type": "Clyra::Agent", "id": "billing"},
        "attrs": {},
        "parents": [{"type": "Clyra::Group", "id": "finance"}],
    },
]
ROWS = RowFacts("generic-json", True, "contacts", 1, {"update": 1})


def engine(folder: Path, text: str = POLICIES, **changes: Any) -> CedarEngine:
    (folder / "rules.cedar").write_text(text)
    (folder / "who.json").write_text(json.dumps(ENTITIES))
    settings = {"name": "rules", "policies": ["rules.cedar"], "entities": "who.json", **changes}
    return CedarEngine(Cedar.model_validate(settings), folder)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (question(), Answer(Outcome.ALLOW)),
        (question("stranger"), Answer(Outcome.DENY, ("no-permit",))),
        (question(proven=False), Answer(Outcome.DENY, ("no-permit",))),
        (question("stranger", proven=False, kind="read"), Answer(Outcome.ALLOW)),
        (question(rows=ROWS), Answer(Outcome.ALLOW)),
        (question(rows=replace(ROWS, count=3)), Answer(Outcome.APPROVE, ("ask-for-many",))),
        (question(rows=replace(ROWS, operations={"delete": 1})), Answer(Outcome.DENY, ("no-permit",))),
    ],
)
def test_decisions_and_what_determined_them(tmp_path: Path, asked: Question, expected: Answer) -> None:
    answer = engine(tmp_path).judge(asked)
    if asked.rows is not None and "delete" in asked.rows.operations:
        assert answer.outcome is Outcome.DENY, "an id that is a sentence is not repeated, and the no stays"
    else:
        assert answer == expected


def test_a_plain_forbid_beside_one_that_asks_is_a_no(tmp_path: Path) -> None:
    talk = example().conversation
    assert talk is not None
    both = question(rows=replace(ROWS, count=9), conversation=replace(talk, tools=("shell",)))
    answer = engine(tmp_path).judge(both)
    assert (answer.outcome, set(answer.reasons)) == (Outcome.DENY, {"ask-for-many", "no-shell"})


def test_a_policy_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    made = engine(tmp_path, "permit(principal, action, resource);\n\nforbid(principal, action, resource);\n")
    assert made.judge(question()).reasons == ("rules.cedar:3",)


def test_a_forbid_that_fails_while_it_is_evaluated_is_no_yes(tmp_path: Path) -> None:
    """Cedar leaves such a policy out, and would say yes."""
    fails = "forbid(principal, action, resource) when { context.time.unix * 9223372036854775807 > 0 };"
    made = engine(tmp_path, "permit(principal, action, resource);\n" + fails)
    assert made.judge(replace(question(), time=example().time)).outcome is Outcome.ALLOW
    later = replace(example().time, unix=2_000_000_000)
    with pytest.raises(ServiceFailure, match="garbage"):
        made.judge(question(time=later))


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("permit(principal, action resource);", "rules.cedar:4", "unexpected token"),
        ("permit(principal, action, resource) when { context.rowz > 1 };", "rules.cedar:4", "rowz"),
        ("permit(principal, action, resource) when { context.rows.count > 1 };", "rules.cedar:4", "rows"),
        ("permit(principal == ?principal, action, resource);", "rules.cedar:4", "templates"),
        ("permit(principal, action, resource)", "rules.cedar:4", "end of input"),
        ('@clyra("maybe") forbid(principal, action, resource);', "rules.cedar:4", "approve"),
        ('@clyra("approve") permit(principal, action, resource);', "rules.cedar:4", "forbid"),
        ('permit(principal == User::"x", action, resource);', "rules.cedar:4", "User"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, place: str, word: str) -> None:
    with pytest.raises(PolicyError) as caught:
        engine(tmp_path, f"permit(principal, action, resource);\n// a comment;\n\n{text}\n")
    said = str(caught.value)
    assert place in said
    assert word in said


@pytest.mark.parametrize(
    ("changes", "files", "word"),
    [
        ({"policies": ["nowhere.cedar"]}, {}, "cannot be read"),
        ({"schema": "own.cedarschema"}, {"own.cedarschema": "entit X;"}, "not a Cedar schema"),
        ({"entities": "own.json"}, {"own.json": '[{"uid": {"type": "User", "id": "x"}}]'}, "entities"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], files: dict[str, str], word: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(PolicyError, match=word):
        engine(tmp_path, **changes)


def test_a_schema_that_does_not_know_the_question_is_refused_at_load(tmp_path: Path) -> None:
    shipped = (policies_folder() / "engines" / "clyra.cedarschema").read_text()
    (tmp_path / "own.cedarschema").write_text(shipped.replace("action_class: String,", ""))
    with pytest.raises(PolicyError, match="does not fit"):
        engine(tmp_path, "permit(principal, action, resource);", schema="own.cedarschema")


def test_values_have_the_types_that_an_own_schema_gives_them(tmp_path: Path) -> None:
    shipped = (policies_folder() / "engines" / "clyra.cedarschema").read_text()
    (tmp_path / "own.cedarschema").write_text(
        shipped.replace("values: {}", 'values: { "/amount"?: decimal, "/to"?: String }')
    )
    limit = """permit(principal, action, resource);
forbid(principal, action, resource)
  when { context.values has "/amount" && context.values["/amount"].greaterThan(decimal("100.0")) };"""
    made = engine(tmp_path, limit, schema="own.cedarschema", values=["/amount", "/to"])
    assert made.judge(question(values={"/amount": 99.99, "/to": "x"})).outcome is Outcome.ALLOW
    assert made.judge(question(values={"/amount": 100.5})).outcome is Outcome.DENY
    assert made.judge(question(values={"/to": None})).outcome is Outcome.ALLOW
    for odd in (1e300, 0.00001, 7, "much"):
        with pytest.raises(ServiceFailure):
            made.judge(question(values={"/amount": odd}))


async def test_large_questions_are_judged_off_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = example().conversation
    assert talk is not None
    large = question(conversation=replace(talk, tools=tuple(f"tool-{number:0200}" for number in range(200))))
    began: list[str] = []

    async def to_thread(work: Any, *arguments: Any) -> Any:
        began.append("thread")
        return work(*arguments)

    monkeypatch.setattr(cedar.asyncio, "to_thread", to_thread)
    made = engine(tmp_path)
    assert (await made.decide(large, 5.0)).outcome is Outcome.ALLOW
    assert (await made.decide(question(), 5.0)).outcome is Outcome.ALLOW
    assert began == ["thread"]


async def test_it_stands_behind_the_same_interface(tmp_path: Path) -> None:
    engine(tmp_path)
    entry = {"name": "rules", "policies": ["rules.cedar"], "entities": "who.json"}
    async with engines(tmp_path, cedar=[entry]) as compiled:
        assert await compiled.probe() == {"rules": "answers"}
        assert facts(await ask(compiled, question("stranger"))) == [("deny", "engine.denied", "block")]
        assert facts(compiled.judge_here(question(), b"", compiled_route())) == [("allow", "", "")]


def compiled_route() -> Any:
    from tests.support.engines.asking import ROUTE

    return ROUTE


names = st.text(max_size=12)


@given(names, names, names, st.booleans(), st.dictionaries(names, st.integers(0, 1 << 40), max_size=2))
def test_no_name_whatever_breaks_a_question(agent: str, host: str, tool: str, proven: bool, operations: Any) -> None:
    """Names come from traffic; only what the schema does not know makes the question unanswerable."""
    talk = example().conversation
    assert talk is not None
    asked = question(agent, proven=proven, conversation=replace(talk, tools=(tool,)))
    asked = replace(asked, destination=replace(asked.destination, name="", host=host))
    rows = replace(ROWS, operations=operations)
    try:
        answer = _SHARED.judge(replace(asked, rows=rows))
    except ServiceFailure:
        assert set(operations) - {"insert", "update", "upsert", "delete", "send", "unknown"}
    else:
        assert answer.outcome is (Outcome.ALLOW if proven and agent == "billing" else Outcome.DENY)


def _shared() -> CedarEngine:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        return engine(Path(folder), 'permit(principal == Clyra::Agent::"billing", action, resource);')


_SHARED = _shared()

pieces = st.sampled_from(["permit(principal, action, resource)", ";", "\n", "// ;\n", '@id("a;\\"b")', " "])


@given(st.lists(pieces, max_size=12).map("".join))
def test_cutting_loses_nothing_and_counts_lines(text: str) -> None:
    found = list(statements_of("f", text))
    lines = text.split("\n")
    for statement in found:
        first = statement.text.split("\n")[0]
        assert lines[statement.line - 1].endswith(first) or first in lines[statement.line - 1]
    assert sum(statement.text.count("permit") for statement in found) == text.count("permit")


def test_the_documented_schema_is_one_that_cedar_reads() -> None:
    text = (policies_folder() / "engines" / "clyra.cedarschema").read_text()
    assert cedarpy.Schema.from_str(text)
