"""The record schemas as other languages read them: few keywords, plain patterns, and files that are not stale."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from recorder import canonical, record, record_schemas
from recorder.admission import parse_batch
from tests.support.recorder_process import batch_body
from tests.support.schema_instances import changed, holds, instance

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


@pytest.mark.parametrize("typ", record.TYPES)
def test_a_plain_reading_of_the_schemas_gives_the_same_answer(typ: str) -> None:
    """What an implementation in another language does, against the validator this one uses."""
    schema, real = record.schema_of(typ), jsonschema_rs.Draft202012Validator(record.schema_of(typ))
    chance = random.Random(typ)
    answers = set()
    for turn in range(40):
        value = instance(schema, chance, fullness=turn % 5 / 4)
        assert real.is_valid(value), [str(error) for error in real.iter_errors(value)]
        for _ in range(6):
            other = changed(value, chance)
            assert holds(schema, other) == real.is_valid(other), other
            answers.add(real.is_valid(other))
    assert answers == {True, False}


@pytest.mark.parametrize("typ", record.TYPES)
def test_instances_are_records_and_read_back_quickly(typ: str) -> None:
    chance = random.Random(f"read {typ}")
    for fullness in (0.0, 0.5, 1.0):
        value = instance(record.schema_of(typ), chance, fullness)
        line = record.encode(value)
        assert record.read_sound(line) == value
        assert canonical.check(line) == value


def test_sources_may_write_every_type_about_processes_and_data_and_none_of_the_log(open_store: Any) -> None:
    store = open_store()
    chance = random.Random(7)
    events = []
    for typ in record.TYPES:
        value = instance(record.schema_of(typ), chance, 0.6)
        events.append({name: part for name, part in value.items() if name in record.SOURCE_FIELDS})
    batch = parse_batch(batch_body("p", 1, events), "source", "a" * 64)
    refused = dict(store.commit([batch]).results[0].rejected)
    own = {number for number, typ in enumerate(record.TYPES, 1) if typ.startswith("sys.")}
    assert refused == dict.fromkeys(own, "E_SCHEMA")
