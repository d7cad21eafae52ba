"""`clyra init` and `clyra status` on real folders."""

from __future__ import annotations

import stat

import orjson
import pytest

from tests.support.clyra_command import clyra


def contents(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_init_makes_all_and_then_changes_nothing(tmp_path):
    home = tmp_path / "home"
    first = clyra("init", "--profile", "strict", home=home)
    assert first.returncode == 0, first.stderr
    assert "made: policy, certificate authority, recorder keys" in first.stdout
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    before = contents(home)
    second = clyra("init", "--json", home=home)
    facts = orjson.loads(second.stdout)
    assert facts["made"] == []
    assert facts["profile"] == "strict"
    assert len(facts["ca_sha256"]) == 64
    assert contents(home) == before
    third = clyra("init", "--profile", "voice", home=home)
    assert "extends strict (kept; `--profile voice` is for a new one)" in third.stdout
    assert clyra("init", "--profile", "nonsense", home=home).returncode == 64
    assert contents(home) == before
    assert clyra("policy", "check", home=home).returncode == 0


def test_init_keeps_a_policy_that_is_there_and_says_when_it_is_wrong(tmp_path):
    (tmp_path / "policy.yaml").write_text("extends: observe\nnonsense: 1\n")
    done = clyra("init", home=tmp_path)
    assert done.returncode == 1
    assert "policy.yaml:2" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(("--profile", "nonsense"), 64, "no profile 'nonsense'"), (("--home", "/proc/nowhere"), 1, "Cannot create")],
)
def test_init_says_what_is_wrong(tmp_path, arguments, code, said):
    done = clyra("init", *arguments, home=tmp_path)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_status_without_a_proxy(tmp_path):
    clyra("init", home=tmp_path)
    done = clyra("status", "--json", home=tmp_path)
    facts = orjson.loads(done.stdout)
    assert done.returncode == 1
    assert (facts["ready"], facts["waiting_for"]) == (False, ["the proxy is not running"])
    assert facts["recorder"]["reachable"] is False
    assert "not ready: the proxy is not running" in clyra("status", home=tmp_path).stdout
    (tmp_path / "run" / "proxy.json").write_text("{")
    assert clyra("status", home=tmp_path).returncode == 2
