"""singer-sdk: a target with a batch sink, fed by messages. argv: url, CA file, proxy, rows as JSON."""

import io
import json
import sys

import requests
from singer_sdk import Target
from singer_sdk.sinks import BatchSink

url, rows = sys.argv[1], json.loads(sys.argv[4])
failed, taken = [], []


class Contacts(BatchSink):
    max_size = 100

    def process_batch(self, context):
        records = context["records"]
        body = {"stream": self.stream_name, "records": records, "batch_id": context["batch_id"]}
        answer = requests.post(f"{url}/v1/upsert", json=body, timeout=30)
        answer.raise_for_status()
        rejected = [records[one["index"]]["id"] for one in answer.json().get("rejected", ())]
        failed.extend(rejected)
        taken.append(len(records) - len(rejected))


class Crm(Target):
    name = "target-crm"
    default_sink_class = Contacts


schema = {"properties": {"id": {"type": "string"}, "email": {"type": "string"}}}
lines = [{"type": "SCHEMA", "stream": "contacts", "schema": schema, "key_properties": ["id"]}]
lines += [{"type": "RECORD", "stream": "contacts", "record": row} for row in rows]
lines += [{"type": "STATE", "value": {"at": len(rows)}}]
out, sys.stdout = sys.stdout, io.StringIO()
Crm(config={}).listen(io.StringIO("".join(json.dumps(line) + "\n" for line in lines)))
states, sys.stdout = sys.stdout.getvalue(), out
print(json.dumps({"taken": sum(taken), "failed": failed, "state": states.strip().splitlines()[-1]}))
