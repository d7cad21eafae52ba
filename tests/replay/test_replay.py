"""Exchanges that the real proxy recorded, judged again: by the same policy, by another, with bodies and without."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import shutil
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import addons
from clyra_proxy.cli.recorded import find_records
from clyra_proxy.evidence.subjects import KeyFolder
from clyra_proxy.policy.compiler import compile_policy
from clyra_proxy.policy.load import load_with_source
from clyra_proxy.replay import certificate
from clyra_proxy.replay.judging import Replayer
from clyra_proxy.replay.policies import KnownPolicy
from clyra_proxy.replay.running import Totals, replay
from recorder import trust
from recorder.disclosing import add_disclosures, find_subject
from recorder.disclosure import body_line
from recorder.keys import LocalKey, SigningKey
from recorder.layout import Layout
from recorder.reading import open_bundle
from tests.support.asking import connect, tunnelled
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream

ORDER = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}, "additionalProperties": False}
BODIES = (b'{"id":1}', b'{"id":"x"}', b'{"id":1,"id":2}', b"{", b"[1,2]", b"not json", b"", b'{"id":1,"more":2}')
TYPES = ("application/json", "text/plain", "application/x-ndjson", "")
PATHS = (
    "/orders/1",
    "/orders/1?secret=2",
    "/watched/1",
    "/typed/1",
    "/free/1",
    "/free/someone%40mail.test",
    "/answers/1",
)
HOSTS = ("known", "unknown", "closed")
METHODS = ("GET", "POST", "PUT", "DELETE")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def upstream(authority: Authority) -> Iterator[Upstream]:
    with Upstream(authority.leaf()) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "order.json").write_text(json.dumps(ORDER))
    rules = [
        {"name": "orders", "paths": ["/orders/**"], "schema": {"request": "order.json"}},
        {
            "name": "watched",
            "paths": ["/watched/**"],
            "schema": {"request": "order.json"},
            "modes": {"schema": "shadow", "json": "shadow"},
        },
        {"name": "typed", "paths": ["/typed/**"], "schema": {"request": "order.json", "media": ["application/json"]}},
        {"name": "answers", "paths": ["/answers/**"], "schema": {"response": "order.json"}},
        {"name": "queued", "methods": ["DELETE"], "evidence": "queued"},
    ]
    closed = {"hosts": ["127.0.0.3"], "ports": "any", "allow_private": False}
    policy = local_policy(authority, destinations={"local": {"rules": rules}, "closed": closed})
    with RunningProxy.start(folder, policy) as running:
        running.clyra("seal", check=True)  # what the start-up self-test left stays in a bundle of its own
        yield running


def known(file: Path) -> KnownPolicy:
    loaded = load_with_source(file)
    return KnownPolicy.of(compile_policy(loaded.document, loaded.base_dir), loaded.base_dir)


def replayer(policy: Path, *then: Path, assume: bool = False) -> Replayer:
    judging = known(policy)
    by_hash = {one.compiled.sha256: one for one in (judging, *map(known, then))}
    return Replayer(judging, addons.default_checks(), by_hash, assume)


def ask(proxy: RunningProxy, upstream: Upstream, host: str, method: str, path: str, body: bytes, media: str) -> Any:
    """Send one request; the answer, or None when there is none (a closed port)."""
    name = {"known": "127.0.0.1", "unknown": "unlisted.example", "closed": "127.0.0.3"}[host]
    headers = {"content-type": media} if media else {}
    with httpx.Client(proxy=proxy.url, timeout=20, verify=False) as client, contextlib.suppress(httpx.HTTPError):
        url = f"http://{name}:{upstream.port}{path}"
        return client.request(method, url, content=body if method != "GET" else b"", headers=headers)
    return None


def seal(proxy: RunningProxy, exchanges: int, done: set[str]) -> Path:
    """Seal once every exchange of this test has its end in the log."""
    lines = proxy.wait_for_verdicts(len(done) + exchanges)
    names = {line["metadata"]["uid"] for line in lines}
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not all(_ended(proxy, name) for name in names - done):
        time.sleep(0.02)
    done |= names
    return Path(json.loads(proxy.clyra("seal", "--json", check=True).stdout)["path"])


def _ended(proxy: RunningProxy, name: str) -> bool:
    return any(one.line["data"]["phase"] != "intent" for one in find_records(proxy.home, name) or [])


def results(bundle: Path, proxy: RunningProxy, by: Replayer) -> tuple[list[dict[str, Any]], Totals]:
    totals = Totals()
    evidence = open_bundle(bundle, Layout(proxy.home.root).trust.read_bytes())
    return list(replay(evidence, by, totals)), totals


DONE: set[str] = set()
ALLOWED = {"body_not_disclosed", "no_outcome", "target_masked", "refused_then", "exchange_failed"}
REQUEST = st.tuples(*map(st.sampled_from, (HOSTS, METHODS, PATHS, BODIES, TYPES)))


def test_the_policy_that_judged_judges_the_same_again(proxy: RunningProxy, upstream: Upstream) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=4, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
    @given(st.lists(REQUEST, min_size=16, max_size=16))
    def judge_again(requests: list[tuple[str, str, str, bytes, str]]) -> None:
        for request in requests:
            ask(proxy, upstream, *request)
        bundle = seal(proxy, len(requests), DONE)
        for assume in (False, True):
            lines, totals = results(bundle, proxy, replayer(proxy.policy, assume=assume))
            assert [line for line in lines if line["outcome"] == "different"] == []
            assert totals.exchanges >= len(requests)
            assert totals.same + totals.not_replayable == totals.exchanges
            assert set(totals.why) <= ALLOWED
            seen.update(totals.why, same=totals.same)

    judge_again()
    assert seen["same"] >= 40
    assert seen["body_not_disclosed"]


def test_tunnels_and_tls_are_judged_again(proxy: RunningProxy, upstream: Upstream) -> None:
    assert connect(proxy, "unlisted.example:443").status == 403
    assert connect(proxy, "169.254.169.254:443").status == 403
    assert tunnelled(proxy, "localhost", upstream.tls_port, "/free/x").status == 200
    assert (
        tunnelled(proxy, "127.0.0.1", upstream.tls_port, "/free/y", sni="localhost", trust=proxy.trust()).status == 403
    )
    lines, totals = results(seal(proxy, 4, DONE), proxy, replayer(proxy.policy, assume=True))
    assert [line for line in lines if line["outcome"] == "different"] == []
    assert totals.same == totals.exchanges == 4


def _changed(proxy: RunningProxy, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The policy of the proxy with a change, beside a copy of its schema."""
    policy = yaml.safe_load(proxy.policy.read_text())
    change(policy)
    shutil.copy(proxy.policy.parent / "order.json", folder)
    file = folder / "changed.yaml"
    file.write_text(yaml.safe_dump(policy))
    return file


