"""SQL in tool calls, through the running proxy: in a model's answer, whole and streamed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.genai.said import Said, Use
from tests.support.genai.upstream import ModelUpstream
from tests.support.proxy import RunningProxy


def _ask(proxy: RunningProxy, models: ModelUpstream, **members: Any) -> httpx.Response:
    body = {"model": "fake-model-1", "messages": [{"role": "user", "content": "Tidy up."}], **members}
    url = f"{models.tls_url}/v1/chat/completions"
    return httpx.post(url, json=body, proxy=proxy.url, verify=proxy.trust(), timeout=60)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("DELETE FROM users WHERE id = 7", ""),
        ("DELETE FROM users WHERE id = id", "sql.mass_write"),
        ("DROP TABLE users", "sql.definition"),
    ],
)
def test_statements_of_tool_calls(
    genai_proxy: RunningProxy, models: ModelUpstream, statement: str, rule: str, stream: bool
) -> None:
    genai_proxy.begin_anew()
    models.said = Said("", uses=(Use("run_sql", {"sql": statement}),))
    answer = _ask(genai_proxy, models, stream=stream)
    (line,) = genai_proxy.wait_for_verdicts(1, seconds=60)
    found = {finding["rule"] for finding in line["unmapped"]["clyra"].get("findings", [])}
    assert {one for one in found if one.startswith("sql.")} == ({rule} if rule else set())
    if rule:
        assert statement not in answer.text
    else:
        assert answer.status_code == 200
        assert "run_sql" in answer.text
