"""Clyra's domain: policy, checks, verdicts, evidence. Only `engine/` in here knows mitmproxy."""

__version__ = "0.1.0"
