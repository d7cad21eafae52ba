"""Statements of SQL APIs on the wire: their tag, their kind and the query's id in the record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from clyra_proxy.activation.compiled import CompiledActivation
from clyra_proxy.activation.profiles import compile_catalogue
from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.activation.wire.steps import judge_answer, judge_request
from clyra_proxy.evidence.event import SQL
from clyra_proxy.exchange import Exchange, RequestHead, ResponseHead
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.policy.activation import Activation
from clyra_proxy.policy.sql import SqlSafety
from clyra_proxy.verdict.model import Mode
from tests.support.exchanges import exchange

SNOWFLAKE = ("acme.snowflakecomputing.com", "/queries/v1/query-request?requestId=6d2c")
DATABRICKS = ("dbc-1.cloud.databricks.com", "/api/2.0/sql/statements")
TAGGED = Activation(sql=SqlSafety(query_tags=True))


@pytest.fixture
def room() -> Iterator[ScanningRoom]:
    made = ScanningRoom()
    yield made
    made.close()


def judged(
    where: tuple[str, str],
    document: object,
    room: ScanningRoom,
    settings: Activation = TAGGED,
    mode: Mode = Mode.ENFORCE,
) -> tuple[Exchange, ActivationState]:
    made = exchange(host=where[0], path=where[1])
    made.identity = replace(made.identity, agent="etl", run="r7", auth="proxy")
    made.request = RequestHead(((b"content-type", b"application/json"),), "POST", where[1], "HTTP/1.1")
    compiled = CompiledActivation(settings, compile_catalogue(), ())
    profile = compiled.catalogue.recognise(made.request, made.destination)
    assert profile is not None
    endpoint = profile.endpoint(made.request, made.destination)
    assert endpoint is not None
    state = ActivationState(profile.id, endpoint, compiled, mode)
    state.body = json.dumps(document).encode()
    asyncio.run(judge_request(made, state, room))
    return made, state


def test_a_statement_carries_whose_it_is(room: ScanningRoom) -> None:
    made, _ = judged(SNOWFLAKE, {"sqlText": "select 1", "parameters": {"A": 1}}, room)
    sent = json.loads(made.request_rewrite or b"")
    assert sent == {"sqlText": "select 1", "parameters": {"A": 1, "QUERY_TAG": "clyra run=r7 agent=etl"}}
    made, _ = judged(DATABRICKS, {"statement": "select 1", "query_tags": [{"key": "team", "value": "x"}]}, room)
    tags = json.loads(made.request_rewrite or b"")["query_tags"]
    assert tags == [{"key": "team", "value": "x"}, {"key": "clyra_run", "value": "clyra run=r7 agent=etl"}]


@pytest.mark.parametrize(
    ("document", "settings", "mode"),
    [
        ({"sqlText": "select 1"}, Activation(), Mode.ENFORCE),
        ({"sqlText": "select 1"}, TAGGED, Mode.SHADOW),
        ({"sqlText": "select 1", "parameters": {"QUERY_TAG": "mine"}}, TAGGED, Mode.ENFORCE),
        ({"sqlText": "select 1", "parameters": "odd"}, TAGGED, Mode.ENFORCE),
    ],
)
def test_otherwise_it_leaves_as_it_came(document: object, settings: Activation, mode: Mode, room: ScanningRoom) -> None:
    assert judged(SNOWFLAKE, document, room, settings, mode)[0].request_rewrite is None


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("select 1", "select"),
        ("-- a\n/* b * c */ ( DELETE from t", "delete"),
        ("create or replace view v as select 1", "ddl"),
        ("truncate table t", "ddl"),
        ("revoke select on t from r", "grant"),
        ("unload ('x') to 's3://y'", "copy"),
        ("with a as (select 1) select 1", "other"),
        ("", "other"),
        ("/* never closed", "other"),
    ],
)
def test_the_record_has_the_kind_and_the_query(statement: str, kind: str, room: ScanningRoom) -> None:
    made, state = judged(SNOWFLAKE, {"sqlText": statement}, room)
    made.response = ResponseHead(((b"content-type", b"application/json"),), 200, "HTTP/1.1")
    state.answer = b'{"data":{"queryId":"977a7d50-1"},"success":true}'
    asyncio.run(judge_answer(made, state, room))
    assert made.extensions[SQL] == {"kind": kind, "dialect": "snowflake", "query_id": "977a7d50-1"}
