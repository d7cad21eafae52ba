"""`genai_security.detectors`: external detectors over HTTP."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Detectors(Section):
    """External detectors over HTTP."""
