"""Real senders of rows, unchanged, through the proxy to servers that speak the destinations' formats.

For each: a clean run arrives as it was sent; of a run with bad rows exactly the good ones arrive, once, exactly the bad
ones are reported, and the sender ends as it ends after a normal run, with no request more than in a clean one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from tests.e2e.activation.conftest import Gateway

pytestmark = pytest.mark.timeout(600)  # the first test may have to make the senders' environment
_fresh = count(1)


@dataclass(frozen=True, slots=True)
class Sender:
    """profile: the destination. row: (id, address) -> row. name_of: what a row is called where failures are told.

    writes: (method, end of the path) -> requests of a clean run. quiet: the destination has no way to tell of rows.
    """

    profile: str
    row: Callable[[str, str], dict[str, str]]
    name_of: Callable[[dict[str, str]], str]
    writes: dict[tuple[str, str], int]
    quiet: bool = False
    counted: bool = False  # failures are told as a number
    state: str = ""


def _contact(id_: str, email: str) -> dict[str, str]:
    return {"External_Id__c": id_, "Email": email}


_BULK = {("POST", "/jobs/ingest"): 1, ("PUT", "/batches"): 1, ("PATCH", "AAA"): 1}
SENDERS = {
    "hubspot_batch": Sender(
        "hubspot", lambda id_, email: {"email": email}, lambda row: row["email"], {("POST", "/batch/upsert"): 1}
    ),
    "salesforce_collection": Sender(
        "salesforce", _contact, lambda row: row["External_Id__c"], {("PATCH", "/External_Id__c"): 1}
    ),
    "salesforce_bulk": Sender("salesforce", _contact, lambda row: row["External_Id__c"], _BULK),
    "drt_salesforce": Sender("salesforce", _contact, lambda row: row["External_Id__c"], _BULK, counted=True),
    "rudder_events": Sender(
        "rudderstack",
        lambda id_, email: {"id": id_, "email": email},
        lambda row: row["id"],
        {("POST", "/v1/batch"): 1},
        quiet=True,
    ),
    "dlt_destination": Sender(
        "generic-json",
        lambda id_, email: {"id": id_, "email": email},
        lambda row: row["id"],
        {("POST", "/upsert"): 1},
        state="loaded",
    ),
    "singer_target": Sender(
        "generic-json",
        lambda id_, email: {"id": id_, "email": email},
        lambda row: row["id"],
        {("POST", "/upsert"): 1},
        state='{"at": 5}',
    ),
}


def _rows(sender: Sender, bad: set[int]) -> list[dict[str, str]]:
    run = next(_fresh)  # rows of their own, so that no run repeats another
    return [sender.row(f"r{run}-{at}", f"{'bad' if at in bad else 'u'}{at}-{run}@x.test") for at in range(5)]


def _addresses(gateway: Gateway, profile: str) -> list[str]:
    """The addresses that arrived, in order."""
    found = []
    for row in gateway.servers[profile].destination.rows:
        traits = row.get("traits") or row.get("context", {}).get("traits") or row
        found.append(traits.get("email") or traits["Email"])
    return found


def _address_of(row: dict[str, str]) -> str:
    return row.get("email") or row["Email"]


def _counts(gateway: Gateway, sender: Sender) -> dict[tuple[str, str], int]:
    server = gateway.servers[sender.profile]
    return {write: len(server.asked(*write)) for write in sender.writes}


@pytest.mark.parametrize("name", SENDERS)
def test_a_clean_run_passes_unchanged(name: str, gateway: Gateway) -> None:
    sender = SENDERS[name]
    rows = _rows(sender, set())
    told = gateway.send(name, sender.profile, rows)
    assert told["taken"] == len(rows)
    assert not told["failed"]
    assert _addresses(gateway, sender.profile) == [_address_of(row) for row in rows]
    assert _counts(gateway, sender) == sender.writes


@pytest.mark.parametrize("name", SENDERS)
def test_of_a_run_with_bad_rows_the_good_ones_arrive_once(name: str, gateway: Gateway) -> None:
    sender = SENDERS[name]
    bad = {1, 4}
    rows = _rows(sender, bad)
    told = gateway.send(name, sender.profile, rows)
    assert _addresses(gateway, sender.profile) == [_address_of(row) for at, row in enumerate(rows) if at not in bad]
    assert _counts(gateway, sender) == sender.writes
    if sender.quiet:
        assert told["errors"] == []
    else:
        assert told["taken"] == 3
        reported: Any = 2 if sender.counted else [sender.name_of(rows[at]) for at in sorted(bad)]
        assert told["failed"] == reported
    if sender.state:
        assert told["state"] == sender.state


@pytest.mark.parametrize("name", ["hubspot_batch", "salesforce_collection"])
def test_a_run_of_bad_rows_alone_is_answered_without_the_destination(name: str, gateway: Gateway) -> None:
    sender = SENDERS[name]
    rows = _rows(sender, {0, 1, 2, 3, 4})
    told = gateway.send(name, sender.profile, rows)
    assert told["taken"] == 0
    assert told["failed"] == [sender.name_of(row) for row in rows]
    assert gateway.servers[sender.profile].journal == []


def test_of_a_batch_of_bad_events_alone_its_sender_hears_once_and_does_not_repeat_it(gateway: Gateway) -> None:
    """An API without a word for rows refuses such a batch; what is refused is in quarantine."""
    sender = SENDERS["rudder_events"]
    told = gateway.send("rudder_events", sender.profile, _rows(sender, {0, 1, 2, 3, 4}))
    ((said, count),) = told["errors"]
    assert "400" in said
    assert count == 5
    server = gateway.servers[sender.profile]
    assert server.journal == []
    told_of = gateway.proxy.wait_for_verdicts(1, where=lambda line: line["dst_endpoint"]["port"] == server.port)
    assert ["rows.invalid" in json.dumps(line) for line in told_of] == [True]
    kept = json.loads(gateway.proxy.clyra("quarantine", "list", "--json").stdout)["entries"]
    assert max(entry["rows"] for entry in kept if entry["target"] == "events") == 5


@pytest.mark.parametrize("name", ["salesforce_bulk", "drt_salesforce"])
def test_a_job_of_bad_rows_alone_ends_as_a_job_of_failed_rows(name: str, gateway: Gateway) -> None:
    sender = SENDERS[name]
    rows = _rows(sender, {0, 1, 2, 3, 4})
    told = gateway.send(name, sender.profile, rows)
    assert told["taken"] == 0
    assert told["failed"] == (5 if sender.counted else [sender.name_of(row) for row in rows])
    assert gateway.servers[sender.profile].destination.rows == []
    assert _counts(gateway, sender) == sender.writes


def test_all_or_none_means_none(gateway: Gateway) -> None:
    sender = SENDERS["salesforce_collection"]
    rows = _rows(sender, {2})
    told = gateway.send("salesforce_collection", sender.profile, rows, "--atomic")
    assert told == {"taken": 0, "failed": [sender.name_of(row) for row in rows]}
    assert gateway.servers[sender.profile].journal == []


def test_messages_go_one_by_one(gateway: Gateway) -> None:
    run = next(_fresh)
    texts = [f"one {run}", f"bad {run}", f"three {run}"]
    told = gateway.send("slack_messages", "slack", [{"text": text} for text in texts])
    assert told == {"taken": 2, "failed": [texts[1]]}
    assert [row["text"] for row in gateway.servers["slack"].destination.rows] == [texts[0], texts[2]]
    assert len(gateway.servers["slack"].journal) == 2


def test_statements_that_may_not_run_do_not(gateway: Gateway) -> None:
    statements = ["select 1", "truncate table main.s.t", "update main.s.t set a = 1 where id = 7"]
    told = gateway.send("databricks_statement", "databricks", statements)
    assert told == {"taken": 2, "failed": [statements[1]]}
    assert gateway.servers["databricks"].destination.rows == [statements[0], statements[2]]
    assert len(gateway.servers["databricks"].asked("POST", "/sql/statements")) == 2
