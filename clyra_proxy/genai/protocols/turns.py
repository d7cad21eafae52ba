"""Which messages of a request are new, and which tool a result answers.

Rule: a chat request repeats the conversation so far. What is new is the last run of messages that the model did not
write (and what the client puts into the model's mouth after them, a prefill); everything before is history. System
prompts are never history: they are configuration, sent with each request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def first_new(messages: Sequence[Any], by_model: Callable[[Any], bool]) -> int:
    """Index of the first message that is not history; 0 when the model has said nothing yet."""
    at = len(messages)
    while at and by_model(messages[at - 1]):  # a prefill
        at -= 1
    while at and not by_model(messages[at - 1]):
        at -= 1
    return at


def has_role(*roles: str) -> Callable[[Any], bool]:
    """A test whether a message has one of the roles."""
    return lambda message: isinstance(message, dict) and message.get("role") in roles


class CallNames:
    """Names of called tools by the id of their call."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def remember(self, id: object, name: object) -> None:
        if isinstance(id, str) and isinstance(name, str):
            self._names[id] = name

    def name(self, id: object) -> str:
        return self._names.get(id, "") if isinstance(id, str) else ""
