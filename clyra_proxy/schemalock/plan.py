"""Where a schema may be cut."""

from typing import Any


class Plan: ...


def make_plan(document: Any, compile_: Any) -> tuple[Plan | None, str]:
    return None, "not cut"
