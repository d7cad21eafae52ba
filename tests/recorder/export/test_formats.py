"""Every export of one real bundle: held against independent readers, and against the records it was made from."""

from __future__ import annotations

import base64
import csv
import io
import json
import tracemalloc
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from recorder import dsse, public_key, statement
from recorder.export import agent_action, ecs, ocsf, otel, table
from recorder.export.entry import Entry, entries
from recorder.layout import Layout
from recorder.merkle import leaf_hash
from recorder.reading import BundleEvidence, EvidenceRejectedError, open_bundle, open_log
from recorder.repack import repack
from tests.support.evidence_log import EvidenceLog, denied, exchange, shadowed

HOSTILE = '=HYPERLINK("http://x.invalid","a,b")'


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    log = EvidenceLog(tmp_path_factory.mktemp("log"))
    log.write(
        [exchange("a"), exchange("b", phase="intent"), denied("c"), exchange("b", phase="outcome"), shadowed("d")]
    )
    log.write([exchange("e", agent={"uid": HOSTILE, "auth": "none"}), exchange("f", data={"result": "failed"})], lost=3)
    log.write(
        [
            exchange(
                "t", typ="pef.tool_call", act={"tool": "crm.update"}, data={"tool": {"protocol": "mcp", "name": "x"}}
            )
        ]
    )
    path = log.seal()
    return log.layout, path


@pytest.fixture
def evidence(sealed: tuple[Layout, Path]) -> BundleEvidence:
    layout, path = sealed
    return open_bundle(path, layout.trust.read_bytes())


def _records(evidence: BundleEvidence) -> list[Entry]:
    return list(entries(evidence.items()))


def _lines(chunks: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(chunks).splitlines()]


def test_an_outcome_is_joined_with_its_intent(evidence: BundleEvidence) -> None:
    outcome = next(entry for entry in _records(evidence) if entry.phase == "outcome")
    assert "act" not in outcome.record
    assert outcome.part("agent")["uid"] == "agent-1"
    assert outcome.place.host == "api.example.com"


def test_ocsf_says_the_same_as_the_records(evidence: BundleEvidence) -> None:
    found = _records(evidence)
    events = _lines(ocsf.write(found, evidence.provenance))
    assert len(events) == len(found) == evidence.provenance.end
    for entry, event in zip(found, events, strict=True):
        assert event["class_uid"] == (6003 if entry.is_exchange else 0)
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["time"] == entry.micros // 1000
        assert event["metadata"]["version"] == "1.6.0"
        integrity = event["unmapped"]["record_integrity"]
        assert integrity["fingerprint"]["value"] == leaf_hash(entry.item.line).hex()
        assert integrity["bundle"] == evidence.provenance.bundle
        assert integrity["verdict"] == "prefix"
        assert event["unmapped"]["clyra"]["data"] == entry.record["data"]
        if entry.is_exchange:
            assert event["category_uid"] == 6
            assert event["actor"]["app_name"] == entry.part("agent")["uid"]
            assert event["dst_endpoint"] == {"hostname": "api.example.com", "port": 443, "ip": "203.0.113.7"}
            assert event["src_endpoint"]["name"]
            assert event["trace"]["uid"] == "ab" * 16


@pytest.mark.parametrize(
    ("name", "disposition", "status", "severity"),
    [("a", "Allowed", "Success", 1), ("c", "Blocked", "Failure", 4), ("d", "Detected", "Success", 3)],
)
def test_ocsf_tells_allowed_from_blocked_from_would_be_blocked(
    evidence: BundleEvidence, name: str, disposition: str, status: str, severity: int
) -> None:
    events = _lines(ocsf.write(_records(evidence), evidence.provenance))
    event = next(event for event in events if event["metadata"].get("correlation_uid") == name)
    assert (event["disposition"], event["status"], event["severity_id"]) == (disposition, status, severity)


