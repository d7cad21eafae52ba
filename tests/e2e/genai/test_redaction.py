"""A secret that leaves is taken out on the way: the upstream never sees it, the agent gets its own back."""

from __future__ import annotations

import pytest

from clyra_proxy.genai.rehearsal.samples import fill
from tests.e2e.genai.sdks import CALLS
from tests.support.genai.said import Said
from tests.support.genai.upstream import Delivery, ModelUpstream
from tests.support.proxy import RunningProxy

SECRET = fill("{github}", "redaction")
ASKED = f"Clone with {SECRET} and tell me why it says 403."
TEXTS = {name: call for name, call in CALLS.items() if call.text}
SIGNED = {name for name in CALLS if name.startswith("bedrock")}
"""A signature covers the request: what cannot be changed is refused."""


@pytest.mark.parametrize("name", TEXTS)
def test_a_secret_in_a_prompt_never_leaves(name: str, models: ModelUpstream, through_proxy: RunningProxy) -> None:
    call = CALLS[name]
    if name in SIGNED:
        with pytest.raises(call.error, match=r"leak\.secret"):
            call.ask(models.tls_url, ASKED)
        assert models.arrived(call.path) == []
        return
    text, _ = call.ask(models.tls_url, ASKED)
    assert text == models.said.text
    (asked,) = models.arrived(call.path)
    body = bytes(asked.body)
    assert SECRET.encode() not in body
    assert b"tell me why it says 403." in body, "the rest arrives as it was"
    (line,) = through_proxy.wait_for_verdicts(1, where=lambda line: line["unmapped"]["clyra"]["decision"] == "redact")[
        -1:
    ]
    assert {finding["rule"] for finding in line["unmapped"]["clyra"]["findings"]} == {"leak.secret"}
    assert SECRET not in str(line)


@pytest.mark.parametrize("delivery", [Delivery(), Delivery(cut=1)], ids=["as events", "byte by byte"])
@pytest.mark.parametrize("name", TEXTS)
def test_a_secret_in_an_answer_never_arrives(
    name: str, delivery: Delivery, models: ModelUpstream, through_proxy: RunningProxy
) -> None:
    call = CALLS[name]
    models.said = Said(f"The deploy token is {SECRET} as you can see in the file.", piece=3)
    models.delivery = delivery
    text, _ = call.ask(models.tls_url, "What is in the file?")
    assert SECRET not in text
    assert text.startswith("The deploy token is ")
    assert text.endswith(" as you can see in the file.")


@pytest.mark.parametrize("name", [name for name in TEXTS if name not in SIGNED])
def test_what_was_taken_out_comes_back_to_the_agent_that_sent_it(
    name: str, models: ModelUpstream, through_proxy: RunningProxy
) -> None:
    """The model repeats the placeholder it was given; the agent reads its own secret again."""
    call = CALLS[name]
    call.ask(models.tls_url, ASKED)
    (asked,) = models.arrived(call.path)
    sent = bytes(asked.body).decode()
    start = sent.index("Clone with ") + len("Clone with ")
    placeholder = sent[start : sent.index(" and tell me", start)]
    assert placeholder != SECRET
    models.said = Said(f"Use {placeholder} only once.", piece=4)
    text, _ = call.ask(models.tls_url, "And how often may I use it?")
    assert text == f"Use {SECRET} only once."
