"""rudder-sdk-python: identify calls in one batch. argv: url, CA file, proxy, rows as JSON."""

import json
import sys

import rudderstack.analytics as analytics

rows = json.loads(sys.argv[4])
errors = []
analytics.write_key = "wk"
analytics.dataPlaneUrl = sys.argv[1]
analytics.max_retries = 3
analytics.on_error = lambda error, items: errors.append((str(error)[:200], len(items)))
for row in rows:
    analytics.identify(row["id"], {"email": row["email"]}, {"sources": {"job_run_id": "r1"}})
analytics.shutdown()
print(json.dumps({"taken": len(rows) if not errors else 0, "failed": [], "errors": errors}))
