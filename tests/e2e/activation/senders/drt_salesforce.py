"""drt: a sync from SQLite to Salesforce (Bulk API 2.0) by its command. argv: url, CA file, proxy, rows as JSON."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

url, rows = sys.argv[1], json.loads(sys.argv[4])
folder = Path(tempfile.mkdtemp())
(folder / "home" / ".drt").mkdir(parents=True)
(folder / "syncs").mkdir()
with sqlite3.connect(folder / "warehouse.db") as database:
    database.execute("create table contacts (External_Id__c text, Email text)")
    database.executemany("insert into contacts values (:External_Id__c, :Email)", rows)
(folder / "home" / ".drt" / "profiles.yml").write_text(
    json.dumps({"default": {"type": "sqlite", "database": str(folder / "warehouse.db")}})
)
(folder / "drt_project.yml").write_text(json.dumps({"name": "clyra", "version": "0.1", "profile": "default"}))
destination = {"type": "salesforce_bulk", "instance_url": url, "object_name": "Contact", "operation": "upsert"}
destination |= {"external_id_field": "External_Id__c", "poll_interval_seconds": 1, "poll_timeout_seconds": 60}
destination |= {f"{name}_env": "SF_WORD" for name in ("client_id", "client_secret", "username", "password")}
sync = {"name": "contacts", "model": "select * from contacts order by 1", "destination": destination}
sync |= {"sync": {"mode": "full", "batch_size": 1000, "on_error": "skip"}}
(folder / "syncs" / "contacts.yml").write_text(json.dumps(sync))
drt = Path(sys.executable).with_name("drt")
env = {**os.environ, "HOME": str(folder / "home"), "SF_WORD": "word", "DRT_TELEMETRY_DISABLED": "1"}
done = subprocess.run(
    [drt, "run", "--output", "json"], cwd=folder, env=env, capture_output=True, text=True, check=False
)
(told,) = json.loads(done.stdout)["syncs"]
errors = [error["error_message"] for error in told.get("row_errors", ())]
print(
    json.dumps({"taken": told["rows_synced"], "failed": told["rows_failed"], "state": told["status"], "errors": errors})
)
