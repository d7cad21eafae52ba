"""Compressed bombs cost the worker next to nothing: judged by its peak memory, not by time.

Each bomb is made here, piece by piece: one GiB of blanks in every coding, the smallest a brotli stream of 809 bytes.
Peak memory is what the kernel says (`VmHWM` in /proc/PID/status).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from tests.support.memory import MIB, Peak, worker_of
from tests.support.posting import WAYS, Pair, Way, send
from tests.support.proxy import RunningProxy
from tests.support.raw import Answer
from tests.support.record_cases import SMALL, coded
from tests.support.replies import Reply

GIB = 1 << 30
ROOM = 8 * MIB
"""What a bomb may cost."""
BLANKS = b" " * (4 * MIB)
"""JSON allows them, so that nothing but the coding is wrong."""
REFUSALS = ("coding_bomb", "body_too_large")
"""The ratio shows when a MiB has been decoded; blanks before a streamed document are not held that long."""
JSON = ("content-type", "application/json")


def brotli_bomb() -> bytes:
    stream = brotli.Compressor(quality=9, lgwin=24)
    parts = [stream.process(BLANKS) for _ in range(GIB // len(BLANKS))]
    return b"".join([*parts, stream.finish()])


def zlib_bomb(window: int) -> bytes:
    stream = zlib.compressobj(1, wbits=window)
    parts = [stream.compress(BLANKS) for _ in range(GIB // len(BLANKS))]
    return b"".join([*parts, stream.flush()])


def zstd_bomb(window_log: int = 20) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(compression_level=1, window_log=window_log)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    parts = [stream.compress(BLANKS) for _ in range(GIB // len(BLANKS))]
    return b"".join([*parts, stream.flush()])


BOMBS: dict[str, Callable[[], bytes]] = {
    "br": brotli_bomb,
    "gzip": lambda: zlib_bomb(31),
    "deflate": lambda: zlib_bomb(15),
    "zstd": zstd_bomb,
}


@pytest.fixture(scope="module", params=BOMBS)
def bomb(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    return request.param, BOMBS[request.param]()


@pytest.fixture(scope="module")
def worker(records_proxy: RunningProxy) -> int:
    return worker_of(records_proxy)


def code_of(answer: Answer) -> str:
    return str(json.loads(answer.body)["code"])


def warm_up(proxy: RunningProxy, pair: Pair, coding: str) -> None:
    """Let the worker load and allocate what any coded body needs."""
    for way in WAYS:
        body = coded("good", SMALL, coding)
        send(proxy, pair.of(way), way, "/records/warm", body, (JSON, ("content-encoding", coding)))


def test_the_brotli_bomb_has_809_bytes() -> None:
    assert len(brotli_bomb()) == 809


@pytest.mark.parametrize("path", ["/records/bomb", "/spooled/bomb", "/no-schema"])
def test_a_bomb_in_a_request(
    records_proxy: RunningProxy, pair: Pair, worker: int, bomb: tuple[str, bytes], path: str
) -> None:
    coding, body = bomb
    warm_up(records_proxy, pair, coding)
    pair.clear()
    peak = Peak(worker)
    for way in (WAYS[0], WAYS[-1]):
        answer = send(records_proxy, pair.of(way), way, path, body, (JSON, ("content-encoding", coding)))
        assert (answer.status, answer.complete) == (413, True)
        assert code_of(answer) in REFUSALS
        assert pair.of(way).journal.settled()
        assert not pair.of(way).journal.messages
    assert peak.grown < ROOM


def test_a_bomb_behind_a_good_beginning(
    records_proxy: RunningProxy, pair: Pair, worker: int, bomb: tuple[str, bytes]
) -> None:
    """Blanks inside the document: JSON allows them, and they are all that remains in memory of a gigabyte."""
    coding, _ = bomb
    body = blank_document(coding)
    warm_up(records_proxy, pair, coding)
    pair.clear()
    peak = Peak(worker)
    answer = send(records_proxy, pair.h1, WAYS[0], "/records/blank", body, (JSON, ("content-encoding", coding)))
    assert (answer.status, code_of(answer)) == (413, "coding_bomb")
    assert not pair.h1.journal.complete("/records/blank")
    assert peak.grown < ROOM


def blank_document(coding: str) -> bytes:
    """A good document with 256 MiB of blanks before its end."""
    start, end = b'{"source":"crm","records":[{"id":1,"email":"abc"}', b"]}"
    blanks = b" " * (4 * MIB)
    stream = {
        "br": lambda: brotli.Compressor(quality=5),
        "gzip": lambda: zlib.compressobj(1, wbits=31),
        "deflate": lambda: zlib.compressobj(1, wbits=15),
        "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    }[coding]()
    add = stream.process if coding == "br" else stream.compress
    parts = [add(start), *(add(blanks) for _ in range(64)), add(end)]
    return b"".join([*parts, stream.finish() if coding == "br" else stream.flush()])


@pytest.mark.parametrize("way", [WAYS[0], WAYS[-1]], ids=str)
def test_a_bomb_in_an_answer(
    records_proxy: RunningProxy, pair: Pair, worker: int, bomb: tuple[str, bytes], way: Way
) -> None:
    coding, body = bomb
    warm_up(records_proxy, pair, coding)
    pair.of(way).routes["/answers/bomb"] = Reply(headers=(JSON, ("content-encoding", coding)), body=(body,))
    peak = Peak(worker)
    answer = send(records_proxy, pair.of(way), way, "/answers/bomb", b"", (), "GET")
    assert answer.status == 502
    assert code_of(answer) in REFUSALS
    assert peak.grown < ROOM


@pytest.mark.parametrize(
    "codings",
    [
        ("gzip, gzip",),
        ("gzip, br",),
        ("gzip", "br"),
        ("deflate,zstd",),
        ("compress",),
        ("gzip;q=1",),
        ("x-unknown",),
        ("identity, gzip, gzip",),
    ],
)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_stacked_and_unknown_codings_are_refused(
    records_proxy: RunningProxy, pair: Pair, way: Way, codings: tuple[str, ...]
) -> None:
    body = coded("good", SMALL, "gzip")
    fields = (JSON, *(("content-encoding", coding) for coding in codings))
    answer = send(records_proxy, pair.of(way), way, "/records/stacked", body, fields)
    assert (answer.status, code_of(answer)) == (415, "coding_unsupported")
    assert not pair.of(way).journal.messages


def doubled(coding: str) -> bytes:
    return coded("good", SMALL, coding) * 2


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        *((coding, doubled(coding)) for coding in ("gzip", "deflate", "br", "zstd")),
        *((coding, coded("good", SMALL, coding)[:-1]) for coding in ("gzip", "deflate", "br", "zstd")),
        *((coding, coded("good", SMALL, coding) + b"x") for coding in ("gzip", "deflate", "br", "zstd")),
        *((coding, coded("good", SMALL, "")) for coding in ("gzip", "deflate", "br", "zstd")),
        *((coding, b"") for coding in ("gzip", "zstd")),
        ("zstd", zstd_bomb(27)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
@pytest.mark.parametrize("way", [WAYS[1], WAYS[-2]], ids=str)
def test_codings_that_two_readers_may_read_differently(
    records_proxy: RunningProxy, pair: Pair, way: Way, coding: str, body: bytes
) -> None:
    fields = (JSON, ("content-encoding", coding))
    answer = send(records_proxy, pair.of(way), way, "/records/odd", body, fields)
    assert answer.status in (413, 415, 422)
    assert pair.of(way).journal.settled()
    assert not pair.of(way).journal.complete("/records/odd")
