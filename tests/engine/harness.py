"""The real engine in a thread, with a small addon that plays the house: gates on demand, every hook written down."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mitmproxy.http import HTTPFlow

from clyra_proxy.engine.hooks import Dial
from clyra_proxy.engine.master import EngineMaster, build_master
from clyra_proxy.engine.settings import EngineSettings, Listener
from clyra_proxy.exchange import Exchange
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.verdict.denial import Denial
from clyra_proxy.verdict.model import Coverage, Finding, Mode, Seen
from tests.support.exchanges import exchange as make_exchange
from tests.support.exchanges import violation

REFUSED_BODY = b'{"refused":true}'


def denial(status: int = 422, body: bytes = REFUSED_BODY) -> Denial:
    return Denial(status, ((b"content-type", b"application/problem+json"),), body)


class CountingGate:
    """Refuses when byte number `refuse_at` arrives, or at the end (`refuse_at_end`); always holds one byte back."""

    def __init__(
        self,
        refuse_at: int | None = None,
        *,
        refuse_at_end: bool = False,
        mode: Mode = Mode.ENFORCE,
        spool: bool = False,
        crash_at: int | None = None,
    ) -> None:
        self.mode = mode
        self.findings: list[Finding] = []
        self.spool = spool
        self.refuse_at = refuse_at
        self.refuse_at_end = refuse_at_end
        self.crash_at = crash_at
        self.seen = 0
        self.held = b""
        self.aborted = False
        self.kept: list[bytes] = []

    def feed(self, raw: bytes) -> Sequence[bytes]:
        self.seen += len(raw)
        if self.crash_at is not None and self.seen > self.crash_at:
            raise ZeroDivisionError
        if self.refuse_at is not None and self.seen > self.refuse_at:
            raise BodyRefused(violation())
        if self.spool:
            self.kept.append(raw)
            return []
        out, self.held = self.held + raw[:-1], raw[-1:]
        return [out] if out else []

    def finish(self) -> Any:
        if self.refuse_at_end:
            raise BodyRefused(violation())
        if self.spool:
            return iter(self.kept)
        return [self.held] if self.held else []

    def abort(self) -> None:
        self.aborted = True

    @property
    def coverage(self) -> Coverage:
        return Coverage(Seen.STREAMED)


@dataclass
class House:
    """The addon. request_gate / response_gate make a gate per exchange; on_* may deny, raise or wait."""

    request_gate: Callable[[], CountingGate] | None = None
    response_gate: Callable[[], CountingGate] | None = None
    deny_head: Denial | None = None
    at: dict[str, Callable[[HTTPFlow], Any]] = field(default_factory=dict)
    hooks: list[tuple[str, str]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    dials: list[Dial] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)

    def count(self, name: str) -> int:
        return Counter(hook for hook, _ in self.hooks)[name]

    def names(self, flow_id: str) -> list[str]:
        return [name for name, owner in self.hooks if owner == flow_id]

    def requestheaders(self, flow: HTTPFlow) -> Any:
        self.hooks.append(("requestheaders", flow.id))
        made = make_exchange()
        made.verdict = None
        made.request_gate = self.request_gate() if self.request_gate else None
        made.denial = self.deny_head
        flow.metadata["clyra"] = made
        self.exchanges.append(made)
        return self._extra("requestheaders", flow)

    def responseheaders(self, flow: HTTPFlow) -> Any:
        self.hooks.append(("responseheaders", flow.id))
        flow.metadata["clyra"].response_gate = self.response_gate() if self.response_gate else None
        return self._extra("responseheaders", flow)

    def clyra_refused(self, flow: HTTPFlow) -> Any:
        self.hooks.append(("clyra_refused", flow.id))
        flow.metadata["clyra"].denial = denial(502 if flow.response else 422)
        return self._extra("clyra_refused", flow)

    def _note(name: str) -> Any:
        def hook(self: House, flow: HTTPFlow) -> Any:
            self.hooks.append((name, flow.id))
            return self._extra(name, flow)

        return hook

    clyra_release = _note("clyra_release")
    request = _note("request")
    response = _note("response")
    error = _note("error")
    clyra_done = _note("clyra_done")
    http_connect = _note("http_connect")
    websocket_start = _note("websocket_start")
    websocket_end = _note("websocket_end")

    def websocket_message(self, flow: HTTPFlow) -> Any:
        self.hooks.append(("websocket_message", flow.id))
        self.messages.append(flow.websocket.messages[-1].content)
        return self._extra("websocket_message", flow)

    def _extra(self, name: str, flow: HTTPFlow) -> Any:
        act = self.at.get(name)
        return act(flow) if act else None

    def clyra_dial(self, data: Dial) -> Any:
        self.dials.append(data)
        if act := self.at.get("clyra_dial"):
            return act(data)  # type: ignore[arg-type]
        data.approve(*data.addresses)
        return None

    def on_hook_failure(self, data: Any, hook_name: str, exception: BaseException) -> None:
        self.failures.append((hook_name, type(exception).__name__))


class RunningEngine:
    """An engine on a free port of loopback. Use as a context manager."""

    def __init__(
        self, confdir: Path, addons: Sequence[object], listener: Listener | None = None, **changes: Any
    ) -> None:
        self._settings = replace(EngineSettings(confdir=confdir, listeners=(listener or Listener(port=0),)), **changes)
        self._addons = addons
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="engine", daemon=True)
        self.master: EngineMaster
        self.loop: asyncio.AbstractEventLoop
        self.crash: BaseException | None = None

    @property
    def address(self) -> tuple[str, int]:
        return self.master.addresses[0]

    def __enter__(self) -> RunningEngine:
        self._thread.start()
        assert self._ready.wait(20)
        if self.crash:
            raise self.crash
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.master.should_exit.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def call[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the engine's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def quiet(self, seconds: float = 10.0) -> bool:
        """Wait until no exchange is active."""

        async def wait() -> bool:
            for _ in range(int(seconds / 0.01)):
                if not self.master.active_exchanges():
                    return True
                await asyncio.sleep(0.01)
            return False

        return self.call(wait())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        try:
            self.master = build_master(self._settings, self._addons)
            await self.master.start()
        except BaseException as error:
            self.crash = error
            self._ready.set()
            raise
        self._ready.set()
        await self.master.should_exit.wait()
        await self.master.stop()
