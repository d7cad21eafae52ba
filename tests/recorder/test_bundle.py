"""Sealing and verifying: sound windows pass, every changed byte is found, hostile containers are refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import archive, database, note, statement, trust
from recorder.admission import parse_batch
from recorder.container import open_container
from recorder.container_form import ContainerError
from recorder.errors import SealError, StoreLockedError
from recorder.keys import LocalKey
from recorder.layout import Layout
from recorder.main import main, prepare
from recorder.seal import seal_offline, seal_window
from recorder.store import Store
from recorder.verify.bundle import verify_bundle
from recorder.verify.codes import CODES
from recorder.verify.explain import explain
from recorder.verify.report import Report
from recorder.zip_container import ZipContainer
from tests.support.recorder_process import batch_body, intent, outcome


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A log of 44 records with a gap and a spooled stretch; nothing is open."""
    layout = Layout(tmp_path_factory.mktemp("log"))
    prepare(layout)
    store = Store(layout, layout.keys.signing_key("log"), layout.keys.signing_key("seal"))
    events = [event for n in range(18) for event in (intent(f"x{n}"), outcome(f"x{n}"))]
    for first, chunk, header in ((1, events[:20], {}), (25, events[20:], {"spooled": True, "cause": "spool_full"})):
        store.commit([parse_batch(batch_body("p", first, chunk, **header), "source", "a" * 64)])
    store.close_log("end of test")
    store.shut()
    return layout


def _seal(layout: Layout, start: int | None = None, end: int | None = None) -> Path:
    return seal_window(layout, start, end).path


def _verify(layout: Layout, path: Path, **options: bytes) -> Report:
    return verify_bundle(path, layout.trust.read_bytes(), **options)


