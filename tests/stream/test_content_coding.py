"""Decoders: every split gives the same bytes, nothing grows beyond a piece, bombs and ambiguities are refused."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.stream.content_coding import PIECE, CodingError, open_decoder
from clyra_proxy.stream.limits import MIB, BodyLimits
from clyra_proxy.verdict.reasons import Reason

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
LIMITS = BodyLimits()


def decode(coding: str, raw: bytes, cuts: list[int] | None = None, limits: BodyLimits = LIMITS) -> bytes:
    decoder = open_decoder(coding, limits)
    assert decoder is not None
    made, at = bytearray(), 0
    for size in [*(cuts or []), len(raw)]:
        for piece in decoder.decode(raw[at : at + size]):
            assert 0 < len(piece) <= PIECE
            made += piece
        at += size
    decoder.flush()
    return bytes(made)


@pytest.mark.parametrize("coding", ENCODERS)
@settings(max_examples=40)
@given(data=st.binary(max_size=3000), cuts=st.lists(st.integers(1, 400), max_size=12), repeat=st.integers(1, 60))
def test_any_split_decodes_to_the_same_bytes(coding: str, data: bytes, cuts: list[int], repeat: int) -> None:
    body = data * repeat
    assert decode(coding, ENCODERS[coding](body), cuts) == body


@pytest.mark.parametrize("coding", ENCODERS)
@settings(max_examples=40)
@given(raw=st.binary(min_size=1, max_size=200))
def test_garbage_is_refused_and_never_crashes(coding: str, raw: bytes) -> None:
    with suppress(CodingError):  # and nothing else
        made = decode(coding, raw)
        assert len(made) <= LIMITS.max_decoded  # a few random bytes may happen to be a valid stream


@pytest.mark.parametrize("coding", ENCODERS)
def test_truncation_and_anything_after_the_end_are_refused(coding: str) -> None:
    coded = ENCODERS[coding](b"hello" * 100)
    for wrong in (coded[:-1], coded + b"\0", coded + coded, b""):
        with pytest.raises(CodingError) as caught:
            decode(coding, wrong)
        assert caught.value.reason is Reason.CODING_UNSUPPORTED
        with pytest.raises(CodingError):
            decode(coding, wrong, [1] * len(wrong))


@pytest.mark.parametrize("coding", ENCODERS)
def test_bombs_are_refused_by_ratio_and_by_size(coding: str) -> None:
    bomb = ENCODERS[coding](bytes(40 * MIB))
    with pytest.raises(CodingError) as caught:
        decode(coding, bomb)
    assert caught.value.reason is Reason.CODING_BOMB
    with pytest.raises(CodingError) as caught:
        decode(coding, bomb, limits=BodyLimits(max_ratio=10**9, max_decoded=2 * MIB))
    assert caught.value.reason is Reason.CODING_BOMB


@pytest.mark.parametrize("field", ["gzip, br", "gzip,gzip", "compress", "aes128gcm", "deflate;q=1"])
def test_unknown_and_stacked_codings_are_refused(field: str) -> None:
    with pytest.raises(CodingError) as caught:
        open_decoder(field, LIMITS)
    assert caught.value.reason is Reason.CODING_UNSUPPORTED


@pytest.mark.parametrize("field", ["", "identity", " Identity , "])
def test_no_coding_needs_no_decoder(field: str) -> None:
    assert open_decoder(field, LIMITS) is None


def test_a_zstd_window_beyond_the_limit_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    coded = compressor.compress(b"x" * 1000) + compressor.flush()
    with pytest.raises(CodingError):
        decode("zstd", coded)


def test_a_brotli_window_beyond_the_limit_is_refused_and_others_pass() -> None:
    body = random.Random(1).randbytes(200_000)
    for window, accepted in ((10, True), (16, True), (17, True), (18, True), (22, True), (23, True), (24, False)):
        coded = brotli.compress(body, quality=5, lgwin=window)
        if accepted:
            assert decode("br", coded) == body
        else:
            with pytest.raises(CodingError) as caught:
                decode("br", coded)
            assert caught.value.detail["why"] == "window"


_BOMB_SCRIPT = """
import json, sys
from pathlib import Path
import brotli
from clyra_proxy.stream.content_coding import CodingError, open_decoder
from clyra_proxy.stream.limits import BodyLimits
def peak():  # ru_maxrss would include the parent's peak, across exec
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
warm = open_decoder("br", BodyLimits())
list(warm.decode(brotli.compress(b"warm" * 1000)))
bomb = bytes.fromhex(sys.stdin.read())
before = peak()
try:
    decoder = open_decoder("br", BodyLimits())
    for _ in decoder.decode(bomb):
        pass
    refused = ""
except CodingError as error:
    refused = str(error.reason)
after = peak()
print(json.dumps({"refused": refused, "grown": (after - before) * 1024}))
"""


def brotli_bomb(window: int) -> bytes:
    """One GiB of zeros; with the largest window in 809 bytes."""
    compressor = brotli.Compressor(quality=5, lgwin=window)
    zeros, bomb = bytes(16 * MIB), b""
    for _ in range(64):
        bomb += compressor.process(zeros)
    return bomb + bytes(compressor.finish())


@pytest.mark.parametrize("window", [24, 22, 18])
def test_a_gibibyte_of_zeros_in_brotli_costs_less_than_eight_megabytes(window: int) -> None:
    bomb = brotli_bomb(window)
    assert window < 24 or len(bomb) == 809
    done = subprocess.run(
        [sys.executable, "-c", _BOMB_SCRIPT], input=bomb.hex(), capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    assert result["refused"] == "coding_bomb"
    assert result["grown"] < 8_000_000
