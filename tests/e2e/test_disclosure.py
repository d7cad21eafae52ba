"""What passed a real proxy can be shown from its bundle, byte for byte, until its subject is erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from recorder.container import open_container
from recorder.disclosure_check import commitment_of, facts_of
from recorder.layout import Layout
from recorder.verify.bundle import verify_bundle
from tests.support.certificates import Authority
from tests.support.posting import WAYS, Pair, send
from tests.support.proxy import RunningProxy, local_policy

REQUEST = json.dumps({"to": "Zoë", "amount": "12.00", "note": "x" * 70_000}).encode()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    """A proxy whose subject keys nobody else needs."""
    with RunningProxy.start(tmp_path_factory.mktemp("own"), local_policy(authority)) as running:
        yield running


def _records(bundle: Path) -> list[dict[str, Any]]:
    container = open_container(bundle)
    try:
        return [orjson.loads(line) for line in b"".join(container.stream("records.jsonl")).splitlines()]
    finally:
        container.close()


def _seal(proxy: RunningProxy) -> Path:
    return Path(json.loads(proxy.clyra("seal", "--json", check=True).stdout)["path"])


def _exchanges(records: list[dict[str, Any]]) -> list[str]:
    """Ids of the exchanges this test made, in order."""
    return [record["data"]["exchange"] for record in records if record.get("act", {}).get("target") == "/show"]


def _committed(records: list[dict[str, Any]], exchange: str, field: str) -> int:
    """The first record of an exchange that commits to a body."""
    for record in records:
        facts = facts_of(record)
        if record["data"].get("exchange") == exchange and commitment_of(facts, field):
            return int(record["seq"])
    raise AssertionError(f"nothing commits to {field}")


def test_what_passed_is_shown_until_it_is_erased(own: RunningProxy, pair: Pair, tmp_path: Path) -> None:
    layout = Layout(own.home.root)
    ways = (WAYS[0], WAYS[-1])
    answers = [send(own, pair.of(way), way, f"/show?way={way}", REQUEST) for way in ways]
    assert [answer.status for answer in answers] == [200, 200]
    own.wait_for_verdicts(2)
    bundle, trusted, value = _seal(own), layout.trust.read_bytes(), tmp_path / "value"
    records = _records(bundle)
    shown = bundle
    for way, answer, exchange in zip(ways, answers, _exchanges(records), strict=True):
        for field, content in (("req", REQUEST), ("res", answer.body), ("target", f"/show?way={way}".encode())):
            value.write_bytes(content)
            out = tmp_path / f"{way}-{field}.zip"
            seq = _committed(records, exchange, field)
            words = [f"--seq={seq}", f"--field={field}", f"--body={value}"]
            told = own.clyra("disclose", str(shown), *words, f"--out={out}")
            assert told.returncode == 0, told.stderr
            shown = out
    report = verify_bundle(shown, trusted).document()
    assert (report["disclosed"], report["verdict"]) == (6, "prefix")
    key = next(record["data"]["subject_key"] for record in records if "subject_key" in record["data"])
    erased = own.clyra("erase", f"--subject={key}", "--basis=test", "--yes")
    assert erased.returncode == 0, erased.stderr
    assert verify_bundle(_seal(own), trusted).document()["erased"] == 1
    assert verify_bundle(shown, trusted).document() == report
    told = own.clyra("disclose", str(bundle), *words, f"--out={tmp_path / 'late.zip'}")
    assert (told.returncode, "erased" in told.stderr) == (1, True)
