"""`clyra schema` as a person and as a program use it: whole stories, exit codes, JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.cli.main import run


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["schema", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code, out, _ = call(capsys, *arguments, "--json")
    return code, json.loads(out)


def write(name: str, value: Any) -> str:
    Path(name).write_text(value if isinstance(value, str) else json.dumps(value, indent=1))
    return name


def samples(name: str, count: int, **extra: Any) -> str:
    return write(
        name, "".join(json.dumps({"email": f"user{n}@example.com", "age": n, **extra}) + "\n" for n in range(count))
    )


def test_learn_lock_drift_accept(capsys: pytest.CaptureFixture[str]) -> None:
    route = ("--route", "POST /v1/contacts")
    code, learned = answer(capsys, "learn", samples("good.ndjson", 1_200), *route)
    assert code == 0
    assert learned["learned"] == 1_200
    assert learned["routes"][0]["missing_mass"] < 0.001

    code, locked = answer(capsys, "lock")
    assert code == 0
    assert locked["routes"] == [
        {"route": "POST /v1/contacts request application/json", "enforce": True, "missing_mass": 0.000833}
    ]
    before = Path("schema.lock.json").read_text()
    assert "user1@example.com" not in before + Path("schema.learning.json").read_text()

    changed = samples("changed.ndjson", 3, phone="+49151")
    code, drifted = answer(capsys, "learn", changed, *route, "--state", "other.json", "--against", "schema.lock.json")
    assert code == 1
    (drift,) = drifted["drifts"]
    assert (drift["keyword"], drift["name"], drift["kind"]) == ("additionalProperties", "phone", "string")
    assert "+49151" not in Path("schema.lock.json.drift.ndjson").read_text()

    code, accepted = answer(capsys, "accept", drift["id"])
    assert code == 0
    assert accepted["sha256"] != locked["sha256"]
    after = Path("schema.lock.json").read_text()
    added = set(after.splitlines()) - set(before.splitlines())
    assert len(added) <= 6  # a new member, the accepted id, the digest: reviewable
    code, _, _ = call(capsys, "learn", changed, *route, "--state", "other.json", "--against", "schema.lock.json")
    assert code == 0

    write("old.lock.json", before)
    code, compared = answer(capsys, "diff", "old.lock.json", "schema.lock.json")
    assert (code, compared["answer"]) == (0, "yes")
    code, compared = answer(capsys, "diff", "schema.lock.json", "old.lock.json")
    assert (code, compared["answer"]) == (1, "no")
    assert "phone" in compared["routes"][0]["checks"][0]["witness"]


def test_too_little_is_watched_only_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "learn", samples("few.ndjson", 10), "--route", "POST /c")
    code, out, _ = call(capsys, "lock")
    assert code == 2
    assert "watched only POST /c request" in out
    code, out, _ = call(capsys, "show", "schema.lock.json")
    assert code == 0
    assert "watched only; 10 documents" in out
    code, locked = answer(capsys, "lock", "--force")
    assert code == 0
    assert locked["routes"][0]["enforce"] is True
    assert '"forced": true' in Path("schema.lock.json").read_text()


def test_learning_continues_and_locking_keeps_other_routes(capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "learn", samples("a.ndjson", 4), "--route", "POST /a")
    call(capsys, "learn", samples("a.ndjson", 4), "--route", "POST /a")
    call(capsys, "lock")
    call(capsys, "learn", samples("b.ndjson", 4), "--route", "POST /b", "--state", "b.json")
    _, locked = answer(capsys, "lock", "b.json")
    assert [one["route"].split()[1] for one in locked["routes"]] == ["/a", "/b"]
    _, locked = answer(capsys, "lock", "b.json", "--fresh")
    assert len(locked["routes"]) == 1


def test_exchanges(capsys: pytest.CaptureFixture[str]) -> None:
    line = {"method": "post", "path": "/a/12345", "request": {"x": 1}, "response": {"id": 1}, "status": 201}
    code, learned = answer(capsys, "learn", write("t.ndjson", json.dumps(line) + "\n"), "--exchanges")
    assert code == 0
    assert [one["route"] for one in learned["routes"]] == [
        "POST /a/{id} request application/json",
        "POST /a/{id} response 201 application/json",
    ]


def test_edited_lock_must_be_resealed(capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "learn", samples("a.ndjson", 4), "--route", "POST /a")
    call(capsys, "lock")
    lock = Path("schema.lock.json")
    lock.write_text(lock.read_text().replace('"integer"', '"number"'))
    code, _, err = call(capsys, "show", "schema.lock.json")
    assert code == 1
    assert "was changed after it was locked" in err
    assert "--reseal" in err
    call(capsys, "lock", "--reseal")
    assert call(capsys, "show", "schema.lock.json")[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "mode", "code"),
    [
        ({"type": "integer"}, {"type": "number"}, "backward", 0),
        ({"type": "integer"}, {"type": "number"}, "forward", 1),
        ({"type": "integer"}, {"type": "number"}, "full", 1),
        ({"type": "string", "pattern": "^(ab)*$"}, {"type": "string", "pattern": "^(ab|abab)*$"}, "backward", 2),
    ],
)
def test_diff_exit_codes(capsys: pytest.CaptureFixture[str], old: Any, new: Any, mode: str, code: int) -> None:
    got, out, _ = call(capsys, "diff", write("old.json", old), write("new.json", new), "--mode", mode)
    assert got == code
    assert out.splitlines()[-1] == {0: "yes", 1: "no", 2: "unknown"}[code]


BODY = {"content": {"application/json": {"schema": True}}}


def api(request: Any, response: Any, path: str = "/a") -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": request}}}
    answer_ = {"200": {"description": "", "content": {"application/json": {"schema": response}}}}
    return {"openapi": "3.1.0", "paths": {path: {"post": {"requestBody": body, "responses": answer_}}}}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (api({"type": "integer"}, {"type": "number"}), api({"type": "number"}, {"type": "integer"}), 0),
        (api({"type": "number"}, True), api({"type": "integer"}, True), 1),
        (api(True, {"type": "integer"}), api(True, {"type": "number"}), 1),  # readers would meet new answers
        (api(True, True), api(True, True, "/b"), 1),
        (api(True, True), {**api(True, True), "paths": {"/a": {"post": {"requestBody": BODY}}}}, 0),
        (api(True, True), {**api(True, True), "paths": {"/a": {"post": {}}}}, 1),
    ],
)
def test_diff_of_api_descriptions_turns_responses_round(
    capsys: pytest.CaptureFixture[str], old: Any, new: Any, code: int
) -> None:
    assert call(capsys, "diff", write("old.json", old), write("new.json", new))[0] == code


def test_explain_points_at_file_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    schema = {"type": "object", "properties": {"rows": {"type": "array", "uniqueItems": True}}}
    code, out, _ = call(capsys, "explain", write("s.json", schema))
    assert code == 0
    assert "s.json:6  `uniqueItems` at #/properties/rows/uniqueItems" in out
    code, told = answer(capsys, "explain", "s.json")
    assert told["routes"][0]["streams"] is False


def test_explain_a_policy(capsys: pytest.CaptureFixture[str]) -> None:
    write("rows.json", {"type": "object", "properties": {"rows": {"type": "array"}}})
    write("api.json", api({"type": "array"}, True))
    policy = """
