"""Destinations in memory, each answering as its documentation says: all rows are taken, and counted once each."""

from __future__ import annotations

import csv
import io
from typing import Any

from tests.support.activation.server import Asked, Told

_NOW = "2026-11-22T10:00:00.000Z"


class HubSpot:
    """CRM objects v3: batches."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Told:
        if not asked.path.startswith("/crm/v3/objects/"):
            return Told(404, {"status": "error", "message": "not found", "category": "OBJECT_NOT_FOUND"})
        results = []
        for given in asked.json["inputs"]:
            self.rows.append(given["properties"])
            results.append(
                {
                    "id": str(len(self.rows)),
                    "properties": given["properties"],
                    "createdAt": _NOW,
                    "updatedAt": _NOW,
                    "archived": False,
                    "new": True,
                }
            )
        status = 201 if asked.path.endswith("/create") else 200
        return Told(status, {"status": "COMPLETE", "results": results, "startedAt": _NOW, "completedAt": _NOW})


class Salesforce:
    """Signing in, sObject Collections, Bulk API 2.0."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._jobs: dict[str, dict[str, Any]] = {}

    def answer(self, asked: Asked) -> Told:
        if asked.path.endswith("/services/oauth2/token"):
            return Told(200, {"access_token": "00D!token", "instance_url": "", "token_type": "Bearer"})
        if "/composite/sobjects" in asked.path:
            return self._collection(asked)
        if "/jobs/ingest" in asked.path:
            return self._bulk(asked, asked.path.partition("/jobs/ingest")[2].strip("/").split("/"))
        return Told(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])

    def _collection(self, asked: Asked) -> Told:
        results = []
        for record in asked.json["records"]:
            self.rows.append({name: value for name, value in record.items() if name != "attributes"})
            results.append({"id": f"003{len(self.rows):012}", "success": True, "errors": [], "created": True})
        return Told(200, results)

    def _bulk(self, asked: Asked, way: list[str]) -> Told:
        if way == [""]:
            job = {**asked.json, "id": f"750{len(self._jobs):012}AAA", "state": "Open", "apiVersion": 59.0}
            self._jobs[job["id"]] = {**job, "numberRecordsProcessed": 0, "numberRecordsFailed": 0}
            return Told(200, job)
        job = self._jobs[way[0]]
        if way[1:] == ["batches"]:
            rows = list(csv.DictReader(io.StringIO(asked.body.decode(), newline="")))
            job["columns"] = asked.body.decode().partition("\n")[0].strip().split(",")
            job["numberRecordsProcessed"] = len(rows)
            self.rows += rows
            return Told(201)
        if way[1:] == ["failedResults"]:
            header = ",".join(f'"{name}"' for name in ("sf__Id", "sf__Error", *job["columns"]))
            return Told(200, header.encode() + b"\n", "text/csv")
        if asked.method == "PATCH":
            job["state"] = "JobComplete" if asked.json["state"] == "UploadComplete" else asked.json["state"]
        return Told(200, {name: value for name, value in job.items() if name != "columns"})


class Slack:
    """chat.postMessage."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Told:
        self.rows.append(asked.json if asked.body.startswith(b"{") else asked.form)
        return Told(200, {"ok": True, "channel": "C1", "ts": f"1795325653.{len(self.rows):06}", "message": {}})


class Events:
    """The ingest of RudderStack: `/v1/batch`."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Told:
        self.rows += asked.json["batch"]
        return Told(200, b"OK", "text/plain")


class Crm:
    """Somebody's own API: `{"records": [...]}` and an answer that counts."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Told:
        given = asked.json
        rows = given["records"] if isinstance(given, dict) else given
        self.rows += rows
        return Told(200, {"accepted": len(rows)})


class Warehouse:
    """Databricks' statement execution."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def answer(self, asked: Asked) -> Told:
        if asked.path != "/api/2.0/sql/statements":
            return Told(404, {"error_code": "NOT_FOUND", "message": "no such endpoint"})
        self.rows.append(asked.json["statement"])
        told = {
            "statement_id": f"01ef-{len(self.rows):04}",
            "status": {"state": "SUCCEEDED"},
            "manifest": {"format": "JSON_ARRAY", "schema": {"column_count": 1, "columns": []}, "total_row_count": 1},
            "result": {"data_array": [["1"]]},
        }
        return Told(200, told)
