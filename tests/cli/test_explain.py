"""`clyra explain`: from a verdict back to the line of policy that made it."""

from __future__ import annotations

import orjson
import pytest

from clyra_proxy.cli.policy_origin import PolicyOrigins
from clyra_proxy.cli.remedies import REMEDIES
from clyra_proxy.policy.compiler import compile_policy
from clyra_proxy.policy.load import load_policy
from clyra_proxy.telemetry.verdict_log import VerdictLog
from clyra_proxy.verdict.model import Decision
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.rules import RULES
from tests.support.clyra_command import clyra
from tests.support.exchanges import exchange, violation

POLICY = """\
extends: strict
enforcement:
  rules:
    json: enforce
    schema.violation: shadow
destinations:
  crm:
    hosts: [api.crm.example]
    modes:
      schema: enforce
    rules:
      - name: batch
        paths: [/v2/contacts/batch]
        modes:
          json.depth: "off"
"""
IDS = ["01930000-0000-7000-8000-000000000001", "01930000-0000-7000-8000-000000000002"]


@pytest.fixture
def home(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    log = VerdictLog(tmp_path / "verdicts" / "verdicts.ndjson")
    log.write(exchange(IDS[0], Decision.BLOCK, (violation(),)))
    log.write(exchange(IDS[1]))
    log.close()
    return tmp_path


@pytest.mark.parametrize(
    ("rule", "route", "where", "key"),
    [
        ("schema.violation", "crm/batch", "policy.yaml:10", "destinations.crm.modes.schema"),
        ("schema.violation", "crm", "policy.yaml:10", "destinations.crm.modes.schema"),
        ("schema.violation", "default", "policy.yaml:5", "enforcement.rules.schema.violation"),
        ("json.depth", "crm/batch", "policy.yaml:15", "destinations.crm.rules.0.modes.json.depth"),
        ("json.depth", "crm", "policy.yaml:4", "enforcement.rules.json"),
        ("egress.destination", "crm/batch", "profile strict:", "enforcement.mode"),
        ("body.framing", "crm/batch", "default", "body.framing"),
    ],
)
def test_the_origin_of_a_mode(home, rule, route, where, key):
    origin = PolicyOrigins(home / "policy.yaml").mode(rule, route)
    assert where in origin.where
    assert origin.key == key


@pytest.mark.parametrize("check", ["", "schema", "egress"])
@pytest.mark.parametrize("path", ["/v2/contacts/batch", "/other"])
@pytest.mark.parametrize("faults", ["shadow", "'off'", "enforce"])
def test_the_origin_names_the_mode_that_is_in_force(home, path, check, faults):
    file = home / "policy.yaml"
    file.write_text(POLICY.replace("    json: enforce\n", f"    json: enforce\n    check: {faults}\n"))
    route = compile_policy(load_policy(file), home).match("api.crm.example", 443, "POST", path, "")
    origins = PolicyOrigins(file)
    for rule in RULES.values():
        if not rule.fixed:
            found = origins.mode(rule.id, route.id, check).value.split()[0]
            assert found == rule.mode(route, check).value, rule.id


def test_the_whole_story(home):
    done = clyra("explain", IDS[0], home=home)
    assert done.returncode == 0
    for word in (
        "it was stopped",
        "agent hightouch (known by: proxy), tenant acme",
        "POST https://api.crm.example:443/v2/contacts/batch at 192.0.2.10",
        "policy.yaml:12",
        "schema.violation: The document does not satisfy its schema.",
        "request_body at /records/12/email",
        "row=12",
        "policy.yaml:10  destinations.crm.modes.schema: enforce",
        "clyra check FILE --route URL",
        "schema 41 µs",
        "the policy has changed since",
    ):
        assert word in done.stdout
    assert "No check found anything" in clyra("explain", IDS[1], home=home).stdout


def test_as_json(home):
    story = orjson.loads(clyra("explain", IDS[0], "--json", home=home).stdout)
    assert story["findings"][0]["mode_from"].endswith("destinations.crm.modes.schema: enforce")
    assert story["verdict"]["verdict"] == IDS[0]
    assert story["records"] is None


def test_a_rule_that_an_enforced_check_depended_on_is_explained(home):
    log = VerdictLog(home / "verdicts" / "verdicts.ndjson")
    log.write(exchange("01940000-0000-7000-8000-000000000001", Decision.BLOCK, (violation("json.depth"),)))
    log.close()
    story = orjson.loads(clyra("explain", "01940000", "--json", home=home).stdout)
    assert "destinations.crm.rules.0.modes.json.depth: off (enforced all the same" in story["findings"][0]["mode_from"]


def test_a_broken_policy_does_not_hide_the_story(home):
    (home / "policy.yaml").write_text("nonsense: [")
    done = clyra("explain", IDS[0], home=home)
    assert done.returncode == 0
    assert "the policy file cannot be read now" in done.stdout


@pytest.mark.parametrize(
    ("identifier", "code", "said"),
    [
        ("0193", 64, "too short"),
        ("01930000-0000", 64, "fits several"),
        ("99999999", 2, "No verdict 99999999"),
        (IDS[0].upper(), 0, ""),
        ("4bf92f3577b34da6", 64, "fits several"),
    ],
)
def test_ids(home, identifier, code, said):
    done = clyra("explain", identifier, home=home)
    assert done.returncode == code
    assert said in done.stderr


def test_every_reason_has_a_remedy():
    assert set(REMEDIES) == set(Reason)
