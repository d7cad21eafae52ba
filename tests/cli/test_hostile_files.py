"""Whatever a file holds, a command that reads it says what is wrong in words and ends; nothing is a fault of Clyra."""

from __future__ import annotations

from pathlib import Path

import pytest

from clyra_proxy.cli.main import run

FILES = {
    "binary": b"\xff\xfe\x00",
    "empty": b"",
    "null": b"null",
    "object": b'{"a": 1}',
    "endless": b"[" * 100_000,
}
COMMANDS = [
    "policy show {}",
    "policy diff {} {}",
    "check {} --route https://api.example.com/x",
    "verify {}",
    "verify {} --trust {}",
    "schema explain {}",
    "schema diff {} {} --mode full",
    "export {} --format csv",
    "attest {} --framework sox",
    "report --daily-review {}",
    "disclose {} --seq 1",
    "replay {} --policy {}",
    "keys sign {} --key {}",
    "keys trust --add-root {}",
    "bec validate --certificate-path {} --trust {}",
    "threats analyze {}",
    "evidence attach {} --out new.zip",
    "evidence hold {} --reason x",
    "snapshot check {} --bundle {}",
    "anchor fetch row:{} --location snowflake:a/b.c --origin o --out anchor.json",
    "seal --home {}",
    "status --home {}",
    "approvals list --home {}",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_file_makes_a_command_fail_unexpectedly(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLYRA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CLYRA_DEBUG", raising=False)
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    Path("folder").mkdir()
    for name in (*FILES, "folder", "nowhere"):
        run(command.format(name, name).split())
        told = capsys.readouterr()
        assert "unexpectedly" not in told.err, f"{name}: {told.err}"
