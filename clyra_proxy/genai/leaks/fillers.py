"""Values that look like keys and are known to be nobody's: examples of documentation, rows of one character.

Rule: a format that matched is only let go for what no vendor would ever issue. The softer question, whether a value
without a format looks like a placeholder, is `chance.is_filler`.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise

from clyra_proxy.genai.leaks.chance import wordiness

_FIRM = (
    "example", "placeholder", "redacted", "your-", "your_", "yourkey", "yourtoken", "xxxxxx", "changeme", "******",
    "......", "replace", "insert", "-here", "_here", "dummy", "${", "{{", "123456789abcdef", "abcdefghijklmn",
    "000000000000",    "1234567890123456", "abcdef123456", "abcdefabcdef", "deadbeefdeadbeef",
)  # fmt: skip
# SHA-256 of values that vendors print in their documentation, cut to 16 characters.
_KNOWN: frozenset[str] = frozenset()


def is_known_example(value: str) -> bool:
    """True for an example or a filler in the shape of a key."""
    small = value.lower()
    if any(filler in small for filler in _FIRM):
        return True
    if len(set(small)) * 5 < min(len(small), 40) and len(small) >= 16 and not small.startswith("eyj"):
        return True
    steps = sum(ord(b) - ord(a) == 1 for a, b in pairwise(small))
    if steps * 5 > len(small) * 3:
        return True
    return digest(value) in _KNOWN


def digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:16]


def is_wordy(value: str) -> bool:
    """True for text of words with separators rather than chance."""
    return wordiness(value) > 0.6
