"""Which regular expressions may run on the data path, and why the others may not.

Guarantees: an accepted pattern runs on a linear-time engine (or, where that was asked for, on a backtracking engine
that gives up after `BACKTRACK_LIMIT` steps), is not longer than `MAX_PATTERN` characters, and does not make the linear
engine keep more than `MAX_NESTED_REPEAT` states of nested counted repetition. References: ECMA-262 section 22.2,
CWE-1333.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import jsonschema_rs

MAX_PATTERN = 4_096
MAX_NESTED_REPEAT = 256
BACKTRACK_LIMIT = 10_000

LINEAR = jsonschema_rs.RegexOptions()
BACKTRACKING = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACK_LIMIT)

_COUNTED = re.compile(r"\{(\d+)(?:,(\d*))?\}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a pattern is not used, and what to write instead."""

    why: str
    todo: str


@lru_cache(maxsize=4096)
def fault(pattern: str, *, backtracking: bool = False) -> Fault | None:
    """Why `pattern` must not be used, or None when it may."""
    if len(pattern) > MAX_PATTERN:
        return Fault(f"a pattern of {len(pattern)} characters", f"Keep it under {MAX_PATTERN}.")
    if (product := nested_repeats(pattern)) > MAX_NESTED_REPEAT:
        return Fault(
            f"the pattern {pattern!r} nests counted repetitions up to {product} times",
            f"Keep the product of nested counts at or below {MAX_NESTED_REPEAT}, or use maxLength.",
        )
    if compiles(pattern, LINEAR):
        return None
    if not compiles(pattern, BACKTRACKING):
        return Fault(f"{pattern!r} is not an ECMA-262 regular expression, or is too large", "Correct it.")
    if backtracking:
        return None
    return Fault(
        f"the pattern {pattern!r} needs look-around or back-references, which take exponential time at worst",
        f"Rewrite it without them, or allow the backtracking engine ({BACKTRACK_LIMIT} steps) for this schema.",
    )


def compiles(pattern: str, options: jsonschema_rs.RegexOptions | jsonschema_rs.FancyRegexOptions) -> bool:
    """Whether the validator takes a pattern with these options."""
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, offline=True, pattern_options=options)
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def nested_repeats(pattern: str) -> int:
    """Largest product of counted repetitions that contain one another; 1 when none is nested."""
    largest, in_class, index = 1, False, 0
    groups: list[int] = [1]  # product inside each open group; the outermost level first
    just_closed = 1  # product of the group or atom before `index`
    while index < len(pattern):
        char = pattern[index]
        if char == "\\":
            just_closed, index = 1, index + 2
            continue
        if in_class:
            in_class = char != "]"
        elif char == "[":
            in_class, just_closed = True, 1
        elif char == "(":
            groups.append(1)
        elif char == ")" and len(groups) > 1:
            just_closed = groups.pop()
            groups[-1] = max(groups[-1], just_closed)
        elif char == "{" and (counted := _COUNTED.match(pattern, index)):
            product = just_closed * max(int(counted[2] or counted[1]), 1)
            if just_closed > 1:
                largest = max(largest, product)
            groups[-1] = max(groups[-1], product)
            index = counted.end()
            continue
        else:
            just_closed = 1
        index += 1
    return largest
