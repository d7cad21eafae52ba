"""Splitters: the same items for every split of the same bytes, and offsets that never run ahead."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.stream.csv_records import CsvError, CsvSplitter
from clyra_proxy.stream.events import Event, EventSplitter
from clyra_proxy.stream.form import FormError, read_form
from clyra_proxy.stream.lines import LineSplitter
from clyra_proxy.stream.multipart import MultipartError, MultipartSplitter


def split(make: Callable[[], Any], text: bytes, cuts: list[int]) -> list[Any]:
    """All items, feeding `text` in pieces of the given sizes; checks the splitter's bookkeeping on the way."""
    splitter, items, at = make(), [], 0
    for size in [*cuts, len(text)]:
        items += splitter.decode(text[at : at + size])
        at = min(at + size, len(text))
        assert 0 <= splitter.passed <= at
        assert splitter.passed + splitter.held == at
    return items + splitter.flush()


CUTS = st.lists(st.integers(1, 9), max_size=40)


@settings(max_examples=150)
@given(text=st.text("ab\r\n{}", max_size=60), cuts=CUTS)
def test_lines(text: str, cuts: list[int]) -> None:
    raw = text.encode()
    expected = [line.removesuffix(b"\r") for line in raw.split(b"\n")[:-1]]
    last = raw.rpartition(b"\n")[2]
    assert split(LineSplitter, raw, cuts) == expected + ([last] if last else [])


def reference_events(raw: bytes) -> list[Event]:
    """The standard's algorithm, line by line over the whole text; the unfinished event counts."""
    found, name, data = [], "", []
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for line in [*text.split("\n"), ""]:
        if line == "":
            if data:
                found.append(Event(name, "\n".join(data).encode()))
            name, data = "", []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                data.append(value)
            elif field == "event":
                name = value
    return found


EVENT_LINES = st.sampled_from(["data: x", "data:", "data", "event: go", ":note", "id: 1", "", "", "data: {}"])


@settings(max_examples=200)
@given(lines=st.lists(st.tuples(EVENT_LINES, st.sampled_from(["\n", "\r", "\r\n"])), max_size=12), cuts=CUTS)
def test_events(lines: list[tuple[str, str]], cuts: list[int]) -> None:
    raw = "".join(line + ending for line, ending in lines).encode()
    assert split(EventSplitter, raw, cuts) == reference_events(raw)


def test_events_drop_one_byte_order_mark_and_join_lines() -> None:
    assert split(EventSplitter, b"\xef\xbb\xbfdata: a\r\ndata:  b\r\n\r\n", [1]) == [Event("", b"a\n b")]


FIELDS = st.text('ab,"\n é', max_size=6)


@settings(max_examples=150)
@given(
    rows=st.lists(st.lists(FIELDS, min_size=2, max_size=3), max_size=6),
    cuts=CUTS,
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_csv_agrees_with_an_independent_reader(rows: list[list[str]], cuts: list[int], ending: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=ending).writerows(rows)
    made = [[field.decode() for field in record] for record in split(CsvSplitter, out.getvalue().encode(), cuts)]
    assert made == rows


@pytest.mark.parametrize("text", [b'a"b,c\n', b'"a"b,c\n', b'"open', b"a\rb\n", b'a,"b"c\n'])
def test_csv_that_readers_disagree_about_is_refused(text: bytes) -> None:
    for cuts in ([], [1] * len(text)):
        with pytest.raises(CsvError):
            split(CsvSplitter, text, cuts)


def test_form() -> None:
    assert read_form(b"a=1&b=x+y&c=%C3%A9&d&&e=%3D") == [("a", "1"), ("b", "x y"), ("c", "é"), ("d", ""), ("e", "=")]
    for wrong in (b"a=%", b"a=%4", b"a=%zz", b"a=%ff"):
        with pytest.raises(FormError):
            read_form(wrong)


NAMED = b"Content-Disposition: form-data; name=a"
MULTIPART = (
    b'--xyz\r\nContent-Disposition: form-data; name="meta"\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\n\r\n--xy\r\n-\r\n--xyz--\r\n'
)


@settings(max_examples=100)
@given(cuts=CUTS)
def test_multipart(cuts: list[int]) -> None:
    splitter, parts, at = MultipartSplitter("xyz"), {}, 0
    for size in [*cuts, len(MULTIPART)]:
        for part in splitter.decode(MULTIPART[at : at + size]):
            parts[part.name] = part
        at += size
        assert splitter.passed <= at
    splitter.flush()
    assert [(part.name, part.filename, b"".join(part.content), part.ended) for part in parts.values()] == [
        ("meta", None, b'{"a":1}', True),
        ("file", "f.bin", b"\r\n--xy\r\n-", True),
    ]


def test_nothing_is_all_that_may_follow_the_closing_delimiter() -> None:
    splitter = MultipartSplitter("xyz")
    for data in (MULTIPART, b"", b"\r", b"\n \t\r\n"):
        splitter.decode(data)
    splitter.flush()
    with pytest.raises(MultipartError, match="epilogue"):
        splitter.decode(b"x")


@pytest.mark.parametrize(
    "text",
    [
        b"preamble\r\n--xyz--",
        b"--xyz\r\n\r\nno disposition\r\n--xyz--",
        b"--xyz\r\n" + NAMED + b"\r\n\r\nx\r\n--xyz",
        b"--xyzz\r\n" + NAMED + b"\r\n\r\nx\r\n--xyz--",
        b"--xyz\r\n" + NAMED + b"\r\n" + NAMED + b"\r\n\r\nx\r\n--xyz--",
        b"--xyz\r\n folded\r\n\r\nx\r\n--xyz--",
        b"--xyz\r\n" + NAMED + b"; name=b\r\n\r\nx\r\n--xyz--",
        b"--xyz\r\n" + NAMED + b"; Name=b\r\n\r\nx\r\n--xyz--",
        b"--xyz\r\n" + NAMED + b"; name*=utf-8''b\r\n\r\nx\r\n--xyz--",
        b"--xyz\r\nContent-Disposition: form-data; name*=utf-8''b\r\n\r\nx\r\n--xyz--",
        b"--xyz\r\n" + NAMED + 2 * b"\r\nContent-Transfer-Encoding: 8bit" + b"\r\n\r\nx\r\n--xyz--",
        b"--xyz\r\n" + NAMED + b"\r\n\r\nx\r\n--xyz--\r\n--xyz\r\n" + NAMED + b"\r\n\r\ny\r\n--xyz--",
        b"--xyz\r\n" + NAMED + b"\r\n\r\nx\r\n--xyz--\r\nepilogue",
        b"--xyz\r\nA: " + b"x" * 20_000,
    ],
)
def test_multipart_that_readers_disagree_about_is_refused(text: bytes) -> None:
    for size in (len(text), 1):
        splitter = MultipartSplitter("xyz")
        with pytest.raises(MultipartError):  # noqa: PT012 - one of them raises
            for at in range(0, len(text), size):
                splitter.decode(text[at : at + size])
            splitter.flush()
