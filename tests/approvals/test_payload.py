"""Which payloads are kept for a person to approve: also one that only its body shows to be a call of a tool."""

from __future__ import annotations

import gc
import weakref

import pytest

from clyra_proxy.approvals.classification import compile_approvals
from clyra_proxy.approvals.payload import PayloadCheck, keep, payload_of
from clyra_proxy.checks import EVERYTHING, BodySession
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire.watching import MOST_BYTES, WatchingSession
from clyra_proxy.policy.approvals import Approvals
from clyra_proxy.verdict.model import Mode, Phase
from tests.support.exchanges import exchange

CHECK = PayloadCheck(lambda: compile_approvals(Approvals()))


def read_by(*keys: str) -> Exchange:
    made = exchange()
    made.extensions.update(dict.fromkeys(keys, True))
    return made


@pytest.mark.parametrize("keys", [(), ("other",)])
def test_nobody_can_ask_about_a_body_that_nobody_reads(keys: tuple[str, ...]) -> None:
    assert CHECK.open(read_by(*keys), Phase.REQUEST_BODY) is None


@pytest.mark.parametrize("key", ["activation", "genai", "engines"])
def test_what_a_check_reads_is_kept(key: str) -> None:
    made = read_by(key)
    session = CHECK.open(made, Phase.REQUEST_BODY)
    assert session is not None
    assert (session.feed(b"ab"), session.feed(b"c"), session.finish()) == (0, 0, EVERYTHING)
    assert payload_of(made) == b"abc"


def test_a_kept_payload_goes_with_its_exchange_and_waits_for_no_collector() -> None:
    made = read_by("activation")
    session = CHECK.open(made, Phase.REQUEST_BODY)
    made.extensions["owned"] = owned = type("Owned", (), {})()
    gone = weakref.ref(owned)
    gc.disable()
    try:
        del made, session, owned
        assert gone() is None
    finally:
        gc.enable()


CALL = b'{"method":"tools/call","params":{"name":"pay"}}'


def watching(made: Exchange) -> WatchingSession:
    """What the check `genai` opens; a conversation that clears nothing before its end."""

    def adopt() -> BodySession:
        return keep(exchange())

    return WatchingSession(made, Mode.ENFORCE, 1 << 20, adopt)


@pytest.mark.parametrize("cut", [1, 20, len(CALL)])
def test_a_watched_body_that_becomes_a_conversation_is_kept_whole(cut: int) -> None:
    made = exchange()
    session = watching(made)
    assert CHECK.open(made, Phase.REQUEST_BODY) is None
    assert (session.feed(CALL[:cut]), session.feed(CALL[cut:])) == (0, 0)
    assert payload_of(made) is None
    assert session.finish() == EVERYTHING
    assert payload_of(made) == CALL


def test_a_long_one_is_kept_from_its_first_byte() -> None:
    made = exchange()
    session = watching(made)
    CHECK.open(made, Phase.REQUEST_BODY)
    parts = [CALL, *[b" " * MOST_BYTES] * 20]
    assert not any(session.feed(part) for part in parts)
    session.finish()
    assert payload_of(made) == b"".join(parts)


def test_a_watched_body_that_is_none_is_not_kept() -> None:
    made = exchange()
    session = watching(made)
    CHECK.open(made, Phase.REQUEST_BODY)
    assert (session.feed(b'{"a":1}'), session.finish()) == (0, EVERYTHING)
    assert payload_of(made) is None
