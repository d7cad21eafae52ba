"""Schemas x documents x chunkings: the streaming tier against oracles that share nothing with it.

Oracles: `json` (grammar, duplicate keys), the python backend of `ijson` (the same text as events) and `jsonschema`
(verdict). They are slow and hold everything, which is why they are here and not on the data path.
"""

from __future__ import annotations

import io
import json
import random
from typing import Any

import ijson.backends.python as slow_json
import jsonschema
import pytest

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock.compile import CompiledSchema, compile_schema
from clyra_proxy.schemalock.hostile import inspect_schema
from tests.support.bodies import judge_buffered, judge_streamed
from tests.support.generating import Generator


class _DuplicateKey(ValueError):
    pass


def _pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) != len(members):
        raise _DuplicateKey
    return made


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def oracle(schema: Any, text: bytes) -> bool:
    """Whether the text is admissible and satisfies the schema, by the slow libraries."""
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_pairs, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate cannot be written
    except (ValueError, RecursionError):
        return False
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def check(compiled: CompiledSchema, schema: Any, text: bytes, rng: random.Random) -> bool:
    expected = oracle(schema, text)
    verdicts = (
        judge_buffered(compiled, text, 4096) is None,
        judge_streamed(compiled, text, 1) is None,
        judge_streamed(compiled, text, rng) is None,
        judge_streamed(compiled, text, 4096) is None,
        judge_streamed(compiled, text, 1, walk_into=1) is None,
        judge_streamed(compiled, text, rng, walk_into=30) is None,
        judge_streamed(None, text, rng, walk_into=2) is None,
    )
    admitted = oracle(True, text)
    assert verdicts == (expected,) * 6 + (admitted,), (schema, text, verdicts, expected)
    return expected


def run(seed: int, schemas: int, documents: int) -> tuple[int, int, int]:
    """Returns cases, cases under a streaming plan, cases accepted."""
    generator = Generator(seed)
    cases = streaming = accepted = 0
    for _ in range(schemas):
        schema = generator.schema()
        try:
            inspect_schema(schema, source="generated")
        except SchemaError:
            continue  # references in a circle: refused at load
        compiled = compile_schema(schema)
        for _ in range(documents):
            text = generator.text(generator.document(schema))
            if generator.random.random() < 0.2:
                text = generator.damage(text)
            accepted += check(compiled, schema, text, generator.random)
            cases += 1
            streaming += compiled.plan is not None
    return cases, streaming, accepted


@pytest.mark.parametrize("seed", range(4))
def test_streaming_agrees_with_independent_oracles(seed: int) -> None:
    cases, streaming, accepted = run(seed, schemas=120, documents=5)
    assert streaming > cases // 5  # the generator still makes schemas that stream
    assert cases // 6 < accepted < cases  # and documents on both sides


@pytest.mark.comprehensive
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 110))
def test_streaming_agrees_with_independent_oracles_at_length(seed: int) -> None:
    cases, _, _ = run(seed, schemas=2200, documents=5)
    assert cases >= 10_000


def test_elements_are_the_events_of_an_independent_parser() -> None:
    """What streams through is what ijson's python backend reads from the same bytes."""
    generator = Generator(7)
    for _ in range(150):
        text = generator.text({"rows": [generator.anything(2) for _ in range(5)]})
        if not oracle(True, text):
            continue
        elements = list(slow_json.items(io.BytesIO(text), "rows.item", use_float=False))
        exact = compile_schema(
            {"type": "object", "properties": {"rows": {"type": "array", "minItems": len(elements), "maxItems": 5}}}
        )
        assert judge_streamed(exact, text, generator.random) is None
        short = compile_schema({"properties": {"rows": {"type": "array", "maxItems": len(elements) - 1}}})
        assert judge_streamed(short, text, generator.random) is not None
