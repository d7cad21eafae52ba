"""Checks of conversations are loaded before one comes, and a policy that replaces another has its own at once."""

from __future__ import annotations

import json
import logging
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from clyra_proxy.engine.loading_ahead import is_loading, load_ahead, load_for
from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.inspection import Inspector, Workshop
from clyra_proxy.genai.late import LateInspector
from clyra_proxy.policy.compiler import CompiledPolicy, compile_policy
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.state.memory import MemoryState


def policy(tmp_path: Path, load: str = "auto", *late: LateInspector) -> CompiledPolicy:
    """A policy whose large inspectors are `late`."""
    document = PolicyDocument.model_validate_json(json.dumps({"genai_security": {"load": load}}))
    compiled = compile_policy(document, tmp_path, 1, Workshop(MemoryState(), b"s" * 32, late=True))
    assert compiled.genai is not None
    compiled.genai = replace(compiled.genai, inspectors=late)
    return compiled


@pytest.fixture
def made() -> list[str]:
    return []


def late(made: list[str], name: str = "x") -> LateInspector:
    def make() -> Inspector | None:
        handing_over = is_loading() and sys.getswitchinterval() < 0.005
        made.append(f"{name} in {threading.current_thread().name}, handing over {handing_over}")
        return None

    return LateInspector(name, make)


def test_in_a_thread_that_hands_over_often(tmp_path: Path, made: list[str]) -> None:
    usual = sys.getswitchinterval()
    compiled = policy(tmp_path, "auto", late(made, "a"), late(made, "b"))
    job = load_ahead(compiled)
    assert job is not None
    job.join(60)
    assert not is_loading()
    assert made == ["a in load ahead, handing over True", "b in load ahead, handing over True"]
    assert compiled.genai is not None
    assert compiled.genai.loaded
    assert sys.getswitchinterval() == usual


def test_not_where_none_is_expected(tmp_path: Path, made: list[str]) -> None:
    assert load_ahead(policy(tmp_path, "when_needed", late(made))) is None
    assert made == []


@pytest.mark.parametrize(
    ("load", "used", "loads"), [("auto", False, 1), ("when_needed", True, 1), ("when_needed", False, 0)]
)
def test_a_new_policy(tmp_path: Path, made: list[str], load: str, used: bool, loads: int) -> None:
    """It is ready where conversations are expected, and where the policy before it had some."""
    before = policy(tmp_path, "when_needed", late([]))
    if used:
        assert before.genai is not None
        before.genai.load()
    load_for(policy(tmp_path, load, late(made)), before)
    assert len(made) == loads


def test_what_cannot_be_loaded_is_said_and_fails_when_it_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Inspector | None:
        raise PolicyError("A pack is wrong.")

    compiled = policy(tmp_path, "auto", LateInspector("x", fail))
    with caplog.at_level(logging.ERROR):
        job = load_ahead(compiled)
        assert job is not None
        job.join(60)
    assert "cannot be loaded" in caplog.text
    assert compiled.genai is not None
    with pytest.raises(PolicyError):
        compiled.genai.load()
