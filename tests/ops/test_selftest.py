"""The self-test: passes with the whole data path, refuses without it, and opens a way for nobody else."""

from __future__ import annotations

import contextlib
import secrets
import string
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import addons
from clyra_proxy.engine import certificates, selftest
from clyra_proxy.engine.master import EngineMaster, build_master
from clyra_proxy.engine.selftest import SelfTestWatch, run_selftest
from clyra_proxy.engine.selftest_pass import AGENT, HOST, SelfTestPass
from clyra_proxy.engine.worker_engine import WorkerEngine
from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home
from tests.support.data_path import worker_config
from tests.support.processes import Running
from tests.support.proxy import RunningProxy, local_policy

STRICT = "enforcement: {mode: enforce, egress: strict}\n"
SHADOW = "enforcement: {mode: shadow}\n"
OFF = "enforcement: {mode: 'off'}\n"
TOKENS = f"identity: {{required: true, agents: {{somebody: {{token: 'sha256${'a' * 22}${'0' * 64}'}}}}}}\n"


@contextlib.asynccontextmanager
async def worker(folder: Path, policy: str) -> AsyncIterator[WorkerEngine]:
    """A started worker engine in this process, without a recorder."""
    home = Home(folder / "home").create()
    home.metrics.mkdir()
    certificates.create_ca(home)
    engine = WorkerEngine(worker_config(home, policy))
    await engine.start()
    try:
        yield engine
    finally:
        await engine.master.stop()
        await engine.close()


@pytest.mark.parametrize(
    "policy", [STRICT, SHADOW, OFF, TOKENS, STRICT + TOKENS], ids=["strict", "shadow", "off", "tokens", "both"]
)
async def test_it_passes_whatever_the_policy_and_is_not_recorded_without_a_recorder(
    tmp_path: Path, policy: str
) -> None:
    async with worker(tmp_path, policy) as engine:
        assert engine.describe()["recorded"] is False
        assert engine.runtime.selftest is None, "the right of way ends with the test"


@pytest.mark.parametrize("policy", [OFF, STRICT + TOKENS], ids=["off", "strict with tokens"])
def test_it_is_recorded_whatever_the_policy(start: Callable[..., RunningProxy], policy: str) -> None:
    proxy = start(yaml.safe_load(policy), workers=1)  # waits for /readyz, which waits for the record
    assert proxy.process.alive


@contextlib.asynccontextmanager
async def rebuilt(
    engine: WorkerEngine, keep: Callable[[object], bool]
) -> AsyncIterator[tuple[EngineMaster, SelfTestWatch]]:
    """The same worker's engine, with only those addons for which `keep` holds."""
    watch = SelfTestWatch(engine.runtime)
    chain = [addon for addon in addons.build_addons(engine.runtime) if keep(addon)]
    master = build_master(engine.runtime.settings, [*chain, watch])
    await master.start()
    try:
        yield master, watch
    finally:
        await master.stop()


@pytest.mark.parametrize("without", ["Schema", "Gate"])
async def test_it_refuses_when_a_bad_body_gets_through(tmp_path: Path, without: str) -> None:
    async with (
        worker(tmp_path, STRICT) as engine,
        rebuilt(engine, lambda addon: type(addon).__name__ != without) as (master, watch),
    ):
        with pytest.raises(StartupError, match="does not start"):
            await run_selftest(master, engine.runtime, watch)


async def test_it_refuses_when_nothing_is_recorded_and_nobody_notices(tmp_path: Path) -> None:
    async with (
        worker(tmp_path, STRICT) as engine,
        rebuilt(engine, lambda addon: type(addon).__name__ != "Record") as (master, watch),
    ):
        with pytest.raises(StartupError, match="without a record"):
            await run_selftest(master, engine.runtime, watch)


async def test_it_refuses_when_the_data_path_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "LIMIT_S", 2.0)
    async with worker(tmp_path, STRICT) as engine, rebuilt(engine, lambda _: False) as (master, watch):
        with pytest.raises(StartupError, match="does not start"):
            await run_selftest(master, engine.runtime, watch)


def test_a_proxy_that_cannot_enforce_does_not_start(tmp_path: Path) -> None:
    """The whole command, with the validation of bodies sabotaged in its workers by a module on their path."""
    sabotage = tmp_path / "sabotage"
    sabotage.mkdir()
    (sabotage / "sitecustomize.py").write_text(
        "import sys\n"
        "if any('engine.worker' in word for word in sys.orig_argv):\n"
        "    import addons.schema\n"
        "    addons.schema.Schema.requestheaders = lambda self, flow: None\n"
    )
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump(local_policy()))
    words = [sys.executable, "-m", "clyra_proxy.cli.main", "proxy", "--home", tmp_path / "home", "--policy", policy]
    with Running(
        [*words, "--port", "0", "--workers", "1"], tmp_path / "log", env={"PYTHONPATH": str(sabotage)}
    ) as running:
        assert running.process.wait(60) == 1
        assert "A body with a duplicate key" in running.output()
    assert not (tmp_path / "home" / "run" / "proxy.json").exists()


names = st.text(string.printable, max_size=90)


@given(host=names, port=st.integers(0, 65535), path=names)
def test_nobody_else_gets_the_route(host: str, port: int, path: str) -> None:
    right = SelfTestPass(40000)
    assert right.route(host, port, path) is None
    assert right.route(HOST, 40000, path) is None
    assert right.route(host if host != HOST else "", 40000, f"{right.prefix}queued") is None
    assert right.route(HOST, port if port != 40000 else 1, f"{right.prefix}queued") is None


@given(agent=names, token=names)
def test_nobody_else_is_vouched_for(agent: str, token: str) -> None:
    right = SelfTestPass(40000)
    assert not right.vouches(agent, token)
    assert not right.vouches(AGENT, token)
    assert not right.vouches(agent, right.secret) or agent == AGENT


def test_the_secret_shows_nowhere() -> None:
    right = SelfTestPass(40000)
    assert right.secret not in repr(right)
    assert len({SelfTestPass(1).secret for _ in range(100)}) == 100
    assert right.route(HOST, 40000, f"{right.prefix}{secrets.token_hex(4)}") is None
    assert right.route(HOST, 40000, f"{right.prefix}required") is right.routes["required"]
