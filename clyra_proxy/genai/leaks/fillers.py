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
_KNOWN = frozenset({"7f75367e78812551", "c794fa6d20c64efb", "da816f9f2c16e6c5"})  # jwt.io

# Numbers for trying out payments, of no account: documentation of Stripe, Adyen, Braintree and PayPal.
TEST_CARDS = frozenset({
    "4242424242424242", "4000056655665556", "4111111111111111", "4012888888881881", "4000000000000002",
    "4000000000009995", "4000000000000069", "4000000000000127", "4000000000000119", "4000002500003155",
    "4000002760003184", "4000000000003220", "4000000000009987", "4000000000009979", "4217651111111119",
    "4500600000000061", "4005519200000004", "4009348888881881", "4012000033330026", "4012000077777777",
    "5555555555554444", "5200828282828210", "5105105105105100", "2223003122003222", "2223000048400011",
    "5454545454545454", "5555341244441115", "378282246310005", "371449635398431", "370000000000002",
    "6011111111111117", "6011000990139424", "6011000000000004", "3056930009020004", "36227206271667",
    "30569309025904", "38520000023237", "3566002020360505", "3530111333300000", "6200000000000005",
})  # fmt: skip


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
    """How a well-known value is listed: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:16]


def is_wordy(value: str) -> bool:
    """True for text of words with separators rather than chance."""
    return wordiness(value) > 0.6
