"""Hook dispatch: compiled once, and fail-closed.

mitmproxy walks every addon for every hook and, when an addon raises, logs it and lets the flow go on. Here a table
of bound methods per hook is built once; a hook nobody listens to costs one dictionary look-up; the `update` hook does
not exist. Synchronous methods run inline on the event loop. A method that raises, or an asynchronous one that
outlives its budget, ends in `on_hook_failure` of the addons, and what the hook was about does not proceed:
a flow is marked failed (`failed`), everything else costs the client its connection. The one exception: when an
`on_hook_failure` returns True (the exchange is only observed), the other addons are still asked and the flow goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from mitmproxy.addonmanager import traverse
from mitmproxy.hooks import Hook, all_hooks
from mitmproxy.http import HTTPFlow

from clyra_proxy.engine.client import ClientState
from clyra_proxy.telemetry.redaction import describe_fault
from clyra_proxy.watchdog import WATCHDOG

logger = logging.getLogger(__name__)

type Callback = Callable[[Any], Awaitable[None] | None]

FAILED = "clyra_failed"
"""Key in `flow.metadata`: name of the hook that failed."""

_PATIENT = frozenset({"clyra_approve"})
"""Hooks that wait for people: who waits bounds that time himself."""

_ENDINGS = frozenset({"error", "clyra_done", "websocket_end", "client_disconnected", "server_disconnected"})
"""Hooks that only report: when one addon fails, the others are still told."""


class HookTimeout(Exception):  # noqa: N818 - handed to addons, not raised through
    """An asynchronous hook did not finish within its budget."""


def failed(flow: HTTPFlow) -> bool:
    """Whether a hook failed on this flow; it must not proceed."""
    return FAILED in flow.metadata


class Dispatch:
    """The compiled table. `rebuild` is the only way to change what is called."""

    def __init__(self, addons: Sequence[object], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._table: dict[str, tuple[Callback, ...]] = {}
        self._arguments: dict[str, Callable[[Hook], Any]] = {}
        self._on_failure: tuple[Callable[[Any, str, BaseException], object], ...] = ()
        # One timer for all: a timer per hook costs more than most hooks.
        self._waiting: deque[tuple[float, asyncio.Task[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.rebuild(addons)

    def rebuild(self, addons: Sequence[object]) -> None:
        """Compile the table from `addons` and their sub-addons, in order."""
        chain = list(traverse(addons))
        table: dict[str, tuple[Callback, ...]] = {}
        for name, hook in all_hooks.items():
            found = tuple(method for addon in chain if callable(method := getattr(addon, name, None)))
            names = [field.name for field in fields(hook)]  # type: ignore[arg-type]
            if found and len(names) == 1:
                table[name] = found
                self._arguments[name] = attrgetter(names[0])
        self._on_failure = tuple(
            method for addon in chain if callable(method := getattr(addon, "on_hook_failure", None))
        )
        self._table = table

    def listens(self, name: str) -> bool:
        """Whether any addon has this hook."""
        return name in self._table

    def run(self, hook: Hook) -> asyncio.Task[None] | None:
        """Call every method of `hook`. None when all is done; otherwise a task that ends when it is (never raises)."""
        name = hook.name
        return self.call(name, self._arguments[name](hook)) if name in self._table else None

    def call(self, name: str, data: Any) -> asyncio.Task[None] | None:
        """As `run`, for callers that need no hook object."""
        callbacks = self._table.get(name)
        if callbacks is None:
            return None
        WATCHDOG.enter()
        for index, callback in enumerate(callbacks):
            try:
                pending = callback(data)
            except Exception as error:  # noqa: BLE001 - every fault of an addon is a declared outcome
                if not self._fail(data, name, error) and name not in _ENDINGS:
                    WATCHDOG.leave()
                    return None
            else:
                if pending is not None:
                    WATCHDOG.leave()
                    return self._start(name, self._finish(name, data, pending, callbacks[index + 1 :]))
        WATCHDOG.leave()
        return None

    def report(self, flow: HTTPFlow, name: str, error: BaseException) -> None:
        """A fault met outside of a hook (in a body gate, say): same path, same consequence."""
        self._fail(flow, name, error)

    def _start(self, name: str, rest: Any) -> asyncio.Task[None] | None:
        """Run the coroutine up to its first real wait; only then does a task exist that others must await."""
        loop = asyncio.get_running_loop()
        task: asyncio.Task[None] = asyncio.Task(rest, loop=loop, eager_start=True)
        if task.done():
            return None
        if name in _PATIENT:
            return task
        waiting = self._waiting
        while waiting and waiting[0][1].done():
            waiting.popleft()
        waiting.append((loop.time() + self._timeout_s, task))
        if self._timer is None:
            self._timer = loop.call_later(self._timeout_s, self._cancel_late)
        return task

    def _cancel_late(self) -> None:
        """Cancel tasks past their budget. The budget is the same for all, so the oldest is always first."""
        loop = asyncio.get_running_loop()
        waiting, now = self._waiting, loop.time()
        while waiting and (waiting[0][1].done() or waiting[0][0] <= now):
            waiting.popleft()[1].cancel()
        self._timer = loop.call_at(waiting[0][0], self._cancel_late) if waiting else None

    async def _finish(self, name: str, data: Any, pending: Awaitable[None], rest: tuple[Callback, ...]) -> None:
        queue: list[Callback | None] = [None, *rest]
        for callback in queue:
            try:
                waited = pending if callback is None else callback(data)
                if waited is not None:
                    await waited
            except asyncio.CancelledError:
                if is_denied(data):
                    return  # What the hook was waiting for has been decided meanwhile.
                if not self._fail(data, name, HookTimeout(f"{name} took longer than {self._timeout_s} s")):
                    return
            except Exception as error:  # noqa: BLE001 - as in `run`
                if not self._fail(data, name, error) and name not in _ENDINGS:
                    return

    def _fail(self, data: Any, name: str, error: BaseException) -> bool:
        """Tell the addons; stop what the hook was about unless one of them lets it go on. Returns whether it does."""
        goes_on = False
        for handler in self._on_failure:
            try:
                goes_on = handler(data, name, error) is True or goes_on
            except Exception as second:  # noqa: BLE001 - the exchange is stopped below
                logger.error("on_hook_failure failed with %s.", type(second).__name__)  # noqa: TRY400
        consequence = "only observed, it goes on" if goes_on else "the exchange is stopped"
        logger.error("Hook %s failed with %s%s; %s.", name, *describe_fault(error), consequence)
        if not goes_on:
            _stop(data, name)
        return goes_on


def is_denied(data: Any) -> bool:
    """Whether it is an exchange that was refused already."""
    exchange = data.metadata.get("clyra") if isinstance(data, HTTPFlow) else None
    return exchange is not None and exchange.denial is not None


def _stop(data: Any, name: str) -> None:
    """Make sure that what the hook was about does not proceed."""
    if isinstance(data, HTTPFlow):
        data.metadata[FAILED] = name
        return
    for attribute in ("client", "context"):
        owner = getattr(data, attribute, None)
        if owner is not None:
            data = getattr(owner, "client", owner)
            break
    state = getattr(data, "clyra", None)
    if isinstance(state, ClientState):
        state.abort(f"hook {name} failed")
