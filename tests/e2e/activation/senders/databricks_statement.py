"""databricks-sdk: statements by the statement execution API. argv: url, CA file, proxy, rows (statements) as JSON."""

import json
import sys

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied

client = WorkspaceClient(host=sys.argv[1], token="dapi-x", auth_type="pat")
taken, failed = [], []
for statement in json.loads(sys.argv[4]):
    try:
        answer = client.statement_execution.execute_statement(
            statement=statement, warehouse_id="wh1", wait_timeout="10s"
        )
    except PermissionDenied:
        failed.append(statement)
    else:
        taken.append(answer.statement_id)
print(json.dumps({"taken": len(taken), "failed": failed}))
