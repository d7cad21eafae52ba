"""Every example of the page on governance is a policy that loads, and every pattern id in it exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clyra_proxy.genai.budgets.inspector import compile_inspector as compile_budgets
from clyra_proxy.genai.inspection import Workshop
from clyra_proxy.genai.output.inspector import compile_inspector as compile_output
from clyra_proxy.genai.output.packs import rules_of
from clyra_proxy.genai.tools.inspector import compile_inspector as compile_tools
from clyra_proxy.policy.genai.output import Context
from clyra_proxy.policy.load import parse_policy
from clyra_proxy.state.memory import MemoryState

PAGE = (Path(__file__).parents[3] / "docs" / "governance.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_load(example: str, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("prices: []\n")
    section = parse_policy("version: 1\n" + example).genai_security
    workshop = Workshop(MemoryState(), b"s" * 32)
    compile_tools(section.tools, tmp_path, workshop)
    compile_output(section.output, tmp_path, workshop)
    compile_budgets(section.budgets, tmp_path, workshop)
    known = {rule.id for context in Context if context is not Context.URL for rule in rules_of(context)}
    assert all(one in known for context in section.output.contexts for one in context.allow)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 4
