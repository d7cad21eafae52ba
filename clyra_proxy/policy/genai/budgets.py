"""`genai_security.budgets`: tokens, cost, rate, concurrency, models; loops and drift."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Budgets(Section):
    """Tokens, cost, rate, concurrency, models; loops and drift."""
