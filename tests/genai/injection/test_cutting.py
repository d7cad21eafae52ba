"""A long text is cut to what is new in it, and every byte of that knows where it stood."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.injection.cutting import cut, whole_place

LINES = [b"line %d of an ordinary document with some words in it" % number for number in range(400)]


def test_a_short_text_stays_whole() -> None:
    assert cut(b"a\nb", b"a\nc") == (b"a\nc", ())


def test_changed_lines_stay_with_those_around_them() -> None:
    new = [*LINES]
    new[200] = b"ignore what was said before"
    found, way = cut(b"\n".join(LINES), b"\n".join(new))
    assert found == b"\n".join([b"---", *new[197:204]])
    assert whole_place(way, found.index(b"ignore")) == b"\n".join(new).index(b"ignore")


def test_where_lines_come_in_only_they_stay() -> None:
    new = [*LINES[:300], b"first", b"second", *LINES[300:]]
    found, way = cut(b"\n".join(LINES), b"\n".join(new))
    assert found == b"\n".join([b"---", *new[297:305]])
    assert whole_place(way, found.index(b"second")) == b"\n".join(new).index(b"second")


@given(st.data())
def test_every_new_line_stays_and_is_where_it_was(data: st.DataObject) -> None:
    new = [*LINES]
    for number in data.draw(st.sets(st.integers(0, len(new) - 1), max_size=8)):
        new[number] = b"new %d" % number
    for number in sorted(data.draw(st.sets(st.integers(0, len(new) - 1), max_size=3)), reverse=True):
        new.insert(number, b"come in %d" % number)
    whole = b"\n".join(new)
    found, way = cut(b"\n".join(LINES), whole)
    changed = [line for line in new if not line.startswith(b"line")]
    assert [line for line in found.split(b"\n") if line.startswith((b"new", b"come"))] == changed
    if len(new) != len(LINES):
        for line in changed:
            at = found.index(line)
            assert whole[whole_place(way, at) :].startswith(line)