extends: balanced
destinations:
  crm:
    hosts: [api.crm.example]
    schema: {openapi: api.json}
    rules:
      - {name: import, paths: [/import], schema: {request: rows.json}}
"""
    code, told = answer(capsys, "explain", write("policy.yaml", policy))
    assert code == 0
    assert {(one["name"], one["streams"]) for one in told["routes"]} == {
        ("crm: POST /a request application/json", True),
        ("crm: POST /a response 200 application/json", False),
        ("crm/import: rows.json", True),
    }


def test_explain_fails_for_quarantined_operations(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = answer(capsys, "explain", write("api.json", api({"type": "strnig"}, {"type": "array"})))
    assert code == 1
    assert told["quarantined"][0]["operation"] == "POST /a"
    assert [one["streams"] for one in told["routes"]] == [True]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("learn", "x.json"), 64, "--route is missing"),
        (("learn", "x.json", "--route", "POST"), 64, "--route is missing"),
        (("learn", "x.ndjson", "--exchanges", "--route", "POST /a"), 64, "exclude each other"),
        (("learn", "none.json", "--route", "POST /a"), 1, "none.json cannot be read"),
        (("learn", "bad.ndjson", "--route", "POST /a"), 1, "bad.ndjson:2 is not usable"),
        (("lock",), 1, "cannot be read"),
        (("lock", "--reseal", "--force"), 64, "--reseal goes with"),
        (("accept", "abc"), 1, "cannot be read"),
        (("explain", "hostile.json"), 1, "never fetched"),
        (("explain", "list.json"), 1, "holds no schema"),
        (("explain", "one.json", "--route", "POST /a"), 64, "Leave --route out"),
        (("show", "api.json", "--route", "POST /b"), 64, "'POST /a request application/json'"),
        (("diff", "hostile.json", "hostile.json"), 1, "never fetched"),
        (("diff", "other.json"), 64, "Missing argument"),
        (("diff", "a", "b", "--mode", "sideways"), 64, "sideways"),
    ],
)
def test_errors_say_what_why_and_what_to_do(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    write("bad.ndjson", '{"a":1}\nnot json\n')
    write("hostile.json", {"$ref": "http://localhost:1/x"})
    write("list.json", [1])
    write("one.json", {"type": "object"})
    write("api.json", api({"type": "object"}, {"type": "array"}))
    got, _, err = call(capsys, *arguments)
    assert got == code
    assert says in err
    assert "Traceback" not in err


def test_skip_bad_counts(capsys: pytest.CaptureFixture[str]) -> None:
    code, learned = answer(capsys, "learn", write("bad.ndjson", '{"a":1}\nx\n'), "--route", "POST /a", "--skip-bad")
    assert (code, learned["learned"], learned["skipped"]) == (0, 1, 1)


def test_standard_input_through_the_real_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clyra_proxy.cli.main", "schema", "learn", "-", "--route", "POST /a", "--json"],
        input=b'{"a":1}\n{"a":2}\n', capture_output=True, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["learned"] == 2
