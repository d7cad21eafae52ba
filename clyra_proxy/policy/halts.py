"""The section `enforcement.halt`: what stops traffic by itself, for how long, and how it comes back."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Halts(Section):
    """The kill switch."""
