"""A log made by hand: correct by default, and wrong in exactly the way a case asks for.

It uses the product's own canonical writer, tree and signatures, never its store, so that what the store would refuse
can be made as well: an insider with the keys is the one who writes most of the rejecting cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from recorder import canonical, note, trust
from recorder.chain import Chain
from recorder.keys import SigningKey
from recorder.merkle import Frontier, leaf_hash
from vectors.generator.keys import key

ORIGIN = "vectors.clyra.example/log"
EPOCH_US = 1_790_000_000_000_000
"""2026-09-21 in the vectors' own time, microseconds."""
POLICY = sha256(b"policy of the vectors").hexdigest()
CONFIG = sha256(b"configuration of the vectors").hexdigest()


@dataclass(slots=True)
class Clock:
    """Ticks a millisecond a look. wall, boot: microseconds."""

    wall: int = EPOCH_US
    boot: int = 5_000_000

    def __call__(self) -> tuple[int, int]:
        self.wall += 1000
        self.boot += 1000
        return self.wall, self.boot


@dataclass(slots=True)
class Log:
    """A growing log. lines[i] is record i without its newline."""

    origin: str = ORIGIN
    log_key: SigningKey = field(default_factory=lambda: key("log"))
    seal_key: SigningKey = field(default_factory=lambda: key("seal"))
    clock: Clock = field(default_factory=Clock)
    lines: list[bytes] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    chain: Chain = field(init=False)

    def __post_init__(self) -> None:
        self.chain = Chain(self.origin, clock=self.clock, boot="00c0ffee")

    @property
    def size(self) -> int:
        return len(self.lines)

    def begin(self) -> Log:
        """Genesis, both keys and the first configuration: four records."""
        ids = {"log_keyid": self.log_key.key_id, "seal_keyid": self.seal_key.key_id}
        self.own("sys.genesis", {"producer": "clyra-vectors/0", **ids})
        for role, one in (("log", self.log_key), ("seal", self.seal_key)):
            data = {"role": role, "keyid": one.key_id, "alg": one.algorithm, "pub": one.public.hex(), "state": "active"}
            self.own("sys.key", data)
        config = {"cause": "start", "version": "0", "config_sha256": CONFIG, "open_intents": 0}
        self.own("sys.config", {**config, "schemas_sha256": sha256(b"schemas of the vectors").hexdigest()})
        return self

    def own(self, typ: str, data: dict[str, Any], **fields: Any) -> int:
        """A record of the recorder's own; its number."""
        self.chain.look_at_clock()
        return self._keep(self.chain.append_own(typ, data, **fields).line)

    def source(self, typ: str, data: dict[str, Any], source: str = "proxy-1", **fields: Any) -> int:
        """A record handed in by a source under its next counter; its number."""
        self.chain.look_at_clock()
        number = self.counters.get(source, 0) + 1
        made = self.chain.append(typ, {"data": data, **fields}, source, number, "ab" * 32)
        self.counters[source] = number
        return self._keep(made.line)

    def call(self, number: int = 0, **fields: Any) -> int:
        """A whole HTTP exchange."""
        data = {"phase": "whole", "exchange": f"exchange-{number}", "result": "completed"}
        return self.source("pef.http_call", data, **{**self.facts(number), **fields})

    @staticmethod
    def facts(number: int) -> dict[str, Any]:
        """Agent, action and verdict of an exchange."""
        return {
            "agent": {"uid": "agent-7", "auth": "mtls"},
            "act": {"op": "update", "proto": "http/1.1", "method": "PATCH", "target": f"/accounts/{number}"},
            "verdict": {
                "decision": "allow",
                "reason": "allowed",
                "policy_sha256": POLICY,
                "engine": "clyra/0",
                "mode": "enforce",
                "eval_us": 90,
            },
        }

    def calls(self, count: int) -> Log:
        for _ in range(count):
            self.call(self.size)
        return self

    def raw(self, line: bytes) -> int:
        """Any bytes at all as the next record: hashed (what is kept of a longer one) and linked, whatever they say."""
        leaf = leaf_hash(line[: canonical.MAX_BYTES + 1])
        self.chain.frontier.append(leaf)
        self.chain.prev = leaf.hex()
        return self._keep(line)

    def edited(self, change: Callable[[dict[str, Any]], None], number: int = 0) -> int:
        """The next call with its record changed after it was made, then encoded canonically without validation."""
        before = self.chain.copy()
        self.call(number)
        made = orjson.loads(self.lines.pop())
        self.chain = before
        self.chain.look_at_clock()
        change(made)
        self.chain.clock = self.clock
        return self.raw(orjson.dumps(made, option=orjson.OPT_SORT_KEYS))

    def root(self, size: int | None = None) -> bytes:
        return self.frontier(size).root()

    def frontier(self, size: int | None = None) -> Frontier:
        """The compact range over the first `size` records."""
        found = Frontier()
        for line in self.lines[: self.size if size is None else size]:
            found.append(leaf_hash(line[: canonical.MAX_BYTES + 1]))
        return found

    def checkpoint(self, size: int | None = None, signer: SigningKey | None = None) -> bytes:
        """A signed checkpoint of the true root at `size`."""
        at = self.size if size is None else size
        return note.sign_checkpoint(self.origin, at, self.root(at), signer or self.log_key)

    def trust(self) -> bytes:
        """A trust file for the log, signed by one root key."""
        return trust.make(self.origin, self.log_key, self.seal_key, [key("root")])

    def _keep(self, line: bytes) -> int:
        self.lines.append(line)
        return len(self.lines) - 1
