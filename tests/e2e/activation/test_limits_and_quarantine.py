"""Limits of rows and the quarantine, through the running proxy and its command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.activation import destinations
from tests.support.activation.server import DestinationServer
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy

pytestmark = pytest.mark.timeout(240)
_UPSERT = "/crm/v3/objects/contacts/batch/upsert"
_ARCHIVE = "/crm/v3/objects/contacts/batch/archive"
_fresh = count(1)


@dataclass(slots=True)
class House:
    """A proxy with one destination. policy: as it was written last."""

    proxy: RunningProxy
    server: DestinationServer
    policy: dict[str, Any]

    def post(self, records: list[dict[str, Any]], path: str = _UPSERT, **headers: str) -> httpx.Response:
        body = {"inputs": [{"id": one["email"], "idProperty": "email", "properties": one} for one in records]}
        with httpx.Client(proxy=self.proxy.url, verify=self.proxy.trust(), timeout=60) as client:
            return client.post(
                self.server.url + path, json=body, headers={"X-Clyra-Run": f"run-{next(_fresh)}", **headers}
            )

    def limit(self, rules: list[dict[str, Any]]) -> None:
        """Put other limits in force."""
        rows = self.policy["data_platform"]["activation"]["rows"]
        rows["rules"] = rules
        self.proxy.policy.write_text(yaml.safe_dump(self.policy, sort_keys=False))
        self.proxy.clyra("proxy", "reload", check=True)

    def told(self, *words: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.proxy.clyra("quarantine", *words, "--json").stdout)
        return document


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[House]:
    with ExitStack() as stack:
        server = stack.enter_context(DestinationServer(destinations.HubSpot(), authority.leaf()))
        hubspot = {"hosts": ["127.0.0.1"], "ports": [server.port], "allow_private": True, "activation": "hubspot"}
        policy = {
            "enforcement": {"mode": "enforce", "egress": "strict", "upstream_ca": str(authority.certificate)},
            "destinations": {"hubspot": hubspot},
            "data_platform": {"activation": {"rows": {"rules": []}}},
        }
        folder = tmp_path_factory.mktemp("house")
        proxy = stack.enter_context(RunningProxy.start(folder, policy, env={**os.environ}))
        yield House(proxy, server, policy)


@pytest.fixture(autouse=True)
def _clean(house: House) -> None:
    house.server.journal.clear()
    house.server.destination.rows.clear()


def people(count_: int, **fields: Any) -> list[dict[str, Any]]:
    run = next(_fresh)
    return [{"email": f"u{number}-{run}@x.test", **fields} for number in range(count_)]


def test_quarantine_from_rejection_to_release(house: House) -> None:
    house.limit([{"name": "no-ssn", "fields": {"deny": ["ssn"]}}])
    records = [*people(2), *people(1, ssn="hush-hush"), *people(1)]
    answer = house.post(records, Authorization="Bearer hush-token")
    assert (answer.status_code, answer.json()["numErrors"]) == (207, 1)
    assert len(house.server.destination.rows) == 3

    listed = house.told("list")
    (entry,) = listed["entries"]
    assert (entry["rows"], entry["rules"], entry["target"]) == (1, {"rows.field": 1}, "contacts")
    assert "hush" not in json.dumps(listed)
    for path in Path(house.proxy.home.root, "quarantine").iterdir():
        assert b"hush" not in path.read_bytes()

    hidden = house.told("show", entry["id"])
    assert hidden["kept_rows"][0]["values"]["ssn"] == "text, 9 characters"
    assert house.told("show", entry["id"], "--reveal")["kept_rows"][0]["values"]["ssn"] == "hush-hush"

    again = house.told("release", entry["id"])["entries"][0]
    assert (again["released"], again["left"]) == (0, 1)
    assert [one["id"] for one in house.told("list")["entries"]] == [entry["id"]]
    assert len(house.server.destination.rows) == 3

    house.limit([{"name": "fine", "per_request": 1000}])
    sent = house.told("release", entry["id"], "--header", "Authorization=Bearer other")["entries"][0]
    assert (sent["released"], sent["left"], sent["status"]) == (1, 0, 200)
    assert house.server.destination.rows[-1]["ssn"] == "hush-hush"
    asked = house.server.journal[-1]
    assert asked.headers["authorization"] == "Bearer other"
    assert "clyra-release" not in asked.headers
    assert house.told("list") == {"entries": [], "rows": 0, "damaged": []}


def test_quarantine_drop(house: House) -> None:
    house.limit([{"name": "no-ssn", "fields": {"deny": ["ssn"]}}])
    house.post([*people(1), *people(1, ssn="x")])
    house.post([*people(1), *people(1, ssn="x")])
    assert len(house.told("list", "--target", "contacts", "--rule", "rows.field")["entries"]) == 2
    assert house.told("list", "--target", "deals")["entries"] == []
    assert len(house.told("drop", "--rule", "rows.field")["dropped"]) == 2
    assert house.told("list")["entries"] == []
    assert house.proxy.clyra("quarantine", "drop", "q-" + "0" * 20).returncode == 1
    assert house.proxy.clyra("quarantine", "show", "nothing").returncode == 2
    assert house.proxy.clyra("quarantine", "release").returncode == 64


def test_a_repeat_is_answered_and_not_done_again(house: House) -> None:
    house.limit([{"name": "fine", "per_request": 1000}])
    records = people(3)
    first = house.post(records, **{"X-Clyra-Run": "same"})
    second = house.post(records, **{"X-Clyra-Run": "same"})
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert second.headers["clyra-duplicate-of"]
    assert len(house.server.journal) == 1


def test_a_run_that_is_too_large_is_stopped_without_a_retry(house: House) -> None:
    house.limit([{"name": "small", "per_run": 10}])
    run = {"X-Clyra-Run": f"run-{next(_fresh)}"}
    assert house.post(people(8), **run).status_code == 200
    refused = house.post(people(8), **run)
    assert 400 <= refused.status_code < 500
    assert refused.status_code != 429
    assert len(house.server.journal) == 1
    assert house.post(people(8)).status_code == 200


def test_what_comes_too_fast_is_told_when_to_come_again(house: House) -> None:
    house.limit([{"name": "slow", "velocity": {"rows_per_s": 0.5, "burst": 5}}])
    assert house.post(people(5)).status_code == 200
    refused = house.post(people(5))
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert len(house.server.journal) == 1


def test_mass_deletes_are_stopped_by_the_shipped_limits(house: House) -> None:
    house.limit([{"name": "fine", "per_request": 1000}])
    refused = house.post(people(150), _ARCHIVE)
    assert 400 <= refused.status_code < 500
    assert house.server.journal == []
