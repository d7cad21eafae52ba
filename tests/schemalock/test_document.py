"""Documents people write: read strictly, and every place has a line."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.errors import SchemaError
from clyra_proxy.json_pointer import escape
from clyra_proxy.schemalock.document import parse_document

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(8)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("200: ok\non: yes\nn: 010\nd: 2026-01-01\nf: 1e3\nz: ~\n", None),
        ('{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}\n", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("k: 'true'\n", {"k": "true"}),
    ],
)
def test_reads(text: str, value: Any) -> None:
    expected = value or {"200": "ok", "on": "yes", "n": 10, "d": "2026-01-01", "f": 1000.0, "z": None}
    assert parse_document(text.encode(), "x").value == expected


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"a":1,"a":2}', "not usable JSON"),
        (b"a: 1\nb: 2\na: 3\n", "x:3 is not usable YAML"),
        (b"a: !!python/object/apply:os.system [ls]\n", "not usable YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 300 + b"]" * 300, "x"),
        (BOMB.encode(), "too complex"),
        (b"a: &a [*a]\n", "too complex"),
        (b'{"a": 1} x', "not usable JSON"),
        (b'{"maximum": 1e400}', "not usable JSON"),
        (b'{"const": "\\ud800"}', "not usable JSON"),
        (b"a: [1\n", "not usable YAML"),
    ],
)
def test_refuses(raw: bytes, says: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_document(raw, "x")
    assert says in caught.value.what


def test_lines() -> None:
    text = '{\n "a": 1,\n "b": {"c": [\n   10,\n   {"d/e": {\n     "x\\u0041": true}}]}\n}\n'
    document = parse_document(text.encode(), "f.json")
    assert document.where("/b/c/1/d~1e/xA") == "f.json:6"
    assert document.where("/b/c/0") == "f.json:4"
    assert document.where("/b/nothing/here") == "f.json:3"
    assert document.where("") == "f.json:1"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
def test_the_line_of_every_pointer_agrees_with_a_yaml_parser(value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=1)
    document = parse_document(text.encode(), "f")

    def check(node: yaml.Node, pointer: str, line: int) -> None:
        assert document.where(pointer) == f"f:{line}"
        if isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                check(
                    child,
                    f"{pointer}/{escape(json.loads(text[key.start_mark.index : key.end_mark.index]))}",
                    key.start_mark.line + 1,
                )
        elif isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                check(child, f"{pointer}/{index}", child.start_mark.line + 1)

    check(yaml.compose(text, Loader=yaml.SafeLoader), "", 1)
