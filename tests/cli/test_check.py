"""`clyra check`: the judgement of live traffic, on files."""

from __future__ import annotations

import gzip
import subprocess

import orjson
import pytest

from tests.support.clyra_command import clyra, clyra_argv, clyra_environment

SCHEMA = {
    "type": "array",
    "items": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
GOOD = [{"id": n} for n in range(50)]
BAD = [*GOOD[:30], {"id": "x"}, *GOOD[30:]]


@pytest.fixture
def folder(tmp_path):
    files = {
        "schema.json": orjson.dumps(SCHEMA),
        "row.json": orjson.dumps(SCHEMA["items"]),
        "good.json": orjson.dumps(GOOD),
        "bad.json": orjson.dumps(BAD),
        "good.json.gz": gzip.compress(orjson.dumps(GOOD)),
        "bad.json.gz": gzip.compress(orjson.dumps(BAD)),
        "twice.json": b'{"a": 1, "a": 2}',
        "good.ndjson": b"".join(orjson.dumps(one) + b"\n" for one in GOOD),
        "bad.ndjson": b"".join(orjson.dumps(one) + b"\n" for one in BAD),
        "page.html": b"<p>",
        "policy.yaml": b"extends: strict\ndestinations:\n  crm:\n    hosts: [api.crm.example]\n    rules:\n"
        b"      - {name: batch, paths: [/batch], schema: {request: schema.json}}\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["good.json", "--schema", "schema.json"], 0, None),
        (["bad.json", "--schema", "schema.json"], 1, "schema_violation"),
        (["good.json.gz", "--schema", "schema.json"], 0, None),
        (["bad.json.gz", "--schema", "schema.json"], 1, "schema_violation"),
        (["bad.json"], 0, None),
        (["twice.json"], 1, "json_duplicate_key"),
        (["good.ndjson", "--schema", "row.json"], 0, None),
        (["bad.ndjson", "--schema", "row.json"], 1, "row_invalid"),
        (["bad.json", "--schema", "schema.json", "--response"], 1, "schema_violation"),
        (["good.json", "--route", "https://api.crm.example/batch"], 0, None),
        (["bad.json", "--route", "https://api.crm.example/batch"], 1, "schema_violation"),
        (["bad.json", "--route", "https://api.crm.example/other"], 0, None),
        (["page.html", "--content-type", "text/html"], 2, None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_codes_and_findings(folder, arguments, code, reason):
    named = [str(folder / word) if (folder / word).is_file() else word for word in arguments]
    done = clyra("check", *named, "--json", home=folder)
    assert done.returncode == code, done.stderr
    facts = orjson.loads(done.stdout)
    assert [finding["code"] for finding in facts["findings"]][:1] == ([reason] if reason else [])
    assert facts["result"] == {0: "pass", 1: "fail", 2: "cannot_tell"}[code]


def test_the_place_of_a_violation_is_named(folder):
    done = clyra("check", folder / "bad.json", "--schema", folder / "schema.json")
    assert "at /30/id" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere.json"], 2),
        (["good.json", "--route", "nonsense"], 64),
        (["good.json", "--schema", "schema.json", "--route", "https://x.example/"], 64),
        (["good.json", "--schema", "nowhere.json"], 1),
        (["good.json", "--policy", "nowhere.yaml"], 64),
        (["good.json", "--schema", "schema.json", "--method", "PUT"], 64),
        (["good.json", "--provenance", "user"], 64),
        (["good.json", "--level", "2"], 64),
        (["good.json", "--text", "--method", "PUT"], 64),
    ],
)
def test_what_cannot_be_done_is_said(folder, arguments, code):
    named = [str(folder / word) if word.endswith(".json") else word for word in arguments]
    done = clyra("check", *named, home=folder)
    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_standard_input(folder):
    argv = clyra_argv("check", "-", "--schema", folder / "schema.json")
    body = orjson.dumps(BAD)
    done = subprocess.run(argv, input=body, env=clyra_environment(None), capture_output=True, check=False)
    assert done.returncode == 1