def test_ecs_has_its_required_fields_and_the_integrity(evidence: BundleEvidence) -> None:
    found = _records(evidence)
    for entry, event in zip(found, _lines(ecs.write(found, evidence.provenance)), strict=True):
        assert event["@timestamp"] == entry.record["ts"]
        assert event["ecs"]["version"].startswith("8.")
        assert event["event"]["kind"] == ("event" if entry.is_exchange else "state")
        assert event["event"]["hash"] == leaf_hash(entry.item.line).hex()
        assert event["clyra"]["record_integrity"]["sequence"] == entry.item.seq
        if entry.ends:
            assert event["event"]["outcome"] in ("success", "failure")
            assert event["event"]["duration"] == 5_000_000
            assert event["http"]["response"]["status_code"] in (200, 422)
            assert event["destination"]["domain"] == "api.example.com"


def test_csv_is_rfc_4180_and_holds_every_record(evidence: BundleEvidence) -> None:
    raw = b"".join(table.write(_records(evidence), evidence.provenance)).decode()
    assert raw.count("\r\n") == evidence.provenance.end + 1
    rows = list(csv.DictReader(io.StringIO(raw, newline="")))
    assert [int(row["seq"]) for row in rows] == list(range(evidence.provenance.end))
    assert {row["evidence_verdict"] for row in rows} == {"prefix"}
    assert any(row["result"] == "refused" and row["status"] == "422" for row in rows)


def test_csv_never_starts_a_cell_like_a_formula(evidence: BundleEvidence) -> None:
    rows = list(csv.reader(io.StringIO(b"".join(table.write(_records(evidence), evidence.provenance)).decode())))
    cells = [cell for row in rows for cell in row]
    assert f"'{HOSTILE}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_every_way_to_start_a_formula_is_defused(text: str) -> None:
    assert table.safe(text) == f"'{text}"


def test_otlp_is_read_by_the_official_protobuf(evidence: BundleEvidence) -> None:
    found = _records(evidence)
    logs = []
    for line in b"".join(otel.write(found, evidence.provenance)).splitlines():
        request = json_format.Parse(_base64_ids(line), ExportLogsServiceRequest())
        assert {a.key: a.value.string_value for a in request.resource_logs[0].resource.attributes}[
            "service.name"
        ] == "clyra"
        logs += list(request.resource_logs[0].scope_logs[0].log_records)
    assert [log.time_unix_nano for log in logs] == [entry.micros * 1000 for entry in found]
    sequence = [{a.key: a.value.int_value for a in log.attributes}["clyra.record.seq"] for log in logs]
    assert sequence == list(range(evidence.provenance.end))
    assert {log.trace_id.hex() for log in logs if log.trace_id} == {"ab" * 16}


