"""Keys change inside one log: under load, through a crash at every step, with the verifier as the judge."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder import database, dsse, key_setup, keychange, keyring, note, rotation
from recorder.admission import parse_batch
from recorder.errors import (
    KeyChangeError,
    KeyFileError,
    KeyUnavailableError,
    RecorderError,
    SealError,
    StoreCorruptError,
)
from recorder.keychange import KeyChanger
from recorder.keys import KeyFolder, LocalKey, trust_update
from recorder.keys.reference import DelegatedReference, reference_document
from recorder.layout import Layout
from recorder.local import get_status, request_key_change, request_seal
from recorder.main import prepare
from recorder.opening import direct_changer, open_store
from recorder.revoking import draft_revocation, read_ring
from recorder.seal import seal_offline, seal_window
from recorder.store import Store
from recorder.verify.bundle import verify_bundle
from tests.recorder.keys.conftest import Bao, Token
from tests.support.recorder_process import batch_body, intent, outcome, post, running_recorder

BATCHES = 60


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "home")
    prepare(found)
    return found


def _grow(store: Store, first: int, count: int = 4) -> None:
    events = [event for n in range(count) for event in (intent(f"x{first}-{n}"), outcome(f"x{first}-{n}"))]
    store.commit([parse_batch(batch_body("p", first, events), "source", "a" * 64)])


def _codes(layout: Layout, path: Path, trust: bytes | None = None) -> list[str]:
    report = verify_bundle(path, trust or layout.trust.read_bytes())
    return [entry["code"] for entry in report.document()["codes"] + report.document()["warnings"]]


SOUND = ["P_TAIL_UNANCHORED"]


def test_keys_rotate_under_load_and_nothing_is_refused(layout: Layout) -> None:
    """Log and seal key change several times while two sources hand in batches without a pause."""
    original = layout.trust.read_bytes()
    answers: list[tuple[int, dict[str, Any]]] = []
    sealed: list[dict[str, Any]] = []

    def hand_in(source: str) -> None:
        for number in range(BATCHES):
            events = [intent(f"{source}{number}"), outcome(f"{source}{number}")]
            answers.append(post(layout, batch_body(source, 2 * number + 1, events)))

    with running_recorder(layout.root):
        threads = [threading.Thread(target=hand_in, args=(name,)) for name in ("p", "q")]
        for thread in threads:
            thread.start()
        sealing = threading.Thread(
            target=lambda: [sealed.append(request_seal(layout.socket, 0, None)) for _ in range(3)]
        )
        sealing.start()
        changes = [request_key_change(layout.socket, {"order": "rotate", "role": role}) for role in ("log", "seal") * 3]
        sealing.join()
        middle = Path(request_seal(layout.socket, 0, None)["path"])
        changes.append(request_key_change(layout.socket, {"order": "rotate", "role": "log"}))
        for thread in threads:
            thread.join()
        last = Path(request_seal(layout.socket, None, None)["path"])
        assert post(layout, batch_body("r", 1, [intent("after")]))[0] == 200
        assert get_status(layout.socket)["keys"] == {"log": changes[6]["keyid"], "seal": changes[5]["keyid"]}
    assert [status for status, _ in answers] == [200] * 2 * BATCHES
    assert [(one["kind"], one["role"]) for one in changes] == [("rotation", r) for r in ("log", "seal") * 3 + ("log",)]
    assert len({one["keyid"] for one in changes}) == 7
    assert len(sealed) == 3
    for path in (middle, last, *(Path(one["path"]) for one in sealed)):
        assert _codes(layout, path, original) == SOUND
    names = sorted(path.name for path in layout.keys.folder.glob("*.key"))
    assert names == sorted(
        [f"log-{changes[6]['keyid'][:16]}.key", f"seal-{changes[5]['keyid'][:16]}.key", "root.key", "source.key"]
    )


def test_the_boundary_is_signed_by_both_keys_and_old_keys_are_refused(layout: Layout) -> None:
    store = open_store(layout)
    _grow(store, 1)
    old = store.log_key
    done = direct_changer(layout, store).rotate("log", "yearly")
    assert done.replaced == old.key_id
    assert store.log_key.key_id == done.key_id
    assert store.note.decode().count("\n— ") == 2
    boundary = store.size
    assert boundary == done.seq + 1
    _grow(store, 9)
    assert store.note.decode().count("\n— ") == 1
    store.shut()
    with pytest.raises(KeyFileError, match="the one in force"):
        Store(layout, old, None)
    assert _codes(layout, seal_window(layout, 0, boundary).path) == SOUND
    assert _codes(layout, seal_window(layout, 0, None).path) == SOUND
    assert _codes(layout, seal_window(layout, boundary, None).path) == SOUND
    with pytest.raises(SealError, match=f"Choose another end: .*{boundary}"):
        seal_window(layout, 0, boundary - 2)


def test_a_copy_of_the_log_from_before_a_change_is_refused(layout: Layout) -> None:
    store = open_store(layout)
    _grow(store, 1)
    store.shut()
    before = layout.database.read_bytes()
    store = open_store(layout)
    direct_changer(layout, store).rotate("log", "yearly")
    new = store.log_key
    _grow(store, 9)
    store.shut()
    layout.database.write_bytes(before)
    for name in ("-wal", "-shm"):
        layout.database.with_name(layout.database.name + name).unlink(missing_ok=True)
    ring, size = keyring.Ring(), 0
    connection = database.open_for_reading(layout.database)
    ring, size = keyring.load(connection), database.read_state(connection).size  # type: ignore[union-attr]
    connection.close()
    assert (len(ring.entries), size) == (0, 12)
    assert new.key_id != ring.current("log").key_id
    old_file = LocalKey.generate()
    with pytest.raises(StoreCorruptError, match="second history"):
        Store(layout, _as(old_file, ring.current("log").key_id), None)


def _as(key: LocalKey, key_id: str) -> LocalKey:
    """A key that claims an id: what matters here is only that the log is refused before anything is signed."""
    return LocalKey(key.private, key.public, key_id)


STEPS = ["candidate", "record", "promoted"]


@pytest.mark.parametrize("role", ["log", "seal"])
@pytest.mark.parametrize("after", STEPS)
def test_a_crash_after_any_step_leaves_a_log_that_goes_on(
    layout: Layout, role: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crash

    store = open_store(layout)
    _grow(store, 1)
    before = store.ring.current(role).key_id
    with monkeypatch.context() as broken:
        if after == "candidate":
            broken.setattr(KeyChanger, "_commit", crash)
        elif after == "record":
            broken.setattr(KeyFolder, "promote", crash)
        else:
            broken.setattr(KeyFolder, "_discard", crash)
        with pytest.raises(Crash):
            direct_changer(layout, store).rotate(role, "cut short")
    store.shut()
    store = open_store(layout)
    held = store.ring.current(role).key_id
    assert (held == before) is (after == "candidate")
    assert layout.keys.signing_key(role).key_id == held
    _grow(store, 9)
    assert direct_changer(layout, store).rotate(role, "again").replaced == held
    _grow(store, 17)
    store.shut()
    assert _codes(layout, seal_offline(layout).path) == SOUND


def test_a_failed_commit_changes_nothing(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(layout)
    before = store.ring
    with monkeypatch.context() as broken:

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        broken.setattr(keyring, "keep_change", fail)
        with pytest.raises(Exception, match="could not be written"):
            direct_changer(layout, store).rotate("log", "no room")
    assert store.ring == before
    _grow(store, 1)
    assert direct_changer(layout, store).rotate("log", "now").replaced == before.current("log").key_id
    store.shut()
    assert _codes(layout, seal_offline(layout).path) == SOUND


# -- delegation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store_kind", ["file", "pkcs11", "transit"])
def test_a_seal_key_anywhere_delegates_the_log_key(
    layout: Layout, store_kind: str, request: pytest.FixtureRequest
) -> None:
    to = None
    if store_kind == "pkcs11":
        to = request.getfixturevalue("token").reference(f"seal-{layout.root.parent.name}", "ecdsa-p256-sha256")
    elif store_kind == "transit":
        to = request.getfixturevalue("bao").reference(f"seal-{layout.root.parent.name}")
    store = open_store(layout)
    changer = direct_changer(layout, store)
    if to is not None:
        changer.rotate("seal", "into the key store", reference_document(to))
    _grow(store, 1)
    done = changer.delegate("no log key on disk")
    assert done.until is not None
    assert done.until - done.seq >= keychange.LEAST_DELEGATED
    assert layout.keys.configuration.log == DelegatedReference()
    assert not list(layout.keys.folder.glob("log*.key"))
    _grow(store, 9)
    middle = store.size
    store.shut()
    store = open_store(layout)  # the key died with its process: a new delegation begins the run
    assert store.ring.current("log").key_id != done.key_id
    _grow(store, 17)
    _grow(store, 25)
    store.shut()
    assert _codes(layout, seal_offline(layout, 0, None).path) == SOUND
    with pytest.raises(SealError, match="Choose another end"):
        seal_window(layout, 0, middle - 3)
    store = open_store(layout)
    direct_changer(layout, store).rotate("log", "back to a file", "file")
    _grow(store, 33)
    store.shut()
    store = open_store(layout)
    assert store.ring.current("log").delegated is False
    store.shut()
    assert _codes(layout, seal_offline(layout, None, None).path) == SOUND


def test_a_delegated_key_signs_no_further_than_its_end(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keychange, "LEAST_DELEGATED", 20)
    store = open_store(layout)
    changer = direct_changer(layout, store)
    until = changer.delegate("short").until
    assert until is not None
    _grow(store, 1)
    _grow(store, 9)
    size = store.size
    with pytest.raises(KeyUnavailableError, match=f"up to size {until}"):
        _grow(store, 17)
    assert store.size == size
    changer.delegate("renewed")
    _grow(store, 17)
    store.shut()
    assert _codes(layout, seal_offline(layout).path) == SOUND


def test_a_recorder_renews_its_delegation_by_itself(layout: Layout, bao: Bao) -> None:

    reference = reference_document(bao.reference("renewing"))
    with running_recorder(layout.root):
        request_key_change(layout.socket, {"order": "rotate", "role": "seal", "to": reference})
        first = request_key_change(layout.socket, {"order": "delegate", "hours": 0.0004})  # renewed after 0.72 s
        number = 1
        while True:
            assert post(layout, batch_body("p", number, [intent(f"x{number}")]))[0] == 200
            number += 1
            connection = database.open_for_reading(layout.database)
            ring = keyring.load(connection)
            connection.close()
            if len(ring.entries) >= 3:
                break
        assert ring.current("log").key_id != first["keyid"]
        sealed = request_seal(layout.socket, 0, None)
        request_key_change(layout.socket, {"order": "delegate", "hours": 24})  # and now it stays for a while
        start = request_seal(layout.socket, 3, None)  # a start that no one has signed before: the recorder signs it
    for one in (sealed, start):
        assert _codes(layout, Path(one["path"])) == SOUND


# -- what is refused --------------------------------------------------------------------------------------------------

type Spoil = Callable[[rotation.Change, LocalKey, LocalKey], keyring.Prepared]


def _prepared(
    change: rotation.Change, signers: list[Any], new: LocalKey, possession: str | None = None
) -> keyring.Prepared:
    envelope = dsse.sign(rotation.make_payload(change), rotation.PAYLOAD_TYPE, signers)
    message = rotation.possession_message(change.origin, change.key_id, change.size)
    return keyring.Prepared(change, envelope, possession if possession is not None else new.sign(message).hex(), new)


@pytest.mark.parametrize(
    ("changes", "signer", "possession", "words"),
    [
        ({}, "log", None, ""),
        ({}, "new", None, "No log key that is in force"),
        ({}, "seal", None, "No log key that is in force"),
        ({}, "log", "00" * 64, "has not shown"),
        ({"origin": "example.org/other"}, "log", None, "is about the log"),
        ({"size": 10_000}, "log", None, "was made for a log of 10000"),
        ({"replaces": "0" * 64}, "log", None, "in force is"),
        ({"kind": "recovery"}, "log", None, "0 root keys have signed it, 1 must"),
        ({"kind": "recovery"}, "root", None, ""),
        ({"kind": "delegation", "until_size": 10_000}, "log", None, "No seal key"),
        ({"kind": "delegation", "until_size": 10_000}, "seal", None, ""),
        ({"kind": "delegation", "until_size": 2}, "seal", None, "must be above"),
        ({"kind": "delegation", "until_size": 2**33}, "seal", None, "must be above"),
    ],
)
def test_a_change_a_verifier_would_refuse_is_never_written(
    layout: Layout, changes: dict[str, Any], signer: str, possession: str | None, words: str
) -> None:
    store = open_store(layout)
    new, log_key = LocalKey.generate(), store.log_key
    signers = {"new": new, "log": log_key} | {role: layout.keys.signing_key(role) for role in ("seal", "root")}
    change = rotation.Change(
        store.origin, "rotation", "log", new.key_id, "ed25519", new.public, store.size, "t", log_key.key_id
    )
    prepared = _prepared(replace(change, **changes), [signers[signer]], new, possession)
    size = store.size
    if words:
        with pytest.raises(KeyChangeError, match=words):
            store.change_key(prepared)
        assert (store.size, store.log_key.key_id) == (size, log_key.key_id)
        _grow(store, 1)
        return
    store.change_key(prepared)
    assert store.log_key.key_id == new.key_id
    with pytest.raises(KeyChangeError, match="has been there before"):
        store.change_key(prepared)
    _grow(store, 1)
    store.shut()
    connection = database.open_for_reading(layout.database)
    assert len(keyring.load(connection).entries) == 1
    connection.close()


def test_a_token_or_kms_that_is_away_changes_nothing(layout: Layout, token: Token) -> None:

    store = open_store(layout)
    changer = direct_changer(layout, store)
    away = reference_document(token.reference("x")) | {"token": "nowhere"}
    with pytest.raises(KeyFileError, match="no token of that name"):
        changer.rotate("seal", "away", away)
    with pytest.raises(KeyFileError, match="does not say which key"):
        changer.rotate("seal", "nonsense", {"provider": "cloud"})
    assert store.ring.entries == ()
    _grow(store, 1)


# -- what an attacker or an outage can do -----------------------------------------------------------------------------


def test_a_replaced_key_can_sign_nothing_more(layout: Layout, tmp_path: Path) -> None:
    """Whoever kept a copy of the old keys forges the end of a later window with them: each forgery has its code."""
    store = open_store(layout)
    _grow(store, 1)
    old_log, old_seal = store.log_key, layout.keys.signing_key("seal")
    changer = direct_changer(layout, store)
    changer.rotate("log", "yearly")
    changer.rotate("seal", "yearly")
    _grow(store, 9)
    store.shut()
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(seal_offline(layout, 0, None).path) as packed:
        packed.extractall(folder)
    (folder / "transport.sha256").unlink()
    assert _codes(layout, folder) == SOUND
    end = note.parse_checkpoint((folder / "tree" / "end").read_bytes())
    statement = dsse.parse((folder / "statement.dsse.json").read_bytes(), "application/vnd.in-toto+json")
    forgeries = {
        "tree/end": note.sign_checkpoint(end.origin, end.size, end.root, old_log),
        "statement.dsse.json": dsse.sign(statement.payload, statement.payload_type, [old_seal]),
    }
    for name, forged in forgeries.items():
        path = folder / name
        path.chmod(0o600)
        genuine = path.read_bytes()
        path.write_bytes(forged)
        assert _codes(layout, folder)[0] == "E_KEY_NOT_VALID_AT_SIZE"
        path.write_bytes(genuine)
    assert _codes(layout, folder) == SOUND


@pytest.mark.comprehensive
def test_a_key_store_that_is_away_stops_no_recording(layout: Layout, bao: Bao) -> None:
    """The log key is a file: only sealing waits for the seal key. With a delegated log key a start waits too."""
    reference = reference_document(bao.reference("sometimes-away"))
    with running_recorder(layout.root):
        request_key_change(layout.socket, {"order": "rotate", "role": "seal", "to": reference})
    away = reference | {"address": "http://127.0.0.1:9", "timeout_s": 0.4}
    configuration = json.loads(layout.keys.configuration_path.read_text())
    layout.keys.configuration_path.write_text(json.dumps(configuration | {"seal": away}))
    with running_recorder(layout.root):
        assert post(layout, batch_body("p", 1, [intent("x")]))[0] == 200
        with pytest.raises(RecorderError, match="cannot be reached"):
            request_seal(layout.socket, None, None)
        with pytest.raises(RecorderError, match="cannot be reached"):
            request_key_change(layout.socket, {"order": "delegate"})
        assert post(layout, batch_body("p", 2, [intent("y")]))[0] == 200
    layout.keys.configuration_path.write_text(json.dumps(configuration))
    with running_recorder(layout.root):
        request_key_change(layout.socket, {"order": "delegate"})
        assert _codes(layout, Path(request_seal(layout.socket, 0, None)["path"])) == SOUND
    configuration = json.loads(layout.keys.configuration_path.read_text())
    layout.keys.configuration_path.write_text(json.dumps(configuration | {"seal": away}))
    with pytest.raises(KeyUnavailableError, match="cannot be reached"):
        open_store(layout)


def test_a_renewal_that_fails_is_seen_in_the_status(layout: Layout, bao: Bao) -> None:
    reference = reference_document(bao.reference("renewal-fails"))
    with running_recorder(layout.root):
        request_key_change(layout.socket, {"order": "rotate", "role": "seal", "to": reference})
        request_key_change(layout.socket, {"order": "delegate", "hours": 0.0001})
        configuration = json.loads(layout.keys.configuration_path.read_text())
        away = reference | {"address": "http://127.0.0.1:9", "timeout_s": 0.2}
        layout.keys.configuration_path.write_text(json.dumps(configuration | {"seal": away}))
        deadline = time.monotonic() + 20
        while "trouble" not in (told := get_status(layout.socket)["keys"]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "cannot be reached" in told["trouble"]
        assert post(layout, batch_body("p", 1, [intent("x")]))[0] == 200


@pytest.mark.parametrize(
    "moments",
    [
        (0.004, 0.012, 0.03),
        pytest.param([n * 0.002 for n in range(40)], marks=[pytest.mark.comprehensive, pytest.mark.timeout(600)]),
    ],
    ids=["few", "many"],
)
def test_a_recorder_killed_while_its_keys_change_goes_on(layout: Layout, moments: Sequence[float]) -> None:
    """kill -9 at moments spread over the change; whatever was answered is there, and the log has one history."""
    original, acknowledged, number = layout.trust.read_bytes(), 0, 1
    for moment in moments:
        with running_recorder(layout.root) as recorder:
            orders = [{"order": "rotate", "role": role} for role in ("log", "seal")]
            threads = [threading.Thread(target=_quietly, args=(layout, order)) for order in orders]
            for thread in threads:
                thread.start()
            assert post(layout, batch_body("p", number, [intent(f"x{number}")]))[0] == 200
            acknowledged = number
            number += 1
            time.sleep(moment)
            recorder.kill()
            for thread in threads:
                thread.join()
    store = open_store(layout)
    assert store.sources["p"].last == acknowledged
    for role in ("log", "seal"):
        assert layout.keys.signing_key(role).key_id == store.ring.current(role).key_id
    store.shut()
    assert _codes(layout, seal_offline(layout, 0, None).path, original) == SOUND


def _quietly(layout: Layout, order: dict[str, Any]) -> None:
    with contextlib.suppress(RecorderError):
        request_key_change(layout.socket, order)


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"order": "rotate"},
        {"order": "rotate", "role": "root"},
        {"order": "apply", "envelope": "text"},
        {"order": "apply", "envelope": {"payload": "", "payloadType": "x", "signatures": []}},
        {"order": "delegate", "hours": "many"},
        {"order": "delegate", "hours": 25},
        {"order": "delegate", "hours": -1},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(layout: Layout, order: dict[str, Any]) -> None:
    store = open_store(layout)
    before = store.ring
    with pytest.raises((ValueError, RecorderError)):
        direct_changer(layout, store).obey(order)
    assert store.ring == before
    _grow(store, 1)


def test_a_lost_seal_key_is_replaced_by_the_roots_while_the_log_goes_on(layout: Layout, bao: Bao) -> None:
    """The service that held it is gone for good; the new key lives in a file."""
    reference = reference_document(bao.reference("lost"))
    with running_recorder(layout.root):
        request_key_change(layout.socket, {"order": "rotate", "role": "seal", "to": reference})
    configuration = json.loads(layout.keys.configuration_path.read_text())
    gone = reference | {"address": "http://127.0.0.1:9", "timeout_s": 0.2}
    layout.keys.configuration_path.write_text(json.dumps(configuration | {"seal": gone}))
    with running_recorder(layout.root):
        assert post(layout, batch_body("p", 1, [intent("x")]))[0] == 200
        lost = read_ring(layout)[0].current("seal").key_id
        successor = layout.keys.add_file("seal", LocalKey.generate())
        draft = draft_revocation(layout, lost, None, "the service is gone", successor)
        signed = draft.signed_by(layout.keys.signing_key("root"))
        done = request_key_change(layout.socket, {"order": "apply", "envelope": json.loads(signed.to_bytes())})
        assert (done["kind"], done["replaced"]) == ("recovery", lost)
        assert _codes(layout, Path(request_seal(layout.socket, 0, None)["path"])) == SOUND


def test_a_trust_file_takes_over_what_the_log_knows_of_its_keys(layout: Layout) -> None:
    """After a rotation of the seal key, a copy of an older window needs the new key in the trust file."""
    store = open_store(layout)
    _grow(store, 1)
    size = store.size
    direct_changer(layout, store).rotate("seal", "yearly")
    _grow(store, 9)
    store.shut()
    with pytest.raises(SealError, match="clyra keys trust"):
        seal_window(layout, 0, size)
    current, (ring, _, _) = layout.trust.read_bytes(), read_ring(layout)
    entries = trust_update.log_entries(ring.keys, key_setup.trust_document(layout)["keys"])  # type: ignore[arg-type]
    draft = trust_update.following(current, trust_update.Update(entries))
    signed = draft.signed_by(layout.keys.signing_key("root"))
    genesis = {key.key_id: key.role for key in ring.keys if key.since == 0}
    key_setup.install_trust(layout, trust_update.accept(current, signed, genesis))
    assert _codes(layout, seal_window(layout, 0, size).path) == SOUND
    assert _codes(layout, seal_window(layout, 0, None).path) == SOUND


@pytest.mark.parametrize("role", ["log", "seal"])
def test_a_change_whose_tidying_failed_does_not_cost_the_key(
    layout: Layout, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key in force still stands as a candidate; another attempt that fails too must not delete it."""

    def fail(*_: object) -> None:
        raise KeyFileError("no room")

    store = open_store(layout)
    changer = direct_changer(layout, store)
    with monkeypatch.context() as broken:
        broken.setattr(KeyFolder, "promote", fail)
        with pytest.raises(KeyFileError, match="no room"):
            changer.rotate(role, "tidying fails")
    held = store.ring.current(role).key_id
    with monkeypatch.context() as broken:
        broken.setattr(KeyChanger, "_commit", fail)
        with pytest.raises(KeyFileError, match="no room"):
            changer.rotate(role, "not even written")
    _grow(store, 1)
    store.shut()
    store = open_store(layout)
    assert store.ring.current(role).key_id == held
    assert layout.keys.signing_key(role).key_id == held
    store.shut()
    assert _codes(layout, seal_offline(layout).path) == SOUND


