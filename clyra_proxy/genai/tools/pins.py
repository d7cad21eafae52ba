"""Rug pulls: what an MCP server declares is remembered by its hash, and a later difference is told until approved.

Rule: the hash is over the whole declaration but what no model sees (`_meta`, icons). A changed tool stays changed, in
lists and in calls, until a person approves what it is now; seeing the old definition again clears it. A server is a
host, a port and a path, because a gateway has many on one host. Only names and salted hashes are kept. Entries never
expire: a pin that could be waited out would be none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

import orjson

from clyra_proxy.genai.fingerprints import Salt, canonical
from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.model import ToolDefinition
from clyra_proxy.state.store import StateStore

PREFIX = "pin/"
_UNSEEN = frozenset({"_meta", "icons"})
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Pin:
    """A known tool. hash: of the definition that counts; empty when nobody approved one yet.

    seen: hash of a definition seen since that differs; empty when none. since, changed: seconds since the epoch.
    """

    server: str
    tool: str
    kind: str
    hash: str
    since: float
    seen: str = ""
    changed: float = 0.0

    @property
    def id(self) -> str:
        """Short name for people: of the tool and of the definition that waits, or counts."""
        return (self.seen or self.hash)[:12]

    @property
    def state(self) -> str:
        """`pinned`, `changed` or `new`."""
        return "new" if not self.hash else "changed" if self.seen else "pinned"


class Pins:
    """All pins of a data folder."""

    def __init__(self, state: StateStore, salt: Salt) -> None:
        self._state = state
        self._salt = salt

    def changed(
        self, tools: Iterable[ToolDefinition], inspection: Inspection, *, must_approve: bool = False
    ) -> Iterator[tuple[ToolDefinition, Pin]]:
        """Tools of a list that are not what they were, or that nobody approved. Raises StateError."""
        now = inspection.now
        for tool in tools:
            digest = self._salt.of(_seen_by_a_model(tool))
            key = self._key(inspection, tool.kind, tool.name)
            new = _pin(
                inspection.destination, tool, "" if must_approve else digest, now, seen=digest if must_approve else ""
            )
            pin = _read(self._state.put_new(key, _text(new), now))
            if pin.hash == digest:
                if pin.seen:
                    self._state.put(key, _text(replace(pin, seen="", changed=0.0)), now)
                continue
            if pin.seen != digest:
                pin = replace(pin, seen=digest, changed=now)
                self._state.put(key, _text(pin), now)
            yield tool, pin

    def is_changed(self, inspection: Inspection, kind: str, name: str) -> bool:
        """Whether a tool that is called waits for approval. Raises StateError."""
        value = self._state.get(self._key(inspection, kind, name), inspection.now)
        return value is not None and bool(_read(value).seen)

    def _key(self, inspection: Inspection, kind: str, name: str) -> str:
        server = self._salt.of(inspection.destination, inspection.endpoint.rstrip("/"))
        return f"{PREFIX}{server}/{self._salt.of(kind, name)}"


def every_pin(state: StateStore, now: float) -> list[tuple[str, Pin]]:
    """All pins with their keys, by server and tool. Raises StateError."""
    found = [(key, _read(value)) for key, value in state.entries(PREFIX, now, 100_000)]
    return sorted(found, key=lambda entry: (entry[1].server, entry[1].tool, entry[1].kind))


def approve(state: StateStore, key: str, pin: Pin, now: float) -> Pin:
    """Let what was seen last count from now on. Raises StateError."""
    approved = replace(pin, hash=pin.seen or pin.hash, seen="", since=now, changed=0.0)
    state.put(key, _text(approved), now)
    return approved


def _pin(server: str, tool: ToolDefinition, digest: str, now: float, seen: str) -> Pin:
    return Pin(server[:_LONGEST_NAME], tool.name[:_LONGEST_NAME], tool.kind, digest, now, seen)


def _seen_by_a_model(tool: ToolDefinition) -> bytes:
    declared = tool.declared or {"name": tool.name, "description": tool.description, "schema": tool.schema}
    return canonical({key: value for key, value in declared.items() if key not in _UNSEEN})


def _text(pin: Pin) -> str:
    return orjson.dumps(asdict(pin)).decode()


def _read(value: str) -> Pin:
    return Pin(**orjson.loads(value))
