"""Logs whose keys really changed, at random, before three verifiers: honest windows pass, all say the same bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from recorder import dsse, key_setup, rotation
from recorder.admission import parse_batch
from recorder.errors import SealError
from recorder.keychange import KeyChanger
from recorder.keys import LocalKey, trust_update
from recorder.layout import Layout
from recorder.main import prepare
from recorder.opening import direct_changer, open_store
from recorder.revoking import draft_revocation
from recorder.rotation import Entry
from recorder.seal import seal_window
from recorder.store import Store
from recorder.verify.bundle import verify_bundle
from tests.support import ts_verifier
from tests.support.go_verifier import GoVerifier
from tests.support.recorder_process import batch_body, intent, outcome
from tests.support.ts_verifier import TsVerifier

ACTS = ("log", "seal", "p256", "delegate", "file", "revoke", "recover", "reopen")


@pytest.fixture(scope="module")
def typescript() -> Iterator[TsVerifier]:
    with ts_verifier.running() as running:
        yield running


class RandomLog:
    """A log that lives a few random days. oldest, newest: trust files from its first and its last day."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.layout = Layout(folder / "home")
        self.chance = chance
        prepare(self.layout)
        self.oldest, self.newest = folder / "oldest.json", folder / "newest.json"
        self.oldest.write_bytes(self.layout.trust.read_bytes())
        self.store = open_store(self.layout)
        for day in range(chance.randint(2, 7)):
            self._work(day)
            self._change(day)
        self._work(99)
        self.size = self.store.size
        self.store.shut()
        self._update_trust()

    def windows(self) -> list[tuple[int, int]]:
        """The whole log, and some windows in it."""
        some = [sorted(self.chance.sample(range(self.size + 1), 2)) for _ in range(4)]
        return [(0, self.size), *((start, end) for start, end in some)]

    def _work(self, day: int) -> None:
        known = self.store.sources.get("p")
        events = [event for n in range(self.chance.randint(1, 4)) for event in _exchange(f"x{day}-{n}")]
        body = batch_body("p", known.last + 1 if known else 1, events)
        self.store.commit([parse_batch(body, "source", "a" * 64)])

    def _change(self, day: int) -> None:
        changer, act = direct_changer(self.layout, self.store), self.chance.choice(ACTS)
        if act in ("log", "seal"):
            changer.rotate(act, "planned")
        elif act == "p256":
            changer.rotate("seal", "another algorithm", {"provider": "file", "path": self._p256_key(day)})
        elif act == "delegate":
            changer.delegate("delegated")
        elif act == "file":
            changer.rotate("log", "to a file", "file")
        elif act == "reopen":
            self._reopen()
        else:
            self._by_roots(changer, in_force=act == "recover")

    def _reopen(self) -> None:
        self.store.shut()
        self.store: Store = open_store(self.layout)

    def _by_roots(self, changer: KeyChanger, *, in_force: bool) -> None:
        ring = self.store.ring
        fitting = [key for key in ring.keys if (key == ring.current(key.role)) is in_force]
        if fitting:
            key = self.chance.choice(fitting)
            lost = self.chance.choice([None, self.chance.randint(key.since, self.store.size)])
            draft = draft_revocation(self.layout, key.key_id, lost, "random")
            changer.apply(draft.signed_by(self.layout.keys.signing_key("root")).to_bytes())

    def _p256_key(self, day: int) -> str:
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = self.layout.keys.folder / f"p256-{day}.key"
        path.touch(0o600)
        path.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(*form))
        return path.name

    def _update_trust(self) -> None:
        document = key_setup.trust_document(self.layout)
        entries = trust_update.log_entries(self.store.ring.keys, document["keys"])  # type: ignore[arg-type]
        draft = trust_update.following(self.oldest.read_bytes(), trust_update.Update(entries))
        self.newest.write_bytes(draft.signed_by(self.layout.keys.signing_key("root")).to_bytes())


