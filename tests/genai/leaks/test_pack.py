"""Every format of the shipped packs finds tokens of its own shape, and lets go what only looks like one."""

from __future__ import annotations

import random
import re

import pytest

from clyra_proxy.genai.byte_patterns import Pattern, as_bytes
from clyra_proxy.genai.leaks.leak import without_overlaps
from clyra_proxy.genai.leaks.pack import SecretFormat, load_packs
from clyra_proxy.genai.leaks.vendors import VendorScanner

FORMATS = load_packs()
SCANNER = VendorScanner(FORMATS)
AROUND = (
    "{}",
    "see {}.",
    "({})",
    '{{"value": "{}"}}',
    "https://h/?q=%22{}%22",
    "a\n{}\nb",
    "`{}`,",
    "x={}&y=1",
    "<{}>",
)


def found(text: str) -> list[str]:
    return [leak.pattern for leak in without_overlaps(SCANNER.scan(text, as_bytes(text)))]


@pytest.mark.parametrize("rule", [rule for rule in FORMATS if rule.tokens or rule.made], ids=lambda rule: rule.id)
def test_finds_its_own_tokens(rule: SecretFormat) -> None:
    chance = random.Random(rule.id)
    for case in rule.cases(chance):
        missed = [frame for frame in AROUND if not found(frame.format(case))]
        assert not missed or rule.near, case
        assert found(f"here: {case}"), case


@pytest.mark.parametrize("rule", [rule for rule in FORMATS if rule.tokens], ids=lambda rule: rule.id)
def test_lets_go_of_placeholders(rule: SecretFormat) -> None:
    for template in rule.templates():
        anchor = template.anchor or "key: "
        for filler in ("x" * 40, "your-key-here", "<token>", "${TOKEN}", "..."):
            assert not found(f"{anchor}{filler} ")


@pytest.mark.parametrize("rule", FORMATS, ids=lambda rule: rule.id)
def test_has_a_prefilter(rule: SecretFormat) -> None:
    """An anchor begins every match, so that a text without anchors costs one pass."""
    anchors = rule.beginnings()
    assert bool(anchors) + bool(rule.near) + bool(rule.core) == 1
    pattern = Pattern(rule.expression())
    for case in rule.cases(random.Random(1)):
        if anchors and not rule.near:
            assert any(anchor in case for anchor in anchors), case
        assert pattern is not None


def test_vendors_and_formats_are_many() -> None:
    assert len({rule.vendor for rule in FORMATS}) >= 150
    assert all(re.fullmatch(r"[a-z0-9-]+", rule.id) for rule in FORMATS)
