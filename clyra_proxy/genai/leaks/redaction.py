"""What stands in the place of a value that must not leave.

Rule: a placeholder names the kind and nothing of the value.
"""

from __future__ import annotations

from clyra_proxy.genai.leaks.leak import Leak


class PlainRedaction:
    """Placeholders that nobody can undo: `[REDACTED:card]`."""

    def replacement(self, leak: Leak, value: str) -> str:
        return f"[REDACTED:{leak.pattern if leak.kind == 'secret' else leak.kind}]"
