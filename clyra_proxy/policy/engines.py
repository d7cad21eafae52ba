"""The section `enforcement.engines`: policy engines and authorisation sources that are asked beside our own rules."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class Engines(Section):
    """Policy engines beside the built-in rules."""
