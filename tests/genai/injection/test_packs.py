"""Every rule matches its own positive cases and none of its look-alikes: the packs carry their own proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.injection.detector import Detector
from clyra_proxy.genai.injection.matching import RuleSet
from clyra_proxy.genai.injection.packs import Rule, load_packs, rules_folder

RULES = load_packs(rules_folder()).rules


def matches(rule: Rule, text: str) -> bool:
    return rule.id in Detector(level=4, rules=[rule]).matching(text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_keeps_its_own_cases(rule: Rule) -> None:
    missed = [text for text in rule.positive if not matches(rule, text)]
    wrong = [text for text in rule.benign if matches(rule, text)]
    assert (missed, wrong) == ([], [])


GOOD = "id: a.b, category: direct, any: [{}], positive: [a, b], benign: [c, d]"


def pack(rule: str) -> str:
    return f"pack: a\nabout: x\nrules: [{{{rule}}}]"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("pack: a\nabout: x\nrules: []", "rules"),
        (pack(GOOD.format("x")).replace("pack: a", "pack: b"), "name of the file"),
        (pack(GOOD.format("'${nope}'")), "nope"),
        (pack(GOOD.format("x").replace("[c, d]", "[c]")), "benign"),
        (pack(GOOD.format("x").replace("direct", "silly")), "category"),
        (pack(GOOD.format("x") + ", extra: 1"), "extra"),
        ("pack: [", "not YAML"),
    ],
)
def test_wrong_pack_does_not_load(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(PolicyError, match=why):
        load_packs(tmp_path)


@pytest.mark.parametrize("pattern", ["(", "a*", r"(a)\1"])
def test_pattern_that_cannot_be_used_does_not_compile(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "a.yaml").write_text(pack(GOOD.format(f"'{pattern}'")))
    with pytest.raises(PolicyError, match=r"a\.b"):
        RuleSet(load_packs(tmp_path).rules)
