"""The command lines: several bundles, one memory, exit codes, attestations, one-record proofs, canon and crypto."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import dsse, merkle, note, proof, statement
from recorder.keys import LocalKey
from recorder.layout import Layout
from recorder.main import prepare
from recorder.opening import open_store
from recorder.seal import seal_window
from recorder.verify.command import main, worst
from recorder.verify.explain import explain_record
from recorder.verify.record_proof import verify_record
from tests.recorder.verify.conftest import Case
from tests.support.forged_bundles import compact


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A real log of two runs, eight records and more."""
    found = Layout(tmp_path_factory.mktemp("log") / "home")
    prepare(found)
    for _ in range(3):
        open_store(found).shut()
    return found


def _reports(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_row_of_bundles_shares_one_memory(layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundles = [str(seal_window(layout, start, end).path) for start, end in ((0, 2), (2, 4), (4, 5))]
    memory, trust = tmp_path / "memory.json", str(layout.trust)
    words = ["verify", "--json", "--trust", trust, "--memory", str(memory)]
    assert main([*words, *bundles]) == 3
    assert [report["verdict"] for report in _reports(capsys)] == ["prefix"] * 3
    assert json.loads(memory.read_text())["logs"][0]["size"] == 5
    assert main([*words, bundles[0]]) == 1
    assert _reports(capsys)[0]["first"] == "E_ROLLBACK"
    assert main([*words, "--older", bundles[0]]) == 3
    assert "memory: newer than the bundle" in str(_reports(capsys)[0]["skipped"])
    assert main(["verify", "--json", "--trust", trust, bundles[0], bundles[2]]) == 1
    assert _reports(capsys)[1]["first"] == "E_BUNDLE_GAP"


def test_the_exit_code_is_the_worst(layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(seal_window(layout, 0, 3).path)
    assert main(["verify", "--json", bundle, str(tmp_path / "absent.zip")]) == 2
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert "absent.zip" in captured.err
    assert [worst(codes) for codes in ([0, 3], [3, 4], [4, 1], [1, 2], [0], [])] == [3, 4, 1, 2, 0, 0]
    (tmp_path / "memory").write_text("{}")
    assert main(["verify", "--json", bundle, "--memory", str(tmp_path / "memory")]) == 2
    with pytest.raises(SystemExit) as wrong:
        main(["verify", bundle, "--level", "L9"])
    assert wrong.value.code == 2


def test_what_unpacking_leaves_in_a_folder_is_named(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(seal_window(layout, 0, 3).path) as packed:
        packed.extractall(tmp_path)
    words = ["verify", str(tmp_path), "--trust", str(layout.trust)]
    assert main(words) == 1
    assert "Verify the zip itself, or take transport.sha256 out of the folder." in capsys.readouterr().out
    (tmp_path / "transport.sha256").unlink()
    assert main(words) == 3
    assert "transport.sha256" not in capsys.readouterr().out


def test_it_runs_as_a_module_and_says_exposure(layout: Layout) -> None:
    bundle = str(seal_window(layout, 0, 6).path)
    command = [sys.executable, "-P", "-m", "recorder.verify", "verify", bundle, "--trust", str(layout.trust)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "Exposure: 6 records over" in done.stdout
    assert "Not asserted:" in done.stdout


def test_canon_and_crypto_answer_a_line_each() -> None:
    key = LocalKey.generate()
    signature = key.sign(b"x").hex()
    asked = {
        "canon": (b'{"a":1}\n\n{"a":1.5}\n[NaN]\n', ["ok", "E_CANON", "E_NUM", "E_CANON"]),
        "crypto": (
            f"ed25519 {key.public.hex()} {signature} 78\ned25519 {key.public.hex()} {signature} -\nx y z 00\n".encode(),
            ["good", "bad", "bad"],
        ),
    }
    for word, (lines, answers) in asked.items():
        command = [sys.executable, "-P", "-m", "recorder.verify", word]
        done = subprocess.run(command, input=lines, capture_output=True, timeout=60, check=True)
        assert done.stdout.decode().split() == answers


# -- one record ----------------------------------------------------------------------------------------------------


def test_every_record_has_a_proof(layout: Layout) -> None:
    trust = layout.trust.read_bytes()
    for seq in range(6):
        raw = proof.prove(layout, seq)
        report = verify_record(raw, trust)
        assert (report.verdict, report.seq) == ("verified", seq)
        assert len(raw) < 2048
        assert verify_record(raw).document()["first"] == "I_TRUST_MISSING"
    assert next(iter(explain_record(report))).startswith("VERIFIED")


def _edited(raw: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    parsed = proof.parse(raw)
    value = json.loads(parsed.line)
    change(value)
    return proof.make(compact(value), parsed.index, parsed.hashes, parsed.checkpoint)


PROOFS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("E_PROOF_FORMAT", lambda raw: raw.replace(b"@v1", b"@v2")),
    ("E_PROOF_FORMAT", lambda raw: raw.replace(b"index 2", b"index 02")),
    ("E_PROOF_FORMAT", lambda raw: raw.replace(b"extra ", b"extra  ")),
    ("E_PROOF_FORMAT", lambda raw: b""),
    ("E_ROOT", lambda raw: _edited(raw, lambda value: value.update(ts="2026-01-01T00:00:00.000000Z"))),
    ("E_ROOT", lambda raw: _moved(raw, 0)),
    ("E_SEQ", lambda raw: _edited(raw, lambda value: value.update(seq=9))),
    ("E_SCHEMA", lambda raw: _edited(raw, lambda value: value.update(more=9))),
    ("E_ORIGIN", lambda raw: _edited(raw, lambda value: value.update(origin="other.example"))),
    ("I_VERSION", lambda raw: _edited(raw, lambda value: value.update(v="def/1"))),
    ("W_TYPE_UNKNOWN", lambda raw: _edited(raw, lambda value: value.update(typ="pef.quantum"))),
    ("E_CANON", lambda raw: _line(raw, b"{} ")),
    ("E_CKPT_FORMAT", lambda raw: raw[:-1]),
    ("E_CKPT_SIG", lambda raw: _resigned(raw, LocalKey.generate())),
]


def _moved(raw: bytes, index: int) -> bytes:
    parsed = proof.parse(raw)
    return proof.make(parsed.line, index, parsed.hashes, parsed.checkpoint)


def _line(raw: bytes, line: bytes) -> bytes:
    parsed = proof.parse(raw)
    return proof.make(line, parsed.index, parsed.hashes, parsed.checkpoint)


def _resigned(raw: bytes, key: LocalKey) -> bytes:
    parsed = proof.parse(raw)
    head = note.parse_checkpoint(parsed.checkpoint)
    checkpoint = note.sign_checkpoint(head.origin, head.size, head.root, key)
    return proof.make(parsed.line, parsed.index, parsed.hashes, checkpoint)


@pytest.mark.parametrize(("code", "change"), PROOFS)
def test_a_proof_that_proves_nothing(layout: Layout, code: str, change: Callable[[bytes], bytes]) -> None:
    raw = proof.prove(layout, 2)
    report = verify_record(change(raw), layout.trust.read_bytes())
    assert code in report.findings.found
    assert report.verdict != "verified"
    report.to_bytes()
    assert verify_record(raw, layout.trust.read_bytes()).verdict == "verified"


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_of_a_proof_is_noticed(layout: Layout, at: int, change: int) -> None:
    raw = bytearray(proof.prove(layout, 3))
    raw[at % len(raw)] ^= change
    assert verify_record(bytes(raw), layout.trust.read_bytes()).verdict != "verified"


def test_a_proof_of_another_log_is_refused(layout: Layout, tmp_path: Path) -> None:
    other = Layout(tmp_path / "other")
    prepare(other)
    report = verify_record(proof.prove(layout, 1), other.trust.read_bytes())
    assert {"E_CKPT_ORIGIN", "E_CKPT_SIG"} <= report.findings.found.keys()


def test_proofs_at_every_size_up_to_seventeen() -> None:
    key = LocalKey.generate()
    for size in range(1, 18):
        lines = [b"%d" % number for number in range(size)]
        leaves = [merkle.leaf_hash(line) for line in lines]
        checkpoint = note.sign_checkpoint("x.example", size, merkle.root_of(leaves), key)
        for index in range(size):
            raw = proof.make(lines[index], index, merkle.inclusion_proof(leaves, index), checkpoint)
            found = verify_record(raw)
            assert "E_ROOT" not in found.findings.found
            assert "E_ROOT" in verify_record(_line(raw, b"other")).findings.found


# -- attestations --------------------------------------------------------------------------------------------------


ATTESTATIONS: list[tuple[str, dict[str, object]]] = [
    ("E_STMT_TYPE", {"_type": "https://in-toto.io/Statement/v2"}),
    ("E_STMT_TYPE", {"subject": 1}),
    ("E_STMT_PREDICATE", {"predicateType": "https://example.com/other"}),
    ("E_MEMBER_DIGEST", {"subject": [{"name": "bundle", "digest": {"sha256": "0" * 64}}]}),
    ("", {}),
]


@pytest.mark.parametrize(("code", "changes"), ATTESTATIONS)
@pytest.mark.parametrize("inside", [False, True])
def test_attestations_are_about_this_bundle(
    new_case: Callable[[], Case], code: str, changes: dict[str, object], inside: bool
) -> None:
    one = new_case()
    raw = one.world.attestation(one.build(), one.world.auditor, **changes)
    if inside:
        one.later("attestations/a.dsse.json", raw)
    else:
        one.give(attestations=(raw,))
    report = one.verify()
    if not code:
        assert report.verdict == "prefix"
        return
    assert report.found[code].places[0].member == ("attestations/a.dsse.json" if inside else "attestation")


def test_who_may_attest(new_case: Callable[[], Case]) -> None:
    for signer, good in (("auditor", True), ("seal", True), ("stranger", False), ("log", False)):
        one = new_case()
        keys = {"auditor": one.world.auditor, "seal": one.forge.seal_key, "log": one.forge.log_key}
        raw = one.world.attestation(one.build(), keys.get(signer, LocalKey.generate()))  # type: ignore[arg-type]
        one.give(attestations=(raw,))
        assert ("E_DSSE_SIG" in one.verify().found) != good
    broken = new_case()
    raw = broken.world.attestation(broken.build(), broken.world.auditor)
    document = json.loads(raw)
    document["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    broken.give(
        attestations=(compact(document) + b"\n", b"{}\n", dsse.sign(b"{}", "text/plain", [LocalKey.generate()]))
    )
    assert {"E_DSSE_SIG", "E_DSSE_FORMAT", "E_DSSE_TYPE"} <= broken.verify().found.keys()
    assert statement.STATEMENT in {path.name for path in broken.folder.rglob("*")}
