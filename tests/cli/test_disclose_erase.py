"""Disclosing and erasing as commands on a real log: what is shown is checked, what is erased stays proven."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from clyra_proxy.cli import main
from clyra_proxy.evidence.commitment import SubjectKey, SubjectKeys
from clyra_proxy.evidence.subjects import KeyFolder
from recorder.approval import new_id
from recorder.disclosure import commit_fields
from recorder.layout import Layout
from recorder.local import request_seal
from recorder.main import prepare
from recorder.verify.bundle import verify_bundle
from tests.support.clyra_command import clyra
from tests.support.recorder_process import batch_body, intent, outcome, post, running_recorder

REQUEST, RESPONSE, TARGET = b'{"amount": "12.00"}', b'{"ok": true}', b"/v1/rows?token=abc"
GRANT, WHOLE, OUTCOME = 4, 5, 7


@dataclass
class Told:
    """What a command said and ended with."""

    returncode: int
    stdout: str
    stderr: str


def _run(*arguments: str | Path) -> Told:
    """One command line in this process, as `clyra` runs it."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main.run([str(one) for one in arguments])
    return Told(code, out.getvalue(), err.getvalue())


@dataclass
class Log:
    """A running recorder with one tenant's traffic: records 4 grant, 5 whole call, 6 and 7 intent and outcome."""

    layout: Layout
    key: SubjectKey
    bundle: Path

    def disclose(self, *options: str | Path, bundle: Path | None = None) -> Told:
        return _run("disclose", bundle or self.bundle, *options, "--home", self.layout.root)

    def erase(self, *options: str) -> Told:
        return _run("erase", *options, "--home", self.layout.root)

    def report(self, path: Path) -> dict[str, Any]:
        return verify_bundle(path, self.layout.trust.read_bytes()).document()


def _events(key: SubjectKey) -> list[dict[str, Any]]:
    approval_id = new_id()
    fields = commit_fields({"email": "alice@example.com"}, lambda name: key.salt(approval_id, name))
    grant = {
        "typ": "pef.approval.grant",
        "appr": {"id": approval_id, "cert_sha256": "a" * 64, "state": "granted"},
        "sd": list(fields.digests),
        "data": {"payload_sha256": "b" * 64, "approver_c": "c" * 64, "binding": ["session"], "subject_key": key.id},
    }
    whole = intent("w-1", subject_key=key.id, target_c=key.commitment("w-1", "target", TARGET))
    whole["data"] |= {"phase": "whole", "result": "completed"}
    whole["io"] = {
        "req": {"len": len(REQUEST), "c": key.commitment("w-1", "req", REQUEST)},
        "res": {"len": len(RESPONSE), "c": key.commitment("w-1", "res", RESPONSE), "status": 200},
    }
    late = outcome("x-1")
    late["io"] = {"req": {"len": 1}, "res": {"len": len(RESPONSE), "c": key.commitment("x-1", "res", RESPONSE)}}
    return [grant, whole, intent("x-1", subject_key=key.id), late]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    layout = Layout(tmp_path / "home")
    prepare(layout)
    key = SubjectKeys(layout.root / "subjects").current("acme")
    with running_recorder(layout.root):
        status, answer = post(layout, batch_body("source", 1, _events(key)))
        assert (status, answer.get("rejected")) == (200, None)
        yield Log(layout, key, Path(request_seal(layout.socket, None, None)["path"]))