def _unpack(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    (folder / archive.TRANSPORT).unlink()
    return folder


WINDOWS = [(0, None), (0, 1), (1, 2), (3, 7), (4, 8), (5, None), (8, 16), (7, 9), (16, 33)]


@pytest.mark.parametrize(("start", "end"), WINDOWS)
def test_every_window_verifies_and_is_not_called_anchored(sealed: Layout, start: int, end: int | None) -> None:
    path = _seal(sealed, start, end)
    report = _verify(sealed, path)
    assert (report.verdict, report.document()["first"]) == ("prefix", "P_TAIL_UNANCHORED")
    assert report.exit_code == 3
    assert report.signed
    assert report.unanchored == report.end - report.start == report.records


@pytest.mark.parametrize(("start", "end"), WINDOWS)
def test_sealing_again_gives_the_same_bundle(sealed: Layout, start: int, end: int | None) -> None:
    assert seal_window(sealed, start, end).digest == seal_window(sealed, start, end).digest


def test_a_folder_is_as_good_as_the_zip(sealed: Layout, tmp_path: Path) -> None:
    path = _seal(sealed)
    assert _verify(sealed, _unpack(path, tmp_path)).to_bytes() == _verify(sealed, path).to_bytes()


def test_without_trust_the_answer_is_indeterminate(sealed: Layout) -> None:
    report = verify_bundle(_seal(sealed))
    assert (report.verdict, report.exit_code, report.document()["first"]) == ("indeterminate", 4, "I_TRUST_MISSING")


def test_an_outside_checkpoint_anchors_or_convicts(sealed: Layout) -> None:
    path, key = _seal(sealed), sealed.keys.signing_key("log")
    connection = database.open_for_reading(sealed.database)
    state = database.read_state(connection)
    assert state is not None
    report = _verify(sealed, path, outside=state.note)
    assert (report.verdict, report.exit_code, report.anchored_end, report.unanchored) == ("verified", 0, state.size, 0)
    middle = note.sign_checkpoint(state.origin, 9, database.frontier_at(connection, 9).root(), key)
    assert (_verify(sealed, path, outside=middle).anchored_end, _verify(sealed, path, outside=middle).exit_code) == (
        9,
        3,
    )
    forked = note.sign_checkpoint(state.origin, 9, b"\x01" * 32, key)
    assert _verify(sealed, path, outside=forked).document()["first"] == "E_SPLIT_VIEW"
    stranger = note.sign_checkpoint(state.origin, 9, b"\x01" * 32, LocalKey.of(Ed25519PrivateKey.generate()))
    assert _verify(sealed, path, outside=stranger).document()["first"] == "E_ANCHOR_MISMATCH"
    connection.close()


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.comprehensive)])
def test_every_flipped_byte_of_the_container_is_found(sealed: Layout, tmp_path: Path, step: int) -> None:
    """One at a time: all of them in the comprehensive suite, every seventh here."""
    raw = _seal(sealed, 3, 9).read_bytes()
    path = tmp_path / "flipped.zip"
    unnoticed = []
    for at in range(0, len(raw), step):
        changed = bytearray(raw)
        changed[at] ^= 1 << (at % 8)
        path.write_bytes(changed)
        report = _verify(sealed, path)
        if report.verdict != "rejected":
            unnoticed.append(at)
        assert any(place.detail or place.member for found in report.found.values() for place in found.places)
    assert unnoticed == []


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_changed_byte_of_every_member_is_found_and_named(
    sealed: Layout, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """As a forger who can pack bundles would do it: the container is sound, a member is not."""
    folder = tmp_path_factory.mktemp("members")
    _unpack(_seal(sealed, 3, None), folder)
    name = data.draw(
        st.sampled_from(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
    )
    raw = bytearray((folder / name).read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(raw)
    report = _verify(sealed, folder)
    assert report.verdict == "rejected"
    assert any(place.member == name for found in report.found.values() for place in found.places)


@pytest.mark.parametrize("seq", [0, 1, 17, 41, 42])
def test_an_altered_record_is_named(sealed: Layout, tmp_path: Path, seq: int) -> None:
    folder = _unpack(_seal(sealed), tmp_path)
    lines = (folder / "records.jsonl").read_bytes().split(b"\n")
    lines[seq] = lines[seq].replace(b'"mono_us":', b'"mono_us":1')
    (folder / "records.jsonl").write_bytes(b"\n".join(lines))
    report = _verify(sealed, folder)
    assert {"E_ROOT", "E_MEMBER_DIGEST"} <= report.found.keys()
    assert f"record {seq}" in "\n".join(explain(report)) or f"record, {seq}" in "\n".join(explain(report))


def _swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:10], lines[11], lines[10], *lines[12:]]


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda lines: lines[:-1], {"E_TREE_SIZE"}),
        (lambda lines: lines[1:], {"E_TREE_SIZE", "E_SEQ", "E_PREV"}),
        (lambda lines: [*lines[:9], *lines[10:]], {"E_TREE_SIZE", "E_SEQ", "E_PREV"}),
        (lambda lines: [*lines[:9], lines[9], *lines[9:]], {"E_TREE_SIZE", "E_SEQ", "E_PREV", "E_MONO"}),
        (_swap, {"E_ROOT", "E_SEQ", "E_PREV", "E_MONO"}),
        (lambda lines: [lines[0] + b" ", *lines[1:]], {"E_ROOT", "E_CANON"}),
        (
            lambda lines: [lines[0].replace(b'{"boot"', b'{"boot":"00000000","boot"'), *lines[1:]],
            {"E_ROOT", "E_DUP_KEY"},
        ),
        (lambda lines: [b"x" * 70_000, *lines[1:]], {"E_SIZE", "E_ROOT"}),
        (lambda lines: [b"[" * 60_000, *lines[1:]], {"E_DEPTH", "E_ROOT"}),
        (lambda lines: [lines[0].replace(b'"def/0"', b'"def/1"'), *lines[1:]], {"I_VERSION", "E_ROOT"}),
        (
            lambda lines: [lines[0].replace(b'"sys.genesis"', b'"sys.strange"'), *lines[1:]],
            {"W_TYPE_UNKNOWN", "E_ROOT"},
        ),
    ],
)
def test_attacks_on_the_records(
    sealed: Layout, tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], codes: set[str]
) -> None:
    folder = _unpack(_seal(sealed), tmp_path)
    lines = (folder / "records.jsonl").read_bytes().split(b"\n")[:-1]
    (folder / "records.jsonl").write_bytes(b"\n".join([*change(lines), b""]))
    report = _verify(sealed, folder)
    assert codes <= report.found.keys()
    assert report.verdict == "rejected"


