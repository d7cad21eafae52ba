"""The TypeScript verifier gives the reference's report, byte for byte: sound bundles, damaged ones, and forgeries."""

from __future__ import annotations

import json
import random
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from recorder import database, note
from recorder.keys import LocalKey
from recorder.layout import Layout
from recorder.merkle import leaf_hash
from recorder.seal import seal_window
from recorder.verify.bundle import verify
from recorder.verify.options import Options
from tests.support.evidence_log import EvidenceLog, denied, exchange
from tests.support.forging import Forgery, write_folder, write_zip
from tests.support.ts_verifier import TsVerifier, running


@pytest.fixture(scope="module")
def ts() -> Iterator[TsVerifier]:
    with running() as verifier:
        yield verifier


@dataclass(frozen=True, slots=True)
class Sealed:
    """A real log and one bundle of all of it. members: its content. lines: its records."""

    layout: Layout
    path: Path
    members: dict[str, bytes]

    @property
    def lines(self) -> list[bytes]:
        return self.members["records.jsonl"].split(b"\n")[:-1]

    @property
    def origin(self) -> str:
        return str(json.loads(self.lines[0])["origin"])


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    log = EvidenceLog(tmp_path_factory.mktemp("log"))
    log.write([exchange(f"x{n}", phase=phase) for n in range(6) for phase in ("intent", "outcome")])
    log.write([denied("d1")], lost=3)
    path = log.seal()
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    del members["transport.sha256"]
    return Sealed(log.layout, path, members)


def _agree(ts: TsVerifier, path: Path, trust: Path | None = None, level: str = "L2") -> frozenset[str]:
    """Both reports are the same; the codes in them."""
    wanted = verify(path, Options(trust=trust.read_bytes() if trust else None, level=level))
    given: list[str | Path] = ["--level", level]
    if trust is not None:
        given += ["--trust", trust]
    assert ts.report(path, *given) == (wanted.exit_code, wanted.to_bytes())
    return frozenset(wanted.found)


@pytest.mark.parametrize("level", ["L0", "L1", "L2"])
@pytest.mark.parametrize("window", [(0, None), (0, 1), (1, 2), (3, 7), (4, 8), (5, None), (8, 16), (7, 9)])
def test_real_windows(ts: TsVerifier, sealed: Sealed, window: tuple[int, int | None], level: str) -> None:
    path = seal_window(sealed.layout, *window).path
    assert _agree(ts, path, sealed.layout.trust, level) == {"P_TAIL_UNANCHORED", *_gaps(window, level)}
    assert "I_TRUST_MISSING" in _agree(ts, path, None, level)


def _gaps(window: tuple[int, int | None], level: str) -> set[str]:
    return {"W_GAP_DECLARED"} if level == "L2" and window[1] in (None,) else set()


