"""What an engine's answer comes to: only a plain yes lets a request go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.enforcement.engines.answer import Outcome, ids_of
from clyra_proxy.enforcement.engines.opa import read_answer
from clyra_proxy.enforcement.engines.openfga import read_allowed
from clyra_proxy.enforcement.engines.question import RowFacts, example
from clyra_proxy.services.failure import ServiceFailure
from clyra_proxy.verdict.model import Mode
from tests.support.engines.asking import ROUTE, ask, engines, facts, opa, openfga, question
from tests.support.engines.server import EngineProcess

ROWS = RowFacts("generic-json", True, "contacts", 1, {"delete": 1})
DENIED = ("deny", "engine.denied", "block")


@pytest.mark.parametrize(
    ("path", "asked", "expected"),
    [
        ("clyra/decision", question(), ("allow", "", "")),
        ("clyra/decision", question(proven=False), DENIED),
        ("clyra/decision", question("other", rows=ROWS), DENIED),
        ("clyra/decision", question(rows=replace(ROWS, count=9)), ("approve", "engine.denied", "approve")),
        ("plain/yes", question(), ("allow", "", "")),
        ("plain/no", question(), DENIED),
        ("plain/proven", question(proven=False), DENIED),
        ("plain/maybe", question(), ("unavailable", "engine.unavailable", "block")),
        ("plain/nowhere", question(), ("unavailable", "engine.unavailable", "block")),
    ],
)
async def test_opa_decides_by_real_rego(
    path: str, asked: Any, expected: tuple[str, ...], server: EngineProcess
) -> None:
    async with engines(opa=[opa(server.url, path)]) as compiled:
        assert facts(await ask(compiled, asked)) == [expected]


async def test_a_no_names_ids_and_no_sentence(server: EngineProcess) -> None:
    async with engines(opa=[opa(server.url, "plain/echo"), opa(server.url, name="two")]) as compiled:
        first, second = await ask(compiled, question("x", rows=ROWS))
    assert first.finding is not None
    assert second.finding is not None
    assert first.finding.detail["reasons"] == "ok-id"
    assert (second.finding.detail["engine"], second.finding.detail["reasons"]) == ("two", "deletes-need-billing")
    assert len(str(second.finding.detail["decision"])) == 36


async def test_a_no_may_ask_for_a_person_and_an_outage_may_only_mark(server: EngineProcess) -> None:
    asking = opa(server.url, "plain/no", on_denied="approve")
    lenient = opa(server.url, "plain/maybe", name="two", on_unavailable="mark")
    async with engines(opa=[asking, lenient]) as compiled:
        told = await ask(compiled, question())
    assert facts(told) == [
        ("deny", "engine.denied", "approve"),
        ("unavailable", "engine.unavailable", "mark"),
    ]
    assert told[0].finding is not None
    assert told[0].finding.holds
    assert told[1].finding is not None
    assert told[1].finding.error


async def test_openfga_asks_about_every_relationship(server: EngineProcess) -> None:
    write = {"user": "agent:{agent}", "relation": "can_{kind}", "object": "destination:{destination}"}
    tool = {"user": "agent:{agent}", "relation": "caller", "object": "tool:{tool}"}
    talk = example().conversation
    assert talk is not None
    invoice = replace(talk, tools=("invoice",))
    both = replace(talk, tools=("invoice", "shell"))
    async with engines(openfga=[openfga(server.url, checks=[write, tool])]) as compiled:
        assert facts(await ask(compiled, question())) == [("allow", "", "")]
        assert facts(await ask(compiled, question("reader"))) == [DENIED]
        assert facts(await ask(compiled, question("reader", kind="read"))) == [("allow", "", "")]
        assert facts(await ask(compiled, question(conversation=invoice))) == [("allow", "", "")]
        (told,) = await ask(compiled, question(conversation=both))
        assert told.finding is not None
        assert told.finding.detail["reasons"] == "caller"


async def test_a_guess_has_no_name_and_a_name_cannot_become_a_userset(server: EngineProcess) -> None:
    async with engines(openfga=[openfga(server.url)]) as compiled:
        for asked in (
            question(proven=False),
            question("*"),
            question("billing#x"),
            question("x agent:billing"),
            question("group:finance#member"),
        ):
            assert facts(await ask(compiled, asked)) == [DENIED]


async def test_contextual_relationships_hold_for_one_question(server: EngineProcess) -> None:
    member = {"user": "agent:{agent}", "relation": "member", "object": "group:{tenant}"}
    asked = question("newcomer")
    finance = replace(asked, caller=replace(asked.caller, tenant="finance"))
    async with engines(openfga=[openfga(server.url, contextual=[member])]) as compiled:
        assert facts(await ask(compiled, finance)) == [("allow", "", "")]
        assert facts(await ask(compiled, replace(asked, caller=replace(asked.caller, tenant="")))) == [DENIED]


async def test_nothing_to_ask_about_is_no_yes(server: EngineProcess) -> None:
    only = {"user": "agent:{agent}", "relation": "caller", "object": "tool:{tool}"}
    async with engines(openfga=[openfga(server.url, checks=[only])]) as compiled:
        (told,) = await ask(compiled, question())
    assert told.finding is not None
    assert told.finding.detail["cause"] == "undefined"


@pytest.mark.parametrize(
    ("changes", "cause"),
    [({"store": "unknown"}, "status"), ({"model": "01K3UNKNOWN000000000000000"}, "status")],
)
async def test_a_store_or_model_that_is_not_there_is_unavailable(
    changes: dict[str, str], cause: str, server: EngineProcess
) -> None:
    async with engines(openfga=[openfga(server.url, **changes)]) as compiled:
        (told,) = await ask(compiled, question())
    assert told.finding is not None
    assert told.finding.detail["cause"] == cause


async def test_values_are_those_that_policy_names(server: EngineProcess) -> None:
    async with engines(opa=[opa(server.url, values=["/amount", "/deep/0"])]) as compiled:
        assert facts(await ask(compiled, question(), b'{"amount": 5, "secret": "x"}')) == [("allow", "", "")]
        assert facts(await ask(compiled, question(), b'{"amount": 5000}')) == [DENIED]
        for odd in (b'{"amount": {"x": 1}}', b'{"amount": 1, "amount": 2}', b"amount=5", b'{"amount": NaN}', None):
            (told,) = await ask(compiled, question(), odd)
            assert told.word == "unavailable", odd


async def test_routes_and_reads_say_who_is_asked(tmp_path: Path) -> None:
    some = opa("http://127.0.0.1:9", routes=["local*"], reads=False)
    async with engines(tmp_path, opa=[some, opa("http://127.0.0.1:9", name="two", routes=["other"])]) as compiled:
        assert [one.settings.name for one in compiled.concerned(ROUTE, "write")] == ["opa"]
        assert compiled.concerned(ROUTE, "read") == ()
        off = replace(ROUTE, modes={"engine.denied": Mode.OFF})
        assert compiled.concerned(off, "write") == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["allow", "approve", "reasons", "result", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(json_values)
def test_only_the_boolean_true_is_a_yes(value: Any) -> None:
    """Whatever OPA answers: a yes has `true`, or `allow: true` without `approve: true`."""
    try:
        answer = read_answer(orjson.dumps({"result": value}))
    except ServiceFailure:
        return
    plain = value is True or (isinstance(value, dict) and value.get("allow") is True and not value.get("approve"))
    assert (answer.outcome is Outcome.ALLOW) == plain


@given(json_values)
def test_only_the_boolean_true_is_allowed(value: Any) -> None:
    try:
        assert read_allowed(orjson.dumps({"allowed": value})) == (value is True)
    except ServiceFailure:
        assert not isinstance(value, bool)


@given(st.binary(max_size=64))
def test_bytes_that_are_no_answer_raise_nothing_else(body: bytes) -> None:
    for read in (read_answer, read_allowed):
        with pytest.raises(ServiceFailure):
            read(body)


@given(st.lists(st.text(max_size=80) | st.integers() | st.none(), max_size=40))
def test_reasons_are_few_short_ids(told: list[Any]) -> None:
    kept = ids_of(told)
    assert len(kept) <= 8
    assert all(len(one) <= 64 and one.isascii() and " " not in one for one in kept)
