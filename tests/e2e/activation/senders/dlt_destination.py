"""dlt: a custom destination that posts batches. argv: url, CA file, proxy, rows as JSON."""

import json
import os
import sys
import tempfile

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DLT_DATA_DIR"] = tempfile.mkdtemp()

import dlt
import requests

url, rows = sys.argv[1], json.loads(sys.argv[4])
failed, posts = [], []


@dlt.destination(batch_size=100, name="crm", loader_file_format="typed-jsonl")
def crm(items, table):
    posts.append(len(items))
    records = [{name: value for name, value in item.items() if not name.startswith("_dlt")} for item in items]
    answer = requests.post(f"{url}/v1/contacts/upsert", json={"records": records}, timeout=30)
    answer.raise_for_status()
    failed.extend(records[one["index"]]["id"] for one in answer.json().get("rejected", ()))


pipeline = dlt.pipeline("clyra", destination=crm, pipelines_dir=tempfile.mkdtemp())
info = pipeline.run(rows, table_name="contacts")
state = "loaded" if not info.has_failed_jobs else "failed"
print(json.dumps({"taken": sum(posts) - len(failed), "failed": failed, "state": state, "posts": len(posts)}))
