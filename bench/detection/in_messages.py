"""Attack texts in real protocol messages: is each found there as it is alone? `python -m bench.detection.in_messages`

Rule: what is flagged as text alone must be flagged in every place that a model reads it from: tool results in the
formats of providers, JSON in strings, pages, mails, long documents. Counts what is lost by place, and what long benign
documents wrongly add. Judged as shipped; no text is printed.
"""

from __future__ import annotations

import argparse
import html
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.detection.corpus import Row, read_rows
from bench.detection.measuring import Rate
from clyra_proxy.genai.classifier import Classifier
from clyra_proxy.genai.injection.detector import Detector
from clyra_proxy.genai.injection.inspector import InjectionInspector
from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.model import Conversation
from clyra_proxy.genai.protocols.recognise import READINGS

type Place = Callable[[str, str], str]
"""Makes a document of a text. Second: benign text around it."""
type Message = Callable[[str], Conversation]

SEED = 20251
_LONGEST = 4000


def _chat(content: str) -> Conversation:
    call = {"id": "c1", "type": "function", "function": {"name": "fetch", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Please have a look."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": content},
    ]
    return _request("openai-chat", {"model": "m", "messages": messages})


def _anthropic(content: str) -> Conversation:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": content}]}
    messages = [
        {"role": "user", "content": "Please have a look."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "fetch", "input": {}}]},
        {"role": "user", "content": [result]},
    ]
    return _request("anthropic-messages", {"model": "m", "max_tokens": 9, "messages": messages})


def _gemini(content: str) -> Conversation:
    contents = [
        {"role": "user", "parts": [{"text": "Please have a look."}]},
        {"role": "model", "parts": [{"functionCall": {"name": "fetch", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "fetch", "response": {"output": content}}}]},
    ]
    return _request("gemini", {"contents": contents})


def _mcp(content: str) -> Conversation:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "fetch", "arguments": {}}}
    asked = _request("mcp", call)
    result = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": content}]}}
    return READINGS["mcp"].response(200, "application/json", json.dumps(result).encode(), asked)


def _user(content: str) -> Conversation:
    return _request("openai-chat", {"model": "m", "messages": [{"role": "user", "content": content}]})


def _request(reading: str, body: Mapping[str, Any]) -> Conversation:
    return READINGS[reading].request(json.dumps(body).encode())


def _json_in_string(text: str, around: str) -> str:
    inner = json.dumps({"title": "Notes", "body": text, "more": around[:200]})
    return json.dumps({"status": "ok", "rows": [{"id": 7, "payload": inner}]})


def _page(inside: str) -> Place:
    head = "<!doctype html><html><head><title>News</title><style>p{margin:0}</style></head><body><h1>News</h1>"
    return lambda text, around: (
        f"{head}<p>{html.escape(around[:600])}</p>{inside.format(html.escape(text))}"
        f"<p>{html.escape(around[600:1200])}</p></body></html>"
    )


def _mail(text: str, around: str) -> str:
    head = "From: Ana <ana@example.org>\nTo: team@example.org\nDate: Tue, 4 Mar 2025 10:00:00 +0100\nSubject: Notes\n\n"
    return f"{head}Hello,\n\n{around[:400]}\n\n{text}\n\nKind regards\nAna\n"


def _markdown(text: str, around: str) -> str:
    return f"# Notes\n\n{around[:500]}\n\n## Details\n\n- first point\n- {text}\n\n> {around[500:800]}\n"


def _long(size: int) -> Place:
    def made(text: str, around: str) -> str:
        filler = (around + "\n\n") * (1 + size // max(1, len(around)))
        return f"{filler[: size // 2]}\n\n{text}\n\n{filler[size // 2 : size]}"

    return made


PLACES: Mapping[str, tuple[Message, Place]] = {
    "OpenAI, user": (_user, lambda text, _: text),
    "OpenAI, tool result": (_chat, lambda text, _: text),
    "Anthropic, tool_result block": (_anthropic, lambda text, _: text),
    "Gemini, functionResponse": (_gemini, lambda text, _: text),
    "MCP, tools/call result": (_mcp, lambda text, _: text),
    "JSON in a string": (_chat, _json_in_string),
    "page, paragraph": (_mcp, _page("<div><p>{0}</p></div>")),
    "page, comment": (_mcp, _page("<!-- {0} -->")),
    "page, alt text": (_mcp, _page('<img src="a.png" alt="{0}">')),
    "page, hidden": (_mcp, _page('<span style="display:none">{0}</span>')),
    "page, meta": (_mcp, _page('<meta name="description" content="{0}">')),
    "mail": (_anthropic, _mail),
    "markdown": (_gemini, _markdown),
    "document of 10 KB, in the middle": (_mcp, _long(10_000)),
    "document of 100 KB, in the middle": (_chat, _long(100_000)),
}


def is_flagged(inspector: InjectionInspector, conversation: Conversation) -> bool:
    """Whether anything in a conversation is flagged."""
    return any(True for _ in inspector.inspect(Inspection(conversation)))


def fillers(rows: Sequence[Row], rng: random.Random) -> list[str]:
    """Ordinary English text of one source each, some thousand characters."""
    made = []
    ordinary = [row for row in rows if not row.label and row.group == "ordinary" and row.source != "neuralchemy_safe"]
    for source in sorted({row.source for row in ordinary}):
        texts = [row.text for row in ordinary if row.source == source]
        rng.shuffle(texts)
        made += ["\n".join(texts[at : at + 40])[:8000] for at in range(0, min(len(texts), 400), 40)]
    return made


@dataclass(frozen=True)
class InMessages:
    """alone: attacks flagged as text alone. placed: by place, (flagged, those of them that are flagged alone and kept).
    calm: benign documents flagged, by size in bytes."""

    alone: Rate
    placed: Mapping[str, tuple[Rate, Rate]]
    calm: Mapping[int, Rate]


def measure(texts: int = 300, long: int = 40, seed: int = SEED) -> InMessages:
    """Judge attacks of the corpus alone and in every place, and long ordinary documents, with what ships."""
    rows, rng = read_rows(), random.Random(seed)
    detector = Detector.load(classifier=Classifier.load())
    inspector = InjectionInspector(detector)
    around = fillers(rows, rng)
    calm = [text for text in around if not detector.assess(text).flagged]
    attacks = rng.sample([row for row in rows if row.label and len(row.text) < _LONGEST], texts)
    found = [row for row in attacks if detector.assess(row.text).flagged]
    placed = {}
    for name, (message, place) in PLACES.items():
        some = attacks[:long] if "100 KB" in name else attacks
        flagged = {id(row): is_flagged(inspector, message(place(row.text, rng.choice(calm)))) for row in some}
        alone = [row for row in found if id(row) in flagged]
        kept = sum(flagged[id(row)] for row in alone)
        placed[name] = Rate(sum(flagged.values()), len(flagged)), Rate(kept, len(alone))
    wrong = {
        size: Rate(sum(is_flagged(inspector, _chat(_long(size)("", text))) for text in around), len(around))
        for size in (1_000, 10_000, 100_000)
    }
    return InMessages(Rate(len(found), len(attacks)), placed, wrong)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.in_messages", description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--long", type=int, default=100, help="texts of them in documents of 100 KB")
    options = parser.parse_args(arguments)
    measured = measure(options.texts, options.long)
    print(f"alone: {measured.alone}")
    for name, (flagged, kept) in measured.placed.items():
        print(f"{name:36} {flagged}   kept {kept}")
    for size, wrong in measured.calm.items():
        print(f"benign documents of {size} bytes: {wrong}")


if __name__ == "__main__":
    main()
