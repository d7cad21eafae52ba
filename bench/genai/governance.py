"""What governance costs: one operation of the shared state, and each inspector by size of text.

    python -m bench.genai.governance            tables
    python -m bench.genai.governance --json     for programs

State operations are timed one by one on a file with thousands of entries, by the clock (waiting for the disk counts);
inspectors as the best of several runs in processor time of the thread, request and answer together, policy as shipped.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from clyra_proxy.genai.budgets.inspector import compile_inspector as compile_budgets
from clyra_proxy.genai.inspection import Caller, Inspection, Inspector, Workshop
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall, ToolDefinition
from clyra_proxy.genai.output.inspector import compile_inspector as compile_output
from clyra_proxy.genai.tools.inspector import compile_inspector as compile_tools
from clyra_proxy.policy.genai.section import GenAiSecurity
from clyra_proxy.state.sqlite import SqliteState

STATE_BUDGET_US = 60.0
_OPERATIONS = 3000
_RUNS = 15
_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_TEXTS = {
    "prose": "The quick brown fox jumps over it. ",
    "digits": "1 2 33 ",
    "cjk": "日本語の文章。",
    "zero-width": "a\u200b",
}
_SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}


def state_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Microseconds of each operation."""
    state, now = SqliteState(folder / "state.sqlite"), time.time()
    operations: dict[str, Callable[[int], object]] = {
        "add": lambda n: state.add(f"k{n % 300}", 1, 60, now + n / 100),
        "add_within": lambda n: state.add_within(f"k{n % 300}", 1, 1 << 40, 60, now + n / 100),
        "total": lambda n: state.total(f"k{n % 300}", 60, now),
        "put": lambda n: state.put(f"k{n}", "v" * 100, now, 600),
        "get": lambda n: state.get(f"k{n}", now),
        "put_new": lambda n: state.put_new(f"k{n}", "v", now, 600),
        "acquire": lambda n: state.acquire(f"k{n % 100}", f"h{n}", 50, 600, now),
        "release": lambda n: state.release(f"k{n % 100}", f"h{n}"),
    }
    for name, operation in operations.items():
        spent = sorted(_microseconds(operation, number) for number in range(_OPERATIONS))
        middle, late = spent[len(spent) // 2], spent[int(len(spent) * 0.95)]
        yield {"name": f"state {name}", "p50_us": middle, "p95_us": late, "most_us": spent[-1]}
    state.close()


def inspector_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Milliseconds of each inspector, by kind and size of text, and for a request with fifty tools."""
    settings, workshop = GenAiSecurity(), Workshop(SqliteState(folder / "inspectors.sqlite"), b"s" * 32)
    inspectors: dict[str, Inspector | None] = {
        "tools": compile_tools(settings.tools, folder, workshop),
        "budgets": compile_budgets(settings.budgets, folder, workshop),
        "output": compile_output(settings.output, folder, workshop),
    }
    cases = {
        (kind, size): _texts(text * (size // len(text.encode()))) for kind, text in _TEXTS.items() for size in _SIZES
    }
    cases["50 tools", 0] = _tools(50)
    for (kind, size), exchange in cases.items():
        for name, inspector in inspectors.items():
            assert inspector is not None
            yield {"name": name, "text": kind, "bytes": size, "best_ms": _best_ms(inspector, exchange)}


def _texts(text: str) -> tuple[Conversation, Conversation]:
    segments = (Segment("You are kind.", Provenance.SYSTEM), Segment(text, Provenance.USER))
    said = (Segment(text, Provenance.ASSISTANT),)
    return _request(segments=segments), _answer(segments=said)


def _tools(count: int) -> tuple[Conversation, Conversation]:
    names = [f"read_file_{number}" for number in range(count)]
    declared = [{"name": name, "description": "Reads a file and returns it.", "parameters": _SCHEMA} for name in names]
    tools = tuple(ToolDefinition(one["name"], one["description"], _SCHEMA, declared=one) for one in declared)  # type: ignore[arg-type]
    return _request(tools=tools), _answer(calls=tuple(ToolCall(name, {"path": "a"}) for name in names[:5]))


def _request(**parts: Any) -> Conversation:
    return Conversation("openai-chat", Direction.REQUEST, "chat", "gpt-4o", **parts)


def _answer(**parts: Any) -> Conversation:
    return Conversation("openai-chat", Direction.RESPONSE, "chat", "gpt-4o", **parts)


def _best_ms(inspector: Inspector, exchange: tuple[Conversation, Conversation]) -> float:
    best = float("inf")
    for run in range(_RUNS):
        who = Caller("bot", session=f"s{run}", auth="proxy")
        asked = Inspection(exchange[0], who, "api:443", "llm", f"x{run}", None, time.time())
        answered = Inspection(exchange[1], who, "api:443", "llm", f"x{run}", exchange[0], asked.now)
        begun = time.thread_time()
        for inspection in (asked, answered):
            list(inspector.inspect(inspection))
        best = min(best, (time.thread_time() - begun) * 1000)
    return best


def _microseconds(operation: Callable[[int], object], number: int) -> float:
    begun = time.perf_counter()
    operation(number)
    return (time.perf_counter() - begun) * 1e6


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 1 when a state operation is over its budget."""
    with tempfile.TemporaryDirectory() as folder:
        states, inspectors = list(state_rows(Path(folder))), list(inspector_rows(Path(folder)))
    if "--json" in arguments:
        print(json.dumps({"state": states, "inspectors": inspectors}, indent=2))
    else:
        for row in states:
            print(
                f"{row['name']:<18} p50 {row['p50_us']:7.1f}  p95 {row['p95_us']:7.1f}  most {row['most_us']:8.0f} us"
            )
        for row in inspectors:
            print(f"{row['name']:<8} {row['text']:<10} {row['bytes']:>9} bytes  {row['best_ms']:8.3f} ms")
    return 0 if all(row["p50_us"] <= STATE_BUDGET_US for row in states) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
