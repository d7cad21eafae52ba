"""The threat model, cell by cell: each attack is made on a real log, and the verifier gives the answer that is printed.

Columns: a verifier with no outside state, one that remembers what it has seen, one that has a witness's cosignature (or
another root from outside). The reason is scored: `first` must be the stated code.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder import canonical, statement
from recorder.approval import Certificate, sign
from recorder.approval_store import ApprovalStore
from recorder.memory import Memory
from recorder.seal import seal_offline
from recorder.verify.bundle import verify
from recorder.verify.options import Options
from recorder.verify.records import micros
from tests.attacks.world import WITNESS, World, copy_of, forged, lines_of, rewrite, vkey_of
from tests.support import approvals as people
from tests.support.evidence_log import exchange
from tests.support.recorder_process import batch_body, post, running_recorder
from tests.support.witness_process import WitnessProcess
from vectors.generator.bundle import relink

TAIL = "P_TAIL_UNANCHORED"
COLUMNS = ("no outside state", "memory", "witness")


def options(world: World, column: str, memory: Memory | None = None, seen: bytes | None = None) -> Options:
    """What a verifier of a column has. memory, seen: else of the honest log's end."""
    if column == "memory":
        return Options(trust=world.trust, memory=memory or Memory())
    if column == "witness":
        return Options(trust=world.witnessed_trust, checkpoints=(seen or world.seen[-1],))
    return Options(trust=world.trust)


def answer(path: Path, given: Options) -> tuple[str, str, set[str], dict[str, Any]]:
    """(verdict, first, all codes, report)."""
    report = verify(path, given).document()
    return report["verdict"], report["first"], {one["code"] for one in (*report["codes"], *report["warnings"])}, report


def folder_of(bundle: Path, folder: Path) -> Path:
    """The bundle as a plain folder, where anybody with a disk can change it."""
    shutil.unpack_archive(bundle, folder, "zip")
    (folder / "transport.sha256").unlink()
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_the_honest_log_is_what_each_column_says(world: World, tmp_path: Path) -> None:
    whole = world.whole(tmp_path / "copy")
    assert answer(whole, options(world, COLUMNS[0]))[:2] == ("prefix", TAIL)
    assert answer(whole, options(world, "memory", world.memory_of(whole)))[:2] == ("verified", "")
    assert answer(whole, options(world, "witness"))[:2] == ("verified", "")
    for bundle in world.bundles:
        assert answer(bundle, options(world, COLUMNS[0]))[:2] == ("prefix", TAIL)


def _in_place(old: bytes, new: bytes) -> Callable[[list[bytes]], list[bytes]]:
    """Record 6 changed where it stands."""
    return lambda lines: [one.replace(old, new, 1) if place == 6 else one for place, one in enumerate(lines)]


def _forged_line(line: bytes) -> bytes:
    return line.replace(b"/v1/rows", b"/v1/mine")


MOVED = {"E_TREE_SIZE", "E_SEQ", "E_PREV"}
DISK: dict[str, tuple[Callable[[list[bytes]], list[bytes]], set[str]]] = {
    "edit": (_in_place(b"/v1/rows", b"/v1/mine"), {"E_ROOT", "E_PREV"}),
    "delete": (lambda lines: [*lines[:5], *lines[6:]], MOVED),
    "insert": (lambda lines: [*lines[:5], _forged_line(lines[5]), *lines[5:]], MOVED),
    "duplicate": (lambda lines: [*lines[:6], *lines[5:]], MOVED),
    "reorder": (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], {"E_ROOT", "E_SEQ", "E_PREV"}),
    "whitespace": (_in_place(b'":', b'": '), {"E_ROOT", "E_CANON"}),
    "duplicate key": (_in_place(b'"seq":', b'"seq":1,"seq":'), {"E_ROOT", "E_DUP_KEY"}),
    "truncate inside a sealed window": (lambda lines: lines[:-2], {"E_TREE_SIZE"}),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("attack", DISK)