def test_members_that_do_not_belong_or_are_gone(sealed: Layout, tmp_path: Path) -> None:
    folder = _unpack(_seal(sealed), tmp_path)
    (folder / "extra.txt").write_text("hello")
    assert _verify(sealed, folder).document()["first"] == "E_MEMBER_UNLISTED"
    (folder / "extra.txt").unlink()
    for name in (statement.STATEMENT, statement.RECORDS, statement.FRONTIER, statement.TREE_END, statement.README):
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        wanted = "P_END_UNPROVEN" if name == statement.TREE_END else "E_MEMBER_MISSING"
        assert wanted in _verify(sealed, folder).found, name
        (folder / name).write_bytes(kept)
    (folder / "records.jsonl").unlink()
    (folder / "records.jsonl").symlink_to("/dev/zero")
    assert _verify(sealed, folder).document()["first"] == "E_ARCHIVE_TYPE"


def test_keys_that_may_not_speak(sealed: Layout, tmp_path: Path) -> None:
    path = _seal(sealed)
    other = LocalKey.of(Ed25519PrivateKey.generate())
    keys = sealed.keys
    log_key, seal_key, root = (keys.signing_key(role) for role in ("log", "seal", "root"))
    origin = _verify(sealed, path).origin
    cases = {
        "E_DSSE_SIG": trust.make(origin, log_key, other, [root]),
        "E_CKPT_SIG": trust.make(origin, other, seal_key, [root]),
        "E_TRUST_SIG": b"{}",
    }
    for code, raw in cases.items():
        assert code in verify_bundle(path, raw).found
    assert verify_bundle(path, trust.make("another.log", log_key, seal_key, [root])).verdict == "rejected"


def test_what_cannot_be_sealed(sealed: Layout) -> None:
    for start, end in ((0, 0), (5, 4), (0, 10_000), (-1, 3)):
        with pytest.raises(SealError):
            seal_window(sealed, start, end)
    lock = database.ExclusiveLock(sealed.lock)
    with pytest.raises(StoreLockedError):
        seal_offline(sealed)
    lock.release()