def _base64_ids(line: bytes) -> str:
    """OTLP JSON writes ids in hex where plain protobuf JSON has base64; everything else is plain protobuf JSON."""
    document = json.loads(line)
    for record in document["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        for name in ("traceId", "spanId"):
            if name in record:
                record[name] = base64.b64encode(bytes.fromhex(record[name])).decode()
    return json.dumps(document)


def test_one_agent_action_for_every_exchange_that_ended(evidence: BundleEvidence) -> None:
    found = _records(evidence)
    statements = _lines(agent_action.write(found, evidence.provenance))
    ended = [entry for entry in found if entry.ends]
    assert len(statements) == len(ended) == 7
    for entry, document in zip(ended, statements, strict=True):
        assert document["_type"] == "https://in-toto.io/Statement/v1"
        assert document["subject"][0]["digest"]["sha256"] == sha256(entry.item.line).hexdigest()
        action = document["predicate"]["action"]
        assert set(action) >= {"type", "protocol", "method", "toolName", "timestamp", "durationMs", "success"}
        assert action["durationMs"] == 5
        assert action["success"] is (entry.record["data"]["result"] == "completed")
    protocols = {document["predicate"]["action"]["protocol"] for document in statements}
    assert protocols == {"http", "mcp"}


def test_an_agent_nobody_authenticated_is_only_claimed(evidence: BundleEvidence) -> None:
    statements = _lines(agent_action.write(_records(evidence), evidence.provenance))
    for document in statements:
        scopes = {party["role"]: party["scope"] for party in document["predicate"]["parties"]}
        claimed = document["predicate"]["agent"]["principal"] == HOSTILE
        assert ("principal" in scopes["asserter"]) is claimed


def test_signed_agent_actions_verify(sealed: tuple[Layout, Path], evidence: BundleEvidence) -> None:
    key = sealed[0].keys.signing_key("seal")
    for line in agent_action.write(_records(evidence), evidence.provenance, key):
        envelope = dsse.parse(line, statement.PAYLOAD_TYPE)
        ((name, signature),) = envelope.signatures
        assert name == key.key_id
        message = dsse.pae(envelope.payload_type, envelope.payload)
        assert public_key.verifies(key.algorithm, key.public, signature, message)


def test_an_outcome_without_its_intent_is_counted_not_invented(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, _ = sealed
    evidence = open_log(layout)
    intent = next(entry.item.seq for entry in entries(evidence.items()) if entry.phase == "intent")
    evidence.close()
    later = open_log(layout, intent + 1)
    left_out: list[str] = []
    written = list(agent_action.write(entries(later.items()), later.provenance, None, left_out.append))
    assert left_out == ["outcomes whose intent is not in these records"]
    assert len(written) == len([entry for entry in entries(later.items()) if entry.ends]) - 1


def test_a_log_is_read_as_its_bundle_is(sealed: tuple[Layout, Path], evidence: BundleEvidence) -> None:
    log = open_log(sealed[0])
    assert [item.line for item in log.items()] == [item.line for item in evidence.items()]
    assert (log.provenance.verdict, log.provenance.bundle) == ("unsealed", "")


@pytest.mark.parametrize("write", [ocsf.write, table.write, otel.write], ids=["ocsf", "csv", "otel"])
def test_memory_does_not_grow_with_the_evidence(write: Any, tmp_path: Path) -> None:
    log = EvidenceLog(tmp_path / "home")
    for part in range(4):
        log.write([exchange(f"{part}-{n}") for n in range(500)])
    evidence = open_bundle(log.seal(), log.layout.trust.read_bytes())
    tracemalloc.start()
    written = sum(len(chunk) for chunk in write(entries(evidence.items()), evidence.provenance))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written > 1_000_000
    assert peak < 5 * (1 << 20)


def _forged(bundle: Path, folder: Path) -> Path:
    with zipfile.ZipFile(bundle) as packed:
        packed.extractall(folder)
    (folder / "transport.sha256").unlink()
    records = folder / "records.jsonl"
    records.chmod(0o600)
    records.write_bytes(records.read_bytes().replace(b'"decision":"deny"', b'"decision":"allow"'))
    return folder


def test_a_forged_bundle_is_refused_and_forced_exports_say_so(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, path = sealed
    forged = _forged(path, tmp_path / "forged")
    with pytest.raises(EvidenceRejectedError, match="rejected"):
        open_bundle(forged, layout.trust.read_bytes())
    forced = open_bundle(forged, layout.trust.read_bytes(), force=True)
    for event in _lines(ocsf.write(_records(forced), forced.provenance)):
        integrity = event["unmapped"]["record_integrity"]
        assert (integrity["verdict"], integrity["forced"]) == ("rejected", True)
    rows = csv.DictReader(io.StringIO(b"".join(table.write(_records(forced), forced.provenance)).decode()))
    assert {(row["evidence_verdict"], row["forced"]) for row in rows} == {("rejected", "true")}


def test_a_bundle_that_changes_after_it_was_checked_is_noticed(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, path = sealed
    folder = tmp_path / "plain"
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    (folder / "transport.sha256").unlink()
    evidence = open_bundle(folder, layout.trust.read_bytes())
    _swap(folder / "records.jsonl")
    with pytest.raises(EvidenceRejectedError, match="changed"):
        list(evidence.items())


def _swap(records: Path) -> None:
    records.chmod(0o600)
    records.write_bytes(records.read_bytes().replace(b"agent-1", b"agent-2"))


def test_a_pruned_bundle_is_told_from_a_damaged_one(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, path = sealed
    pruned = tmp_path / "pruned.zip"
    leaves = b"".join(item.leaf for item in open_bundle(path, layout.trust.read_bytes()).items())
    repack(path, pruned, {"tree/leaves": leaves}, frozenset({"records.jsonl"}))
    with pytest.raises(EvidenceRejectedError, match=r"has no records|is rejected"):
        open_bundle(pruned, layout.trust.read_bytes())
    with pytest.raises(EvidenceRejectedError, match="has no records"):
        open_bundle(pruned, layout.trust.read_bytes(), force=True)
