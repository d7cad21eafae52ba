"""simple-salesforce: one Bulk API 2.0 job. argv: url, CA file, proxy, rows as JSON."""

import csv
import io
import json
import sys

from simple_salesforce import Salesforce

url, rows = sys.argv[1], json.loads(sys.argv[4])
client = Salesforce(instance=url.removeprefix("https://"), session_id="00D!x", version="59.0")
(job,) = client.bulk2.Contact.upsert(records=rows, external_id_field="External_Id__c")
failures = client.bulk2.Contact.get_failed_records(job["job_id"])
failed = [row["External_Id__c"] for row in csv.DictReader(io.StringIO(failures))]
taken = job["numberRecordsProcessed"] - job["numberRecordsFailed"]
print(json.dumps({"taken": taken, "failed": failed}))
