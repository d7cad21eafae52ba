"""hubspot-api-client: one batch upsert. argv: url, CA file, proxy, rows as JSON."""

import json
import sys

import hubspot
from hubspot.crm.contacts import ApiException, BatchInputSimplePublicObjectBatchInputUpsert
from hubspot.crm.contacts import SimplePublicObjectBatchInputUpsert as Input

url, ca, proxy, rows = sys.argv[1], sys.argv[2], sys.argv[3] or None, json.loads(sys.argv[4])
client = hubspot.Client.create(access_token="pat-na1-x")
client.config.update({"host": url, "ssl_ca_cert": ca, **({"proxy": proxy} if proxy else {})})
inputs = [Input(id=row["email"], id_property="email", properties=row) for row in rows]
try:
    answer = client.crm.contacts.batch_api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))
except ApiException as error:
    told = json.loads(error.body)
    print(json.dumps({"taken": 0, "failed": [e["context"]["id"][0] for e in told["errors"]], "status": error.status}))
else:
    errors = getattr(answer, "errors", None) or []
    failed = [error.context["id"][0] for error in errors]
    print(json.dumps({"taken": len(answer.results), "failed": failed, "status": 200}))