def _bodies(proxy: RunningProxy, bundle: Path, folder: Path, sent: dict[str, dict[str, bytes]]) -> Path:
    """A copy of the bundle in which the bodies of these exchanges are disclosed."""
    records = [json.loads(line) for line in zipfile.ZipFile(bundle).read("records.jsonl").splitlines()]
    keys = KeyFolder(proxy.home.root / "subjects")
    for record in records:
        known_bodies = sent.get(record["data"].get("exchange", ""), {})
        for field, body in known_bodies.items():
            if body and "c" in record.get("io", {}).get(field, {}) and record["data"]["phase"] != "intent":
                subject = find_subject(bundle, record["seq"])
                kept = keys.find(subject.key_id)
                assert kept is not None
                line = body_line(record, field, body, kept.key.salt(subject.exchange, field))
                target = folder / f"{record['seq']}-{field}.zip"
                add_disclosures(bundle, target, record["seq"], [line])
                bundle = target
    return bundle


CASES = [
    ("/orders/a", b'{"id":1}', "application/json", "allow"),
    ("/orders/b", b'{"id":"x"}', "application/json", "deny"),
    ("/orders/c", b'{"id":1,"id":2}', "application/json", "deny"),
    ("/orders/d", b"{", "application/json", "deny"),
    ("/watched/e", b'{"id":"x"}', "application/json", "allow"),
    ("/typed/f", b"hello", "text/plain", "deny"),
    ("/free/g", b'{"id":1,"id":2}', "application/json", "deny"),
    ("/free/h", b"anything", "text/plain", "allow"),
]