def _exchange(name: str) -> list[dict[str, object]]:
    return [intent(name), outcome(name)]


def _agreed(go: GoVerifier, typescript: TsVerifier, bundle: Path, trust: Path) -> bytes:
    """The report all three give."""
    report = verify_bundle(bundle, trust.read_bytes()).to_bytes()
    assert go.reports([bundle], "--trust", trust)[0] == [report]
    assert typescript.report(bundle, "--trust", trust)[1] == report
    return report


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.comprehensive) for seed in range(2, 40))]
)
def test_an_honest_log_verifies_whatever_its_keys_went_through(
    go: GoVerifier, typescript: TsVerifier, tmp_path: Path, seed: int
) -> None:
    log = RandomLog(tmp_path, random.Random(seed))
    sealed = 0
    for start, end in log.windows():
        try:
            bundle = seal_window(log.layout, start, end).path
        except SealError:
            continue  # no key in force can sign there, and the recorder says so
        sealed += 1
        for trust in (log.oldest, log.newest):
            assert b'"first":"P_TAIL_UNANCHORED"' in _agreed(go, typescript, bundle, trust)
    assert sealed


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.comprehensive) for seed in range(1, 20))])
def test_a_list_of_changes_that_was_tampered_with_is_refused_by_all(
    go: GoVerifier, typescript: TsVerifier, tmp_path: Path, seed: int
) -> None:
    """The insider who holds the seal key signs the statement anew over another list of changes."""
    chance = random.Random(1000 + seed)
    log = RandomLog(tmp_path, chance)
    entries = list(log.store.ring.entries)
    while not entries:
        log = RandomLog(tmp_path / str(chance.random()), chance)
        entries = list(log.store.ring.entries)
    seal = log.layout.keys.signing_key("seal", log.store.ring.current("seal").key_id)
    bundle = seal_window(log.layout, 0, log.size).path
    folder = _unpacked(bundle, tmp_path / "bundle")
    for raw in _tampered(entries, chance, log):
        (folder / rotation.MEMBER).write_bytes(raw)
        _sign_again(folder, seal)
        assert b'"verdict":"rejected"' in _agreed(go, typescript, folder, log.oldest)
        _agreed(go, typescript, folder, log.newest)  # a key that the trust file lists needs no other endorsement


def _tampered(entries: list[Entry], chance: random.Random, log: RandomLog) -> Iterator[bytes]:
    at = chance.randrange(len(entries))
    victim, others = entries[at], entries[:at] + entries[at + 1 :]
    yield rotation.make_member(others)
    yield rotation.make_member(entries) * 2
    yield rotation.make_member([*others, Entry(victim.seq, victim.envelope, "ab" * 64)])
    yield rotation.make_member([*others, Entry(log.size + 5, victim.envelope, victim.possession)])
    payload = dsse.parse(victim.envelope, rotation.PAYLOAD_TYPE).payload
    stranger = dsse.sign(payload, rotation.PAYLOAD_TYPE, [LocalKey.generate()])
    yield rotation.make_member([*others, Entry(victim.seq, stranger, victim.possession)])


def _unpacked(bundle: Path, folder: Path) -> Path:
    import zipfile

    with zipfile.ZipFile(bundle) as packed:
        packed.extractall(folder)
    (folder / "transport.sha256").unlink()
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
    return folder


def _sign_again(folder: Path, seal: object) -> None:
    from hashlib import sha256

    from recorder import strict_json

    path = folder / "statement.dsse.json"
    document = strict_json.read(dsse.parse(path.read_bytes(), rotation.PAYLOAD_TYPE).payload)
    for subject in document["subject"]:
        if subject["name"] == rotation.MEMBER:
            subject["digest"]["sha256"] = sha256((folder / rotation.MEMBER).read_bytes()).hexdigest()
    path.write_bytes(dsse.sign(strict_json.write(document), rotation.PAYLOAD_TYPE, [seal]))  # type: ignore[list-item]
