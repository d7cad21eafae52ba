"""What TypeScript does by itself where Node.js would help: hashing, inflating, checksums; also in a real browser."""

from __future__ import annotations

import base64
import random
import shutil
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from recorder.verify.bundle import verify
from recorder.verify.options import Options
from tests.support.browser import browser
from tests.support.evidence_log import EvidenceLog, denied, exchange
from tests.support.ts_verifier import BROWSER_BUNDLE, TsVerifier, lines_of, running


@pytest.fixture(scope="module")
def ts() -> Iterator[TsVerifier]:
    with running() as verifier:
        yield verifier


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(bundle, trust file) of 600 records: more than one chunk of inflated bytes."""
    log = EvidenceLog(tmp_path_factory.mktemp("log"))
    log.write([exchange(f"é{n}", phase=phase) for n in range(300) for phase in ("intent", "outcome")])
    log.write([denied("d1")], lost=3)
    return log.seal(), log.layout.trust


def _deflated(raw: bytes, chance: random.Random) -> bytes:
    packer = zlib.compressobj(
        chance.randrange(10), zlib.DEFLATED, -15, chance.randrange(1, 10), chance.choice((0, 1, 2, 3, 4))
    )
    packed = b""
    for at in range(0, len(raw) + 1, 5000):
        packed += packer.compress(raw[at : at + 5000])
        if chance.random() < 0.3:
            packed += packer.flush(chance.choice((zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH)))
    return packed + packer.flush()


def _inflated(packed: bytes) -> str:
    """What zlib makes of a stream that must end with its input."""
    inflater = zlib.decompressobj(-15)
    try:
        raw = inflater.decompress(packed)
    except zlib.error:
        return "bad"
    return sha256(raw).hexdigest() if inflater.eof and not inflater.unused_data else "bad"


def _contents(chance: random.Random, most: int) -> bytes:
    size = min(most, chance.choice((0, 1, 55, 56, 63, 64, 65, 1000, 40_000, 300_000)))
    kind = chance.randrange(3)
    if kind == 0:
        return chance.randbytes(size)
    if kind == 1:
        return bytes(chance.choice(b"ab\x00") for _ in range(size))
    return (b'{"boot":"00000000","data":{"x":' + chance.randbytes(3).hex().encode() + b"}}\n") * (size // 40)


def test_inflating_and_hashing_are_those_of_zlib_and_hashlib() -> None:
    chance = random.Random(11)
    streams = [_deflated(_contents(chance, 300_000), chance) for _ in range(150)]
    assert lines_of("inflate", [stream.hex().encode() for stream in streams]) == [_inflated(one) for one in streams]


def test_damaged_streams_are_refused_as_by_zlib() -> None:
    """Streams with something changed, cut or added, and bytes that never were one."""
    chance = random.Random(12)
    streams = []
    for _ in range(4000):
        raw = bytearray(_deflated(_contents(chance, 3000), chance))
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(raw))
            raw[at : at + chance.choice((0, 1, 1, 1))] = chance.randbytes(chance.choice((0, 1, 1, 1)))
            raw = raw or bytearray(b"\x00")
        streams.append(bytes(raw) if chance.random() < 0.8 else chance.randbytes(chance.randrange(1, 60)))
    wanted = [_inflated(one) for one in streams]
    answers = lines_of("inflate", [stream.hex().encode() for stream in streams])
    differences = [one for one in zip(wanted, answers, streams, strict=True) if one[0] != one[1]]
    assert differences[:3] == []
    assert 200 < sum(one != "bad" for one in wanted) < 3500


def test_reports_without_help_from_node(ts: TsVerifier, sealed: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, trust = sealed
    raw = bundle.read_bytes()
    chance = random.Random(13)
    for number in range(40):
        path = tmp_path / f"{number}.zip"
        changed = bytearray(raw)
        if number:
            changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        wanted = verify(path, Options(trust=trust.read_bytes()))
        assert ts.report(path, "--trust", trust, "--portable") == (wanted.exit_code, wanted.to_bytes())


def test_it_verifies_in_a_page_from_a_file(sealed: tuple[Path, Path], tmp_path: Path) -> None:
    """Chromium, file://, nothing but the page and the script: the same bytes as here."""
    bundle, trust = sealed
    shutil.copy(BROWSER_BUNDLE, tmp_path / "verifier.js")
    (tmp_path / "page.html").write_text("<!doctype html><script src=verifier.js></script>")
    raw = bundle.read_bytes()
    damaged = bytearray(raw)
    damaged[len(raw) // 2] ^= 4
    with browser(tmp_path) as page:
        page.open((tmp_path / "page.html").as_uri())
        page.evaluate("globalThis.bytes = text => Uint8Array.from(atob(text), one => one.charCodeAt(0))")
        for given, trusted in ((raw, True), (raw, False), (bytes(damaged), True), (b"PK", True)):
            path = tmp_path / "given.zip"
            path.write_bytes(given)
            wanted = verify(path, Options(trust=trust.read_bytes() if trusted else None))
            options = f"{{trust: bytes('{_text(trust.read_bytes())}')}}" if trusted else "{}"
            script = f"ClyraVerify.verifyBundle(bytes('{_text(given)}'), {options})"
            told = "({exitCode, reportBytes}) => [exitCode, new TextDecoder().decode(reportBytes)]"
            assert page.evaluate(f"{script}.then({told})") == [wanted.exit_code, wanted.to_bytes().decode()]
        counted = "let n = 0; const onRecord = () => { n++ };"
        verified = f"await ClyraVerify.verifyBundle(bytes('{_text(raw)}'), {{onRecord}})"
        assert page.evaluate(f"(async () => {{ {counted} {verified}; return n }})()") == 606
        assert page.errors == []
        assert all(address.startswith("file://") for address in page.requests)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
