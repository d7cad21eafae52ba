"""Driving SchemaLock's sessions and gates in tests: one schema, one text, any split, one verdict."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from clyra_proxy.checks import EVERYTHING, BodySession, Violation
from clyra_proxy.exchange import Exchange, RequestHead
from clyra_proxy.schemalock.admission import Admission
from clyra_proxy.schemalock.buffered import BufferedSession
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.judge import Judge, Modes
from clyra_proxy.schemalock.session import StreamSession
from clyra_proxy.schemalock.taker import WALK_INTO
from clyra_proxy.stream.limits import DEFAULT_LIMITS, BodyLimits
from clyra_proxy.verdict.model import Finding, Phase
from tests.support.exchanges import ROUTE, exchange

ENFORCING = Modes(ROUTE)


def cut(text: bytes, size: int | random.Random) -> Iterator[bytes]:
    """`text` in chunks of `size` bytes, or of random sizes."""
    at = 0
    while at < len(text):
        step = size if isinstance(size, int) else size.choice((1, 2, 3, 7, 30, 200, 5000))
        yield text[at : at + step]
        at += step


def buffered(schema: CompiledSchema | None, limits: BodyLimits = DEFAULT_LIMITS) -> BufferedSession:
    judge = Judge(ENFORCING, Phase.REQUEST_BODY, schema is not None)
    return BufferedSession(judge, Admission(limits), schema, limits.max_buffer, required=True)


def streamed(
    schema: CompiledSchema | None,
    limits: BodyLimits = DEFAULT_LIMITS,
    hold_whole: int = 0,
    walk_into: int = WALK_INTO,
) -> StreamSession:
    judge = Judge(ENFORCING, Phase.REQUEST_BODY, schema is not None)
    return StreamSession(
        judge, Admission(limits), schema, limits, required=True, hold_whole=hold_whole, walk_into=walk_into
    )


def drive(session: BodySession, chunks: Sequence[bytes] | Iterator[bytes]) -> tuple[Finding | None, int]:
    """Feed and finish; return the finding (None: accepted) and how many bytes were cleared before the end.

    Asserts that watermarks are sound: never falling, never beyond what was seen.
    """
    seen = mark = 0
    try:
        for chunk in chunks:
            seen += len(chunk)
            found = session.feed(chunk)
            assert mark <= found
            assert found <= seen or found == EVERYTHING
            mark = found
        assert session.finish() >= seen
    except Violation as violation:
        return violation.finding, min(mark, seen)
    return None, min(mark, seen)


def is_whole_json(text: bytes) -> bool:
    """True when `text` is one complete JSON text."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def judge_streamed(
    schema: CompiledSchema | None,
    text: bytes,
    size: int | random.Random,
    limits: BodyLimits = DEFAULT_LIMITS,
    walk_into: int = WALK_INTO,
) -> Finding | None:
    """The verdict of tier A; asserts that what was cleared before the end is not a whole document."""
    finding, cleared = drive(streamed(schema, limits, walk_into=walk_into), cut(text, size))
    assert not is_whole_json(text[:cleared])
    return finding


def judge_buffered(
    schema: CompiledSchema | None, text: bytes, size: int | random.Random, limits: BodyLimits = DEFAULT_LIMITS
) -> Finding | None:
    """The verdict of tier B; asserts that nothing was cleared before the end."""
    finding, cleared = drive(buffered(schema, limits), cut(text, size))
    assert cleared == 0
    return finding


def request(
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-type", b"application/json"),), **route: Any
) -> Exchange:
    """An exchange whose route is the tests' enforcing one, with changes."""
    made = exchange()
    made.route = replace(ROUTE, **route)
    made.request = RequestHead(((b"host", b"api.crm.example"), *headers), "POST", "/v2/contacts/batch", "HTTP/1.1")
    made.verdict = None
    made.finished = False
    return made
