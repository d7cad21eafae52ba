"""The section `enforcement.state`: where counters, nonces and flags are kept, and what happens when they are lost."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class SharedState(Section):
    """State that outlives an exchange."""
