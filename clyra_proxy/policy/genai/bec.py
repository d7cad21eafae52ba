"""`genai_security.bec`: business e-mail compromise."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Bec(Section):
    """Business e-mail compromise."""