def test_bundles_sealed_offline_follow_each_other(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    prepare(layout)
    Store(layout, layout.keys.signing_key("log"), layout.keys.signing_key("seal")).shut()
    first = seal_offline(layout)
    with pytest.raises(SealError):
        seal_offline(layout)
    Store(layout, layout.keys.signing_key("log"), layout.keys.signing_key("seal")).shut()
    second = seal_offline(layout)
    assert (first.start, first.end, second.start) == (0, 4, 4)
    assert verify_bundle(second.path, layout.trust.read_bytes()).verdict == "prefix"
    with ZipContainer(second.path) as container:
        payload = b"".join(container.stream(statement.STATEMENT))
    assert first.digest.encode() in __import__("base64").b64decode(json.loads(payload)["payload"])


def test_the_command_line(sealed: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(_seal(sealed))
    assert main(["verify", path, "--trust", str(sealed.trust)]) == 3
    assert "INTACT" in capsys.readouterr().out
    assert main(["verify", path, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["verdict"] == "indeterminate"
    assert main(["verify", str(tmp_path / "absent.zip")]) == 2
    assert "Cannot read" in capsys.readouterr().err


def test_every_code_has_a_stage_and_a_meaning() -> None:
    assert all(
        code[:2] in ("E_", "I_", "P_", "W_") and 0 <= stage <= 9 and text for code, (stage, text) in CODES.items()
    )


def _zip(entries: list[tuple[str, bytes]], **options: int) -> bytes:
    """An archive by the standard library's lenient writer."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", **options) as packed:  # type: ignore[call-overload]
        for name, content in entries:
            packed.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return raw.getvalue()


def _patched(raw: bytes, change: Callable[[bytearray], object]) -> bytes:
    data = bytearray(raw)
    change(data)
    return bytes(data)


def _ours(*names: str) -> bytes:
    folder = Path(__import__("tempfile").mkdtemp())
    members = [archive.pack(name, [name.encode() * 9], io.BytesIO(), compress=True) for name in names]
    archive.write_archive(folder / "a.zip", members, io.BytesIO())
    return (folder / "a.zip").read_bytes()


HOSTILE: list[tuple[str, Callable[[], bytes], str]] = [
    ("empty", lambda: b"", "E_ARCHIVE_FORMAT"),
    ("no zip", lambda: b"hello" * 100, "E_ARCHIVE_FORMAT"),
    ("empty zip", lambda: _zip([]), "E_MEMBER_MISSING"),
    ("standard library", lambda: _zip([("a", b"x")]), "E_ARCHIVE_FORMAT"),
    ("prefix", lambda: b"#!/bin/sh\n" + _ours("a"), "E_ARCHIVE_FORMAT"),
    ("suffix", lambda: _ours("a") + b"x", "E_ARCHIVE_FORMAT"),
    ("comment", lambda: _patched(_ours("a"), lambda raw: (raw.__setitem__(-2, 1), raw.append(65))), "E_ARCHIVE_FORMAT"),
    ("two archives", lambda: _ours("a") + _ours("b"), "E_ARCHIVE_FORMAT"),
    ("bad name", lambda: _ours("aaaa").replace(b"aaaa", b"../a"), "E_ARCHIVE_NAME"),
    ("upper case", lambda: _ours("aaaa").replace(b"aaaa", b"AAAA"), "E_ARCHIVE_NAME"),
    ("duplicate", lambda: _ours("aaaa", "bbbb").replace(b"bbbb", b"aaaa"), "E_ARCHIVE_DUP"),
    ("unsorted", lambda: _ours("aaaa", "bbbb").replace(b"aaaa", b"cccc"), "E_ARCHIVE_FORMAT"),
    (
        "huge count",
        lambda: _patched(_ours("a"), lambda raw: raw.__setitem__(slice(-14, -10), b"\xff\xff\xff\xff")),
        "E_ARCHIVE_LIMIT",
    ),
    ("truncated", lambda: _ours("a")[:-5], "E_ARCHIVE_FORMAT"),
]


@pytest.mark.parametrize(("raw", "code"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_archives(tmp_path: Path, raw: Callable[[], bytes], code: str) -> None:
    path = tmp_path / "hostile.zip"
    path.write_bytes(raw())
    with pytest.raises(ContainerError) as refused:
        open_container(path)
    assert refused.value.code == code


def test_a_bomb_inflates_no_further_than_it_declares(tmp_path: Path) -> None:
    bomb = archive.pack("a", [bytes(1 << 20)] * 64, scratch := (tmp_path / "s").open("w+b"), compress=True)
    bomb.size = 10
    path = tmp_path / "bomb.zip"
    archive.write_archive(path, [bomb], io.BytesIO())
    scratch.close()
    produced = 0
    with ZipContainer(path) as container:
        chunks = container.stream("a")
        with pytest.raises(ContainerError, match="beyond"):
            produced = sum(map(len, chunks))
    assert produced <= 1 << 18


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.zip"
    path.write_bytes(raw)
    with pytest.raises(ContainerError):
        open_container(path)


def test_the_standard_library_reads_what_we_write(tmp_path: Path) -> None:
    path = tmp_path / "ours.zip"
    path.write_bytes(_ours("a", "b/c"))
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["a", "b/c", archive.TRANSPORT]
        assert packed.read("b/c") == b"b/c" * 9


def test_sizes_beyond_four_gigabytes_have_the_zip64_form() -> None:
    entry = archive.Entry("a", 8, 0, 5 << 30, 9 << 30, 6 << 30)
    assert entry.local_header()[-16:] == (9 << 30).to_bytes(8, "little") + (5 << 30).to_bytes(8, "little")
    assert entry.central_header()[-8:] == (6 << 30).to_bytes(8, "little")
    assert archive.end_records(3, 100, 6 << 30)[:4] == b"PK\x06\x06"
