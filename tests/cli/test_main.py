"""The entry point: fast help, exit codes, errors for people."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clyra_proxy.cli.commands import COMMANDS
from tests.support.clyra_command import clyra


def test_help_lists_every_command_and_imports_none_of_them():
    script = (
        "import sys; from clyra_proxy.cli.main import run; code = run(['--help']);"
        "heavy = [m for m in ('mitmproxy', 'cryptography', 'pydantic', 'httpx', 'jsonschema_rs', 'psutil')"
        " if m in sys.modules]; sys.stderr.write(repr(heavy)); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == "[]"
    for name in COMMANDS:
        assert f" {name} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "no command 'nonsense'"),
        (("tial",), "The nearest is 'tail'"),
        (("tail", "--nonsense"), "No such option"),
        (("tail", "--lines", "many"), "should be a valid integer"),
        (("tail", "--since", "soon", "--no-follow"), "--since 'soon' is not a time"),
        (("explain",), "Missing argument"),
    ],
)
def test_usage_errors_end_with_64_and_say_what_to_do(tmp_path, arguments, said):
    (tmp_path / "verdicts").mkdir()
    (tmp_path / "verdicts" / "verdicts.ndjson").touch()
    done = clyra(*arguments, home=tmp_path)
    assert done.returncode == 64
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_no_command_shows_the_help():
    done = clyra()
    assert done.returncode == 64
    assert done.stdout.count("Usage:") == 1


def test_errors_say_what_why_and_what_to_do(tmp_path):
    done = clyra("tail", "--no-follow", home=tmp_path / "none")
    assert done.returncode == 2
    assert [line.split(":")[0].strip() for line in done.stderr.splitlines()] == ["error", "why", "do"]


def test_version():
    done = clyra("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("clyra ")
