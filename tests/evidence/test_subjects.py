"""Subject keys in a person's hands: the right one is found, and a destroyed one is gone, however it was cut short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence import commitment
from clyra_proxy.evidence.commitment import SubjectKeys
from clyra_proxy.evidence.subjects import KeptKey, KeyFolder

WHY: dict[str, object] = {"basis": "asked for", "records": 3}


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    keys = SubjectKeys(tmp_path / "subjects")
    for tenant in ("", "acme", "beta"):
        keys.current(tenant)
    return KeyFolder(tmp_path / "subjects")


def _acme(folder: KeyFolder) -> KeptKey:
    return folder.choose("acme")


def test_keys_are_found_by_tenant_id_and_month(folder: KeyFolder) -> None:
    every = list(folder.every())
    assert len(every) == 3
    for kept in every:
        assert folder.find(kept.key.id) == kept == folder.choose(kept.key.id) == folder.choose(kept.key.id, kept.month)
    assert folder.choose("default").owner == "default"
    (folder.folder / f"{_acme(folder).owner}-202001.key").write_text("ab" * 32)
    with pytest.raises(EvidenceError, match="several keys"):
        folder.choose("acme")
    assert folder.choose("acme", "2020-01").key.secret == b"\xab" * 32
    for wrong in (("nobody", ""), ("acme", "2019-01"), ("f" * 32, "")):
        with pytest.raises(EvidenceError, match="no subject key"):
            folder.choose(*wrong)
    with pytest.raises(EvidenceError, match="not a month"):
        folder.choose("acme", "november")


def _after_the_note(folder: KeyFolder, kept: KeptKey) -> None:
    folder.note(kept.key.id, WHY)


def _after_the_renaming(folder: KeyFolder, kept: KeptKey) -> None:
    folder.note(kept.key.id, WHY)
    kept.path.replace(folder.folder / f".{kept.key.id}.erasing")


def _after_overwriting(folder: KeyFolder, kept: KeptKey) -> None:
    folder.note(kept.key.id, WHY)
    kept.path.unlink()
    (folder.folder / f".{kept.key.id}.erasing").write_bytes(b"\x00" * 64)


def _after_all(folder: KeyFolder, kept: KeptKey) -> None:
    folder.destroy(kept, WHY)


@pytest.mark.parametrize("crash", [_after_the_note, _after_the_renaming, _after_overwriting, _after_all])
def test_what_was_cut_short_can_be_finished(folder: KeyFolder, crash: Callable[[KeyFolder, KeptKey], None]) -> None:
    kept = _acme(folder)
    secret = kept.path.read_bytes()
    crash(folder, kept)
    folder.finish(kept.key.id)
    assert folder.is_erased(kept.key.id)
    assert folder.buried(kept.key.id) == WHY
    left = list(folder.folder.iterdir())
    assert {path.suffix for path in left} == {".key", ".erased"}
    assert all(secret not in path.read_bytes() for path in left)
    assert len(list(folder.every())) == 2
    with pytest.raises(EvidenceError, match="no subject key"):
        folder.choose(kept.key.id)


def test_destroying_overwrites_before_it_removes(folder: KeyFolder, tmp_path: Path) -> None:
    kept = _acme(folder)
    other_name = tmp_path / "same file"
    other_name.hardlink_to(kept.path)
    folder.destroy(kept, WHY)
    assert other_name.read_bytes() == bytes(64)


def test_workers_turn_to_a_new_key(folder: KeyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [commitment.time.time()]
    monkeypatch.setattr(commitment.time, "time", lambda: now[0])
    worker = SubjectKeys(folder.folder)
    before = worker.current("acme")
    folder.destroy(_acme(folder), WHY)
    assert worker.current("acme") == before  # for at most a minute
    now[0] += commitment.REREAD_S
    assert worker.current("acme") != before
    assert SubjectKeys(folder.folder).current("acme") == worker.current("acme")


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31])
def test_a_damaged_key_is_named(folder: KeyFolder, content: str) -> None:
    kept = _acme(folder)
    kept.path.write_text(content)
    with pytest.raises(EvidenceError, match=r"subject key|not a subject key"):
        list(folder.every())
    with pytest.raises(EvidenceError):
        folder.buried("0" * 32)