def test_a_log_can_begin_with_its_seal_key_in_a_service_and_no_log_key_on_disk(tmp_path: Path, bao: Bao) -> None:
    layout = Layout(tmp_path / "home")
    roots = key_setup.make_roots(tmp_path / "usb", 2, b"a passphrase")
    key_setup.begin(layout, "example.org/log", roots, 2, bao.reference("from-the-start", "ecdsa-p256-sha256"), 12.0)
    with running_recorder(layout.root):
        assert post(layout, batch_body("p", 1, [intent("x"), outcome("x")]))[0] == 200
        assert [path.name for path in layout.keys.folder.glob("*.key")] == ["source.key"]
        path = Path(request_seal(layout.socket, None, None)["path"])
        assert get_status(layout.socket)["keys"].keys() == {"log", "seal", "until_size"}
    assert _codes(layout, path) == SOUND
    assert verify_bundle(path, layout.trust.read_bytes()).origin == "example.org/log"


def test_a_passphrase_by_descriptor_reaches_the_sealing_process(layout: Layout) -> None:
    layout.keys.protect(b"handed down")
    reading, writing = os.pipe()
    os.write(writing, b"handed down")
    os.close(writing)
    environment = {**os.environ, "CLYRA_KEY_PASSPHRASE_FD": str(reading)}
    command = [sys.executable, "-P", "-m", "recorder.main", "serve", "--home", str(layout.root)]
    with (layout.root / "out").open("wb") as out:
        process = subprocess.Popen(command, env=environment, pass_fds=(reading,), stdout=out, stderr=out)
    os.close(reading)
    try:
        deadline = time.monotonic() + 20
        while not layout.socket.exists() and time.monotonic() < deadline:
            assert process.poll() is None, (layout.root / "out").read_text()
            time.sleep(0.02)
        for _ in range(2):
            assert _codes(layout, Path(request_seal(layout.socket, 0, None)["path"])) == SOUND
        rotated = request_key_change(layout.socket, {"order": "rotate", "role": "log"})
        assert rotated["kind"] == "rotation"
        assert [path.name for path in layout.keys.plain_files()] == []
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("role", ["log", "seal"])
def test_a_key_the_log_had_is_never_made_anew(layout: Layout, role: str) -> None:
    open_store(layout).shut()
    layout.keys.path(role).unlink()
    prepare(layout)
    assert not layout.keys.path(role).exists()
    if role == "log":
        with pytest.raises(KeyFileError, match="Cannot read the key"):
            open_store(layout)
    else:
        open_store(layout).shut()
        with pytest.raises(KeyFileError, match="Cannot read the key"):
            seal_offline(layout)


def test_a_start_that_only_a_running_recorder_can_sign_is_said_to_be_one(layout: Layout) -> None:
    store = open_store(layout)
    direct_changer(layout, store).delegate("in memory")
    _grow(store, 1)
    _grow(store, 9)
    store.shut()
    with pytest.raises(SealError, match="no recorder answers"):
        seal_offline(layout, 9, None)
    with running_recorder(layout.root):
        assert _codes(layout, Path(request_seal(layout.socket, 9, None)["path"])) == SOUND
