"""A valid trace is continued, an invalid one is never passed on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.exchange import Head, TraceContext
from clyra_proxy.identity.trace import new_span_id, new_trace_id, trace_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"


def traced(*fields: tuple[str, str]) -> TraceContext:
    return trace_of(Head(tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)))


def test_a_trace_is_continued_with_a_span_of_our_own() -> None:
    trace = traced(("Traceparent", VALID), ("tracestate", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"))
    assert (trace.trace_id, trace.parent_span_id, trace.flags) == (TRACE, SPAN, "01")
    assert trace.span_id != SPAN
    assert trace.state == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"
    assert trace.traceparent == f"00-{TRACE}-{trace.span_id}-01"


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (VALID, "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-ff", "01"),
        (f"00-{TRACE}-{SPAN}-02", "00"),
        (f" {VALID}\t", "01"),
        (f"cc-{TRACE}-{SPAN}-01", "01"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-holds", "01"),
    ],
)
def test_what_continues(value: str, flags: str) -> None:
    trace = traced(("traceparent", value))
    assert (trace.trace_id, trace.parent_span_id, trace.flags) == (TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}\u00b2-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"{VALID},{VALID}",
        f"{VALID}\n",
    ],
)
def test_what_starts_anew(value: str) -> None:
    trace = traced(("traceparent", value), ("tracestate", "a=1"))
    assert trace.trace_id != TRACE
    assert (trace.parent_span_id, trace.state) == ("", "")


def test_two_traceparents_are_none() -> None:
    assert traced(("traceparent", VALID), ("traceparent", VALID)).trace_id != TRACE


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        (["a=1", "b=2"], "a=1,b=2"),
        (["a=1 , ,b=2"], "a=1,b=2"),
        (["tenant@system=x"], "tenant@system=x"),
        (["a=1,a=2"], ""),
        (["A=1"], ""),
        (["a"], ""),
        (["a=b=c"], ""),
        (["a=1\x01"], ""),
        ([",".join(f"k{n}=v" for n in range(33))], ""),
        (["a=" + "v" * 257], ""),
        (["x=" + "v" * 5000], ""),
        ([",".join(f"k{n}={'v' * 200}" for n in range(5))], ",".join(f"k{n}={'v' * 200}" for n in range(2))),
    ],
)
def test_tracestate(fields: list[str], state: str) -> None:
    assert traced(("traceparent", VALID), *(("tracestate", field) for field in fields)).state == state


SHAPE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=70), st.text(alphabet="ab=,@ \t-1é", max_size=40))
def test_whatever_comes_what_leaves_is_well_formed(parent: str, state: str) -> None:
    trace = traced(("traceparent", parent), ("tracestate", state))
    assert SHAPE.fullmatch(trace.traceparent)
    assert trace.state.isascii()


def test_new_ids_differ() -> None:
    assert len({new_trace_id() for _ in range(1000)}) == len({new_span_id() for _ in range(1000)}) == 1000
