"""What is compared: stock mitmdump, and Clyra with every check on and evidence durable.

Rule: same interpreter, same upstream, upstream certificates verified by both. Clyra runs as its users run it (`clyra
proxy --with-recorder`, policy in enforce mode, schemas on request and response, write-ahead intents for POST); only the
processor it may use is chosen here: proxies on one core, recorder with upstream and load on the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.engine.generator import Target
from bench.engine.upstream import ORDER_SCHEMA, Nginx
from tests.support.certificates import Authority
from tests.support.processes import Running, free_port
from tests.support.proxy import RunningProxy, local_policy


@dataclass(frozen=True, slots=True)
class Contender:
    """A running proxy. address: IP:PORT. trust: PEM for its clients. workers: processes that carry traffic.

    reverse_tls: IP:PORT of the TLS listener of a peer that is a reverse proxy; "" for a forward proxy.
    """

    name: str
    address: str
    trust: Path
    process: Running
    workers: tuple[int, ...] = ()
    reverse_tls: str = ""

    def plain(self, nginx: Nginx) -> Target:
        if self.reverse_tls:
            return Target(self.address)
        return Target(f"127.0.0.1:{nginx.port}", self.address)

    def secure(self, nginx: Nginx) -> Target:
        if self.reverse_tls:
            return Target(self.reverse_tls, trust=self.trust)
        return Target(f"localhost:{nginx.tls_port}", self.address, self.trust)

    def cpu_seconds(self) -> float:
        """Processor time the traffic-carrying processes have used so far."""
        times = [psutil.Process(pid).cpu_times() for pid in self.workers]
        return sum(each.user + each.system for each in times)

    def resident(self) -> int:
        """Resident memory of the traffic-carrying processes, in bytes."""
        return sum(psutil.Process(pid).memory_info().rss for pid in self.workers)


def start_mitmdump(folder: Path, authority: Authority, prefix: tuple[str, ...], *options: str) -> Contender:
    """Stock mitmdump of the same environment: quiet, no addon, no flow details."""
    port = free_port()
    confdir = folder / "mitmproxy"
    words = [*prefix, str(Path(sys.executable).with_name("mitmdump")), "-q", "--listen-host", "127.0.0.1"]
    words += ["--listen-port", str(port), "--set", f"confdir={confdir}", "--set", "flow_detail=0"]
    words += ["--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}"]
    for option in options:
        words += ["--set", option]
    process = Running(words, folder / "mitmdump.log")
    process.wait_for_port(port)
    trust = confdir / "mitmproxy-ca-cert.pem"
    process.wait_until(trust.exists, "certificate authority")
    return Contender("mitmdump", f"127.0.0.1:{port}", trust, process, (process.pid,))


def start_clyra(
    folder: Path, authority: Authority, prefix: tuple[str, ...], *, workers: int = 1, recorder_cpu: int | None = None
) -> Contender:
    """The product with everything on. recorder_cpu: move the recorder there."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = folder / "order.json"
    schema.write_text(json.dumps(ORDER_SCHEMA))
    rows = folder / "orders.json"
    rows.write_text(json.dumps({"type": "array", "items": ORDER_SCHEMA}))
    rules = [
        {"name": "upload", "paths": ["/upload"], "schema": {"request": str(rows)}},
        {"name": "order", "paths": ["/"], "schema": {"request": str(schema), "response": str(schema)}},
    ]
    policy = local_policy(authority, destinations={"local": {"rules": rules}})
    proxy = RunningProxy.start(folder, policy, workers=workers, prefix=prefix)
    if recorder_cpu is not None:
        for pid in _matching(proxy.process.pid, "recorder.main"):
            move(pid, recorder_cpu)
    name = "clyra" if workers == 1 else f"clyra x{workers}"
    host, port = proxy.address
    return Contender(name, f"{host}:{port}", proxy.home.ca_certificate, proxy.process, carrying(proxy.process.pid))


def carrying(pid: int) -> tuple[int, ...]:
    """The processes of a proxy that carry traffic. pid: its supervisor."""
    return tuple(_matching(pid, "clyra_proxy.engine.worker"))


def move(pid: int, cpu: int) -> None:
    """Pin every thread of a process."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), {cpu})


def _matching(parent: int, word: str) -> list[int]:
    found = []
    for child in psutil.Process(parent).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(word in argument for argument in child.cmdline()):
                found.append(child.pid)
    return found
