"""The documentation: generated pages are fresh, the site builds strictly, what it names exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from clyra_proxy.cli.client_variables import TRUST_ADDED, TRUST_BUNDLE
from clyra_proxy.cli.commands import COMMANDS
from clyra_proxy.cli.main import app
from clyra_proxy.cli.reference import documents

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("name", ["docs/cli.md", "docs/metrics.md"])
def test_generated_pages_are_fresh(name):
    assert (ROOT / name).read_text("utf-8") == documents()[name], "run python -m clyra_proxy.cli.reference"


def test_the_site_builds_strictly(tmp_path):
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "cli.html").exists()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page):
    for name in re.findall(r"(?:`|^|\s)clyra ([a-z][a-z-]+)", page.read_text("utf-8")):
        assert name in COMMANDS, f"{page.name} names clyra {name}"


def command_lines() -> list[str]:
    """Every `clyra ...` line in a block of code of the documentation."""
    pages = [(ROOT / "README.md").read_text("utf-8"), *(page.read_text("utf-8") for page in PAGES)]
    blocks = [block for page in pages for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", page, re.M | re.S)]
    return sorted({line for block in blocks for line in re.findall(r"^(?:\$ )?(clyra .*)$", block, re.M)})


@pytest.mark.parametrize("line", command_lines())
def test_every_command_line_that_is_shown_can_be_typed(line):
    words = shlex.split(re.split(r" (?:\||>|&&) ", line)[0], comments=True)
    command = typer.main.get_command(app)
    context = command.make_context(words[0], words[1:])
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


def test_every_trust_variable_that_is_set_for_a_runtime_in_the_table_is_documented():
    text = (ROOT / "docs" / "clients.md").read_text("utf-8")
    quiet = {"HTTPLIB2_CA_CERTS", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "NIX_SSL_CERT_FILE"}
    for name in {*TRUST_BUNDLE, *TRUST_ADDED} - quiet:
        assert f"`{name}`" in text
