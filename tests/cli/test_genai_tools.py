"""`clyra genai tools` and `clyra genai drift` on the state that inspectors wrote."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from clyra_proxy.cli.main import run
from clyra_proxy.genai.tools.inspector import ToolsInspector
from clyra_proxy.state.sqlite import STATE_FILE, SqliteState
from tests.genai.budgets import support as budgets
from tests.genai.tools import support as tools


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Clyra:
    """The command line, in this process, on one data folder."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._capsys = capsys

    def __call__(self, *words: str) -> Said:
        self._capsys.readouterr()
        code = run(["genai", *words, "--home", str(self._home)])
        return Said(code, *self._capsys.readouterr())

    def json(self, *words: str) -> list[dict[str, Any]]:
        said = self(*words, "--json")
        assert said.code == 0, said.err
        found: list[dict[str, Any]] = orjson.loads(said.out)
        return found


@pytest.fixture
def clyra(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Clyra:
    return Clyra(tmp_path, capsys)


def _seen(judge: ToolsInspector, description: str, name: str = "t") -> list[tuple[str, str]]:
    return tools.rules(judge.inspect(tools.listed(tools.tool(name, description), now=time.time())))


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / STATE_FILE)


def test_changed_tool_is_listed_approved_and_forgotten(clyra: Clyra, state: SqliteState) -> None:
    judge = tools.inspector("check_descriptions: false", state)
    assert _seen(judge, "one") == []
    assert _seen(judge, "two") == [("tools.changed", "changed")]
    [pin] = clyra.json("tools", "list")
    assert (pin["tool"], pin["server"], pin["state"]) == ("t", "mcp.example:443", "changed")
    assert clyra("tools", "approve", "t").code == 64  # there is no terminal to ask on
    assert clyra("tools", "approve", pin["pin"], "--yes").code == 0
    assert _seen(judge, "two") == []
    assert clyra.json("tools", "list")[0]["state"] == "pinned"
    assert clyra("tools", "approve", "t", "--yes").code == 64
    assert clyra("tools", "forget", "t", "--yes").code == 0
    assert _seen(judge, "three") == []
    assert "t" in clyra("tools", "list").out


def test_servers_are_told_apart(clyra: Clyra, state: SqliteState) -> None:
    judge = tools.inspector("{check_descriptions: false, pin: approved}", state)
    for server in ("a:1", "b:1"):
        list(judge.inspect(tools.listed(tools.tool("t"), server=server, now=time.time())))
    assert {pin["state"] for pin in clyra.json("tools", "list")} == {"new"}
    assert clyra("tools", "approve", "--all", "--server", "a:1", "--yes").code == 0
    states = {pin["server"]: pin["state"] for pin in clyra.json("tools", "list")}
    assert states == {"a:1": "pinned", "b:1": "new"}


def test_names_cannot_move_the_terminal(clyra: Clyra, state: SqliteState) -> None:
    _seen(tools.inspector("check_descriptions: false", state), "x", "evil\x1b[2J\rname")
    shown = clyra("tools", "list").out
    assert "evil?[2J?name" in shown


def test_drift_is_listed_accepted_and_forgotten(clyra: Clyra, state: SqliteState) -> None:
    judge = budgets.inspector("loops: {enabled: false}", state)

    def ask(system: str) -> list[tuple[str, str]]:
        return budgets.rules(judge.inspect(replace(budgets.asked(system=system), now=time.time())))

    assert ask("one") == []
    assert ask("two") == [("drift.prompt", "changed")]
    entries = clyra.json("drift", "list")
    assert sorted(entry["state"] for entry in entries) == ["known", "new"]
    new = next(entry for entry in entries if entry["state"] == "new")
    assert clyra("drift", "accept", new["id"], "--yes").code == 0
    assert ask("two") == []
    assert clyra("drift", "forget", "nobody", "--yes").code == 64
    assert clyra("drift", "forget", "bot", "--tenant", "acme", "--yes").code == 0
    assert ask("three") == []


@pytest.mark.parametrize("words", [("tools", "list"), ("drift", "list"), ("tools", "forget", "--all", "--yes")])
def test_folder_without_state_is_said_so(clyra: Clyra, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = clyra(*words)
    assert done.code != 0
    assert "There is no state" in done.err
    assert not (tmp_path / STATE_FILE).exists()


@pytest.mark.parametrize("words", [("approve",), ("approve", "x", "--all"), ("approve", "x"), ("forget",)])
def test_what_names_nothing_is_refused(clyra: Clyra, state: SqliteState, words: tuple[str, ...]) -> None:
    _seen(tools.inspector("", state), "one")
    assert clyra("tools", *words, "--yes").code == 64
