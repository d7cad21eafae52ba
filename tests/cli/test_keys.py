"""`clyra keys` as a person uses it: made offline, rotated under a running recorder, revoked by a quorum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from recorder import trust
from recorder.layout import Layout
from recorder.seal import seal_offline
from recorder.verify.bundle import verify_bundle
from tests.support.clyra_command import clyra
from tests.support.recorder_process import batch_body, intent, outcome, post, running_recorder


def _run(home: Path, *words: str, code: int = 0, **environment: str) -> str:
    done = clyra("keys", *words, home=home, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def _show(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(clyra("keys", "show", "--json", home=home).stdout)
    return found


def _in_force(home: Path, role: str) -> str:
    return next(key["keyid"] for key in _show(home)["keys"] if key["role"] == role and key["in_force"])


def _hand_in(layout: Layout, first: int) -> None:
    assert post(layout, batch_body("p", first, [intent(f"x{first}"), outcome(f"x{first}")]))[0] == 200


def _verdict(path: Path, trusted: bytes) -> tuple[str, Any]:
    report = verify_bundle(path, trusted)
    return report.verdict, report.document()["first"]


@pytest.fixture(scope="module")
def quiet_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a few records; tests that share it change nothing."""
    home = tmp_path_factory.mktemp("home")
    with running_recorder(home):
        _hand_in(Layout(home), 1)
    return home


def test_keys_from_the_first_day_to_a_compromise(tmp_path: Path) -> None:
    home, roots = tmp_path / "home", tmp_path / "usb"
    said = _run(home, "init", "--roots", "3", "--threshold", "2", "--root-folder", str(roots))
    assert "Now take them offline" in said
    assert sorted(path.name for path in roots.iterdir()) == sorted(
        f"root-{n}.{end}" for n in (1, 2, 3) for end in ("key", "pub.pem")
    )
    layout = Layout(home)
    assert not layout.keys.path("root").exists()
    first_trust = layout.trust.read_bytes()
    draft, signed = tmp_path / "revoke.json", [tmp_path / f"signed-{n}.json" for n in (1, 2)]
    with running_recorder(home):
        _hand_in(layout, 1)
        old = _in_force(home, "seal")
        assert "in force" in _run(home, "rotate", "--role", "seal", "--yes", "--reason", "yearly")
        _hand_in(layout, 3)
        stolen = _in_force(home, "log")
        said = _run(
            home, "revoke", stolen[:12], "--from-size", "3", "--reason", "laptop stolen", "-o", str(draft), "--yes"
        )
        assert f"key that goes   {stolen}" in said
        assert _in_force(home, "log") == stolen
        for number, target in enumerate(signed, 1):
            said = _run(
                tmp_path, "sign", str(draft), "--key", str(roots / f"root-{number}.key"), "-o", str(target), "-y"
            )
            assert "laptop stolen" in said
        assert "1 root keys have signed it, 2 must" in _run(home, "import", str(signed[0]), code=1)
        assert "recovery of the log key" in _run(home, "import", *map(str, signed))
        assert _in_force(home, "log") != stolen
        _hand_in(layout, 5)
        _run(home, "revoke", old[:16], "--reason", "tidy up", "-o", str(draft), "--yes")
        for number in (2, 3):
            _run(home, "sign", str(draft), "--key", str(roots / f"root-{number}.key"), "-y")
        assert "no longer valid" in _run(home, "import", str(draft))
    sealed = seal_offline(layout, 0, None)
    assert _verdict(sealed.path, first_trust) == ("prefix", "P_TAIL_UNANCHORED")
    told = {key["keyid"]: key for key in _show(home)["keys"]}
    assert (told[stolen]["state"], told[stolen]["compromised_from_size"]) == ("compromised", 3)


def test_a_lost_log_key_is_replaced_without_a_running_recorder(tmp_path: Path) -> None:
    home, roots = tmp_path / "home", tmp_path / "usb"
    _run(home, "init", "--root-folder", str(roots))
    layout = Layout(home)
    with running_recorder(home):
        _hand_in(layout, 1)
        lost = _in_force(home, "log")
    layout.keys.path("log").unlink()
    draft = tmp_path / "draft.json"
    _run(home, "revoke", lost, "--reason", "disk lost", "-o", str(draft), "--yes")
    _run(home, "sign", str(draft), "--key", str(roots / "root-1.key"), "-y")
    assert "recovery of the log key" in _run(home, "import", str(draft))
    with running_recorder(home):
        _hand_in(layout, 3)
    assert _verdict(seal_offline(layout).path, layout.trust.read_bytes())[0] == "prefix"


