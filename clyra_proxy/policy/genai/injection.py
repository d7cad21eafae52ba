"""`genai_security.injection`: prompt injection: rule packs, paranoia level, anomaly threshold, classifier."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Injection(Section):
    """Prompt injection: rule packs, paranoia level, anomaly threshold, classifier."""
