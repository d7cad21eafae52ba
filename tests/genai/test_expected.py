"""Whether a policy expects conversations: what a worker loads before any comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clyra_proxy.genai.expected import expects_conversations
from clyra_proxy.policy.models import PolicyDocument

ROWS = {"rules": [{"name": "batch", "paths": ["/batch"], "schema": {"request": "batch.json"}}]}
STRICT = {"egress": "strict"}


def document(*destinations: dict[str, Any], **sections: Any) -> PolicyDocument:
    named = {f"d{number}": {"hosts": ["a.test"], **given} for number, given in enumerate(destinations)}
    return PolicyDocument.model_validate_json(json.dumps({"destinations": named, **sections}))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(document(), True, id="nothing is said, anybody may be called"),
        pytest.param(document(enforcement=STRICT), False, id="nobody may be called"),
        pytest.param(document({}, enforcement=STRICT), True, id="a host of which nothing is said"),
        pytest.param(document({"genai": "off"}), False, id="never read"),
        pytest.param(document({"tls": "passthrough"}), False, id="never opened"),
        pytest.param(document(ROWS), False, id="documents with a schema"),
        pytest.param(document({"schema": {"rows": "row.json"}}), False, id="rows with a schema"),
        pytest.param(document({"activation": "generic-json:/rows"}), False, id="a profile named"),
        pytest.param(document({"hosts": ["api.hubapi.com"]}), False, id="a host of a shipped profile"),
        pytest.param(document({"hosts": ["acme.my.salesforce.com"]}), False, id="below a host of a profile"),
        pytest.param(
            document({"hosts": ["api.hubapi.com", "agents.test"]}), True, id="and one of which nothing is said"
        ),
        pytest.param(document({"hosts": ["api.openai.com"]}), True, id="a provider"),
        pytest.param(document({**ROWS, "hosts": ["*.openai.azure.com"]}), True, id="providers, with a schema"),
        pytest.param(document({**ROWS, "genai": "vllm"}), True, id="a reading declared"),
        pytest.param(document({"genai": "off", "rules": [{"name": "m", "genai": "mcp"}]}), True, id="one for a rule"),
        pytest.param(document(ROWS, {"hosts": ["api.anthropic.com"]}), True, id="one of two"),
        pytest.param(document({}, genai_security={"enabled": False}), False, id="switched off"),
        pytest.param(document({}, enforcement={"mode": "off"}), False, id="no rule runs"),
        pytest.param(document({"modes": {"leak": "enforce"}}, enforcement={"mode": "off"}), True, id="one family runs"),
        pytest.param(document(ROWS, genai_security={"load": "at_start"}), True, id="asked for"),
        pytest.param(document({}, genai_security={"load": "when_needed"}), False, id="not wanted"),
    ],
)
def test_expected(policy: PolicyDocument, expected: bool) -> None:
    assert expects_conversations(policy) is expected
