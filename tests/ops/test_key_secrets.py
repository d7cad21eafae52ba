"""The passphrase of the recorder's keys reaches the recorder, and not the workers that read strangers' traffic."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import psutil

from recorder.layout import Layout
from recorder.local import request_seal
from tests.support.proxy import RunningProxy


def test_only_the_recorder_gets_the_passphrase(start: Callable[..., RunningProxy]) -> None:
    proxy = start(workers=1, env={"CLYRA_KEY_PASSPHRASE": "long and random"})
    layout = Layout(proxy.home.root)
    assert layout.keys.plain_files() == []
    assert Path(request_seal(layout.socket, None, None)["path"]).exists()
    environments = _environments(proxy.process.pid, "clyra_proxy.engine.worker", "recorder.main")
    assert "CLYRA_KEY_PASSPHRASE" in environments["recorder.main"]
    assert "CLYRA_KEY_PASSPHRASE" not in environments["clyra_proxy.engine.worker"]
    assert environments["clyra_proxy.engine.worker"]["PATH"] == os.environ["PATH"]


def _environments(parent: int, *parts: str) -> dict[str, dict[str, str]]:
    """Environment of the child process whose command line has each part."""
    found: dict[str, dict[str, str]] = {}
    for child in psutil.Process(parent).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            found |= {part: child.environ() for part in parts if part in child.cmdline()}
    return found
