"""Editing a policy file: the one setting changes, everything a person wrote stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.load import LoadedPolicy, build_document, load_with_source
from clyra_proxy.policy.source import parse
from clyra_proxy.shadow.promoting import candidate_text, enforced_text
from clyra_proxy.verdict.rules import RULES, is_configurable

RULE = "leak.secret"

FILES = {
    "no enforcement": (
        "# mine\nextends: observe",
        "# mine\nextends: observe\n\nenforcement:\n  rules:\n    leak.secret: enforce\n",
    ),
    "no rules": (
        "enforcement:\n  # as decided\n  mode: shadow  # for now\n",
        "enforcement:\n  # as decided\n  rules:\n    leak.secret: enforce\n  mode: shadow  # for now\n",
    ),
    "other rules": (
        "enforcement:\n    rules:\n        json: off  # noisy\n",
        "enforcement:\n    rules:\n        leak.secret: enforce\n        json: off  # noisy\n",
    ),
    "named already": (
        "enforcement: {rules: {leak.secret: shadow}}  # why\n",
        "enforcement: {rules: {leak.secret: enforce}}  # why\n",
    ),
    "in braces": (
        "enforcement: {mode: shadow}\n",
        "enforcement: {rules: {leak.secret: enforce}, mode: shadow}\n",
    ),
    "empty braces": ("enforcement: {rules: {}}\n", "enforcement: {rules: {leak.secret: enforce}}\n"),
    "quoted": (
        'enforcement:\n  rules:\n    "leak.secret": "shadow"\n',
        'enforcement:\n  rules:\n    "leak.secret": enforce\n',
    ),
}  # fmt: skip


def loaded(text: str) -> LoadedPolicy:
    source = parse(text, "policy.yaml")
    return LoadedPolicy(build_document(source), source, Path())


@pytest.mark.parametrize(("text", "wanted"), FILES.values(), ids=FILES)
def test_only_the_mode_changes(text: str, wanted: str) -> None:
    assert enforced_text(loaded(text), (RULE,)) == wanted


def test_a_file_that_cannot_be_edited_is_refused() -> None:
    shared = "enforcement:\n  rules: &shared\n    json: off\n  mode: shadow\n"
    text = f"{shared}destinations:\n  a:\n    hosts: [a.example]\n    modes: *shared\n"
    with pytest.raises(PolicyError, match="cannot be edited"):
        enforced_text(loaded(text), (RULE,))


NAMES = st.lists(
    st.sampled_from([name for name in RULES if is_configurable(name)]), min_size=1, max_size=4, unique=True
)


@given(NAMES, st.sampled_from([text for text, _ in FILES.values()]))
def test_any_rules_in_any_style(names: list[str], text: str) -> None:
    edited = loaded(enforced_text(loaded(text), tuple(names)))
    assert {name: edited.document.enforcement.rules[name].value for name in names} == dict.fromkeys(names, "enforce")


def test_a_candidate_takes_the_place_only_where_it_means_the_same(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("enforcement: {candidate: {policy: next/new.yaml}}\n")
    (tmp_path / "next").mkdir()
    new = tmp_path / "next" / "new.yaml"
    new.write_text("# better\nenforcement: {mode: enforce}\n")
    assert candidate_text(load_with_source(tmp_path / "policy.yaml")) == new.read_text()
    (tmp_path / "next" / "roots.pem").write_text("x")
    new.write_text("enforcement: {upstream_ca: roots.pem}\n")
    with pytest.raises(PolicyError, match="means something else"):
        candidate_text(load_with_source(tmp_path / "policy.yaml"))
