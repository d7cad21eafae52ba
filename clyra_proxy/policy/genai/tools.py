"""`genai_security.tools`: which tools an agent may call, with what, in which order; pinned descriptions."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Tools(Section):
    """Which tools an agent may call, with what, in which order; pinned descriptions."""
