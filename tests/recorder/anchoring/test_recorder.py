"""A real recorder with real witnesses, a time stamp authority, Git and a folder: anchored, verified, attacked."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from recorder import canonical, database
from recorder.anchoring import settings, web
from recorder.anchoring.placed import Receipt
from recorder.anchoring.vkeys import log_vkeys
from recorder.container import open_container
from recorder.container_form import read_member
from recorder.layout import Layout
from recorder.local import get_status, request_key_change, request_seal
from recorder.main import prepare
from recorder.rotation import MEMBER
from recorder.witness.following import PATH, format_body
from recorder.witness.settings import WitnessFiles
from tests.support import timestamp_authority
from tests.support.clyra_command import clyra
from tests.support.processes import run
from tests.support.recorder_process import RecorderProcess, batch_body, outcome, post
from tests.support.timestamp_authority import make_authority
from tests.support.trust_files import with_outside
from tests.support.witness_process import WitnessProcess

LIMIT_S = 60.0


def eventually(look: Callable[[], Any], what: str) -> Any:
    """What `look` returns as soon as it is true."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {LIMIT_S:g} s: {what}")


@dataclass
class Site:
    """One log with all that stands around it."""

    layout: Layout
    witnesses: list[WitnessProcess]
    trust: Path
    stack: ExitStack
    sent: int = 0
    recorder: RecorderProcess | None = None

    def configure(self) -> None:
        """Trust file and settings for these witnesses."""
        self.trust.write_bytes(with_outside(self.layout, [one.vkey for one in self.witnesses], 2))
        targets = [
            {"kind": "witness", "name": f"w{number}", "url": one.url, "vkey": str(one.vkey)}
            for number, one in enumerate(self.witnesses)
        ]
        document = {"interval_s": 1, "need": 2, "timeout_s": 5, "targets": targets}
        self.layout.anchors.write_text(json.dumps(document))

    def start(self) -> None:
        self.recorder = RecorderProcess(self.layout.root, "--seal-age", "0").wait_ready()
        self.stack.callback(self.recorder.kill)

    def stop(self) -> None:
        assert self.recorder is not None
        assert self.recorder.stop() == 0

    def record(self, count: int) -> None:
        events = [outcome(f"exchange-{self.sent + number}") for number in range(count)]
        status, answer = post(self.layout, batch_body("proxy", self.sent + 1, events))
        assert status == 200, answer
        self.sent += count

    def status(self) -> dict[str, Any]:
        return get_status(self.layout.socket)["anchors"]

    def verify(self, *bundles: object, **options: object) -> dict[str, Any]:
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "recorder.verify",
                "verify",
                *map(str, bundles),
                "--trust",
                self.trust,
                "--json",
                *words,
            ],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.stdout, done.stderr
        report = json.loads(done.stdout.splitlines()[-1])
        return report | {"exit": done.returncode}

    def records(self, typ: str) -> list[dict[str, Any]]:
        with closing(database.open_for_reading(self.layout.database)) as connection:
            lines = [json.loads(line) for (line,) in connection.execute("SELECT line FROM records ORDER BY seq")]
        return [line for line in lines if line["typ"] == typ]


NAMES = ("witness.example/w1", "witness.example/w2")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[WitnessProcess]]:
    """Two witnesses for all logs of this module."""
    folder = tmp_path_factory.mktemp("witnesses")
    with ExitStack() as stack:
        yield [stack.enter_context(WitnessProcess(folder / name[-2:], name)) for name in NAMES]


@pytest.fixture
def site(tmp_path: Path, pair: list[WitnessProcess]) -> Iterator[Site]:
    """A log that both witnesses watch, need = 2; the recorder is not started yet."""
    layout = Layout(tmp_path / "home")
    prepare(layout)
    vkeys = [str(vkey) for vkey in log_vkeys(layout)]
    for one in pair:
        WitnessFiles(one.home).prepare("", vkeys)
    with ExitStack() as stack:
        found = Site(layout, list(pair), tmp_path / "trust.json", stack)
        found.configure()
        yield found


