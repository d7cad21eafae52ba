"""Identifiers are UUIDv7, sorted by time, and never twice the same."""

from __future__ import annotations

import time
import uuid

from clyra_proxy.verdict.identifiers import new_identifier


def test_identifiers_are_version_7_and_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    identifier = uuid.UUID(text := new_identifier())
    after = time.time_ns() // 1_000_000
    assert str(identifier) == text
    assert (identifier.version, identifier.variant) == (7, uuid.RFC_4122)
    assert before <= identifier.int >> 80 <= after


def test_identifiers_sort_by_the_time_they_were_made_and_differ() -> None:
    made = []
    for _ in range(200):
        made.append(new_identifier())
        time.sleep(0.00001)
    assert made == sorted(made)
    assert len({new_identifier() for _ in range(20_000)}) == 20_000
