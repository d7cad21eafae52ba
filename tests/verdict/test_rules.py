"""The catalogue is complete, and modes are looked up in it the way policy says."""

from __future__ import annotations

from pathlib import Path

import pytest

from clyra_proxy.verdict import outcome
from clyra_proxy.verdict.genai_rules import GENAI_REASONS
from clyra_proxy.verdict.model import Mode, Phase
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.rules import BY_REASON, FAMILIES, RULES, is_configurable, is_named_by
from tests.support.judging import compiled, route_under

CHECKOUT = Path(__file__).resolve().parents[2]


def test_every_reason_has_one_rule_and_one_outcome() -> None:
    assert {rule.reason for rule in RULES.values()} == set(Reason)
    assert len(RULES) == len(BY_REASON) == len(Reason)
    for reason in Reason:
        assert 400 <= outcome.of(reason).status < 600
        assert reason in GENAI_REASONS or outcome.of(reason, in_response=True).status >= 500


def _makers() -> str:
    """All code that may make a finding: the rooms and addons, without the catalogue itself."""
    files = [*(CHECKOUT / "addons").glob("*.py"), *(CHECKOUT / "clyra_proxy").glob("*/**/*.py")]
    made = [file for file in files if file.parent.name not in ("verdict", "cli")]
    return "\n".join(file.read_text("utf-8") for file in made)


def test_every_rule_is_made_somewhere_and_found_there_by_its_name() -> None:
    """A reader who has a rule id finds who applies it by searching for it, or for its reason."""
    code = _makers()
    lost = [
        rule.id for rule in RULES.values() if f'"{rule.id}"' not in code and f"Reason.{rule.reason.name}" not in code
    ]
    assert not lost


def test_rules_are_named_family_dot_rule() -> None:
    for name, rule in RULES.items():
        assert name == rule.id
        assert name.count(".") == 1
        assert rule.family in FAMILIES
        assert rule.description.endswith(".")


@pytest.mark.parametrize("name", sorted(name for name, rule in RULES.items() if rule.fixed))
def test_fixed_rules_act_in_shadow_and_cannot_be_configured(name: str) -> None:
    route = route_under("enforcement: {mode: off}")
    found = RULES[name].finding(route, Phase.REQUEST_HEAD)
    assert found is not None
    assert found.enforced
    assert not is_configurable(name)


@pytest.mark.parametrize(
    ("name", "named"), [("json.depth", True), ("json", True), ("jso", False), ("json.dep", False), ("depth", False)]
)
def test_a_rule_is_named_by_its_id_and_its_family(name: str, named: bool) -> None:
    assert is_named_by("json.depth", name) is named


def test_a_rule_that_is_off_finds_nothing() -> None:
    route = route_under("extends: strict\nenforcement: {rules: {egress.destination: off}}")
    assert RULES["egress.destination"].finding(route, Phase.REQUEST_HEAD) is None


@pytest.mark.parametrize(
    ("enforcement", "destination", "rule", "expected"),
    [
        ("{mode: shadow}", "{}", "json.depth", Mode.SHADOW),
        ("{mode: shadow, rules: {json: enforce}}", "{}", "json.depth", Mode.ENFORCE),
        ("{mode: shadow, rules: {json: enforce}}", "{}", "schema.violation", Mode.SHADOW),
        ("{mode: enforce, rules: {json: enforce, json.depth: off}}", "{}", "json.depth", Mode.OFF),
        ("{mode: enforce}", "{json: shadow}", "json.depth", Mode.SHADOW),
        ("{mode: enforce, rules: {json.depth: off}}", "{json: shadow}", "json.depth", Mode.SHADOW),
        ("{mode: enforce, rules: {json: off}}", "{json.depth: shadow}", "json.depth", Mode.SHADOW),
        ("{mode: enforce, rules: {json: off}}", "{json.depth: shadow}", "json.syntax", Mode.OFF),
    ],
)
def test_the_most_specific_mode_wins(enforcement: str, destination: str, rule: str, expected: Mode) -> None:
    text = f"enforcement: {enforcement}\ndestinations: {{d: {{hosts: [api.example], modes: {destination}}}}}"
    assert compiled(text).match("api.example", 443, "GET", "/").mode_of(rule) is expected


def test_a_rule_of_a_destination_lies_over_the_destination() -> None:
    policy = compiled(
        "destinations: {d: {hosts: [api.example], modes: {json: enforce}, evidence: queued, atomic: spool,"
        " rules: [{name: r, methods: [POST], modes: {json: off}, evidence: required}]}}"
    )
    under_rule, other = policy.match("api.example", 443, "POST", "/"), policy.match("api.example", 443, "PUT", "/")
    assert under_rule.mode_of("json.depth") is Mode.OFF
    assert other.mode_of("json.depth") is Mode.ENFORCE
    assert (under_rule.evidence.value, other.evidence.value) == ("required", "queued")
    assert under_rule.atomic.value == other.atomic.value == "spool"


@pytest.mark.parametrize(
    ("enforcement", "check", "expected"),
    [
        ("{mode: off}", "egress", Mode.SHADOW),
        ("{mode: enforce, rules: {check: off}}", "egress", Mode.ENFORCE),
        ("{mode: shadow, rules: {egress: enforce}}", "egress", Mode.ENFORCE),
        ("{mode: shadow, rules: {egress: enforce}}", "identity", Mode.SHADOW),
        ("{mode: shadow, rules: {check.error: enforce}}", "egress", Mode.ENFORCE),
        ("{mode: shadow}", "", Mode.SHADOW),
    ],
)
def test_a_failed_check_is_said_at_least_in_its_own_mode(enforcement: str, check: str, expected: Mode) -> None:
    route = route_under(f"enforcement: {enforcement}")
    found = RULES["check.error"].finding(route, Phase.REQUEST_HEAD, check=check, error=True)
    assert found is not None
    assert found.mode is expected
