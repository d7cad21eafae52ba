"""The section `enforcement.mirror`: a second policy or a second upstream for the same live traffic."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Mirroring(Section):
    """Shadow policies and mirrored traffic."""