def test_two_witnesses_make_a_bundle_verified(site: Site) -> None:
    site.start()
    site.record(30)
    bundle = request_seal(site.layout.socket, None, None)
    report = site.verify(bundle["path"])
    assert (report["verdict"], report["exit"], report["codes"]) == ("verified", 0, [])
    assert report["anchored_end"] == report["end"] == bundle["end"]
    assert report["witnesses"] == ["witness.example/w1", "witness.example/w2"]
    assert (report["unanchored"], report["exposure_us"]) == (0, 0)

    [first, *_] = eventually(lambda: site.records("sys.anchor"), "a sys.anchor record")
    assert {one["name"] for one in first["data"]["anchors"]} == {"w0", "w1"}
    assert first["data"]["interval_s"] == 1
    site.record(5)
    second = request_seal(site.layout.socket, None, None)
    assert site.verify(bundle["path"], second["path"])["verdict"] == "verified"


def test_a_log_at_rest_comes_to_rest(site: Site) -> None:
    """Every round is itself a record; without anything else to anchor there are no more rounds."""
    site.start()
    site.record(3)
    seen = eventually(lambda: site.records("sys.anchor"), "a sys.anchor record")
    eventually(lambda: site.records("sys.anchor")[-1]["data"]["size"] >= site.sent + 4, "all records anchored")
    size = get_status(site.layout.socket)["size"]
    time.sleep(3.5)
    assert get_status(site.layout.socket)["size"] == size
    assert len(site.records("sys.anchor")) <= len(seen) + 2


def test_one_witness_is_too_few_and_is_told(site: Site, tmp_path: Path) -> None:
    [vkey] = log_vkeys(site.layout)
    site.witnesses[1] = WitnessProcess(tmp_path / "w2", "witness.example/w2", str(vkey))
    site.configure()
    site.witnesses[1].stop()
    site.start()
    site.record(10)
    status = eventually(lambda: site.status()["targets"].get("w1", {}).get("error") and site.status(), "a failure")
    assert "cannot be reached" in status["targets"]["w1"]["error"]
    assert not status["alarm"]
    bundle = request_seal(site.layout.socket, None, None)
    report = site.verify(bundle["path"])
    assert report["codes"][0]["code"] == "E_WITNESS_QUORUM"
    listed = clyra("anchor", "list", home=site.layout.root)
    assert "cannot be reached" in listed.stdout
    assert clyra("anchor", "now", home=site.layout.root).returncode == 1

    port = int(site.witnesses[1].url.rpartition(":")[2])
    back = site.stack.enter_context(WitnessProcess(site.witnesses[1].home, "witness.example/w2", port=port))
    assert back.vkey == site.witnesses[1].vkey
    eventually(lambda: not site.status()["targets"]["w1"].get("error"), "the witness back")
    done = clyra("anchor", "now", "--json", home=site.layout.root)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cosigned"] == 2
    later = request_seal(site.layout.socket, None, None)
    assert site.verify(later["path"])["verdict"] == "verified"


def test_a_restored_old_copy_of_the_log_is_noticed_by_the_witnesses(site: Site, tmp_path: Path) -> None:
    """Whoever holds the machine puts back an older log with everything beside it; the witnesses remember."""
    site.start()
    site.record(10)
    site.stop()
    shutil.copytree(site.layout.root, tmp_path / "copy")
    site.start()
    site.record(20)
    longest = request_seal(site.layout.socket, None, None)
    site.stop()
    shutil.rmtree(site.layout.root)
    shutil.copytree(tmp_path / "copy", site.layout.root)
    site.sent = 10
    site.start()
    site.record(3)
    status = eventually(lambda: site.status()["alarm"] and site.status(), "an alarm")
    assert "rolled back" in json.dumps(status)
    forged = request_seal(site.layout.socket, None, None)
    report = site.verify(forged["path"])
    assert (report["verdict"], report["codes"][0]["code"]) == ("rejected", "E_WITNESS_QUORUM")
    assert forged["end"] < longest["end"]


def test_a_second_history_with_the_same_keys_gets_no_cosignature(site: Site, tmp_path: Path) -> None:
    """The insider makes another log of the same name and length with the real keys: a split view."""
    shutil.copytree(site.layout.root, tmp_path / "twin")
    site.start()
    site.record(40)
    honest = request_seal(site.layout.socket, None, None)
    assert site.verify(honest["path"])["verdict"] == "verified"
    twin = Site(Layout(tmp_path / "twin"), site.witnesses, site.trust, site.stack)
    twin.start()
    twin.record(200)
    eventually(lambda: twin.status()["alarm"], "an alarm")
    assert any(words in json.dumps(twin.status()) for words in ("does not accept", "another history", "rolled back"))
    forged = request_seal(twin.layout.socket, None, None)
    assert site.verify(forged["path"])["codes"][0]["code"] == "E_WITNESS_QUORUM"


