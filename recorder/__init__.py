"""The recorder: a process of its own that turns exchanges into evidence anyone can verify offline."""

from __future__ import annotations

__version__ = "0.1.0"

NAMESPACE = "https://clyra.dev/ns"
"""Prefix of every predicate and payload type. It is a name, never fetched."""

FORMAT = "def/0"
"""The record format this code writes and reads (`v` of every record)."""
