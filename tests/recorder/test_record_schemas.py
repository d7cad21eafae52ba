"""The record schemas as other languages read them: few keywords, plain patterns, and files that are not stale."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from recorder import record, record_schemas

ROOT = Path(__file__).parents[2]
_PLAIN_PATTERN = re.compile(r"\^(?:\[[^\[\]]+\]|\([^()?]*\)|\\\.|[A-Za-z0-9:_-]|\{[0-9]+(?:,[0-9]+)?\}|\?)+\$")


def _schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside, itself included."""
    yield schema
    for part in schema.get("properties", {}).values():
        yield from _schemas(part)
    for word in ("items", "if", "then", "else"):
        if word in schema:
            yield from _schemas(schema[word])
    for word in ("allOf", "anyOf"):
        for part in schema.get(word, ()):
            yield from _schemas(part)


@pytest.mark.parametrize("name", [*record.TYPES, record_schemas.ENVELOPE])
def test_only_the_listed_keywords_and_plain_patterns(name: str) -> None:
    for schema in _schemas(orjson.loads(record_schemas.composed(name))):
        assert schema.keys() <= record_schemas.KEYWORDS | record_schemas.ANNOTATIONS
        assert schema.get("additionalProperties", False) is False
        assert isinstance(schema.get("type", ""), str)
        if "pattern" in schema:
            assert _PLAIN_PATTERN.fullmatch(schema["pattern"])


@pytest.mark.parametrize("name", record.TYPES)
def test_every_string_number_and_list_of_a_type_is_bounded(name: str) -> None:
    for schema in _schemas(record.schema_of(name)):
        kind = schema.get("type")
        if kind == "string":
            assert "maxLength" in schema or "pattern" in schema
        elif kind == "array":
            assert schema["maxItems"] <= 64
        elif kind == "integer":
            assert schema["minimum"] >= 0


def test_the_packaged_files_are_what_the_schemas_say(tmp_path: Path) -> None:
    """Stale? Run `python -m recorder.record_schemas recorder/schemas/composed`."""
    subprocess.run([sys.executable, "-m", "recorder.record_schemas", str(tmp_path)], check=True, cwd=ROOT)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in (ROOT / "recorder/schemas/composed").iterdir()}
    assert made == kept
    assert record_schemas.packaged("sys.close") == made["sys.close.json"]
    assert len(made) == len(record.TYPES) + 1


def test_every_schema_file_belongs_to_a_type() -> None:
    files = {path.stem for path in (ROOT / "recorder/schemas").glob("*.json")}
    assert files == {*record.TYPES, record_schemas.ENVELOPE}
