"""The whole data path in this process: the real addons on the real engine, with an upstream behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

import addons
from clyra_proxy.checks import BodyCheck
from clyra_proxy.engine import certificates
from clyra_proxy.engine.launch import WorkerConfig
from clyra_proxy.engine.master import build_master
from clyra_proxy.engine.settings import Listener
from clyra_proxy.engine.worker_engine import WorkerEngine
from clyra_proxy.exchange import Exchange
from clyra_proxy.home import Home
from clyra_proxy.policy.load import parse_policy
from clyra_proxy.watchdog import WATCHDOG
from tests.support.certificates import Authority
from tests.support.proxy import local_policy
from tests.support.upstream import Upstream


class Ends:
    """Keeps every exchange that ended."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def clyra_done(self, flow: Any) -> None:
        self.exchanges.append(flow.metadata["clyra"])


@dataclass
class House:
    """A running data path."""

    port: int
    upstream: Upstream
    ends: Ends
    authority_certificate: Path

    @property
    def proxy(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.upstream.port}"

    async def verdict(self) -> Exchange:
        """The one exchange, once it has ended."""
        async with asyncio.timeout(15):
            while not self.ends.exchanges:  # noqa: ASYNC110 - a list grows in a hook
                await asyncio.sleep(0.01)
        return self.ends.exchanges[0]


def worker_config(home: Home, policy: str) -> WorkerConfig:
    """What a supervisor would tell its only worker. policy: YAML."""
    return WorkerConfig(
        slot=0,
        generation=1,
        policy_json=parse_policy(policy).model_dump_json(by_alias=True),
        policy_folder=str(home.root),
        home=str(home.root),
        host="127.0.0.1",
        port=0,
        mode="explicit",
        upstream="",
        header_timeout_s=10.0,
        drain_s=1.0,
        sockets=((),),
        life=0,
    )


@contextlib.asynccontextmanager
async def house(folder: Path, mode: str, checks: Sequence[BodyCheck] = (), **sections: Any) -> AsyncIterator[House]:
    """Start it. checks: further body checks. sections: more of the policy. What can be recorded is.

    File names in the policy start from the data folder, `folder / "home"`.
    """
    home = Home(folder / "home").create()
    home.metrics.mkdir(exist_ok=True)
    certificates.create_ca(home)
    enforcement = {"mode": mode, **sections.pop("enforcement", {})}
    policy = local_policy(enforcement=enforcement, evidence={"writes": "queued"}, **sections)
    worker = WorkerEngine(worker_config(home, yaml.safe_dump(policy)))
    await worker.start()
    ends = Ends()
    chain = [*addons.build_addons(worker.runtime, [*addons.default_checks(), *checks]), ends]
    authority = Authority(folder / "authority")
    settings = replace(
        worker.runtime.settings,
        listeners=(Listener("127.0.0.1", 0),),
        hook_timeout_s=2.0,
        upstream_trust=authority.certificate,
    )
    master = build_master(settings, chain)
    await master.start()
    WATCHDOG.start()
    try:
        with Upstream(authority.leaf()) as upstream:
            yield House(master.addresses[0][1], upstream, ends, home.ca_certificate)
    finally:
        await master.stop()
        await worker.master.stop()
        await worker.close()