def test_new_roots_need_the_old_ones_and_the_old_trust_file_leads_to_the_new(tmp_path: Path) -> None:
    home, roots = tmp_path / "home", tmp_path / "usb"
    _run(home, "init", "--roots", "2", "--root-folder", str(roots))
    layout = Layout(home)
    with running_recorder(home):
        _hand_in(layout, 1)
    before = trust.load(layout.trust.read_bytes())
    _run(home, "root", str(tmp_path / "new.key"), "--encrypt", CLYRA_ROOT_PASSPHRASE="long and random")
    draft = tmp_path / "trust.json"
    old_root = next(before.of_role("root")).key_id
    said = _run(
        home, "trust", "--add-root", str(tmp_path / "new.pub.pem"), "--remove", old_root, "-o", str(draft), "-y"
    )
    assert "Trust file, version 2" in said
    assert old_root not in said
    _run(home, "sign", str(draft), "--key", str(tmp_path / "new.key"), "-y", CLYRA_ROOT_PASSPHRASE="long and random")
    _run(home, "sign", str(draft), "--key", str(roots / "root-2.key"), "-y")
    assert "1 of the roots before it, 2 needed" in _run(home, "import", str(draft), code=1)
    _run(home, "sign", str(draft), "--key", str(roots / "root-1.key"), "-y")
    assert "version 2 is in force" in _run(home, "import", str(draft))
    after = trust.load(layout.trust.read_bytes())
    trust.check_succession(after, before.authority)
    assert layout.trust.with_name("trust-1.json").exists()
    assert "not newer" in _run(home, "import", str(draft), code=1)
    assert _verdict(seal_offline(layout).path, layout.trust.read_bytes())[0] == "prefix"


def test_a_quick_start_is_told_what_is_unwise_and_can_be_put_right(tmp_path: Path) -> None:
    home, roots = tmp_path / "home", tmp_path / "usb"
    layout = Layout(home)
    with running_recorder(home):
        _hand_in(layout, 1)
    warnings = " ".join(_show(home)["warnings"])
    assert "root key lies beside" in warnings
    assert "in the clear" in warnings
    before = trust.load(layout.trust.read_bytes())
    _run(home, "init", "--roots", "3", "--threshold", "2", "--root-folder", str(roots), "--yes")
    after = trust.load(layout.trust.read_bytes())
    trust.check_succession(after, before.authority)
    assert (after.version, after.threshold, len(list(after.of_role("root")))) == (2, 2, 3)
    passphrase = tmp_path / "passphrase"
    passphrase.touch(0o600)
    passphrase.write_text("long and random\n")
    protected = {"CLYRA_KEY_PASSPHRASE_FILE": str(passphrase)}
    assert "No passphrase is configured" in _run(home, "protect", "--yes", code=1)
    assert _run(home, "protect", "--yes", **protected).count("encrypted") == 2
    assert _show(home)["warnings"] == []
    assert "no passphrase was given" in clyra("seal", home=home).stderr
    assert clyra("seal", home=home, env=protected).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rotate", "--role", "root", "-y"), "not one of log, seal"),
        (("rotate", "--role", "log"), "Add --yes"),
        (("init", "--roots", "1", "--threshold", "2"), "more than --roots"),
        (("init", "--root-folder", "{home}/recorder/keys"), "within the recorder's data folder"),
        (("trust", "--witness", "nonsense", "-o", "{home}/x"), "not a verifier key"),
        (("revoke", "00000000", "-o", "{home}/x"), "--reason is needed"),
    ],
)
def test_words_that_make_no_sense_end_with_64(quiet_home: Path, words: tuple[str, ...], said: str) -> None:
    assert said in _run(quiet_home, *(word.format(home=quiet_home) for word in words), code=64)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("revoke", "00000000", "--reason", "x", "-o", "{home}/x"), "No one key of this log"),
        (("trust", "--remove", "0" * 64, "-o", "{home}/x"), "has no key 0000"),
        (("trust", "--threshold", "2", "-o", "{home}/x"), "there would be 1"),
        (("import", "{home}/nowhere"), "Cannot read"),
        (("import", "{home}/recorder/keys/seal.key"), "cannot be read"),
        (("sign", "{home}/recorder/keys/trust.json", "--key", "{home}/nowhere", "-y"), "Cannot read"),
        (("rotate", "--role", "seal", "--to", "{home}/nowhere", "-y"), "Cannot read"),
    ],
)
def test_what_cannot_be_done_is_said(quiet_home: Path, words: tuple[str, ...], said: str) -> None:
    assert said in _run(quiet_home, *(word.format(home=quiet_home) for word in words), code=1)


def test_root_keys_beside_the_recorder_have_to_be_meant(tmp_path: Path) -> None:
    _run(tmp_path, "init", "--beside")
    assert (tmp_path / "recorder" / "keys" / "roots" / "root-1.key").exists()
    assert "root key lies beside" in " ".join(_show(tmp_path)["warnings"])
