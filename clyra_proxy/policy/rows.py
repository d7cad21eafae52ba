"""The section `data_platform.activation.rows`: what one request, run or window of time may do to a table."""

from __future__ import annotations

from clyra_proxy.policy.section import Section


class RowLimits(Section):
    """Limits of writes."""
