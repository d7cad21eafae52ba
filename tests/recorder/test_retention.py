"""Pruning: only what is expired, sound and not held goes, and what stays still proves the history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from recorder import approval, statement
from recorder.admission import parse_batch
from recorder.approval_store import ApprovalStore
from recorder.container import open_container
from recorder.layout import Layout
from recorder.main import prepare
from recorder.repack import RepackError, repack
from recorder.retention import Holds, RetentionError, digest_of, prune
from recorder.seal import seal_window
from recorder.store import Store
from recorder.verify.bundle import verify_bundle
from tests.support.approvals import certificate, consume_event
from tests.support.clyra_command import clyra
from tests.support.recorder_process import batch_body, intent, outcome

EIGHT_YEARS_US = 8 * 366 * 86_400 * 1_000_000


def _clock() -> tuple[int, int]:
    """A machine of eight years ago."""
    return time.time_ns() // 1000 - EIGHT_YEARS_US, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A log that was written eight years ago."""
    layout = Layout(tmp_path_factory.mktemp("old") / "home")
    prepare(layout)
    store = Store(layout, layout.keys.signing_key("log"), layout.keys.signing_key("seal"), clock=_clock)
    made = certificate(_clock()[0] / 1_000_000)
    signed = approval.sign(made, layout.keys.signing_key("seal"))
    ApprovalStore(layout.approvals).keep(signed)
    events = [consume_event(signed, made)]
    events += [event for n in range(9) for event in (intent(f"x{n}"), outcome(f"x{n}"))]
    store.commit([parse_batch(batch_body("p", 1, events), "source", "a" * 64)])
    store.shut()
    return layout


@pytest.fixture
def bundle(old: Layout) -> Iterator[Path]:
    path = seal_window(old, 0, 15).path
    yield path
    path.unlink(missing_ok=True)


def _trust(layout: Layout) -> bytes:
    return layout.trust.read_bytes()


def _today() -> date:
    return date.fromtimestamp(time.time())


def test_what_stays_proves_the_same_window(old: Layout, bundle: Path) -> None:
    whole = verify_bundle(bundle, _trust(old)).document()
    size = bundle.stat().st_size
    pruned = prune(bundle, Holds(old.holds), _trust(old), _today())
    assert (pruned.path, pruned.digest) == (bundle, whole["bundle"])
    report = verify_bundle(bundle, _trust(old)).document()
    same = ("bundle", "origin", "start", "end", "verdict", "first")
    assert {name: report[name] for name in same} == {name: whole[name] for name in same}
    assert report["level"] == "L0"
    assert bundle.stat().st_size < size
    container = open_container(bundle)
    assert statement.RECORDS not in container.names
    assert pruned.left_out[0].startswith(approval.FOLDER)
    assert not any(name.startswith(approval.FOLDER) for name in container.names)
    assert container.size(statement.TREE_LEAVES) == 15 * 32
    container.close()
    with pytest.raises(RetentionError, match="pruned before"):
        prune(bundle, Holds(old.holds), _trust(old), _today())


def test_other_leaves_do_not_fill_the_hole(old: Layout, bundle: Path, tmp_path: Path) -> None:
    prune(bundle, Holds(old.holds), _trust(old), _today())
    for content, code in ((b"\x01" * 15 * 32, "E_ROOT"), (b"\x01" * 14 * 32, "E_TREE_SIZE"), (b"", "E_TREE_SIZE")):
        forged = tmp_path / f"{len(content)}.zip"
        repack(bundle, forged, {statement.TREE_LEAVES: content})
        assert code in verify_bundle(forged, _trust(old)).found


def test_it_is_kept_until_its_day_is_over(old: Layout, bundle: Path) -> None:
    container = open_container(bundle)
    before = bundle.read_bytes()
    container.close()
    report_day = _retain_until(old, bundle)
    for today in (report_day, date(report_day.year - 1, 1, 1)):
        with pytest.raises(RetentionError, match="must be kept until"):
            prune(bundle, Holds(old.holds), _trust(old), today)
    assert bundle.read_bytes() == before
    prune(bundle, Holds(old.holds), _trust(old), date.fromordinal(report_day.toordinal() + 1))