def test_every_thirteenth_flipped_byte_of_the_container(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    raw = seal_window(sealed.layout, 3, 9).path.read_bytes()
    path = tmp_path / "flipped.zip"
    codes: set[str] = set()
    entry = raw.index(b"PK\x01\x02")
    method, name = (entry + 10, 0x10), (entry + 46, 0x80)
    for at, mask in (*((at, 1 << (at % 8)) for at in range(0, len(raw), 13)), method, name):
        changed = bytearray(raw)
        changed[at] ^= mask
        path.write_bytes(changed)
        codes |= _agree(ts, path, sealed.layout.trust)
    assert {"E_ARCHIVE_FORMAT", "E_ARCHIVE_NAME", "E_ARCHIVE_TYPE"} <= codes


def test_cut_and_padded_containers(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    raw = sealed.path.read_bytes()
    path = tmp_path / "changed.zip"
    for size in (0, 1, 21, 22, 100, len(raw) // 2, len(raw) - 22, len(raw) - 1):
        path.write_bytes(raw[:size])
        assert _agree(ts, path, sealed.layout.trust) == {"E_ARCHIVE_FORMAT"}
    for changed in (raw + b"x", b"x" + raw, raw + raw):
        path.write_bytes(changed)
        assert _agree(ts, path, sealed.layout.trust) == {"E_ARCHIVE_FORMAT"}


def test_changed_bytes_of_members(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    """As a forger would pack them: the container is sound, a member is not."""
    chance = random.Random(7)
    codes: set[str] = set()
    for number in range(300):
        name = chance.choice(sorted(sealed.members))
        raw = bytearray(sealed.members[name])
        at = chance.randrange(len(raw) + 1)
        raw[at : at + chance.choice((0, 1, 1, 2))] = chance.choice((b"", b"x", b"\n", b"\xff", b'"', b"0"))
        members = sealed.members | {name: bytes(raw)}
        pack = write_folder if number % 2 else write_zip
        codes |= _agree(ts, pack(members, tmp_path / f"case{number}"), sealed.layout.trust)
    assert {"E_MEMBER_DIGEST", "E_DSSE_FORMAT", "E_CKPT_FORMAT", "E_FRONTIER", "E_ROOT"} - codes <= {"E_FRONTIER"}


def test_missing_and_surplus_members(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    for number, name in enumerate(sorted(sealed.members)):
        rest = {other: content for other, content in sealed.members.items() if other != name}
        _agree(ts, write_folder(rest, tmp_path / f"without{number}"), sealed.layout.trust)
    surplus = ["extra.txt", "anchors/5.cosig", "anchors/05.cosig", "anchors/9007199254740992.tsr", "anchors/5.wh.json"]
    surplus += ["disclosures/3.jsonl", "disclosures/x.jsonl", "attestations/a.dsse.json", "tree/consistency"]
    surplus += ["tree/leaves", "approvals/zz.dsse.json", "keys/rotations.dsse.jsonl"]
    for number, name in enumerate(surplus):
        members = sealed.members | {name: b"{}\n"}
        _agree(ts, write_zip(members, tmp_path / f"with{number}.zip"), sealed.layout.trust)


def test_hostile_folders(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    for number, name in enumerate(("Upper", "a b", "\udcff", "é")):
        folder = write_folder(sealed.members, tmp_path / f"named{number}")
        (folder / name).write_bytes(b"x")
        assert _agree(ts, folder, sealed.layout.trust) == {"E_ARCHIVE_NAME"}
    for number, name in enumerate(("link", "Link", "zlink")):
        folder = write_folder(sealed.members, tmp_path / f"linked{number}")
        (folder / name).symlink_to("readme.txt")
        (folder / "Zupper").write_bytes(b"x")
        _agree(ts, folder, sealed.layout.trust)


def test_outside_checkpoints(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    key = sealed.layout.keys.signing_key("log")
    connection = database.open_for_reading(sealed.layout.database)
    bundle = seal_window(sealed.layout, 3, 9).path
    last = len(sealed.lines)
    for size in (1, 3, 5, 9, last):
        for signer in (key, LocalKey.generate()):
            for root in (database.frontier_at(connection, size).root(), b"\x01" * 32):
                file = tmp_path / "checkpoint"
                file.write_bytes(note.sign_checkpoint(sealed.origin, size, root, signer))
                for older in (False, True):
                    options = Options(
                        trust=sealed.layout.trust.read_bytes(), checkpoints=(file.read_bytes(),), older=older
                    )
                    wanted = verify(bundle, options)
                    given: list[str | Path] = [
                        "--trust",
                        sealed.layout.trust,
                        "--checkpoint",
                        file,
                        *(["--older"] if older else []),
                    ]
                    assert ts.report(bundle, *given) == (wanted.exit_code, wanted.to_bytes())
    connection.close()


_VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**53 - 1,
        "",
        "x",
        "é\u2028😀",
        "a" * 70,
        "a" * 64,
        "0" * 64,
        [],
        {},
        {"a": 1},
        [1],
    ),
    *("def/1", "sys.gap", "sys.key", "sys.erasure", "sys.anchor", "pef.rows", "foo.bar", "consumed", "outcome"),
    *("2026-11-22T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"),
]
_BYTES = [b" ", b'"', b"\\u0041", b"\\ud800", b"\xed\xa0\x80", b"1.0", b',"a":1', b"[" * 17, b"NaN", b"\x00", b"9" * 17]


def _steps(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything below a value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        yield (*path, step)
        yield from _steps(child, (*path, step))


def _changed_value(chance: random.Random, line: bytes) -> bytes:
    """One member of a record replaced, removed, added or changed a little; canonical again."""
    try:
        document = json.loads(line)
        path = chance.choice(list(_steps(document)))
    except (ValueError, IndexError):
        return line
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    old, kind = holder[path[-1]], chance.randrange(4)
    if kind == 0:
        holder[path[-1]] = chance.choice(_VALUES)
    elif kind == 1:
        del holder[path[-1]]
    elif kind == 2 and isinstance(holder, dict):
        holder[chance.choice(("zz", "data", "io", "appr", "sd", "__proto__"))] = chance.choice(_VALUES)
    elif isinstance(old, int):
        holder[path[-1]] = old + chance.choice((-2, -1, 1, 1_000_000))
    elif isinstance(old, str):
        holder[path[-1]] = old[:-1] + chance.choice(("", "z", "0", "zz"))
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return line


def _changed_bytes(chance: random.Random, line: bytes) -> bytes:
    raw = bytearray(line)
    at = chance.randrange(len(raw) + 1)
    kind = chance.randrange(4)
    if kind == 0:
        raw[at : at + 1] = bytes([chance.choice(b'{}[]":,\\0123456789eE.-+ \tabzAZ_\xff\xc3\xed')])
    elif kind == 1:
        raw[at:at] = chance.choice(_BYTES)
    elif kind == 2:
        del raw[at : at + chance.choice((1, 2, 10, 1000))]
    else:
        raw[at:at] = b"x" * chance.choice((1, 100, 65_000, 70_000))
    return bytes(raw).replace(b"\n", b"")


def _chained(lines: Sequence[bytes]) -> list[bytes]:
    """Every `prev` set to what stands before it, where there is one."""
    found: list[bytes] = []
    for line in lines:
        if found:
            prev = b'"prev":"' + leaf_hash(found[-1]).hex().encode() + b'"'
            line = re.sub(rb'"prev":"[^"]*"', prev, line, count=1)
        found.append(line)
    return found


def _compare_forgeries(ts: TsVerifier, sealed: Sealed, tmp_path: Path, count: int, seed: int) -> set[str]:
    """Records changed by somebody who has all keys: the tree and the statement fit, whatever the records are."""
    chance = random.Random(seed)
    codes: set[str] = set()
    for number in range(count):
        lines = sealed.lines
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randrange(len(lines))
            change = _changed_value if chance.random() < 0.7 else _changed_bytes
            lines[at] = change(chance, lines[at])
        if chance.random() < 0.5:
            lines = _chained(lines)
        members = Forgery(sealed.layout, sealed.origin, lines).make()
        path = write_zip(members, tmp_path / f"forged{seed}-{number}.zip")
        codes |= _agree(ts, path, sealed.layout.trust, chance.choice(("L2", "L2", "L2", "L1", "L0")))
        path.unlink()
    return codes


def test_forged_records(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    codes = _compare_forgeries(ts, sealed, tmp_path, 500, seed=3)
    assert {"E_SCHEMA", "E_CANON", "E_SEQ", "E_PREV", "E_SIZE", "W_TYPE_UNKNOWN", "I_VERSION", "E_KEYNAME"} <= codes


@pytest.mark.comprehensive
@pytest.mark.timeout(1200)
def test_many_forged_records(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    for seed in range(1000, 1020):
        _compare_forgeries(ts, sealed, tmp_path, 1000, seed)


@pytest.mark.parametrize(
    "change",
    [
        {"start": 1},
        {"end": 3},
        {"end": 2**53},
        {"start_root": "0" * 64},
        {"end_root": "0" * 64},
        {"counts": {"sys.key": 1}},
        {"counts": {"sys.key": 1.0}},
        {"sources": []},
        {"policy": [{"uri": "x", "digest": {"sha256": "0" * 64}}]},
        {"period": {"from": "2026-01-01T00:00:00.000000Z", "to": "2026-01-01T00:00:00.000000Z"}},
        {"tail": "closed"},
        {"tail": "other"},
        {"profile": ["core", "time"]},
        {"profile": ["core", "strange", "stranger"]},
        {"origin": "another.log"},
        {"origin": "é" * 200},
        {"origin": "é" * 201},
        {"unknown": 1},
        {"prev_bundle": "sha256:" + "0" * 64},
        {"prev_bundle": "x"},
    ],
)
def test_forged_predicates(ts: TsVerifier, sealed: Sealed, tmp_path: Path, change: dict[str, Any]) -> None:
    members = Forgery(sealed.layout, sealed.origin, sealed.lines, predicate=change).make()
    _agree(ts, write_folder(members, tmp_path / "forged"), sealed.layout.trust)


def test_memory_is_kept_alike(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    """Two windows, then a gap, a rollback and the same again; the files are the same bytes."""
    from recorder import memory

    trust = sealed.layout.trust
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for start, end in ((0, 5), (5, 9), (11, 13), (0, 4), (9, 13), (5, 9)):
        bundle = seal_window(sealed.layout, start, end).path
        known = memory.read(ours)
        wanted = verify(bundle, Options(trust=trust.read_bytes(), memory=known))
        if known.changed:
            memory.write(ours, known)
        assert ts.report(bundle, "--trust", trust, "--memory", theirs) == (wanted.exit_code, wanted.to_bytes())
        assert theirs.read_bytes() == ours.read_bytes()


def test_errors_of_use(ts: TsVerifier, sealed: Sealed, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"{}")
    assert ts.run("verify", tmp_path / "absent.zip") == (2, b"")
    assert ts.run("verify") == (2, b"")
    assert ts.run("verify", sealed.path, "--level", "L9") == (2, b"")
    assert ts.run("verify", sealed.path, "--trust", tmp_path / "absent") == (2, b"")
    assert ts.run("verify", sealed.path, "--memory", broken) == (2, b"")
    assert ts.run("verify", sealed.path, "--strange") == (2, b"")
    assert ts.run("strange") == (2, b"")
    code, printed = ts.run("verify", sealed.path, tmp_path / "absent.zip", sealed.path, "--json")
    assert (code, printed.count(b"\n")) == (2, 2)
