"""What is sent, what is kept, and what scores become."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import httpx
import pytest

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.detectors.cache import is_kept
from clyra_proxy.genai.detectors.judging import judge
from clyra_proxy.genai.detectors.question import Answer, Item, Place, Span
from clyra_proxy.genai.inspection import TextEdit
from clyra_proxy.genai.model import Direction, Media, Provenance
from clyra_proxy.policy.genai.detectors import Detector
from clyra_proxy.services.cache import AnswerCache
from tests.support.certificates import Authority
from tests.support.detecting import VENDORS, detectors, facts, inspection, service
from tests.support.detector_server import SIGN, DetectorServer


def calls(server: DetectorServer) -> int:
    return int(httpx.get(f"{server.url}/calls", trust_env=False).json()["calls"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("nothing", []), ("a hint", [("detector.flagged", "mark")]), (f"the {SIGN}", [("detector.flagged", "block")])],
)
async def test_thresholds_decide(text: str, expected: list[tuple[str, str]], server: DetectorServer) -> None:
    async with detectors(service(f"{server.url}/v1/detect")) as asked:
        signals = await asked.ask(inspection(text))
    assert facts(signals) == expected
    for signal in signals:
        assert signal.path == "/messages/0/content"
        assert text not in str(signal)


async def test_only_named_provenances_and_directions_are_asked_about(server: DetectorServer) -> None:
    picky = service(f"{server.url}/", provenances=["tool_result"], directions=["response"])
    async with detectors(picky) as asked:
        before = calls(server)
        assert await asked.ask(inspection(SIGN, direction=Direction.RESPONSE)) == []
        assert await asked.ask(inspection((SIGN, Provenance.TOOL_RESULT))) == []
        assert calls(server) == before, "nothing was sent"
        found = await asked.ask(inspection((SIGN, Provenance.TOOL_RESULT), direction=Direction.RESPONSE))
        assert facts(found) == [("detector.flagged", "block")]


@pytest.mark.parametrize(
    ("pattern", "route", "asked_about"),
    [("llm/*", "llm/chat", True), ("llm", "llm/chat", False), ("*", "anything", True), ("a*c", "abd", False)],
)
async def test_routes(pattern: str, route: str, asked_about: bool, server: DetectorServer) -> None:
    async with detectors(service(f"{server.url}/", routes=[pattern])) as asked:
        assert bool(await asked.ask(inspection(SIGN, route=route))) is asked_about


async def test_an_answer_holds_for_the_same_content_only(server: DetectorServer) -> None:
    async with detectors(service(f"{server.url}/")) as asked:
        before = calls(server)
        for _ in range(3):
            assert facts(await asked.ask(inspection(SIGN))) == [("detector.flagged", "block")]
        assert calls(server) == before + 1
        await asked.ask(inspection((SIGN, Provenance.TOOL_RESULT)))
        assert calls(server) == before + 2, "another provenance is another question"


async def test_failures_are_not_kept(server: DetectorServer) -> None:
    before = calls(server)
    async with detectors(service(f"{server.url}/?fault=garbage")) as asked:
        for _ in range(3):
            assert facts(await asked.ask(inspection("harmless"))) == [("detector.unavailable", "block")]
    assert calls(server) == before + 3


@pytest.mark.parametrize("path", sorted(VENDORS))
async def test_vendor_shapes(path: str, server: DetectorServer) -> None:
    async with detectors(service(f"{server.url}/{path}", **VENDORS[path])) as asked:
        assert await asked.ask(inspection("harmless", ("harmless too", Provenance.TOOL_RESULT))) == []
        signals = await asked.ask(inspection("harmless", (f"x {SIGN} y", Provenance.TOOL_RESULT)))
    expected = "redact" if path == "presidio" else "block"
    assert facts(signals) == [("detector.flagged", expected)]
    assert signals[0].path == "/messages/1/content"


async def test_long_texts_go_to_azure_in_overlapping_pieces(server: DetectorServer) -> None:
    azure = service(f"{server.url}/azure", **VENDORS["azure"])
    async with detectors(azure) as asked:
        for place in (0, 9_995, 10_000, 18_980, 40_000):
            text = "a" * place + SIGN + "b" * (50_000 - place)
            for provenance in (Provenance.USER, Provenance.DOCUMENT):
                assert facts(await asked.ask(inspection((text, provenance)))) == [("detector.flagged", "block")], place


async def test_redaction_names_the_places(server: DetectorServer) -> None:
    redacting = service(f"{server.url}/", kind="pii", labels={"suspicious": {"redact": 0.5}})
    async with detectors(redacting) as asked:
        found = await asked.ask(inspection(f"😀 {SIGN}", "other", f"😀 {SIGN}"))
    assert facts(found) == [("detector.flagged", "redact")]
    assert [edit.path for edit in found[0].edits if isinstance(edit, TextEdit)] == [
        "/messages/0/content",
        "/messages/2/content",
    ]
    assert all(isinstance(edit, TextEdit) and (edit.start, edit.end) == (2, 11) for edit in found[0].edits)


async def test_what_cannot_be_redacted_is_blocked(server: DetectorServer) -> None:
    spanless = service(f"{server.url}/openai", **{**VENDORS["openai"], "labels": {"violence": {"redact": 0.5}}})
    async with detectors(spanless) as asked:
        assert facts(await asked.ask(inspection(SIGN))) == [("detector.flagged", "block")]


def fake(content: bytes, **changes: str) -> Media:
    return Media("image", Provenance.USER, base64=base64.b64encode(content).decode(), **changes)


DEEPFAKE = {"kind": "deepfake", "labels": {"synthetic": {"block": 0.9}}}


async def test_deepfake_by_hash(server: DetectorServer) -> None:
    async with detectors(service(f"{server.url}/", **DEEPFAKE)) as asked:
        assert facts(await asked.ask(inspection("text", media=[fake(b"a synthetic face")]))) == [
            ("detector.flagged", "block")
        ]
        unknown = await asked.ask(inspection("text", media=[fake(b"a holiday")]))
        assert facts(unknown) == [("detector.unavailable", "mark")]
        assert unknown[0].detail["cause"] == "unknown"
        assert await asked.ask(inspection(SIGN)) == [], "no media, no question"


async def test_bytes_of_media_leave_only_when_policy_says_so(server: DetectorServer) -> None:
    async with detectors(service(f"{server.url}/", **DEEPFAKE, send_media="bytes")) as asked:
        assert await asked.ask(inspection("text", media=[fake(b"a holiday")])) == [], "it saw the bytes"
    broken = Media("image", Provenance.USER, base64="*no base64*")
    async with detectors(service(f"{server.url}/", **DEEPFAKE)) as asked:
        assert facts(await asked.ask(inspection("text", media=[broken]))) == [("detector.unavailable", "block")]


async def test_more_than_may_be_sent_is_a_failure_and_not_cut(server: DetectorServer) -> None:
    before = calls(server)
    async with detectors(service(f"{server.url}/", max_send_bytes=2048)) as asked:
        signals = await asked.ask(inspection("x" * 3000))
        assert [signal.detail["cause"] for signal in signals] == ["too_large"]
        assert calls(server) == before


async def test_lone_surrogates_travel(server: DetectorServer) -> None:
    async with detectors(service(f"{server.url}/")) as asked:
        assert facts(await asked.ask(inspection(f"\ud800 {SIGN}"))) == [("detector.flagged", "block")]


async def test_a_judges_safe_takes_nothing_away(server: DetectorServer) -> None:
    judge = service(f"{server.url}/judge", **VENDORS["judge"], name="judge")
    async with detectors(service(f"{server.url}/?fault=status_500"), judge) as asked:
        assert facts(await asked.ask(inspection("harmless"))) == [("detector.unavailable", "block")]


async def test_mutual_tls_and_a_secret_that_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path / "ca")
    leaf, ours = authority.leaf(), authority.leaf("clyra.test", client=True)
    token = tmp_path / "token"
    token.write_text("old\n")
    options = ["--tls", leaf.certificate, leaf.key, "--client-ca", authority.certificate, "--token", "new"]
    with DetectorServer(tmp_path / "server.log", *options, scheme="https") as secure:
        tls = {"ca": str(authority.certificate), "certificate": str(ours.certificate), "key": str(ours.key)}
        full = service(f"{secure.url}/", tls=tls, credential={"file": "token"}, cache_seconds=0)
        async with detectors(full, base_dir=tmp_path) as asked:
            assert [s.detail["cause"] for s in await asked.ask(inspection("harmless"))] == ["unauthorised"]
            token.write_text("new\n")
            assert await asked.ask(inspection("harmless")) == []
        monkeypatch.setenv("DETECTOR_TOKEN", "new")
        for wrong, cause in (({"ca": tls["ca"]}, {"connection", "tls"}), ({}, {"tls"})):
            bad = service(f"{secure.url}/", tls=wrong, credential={"env": "DETECTOR_TOKEN"})
            async with detectors(bad, base_dir=tmp_path) as asked:
                assert {s.detail["cause"] for s in await asked.ask(inspection("harmless"))} <= cause


@pytest.mark.parametrize(
    "changes",
    [
        {"credential": {"env": "CLYRA_NO_SUCH_VARIABLE"}},
        {"credential": {"file": "nothing-here"}},
        {"url": "https://127.0.0.1:1/", "tls": {"ca": "nothing-here"}},
    ],
)
def test_what_cannot_be_had_is_said_at_load(changes: dict[str, object], tmp_path: Path) -> None:
    async def build() -> None:
        async with detectors(service(**{"url": "http://127.0.0.1:1/", **changes}), base_dir=tmp_path):
            pass

    with pytest.raises(PolicyError, match="one"):
        asyncio.run(build())


@pytest.mark.parametrize(
    ("services", "word"),
    [
        ([service("http://detector.example/")], "unencrypted"),
        ([service("http://127.0.0.1/", on_failure="next")], "follows"),
        ([service("http://127.0.0.1/"), service("http://127.0.0.1/")], "same name"),
        (
            [
                service("http://127.0.0.1/", on_failure="next"),
                service("http://127.0.0.1/", name="judge", **VENDORS["judge"]),
            ],
            "only tighten",
        ),
        ([service("http://127.0.0.1/", labels={"a": {"mark": 0.9, "block": 0.5}})], "at least as high"),
        ([service("http://127.0.0.1/", labels={"a": {}})], "at least one"),
        ([service("http://127.0.0.1/", kind="deepfake", adapter="presidio")], "text alone"),
        ([service("http://127.0.0.1/", credential={"header": "X"})], "exactly one"),
        ([service("http://127.0.0.1/", **{**VENDORS["azure"], "labels": {"jailbreak": {"block": 0.5}}})], "alone"),
    ],
)
async def test_policies_that_would_surprise_are_refused(services: list[dict[str, object]], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        async with detectors(*services):
            pass


def test_a_detector_cannot_fill_memory_or_flood_edits() -> None:
    flood = tuple(Span(number, number + 1, "x") for number in range(1000))
    assert not is_kept(Answer({"x": 1.0}, flood))
    cache: AnswerCache[Answer] = AnswerCache(60, 10)
    for number in range(50):
        cache.put(bytes([number]), Answer({"x": 1.0}), 0.0)
    assert len(cache) == 10
    assert cache.get(bytes([49]), 59.9) is not None
    assert cache.get(bytes([49]), 60.0) is None
    places = tuple(Place(f"/messages/{number}") for number in range(1000))
    item = Item("t0", Provenance.USER, places, text="y" * 1000)
    settings = Detector.model_validate_json(
        '{"name":"n","kind":"pii","url":"http://127.0.0.1/","labels":{"x":{"redact":0.5}}}'
    )
    (signal,) = judge(settings, (item,), {"t0": Answer({"x": 1.0}, flood)})
    assert signal.action is not None
    assert (signal.action.word, signal.edits) == ("block", ())
    nothing: AnswerCache[Answer] = AnswerCache(0, 10)
    nothing.put(b"k", Answer({"x": 1.0}), 0.0)
    assert nothing.get(b"k", 0.0) is None
