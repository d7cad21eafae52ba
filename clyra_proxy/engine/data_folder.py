"""What a running proxy holds and says in its data folder: the lock, `proxy.json`, an empty metrics folder.

One proxy per data folder: two would mix their evidence spools and metrics. The lock is flock(2) on a file of the run
folder: the kernel releases it when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.engine.launch import Launch
from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home


@contextlib.contextmanager
def claim(home: Home) -> Iterator[None]:
    """Hold the data folder. Raises StartupError that names the process that holds it."""
    with (home.run / "proxy.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise StartupError(
                f"A proxy already uses the data folder {home.root}.",
                f"Its process id is {lock.read().strip() or 'unknown'}.",
                "Stop it with `clyra proxy stop`, or give this one another folder with --home.",
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def write_state(launch: Launch, health: str) -> dict[str, Any]:
    """Publish in `proxy.json` that a proxy is up, and where. health: `host:port` of the probes.

    policy: the file it reads, "" for the data folder's own, which other machines may see under another path.
    """
    policy = launch.policy_file.resolve()
    state = {
        "pid": os.getpid(),
        "host": launch.host,
        "port": launch.port,
        "health": health,
        "mode": launch.mode,
        "workers": launch.workers,
        "policy": "" if policy == launch.home.policy.resolve() else str(policy),
    }
    write_atomically(launch.home.proxy_state, json.dumps(state).encode() + b"\n")
    return state


def fresh_folder(path: Path) -> Path:
    """An empty folder in place of whatever is there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path
