"""Signs of business e-mail compromise in a conversation."""

from __future__ import annotations

from pathlib import Path

from clyra_proxy.genai.inspection import Inspector, Workshop
from clyra_proxy.policy.genai.bec import Bec


def compile_inspector(settings: Bec, base_dir: Path, workshop: Workshop) -> Inspector | None:
    """Nothing yet."""
    return None
