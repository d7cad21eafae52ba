"""`clyra policy`: what it prints and how it ends."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.cli.main import run
from clyra_proxy.identity.proxy_auth import read_credentials, verifies
from clyra_proxy.policy.load import load_policy

POLICY = """
extends: strict
destinations:
  crm:
    hosts: [api.crm.example]
    schema: {request: contact.json}
  internal:
    hosts: ["*.internal.example"]
    allow_private: true
    tests: []
"""
CONTACT = {
    "type": "object",
    "properties": {"email": {"type": "string"}},
    "required": ["email"],
    "additionalProperties": False,
}
CASES = """
tests:
- name: a clean contact passes
  request: {url: https://api.crm.example/contacts, method: POST, json: {email: a@b.example}}
  expect: {decision: allow, rule: none, route: crm}
- name: a contact without e-mail is refused
  request: {url: https://api.crm.example/contacts, method: POST, json: {}}
  expect: {decision: block, rule: schema.violation, reason: schema_violation, status: 422}
- name: a key twice is refused
  request:
    url: https://api.crm.example/contacts
    method: POST
    headers: {Content-Type: application/json}
    body: '{"email":"a","email":"b"}'
  expect: {decision: block, rule: json.duplicate_key, status: 422}
- name: a body from a file
  request:
    url: https://api.crm.example/c
    method: POST
    headers: {Content-Type: application/json}
    body_file: bad.json
  expect: {decision: block, reason: json_incomplete}
- name: nobody else may be called
  request: {url: https://api.crm.example.evil.example/}
  expect: {decision: block, rule: egress.destination, route: default, status: 403}
- name: the metadata service stays closed
  request: {url: http://x.internal.example/, resolves_to: [169.254.169.254]}
  expect: {decision: block, rule: egress.private_address, status: 403}
- name: an internal address is open where it is allowed
  request: {url: http://x.internal.example/, resolves_to: [10.0.0.7]}
  expect: {decision: allow}
- name: domain fronting is refused
  request: {url: https://api.crm.example/, headers: {Host: other.example}}
  expect: {decision: block, rule: egress.host_mismatch}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "contact.json").write_text(json.dumps(CONTACT))
    (tmp_path / "bad.json").write_text('{"email":')
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.replace("    tests: []\n", ""))
    return file


def called(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    code, out, _ = called(capsys, *arguments, "--json")
    return code, json.loads(out)


def test_check_says_what_is_valid(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, facts = as_json(capsys, "policy", "check", policy)
    assert code == 0
    assert (facts["valid"], facts["mode"], facts["egress"], facts["destinations"]) == (True, "enforce", "strict", 2)
    assert len(facts["sha256"]) == 64
    assert called(capsys, "policy", "check", policy)[0] == 0


def test_check_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("listen:\n  prot: 1\n")
    code, out, err = called(capsys, "policy", "check", file)
    assert (code, out) == (1, "")
    assert f"{file}:2: listen.prot: unknown key. Did you mean `port`?" in err
    code, facts = as_json(capsys, "policy", "check", file)
    assert code == 1
    assert facts["problems"][0]["line"] == 2
    assert facts["problems"][0]["path"] == "listen.prot"


def test_check_compiles_the_schemas(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (policy.parent / "contact.json").write_text('{"type": "nonsense"}')
    assert called(capsys, "policy", "check", policy)[0] == 1
    code, facts = as_json(capsys, "policy", "check", policy)
    assert (code, facts["valid"]) == (1, False)
    (policy.parent / "contact.json").unlink()
    assert "contact.json" in called(capsys, "policy", "check", policy)[2]


def test_check_without_a_file_uses_the_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = called(capsys, "policy", "check", "--home", tmp_path)
    assert code == 1
    assert "Cannot read" in err
    assert "policy.yaml" in err
    (tmp_path / "policy.yaml").write_text("extends: observe")
    assert called(capsys, "policy", "check", "--home", tmp_path)[0] == 0


def test_show_and_show_effective(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, written = as_json(capsys, "policy", "show", policy)
    assert "listen" not in written
    _, effective = as_json(capsys, "policy", "show", policy, "--effective")
    assert effective["listen"]["port"] == 8080
    assert effective["enforcement"]["egress"] == "strict"
    _, text, _ = called(capsys, "policy", "show", policy, "--effective")
    copy = policy.parent / "copy.yaml"
    copy.write_text(text)
    assert load_policy(copy).enforcement == load_policy(policy).enforcement
    assert load_policy(copy).destinations == load_policy(policy).destinations


def test_diff_ends_with_one_when_they_differ(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = policy.parent / "other.yaml"
    other.write_text(policy.read_text().replace("strict", "balanced"))
    code, told = as_json(capsys, "policy", "diff", policy, other)
    assert code == 1
    assert "enforcement.egress" in {change["path"] for change in told["changes"]}
    code, told = as_json(capsys, "policy", "diff", policy, policy)
    assert (code, told) == (0, {"same": True, "changes": []})


def test_cases_beside_the_policy_run_through_the_real_checks(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (policy.parent / "policy.tests.yaml").write_text(CASES)
    code, told = as_json(capsys, "policy", "test", policy)
    assert [(case["name"], case["differences"]) for case in told["cases"] if not case["passed"]] == []
    assert (code, told["passed"], told["failed"]) == (0, 8, 0)
    assert "8 of 8 cases pass" in called(capsys, "policy", "test", policy)[1]


def test_a_wrong_expectation_fails_and_says_what_came(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(policy.read_text() + CASES.replace("decision: allow, rule: none", "decision: block, rule: none"))
    code, told = as_json(capsys, "policy", "test", policy)
    assert (code, told["failed"]) == (1, 1)
    failed = next(case for case in told["cases"] if not case["passed"])
    assert failed["differences"] == ["decision: expected block, got allow"]


def test_the_same_cases_in_shadow_only_would_block(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(policy.read_text().replace("extends: strict", "extends: observe"))
    (policy.parent / "policy.tests.yaml").write_text(
        "tests:\n- {name: n, request: {url: 'https://api.crm.example/', method: POST, json: {}},"
        " expect: {decision: allow, would: block, rule: schema.violation}}"
    )
    assert as_json(capsys, "policy", "test", policy)[0] == 0


def test_no_cases_cannot_be_judged(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = called(capsys, "policy", "test", policy)
    assert code == 2
    assert "policy.tests.yaml" in err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tests: [{name: n, request: {ulr: x}, expect: {}}]", "Did you mean `url`?"),
        ("tests: [{name: n, request: {url: 'https://?x'}, expect: {}}]", "names no host"),
        ("tests: [{name: n, request: {url: 'https://a.example:x/'}, expect: {}}]", "tests[0].request.url"),
        ("tests: [{name: n, request: {url: 'https://a/', body: a, json: 1}, expect: {}}]", "keep one"),
        ("tests: [{name: n, request: {url: 'https://a/', body_file: gone}, expect: {}}]", "cannot be read"),
        ("test: []", "test: unknown key. Did you mean `tests`?"),
    ],
)
def test_bad_cases_are_named(policy: Path, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    (policy.parent / "policy.tests.yaml").write_text(text)
    code, _, err = called(capsys, "policy", "test", policy)
    assert code == 1
    assert told in err


def test_a_token_fits_the_hash_that_comes_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made = as_json(capsys, "policy", "token", "crm-agent")
    assert code == 0
    file = tmp_path / "policy.yaml"
    file.write_text(json.dumps(made["policy"]))
    credentials = read_credentials("Basic " + _basic(f"crm-agent:{made['token']}"))
    assert credentials is not None
    assert verifies(credentials, load_policy(file).identity.agents)
    assert called(capsys, "policy", "token", "not an id")[0] == 64


def _basic(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_schema_prints_the_editor_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "policy", "schema")
    assert code == 0
    assert json.loads(out)["title"] == "Clyra policy"


def test_wrong_words_are_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert called(capsys, "policy", "chekc")[0] == 64
    assert called(capsys, "policy", "diff", "one")[0] == 64
