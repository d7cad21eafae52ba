"""docs/policy-engines.md: its examples work, and the question it shows is the one that is asked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.enforcement.engines.cedar import CedarEngine
from clyra_proxy.enforcement.engines.question import example
from clyra_proxy.policy.engines import Cedar
from clyra_proxy.policy.load import parse_policy
from tests.support.engines.rego import decide_elsewhere

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "policy-engines.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def shape(value: Any) -> Any:
    """Keys and types, without what depends on the request."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items() if key not in ("operations", "values")}
    return type(value).__name__


def test_the_question_has_the_documented_shape() -> None:
    (shown,) = map(json.loads, blocks("json"))
    assert shape(shown) == shape(example().document())
    assert shown["version"] == example().version


@pytest.mark.parametrize("text", blocks("yaml"))
def test_policies_load(text: str) -> None:
    assert parse_policy(text).enforcement.engines.all


def test_the_rego_decides() -> None:
    (policy,) = blocks("rego")
    (shown,) = map(json.loads, blocks("json"))
    other = {**shown["caller"], "agent": "other"}
    changes: list[dict[str, Any]] = [
        {},
        {"values": {"/amount": 2000}},
        {"caller": other},
        {"caller": {**other, "proven": False}},
    ]
    assert decide_elsewhere(policy, "data.clyra.decision", [{**shown, **change} for change in changes]) == [
        {"allow": True, "approve": False, "reasons": []},
        {"allow": True, "approve": True, "reasons": []},
        {"allow": False, "approve": False, "reasons": ["deletes-need-billing"]},
        {"allow": False, "reasons": ["not-covered"]},
    ]


def test_the_cedar_policies_load(tmp_path: Path) -> None:
    (policy,) = blocks("cedar")
    (tmp_path / "agents.cedar").write_text(policy)
    engine = CedarEngine(Cedar.model_validate({"name": "agents", "policies": ["agents.cedar"]}), tmp_path)
    assert engine.judge(example()).reasons == ("no-permit",)
