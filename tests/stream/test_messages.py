"""WebSocket messages: judged by the schema of their sender's side, summed up in one exchange, bounded in memory."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.checks import EVERYTHING, BodyCheck, BodySession, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.schemalock.binding import DescribedPlan, DirectPlan, LockedPlan
from clyra_proxy.schemalock.check import SchemaCheck
from clyra_proxy.schemalock.compile import compile_schema
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.stream.messages import MOST_KINDS, Conversation
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.denial import build
from clyra_proxy.verdict.model import Action, Coverage, Decision, Finding, Mode, Phase, Seen
from clyra_proxy.verdict.reasons import Reason
from tests.support.bodies import request

ASK = compile_schema(
    {"type": "object", "properties": {"rows": {"type": "array", "items": {"type": "integer"}}}, "required": ["rows"]}
)
ANSWER = compile_schema({"type": "array"})
BOTH = DirectPlan(ASK, ANSWER)
CLIENT, SERVER = True, False
SALTS = (b"c" * 32, b"s" * 32)


def conversation(
    checks: list[BodyCheck] | None = None, plan: object = BOTH, **route: Any
) -> tuple[Conversation, Exchange]:
    exchange = request((), request_schema=plan, response_schema=plan, **route)
    return Conversation(exchange, [SchemaCheck()] if checks is None else checks, SALTS), exchange


def say(talk: Conversation, content: bytes, from_client: bool = CLIENT, text: bool = True) -> Finding | None:
    """What refused the message, None when it goes on."""
    try:
        talk.inspect(content, from_client=from_client, text=text)
    except BodyRefused as refused:
        return refused.finding
    return None


REFUSED = [
    (CLIENT, b'{"rows":[1,"x"]}', "schema.violation", "/rows/1", 1007),
    (CLIENT, b"{}", "schema.violation", "", 1007),
    (CLIENT, b"[]", "schema.violation", "", 1007),
    (CLIENT, b'{"rows":[],"rows":[1]}', "json.duplicate_key", "", 1007),
    (CLIENT, b'{"rows":[]', "json.incomplete", "", 1007),
    (CLIENT, b'{"rows":[]}{"rows":[]}', "json.trailing", "", 1007),
    (CLIENT, b"hello", "json.syntax", "", 1007),
    (CLIENT, b"", "json.incomplete", "", 1007),
    (CLIENT, b" ", "json.incomplete", "", 1007),
    (CLIENT, b'{"rows":[],"deep":' + b"[" * 140 + b"]" * 140 + b"}", "json.depth", "", 1007),
    (CLIENT, b'{"rows":[' + b"1," * 600 + b"1]}", "body.too_large", "", 1009),
    (SERVER, b"{}", "schema.violation", "", 1007),
    (SERVER, b"[", "json.incomplete", "", 1007),
]


@pytest.mark.parametrize(("sender", "content", "rule", "path", "code"), REFUSED)
def test_a_message_that_does_not_fit_its_side_is_refused(
    sender: bool, content: bytes, rule: str, path: str, code: int
) -> None:
    talk, exchange = conversation(limits=BodyLimits(max_buffer=1000))
    assert say(talk, b'{"rows":[1,2]}') is None
    assert say(talk, b"[{}]", SERVER) is None
    assert say(talk, content, sender) is not None
    talk.close()
    verdict = decide(exchange)
    assert verdict.decision is Decision.BLOCK
    assert verdict.deciding is not None
    found = verdict.deciding
    assert (found.rule, found.phase) == (rule, Phase.MESSAGE)
    assert found.path.startswith(path)
    assert (found.detail["row"], found.detail["sender"]) == (1, "client" if sender else "server")
    assert ("schema_pointer" in found.detail) == (rule == "schema.violation")
    assert build(verdict, exchange).close_code == code
    spoken, other = (exchange.request_body, exchange.response_body)[:: 1 if sender else -1]
    assert spoken.seen == spoken.released + len(content)
    assert not spoken.complete
    assert other.seen == other.released


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b'{"rows":[]}'])
@pytest.mark.parametrize(
    ("mode", "refused", "told"), [(Mode.ENFORCE, True, 1), (Mode.SHADOW, False, 1), (Mode.OFF, False, 0)]
)
def test_what_becomes_of_a_binary_message_is_said_by_its_rule(
    content: bytes, mode: Mode, refused: bool, told: int
) -> None:
    talk, exchange = conversation(modes={"body.media_type": mode})
    assert (say(talk, content, text=False) is not None) is refused
    talk.close()
    assert [finding.rule for finding in exchange.findings] == ["body.media_type"] * told
    assert str(exchange.request_coverage) == "skipped:media_type"
    if refused:
        assert build(decide(exchange), exchange).close_code == 1003


@pytest.mark.parametrize("plan", [None, DescribedPlan(None), LockedPlan(None), DirectPlan(None, ANSWER)])  # type: ignore[arg-type]
@pytest.mark.parametrize(("content", "text"), [(b"any text", True), (b"\x00\xff", False), (b"", True)])
def test_without_a_schema_any_message_passes_and_coverage_says_so(plan: object, content: bytes, text: bool) -> None:
    talk, exchange = conversation(plan=plan)
    assert say(talk, content, text=text) is None
    talk.close()
    assert exchange.findings == []
    assert str(exchange.request_coverage) == "skipped:no_schema"
    assert exchange.response_coverage.seen is Seen.NONE


def test_switched_off_rules_leave_messages_unjudged_and_say_so() -> None:
    talk, exchange = conversation(default_mode=Mode.OFF)
    assert say(talk, b"no JSON") is None
    assert str(exchange.request_coverage) == "skipped:off"


def test_in_shadow_bad_messages_pass_and_only_the_first_of_a_kind_is_kept() -> None:
    talk, exchange = conversation(default_mode=Mode.SHADOW)
    for _ in range(5_000):
        assert say(talk, b'{"rows":["x"]}') is None
        assert say(talk, b"{", SERVER) is None
        assert say(talk, b'{"rows":[]}') is None
    assert len(exchange.findings) == 2
    talk.close()
    violation, broken = exchange.findings
    assert (violation.rule, violation.detail["row"], violation.detail["count"]) == ("schema.violation", 0, 5_000)
    assert (broken.rule, broken.detail["sender"], broken.detail["count"]) == ("json.incomplete", "server", 5_000)
    assert decide(exchange).decision is Decision.ALLOW
    assert decide(exchange).would_action is Action.BLOCK
    assert exchange.request_body.released == exchange.request_body.seen


@dataclass
class Inventive:
    """A check that finds something else in every message."""

    id: str = "inventive"
    phases: frozenset[Phase] = frozenset({Phase.MESSAGE})
    budget_ms: float = 1.0
    on_error: Action = Action.BLOCK
    check_id: str = "inventive"
    mode: Mode = Mode.SHADOW
    calls: int = 0

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        return self

    def feed(self, data: bytes) -> int:
        self.calls += 1
        rule = f"inventive.{self.calls}"
        raise Violation(Finding(self.id, rule, Reason.SCHEMA_VIOLATION, Action.BLOCK, self.mode, Phase.MESSAGE))

    def finish(self) -> int:
        return EVERYTHING


def test_the_number_of_kinds_is_bounded_and_the_rest_is_counted() -> None:
    talk, exchange = conversation([Inventive()])
    for _ in range(1_000):
        assert say(talk, b"x") is None
    talk.close()
    assert len(exchange.findings) == MOST_KINDS
    assert exchange.findings[-1].detail["others"] == 1_000 - MOST_KINDS


def test_a_refusal_is_kept_however_much_was_found_before() -> None:
    check = Inventive()
    talk, exchange = conversation([check])
    for _ in range(MOST_KINDS + 1):
        say(talk, b"x")
    check.mode = Mode.ENFORCE
    refused = say(talk, b"x")
    assert refused is not None
    assert exchange.findings[-1].rule == refused.rule
    assert decide(exchange).decision is Decision.BLOCK


class Failing(Inventive):
    """A check that cannot start."""

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        raise RuntimeError


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.SHADOW])
def test_a_check_that_cannot_start_has_its_declared_outcome(mode: Mode) -> None:
    talk, exchange = conversation([Failing()], default_mode=mode)
    outcomes = [say(talk, b"x") is not None for _ in range(3)]
    talk.close()
    assert outcomes == [mode is Mode.ENFORCE] * 3
    assert all(finding.error for finding in exchange.findings)
    assert str(exchange.request_coverage) == "skipped:check.error"
    if mode is Mode.SHADOW:
        assert [finding.detail["count"] for finding in exchange.findings] == [3]


@dataclass
class Sees(Inventive):
    """A check that says what it saw: as much as the message says."""

    coverage: Coverage = field(default_factory=lambda: Coverage(Seen.NONE))

    def feed(self, data: bytes) -> int:
        self.coverage = Coverage(Seen(data.decode()))
        return EVERYTHING


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["full", "streamed", "headers_only", "skipped"]))))
def test_the_worst_message_is_the_coverage_of_its_side(messages: list[tuple[bool, str]]) -> None:
    talk, exchange = conversation([Sees()])
    for sender, seen in messages:
        say(talk, seen.encode(), sender)
    order = ["none", "full", "streamed", "headers_only", "skipped"]
    for sender, coverage in ((CLIENT, exchange.request_coverage), (SERVER, exchange.response_coverage)):
        said = [seen for who, seen in messages if who is sender]
        assert str(coverage.seen) == max(said, key=order.index, default="none")


def test_the_commitment_of_a_side_covers_its_messages() -> None:
    talk, exchange = conversation(plan=None)
    for part, sender in ((b"one", CLIENT), (b"ONE", SERVER), (b"two", CLIENT), (b"", CLIENT)):
        say(talk, part, sender)
    talk.close()
    assert exchange.request_body.commitment == hmac.new(SALTS[0], b"onetwo", "sha256").hexdigest()
    assert exchange.response_body.commitment == hmac.new(SALTS[1], b"ONE", "sha256").hexdigest()
    assert exchange.message is None


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.SHADOW])
def test_a_message_the_engine_cannot_hold_is_refused_in_every_mode(mode: Mode) -> None:
    talk, exchange = conversation(default_mode=mode)
    talk.refuse_oversize(1_000_001, 1_000_000, from_client=False)
    talk.close()
    verdict = decide(exchange)
    assert verdict.decision is Decision.BLOCK
    assert build(verdict, exchange).close_code == 1009
    assert str(exchange.response_coverage) == "skipped:body_too_large"
    assert (exchange.response_body.seen, exchange.response_body.released) == (1_000_001, 0)


def test_a_check_for_messages_is_not_opened_without_one() -> None:
    exchange = replace(request((), request_schema=BOTH))
    with pytest.raises(ValueError, match="message"):
        SchemaCheck().open(exchange, Phase.MESSAGE)


@settings(max_examples=150)
@given(st.text() | st.recursive(st.integers(0, 5), lambda inner: st.lists(inner, max_size=3)).map(json.dumps))
def test_any_text_is_judged_as_the_same_text_in_a_body_would_be(text: str) -> None:
    talk, _ = conversation()
    try:
        fits = isinstance(json.loads(text, parse_constant=lambda _: 1 / 0), list)
    except (ValueError, ZeroDivisionError):
        fits = False
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert (say(talk, text.encode(), SERVER) is None) is fits
