"""The mirrors of one worker: a thread with an event loop of its own, to which the data path hands finished copies.

Guarantees: handing over costs the data path a list operation and at most one wake-up; what runs here never runs on
the event loop that serves clients, and no exchange waits for it; every copy ends in one counted outcome and gives back
what was held for it; nothing is left running after `close`, which takes at most `CLOSE_S` seconds. While no policy has
a mirror there is no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from clyra_proxy.enforcement.halt.state import HaltState, Subject
from clyra_proxy.enforcement.mirror.compiled import CompiledMirror, CompiledTarget
from clyra_proxy.enforcement.mirror.counting import Counting
from clyra_proxy.enforcement.mirror.desk import TargetDesk
from clyra_proxy.enforcement.mirror.lines import gap_line
from clyra_proxy.enforcement.mirror.model import Copy, Outcome
from clyra_proxy.telemetry.line_log import LineLog
from clyra_proxy.telemetry.metrics import WorkerMetrics

CLOSE_S = 3.0
COUNTS_S = 1.0
HEAD_START_S = 0.02
"""The real request has so long, unless it is over before, in which this thread does not compete with it."""
YIELD_S = 0.001
"""After so long this thread gives way to the one that serves clients; Python's own 5 ms would be felt by a request."""

log = logging.getLogger("clyra.worker")


class MirrorService:
    """log_path: of `mirror.log`. halts: what is halted, read whenever a copy is about to be sent.

    Its public methods are called on the worker's own event loop.
    """

    def __init__(self, log_path: Path, halts: HaltState, metrics: WorkerMetrics) -> None:
        self._log_path = log_path
        self._halts = halts
        self.counting = Counting(metrics)
        self._policy: CompiledMirror | None = None
        self._desks: dict[str, TargetDesk] = {}
        self._inbox: deque[Callable[[], None]] = deque()
        self._awake = False
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def adopt(self, policy: CompiledMirror | None) -> None:
        """Serve this policy's targets from now on. Raises StartupError when the log cannot be opened."""
        if policy is self._policy or self._closing:
            return
        self._policy = policy
        if policy is None and self._thread is None:
            return
        if policy is not None:
            self._start(policy)
        self._tell(lambda: self._take_over(policy))

    def send(self, target: CompiledTarget, copy: Copy) -> None:
        """The request of a copy is whole. The thread hears of it when the real one is over, or in `HEAD_START_S`."""
        self._inbox.append(lambda: self._desk_send(target, copy))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HEAD_START_S, self._wake)

    def settle(self, copy: Copy) -> None:
        """The real answer is here, or never will be."""
        self._tell(lambda: _wake(copy))

    def end(self, target: CompiledTarget, copy: Copy, outcome: Outcome) -> None:
        """There will be no copy after all."""
        target.budget.leave(copy)
        self.counting.count(target.name, copy.route, outcome)

    @property
    def held(self) -> int:
        """Bytes kept for the targets of the policy in force."""
        return sum(target.budget.held for target in self._policy.targets) if self._policy is not None else 0

    def close(self) -> None:
        """Let what is under way end, for a moment, then cut it. Blocks; safe to call twice."""
        self._closing = True
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._leave.set)
            thread.join(timeout=2 * CLOSE_S)

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _start(self, policy: CompiledMirror) -> None:
        if self._thread is not None:
            return
        settings = policy.settings
        lines = LineLog(self._log_path, "mirror log", gap_line, max_bytes=settings.log_bytes, keep=settings.log_files)
        home = asyncio.get_running_loop()
        self.counting.serve(home, lines)
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()
        sys.setswitchinterval(min(sys.getswitchinterval(), YIELD_S))
        self._thread = threading.Thread(target=self._run, args=(self._loop, lines), name="mirrors", daemon=True)
        self._thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop, lines: LineLog) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._serve())
        except Exception as error:  # noqa: BLE001 - mirrors end, the worker goes on
            log.error("Mirrors ended with %s.", type(error).__name__)  # noqa: TRY400 - a text may quote a target
        finally:
            lines.close()

    async def _serve(self) -> None:
        while not self._leave.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COUNTS_S):
                    await self._leave.wait()
            self.counting.flush()
        self._drain()
        await asyncio.gather(*(desk.close(CLOSE_S) for desk in self._desks.values()))
        self.counting.flush()

    def _tell(self, message: Callable[[], None]) -> None:
        """Hand a message to the thread."""
        self._inbox.append(message)
        self._wake()

    def _wake(self) -> None:
        """One wake-up for all messages that come before the thread looks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._awake and self._loop is not None:
            self._awake = True
            with contextlib.suppress(RuntimeError):  # the loop has ended: nothing is mirrored any more
                self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._awake = False
        while self._inbox:
            self._inbox.popleft()()

    def _take_over(self, policy: CompiledMirror | None) -> None:
        """New targets in, old ones out once what they have under way has ended."""
        wanted = {target.name: target for target in policy.targets} if policy is not None else {}
        for name, desk in list(self._desks.items()):
            if wanted.get(name) is not desk.target:
                desk.retire()
                del self._desks[name]

    def _desk_send(self, target: CompiledTarget, copy: Copy) -> None:
        desk = self._desks.get(target.name)
        if desk is None or desk.target is not target:
            if self._policy is None or target not in self._policy.targets:
                self.end(target, copy, Outcome.DROPPED_SHUTDOWN)  # of a policy that was replaced meanwhile
                return
            desk = self._desks[target.name] = TargetDesk(target, self.counting, self._is_halted)
        desk.take(copy)

    def _is_halted(self, subject: Subject) -> bool:
        return bool(self._halts.table) and self._halts.holds(subject) is not None


def _wake(copy: Copy) -> None:
    if copy.waiter is not None and not copy.waiter.done():
        copy.waiter.set_result(None)
