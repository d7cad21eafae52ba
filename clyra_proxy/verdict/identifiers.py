"""UUIDv7 identifiers (RFC 9562 section 5.7): unique without coordination, and sorted by the time they were made.

The 12 bits after the millisecond carry its fraction (section 6.2, method 3), so ids made by one process within one
millisecond sort too; the remaining 62 bits are fresh from the system's generator, which is safe across forks.
"""

from __future__ import annotations

import os
import time

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_BITS = (1 << 62) - 1


def new_identifier() -> str:
    """A new UUIDv7 as 36 characters of lower-case text."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    random = int.from_bytes(os.urandom(8)) & _RANDOM_BITS
    text = f"{milliseconds << 80 | _VERSION | fraction << 64 | _VARIANT | random:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