def test_changes_on_disk_without_a_key(world: World, tmp_path: Path, attack: str, column: str) -> None:
    """The statement's digest is the first to tell; the tree and the records tell too, each by its own code."""
    change, codes = DISK[attack]
    folder = folder_of(world.bundles[0], tmp_path / "bundle")
    records = folder / statement.RECORDS
    lines = records.read_bytes().splitlines()
    records.write_bytes(b"".join(line + b"\n" for line in change(lines)))
    memory = world.memory_of(world.bundles[0])
    verdict, first, found, _ = answer(folder, options(world, column, memory, world.seen[0]))
    assert (verdict, first) == ("rejected", "E_MEMBER_DIGEST")
    assert codes <= found


def test_the_newest_bundles_deleted(world: World) -> None:
    """An older genuine bundle is shown as if it were the newest."""
    older = world.bundles[1]
    assert answer(older, options(world, COLUMNS[0]))[:2] == ("prefix", TAIL)  # not visible
    remembering = world.memory_of(world.bundles[2])
    assert answer(older, options(world, "memory", remembering))[:2] == ("rejected", "E_ROLLBACK")
    assert answer(older, Options(trust=world.trust, checkpoints=(world.seen[2],)))[:2] == ("rejected", "E_ROLLBACK")


def test_a_middle_bundle_dropped(world: World) -> None:
    first, last = world.bundles[0], world.bundles[2]
    alone = [answer(one, options(world, COLUMNS[0])) for one in (first, last)]
    assert [one[:2] for one in alone] == [("prefix", TAIL)] * 2
    assert alone[0][3]["end"] < alone[1][3]["start"]  # the neighbours do not meet
    assert answer(last, options(world, "memory", world.memory_of(first)))[:2] == ("rejected", "E_BUNDLE_GAP")
    both = Memory()
    assert answer(first, Options(trust=world.trust, memory=both))[:2] == ("prefix", TAIL)
    witnessed = Options(trust=world.witnessed_trust, memory=both, checkpoints=(world.seen[2],))
    assert answer(last, witnessed)[:2] == ("rejected", "E_BUNDLE_GAP")


def _elsewhere(number: int) -> Callable[[int, dict[str, Any]], None]:
    """Another target in one record."""

    def change(place: int, made: dict[str, Any]) -> None:
        if place == number:
            made["act"]["target"] = "/v1/mine"

    return change


def test_an_insider_rewrites_history_that_was_seen(world: World, tmp_path: Path) -> None:
    layout, bundle = forged(world, tmp_path / "insider", _elsewhere(6), 6)
    honest = world.memory_of(world.whole(tmp_path / "honest"))
    assert answer(bundle, options(world, COLUMNS[0]))[:2] == ("prefix", TAIL)  # not visible
    assert answer(bundle, options(world, "memory", honest))[:2] == ("rejected", "E_SPLIT_VIEW")
    status, _ = world.ask_witness(layout, world.ends[-1], world.ends[-1])
    assert status in (409, 422)  # the witness has seen another history
    alone = Options(trust=world.witnessed_trust)
    assert answer(bundle, alone)[:2] == ("rejected", "E_WITNESS_QUORUM")
    assert answer(bundle, options(world, "witness"))[:2] == ("rejected", "E_SPLIT_VIEW")
    root = verify(world.whole(tmp_path / "again"), Options(trust=world.trust))
    document = {
        "v": "def-anchor/0",
        "kind": "warehouse",
        "origin": root.origin,
        "size": root.end,
        "location": "audit.roots",
    }
    row = canonical.encode({**document, "root": honest.of(root.origin).root.hex()})  # type: ignore[union-attr]
    assert answer(bundle, Options(trust=world.trust, anchors=(row,)))[:2] == ("rejected", "E_ANCHOR_MISMATCH")


