"""Which payloads are kept for a person to approve: also one that only its body shows to be a call of a tool."""

from __future__ import annotations

import pytest

from clyra_proxy.approvals.classification import compile_approvals
from clyra_proxy.approvals.payload import KEY, PayloadCheck, payload_of
from clyra_proxy.checks import EVERYTHING
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire.watching import KEY as WATCHED
from clyra_proxy.policy.approvals import Approvals
from clyra_proxy.verdict.model import Phase
from tests.support.exchanges import exchange

CHECK = PayloadCheck(lambda: compile_approvals(Approvals()))


def watched(*keys: str) -> Exchange:
    made = exchange()
    made.extensions.update(dict.fromkeys(keys, True))
    return made


@pytest.mark.parametrize("keys", [(), ("other",)])
def test_nobody_can_ask_about_a_body_that_nobody_reads(keys: tuple[str, ...]) -> None:
    assert CHECK.open(watched(*keys), Phase.REQUEST_BODY) is None


@pytest.mark.parametrize("key", ["activation", "genai", "engines"])
def test_what_a_check_reads_is_kept(key: str) -> None:
    made = watched(key)
    session = CHECK.open(made, Phase.REQUEST_BODY)
    assert session is not None
    assert (session.feed(b"ab"), session.feed(b"c"), session.finish()) == (0, 0, EVERYTHING)
    assert payload_of(made) == b"abc"


def test_a_watched_body_that_becomes_a_conversation_is_kept_whole() -> None:
    made = watched(WATCHED)
    session = CHECK.open(made, Phase.REQUEST_BODY)
    assert session is not None
    assert session.feed(b"ab") == 0
    del made.extensions[WATCHED]
    made.extensions["genai"] = object()
    assert session.feed(b"c") == 0
    assert KEY not in made.extensions
    session.finish()
    assert payload_of(made) == b"abc"


def test_a_watched_body_that_is_none_is_let_go_and_forgotten() -> None:
    made = watched(WATCHED)
    session = CHECK.open(made, Phase.REQUEST_BODY)
    assert session is not None
    session.feed(b"ab")
    del made.extensions[WATCHED]
    assert (session.feed(b"c"), session.finish()) == (EVERYTHING, EVERYTHING)
    assert payload_of(made) is None
