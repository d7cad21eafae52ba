"""Names in findings.

Rule: the name of a tool may be told when it looks like a name; anything else could be content and is told by its form
alone. The address of a resource is told by its scheme.
"""

from __future__ import annotations

_LONGEST = 64
_PUNCTUATION = str.maketrans("", "", "_-./:@")
ANONYMOUS = "*"


def shown(name: str, kind: str = "") -> str:
    """What a finding may say of a name."""
    if kind == "mcp_resource":
        scheme, separator, _ = name.partition(":")
        return f"{scheme}:" if separator and _is_word(scheme) else ANONYMOUS
    return name if _is_word(name) else ANONYMOUS


def _is_word(name: str) -> bool:
    return 0 < len(name) <= _LONGEST and name.isascii() and name.translate(_PUNCTUATION).isalnum()
