"""The section `data_platform.activation.sql`: which statements may pass."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class SqlSafety(Section):
    """Statements in SQL APIs and in agents' tool arguments."""
