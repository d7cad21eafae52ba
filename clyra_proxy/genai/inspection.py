"""What an inspector is: a pure look at one conversation that says what it found.

Rules: inspectors run in a scanning thread, never on the event loop; they are compiled once when a policy is loaded and
shared between exchanges, so they hold no state but what `StateStore` keeps; whatever they raise becomes a finding
`check.error` with the declared outcome (`clyra_proxy.genai.judge`). They never see mitmproxy and never do I/O.
A signal carries ids, numbers and offsets, never a piece of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from clyra_proxy.genai.model import Conversation, ToolCall
from clyra_proxy.verdict.model import Action, Severity

if TYPE_CHECKING:
    from clyra_proxy.policy.sql import SqlSafety
    from clyra_proxy.state.store import StateStore


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. auth: how that was established (`mtls proxy kubernetes header process none`)."""

    agent: str = "anonymous"
    tenant: str = ""
    session: str = ""
    run: str = ""
    auth: str = "none"

    @property
    def named(self) -> bool:
        """Whether one agent stands behind the name; otherwise many programs may share it."""
        return self.auth not in ("none", "process")

    @property
    def proven(self) -> str:
        """The agent as a key of what is remembered: "" for a guess, which the next exchange may go without."""
        return self.agent if self.named else ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One conversation with its circumstances.

    request: for an answer, the request it belongs to. destination: host and port (`api.openai.com:443`).
    endpoint: path of the request without its query; it may hold a secret, so it is hashed and never told.
    route: id of the route. exchange: id of the exchange. now: seconds since the epoch.
    """

    conversation: Conversation
    caller: Caller = Caller()
    destination: str = ""
    route: str = ""
    exchange: str = ""
    request: Conversation | None = None
    now: float = 0.0
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace characters `start` to `end` of the string at `path` (of block `block`, in streams) by `replacement`."""

    path: str
    start: int
    end: int
    replacement: str
    block: str = ""


@dataclass(frozen=True, slots=True)
class Removal:
    """Take the array element at `path` out of the body (a tool out of `tools/list`)."""

    path: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """Put nothing in the place of the value at `path`: `[]` for an array, `null` for anything else."""

    path: str


type Edit = TextEdit | Removal | Erasure


@dataclass(frozen=True, slots=True)
class Signal:
    """One fact. rule: id in the rule catalogue. action: what is asked for; None: what the rule asks for.

    detail: small scalars: `patterns` (ids, comma-separated, at most 8), `score`, `provenance`, `tool`, `kind`, counts.
    edits: what makes the body acceptable when the decision is `redact`.
    """

    rule: str
    action: Action | None = None
    path: str = ""
    severity: Severity | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()


class Inspector(Protocol):
    """A check on conversations. id: its rule family."""

    id: str

    def inspect(self, inspection: Inspection) -> Iterable[Signal | Edit]:
        """Everything found. A bare edit (undoing a reversible redaction) is applied without a finding."""
        ...


class CallInspector(Protocol):
    """An inspector that can judge one call before the answer is complete. Pure, fast, without state."""

    def judge_call(self, call: ToolCall, inspection: Inspection) -> Iterable[Signal]: ...


class StreamScanner(Protocol):
    """Looks at the text of a streamed answer as it grows, and says how much of it is decided.

    `feed` takes more text of a block and returns how many characters of that block, counted from its start, are
    decided: no later text can make them part of a finding. Small (the undecided tail), so that tokens flow. `end` says
    that the block is complete: all of it is then decided. Signals found are given once; edits count from the start
    of the block and lie wholly in what was undecided before.
    """

    def feed(self, block: str, text: str) -> tuple[int, Sequence[Signal | TextEdit]]: ...

    def end(self, block: str) -> Sequence[Signal | TextEdit]: ...


@dataclass(frozen=True, slots=True)
class Workshop:
    """What inspectors are compiled with. state: shared between the workers of this machine.

    folder: the data folder, where rejected rows are kept; None where nothing is kept. halted_tools: names of the tools
    that nobody may call now.
    """

    state: StateStore
    secret: bytes  # 32 bytes, stable for this data folder: salts hashes of prompts, tools, payloads
    late: bool = False  # large inspectors are made when the first conversation comes
    folder: Path | None = None
    halted_tools: Callable[[], frozenset[str]] = frozenset
    sql: SqlSafety | None = None  # how statements in tool calls are judged; None: not at all
