"""W3C Trace Context (trace-context-1): continue the caller's trace, or start one.

Guarantees: a header that breaks the grammar starts a new trace and is never passed on; two `traceparent` fields are
none (section 3.2.2.5); the tracestate is kept only beside a valid traceparent, and only whole members of it; ids are
never all zero. The span of the exchange is new, so upstream sees the proxy as its parent.
"""

from __future__ import annotations

import os
import re
from itertools import islice

from clyra_proxy.exchange import Head, TraceContext

# Version 00 is exactly this; a later version may append members after another hyphen (section 4.3).
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_MEMBER = re.compile(_KEY + r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_MOST_MEMBERS = 32
_LONGEST_STATE = 512
_LONGEST_READ = 4096
_KNOWN_FLAGS = 0x01  # sampled; other bits are reserved and must be sent as zero


def trace_of(head: Head) -> TraceContext:
    """The trace context to work under and to send upstream (`TraceContext.traceparent`, `.state`)."""
    values = list(islice(head.get_all("traceparent"), 2))
    if len(values) == 1 and (parent := _parse(values[0])) is not None:
        trace_id, span_id, flags = parent
        return TraceContext(
            trace_id=trace_id,
            span_id=new_span_id(),
            parent_span_id=span_id,
            flags=flags,
            state=_state(head),
        )
    return TraceContext(trace_id=new_trace_id(), span_id=new_span_id())


def new_trace_id() -> str:
    """16 random bytes in hex, never all zeros (trace-context-1, 3.2.2.3)."""
    while (trace_id := os.urandom(16).hex()) == _NO_TRACE:
        pass
    return trace_id


def new_span_id() -> str:
    """8 random bytes in hex, never all zeros (trace-context-1, 3.2.2.4)."""
    while (span_id := os.urandom(8).hex()) == _NO_SPAN:
        pass
    return span_id


def _parse(value: str) -> tuple[str, str, str] | None:
    """Trace id, parent id and flags of a traceparent, or None."""
    found = _TRACEPARENT.fullmatch(value.strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return trace_id, span_id, f"{int(flags, 16) & _KNOWN_FLAGS:02x}"


def _state(head: Head) -> str:
    """All tracestate fields as one; "" when any member breaks the grammar or a key comes twice."""
    combined = ",".join(head.get_all("tracestate"))
    if not combined or len(combined) > _LONGEST_READ:
        return ""
    members = [member for part in combined.split(",") if (member := part.strip(" \t"))]
    keys = {member.partition("=")[0] for member in members}
    if len(members) > _MOST_MEMBERS or len(keys) != len(members):
        return ""
    if not all(_MEMBER.fullmatch(member) for member in members):
        return ""
    while len(",".join(members)) > _LONGEST_STATE:  # section 3.3.1.5: whole members, from the right
        members.pop()
    return ",".join(members)
