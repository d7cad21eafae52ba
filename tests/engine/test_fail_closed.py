"""Whatever an addon does wrong, in whatever hook, the exchange does not proceed and is accounted for once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy.hooks import all_hooks
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow

from clyra_proxy.engine.dispatch import Dispatch, failed
from clyra_proxy.engine.hooks import ClyraDoneHook, ClyraReleaseHook
from tests.engine.harness import CountingGate, House, RunningEngine
from tests.support.raw import Answer, Http1Client, SocketEnded, dial
from tests.support.upstream import Upstream

type Start = Callable[..., RunningEngine]


def raises(_: Any) -> None:
    raise LookupError("secret text that must not be logged")


async def raises_later(_: Any) -> None:
    await asyncio.sleep(0)
    raise LookupError("secret text that must not be logged")


async def hangs(_: Any) -> None:
    await asyncio.sleep(60)


FAULTS = {"raises": raises, "raises later": raises_later, "hangs": hangs}
BODY = b'{"a":1}' * 3000


def _post(running: RunningEngine, upstream: Upstream, tls: Any) -> Answer:
    target = ("localhost", upstream.tls_port)
    try:
        with Http1Client(dial(target, proxy=running.address, tls=tls("http/1.1"))) as client:
            return client.request("POST", "/rows", f"localhost:{upstream.tls_port}", BODY)
    except (SocketEnded, OSError):
        return Answer()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("hook", ["requestheaders", "clyra_release", "clyra_dial", "http_connect"])
def test_nothing_reaches_the_upstream(
    hook: str, fault: str, engine: Start, house: House, upstream: Upstream, tls: Any, caplog: pytest.LogCaptureFixture
) -> None:
    house.at[hook] = FAULTS[fault]
    running = engine(house, hook_timeout_s=0.3)
    answer = _post(running, upstream, tls)
    assert answer.status in (0, 502, 503)
    assert running.quiet()
    assert not upstream.journal.messages
    assert [name for name, _ in house.failures] == [hook]
    assert house.count("clyra_done") == house.count("requestheaders") <= 1
    assert "secret text" not in caplog.text


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("hook", ["responseheaders", "response"])
def test_nothing_whole_reaches_the_client(
    hook: str, fault: str, engine: Start, house: House, upstream: Upstream, tls: Any
) -> None:
    house.at[hook] = FAULTS[fault]
    house.response_gate = CountingGate  # Without a gate nobody judges the answer, and `response` comes after its end.
    running = engine(house, hook_timeout_s=0.3)
    answer = _post(running, upstream, tls)
    assert answer.status == 502 or not answer.complete
    assert running.quiet()
    assert house.count("clyra_done") == 1
    assert house.failures[0][0] == hook


@pytest.mark.parametrize("fault", FAULTS)
def test_the_request_hook_stops_the_last_byte(
    fault: str, engine: Start, house: House, upstream: Upstream, tls: Any
) -> None:
    house.at["request"] = FAULTS[fault]
    house.request_gate = CountingGate
    running = engine(house, hook_timeout_s=0.3)
    assert _post(running, upstream, tls).status == 503
    assert running.quiet()
    assert upstream.journal.settled()
    assert not upstream.journal.complete("/rows")


@pytest.mark.parametrize(
    "hook", ["client_connected", "next_layer", "tls_clienthello", "tls_start_client", "server_connect"]
)
def test_connection_hooks(hook: str, engine: Start, house: House, upstream: Upstream, tls: Any) -> None:
    setattr(house, hook, raises)
    running = engine(house)
    answer = _post(running, upstream, tls)
    assert answer.status in (0, 502, 503)
    assert not upstream.journal.messages
    assert {name for name, _ in house.failures} == {hook}


def test_an_engine_without_a_failure_handler_still_stops(engine: Start, upstream: Upstream, tls: Any) -> None:
    class Broken:
        requestheaders = staticmethod(raises)

    assert _post(engine(Broken()), upstream, tls).status == 503
    assert not upstream.journal.messages


def test_a_failing_failure_handler_still_stops(engine: Start, house: House, upstream: Upstream, tls: Any) -> None:
    house.at["requestheaders"] = raises

    def fails_too(*_: Any) -> None:
        raise ValueError

    house.on_hook_failure = fails_too  # type: ignore[method-assign]
    assert _post(engine(house), upstream, tls).status == 503
    assert not upstream.journal.messages


# -- the table itself -------------------------------------------------------------------------------------------------


class Noted:
    def __init__(self, calls: list[str], name: str, act: Callable[[Any], Any] = lambda _: None) -> None:
        self.calls, self.label, self.act = calls, name, act

    def clyra_release(self, flow: HTTPFlow) -> Any:
        self.calls.append(self.label)
        return self.act(flow)

    clyra_done = clyra_release


def _flow() -> HTTPFlow:
    return tflow.tflow()


def test_order_and_sub_addons() -> None:
    calls: list[str] = []
    outer = Noted(calls, "outer")
    outer.addons = [Noted(calls, "inner")]  # type: ignore[attr-defined]
    Dispatch([outer, Noted(calls, "last")], 1).run(ClyraReleaseHook(_flow()))
    assert calls == ["outer", "inner", "last"]


def test_a_failure_stops_the_others_but_not_at_the_end() -> None:
    for hook, expected in ((ClyraReleaseHook, ["bad"]), (ClyraDoneHook, ["bad", "good"])):
        calls: list[str] = []
        flow = _flow()
        Dispatch([Noted(calls, "bad", raises), Noted(calls, "good")], 1).run(hook(flow))
        assert calls == expected
        assert failed(flow)


async def test_asynchronous_hooks_keep_their_order_and_fit_their_budget() -> None:
    calls: list[str] = []

    async def slow(_: Any) -> None:
        await asyncio.sleep(0.02)
        calls.append("slow done")

    flow = _flow()
    task = Dispatch([Noted(calls, "a", slow), Noted(calls, "b", slow), Noted(calls, "c")], 1).run(
        ClyraReleaseHook(flow)
    )
    assert task is not None
    await task
    assert calls == ["a", "slow done", "b", "slow done", "c"]
    assert not failed(flow)
    waiting = Dispatch([Noted(calls, "x", hangs)], 0.05).run(ClyraReleaseHook(flow))
    assert waiting is not None
    await asyncio.wait([waiting])
    assert failed(flow)


async def test_an_async_hook_that_never_waits_is_done_at_once() -> None:
    async def quick(_: Any) -> None:
        return

    calls: list[str] = []
    assert Dispatch([Noted(calls, "a", quick), Noted(calls, "b")], 1).run(ClyraReleaseHook(_flow())) is None
    assert calls == ["a", "b"]


def test_hooks_nobody_has_cost_nothing() -> None:
    dispatch = Dispatch([], 1)
    assert not dispatch.listens("request")
    assert dispatch.call("request", _flow()) is None
    assert "update" in all_hooks
