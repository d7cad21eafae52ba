"""`genai_security.leaks`: data leaving: secrets, personal data, canary tokens, links, exfiltration budgets."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Leaks(Section):
    """Data leaving: secrets, personal data, canary tokens, links, exfiltration budgets."""
