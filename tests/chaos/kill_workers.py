"""Kill -9 of recorder, workers and supervisor at random moments under load, and then the reckoning.

`python -m tests.chaos.kill_workers --kills 200 --seed 1` runs against a real proxy with its recorder and a real
upstream. Afterwards: (1) every exchange of which a single byte reached the upstream has an intent in the log, found by
the trace context that the proxy put into the request; (2) the whole log verifies; (3) everything a client was told has
succeeded is there, the request whole. The proxy is started anew on the same data folder every few kills, so that
replaying and continuing after a crash are part of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from clyra_proxy.home import Home
from tests.support.certificates import Authority
from tests.support.journal import Message
from tests.support.processes import Running, run
from tests.support.proxy import CLYRA, RunningProxy, local_policy
from tests.support.raw import Http1Client, SocketEnded, dial
from tests.support.upstream import Upstream

KILLS_PER_START = 7
MOST_RECORDER_KILLS = 3
"""In one start: the supervisor waits longer before each further restart of the same process."""
PROGRESS = 5
"""Requests that must have reached the upstream between two kills: each kill hits a proxy that works."""
PROGRESS_LIMIT_S = 60.0
CLIENTS = 6
BODY = b'{"id":1,"note":"written ahead"}'


class ChaosError(AssertionError):
    """A promise was broken; the message says which."""


@dataclass(slots=True)
class Load:
    """Clients that never give up. succeeded: ids of requests that got their 200."""

    upstream: Upstream
    address: tuple[str, int] = ("127.0.0.1", 0)
    succeeded: set[str] = field(default_factory=set)
    tried: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [
            threading.Thread(target=self._client, args=(number,), daemon=True) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(40)

    def _client(self, number: int) -> None:
        count = 0
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, SocketEnded, ValueError), Http1Client(dial(self.address)) as client:
                while not self._stopping.is_set():
                    count += 1
                    if not self._request(client, f"{number}-{count}"):
                        break
            time.sleep(0.02)

    def _request(self, client: Http1Client, name: str) -> bool:
        """One request, every third a read; returns whether the connection is still good."""
        self.tried += 1
        method, body = ("GET", b"") if self.tried % 3 == 0 else ("POST", BODY)
        headers = f"Content-Type: application/json\r\nX-Name: {name}\r\n" if body else f"X-Name: {name}\r\n"
        answer = client.request(method, f"{self.upstream.url}/work", f"127.0.0.1:{self.upstream.port}", body, headers)
        if answer.status == 200 and answer.complete:
            self.succeeded.add(name)
        time.sleep(0.002 if answer.status == 200 else 0.02)
        return answer.complete


@dataclass(slots=True)
class Chaos:
    """One run. killed: what was killed, by kind."""

    folder: Path
    kills: int
    seed: int
    killed: Counter[str] = field(default_factory=Counter)

    def run(self) -> str:
        """Do it all; returns a summary. Raises ChaosError."""
        chance = random.Random(self.seed)
        authority = Authority(self.folder / "authority")
        policy = local_policy(authority, evidence={"reads": "required"})
        with Upstream() as upstream:
            load = Load(upstream)
            while sum(self.killed.values()) < self.kills:
                self._one_start(policy, upstream, load, chance)
            load.stop()
            records = list(self._records())
            reached = upstream.journal.messages
            self._reckon(records, reached, load)
        return (
            f"{sum(self.killed.values())} kills ({', '.join(f'{n} {kind}' for kind, n in self.killed.items())}); "
            f"{load.tried} requests, {len(reached)} reached the upstream, {len(load.succeeded)} succeeded; "
            f"{len(records)} records, all intents there, log verified."
        )

    def _one_start(self, policy: dict[str, object], upstream: Upstream, load: Load, chance: random.Random) -> None:
        with RunningProxy.start(self.folder, policy, workers=2) as proxy:
            load.address = proxy.address
            if not self.killed:
                load.start()
            recorder_kills = 0
            family: list[psutil.Process] = []
            for _ in range(min(KILLS_PER_START, self.kills - sum(self.killed.values()))):
                self._wait_for_progress(upstream, proxy.process)
                time.sleep(chance.random() * 0.4)
                kind = self._pick(chance, recorder_kills)
                recorder_kills += kind == "recorder"
                family = psutil.Process(proxy.process.pid).children(recursive=True)
                self._kill(proxy.process, kind, chance)
                if kind == "supervisor":
                    break
            else:
                self._wait_for_progress(upstream, proxy.process)
        _wait_for_end(family)

    def _pick(self, chance: random.Random, recorder_kills: int) -> str:
        kind = chance.choices(("worker", "recorder", "supervisor"), (6, 5, 1))[0]
        return "worker" if kind == "recorder" and recorder_kills >= MOST_RECORDER_KILLS else kind

    def _kill(self, supervisor: Running, kind: str, chance: random.Random) -> None:
        if kind == "supervisor":
            supervisor.process.kill()
            supervisor.process.wait(10)
        else:
            module = "clyra_proxy.engine.worker" if kind == "worker" else "recorder.main"
            running = modules(supervisor.pid, module)
            if not running:
                return  # it is being restarted; the next try finds it
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(running).kill()
        self.killed[kind] += 1

    def _wait_for_progress(self, upstream: Upstream, supervisor: Running) -> None:
        before = len(upstream.journal.messages)
        enough = upstream.journal.wait_for(
            lambda: len(upstream.journal.messages) >= before + PROGRESS or not supervisor.alive, PROGRESS_LIMIT_S
        )
        if not enough or not supervisor.alive:
            raise ChaosError(f"no traffic within {PROGRESS_LIMIT_S:g} s of a kill:\n{supervisor.output()[-3000:]}")

    def _records(self) -> Iterator[dict[str, object]]:
        """Seal what there is, verify every bundle, and give all records. Nothing runs any more."""
        home = Home(self.folder / "home")
        place = {"CLYRA_HOME": str(home.root)}
        sealed = run([*CLYRA, "seal", "--json"], env=place, seconds=300)
        if sealed.returncode:
            raise ChaosError(f"the log cannot be sealed: {sealed.stderr}")
        end = 0
        for bundle in sorted(home.bundles.glob("*.zip")):
            done = run([*CLYRA, "verify", bundle, "--json"], env=place, seconds=300)
            report = json.loads(done.stdout)
            if report["verdict"] not in ("verified", "prefix") or report["start"] != end:
                raise ChaosError(f"{bundle.name} does not verify, or does not continue at {end}: {report}")
            end = report["end"]
            with zipfile.ZipFile(bundle) as archive:
                yield from (json.loads(line) for line in archive.read("records.jsonl").splitlines())

    def _reckon(self, records: list[dict[str, object]], reached: list[Message], load: Load) -> None:
        intents = set()
        for record in records:
            data, trace = record.get("data"), record.get("trace")
            if isinstance(data, dict) and isinstance(trace, dict) and data.get("phase") == "intent":
                intents.add((trace["trace_id"], trace["span_id"]))
        unseen = [message for message in reached if _trace(message) not in intents]
        if unseen:
            raise ChaosError(f"{len(unseen)} of {len(reached)} requests reached the upstream without an intent")
        whole = {message.header("x-name") for message in reached if message.complete}
        if lost := load.succeeded - whole:
            raise ChaosError(f"{len(lost)} requests were answered 200 and never reached the upstream whole")
        if len(load.succeeded) < self.kills:
            raise ChaosError(f"only {len(load.succeeded)} requests succeeded: there was no load to speak of")


def modules(parent: int, module: str) -> list[psutil.Process]:
    """Descendants that run `python -m module`."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(parent).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                if "-m" in words and words[words.index("-m") + 1] == module:
                    found.append(child)
    return found


def _trace(message: Message) -> tuple[str, str]:
    version_and_ids = (message.header("traceparent") or "---").split("-")
    return version_and_ids[1], version_and_ids[2]


def _wait_for_end(family: list[psutil.Process]) -> None:
    """Children of a stopped or killed supervisor end by themselves."""
    _, alive = psutil.wait_procs(family, 30)
    if alive:
        raise ChaosError(f"still running without their supervisor: {[child.cmdline() for child in alive]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="clyra-chaos-") as folder:
        try:
            print(Chaos(Path(folder), chosen.kills, chosen.seed).run())
        except ChaosError as error:
            print(f"broken promise: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
