"""Which process is behind a connection from this machine (Linux).

The kernel gives the inode of the client's socket, and the open files of processes say whose it is. That reads many
small files, so it runs in a thread and never on the event loop; processes that were the answer before are asked first,
which makes the usual case a few files, and of many connections opened at once only one looks through everything. The
answer is an observation, not authentication: of another user's process, without the right to look, there is none.
proc(5).
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clyra_proxy.exchange import Identity
from clyra_proxy.identity.sockets import socket_inode

_REMEMBERED = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:@+-]")


@dataclass(frozen=True, slots=True)
class Process:
    """pid: process id. name: of the command. executable: path, "" when it may not be read. uid: owner."""

    pid: int
    name: str
    executable: str
    uid: int

    def identity(self) -> Identity:
        label = Path(self.executable).name or self.name
        return Identity(
            agent=_UNSAFE.sub("_", label)[:64] or "anonymous",
            auth="process",
            detail=(("pid", str(self.pid)), ("uid", str(self.uid)), ("executable", self.executable)),
        )


class ProcessFinder:
    """Finds the process at the other end of a loopback connection."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._recent: OrderedDict[int, None] = OrderedDict()
        self._searching = threading.Lock()

    async def find(self, client: tuple[str, int], proxy: tuple[str, int]) -> Process | None:
        """The process whose socket has local address `client` and peer `proxy`, or None. Does not block the loop."""
        if not sys.platform.startswith("linux"):
            return None
        return await asyncio.to_thread(self.look_up, client, proxy)

    def look_up(self, client: tuple[str, int], proxy: tuple[str, int]) -> Process | None:
        """The same, blocking for as long as the search takes."""
        inode = socket_inode(client, proxy, self._proc)
        if inode is None:
            return None
        wanted = f"socket:[{inode}]"
        with self._searching:
            for pid in self._candidates():
                if self._holds(pid, wanted):
                    self._remember(pid)
                    return self._describe(pid)
        return None

    def _candidates(self) -> Iterator[int]:
        recent = list(reversed(self._recent))
        yield from recent
        try:
            entries = [entry.name for entry in os.scandir(self._proc)]
        except OSError:
            return
        yield from (int(entry) for entry in entries if entry.isdigit() and int(entry) not in recent)

    def _holds(self, pid: int, wanted: str) -> bool:
        try:
            with os.scandir(self._proc / str(pid) / "fd") as entries:
                return any(_target(entry.path) == wanted for entry in entries)
        except OSError:
            return False  # ended, or not ours to look at

    def _describe(self, pid: int) -> Process | None:
        folder = self._proc / str(pid)
        try:
            name = (folder / "comm").read_text("utf-8", "replace").strip()
            uid = folder.stat().st_uid
        except OSError:
            return None
        return Process(pid, name, _target(f"{folder}/exe"), uid)

    def _remember(self, pid: int) -> None:
        self._recent[pid] = None
        self._recent.move_to_end(pid)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)


def _target(link: str) -> str:
    """What a symbolic link points at; "" when it went away or may not be read."""
    try:
        return os.readlink(link)  # noqa: PTH115 - thousands of calls, and a Path for each costs more than the call
    except OSError:
        return ""