@pytest.fixture(scope="module")
def disclosed(proxy: RunningProxy, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle of the cases above: as sealed, and with every body disclosed."""
    sent: dict[str, dict[str, bytes]] = {}
    for path, body, media, _ in CASES:
        answer = ask(proxy, upstream, "known", "POST", path, body, media)
        line = proxy.wait_for_verdicts(1, where=lambda one, path=path: one["http_request"]["url"]["path"] == path)[0]
        sent[line["metadata"]["uid"]] = {"req": body, "res": answer.content}
    bundle = seal(proxy, len(CASES), DONE)
    return bundle, _bodies(proxy, bundle, tmp_path_factory.mktemp("disclosed"), sent)


def test_disclosed_bodies_are_judged_again_to_the_last_byte(proxy: RunningProxy, disclosed: tuple[Path, Path]) -> None:
    closed, opened = disclosed
    _, before = results(closed, proxy, replayer(proxy.policy))
    lines, after = results(opened, proxy, replayer(proxy.policy))
    assert before.why["body_not_disclosed"] >= 6
    assert [line for line in lines if line["outcome"] == "different"] == []
    assert after.same == len(CASES)
    assert after.why["body_not_disclosed"] == after.on_findings == 0


def test_findings_stand_for_bodies_only_when_asked(proxy: RunningProxy, disclosed: tuple[Path, Path]) -> None:
    _, totals = results(disclosed[0], proxy, replayer(proxy.policy, assume=True))
    assert totals.same == len(CASES)
    assert totals.on_findings >= 6


def test_another_policy_gives_the_exact_difference(
    proxy: RunningProxy, disclosed: tuple[Path, Path], tmp_path: Path
) -> None:
    def enforce(policy: dict[str, Any]) -> None:
        del policy["destinations"]["local"]["rules"][1]["modes"]

    other = _changed(proxy, tmp_path, enforce)
    lines, totals = results(disclosed[1], proxy, replayer(other, proxy.policy))
    (found,) = [line for line in lines if line["outcome"] == "different"]
    changed = found["differences"]
    assert changed["decision"] == ["allow", "deny"]
    assert changed["action"] == ["allow", "block"]
    assert "would_action" not in changed
    assert totals.different == 1
    assert totals.same == len(CASES) - 1


def test_a_destination_that_is_taken_off_the_list_is_refused(
    proxy: RunningProxy, disclosed: tuple[Path, Path], tmp_path: Path
) -> None:
    def close(policy: dict[str, Any]) -> None:
        del policy["destinations"]["local"]

    lines, totals = results(disclosed[0], proxy, replayer(_changed(proxy, tmp_path, close), proxy.policy))
    assert totals.different == len(CASES)
    rules = {line["differences"]["rule"][1] for line in lines if line["outcome"] == "different"}
    assert rules == {"egress.destination"}


def test_without_the_policy_of_then_nothing_that_passes_is_called_the_same(
    proxy: RunningProxy, disclosed: tuple[Path, Path], tmp_path: Path
) -> None:
    def rename(policy: dict[str, Any]) -> None:
        policy["enforcement"]["on_error"] = "mark"

    other = _changed(proxy, tmp_path, rename)
    _, unknown = results(disclosed[1], proxy, replayer(other))
    assert unknown.same == unknown.different == 0
    assert unknown.why["recorded_policy_unknown"] == len(CASES)
    _, told = results(disclosed[1], proxy, replayer(other, proxy.policy))
    assert told.same == len(CASES)


def test_replaying_twice_gives_the_same_bytes(proxy: RunningProxy, disclosed: tuple[Path, Path]) -> None:
    for by in (replayer(proxy.policy), replayer(proxy.policy, assume=True)):
        assert results(disclosed[1], proxy, by)[1].document() == results(disclosed[1], proxy, by)[1].document()


# -- certificates --------------------------------------------------------------------------------------------------


def _certificate(proxy: RunningProxy, bundle: Path, folder: Path, *words: str) -> Path:
    file = folder / "replay.dsse.json"
    done = proxy.clyra("replay", str(bundle), "--policy", str(proxy.policy), "--certificate", str(file), *words)
    assert done.returncode in (0, 2), done.stderr
    return file


def _check(proxy: RunningProxy, file: Path, bundle: Path, by: Replayer) -> str:
    """The code with which a certificate fails, "" when it holds."""
    trusted = Layout(proxy.home.root).trust.read_bytes()
    refusal = certificate.check(file.read_bytes(), open_bundle(bundle, trusted), by, trust.load(trusted))
    return refusal.code.value if refusal is not None else ""


def test_a_certificate_holds_and_is_the_same_every_time(
    proxy: RunningProxy, disclosed: tuple[Path, Path], tmp_path: Path
) -> None:
    bundle = disclosed[1]
    file = _certificate(proxy, bundle, tmp_path)
    first = file.read_bytes()
    done = proxy.clyra("replay", str(bundle), "--policy", str(proxy.policy), "--check", str(file))
    assert (done.returncode, "holds" in done.stdout) == (0, True), done.stderr
    assert _certificate(proxy, bundle, tmp_path).read_bytes() == first
    document = json.loads(base64.b64decode(json.loads(first)["payload"]))
    assert document["predicateType"] == "https://clyra.dev/ns/pef/replay/v0"
    assert document["predicate"]["summary"]["same"] == len(CASES)


def test_every_way_a_certificate_can_fail_has_its_code(
    proxy: RunningProxy, disclosed: tuple[Path, Path], tmp_path: Path
) -> None:
    closed, opened = disclosed
    good = _certificate(proxy, opened, tmp_path)
    seal_key = Layout(proxy.home.root).keys.signing_key("seal")

    def resigned(change: Callable[[dict[str, Any]], None], key: SigningKey = seal_key) -> Path:
        document = json.loads(base64.b64decode(json.loads(good.read_bytes())["payload"]))
        change(document)
        file = tmp_path / f"{secrets.token_hex(4)}.dsse.json"
        file.write_bytes(certificate.sign(document, key))
        return file

    def flatter(document: dict[str, Any]) -> None:
        document["predicate"]["summary"]["same"] += 1

    def change_policy(policy: dict[str, Any]) -> None:
        policy["enforcement"]["on_error"] = "mark"

    broken = tmp_path / "broken.dsse.json"
    broken.write_bytes(good.read_bytes()[:-20])
    other_policy = _changed(proxy, tmp_path, change_policy)
    sealed = proxy.clyra("seal", "--json", "--start", "0", "--end", "3", check=True)
    other_bundle = Path(json.loads(sealed.stdout)["path"])
    same, other = replayer(proxy.policy), replayer(other_policy)
    cases = [
        ("R_FORMAT", broken, opened, same),
        ("R_TYPE", resigned(lambda d: d.update(predicateType="https://example.com/x")), opened, same),
        ("R_SIG", resigned(lambda d: None, LocalKey.generate()), opened, same),
        ("R_BUNDLE", good, other_bundle, same),
        ("R_POLICY", good, opened, other),
        ("R_POLICY", good, opened, replayer(proxy.policy, assume=True)),
        ("R_ENGINE", resigned(lambda d: d["predicate"].update(engine="clyra/0.0.0")), opened, same),
        ("R_RESULT", resigned(flatter), opened, same),
        ("R_RESULT", good, closed, same),
        ("", good, opened, same),
    ]
    for code, file, bundle, by in cases:
        assert _check(proxy, file, bundle, by) == code


def test_a_damaged_bundle_is_not_judged_at_all(
    proxy: RunningProxy, disclosed: tuple[Path, Path], tmp_path: Path
) -> None:
    good = _certificate(proxy, disclosed[1], tmp_path)
    damaged = tmp_path / "damaged.zip"
    raw = bytearray(disclosed[1].read_bytes())
    raw[raw.index(b"transport.sha256") + 40] ^= 1
    damaged.write_bytes(raw)
    for words in ((), ("--check", str(good))):
        done = proxy.clyra("replay", str(damaged), "--policy", str(proxy.policy), *words)
        assert (done.returncode, done.stderr.startswith("error: R_EVIDENCE:")) == (1, True), done.stderr


def test_differences_are_printed_and_decide_the_exit_code(
    proxy: RunningProxy, disclosed: tuple[Path, Path], tmp_path: Path
) -> None:
    def enforce(policy: dict[str, Any]) -> None:
        del policy["destinations"]["local"]["rules"][1]["modes"]

    other = _changed(proxy, tmp_path, enforce)
    words = ("replay", str(disclosed[1]), "--recorded-policy", str(proxy.policy))
    told = proxy.clyra(*words, "--policy", str(other))
    assert told.returncode == 1
    assert "decision allow -> deny" in told.stdout
    same = proxy.clyra(*words, "--policy", str(proxy.policy), "--json")
    assert same.returncode == 0, same.stdout
    assert json.loads(same.stdout.splitlines()[-1])["summary"]["different"] == 0
