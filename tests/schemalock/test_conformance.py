"""The public conformance suites, through both tiers, in every chunking: no disagreement."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from clyra_proxy.schemalock.compile import CompiledSchema, compile_schema
from clyra_proxy.verdict.reasons import Reason
from tests.support.bodies import judge_buffered, judge_streamed

CASE = "https://case.invalid/schema"
SIZES: tuple[int | random.Random, ...] = (1, 7, 4096, random.Random(1))


def remotes(suite: Path) -> dict[str, Any]:
    """The suite's remote documents by the URL the tests know them by."""
    found = {}
    for file in sorted((suite / "remotes").rglob("*.json")):
        where = file.relative_to(suite / "remotes")
        top = where.parts[0]
        if (top.startswith("draft") and top not in ("draft2020-12", "draft2019-09")) or top == "v1":
            continue
        found[f"http://localhost:1234/{where.as_posix()}"] = json.loads(file.read_bytes())
    return found


def groups(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.glob("*.json")):
        for group in json.loads(file.read_bytes()):
            yield file.stem, group


def wrapped(schema: Any, resources: dict[str, Any], formats: bool | None) -> CompiledSchema:
    """A schema under which `{"head": 1, "rows": [X, ...]}` streams, and every X is judged by `schema`."""
    named = schema.get("$id", "") if isinstance(schema, dict) else ""
    case = named if named.startswith(("http:", "https:", "urn:", "tag:")) else CASE
    envelope = {
        "type": "object",
        "properties": {"head": {"type": "integer"}, "rows": {"type": "array", "items": {"$ref": case}}},
        "required": ["head", "rows"],
        "additionalProperties": False,
    }
    return compile_schema(envelope, resources={**resources, case: schema}, formats=formats)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "formats"),
    [("", None), ("optional", None), ("optional/format", True)],
    ids=["required", "optional", "format"],
)
def test_json_schema_suite_agrees_in_both_tiers(shared_data: Path, folder: str, formats: bool | None) -> None:
    suite = shared_data / "suites" / "jsts"
    resources = remotes(suite)
    wrong, counted = [], 0
    for name, group in groups(suite / "tests" / "draft2020-12" / folder):
        schema = group["schema"]
        direct = compile_schema(schema, resources=resources, formats=formats)
        streaming = wrapped(schema, resources, formats)
        assert streaming.plan is not None
        for test in group["tests"]:
            counted += 1
            text = json.dumps(test["data"], ensure_ascii=False).encode()
            document = b'{"head": 1, "rows": [' + b", ".join([text] * 3) + b"]}"
            for size in SIZES:
                verdicts = [
                    judge_buffered(direct, text, size) is None,
                    judge_streamed(direct, text, size) is None,
                    judge_buffered(streaming, document, size) is None,
                    judge_streamed(streaming, document, size) is None,
                ]
                if verdicts != [test["valid"]] * 4:
                    wrong.append((name, group["description"], test["description"], size, verdicts))
    assert not wrong
    assert counted > 100


@pytest.mark.shared
def test_json_parsing_suite(shared_data: Path) -> None:
    """No `n_` text is admitted, no `y_` text is refused but for a duplicate key; tiers agree on the rest."""
    wrong = []
    for file in sorted((shared_data / "suites" / "nst" / "test_parsing").glob("*.json")):
        text = file.read_bytes()
        kind = file.name[0]
        for framed, frame in ((text, "bare"), (b"[" + text + b"]", "array"), (b'{"a":' + text + b"}", "object")):
            if frame != "bare" and kind != "y":
                continue  # inside brackets another text may become valid
            outcomes = [judge_buffered(None, framed, 4096)]
            sizes = (1, 7, random.Random(2)) if len(framed) < 20_000 else (4096,)
            outcomes += [judge_streamed(None, framed, size) for size in sizes]
            reasons = {finding.reason if finding else None for finding in outcomes}
            admitted = None in reasons
            if admitted and len(reasons) > 1:
                wrong.append((file.name, frame, reasons))
            if kind == "n" and admitted:
                wrong.append((file.name, frame, reasons))
            if kind == "y" and not admitted and reasons != {Reason.JSON_DUPLICATE_KEY}:
                wrong.append((file.name, frame, reasons))
    assert not wrong


def test_a_small_suite_of_our_own_agrees_in_both_tiers() -> None:
    """Runs where the public suites are absent."""
    cases = [
        ({"type": "integer"}, b"1", True),
        ({"type": "integer"}, b'"1"', False),
        ({"type": "object", "required": ["a"]}, b'{"a":null}', True),
        ({"type": "object", "required": ["a"]}, b'{"b":null}', False),
        ({"$ref": "#/$defs/t", "$defs": {"t": {"maxLength": 2}}}, b'"abc"', False),
        ({"oneOf": [{"minimum": 3}, {"maximum": 1}]}, b"2", False),
        ({"multipleOf": 10}, b"98249283749234923498293171823948729348711", False),
        ({"multipleOf": 10}, b"98249283749234923498293171823948729348710", True),
    ]
    for schema, text, valid in cases:
        direct, streaming = compile_schema(schema), wrapped(schema, {}, None)
        for size in SIZES:
            document = b'{"head":1,"rows":[' + text + b"," + text + b"]}"
            assert (judge_buffered(direct, text, size) is None) is valid
            assert (judge_streamed(streaming, document, size) is None) is valid
            assert orjson.loads(document)["head"] == 1
