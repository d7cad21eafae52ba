"""Ordinary texts for a detector to run before traffic comes: automata are built as texts need them.

Rule: the benign cases of the shipped packs, some at a time; they hold the words that the rules look for, used as people
use them, so that what they build is what traffic needs.
"""

from __future__ import annotations

from collections.abc import Iterator

from clyra_proxy.genai.injection.packs import load_packs, rules_folder

_TOGETHER = 20


def ordinary_texts() -> Iterator[str]:
    """A few dozen texts of about a kilobyte. Raises PolicyError when a pack is wrong."""
    texts = [text for rule in load_packs(rules_folder()).rules for text in rule.benign[:2]]
    for start in range(0, len(texts), _TOGETHER):
        yield "\n".join(texts[start : start + _TOGETHER])
