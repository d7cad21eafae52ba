"""`genai_security.output`: what a model may answer: structured output, active content."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Output(Section):
    """What a model may answer: structured output, active content."""