def test_every_kind_of_anchor_travels_and_is_found_again(site: Site, tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "tsa")
    tsa = site.stack.enter_context(timestamp_authority.serving(authority))
    repository = tmp_path / "repository"
    run(["git", "init", "-q", "--bare", repository], check=True)
    (tmp_path / "drop").mkdir()
    site.trust.write_bytes(with_outside(site.layout, [one.vkey for one in site.witnesses], 2, [authority.root_der]))
    home = site.layout.root
    for words in (
        ("rfc3161", "tsa", tsa, authority.root),
        ("git", "repository", repository),
        ("folder", "worm", tmp_path / "drop"),
    ):
        done = clyra("anchor", "add", *words, home=home)
        assert done.returncode == 0, done.stderr
    site.start()
    site.record(12)
    bundle = request_seal(site.layout.socket, None, None)
    end = bundle["end"]
    names = run([sys.executable, "-m", "zipfile", "-l", bundle["path"]], check=True).stdout
    for suffix in ("cosig", "tsr", "wh.json"):
        assert f"anchors/{end}.{suffix}" in names
    report = site.verify(bundle["path"], profile="time")
    assert (report["verdict"], report["codes"], report["warnings"]) == ("verified", [], [])
    found = eventually(lambda: site.records("def.anchor"), "def.anchor records")
    assert {one["data"]["kind"] for one in found} == {"git", "object"}

    origin = site.records("sys.genesis")[0]["origin"]
    for source in (f"git:{repository}", f"folder:{tmp_path / 'drop'}"):
        out = tmp_path / "anchor.json"
        words = ("anchor", "fetch", source, "--origin", origin, "--size", str(end), "--out", out)
        assert clyra(*words).returncode == 0
        assert site.verify(bundle["path"], anchor=out)["verdict"] == "verified"
        other = {**json.loads(out.read_bytes()), "root": "0" * 64}
        out.write_bytes(canonical.encode(other))
        assert site.verify(bundle["path"], anchor=out)["codes"][0]["code"] == "E_ANCHOR_MISMATCH"


def test_anchors_that_came_after_sealing_are_attached(site: Site, tmp_path: Path) -> None:
    """Sealed while nobody answered; the same size is cosigned later, and the bundle keeps its digest."""
    chosen = site.layout.anchors.read_text()
    site.layout.anchors.unlink()
    site.start()
    site.record(8)
    bundle = request_seal(site.layout.socket, None, None)
    assert site.verify(bundle["path"])["codes"][0]["code"] == "E_WITNESS_QUORUM"
    site.layout.anchors.write_text(chosen)
    eventually(lambda: site.records("sys.anchor"), "a sys.anchor record")
    assert site.records("sys.anchor")[0]["data"]["size"] == bundle["end"]
    out = tmp_path / "attached.zip"
    done = clyra("evidence", "attach", bundle["path"], "--out", out, home=site.layout.root)
    assert done.returncode == 0, done.stderr
    report = site.verify(out)
    assert report["verdict"] == "verified"
    assert report["bundle"] == bundle["digest"]
    again = tmp_path / "again.zip"
    assert clyra("evidence", "attach", out, "--out", again, home=site.layout.root).returncode == 0
    assert again.read_bytes() == out.read_bytes()
    with_proof = tmp_path / "proof.zip"
    words = ("evidence", "attach", out, "--out", with_proof, "--consistent-with", "3")
    assert clyra(*words, home=site.layout.root).returncode == 0
    with closing(database.open_for_reading(site.layout.database)) as connection:
        root = database.frontier_at(connection, 3).root()
    origin = site.records("sys.genesis")[0]["origin"]
    for known, codes in ((root, []), (bytes(32), ["E_CONSISTENCY"])):
        receipt = tmp_path / "remembered.json"
        receipt.write_bytes(Receipt("object", origin, 3, known, "a note of mine").to_bytes())
        report = site.verify(with_proof, anchor=receipt)
        assert set(codes) <= {one["code"] for one in report["codes"]}
        assert bool(codes) == (report["verdict"] == "rejected")
    stranger = tmp_path / "stranger.txt"
    stranger.write_text("no anchor")
    refused = clyra("evidence", "attach", out, "--out", again, "--file", stranger, home=site.layout.root)
    assert refused.returncode == 1
    assert "no anchor" in refused.stderr


