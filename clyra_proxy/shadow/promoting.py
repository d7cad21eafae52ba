"""Changing the policy file: the mode of a rule, or the whole file for the candidate's, and nothing else.

Guarantees: comments, order and style of the file stay; the new text is read back, and it is written only when the
effective policy differs from the old one in exactly what was asked for. Where an edit by text cannot say it, it is
refused; the file is never written anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.fingerprint import effective_values, policy_hash
from clyra_proxy.policy.load import LoadedPolicy, build_document, load_with_source, merge
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.source import parse

ENFORCE = "enforce"


def enforced_text(loaded: LoadedPolicy, rules: tuple[str, ...]) -> str:
    """The file's text with these rules and families in enforce. Raises PolicyError when the file cannot be edited."""
    text = loaded.source.text
    for rule in rules:
        text = _with_mode(text, rule)
    wanted = merge(effective_values(loaded.document), {"enforcement": {"rules": dict.fromkeys(rules, ENFORCE)}})
    try:
        found: dict[str, Any] = effective_values(build_document(parse(text, loaded.source.name)))
    except PolicyError:
        found = {}
    if found != wanted:
        raise PolicyError(
            f"{loaded.source.name} cannot be edited by itself.",
            "It is written in a way (anchors, tabs, several documents) in which one line cannot be added safely.",
            f"Set `enforcement.rules` by hand: {', '.join(f'{rule}: {ENFORCE}' for rule in rules)}.",
        )
    return text


def document_of(text: str, name: str) -> PolicyDocument:
    """The document that a text says. Raises PolicyError."""
    return build_document(parse(text, name))


def candidate_text(policy: LoadedPolicy) -> str:
    """The candidate's text, if it means the same in the policy's place. Raises PolicyError."""
    named = policy.document.enforcement.candidate.policy
    if named is None:
        raise PolicyError(
            f"{policy.source.name} names no candidate.", "", "Set `enforcement.candidate.policy`, and let it run."
        )
    candidate = load_with_source(policy.base_dir / named)
    here = policy_hash(candidate.document, candidate.base_dir)
    try:
        there = policy_hash(build_document(candidate.source), policy.base_dir)
    except PolicyError:
        there = ""
    if here != there:
        raise PolicyError(
            f"{candidate.source.name} means something else in the folder {policy.base_dir}.",
            "Names of files start from the folder of the policy file.",
            "Move the candidate beside the policy, with the files it names.",
        )
    return candidate.source.text


def _with_mode(text: str, rule: str) -> str:
    """`enforcement.rules.RULE: enforce` written into a text, by the places that the parser names."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None or not isinstance(root, yaml.MappingNode):
        return f"{_ended(text)}enforcement:\n  rules:\n    {rule}: {ENFORCE}\n"
    enforcement = _child(root, "enforcement")
    if enforcement is None:
        return f"{_ended(text)}\nenforcement:\n  rules:\n    {rule}: {ENFORCE}\n" if not root.flow_style else text
    if not isinstance(enforcement, yaml.MappingNode):
        return text
    rules = _child(enforcement, "rules")
    if rules is None:
        return _inserted(text, enforcement, ("rules:", f"  {rule}: {ENFORCE}"), f"rules: {{{rule}: {ENFORCE}}}")
    if not isinstance(rules, yaml.MappingNode):
        return text
    mode = _child(rules, rule)
    if mode is not None:
        return text[: mode.start_mark.index] + ENFORCE + text[mode.end_mark.index :]
    return _inserted(text, rules, (f"{rule}: {ENFORCE}",), f"{rule}: {ENFORCE}")


def _inserted(text: str, mapping: yaml.MappingNode, lines: tuple[str, ...], flow: str) -> str:
    """An entry put first into a mapping, in the style the mapping is written in."""
    start = mapping.start_mark.index
    if mapping.flow_style:
        comma = ", " if mapping.value else ""
        return f"{text[: start + 1]}{flow}{comma}{text[start + 1 :]}"
    indent = " " * mapping.start_mark.column
    return text[:start] + "".join(f"{line}\n{indent}" for line in lines) + text[start:]


def _child(mapping: yaml.MappingNode, name: str) -> yaml.Node | None:
    for key, value in mapping.value:
        if isinstance(key, yaml.ScalarNode) and key.value == name:
            found: yaml.Node = value
            return found
    return None


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def mode_of_file(path: Path) -> int:
    """Permission bits of a file that is about to be replaced."""
    return path.stat().st_mode & 0o777