def test_an_insider_cuts_history_that_was_seen(world: World, tmp_path: Path) -> None:
    layout = copy_of(world.layout, tmp_path / "insider")
    kept = lines_of(layout)[: world.ends[1] - 2]
    rewrite(layout, kept)
    bundle = seal_offline(layout, 0, len(kept)).path
    honest = world.memory_of(world.whole(tmp_path / "honest"))
    assert answer(bundle, options(world, COLUMNS[0]))[:2] == ("prefix", TAIL)  # not visible
    assert answer(bundle, options(world, "memory", honest))[:2] == ("rejected", "E_ROLLBACK")
    assert answer(bundle, Options(trust=world.trust, checkpoints=(world.seen[2],)))[:2] == ("rejected", "E_ROLLBACK")


def test_an_insider_rewrites_the_tail_nobody_has_seen(world: World, tmp_path: Path) -> None:
    """Not visible, but bounded: the report says how much is after the newest anchor."""
    anchored = world.ends[1]
    _, bundle = forged(world, tmp_path / "insider", _elsewhere(anchored + 1), anchored + 1)
    seen_before = world.memory_of(world.bundles[1])
    lines = lines_of(world.layout)
    ages = [micros(canonical.check(lines[place])["ts"]) for place in (anchored - 1, world.ends[-1] - 1)]
    assert answer(bundle, options(world, COLUMNS[0]))[:2] == ("prefix", TAIL)
    for column in ("memory", "witness"):
        verdict, first, _, report = answer(bundle, options(world, column, seen_before, world.seen[1]))
        assert (verdict, first) == ("prefix", TAIL)
        assert (report["anchored_end"], report["unanchored"]) == (anchored, world.ends[-1] - anchored)
        assert report["exposure_us"] == ages[1] - ages[0]


@pytest.mark.parametrize(
    ("binding", "first", "warning"),
    [
        ("session", TAIL, "W_APPROVAL_OPERATOR_ASSERTED"),
        ("webauthn", "E_APPROVAL_BINDING", ""),
        ("oidc_nonce", "E_APPROVAL_BINDING", ""),
        ("webauthn, replayed for another payload", "E_APPROVAL_NONCE", ""),
    ],
)
def test_an_insider_forges_an_approval(short: Path, binding: str, first: str, warning: str) -> None:
    """He has the seal key, not the approver's passkey nor the identity provider's key."""
    now = time.time()
    alice, provider = people.Authenticator("alice"), people.Provider("ES256")
    thief, imitation = people.Authenticator("alice"), people.Provider("ES256")
    with running_recorder(short / "log") as recorder:
        layout = recorder.layout
        trusted = people.trust_with(
            layout.trust.read_bytes(), [alice.key, provider.key], [layout.keys.signing_key("root")]
        )
        if binding == "session":
            made = people.certificate(now)
        elif binding == "webauthn":
            made = people.by_passkey(now, thief)
            made = _named(made, thief.key.key_id, alice.key.key_id)
        elif binding == "oidc_nonce":
            made = _named(people.by_token(now, imitation), imitation.key.key_id, provider.key.key_id)
        else:
            genuine = people.by_passkey(now, alice)
            made = people.certificate(now, payload=b"{}", approver=genuine.approver, bindings=genuine.bindings)
        signed = sign(made, layout.keys.signing_key("seal"))
        ApprovalStore(layout.approvals).keep(signed)
        event = people.consume_event(signed, made)
        status, told = post(layout, batch_body("proxy-1", 1, [event]))
        assert status == 200, told
        assert not told.get("rejected"), told
    bundle = seal_offline(layout).path
    verdict, found, codes, report = answer(bundle, Options(trust=trusted))
    assert (verdict, found) == ("prefix" if first == TAIL else "rejected", first)
    assert warning in codes or not warning
    assert report["approvals"]["valid"] == (1 if binding == "session" else 0)


def _named(made: Certificate, old: str, new: str) -> Certificate:
    """The certificate with another key named in its bindings."""
    bindings = tuple({**one, "key": new if one["key"] == old else one["key"]} for one in made.bindings)
    return replace(made, bindings=bindings)


