"""`clyra genai tools` and `clyra genai drift` on the state that inspectors wrote."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from clyra_proxy.genai.tools.inspector import ToolsInspector
from clyra_proxy.state.sqlite import STATE_FILE, SqliteState
from tests.genai.budgets import support as budgets
from tests.genai.tools import support as tools
from tests.support.clyra_command import clyra


def _json(home: Path, *words: str) -> list[dict[str, Any]]:
    done = clyra("genai", *words, "--json", home=home)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = orjson.loads(done.stdout)
    return found


def _seen(judge: ToolsInspector, description: str, name: str = "t") -> list[tuple[str, str]]:
    return tools.rules(judge.inspect(tools.listed(tools.tool(name, description), now=time.time())))


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / STATE_FILE)


def test_changed_tool_is_listed_approved_and_forgotten(tmp_path: Path, state: SqliteState) -> None:
    judge = tools.inspector("check_descriptions: false", state)
    assert _seen(judge, "one") == []
    assert _seen(judge, "two") == [("tools.changed", "changed")]
    [pin] = _json(tmp_path, "tools", "list")
    assert (pin["tool"], pin["server"], pin["state"]) == ("t", "mcp.example:443", "changed")
    assert clyra("genai", "tools", "approve", "t", home=tmp_path).returncode == 64  # there is no terminal to ask on
    assert clyra("genai", "tools", "approve", pin["pin"], "--yes", home=tmp_path).returncode == 0
    assert _seen(judge, "two") == []
    assert _json(tmp_path, "tools", "list")[0]["state"] == "pinned"
    assert clyra("genai", "tools", "approve", "t", "--yes", home=tmp_path).returncode == 64
    assert clyra("genai", "tools", "forget", "t", "--yes", home=tmp_path).returncode == 0
    assert _seen(judge, "three") == []
    assert "t" in clyra("genai", "tools", "list", home=tmp_path).stdout


def test_servers_are_told_apart(tmp_path: Path, state: SqliteState) -> None:
    judge = tools.inspector("{check_descriptions: false, pin: approved}", state)
    for server in ("a:1", "b:1"):
        list(judge.inspect(tools.listed(tools.tool("t"), server=server, now=time.time())))
    assert {pin["state"] for pin in _json(tmp_path, "tools", "list")} == {"new"}
    assert clyra("genai", "tools", "approve", "--all", "--server", "a:1", "--yes", home=tmp_path).returncode == 0
    states = {pin["server"]: pin["state"] for pin in _json(tmp_path, "tools", "list")}
    assert states == {"a:1": "pinned", "b:1": "new"}


def test_names_cannot_move_the_terminal(tmp_path: Path, state: SqliteState) -> None:
    _seen(tools.inspector("check_descriptions: false", state), "x", "evil\x1b[2J\rname")
    shown = clyra("genai", "tools", "list", home=tmp_path).stdout
    assert "evil?[2J?name" in shown


def test_drift_is_listed_accepted_and_forgotten(tmp_path: Path, state: SqliteState) -> None:
    judge = budgets.inspector("loops: {enabled: false}", state)

    def ask(system: str) -> list[tuple[str, str]]:
        return budgets.rules(judge.inspect(replace(budgets.asked(system=system), now=time.time())))

    assert ask("one") == []
    assert ask("two") == [("drift.prompt", "changed")]
    entries = _json(tmp_path, "drift", "list")
    assert sorted(entry["state"] for entry in entries) == ["known", "new"]
    new = next(entry for entry in entries if entry["state"] == "new")
    assert clyra("genai", "drift", "accept", new["id"], "--yes", home=tmp_path).returncode == 0
    assert ask("two") == []
    assert clyra("genai", "drift", "forget", "nobody", "--yes", home=tmp_path).returncode == 64
    assert clyra("genai", "drift", "forget", "bot", "--tenant", "acme", "--yes", home=tmp_path).returncode == 0
    assert ask("three") == []


@pytest.mark.parametrize("words", [("tools", "list"), ("drift", "list"), ("tools", "forget", "--all", "--yes")])
def test_folder_without_state_is_said_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = clyra("genai", *words, home=tmp_path)
    assert done.returncode != 0
    assert "There is no state" in done.stderr
    assert not (tmp_path / STATE_FILE).exists()


@pytest.mark.parametrize("words", [("approve",), ("approve", "x", "--all"), ("approve", "x"), ("forget",)])
def test_what_names_nothing_is_refused(tmp_path: Path, state: SqliteState, words: tuple[str, ...]) -> None:
    _seen(tools.inspector("", state), "one")
    assert clyra("genai", "tools", *words, "--yes", home=tmp_path).returncode == 64
