"""The evidence viewer in a real browser: what it says must be what the verifier says, and it must be usable."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from recorder.verify.bundle import verify
from recorder.verify.options import Options
from recorder.view import page as view_page
from recorder.view.carried import read_bundle
from recorder.view.page import ViewError, make_page
from tests.support.browser import Page, browser
from tests.support.evidence_world import World, make_world

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "recorder/view/assets/viewer.js"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


def _show(screen: Page, folder: Path, bundle: bytes, trust: bytes | None) -> str:
    """Open the page of a bundle; the verdict that it came to."""
    path = folder / "evidence.html"
    path.write_bytes(make_page(bundle, "evidence.zip", trust))
    screen.requests.clear()
    screen.errors.clear()
    screen.open(path.as_uri())
    verdict: str = screen.wait_for("document.body.dataset.verdict")
    return verdict


@pytest.fixture(scope="module")
def whole(world: World, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Everything the format knows, in one bundle."""
    folder = tmp_path_factory.mktemp("bundle") / "evidence"
    world.forge.write(folder)
    return read_bundle(folder)


def _text(screen: Page, selector: str) -> str:
    found: str = screen.evaluate(f"document.querySelector({selector!r}).textContent")
    return found


def test_it_says_what_the_verifier_says(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    trust = world.forge.trust_file()
    (tmp_path / "evidence.zip").write_bytes(whole)
    report = verify(tmp_path / "evidence.zip", Options(trust=trust))
    assert _show(screen, tmp_path, whole, trust) == report.verdict
    assert not screen.errors
    summary = _text(screen, "#summary")
    assert all(code in summary for code in report.found)
    assert world.forge.origin in summary
    assert str(world.size) in _text(screen, "#list .count")
    assert screen.evaluate("document.querySelectorAll('#approvals article').length") == len(world.approvals)
    assert "webauthn" in _text(screen, "#approvals")
    assert "truth" in _text(screen, "#not-asserted")


def test_it_asks_nothing_of_any_network(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    _show(screen, tmp_path, whole, world.forge.trust_file())
    assert screen.requests == [(tmp_path / "evidence.html").as_uri()]
    refused = screen.evaluate("fetch('http://127.0.0.1:9/').then(() => 'answered', () => 'refused')")
    assert refused == "refused"
    assert any("Content Security Policy" in error for error in screen.errors)


def test_a_changed_record_is_rejected_and_pointed_at(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    folder = world.forge.write(tmp_path / "bundle")
    records = (folder / "records.jsonl").read_bytes()
    (folder / "records.jsonl").write_bytes(records.replace(b'"method":"POST"', b'"method":"PUT"', 1))
    assert _show(screen, tmp_path, read_bundle(folder), world.forge.trust_file()) == "rejected"
    assert "E_ROOT" in _text(screen, "#summary")
    screen.evaluate("document.querySelector('#summary button.link').click()")
    assert _text(screen, "#detail h3").startswith("Record ")


def test_a_damaged_file_is_rejected_without_an_error_of_the_page(screen: Page, whole: bytes, tmp_path: Path) -> None:
    assert _show(screen, tmp_path, whole[: len(whole) // 2], None) == "rejected"
    assert not screen.errors
    assert "E_ARCHIVE_FORMAT" in _text(screen, "#summary")


def test_the_reader_may_bring_his_own_trust_file(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    assert _show(screen, tmp_path, whole, None) == "indeterminate"
    (tmp_path / "trust.json").write_bytes(world.forge.trust_file())
    screen.choose_file("#own-trust", tmp_path / "trust.json")
    screen.wait_for("document.body.dataset.verdict === 'prefix'")
    assert "your file trust.json" in _text(screen, "#trust")


def test_the_keyboard_is_enough(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    _show(screen, tmp_path, whole, world.forge.trust_file())
    screen.evaluate("document.querySelector('#list tbody tr[tabindex=\"0\"]').focus()")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        screen.press(key)
    assert _text(screen, "#detail h3").startswith("Record 1:")
    assert screen.evaluate("document.activeElement.closest('#detail') !== null")


def test_filters_and_bars_narrow_the_table(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    _show(screen, tmp_path, whole, world.forge.trust_file())
    everything = _text(screen, "#list .count")
    screen.evaluate("document.querySelector('#filter-decision').value = 'deny'")
    screen.evaluate("document.querySelector('#filter-decision').dispatchEvent(new Event('change'))")
    decisions = screen.evaluate("[...document.querySelectorAll('#list .decision')].map(one => one.textContent)")
    assert decisions
    assert set(decisions) == {"deny"}
    screen.evaluate("document.querySelector('.filters button').click()")
    assert _text(screen, "#list .count") == everything
    screen.evaluate("document.querySelector('.bars button:not(:disabled)').click()")
    assert _text(screen, "#list .count") != everything


def test_a_chain_leads_from_decision_to_outcome(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    _show(screen, tmp_path, whole, world.forge.trust_file())
    screen.evaluate(
        "[...document.querySelectorAll('#list tbody tr')].find(row => row.textContent.includes('intent')).click()"
    )
    steps = screen.evaluate("[...document.querySelectorAll('.chain .step')].map(one => one.textContent)")
    assert steps.index("decision") < steps.index("outcome")
    assert screen.evaluate("document.querySelector('.chain [aria-current] .step').textContent") == "decision"


def test_everything_has_a_name_for_a_screen_reader(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    _show(screen, tmp_path, whole, world.forge.trust_file())
    for role in ("button", "combobox", "searchbox", "table", "navigation", "main", "complementary"):
        names = screen.accessible_names(role)
        assert names, role
        assert all(name.strip() for name in names), (role, names)
    levels = screen.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels)), levels


def test_text_of_a_bundle_is_never_markup(screen: Page, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=document.title='owned'></script><script>document.title='owned'</script>@bundle@"
    page = make_page(b"PK", hostile, hostile.encode())
    assert page.count(b"<script") == 3
    path = tmp_path / "evidence.html"
    path.write_bytes(page)
    screen.open(path.as_uri())
    screen.wait_for("document.body.dataset.verdict")
    assert hostile in screen.evaluate("document.title")


def test_the_policy_names_what_the_page_has_and_nothing_else(whole: bytes) -> None:
    page = make_page(whole, "evidence.zip").decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'", policy[1])
    assert not re.search(r"""(src|href)=["'](?!#)""", page.partition("<script")[0])


def test_what_a_browser_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_page, "MAX_BUNDLE", 10)
    with pytest.raises(ViewError, match="too large"):
        make_page(bytes(11), "evidence.zip")


def test_pictures_of_the_page(screen: Page, world: World, whole: bytes, tmp_path: Path) -> None:
    _show(screen, tmp_path, whole, world.forge.trust_file())
    pictures = []
    for scheme in ("light", "dark"):
        screen.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        pictures.append(screen.picture())
    screen.call("Emulation.setEmulatedMedia", features=[])
    for picture in pictures:
        width, height = struct.unpack(">II", picture[16:24])
        assert (picture[:8], width > 1000, height > 1000) == (b"\x89PNG\r\n\x1a\n", True, True)
    assert pictures[0] != pictures[1]


def test_the_committed_script_is_the_one_that_the_sources_give(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (ROOT / "verifiers/ts/node_modules/esbuild").exists():
        pytest.skip("needs node and `npm ci` in verifiers/ts")
    subprocess.run([node, str(ROOT / "verifiers/viewer/build.mjs"), str(tmp_path)], check=True)
    assert (tmp_path / "viewer.js").read_bytes() == SCRIPT.read_bytes(), "run `node verifiers/viewer/build.mjs`"