def test_an_insider_turns_back_the_clock(world: World, tmp_path: Path) -> None:
    def earlier(number: int, made: dict[str, Any]) -> None:
        if number == 8:
            made["ts"] = "2020-01-01T00:00:00.000000Z"

    def slower(number: int, made: dict[str, Any]) -> None:
        if number == 8:
            made["mono_us"] = 1

    for name, change, code in (("ts", earlier, "E_TS_ROLLBACK"), ("mono", slower, "E_MONO")):
        _, bundle = forged(world, tmp_path / name, change, 8)
        assert answer(bundle, options(world, COLUMNS[0]))[:2] == ("rejected", code)
        memory = world.memory_of(world.bundles[0])
        assert answer(bundle, options(world, "memory", memory))[1] == code


def test_an_insider_writes_times_that_a_witness_saw_pass(short: Path, tmp_path: Path) -> None:
    """The time bracket: the witness saw records that say they are from later."""
    with running_recorder(short / "log") as recorder:
        layout = recorder.layout
        events = [exchange(f"y{number}") for number in range(4)]
        assert post(layout, batch_body("proxy-1", 1, events))[0] == 200
    lines = lines_of(layout)
    last = len(lines) - 1

    def later(number: int, made: dict[str, Any]) -> None:
        if number == last:
            made["ts"] = "2199-01-01T00:00:00.000000Z"

    rewrite(layout, relink(lines, last, later))
    with WitnessProcess(tmp_path / "witness", WITNESS, vkey_of(layout)) as witness:
        other = World(layout, witness)
        status, seen = other.ask_witness(layout, 0, len(lines))
        assert status == 200
        bundle = seal_offline(layout, 0, len(lines)).path
        assert answer(bundle, Options(trust=other.trust))[:2] == ("prefix", TAIL)
        verdict, first, _, _ = answer(bundle, Options(trust=other.witnessed_trust, checkpoints=(seen,)))
        assert (verdict, first) == ("rejected", "E_TS_FUTURE")


def test_events_that_were_never_recorded(world: World, short: Path, tmp_path: Path) -> None:
    """Counters show what a source lost or an insider took out; what no source ever counted leaves no trace."""
    with running_recorder(short / "log") as recorder:
        layout = recorder.layout
        assert post(layout, batch_body("proxy-1", 1, [exchange("n1")]))[0] == 200
        lost = batch_body("proxy-1", 5, [exchange("n5")], cause="overflow")
        assert post(layout, lost)[0] == 200
    verdict, first, codes, _ = answer(seal_offline(layout).path, Options(trust=layout.trust.read_bytes()))
    assert (verdict, first) == ("prefix", TAIL)
    assert "W_GAP_DECLARED" in codes

    def renumber(number: int, made: dict[str, Any]) -> None:
        made["seq"] = number

    _, bundle = forged(world, tmp_path / "insider", renumber, 8, drop=1)
    assert answer(bundle, options(world, COLUMNS[0]))[:2] == ("rejected", "E_SRC_GAP")
    first_bundle = answer(world.bundles[0], options(world, COLUMNS[0]))
    assert first_bundle[:3] == ("prefix", TAIL, {TAIL})  # an exchange around the proxy: not provable


def test_a_lie_at_record_time_is_out_of_reach(world: World, tmp_path: Path) -> None:
    """A record that was false when it was written is as sound as any other, with a witness too."""
    whole = world.whole(tmp_path / "copy")
    lied = canonical.check(lines_of(world.layout)[6])
    assert lied["claim" if "claim" in lied else "data"]
    assert answer(whole, options(world, "witness"))[:2] == ("verified", "")


def test_the_checkpoint_of_the_end_taken_out(world: World, tmp_path: Path) -> None:
    """It is not covered by the statement; without it nothing of the log's own key proves the end."""
    folder = folder_of(world.bundles[0], tmp_path / "bundle")
    (folder / statement.TREE_END).unlink()
    assert answer(folder, options(world, COLUMNS[0]))[:2] == ("prefix", "P_END_UNPROVEN")
    assert answer(folder, Options(trust=world.trust, checkpoints=(world.seen[0],)))[:2] == ("verified", "")
