from __future__ import annotations

from pathlib import Path

from clyra_proxy.genai.inspection import Inspector, Workshop
from clyra_proxy.policy.genai.tools import Tools as Settings


def compile_inspector(settings: Settings, base_dir: Path, workshop: Workshop) -> Inspector | None:
    return None
