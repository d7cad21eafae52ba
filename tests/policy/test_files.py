"""Files that a policy names count towards its hash; shipped files and generated files are current."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from clyra_proxy.errors import PolicyError, SchemaError
from clyra_proxy.policy.compiler import compile_policy
from clyra_proxy.policy.diff import diff_policies
from clyra_proxy.policy.editor_schema import editor_schema
from clyra_proxy.policy.files import MAX_TEXT_BYTES, read_named, read_named_text, read_text
from clyra_proxy.policy.fingerprint import policy_hash
from clyra_proxy.policy.load import load_policy, parse_policy
from clyra_proxy.policy.models import Egress
from clyra_proxy.policy.profiles import load_profile, policies_folder, profile_names
from clyra_proxy.policy.reference import pages
from clyra_proxy.policy.route import Atomic, EvidenceClass
from clyra_proxy.verdict.model import Mode

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(pages()))
def test_generated_files_are_current(name: str) -> None:
    assert (CHECKOUT / name).read_text("utf-8") == pages()[name], "run: python -m clyra_proxy.policy.reference"


def test_the_shipped_profiles_are_the_ones_promised() -> None:
    assert set(profile_names()) == {"observe", "balanced", "strict", "reverse-etl", "voice", "ci"}


@pytest.mark.parametrize("name", ["observe", "balanced", "strict", "reverse-etl", "voice", "ci"])
def test_every_profile_loads_and_pleases_the_editor_schema(name: str) -> None:
    policy = compile_policy(parse_policy(f"extends: {name}"), Path())
    expected = Mode.SHADOW if name == "observe" else Mode.ENFORCE
    assert policy.match("any.example", 443, "POST", "/").mode is expected
    jsonschema.Draft202012Validator(editor_schema()).validate(load_profile(name).data)
    assert (policies_folder() / "profiles" / f"{name}.yaml").is_file()


def test_what_the_profiles_promise() -> None:
    strict = parse_policy("extends: strict")
    assert (strict.enforcement.egress, strict.evidence.reads) == (Egress.STRICT, EvidenceClass.REQUIRED)
    batches = parse_policy("extends: reverse-etl")
    assert batches.data_platform.schemalock.atomic is Atomic.SPOOL
    assert batches.enforcement.egress is Egress.STRICT
    assert parse_policy("extends: ci").listen.port == 0


def test_the_editor_schema_refuses_what_the_loader_refuses() -> None:
    validator = jsonschema.Draft202012Validator(editor_schema())
    for text in ("lisen: {}", "enforcement: {rules: {jsno: off}}", "extends: nothing", "listen: {port: x}"):
        assert list(validator.iter_errors(yaml.load(text, yaml.BaseLoader))), text
        with pytest.raises(PolicyError):
            parse_policy(text)


def described(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "rows.json").write_text(json.dumps({"type": "object", "required": ["id"]}))
    (folder / "policy.yaml").write_text(text)
    return folder / "policy.yaml"


BOUND = "destinations: {d: {hosts: [api.example], schema: {request: rows.json}}}"


def test_the_hash_is_of_what_is_in_force(tmp_path: Path) -> None:
    file = described(tmp_path, BOUND)
    document = load_policy(file)
    before = policy_hash(document, tmp_path)
    assert before == policy_hash(load_policy(described(tmp_path / "elsewhere", f"# a comment\n{BOUND}")), tmp_path)
    assert before == policy_hash(parse_policy(f"{BOUND}\nextends: observe"), tmp_path)
    assert before == policy_hash(parse_policy(f"{BOUND}\nenforcement: {{mode: shadow}}"), tmp_path)
    assert before != policy_hash(parse_policy(f"{BOUND}\nenforcement: {{mode: enforce}}"), tmp_path)
    (tmp_path / "rows.json").write_text("{}")
    assert before != policy_hash(document, tmp_path)


def test_files_named_for_events_count_too(tmp_path: Path) -> None:
    text = "destinations: {d: {hosts: [api.example], schema: {response: a.json, events: {delta: b.json}}}}"
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("true")
    document = parse_policy(text)
    before = policy_hash(document, tmp_path)
    (tmp_path / "b.json").write_text("{}")
    assert before != policy_hash(document, tmp_path)
    (tmp_path / "b.json").unlink()
    with pytest.raises(SchemaError, match=r"b\.json"):
        compile_policy(document, tmp_path)


def test_a_named_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"names the file nowhere\.pem"):
        compile_policy(parse_policy("enforcement: {upstream_ca: nowhere.pem}"), tmp_path)


def test_a_file_that_cannot_be_read_is_said_with_cause_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (MAX_TEXT_BYTES + 1))
    (tmp_path / "bytes").write_bytes(b"a\xff")
    (tmp_path / "text").write_text("ä", "utf-8")
    assert read_text(tmp_path / "text") == read_named_text("text", tmp_path) == "ä"
    assert len(read_named("large", tmp_path)) == MAX_TEXT_BYTES + 1
    for name, what, why in (
        ("large", f"larger than {MAX_TEXT_BYTES} bytes", ""),
        ("bytes", "not UTF-8", "Byte 1"),
        ("none", "none", "No such file"),
        (".", ".", "Is a directory"),
    ):
        for told in (lambda name=name: read_text(tmp_path / name), lambda name=name: read_named_text(name, tmp_path)):
            with pytest.raises(PolicyError, match=what) as caught:
                told()
            assert why in caught.value.why
            assert caught.value.todo
    with pytest.raises(PolicyError, match="A test names the file none, which cannot be read"):
        read_named("none", tmp_path, by="A test")


def test_diff_is_of_effective_values(tmp_path: Path) -> None:
    old, new = parse_policy(BOUND), parse_policy(BOUND.replace("api.example", "new.example") + "\nextends: balanced")
    before, after = tmp_path / "a", tmp_path / "b"
    described(before, BOUND)
    described(after, BOUND)
    assert diff_policies(old, before, old, after) == []
    changes = {change.path: change for change in diff_policies(old, before, new, after)}
    assert set(changes) == {"destinations.d.hosts", "enforcement.mode"}
    assert str(changes["enforcement.mode"]) == "~ enforcement.mode: shadow -> enforce"
    (after / "rows.json").write_text("{}")
    assert [change.path for change in diff_policies(old, before, old, after)] == ["files.rows.json"]


def test_diff_names_rules_and_tells_added_from_removed(tmp_path: Path) -> None:
    shape = "destinations: {d: {hosts: [api.example], rules: [%s]}}"
    one, two = "{name: a, methods: [GET]}", "{name: b, modes: {json: off}}"
    changes = diff_policies(parse_policy(shape % one), tmp_path, parse_policy(shape % f"{two}, {one}"), tmp_path)
    assert "~ destinations.d.rules.order: [a] -> [b, a]" in [str(change) for change in changes]
    assert {change.kind for change in changes if "rules[b]" in change.path} == {"added"}
    assert changes[0].to_json()["kind"] == "changed"
