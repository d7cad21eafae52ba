"""One run of the benchmark: its settings, its upstreams and load generator, and the proxies it starts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bench.engine import peers
from bench.engine.contenders import Contender, start_clyra, start_mitmdump
from bench.engine.generator import Generator
from bench.engine.report import Report
from bench.engine.upstream import Nginx, Sink, kilobyte_of_json
from tests.support.certificates import Authority

PROXY_CPU = 0
OTHER_CPU = 1


@dataclass
class Bench:
    """One run's settings and its machinery."""

    rounds: int
    seconds: float
    megabytes: int
    exchanges: tuple[int, int]
    pinned: bool
    folder: Path
    console: Console
    report: Report = field(default_factory=Report)
    stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.authority = Authority(self.folder / "authority")
        self.body = self.folder / "order.json"
        self.body.write_bytes(kilobyte_of_json())
        self.generator = Generator(self.folder, OTHER_CPU if self.pinned else None)
        other = self.on(OTHER_CPU)
        self.nginx = Nginx.start(self.folder / "nginx", self.authority, kilobyte_of_json(8), other)
        self.stack.enter_context(self.nginx.process)
        self.sink = Sink.start(self.folder, other)
        self.stack.enter_context(self.sink.process)

    def on(self, cpu: int) -> tuple[str, ...]:
        return ("taskset", "-c", str(cpu)) if self.pinned else ()

    def mitmdump(self, *options: str) -> Contender:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        found = start_mitmdump(folder, self.authority, self.on(PROXY_CPU), *options)
        self.stack.enter_context(found.process)
        return found

    def clyra(self, workers: int = 1, *, pinned: bool = True) -> Contender:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        alone = pinned and self.pinned
        prefix = self.on(PROXY_CPU) if alone else ()
        found = start_clyra(folder, self.authority, prefix, workers=workers, recorder_cpu=OTHER_CPU if alone else None)
        self.stack.enter_context(found.process)
        return found

    def peers(self, chosen: Mapping[str, Callable[[peers.Room], Contender]]) -> list[Contender]:
        prefix = self.on(PROXY_CPU)
        return peers.start_all(self.folder, self.authority, self.nginx, prefix, self.stack, self.say, chosen)

    def say(self, text: str) -> None:
        self.console.print(f"[dim]{text}[/dim]")
