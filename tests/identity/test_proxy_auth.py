"""Credentials are read strictly and compared against salted hashes."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.identity.proxy_auth import Credentials, new_token, read_credentials, verifies
from clyra_proxy.policy.receiving import Agent

TOKEN, DIGEST = new_token()
AGENTS = {"crm-agent": Agent(token=DIGEST, tenant="acme")}


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (basic("crm-agent:t"), Credentials("crm-agent", "", "t")),
        (basic("crm-agent+run-7:t"), Credentials("crm-agent", "run-7", "t")),
        (basic("crm-agent:t:with:colons"), Credentials("crm-agent", "", "t:with:colons")),
        (basic("crm-agent:"), Credentials("crm-agent", "", "")),
        (basic("crm-agent:t").replace("Basic", "bAsIc"), Credentials("crm-agent", "", "t")),
        ("Bearer abc", None),
        ("Basic", None),
        ("Basic !!!", None),
        ("Basic " + b64encode(b"\xff\xfe:x").decode(), None),
        (basic("no colon"), None),
        (basic(":t"), None),
        (basic("a b:t"), None),
        (basic("agent+:t"), None),
        (basic("agent+a b:t"), None),
        (basic("a" * 65 + ":t"), None),
        (basic("a:" + "t" * 5000), None),
        ("", None),
    ],
)
def test_reading(value: str, expected: Credentials | None) -> None:
    assert read_credentials(value) == expected


def test_only_the_right_token_of_a_known_agent_verifies() -> None:
    assert verifies(Credentials("crm-agent", "", TOKEN), AGENTS)
    assert verifies(Credentials("crm-agent", "run", TOKEN), AGENTS)
    assert not verifies(Credentials("crm-agent", "", TOKEN + "x"), AGENTS)
    assert not verifies(Credentials("crm-agent", "", ""), AGENTS)
    assert not verifies(Credentials("other", "", TOKEN), AGENTS)
    assert not verifies(Credentials("other", "", ""), {})


def test_tokens_are_new_each_time_and_salted() -> None:
    other_token, other_digest = new_token()
    assert len(TOKEN) >= 43
    assert other_token != TOKEN
    assert DIGEST.split("$")[1] != other_digest.split("$")[1]
    assert TOKEN not in DIGEST
    assert Agent(token=other_digest).token == other_digest


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: "Basic " + b64encode(raw).decode()))
def test_any_field_is_read_or_refused(value: str) -> Any:
    credentials = read_credentials(value)
    assert credentials is None or credentials.agent
