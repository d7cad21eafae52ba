"""The daily review: every number against the records it was counted from, and hostile names harmless everywhere."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pypdf
import pytest

from recorder.export.entry import entries
from recorder.layout import Layout
from recorder.reading import open_bundle, open_log
from recorder.report import html, pdf, text
from recorder.report.gathering import OTHERS, gather
from recorder.report.layout import make_page
from recorder.report.page import Page
from recorder.report.review import Review
from tests.recorder.attest.test_computations import PAST, bypass, contradiction, deny, grant, halt, request
from tests.support.evidence_log import OTHER_POLICY, EvidenceLog, denied, exchange, shadowed

HOSTILE = "<script>alert(1)</script>|`x`\x1b[31m 代理"
AT = "2026-11-22T12:00:00Z"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    log = EvidenceLog(tmp_path_factory.mktemp("home"))
    log.write([exchange("a", phase="intent"), exchange("a", phase="outcome"), exchange("g", act={"method": "GET"})])
    log.write([denied("b"), denied("c"), denied("d", rule="egress.destination", reason="destination_unknown")])
    log.write([shadowed("e"), exchange("f", data={"result": "failed"})])
    log.write(
        [exchange("h", agent={"uid": HOSTILE, "auth": "none"}), exchange("i", verdict={"policy_sha256": OTHER_POLICY})]
    )
    log.write([request("p"), grant("p"), request("q"), deny("q"), request("r", deadline=PAST)])
    log.write([halt("halt"), bypass("begin", until=PAST), contradiction("open")])
    llm = {
        "provider": "openai",
        "operation": "chat",
        "model": "m-1",
        "usage": {"source": "reported", "input": 7, "output": 3},
    }
    rows = {
        "profile": "crm",
        "destination": "crm",
        "object": "contacts",
        "operation": "upsert",
        "offered": 50,
        "forwarded": 48,
    }
    log.write([exchange("l", typ="pef.llm_call", data={"llm": llm})])
    log.write([exchange("t", typ="pef.tool_call", data={"tool": {"protocol": "mcp", "name": "crm.update"}})])
    log.write([exchange("s", typ="pef.rows", data={"rows": {**rows, "rejected": 2}})], lost=4)
    log.seal()
    return log.layout


def _review(layout: Layout, day: str = "") -> Review:
    evidence = open_log(layout)
    return gather(Review(day), entries(evidence.items()), evidence.provenance)


@pytest.fixture
def page(layout: Layout) -> Page:
    return make_page(_review(layout), AT, genai=True, data_changes=True)


def test_every_exchange_that_ended_is_counted_once(layout: Layout) -> None:
    review = _review(layout)
    ended = [entry for entry in entries(open_log(layout).items()) if entry.ends]
    assert review.totals["exchanges"] == len(ended) == 12
    assert sum(one.calls for one in review.destinations.values()) == len(ended)
    assert sum(one.calls for one in review.agents.values()) == len(ended)
    assert (review.totals["completed"], review.totals["refused"], review.totals["failed"]) == (8, 3, 1)
    assert review.totals["writes"] == 10
    assert review.refusals == {
        ("schema_violation", "schema.violation"): 2,
        ("destination_unknown", "egress.destination"): 1,
    }
    assert review.shadow == {"egress.destination": 1}
    assert review.lost == 4
    assert review.approvals == {"requested": 3, "granted": 1, "denied": 1}
    assert {use.decisions for use in review.policies.values()} == {11, 1}


def test_another_day_has_nothing_but_what_is_still_open(layout: Layout) -> None:
    review = _review(layout, "2001-01-01")
    assert (review.records, review.totals["exchanges"]) == (0, 0)
    assert review.open_halts
    assert review.open_bypasses
    assert set(review.open_requests) == {"r"}


def test_what_needs_a_look_is_listed_the_gravest_first(page: Page) -> None:
    tones = [item.tone for item in page.items]
    assert tones == sorted(tones, key=lambda tone: tone != "bad")
    told = " ".join(item.text for item in page.items)
    for words in (
        "4 events never reached the log", "bypass b1 is open", "contradiction c1 is open", "halt h1 (global)",
        "1 approval request still open, 1 beyond", "shadow mode would have refused", "without anybody knowing",
        "2 policies decided", "no sys.anchor record",
    ):  # fmt: skip
        assert words in told


def test_models_tools_and_data_are_shown_only_when_asked_for(layout: Layout) -> None:
    plain = {table.title for table in make_page(_review(layout), AT).tables}
    asked = {table.title for table in make_page(_review(layout), AT, genai=True, data_changes=True).tables}
    assert asked - plain == {"Calls of models", "Calls of tools", "Changes of data"}


def test_a_bundle_says_what_verifying_it_said(layout: Layout) -> None:
    path = next(layout.bundles.iterdir())
    bundle = open_bundle(path, layout.trust.read_bytes())
    review = gather(Review(""), entries(bundle.items()), bundle.provenance)
    page = make_page(review, AT)
    assert any("Nothing outside confirms the last" in item.text for item in page.items)
    (row,) = next(table for table in page.tables if table.title.startswith("Evidence")).rows
    assert row[2:4] == ("prefix", "P_TAIL_UNANCHORED")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_has_no_script_and_asks_nobody(page: Page) -> None:
    parser = _Tags()
    parser.feed(html.render(page))
    assert "script" not in parser.names
    assert not {name for name, _ in parser.attributes} & {"src", "href", "onclick", "onload"}
    assert "http" not in html.render(page).replace("http-equiv", "")
    assert any("<script>alert(1)</script>" in part for part in parser.texts)  # shown, not run
    assert parser.names.count("table") == len([table for table in page.tables if table.rows])


def _cells(page: Page) -> list[str]:
    return [cell for table in page.tables for row in table.rows for cell in row]


def test_no_format_lets_a_name_steer_it(page: Page) -> None:
    assert any(HOSTILE.startswith(cell[:10]) for cell in _cells(page))
    for written in (text.terminal(page), text.markdown(page), html.render(page)):
        assert "\x1b" not in written
    assert "<script>" not in text.markdown(page)
    rows = [line for line in text.markdown(page).splitlines() if "alert" in line]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows)


def test_pdf_holds_every_table(page: Page) -> None:
    read = pypdf.PdfReader(io.BytesIO(pdf.render(page, AT)))
    words = " ".join(one.extract_text() for one in read.pages)
    for table in page.tables:
        assert table.title in words
    assert "U+4EE3" in words
    assert read.metadata is not None
    assert read.metadata.title == page.title


def test_the_same_page_gives_the_same_pdf(page: Page) -> None:
    assert pdf.render(page, AT) == pdf.render(page, AT)


def test_names_without_end_cannot_fill_the_page_or_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from recorder.report import gathering as module

    monkeypatch.setattr(module, "MAX_NAMES", 5)
    log = EvidenceLog(tmp_path / "home").write([exchange(f"x{n}", agent={"uid": f"agent-{n}"}) for n in range(40)])
    review = _review(log.close())
    assert len(review.agents) == 6
    assert review.agents[OTHERS].calls == 35
    rows: list[Any] = [table.rows for table in make_page(review, AT).tables if table.title == "Agents"]
    assert len(rows[0]) <= 10


def test_a_promotion_is_told_and_reviews_do_not_crowd_the_list(tmp_path: Path) -> None:
    log = EvidenceLog(tmp_path)
    said = {"line_sha256": "a" * 64, "actor": "ada", "channel": "cli"}
    hashes = {"before_sha256": "b" * 64, "after_sha256": "c" * 64}
    log.write([{"typ": "pef.promotion", "data": {**said, "change": "review", "verdict": "v-1", "right": True}}])
    promoted = {"change": "promote", "what": "rules", "rules": ["leak.secret"], "forced": True, "reason": "an attack"}
    log.write([{"typ": "pef.promotion", "data": {**said, **hashes, **promoted}}])
    log.seal()
    told = [event.text for event in _review(log.layout).events if event.kind == "promotion"]
    assert told == ["leak.secret into force, FORCED: an attack (ada)"]
