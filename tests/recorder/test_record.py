"""Record schemas: closed everywhere, and the quick reading gives the answer of the careful one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import canonical, record
from recorder.canonical import CanonicalError
from recorder.chain import Chain
from recorder.record import RecordError
from tests.support.recorder_process import intent, outcome


def _objects(schema: Any, depth: int = 1) -> Iterator[tuple[dict[str, Any], int]]:
    """Every schema of an object or array inside, with its depth."""
    if isinstance(schema, dict):
        if schema.get("type") in ("object", "array"):
            yield schema, depth
        for part in (*schema.get("properties", {}).values(), schema.get("items")):
            yield from _objects(part, depth + 1)


@pytest.mark.parametrize("typ", record.TYPES)
def test_every_object_is_closed_shallow_and_no_array_holds_numbers(typ: str) -> None:
    """What the quick reading relies on."""
    for schema, depth in _objects(record.schema_of(typ)):
        assert depth < canonical.MAX_DEPTH
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False
            assert all(canonical._KEY.fullmatch(key) for key in schema["properties"])
        else:
            items = schema["items"]
            assert items.get("type") in ("string", "object") or all(isinstance(word, str) for word in items["enum"])


def _line(event: dict[str, Any]) -> bytes:
    chain = Chain("log.example")
    chain.look_at_clock()
    fields = dict(event)
    return chain.append(fields.pop("typ"), fields, "p", 1, "a" * 64).line


LINES = [_line(intent("x", generation=3, headers=["a", "b"])), _line(outcome("x", findings_total=0))]


@given(st.sampled_from(LINES), st.data())
def test_the_quick_reading_never_accepts_what_the_careful_one_refuses(line: bytes, data: st.DataObject) -> None:
    changed = bytearray(line)
    at = data.draw(st.integers(0, len(line) - 1))
    piece = data.draw(
        st.sampled_from([b"", b"0", b".0", b"e0", b" ", b'"', b"\\", b"{", b"]", b"-", b"\xff", b",", b"A"])
    )
    changed[at : at + data.draw(st.integers(0, 2))] = piece
    quick = record.read_sound(bytes(changed))
    if quick is not None:
        assert canonical.check(bytes(changed)) == quick
        record.validate(quick)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"eval_us":7', b'"eval_us":7.0'),
        (b'"eval_us":7', b'"eval_us":7e0'),
        (b'"eval_us":7', b'"eval_us":-7'),
        (b'"eval_us":7', b'"eval_us":9007199254740992'),
        (b'"mono_us"', b'"mono_us":1,"mono_us"'),
        (b'"seq":0', b'"seq":0,"zeq":1'),
    ],
)
def test_what_json_schema_would_let_pass_is_refused(line: bytes, old: bytes, new: bytes) -> None:
    assert record.read_sound(line) is not None
    changed = line.replace(old, new)
    assert changed != line
    assert record.read_sound(changed) is None
    with pytest.raises((CanonicalError, RecordError)):
        record.validate(canonical.check(changed))


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b'{"typ":1}', b'{"typ":[]}', b'{"typ":"sys.unheard"}'])
def test_no_record_at_all(line: bytes) -> None:
    assert record.read_sound(line) is None


@given(st.integers(0, 253402300799999998))
def test_timestamps_are_reversible_and_ordered(micros: int) -> None:
    text = record.timestamp(micros)
    assert record.micros_of(text) == micros
    assert len(text) == 27
    assert record.timestamp(micros + 1) > text


def test_encoding_refuses_a_float_that_json_schema_takes_for_an_integer() -> None:
    value = orjson.loads(LINES[0])
    assert record.encode(value) == LINES[0]
    value["verdict"]["eval_us"] = 7.0
    with pytest.raises(RecordError):
        record.encode(value)
