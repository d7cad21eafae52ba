"""Edits in JSON texts against a model that edits the parsed value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.inspection import Erasure, Removal, TextEdit
from clyra_proxy.genai.rewrite import RewriteError, edit_text, rewrite


def test_only_the_named_string_changes() -> None:
    text = b'{ "a": 1.0, "b": [ "x secret y", {"c/d~e": "\\u00e9 secret"} ], "n": 12345678901234567890123 }'
    edits = [TextEdit("/b/0", 2, 8, "***"), TextEdit("/b/1/c~1d~0e", 2, 8, "#")]
    changed = rewrite(text, edits)
    assert changed == '{ "a": 1.0, "b": [ "x *** y", {"c/d~e": "é #"} ], "n": 12345678901234567890123 }'.encode()


@pytest.mark.parametrize(
    ("gone", "left"),
    [((0,), [1, 2, 3]), ((3,), [0, 1, 2]), ((1, 2), [0, 3]), ((2, 3), [0, 1]), ((0, 1, 2, 3), []), ((0, 3), [1, 2])],
)
def test_elements_go_with_their_commas(gone: tuple[int, ...], left: list[int]) -> None:
    text = b'{"tools": [ {"i":0} ,{"i":1}, {"i":2},\n {"i":3} ], "z": 1}'
    changed = json.loads(rewrite(text, [Removal(f"/tools/{index}") for index in gone]))
    assert [one["i"] for one in changed["tools"]] == left
    assert changed["z"] == 1


def test_json_within_a_string() -> None:
    inner = '{ "to": "x secret y", "n": 1.0, "deep": "{\\"k\\": \\"secret\\"}" }'
    text = json.dumps({"function": {"arguments": inner}, "#": {"a": "secret"}}).encode()
    edits = [
        TextEdit("/function/arguments/#/to", 2, 8, '"*"'),
        TextEdit("/function/arguments/#/deep/#/k", 0, 6, "+"),
        TextEdit("/#/a", 0, 6, "-"),
    ]
    changed = json.loads(rewrite(text, edits))
    assert changed["function"]["arguments"] == '{ "to": "x \\"*\\" y", "n": 1.0, "deep": "{\\"k\\": \\"+\\"}" }'
    assert changed["#"] == {"a": "-"}


@pytest.mark.parametrize("path", ["/a/#/x", "/b/0/#/k", "/n/#/x", "/#"])
def test_what_is_no_json_has_nothing_inside(path: str) -> None:
    with pytest.raises(RewriteError):
        rewrite(b'{"a": "text", "b": ["[]"], "n": 5}', [TextEdit(path, 0, 1, "")])


@pytest.mark.parametrize("path", ["/x", "/a/0", "nonsense", "/b/7", "/n"])
def test_a_place_that_is_not_there(path: str) -> None:
    with pytest.raises(RewriteError):
        rewrite(b'{"a": "text", "b": ["t"], "n": 5}', [TextEdit(path, 0, 1, "")])


def test_a_value_is_emptied_with_all_in_it() -> None:
    text = b'{"a": [{"b": "secret"}], "c": {"d": ["x"]}, "e": "f"}'
    edits = [Erasure("/a"), TextEdit("/a/0/b", 0, 6, ""), Erasure("/c"), Erasure("/c"), TextEdit("/e", 0, 1, "g")]
    assert rewrite(text, edits) == b'{"a": [], "c": null, "e": "g"}'


def test_overlapping_edits_lose_both_ranges() -> None:
    assert (
        edit_text("0123456789", [TextEdit("", 2, 6, "A"), TextEdit("", 4, 8, "B"), TextEdit("", 9, 10, "C")]) == "01A8C"
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def _strings(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, list):
        return [found for i, one in enumerate(value) for found in _strings(one, f"{path}/{i}")]
    if isinstance(value, dict):
        return [
            found
            for key, one in value.items()
            for found in _strings(one, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
        ]
    return []


@given(st.data(), VALUES, st.sampled_from([None, 1]))
def test_every_string_of_any_text_can_be_edited(data: st.DataObject, value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    places = [(path, found) for path, found in _strings(value) if found.isprintable()]
    if not places:
        return
    path, found = data.draw(st.sampled_from(places))
    start = data.draw(st.integers(0, len(found)))
    end = data.draw(st.integers(start, len(found)))
    changed = json.loads(rewrite(text, [TextEdit(path, start, end, "NEW")]))
    assert dict(_strings(changed))[path] == found[:start] + "NEW" + found[end:]
    rest = [(p, s) for p, s in _strings(changed) if p != path]
    assert rest == [(p, s) for p, s in _strings(value) if p != path]