def _file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "value"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("seq", "field", "value"),
    [(WHOLE, "req", REQUEST), (WHOLE, "res", RESPONSE), (WHOLE, "target", TARGET), (OUTCOME, "res", RESPONSE)],
)
def test_a_body_is_disclosed_and_checked(log: Log, tmp_path: Path, seq: int, field: str, value: bytes) -> None:
    out = tmp_path / "shown.zip"
    told = log.disclose(f"--seq={seq}", f"--field={field}", "--body", _file(tmp_path, value), "--out", out, "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["disclosed"] == 1
    before, after = log.report(log.bundle), log.report(out)
    assert after == {**before, "disclosed": 1}
    with zipfile.ZipFile(out) as packed:
        line = orjson.loads(packed.read(f"disclosures/{seq}.jsonl"))
    assert line["salt"] == log.key.salt("w-1" if seq == WHOLE else "x-1", field).hex()


def test_other_bytes_are_refused_and_no_file_is_left(log: Log, tmp_path: Path) -> None:
    out = tmp_path / "shown.zip"
    for options in (["--body", _file(tmp_path, REQUEST + b" ")], ["--field=res", "--body", _file(tmp_path, b"x")]):
        told = log.disclose(f"--seq={WHOLE}", *options, "--out", out)
        assert told.returncode == 1
        assert "committed to" in told.stderr
        assert "Traceback" not in told.stderr
    assert not out.exists()
    assert log.disclose("--seq=3", "--body", _file(tmp_path, b"x")).returncode == 1
    assert log.disclose("--seq=99", "--body", _file(tmp_path, b"x")).returncode == 1
    assert log.disclose(f"--seq={WHOLE}").returncode == 64


@pytest.mark.parametrize("line", [b"{}", b"[]", b"null", b"not json", b'{"typ":"pef.http_call","data":7}'])
def test_a_bundle_of_anybody_may_hold_anything(log: Log, tmp_path: Path, line: bytes) -> None:
    folder = tmp_path / "folder"
    with zipfile.ZipFile(log.bundle) as packed:
        packed.extractall(folder)
    (folder / "transport.sha256").unlink()
    (folder / "records.jsonl").write_bytes((line + b"\n") * 9)
    told = log.disclose("--seq=2", "--body", _file(tmp_path, REQUEST), bundle=folder)
    assert (told.returncode, "damaged" in told.stderr) == (1, True)


def test_a_field_is_disclosed_among_decoys(log: Log, tmp_path: Path) -> None:
    out = tmp_path / "shown.zip"
    told = log.disclose(f"--seq={GRANT}", "--sd", "email=alice@example.com", "--out", out)
    assert told.returncode == 0, told.stderr
    assert log.report(out)["disclosed"] == 1
    for wrong in ("email=bob@example.com", "name=alice@example.com"):
        assert log.disclose(f"--seq={GRANT}", "--sd", wrong, "--out", tmp_path / "no.zip").returncode == 1


def test_disclosures_add_up_and_a_folder_stays_a_folder(log: Log, tmp_path: Path) -> None:
    one, two, folder = tmp_path / "one.zip", tmp_path / "two.zip", tmp_path / "folder"
    log.disclose(f"--seq={WHOLE}", "--body", _file(tmp_path, REQUEST), "--out", one)
    log.disclose(f"--seq={WHOLE}", "--field=res", "--body", _file(tmp_path, RESPONSE), "--out", two, bundle=one)
    assert log.report(two)["disclosed"] == 2
    again = tmp_path / "again.zip"
    log.disclose(f"--seq={WHOLE}", "--field=res", "--body", _file(tmp_path, RESPONSE), "--out", again, bundle=two)
    assert again.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(log.bundle) as packed:
        packed.extractall(folder)
    (folder / "transport.sha256").unlink()
    shown = tmp_path / "shown"
    told = log.disclose(f"--seq={WHOLE}", "--body", _file(tmp_path, REQUEST), "--out", shown, bundle=folder)
    assert told.returncode == 0, told.stderr
    assert log.report(shown) == log.report(one)


def test_what_is_erased_stays_proven_and_cannot_be_disclosed(log: Log, tmp_path: Path) -> None:
    body = _file(tmp_path, REQUEST)
    before = log.report(log.bundle)
    told = log.erase("--subject=acme", "--basis=request 17 of the data subject", "--yes", "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["subject_key"], found["records"], found["from_seq"], found["to_seq"]) == (log.key.id, 3, 4, 7)
    assert list(KeyFolder(log.layout.root / "subjects").every()) == []
    assert log.key.secret.hex().encode() not in b"".join(
        path.read_bytes() for path in (log.layout.root / "subjects").iterdir()
    )
    assert log.report(log.bundle) == before
    newer = Path(request_seal(log.layout.socket, None, None)["path"])
    report = log.report(newer)
    assert (report["verdict"], report["erased"]) == ("prefix", 1)
    assert report["warnings"][0] == {
        "code": "W_ERASED",
        "count": 1,
        "member": "records.jsonl",
        "seq": found["size"] - 1,
    }
    told = log.disclose(f"--seq={WHOLE}", "--body", body)
    assert told.returncode == 1
    assert "was erased" in told.stderr
    assert log.disclose(f"--seq={OUTCOME}", "--field=res", "--body", body).returncode == 1
    again = log.erase(f"--subject={log.key.id}", "--basis=again", "--yes")
    assert again.returncode == 1
    assert "erased before" in again.stderr
    assert SubjectKeys(log.layout.root / "subjects").current("acme").id != log.key.id


def test_erasing_asks_and_says_what_it_cannot_find(log: Log) -> None:
    assert log.erase("--subject=acme", "--basis=x").returncode == 64
    assert log.erase("--subject=acme", "--yes").returncode == 1
    assert log.erase("--subject=nobody", "--basis=x", "--yes").returncode == 1
    assert log.erase("--subject=acme", "--month=2020-01", "--basis=x", "--yes").returncode == 1
    assert log.erase().returncode == 64
    listed = json.loads(log.erase("--list", "--json").stdout)
    assert [row["id"] for row in listed] == [log.key.id]


def test_erasing_without_a_recorder_and_after_a_crash(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    prepare(layout)
    folder = KeyFolder(layout.root / "subjects")
    key = SubjectKeys(folder.folder).current("")
    with running_recorder(layout.root):
        post(layout, batch_body("source", 1, _events(key)))
    home = ("--home", layout.root)
    kept = folder.choose("default")
    folder.note(key.id, {"subject_key": key.id, "from_seq": 5, "to_seq": 7, "basis": "crashed", "records": 2})
    assert folder.find(key.id) == kept  # as a crash right after the note leaves it
    told = clyra("erase", f"--subject={key.id}", *home, "--json")
    assert told.returncode == 0, told.stderr
    assert folder.find(key.id) is None
    assert json.loads(told.stdout)["basis"] == "crashed"
    sealed = json.loads(clyra("seal", *home, "--json").stdout)
    report = verify_bundle(Path(sealed["path"]), layout.trust.read_bytes()).document()
    assert (report["erased"], report["verdict"]) == (1, "prefix")