def _retain_until(layout: Layout, bundle: Path) -> date:
    copy = bundle.with_name("copy.zip")
    try:
        found = prune(bundle, Holds(layout.holds), _trust(layout), _today(), copy)
    finally:
        copy.unlink(missing_ok=True)
    return date.fromisoformat(found.retain_until)


def test_a_hold_keeps_it_whatever_the_date(old: Layout, bundle: Path) -> None:
    holds = Holds(old.holds)
    digest = digest_of(bundle)
    holds.place(digest, "matter 7", "counsel")
    with pytest.raises(RetentionError, match="legal hold") as refused:
        prune(bundle, holds, _trust(old), _today())
    assert "matter 7" in refused.value.why
    assert holds.place(digest, "matter 8", "someone").reason == "matter 7"
    next(old.holds.glob("*.json")).write_text("not json")
    with pytest.raises(RetentionError, match="legal hold"):
        prune(bundle, holds, _trust(old), _today())
    assert [one.bundle for one in holds.every()] == [digest]
    holds.release(digest)
    with pytest.raises(RetentionError, match="no hold"):
        holds.release(digest)
    prune(bundle, holds, _trust(old), _today())


def test_what_does_not_verify_is_kept(old: Layout, bundle: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.zip"
    repack(bundle, forged, {statement.FRONTIER: b"x"})
    with pytest.raises(RetentionError, match="rejected"):
        prune(forged, Holds(old.holds), _trust(old), _today())
    with pytest.raises(RepackError, match="already there"):
        repack(bundle, forged, {})
    no_bundle = tmp_path / "no.zip"
    no_bundle.write_bytes(b"PK")
    with pytest.raises(RetentionError, match="not a bundle"):
        prune(no_bundle, Holds(old.holds), _trust(old), _today())


def test_disclosures_go_with_the_records(old: Layout, bundle: Path, tmp_path: Path) -> None:
    shown = tmp_path / "shown.zip"
    repack(bundle, shown, {"disclosures/4.jsonl": b'{"kind":"sd"}\n'})
    out = tmp_path / "pruned.zip"
    shown_without = tmp_path / "sound.zip"
    repack(shown, shown_without, {"disclosures/4.jsonl": b""})
    pruned = prune(shown_without, Holds(old.holds), _trust(old), _today(), out)
    assert pruned.left_out[1:] == ("disclosures/4.jsonl", "records.jsonl")
    assert shown_without.exists()
    assert verify_bundle(out, _trust(old)).verdict == "prefix"


def test_a_repacked_bundle_is_the_same_bundle(old: Layout, bundle: Path, tmp_path: Path) -> None:
    same = tmp_path / "same.zip"
    repack(bundle, same, {})
    assert same.read_bytes() == bundle.read_bytes()


def test_the_commands(old: Layout, bundle: Path) -> None:
    assert len(list(ApprovalStore(old.approvals).digests())) == 1
    home = ("--home", old.root)
    assert clyra("evidence", "hold", bundle, "--reason", "matter 9", *home).returncode == 0
    listed = json.loads(clyra("evidence", "holds", "--json", *home).stdout)
    assert [one["reason"] for one in listed] == ["matter 9"]
    refused = clyra("evidence", "prune", bundle, "--yes", *home)
    assert (refused.returncode, "legal hold" in refused.stderr) == (1, True)
    assert clyra("evidence", "release", bundle, *home).returncode == 0
    assert clyra("evidence", "prune", bundle, "--json", *home).returncode == 64
    done = clyra("evidence", "prune", bundle, "--yes", "--json", *home)
    assert done.returncode == 0, done.stderr
    assert list(ApprovalStore(old.approvals).digests()) == []
    assert json.loads(done.stdout)["left_out"][1:] == ["records.jsonl"]
