"""The section `enforcement.approvals`: which actions need a person, who that may be, and how long there is."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Approvals(Section):
    """Actions that wait for a person."""