def test_a_killed_anchoring_process_comes_back_and_records_go_on(site: Site) -> None:
    site.start()
    site.record(4)
    eventually(lambda: site.records("sys.anchor"), "a sys.anchor record")
    assert site.recorder is not None
    [worker] = psutil.Process(site.recorder.process.pid).children()
    assert "recorder.anchoring.worker" in worker.cmdline()
    worker.kill()
    site.record(4)
    want = get_status(site.layout.socket)["size"]
    eventually(lambda: site.records("sys.anchor")[-1]["data"]["size"] >= want, "anchors again")


def test_wrong_settings_are_shown_and_change_nothing(site: Site) -> None:
    site.start()
    site.record(2)
    eventually(lambda: site.records("sys.anchor"), "a sys.anchor record")
    good = site.layout.anchors.read_text()
    site.layout.anchors.write_text(good.replace('"interval_s"', '"intervall"'))
    eventually(lambda: "intervall" in str(site.status()["error"]), "the error")
    before = len(site.records("sys.anchor"))
    site.record(2)
    eventually(lambda: len(site.records("sys.anchor")) > before, "a round with the settings known")
    site.layout.anchors.write_text(good)
    assert settings.load(site.layout.anchors).need == 2


def test_a_witness_with_the_trust_file_follows_the_logs_key_changes(site: Site, tmp_path: Path) -> None:
    """One witness has only the log's first key, the other its trust file; the log changes its key twice."""
    base = tmp_path / "base.json"
    base.write_bytes(site.layout.trust.read_bytes())
    following = WitnessProcess(tmp_path / "w3", "witness.example/w3", options=("--trust", base))
    site.stack.callback(following.stop)
    site.witnesses[1] = following
    site.configure()
    site.start()
    site.record(5)
    for _ in range(2):
        request_key_change(site.layout.socket, {"order": "rotate", "role": "log"})
        site.record(5)
    want = get_status(site.layout.socket)["size"]
    eventually(lambda: site.status()["targets"].get("w1", {}).get("size", 0) >= want, "the following witness")
    assert "does not trust the key" in site.status()["targets"]["w0"]["error"]
    assert not site.status()["alarm"]

    bundle = request_seal(site.layout.socket, None, None)["path"]
    site.trust.write_bytes(with_outside(site.layout, [following.vkey], 1))
    assert site.verify(bundle)["verdict"] == "verified"
    with closing(open_container(Path(bundle))) as container:
        member = read_member(container, MEMBER, 1 << 20)
    origin = site.records("sys.genesis")[0]["origin"]

    def show(name: str, lines: bytes) -> int:
        with web.client(10) as http:
            return web.post(http, following.url + PATH, format_body(name, lines), {}, 10).status

    first, second = member.splitlines(keepends=True)
    forged = second.replace(b'"possession":"', b'"possession":"0', 1)
    assert show(origin, member) == 200
    assert show(origin, first) == 409
    assert show(origin, second) == 409
    assert show(origin, member + forged) == 422
    assert show("log.example/unknown", member) == 404
    assert show("", member) == 400
    following.running.kill()
    again = WitnessProcess(tmp_path / "w3", "witness.example/w3", port=int(following.url.rpartition(":")[2]))
    site.stack.callback(again.stop)
    site.record(3)
    size = get_status(site.layout.socket)["size"]
    eventually(lambda: site.status()["targets"]["w1"].get("size", 0) >= size, "the witness after a restart")


def test_a_target_that_never_answers_holds_up_nothing(site: Site, tmp_path: Path) -> None:
    """It takes the connection and is silent; records are acknowledged meanwhile, and the witnesses still anchor."""
    silent = socket.create_server(("127.0.0.1", 0))
    site.stack.callback(silent.close)
    authority = make_authority(tmp_path / "tsa")
    chosen = json.loads(site.layout.anchors.read_bytes())
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    chosen["targets"].append({"kind": "rfc3161", "name": "tsa", "url": url, "certificate": str(authority.root)})
    chosen["timeout_s"] = 100
    site.layout.anchors.write_text(json.dumps(chosen))
    site.start()
    peer, _ = silent.accept()  # a round is waiting for it now, and goes on waiting
    for _ in range(20):
        site.record(5)
    assert site.status()["targets"] == {}
    silent.close()
    peer.close()
    eventually(lambda: site.status()["targets"].get("tsa", {}).get("error"), "the failure")
    [first, *_] = eventually(lambda: site.records("sys.anchor"), "a sys.anchor record")
    assert {one["name"] for one in first["data"]["anchors"]} == {"w0", "w1"}
    bundle = request_seal(site.layout.socket, None, None)
    assert site.verify(bundle["path"])["verdict"] == "verified"
