"""simple-salesforce: one sObject collection. argv: url, CA file, proxy, rows as JSON."""

import json
import sys

from simple_salesforce import Salesforce

url, rows = sys.argv[1], json.loads(sys.argv[4])
client = Salesforce(instance=url.removeprefix("https://"), session_id="00D!x", version="59.0")
records = [{"attributes": {"type": "Contact"}, **row} for row in rows]
body = {"allOrNone": "--atomic" in sys.argv, "records": records}
results = client.restful("composite/sobjects/Contact/External_Id__c", method="PATCH", json=body)
failed = [row["External_Id__c"] for row, result in zip(rows, results, strict=True) if not result["success"]]
print(json.dumps({"taken": len(rows) - len(failed), "failed": failed}))
