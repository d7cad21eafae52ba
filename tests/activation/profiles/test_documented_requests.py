"""Requests of the destinations' documentation, one a line: what is written, how, and to which records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles import compile_catalogue, recognise
from tests.activation.profiles.support import destination_of, endpoint_of, head_of, json_answer, rejection

CATALOGUE = compile_catalogue()
HUBSPOT, BRAZE = "https://api.hubapi.com", "https://rest.iad-01.braze.com"
MARKETO, ITERABLE = "https://123-abc-456.mktorest.com", "https://api.iterable.com/api"
INTERCOM, ZENDESK = "https://api.intercom.io", "https://acme.zendesk.com/api/v2"
KLAVIYO, CUSTOMERIO = "https://a.klaviyo.com/api", "https://track.customer.io/api/v1"
SLACK, GOOGLE = "https://slack.com/api", "https://googleads.googleapis.com/v21/customers/1"
META, SALESFORCE = "https://graph.facebook.com", "https://acme.my.salesforce.com/services/data/v61.0"
PAIR = {"inputs": [{"from": {"id": "1"}, "to": {"id": "2"}, "type": "x"}, {"from": {"id": "3"}, "to": {"id": "4"}}]}

WRITES: list[tuple[str, Any, str, str]] = [
    (f"POST {HUBSPOT}/crm/v3/associations/contacts/companies/batch/create", PAIR, "contacts:companies", "update 1 3"),
    (f"POST {HUBSPOT}/crm/v4/associations/a/b/batch/associate/default", PAIR, "a:b", "update 1 3"),
    (
        f"POST {HUBSPOT}/crm/v4/associations/a/b/batch/archive",
        {"inputs": [{"from": {"id": "1"}, "to": [{"id": "2"}, {"id": "3"}]}]},
        "a:b",
        "delete 2 3",
    ),
    (f"DELETE {HUBSPOT}/crm/v4/objects/contacts/1/associations/companies/2", None, "contacts:companies", "delete 1"),
    (f"POST {HUBSPOT}/crm/objects/2026-03/contacts/batch/upsert", {"inputs": [{"id": "1"}]}, "contacts", "upsert 1"),
    (
        f"PUT {HUBSPOT}/crm/v3/lists/5/memberships/add-and-remove",
        {"recordIdsToAdd": ["1"], "recordIdsToRemove": [2]},
        "list:5",
        "update 1, delete 2",
    ),
    (f"POST {BRAZE}/users/track/bulk", {"attributes": [{"external_id": "1"}]}, "users", "upsert 1"),
    (
        f"POST {BRAZE}/subscription/status/set",
        {"subscription_state": "unsubscribed", "external_id": ["a", "b"]},
        "subscriptions",
        "update a b",
    ),
    (f"POST {BRAZE}/email/blocklist", {"email": "a@b"}, "emails", "update a@b"),
    (f"POST {BRAZE}/messages/send", {"external_user_ids": ["1", "2"], "messages": {}}, "messages", "send 1 2"),
    (f"POST {BRAZE}/messages/schedule/create", {"broadcast": True}, "messages", "send -"),
    (f"DELETE {BRAZE}/catalogs/shop/items/7", None, "catalog:shop", "delete 7"),
    (f"POST {MARKETO}/rest/v1/leads.json?_method=DELETE", {"input": [{"id": 1}]}, "leads", "delete 1"),
    (f"DELETE {MARKETO}/rest/v1/leads.json?id=1,2", None, "leads", "delete 1 2"),
    (f"DELETE {MARKETO}/rest/v1/lists/7/leads.json?id=1&id=2", None, "list:7", "delete 1 2"),
    (f"POST {MARKETO}/rest/v1/leads/1/merge.json?leadIds=2,3", None, "leads", "delete 2 3"),
    (f"POST {MARKETO}/rest/v1/companies/delete.json", {"input": [{"id": 5}]}, "companies", "delete 5"),
    (
        f"POST {MARKETO}/rest/v1/campaigns/5/trigger.json",
        {"input": {"leads": [{"id": 1}, {"id": 2}], "tokens": []}},
        "campaign:5",
        "send 1 2",
    ),
    (f"DELETE {ITERABLE}/users/byUserId/u1", None, "users", "delete u1"),
    (f"POST {ITERABLE}/users/merge", {"sourceEmail": "a", "destinationEmail": "b"}, "users", "delete a"),
    (f"DELETE {ITERABLE}/catalogs/c/items", {"itemIds": ["a", "b"]}, "catalog:c", "delete a b"),
    (f"PATCH {ITERABLE}/subscriptions/emailList/5", {"users": ["a", "b"]}, "subscription:emailList", "update a b"),
    (f"POST {INTERCOM}/contacts/1/archive", None, "contacts", "delete 1"),
    (f"POST {INTERCOM}/tags", {"name": "t", "users": [{"id": "1"}, {"id": "2"}]}, "tags", "update 1 2"),
    (
        f"POST {INTERCOM}/bulk/users",
        {"items": [{"method": "post", "data": {"user_id": "1"}}, {"method": "delete", "data": {"user_id": "2"}}]},
        "users",
        "upsert 1, delete 2",
    ),
    (f"DELETE {ZENDESK}/users/destroy_many.json?external_ids=1,2", None, "users", "delete 1 2"),
    (f"PUT {ZENDESK}/organizations/update_many?external_ids=a,b", {"organization": {}}, "organizations", "update a b"),
    (f"PUT {ZENDESK}/tickets/mark_many_as_spam?ids=1,2", None, "tickets", "delete 1 2"),
    (f"POST {ZENDESK}/tickets/1/merge", {"ids": [2, 3]}, "tickets", "delete 2 3"),
    (
        f"POST {ZENDESK}/custom_objects/car/jobs",
        {"job": {"action": "delete", "items": ["1", "2"]}},
        "car",
        "delete 1 2",
    ),
    (f"PATCH {ZENDESK}/custom_objects/car/records/7", {"custom_object_record": {"name": "x"}}, "car", "update 7"),
    (
        f"POST {KLAVIYO}/catalog-item-bulk-delete-jobs",
        {"data": {"attributes": {"items": {"data": [{"type": "catalog-item", "id": "1"}]}}}},
        "catalog-items",
        "delete 1",
    ),
    (
        f"POST {KLAVIYO}/event-bulk-create-jobs",
        {"data": {"attributes": {"events-bulk-create": {"data": [{"attributes": {"events": {"data": [{}, {}]}}}]}}}},
        "events",
        "send - -",
    ),
    (
        f"POST {KLAVIYO}/profile-suppression-bulk-create-jobs",
        {"data": {"type": "x", "relationships": {"list": {"data": {"id": "L"}}}}},
        "suppressions",
        "update -",
    ),
    (f"POST {CUSTOMERIO}/segments/5/remove_customers", {"ids": ["1", "2"]}, "segment:5", "delete 1 2"),
    (f"POST {CUSTOMERIO}/merge_customers", {"primary": {"id": 1}, "secondary": {"id": 2}}, "customers", "delete 2"),
    ("POST https://api.segment.io/v1/import", {"batch": [{"type": "identify", "userId": "1"}]}, "events", "upsert 1"),
    (f"GET {SLACK}/files.delete?file=F1", None, "files", "delete F1"),
    (f"POST {SLACK}/conversations.kick", {"channel": "C1", "user": "U"}, "conversations", "delete C1"),
    ("POST https://hooks.slack.com/workflows/T/A/1/x", {"text": "a"}, "webhook", "send -"),
    (
        f"POST {GOOGLE}/googleAds:mutate",
        {"mutateOperations": [{"campaignOperation": {"remove": "r"}}, {"adOperation": {"create": {"name": "x"}}}]},
        "googleAds",
        "delete r, insert -",
    ),
    (
        f"POST {GOOGLE}/offlineUserDataJobs/5:addOperations",
        {"operations": [{"create": {"userIdentifiers": []}}, {"removeAll": True}]},
        "audiences",
        "insert -, delete true",
    ),
    (
        f"DELETE {META}/v21.0/7/users?payload=%7B%22schema%22%3A%22EMAIL%22%2C%22data%22%3A%5B%22h%22%5D%7D",
        None,
        "audience:7",
        "delete h",
    ),
    (f"POST {META}/", {"batch": [{"method": "DELETE", "relative_url": "9"}]}, "batch", "delete 9"),
    (
        f"POST {SALESFORCE}/composite",
        {"compositeRequest": [{"method": "DELETE", "url": "/services/data/v61.0/composite/sobjects?ids=1,2"}]},
        "",
        "delete 1 2",
    ),
]


@pytest.mark.parametrize(("line", "body", "target", "rows"), WRITES)
def test_what_is_written(line: str, body: Any, target: str, rows: str) -> None:
    head = head_of(line, "" if body is None else "application/json")
    batch = endpoint_of(line, head, catalogue=CATALOGUE).read(head, b"" if body is None else json.dumps(body).encode())
    told: dict[str, list[str]] = {}
    for row in batch.rows:
        told.setdefault(row.operation.value, []).append(row.key or "-")
    assert (batch.target, ", ".join(f"{operation} {' '.join(keys)}" for operation, keys in told.items())) == (
        target,
        rows,
    )


@pytest.mark.parametrize(
    "line",
    [
        f"POST {BRAZE}/users/export/ids",
        f"POST {MARKETO}/rest/v1/leads.json?_method=GET",
        f"POST {MARKETO}/bulk/v1/leads/export/create.json",
        f"POST {META}/v21.0/7?method=get&fields=a",
        f"POST {KLAVIYO}/metric-aggregates",
        f"POST {SLACK}/search.messages",
        f"GET {SLACK}/conversations.list",
        f"POST {GOOGLE}:generateKeywordIdeas",
        f"POST {INTERCOM}/export/content/data",
    ],
)
def test_what_only_asks(line: str) -> None:
    profile = recognise(head_of(line), destination_of(line), "auto")
    assert profile is not None
    assert profile.endpoint(head_of(line), destination_of(line)) is None


@pytest.mark.parametrize(
    ("named", "endpoint"),
    [
        ({"x_http_method_override": "GET"}, "hubspot.batch-upsert"),
        ({"x_http_method": "OPTIONS"}, "hubspot.batch-upsert"),
        ({"x_method_override": "DELETE"}, "hubspot.batch-upsert"),
        ({"x_http_method_override": "nonsense"}, "hubspot.batch-upsert"),
    ],
)
def test_no_override_hides_a_write(named: dict[str, str], endpoint: str) -> None:
    line = f"POST {HUBSPOT}/crm/v3/objects/contacts/batch/upsert"
    assert endpoint_of(line, head_of(line, **named), catalogue=CATALOGUE).id == endpoint
    asked = f"{line}?_HttpMethod=GET&_method=GET&method=get"
    assert endpoint_of(asked, head_of(asked), catalogue=CATALOGUE).id == endpoint


@pytest.mark.parametrize(
    ("line", "body", "status", "code"),
    [
        (f"POST {HUBSPOT}/automation/v4/flows", {"name": "x"}, 400, "VALIDATION_ERROR"),
        (f"POST {MARKETO}/rest/asset/v1/email/1/delete.json", {}, 200, "1003"),
        (f"POST {SALESFORCE}/actions/standard/emailSimple", {"inputs": [{}]}, 400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        (f"PUT {INTERCOM}/conversations/1", {"read": True}, 422, "parameter_invalid"),
    ],
)
def test_a_write_of_a_path_nobody_described_is_refused_as_the_destination_would(
    line: str, body: Any, status: int, code: str
) -> None:
    head = head_of(line)
    endpoint = endpoint_of(line, head, catalogue=CATALOGUE)
    answer = endpoint.refused(endpoint.read(head, json.dumps(body).encode()), [rejection(0)])
    assert answer is not None
    assert (answer.status, code in answer.body.decode()) == (status, True)


GRAPHS = {
    "graphs": [
        {
            "graphId": "1",
            "compositeRequest": [
                {"method": "POST", "url": "/services/data/v61.0/sobjects/Account", "referenceId": "a", "body": {}},
                {"method": "GET", "url": "/services/data/v61.0/sobjects/Account/1", "referenceId": "b"},
                {"method": "PATCH", "url": "/services/data/v61.0/sobjects/Contact/2", "referenceId": "c", "body": {}},
            ],
        },
        {
            "graphId": "2",
            "compositeRequest": [
                {"method": "DELETE", "url": "/services/data/v61.0/sobjects/Lead/3", "referenceId": "d"}
            ],
        },
    ]
}


def test_a_graph_falls_whole_and_the_others_stay() -> None:
    line = f"POST {SALESFORCE}/composite/graph"
    head, body = head_of(line), json.dumps(GRAPHS).encode()
    endpoint: Any = endpoint_of(line, head, catalogue=CATALOGUE)
    batch = endpoint.read(head, body)
    assert [(row.operation.value, row.key) for row in batch.rows] == [("insert", ""), ("update", "2"), ("delete", "3")]
    assert (batch.target, batch.targets) == ("Account,Contact,Lead", ("Account", "Contact", "Lead"))
    assert endpoint.falling(frozenset({1})) == {0: 1}
    rest = endpoint.without(body, batch, frozenset({0, 1}))
    assert [graph["graphId"] for graph in json.loads(rest)["graphs"]] == ["2"]
    done = {"graphId": "2", "graphResponse": {"compositeResponse": []}, "isSuccessful": True}
    answer = json_answer(200, json.dumps({"graphs": [done]}).encode())
    merged = json.loads(endpoint.merged(answer, batch, [rejection(0), rejection(1)]).body)["graphs"]
    assert [(graph["graphId"], graph["isSuccessful"]) for graph in merged] == [("1", False), ("2", True)]
    codes = [one["body"][0]["errorCode"] for one in merged[0]["graphResponse"]["compositeResponse"]]
    assert codes == ["FIELD_CUSTOM_VALIDATION_EXCEPTION", "PROCESSING_HALTED", "FIELD_CUSTOM_VALIDATION_EXCEPTION"]
    failed = {**done, "isSuccessful": False}
    reply = endpoint.reply(json_answer(200, json.dumps({"graphs": [done, failed]}).encode()), batch)
    assert (reply.acknowledged, dict(reply.failed)) == (2, {2: "failed"})


def test_children_of_a_tree_are_rows() -> None:
    child = {"attributes": {"type": "Contact", "referenceId": "c"}, "ssn": "1"}
    parent = {"attributes": {"type": "Account", "referenceId": "p"}, "Name": "x", "Contacts": {"records": [child]}}
    line = f"POST {SALESFORCE}/composite/tree/Account"
    head = head_of(line)
    batch = endpoint_of(line, head, catalogue=CATALOGUE).read(head, json.dumps({"records": [parent]}).encode())
    assert [(row.key, row.pointer, dict(row.values)) for row in batch.rows] == [
        ("p", "/records/0", {"Name": "x"}),
        ("c", "/records/0/Contacts/records/0", {"ssn": "1"}),
    ]
    assert batch.targets == ("Account", "Contact")


def test_a_user_without_an_address_is_told_by_its_id() -> None:
    line = f"POST {ITERABLE}/users/bulkUpdate"
    head, body = head_of(line), b'{"users":[{"email":"a"},{"userId":"u"}]}'
    endpoint = endpoint_of(line, head, catalogue=CATALOGUE)
    batch = endpoint.read(head, body)
    answer = json_answer(200, b'{"successCount":1,"failCount":0}')
    merged = endpoint.merged(answer, batch, [rejection(1)])
    assert merged is not None
    assert json.loads(merged.body)["failedUpdates"] == {"invalidDataEmails": [], "invalidDataUserIds": ["u"]}


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"query": "mutation { contactDelete(id: 1) { id } }"}, ["delete"]),
        ({"query": "mutation M($i: I) { contactCreate(i: $i) { id } }", "variables": {"i": {"ssn": 1}}}, ["insert"]),
        ({"query": "mutation { contactCreate { id } userDelete(id: 1) { id } }"}, ["delete"]),
        ([{"query": "{ a }"}, {"query": "mutation { editIt { id } }"}], ["update"]),
        ({"query": "{ contacts { id } }"}, []),
        ({"query": "shoes", "id": 1}, ["insert"]),
        ({"action": "delete", "records": [{"id": 1}, {"id": 2}]}, ["delete", "delete"]),
        ({"method": "users.remove", "params": {"id": 1}}, ["delete"]),
        ([{"op": "c", "id": 1}, {"op": "d", "id": 2}, {"op": "u", "action": "delete"}], ["insert", "delete", "delete"]),
    ],
)
def test_what_a_body_says_to_an_api_that_nobody_described(body: Any, rows: list[str]) -> None:
    line = "POST https://api.example.test/graphql"
    head = head_of(line)
    endpoint = endpoint_of(line, head, "generic-json", CATALOGUE)
    batch = endpoint.read(head, json.dumps(body).encode())
    assert ([row.operation.value for row in batch.rows], endpoint.writes) == (rows, bool(rows))


def test_a_mutation_that_cannot_be_read_is_opaque() -> None:
    line = "POST https://api.example.test/graphql"
    head = head_of(line)
    with pytest.raises(UnreadableError, match="opaque"):
        endpoint_of(line, head, "generic-json", CATALOGUE).read(head, b'{"query":"mutation { deleteIt("}')


BIGQUERY = "POST https://bigquery.googleapis.com/bigquery/v2/projects/p/jobs"
WHERE = {"projectId": "p", "datasetId": "d", "tableId": "t"}


@pytest.mark.parametrize(
    ("query", "statement"),
    [
        ({}, "SELECT 1"),
        ({"destinationTable": WHERE}, "CREATE TABLE `p`.`d`.`t` AS SELECT 1"),
        (
            {"destinationTable": WHERE, "writeDisposition": "WRITE_TRUNCATE"},
            "CREATE OR REPLACE TABLE `p`.`d`.`t` AS SELECT 1",
        ),
        ({"destinationTable": WHERE, "writeDisposition": "WRITE_APPEND"}, "INSERT INTO `p`.`d`.`t` SELECT 1"),
        ({"destinationTable": {"tableId": "t`; DROP TABLE x"}}, ""),
        ({"destinationTable": {"datasetId": "d"}}, ""),
    ],
)
def test_a_table_that_a_result_is_written_to_is_part_of_the_statement(query: dict[str, Any], statement: str) -> None:
    head = head_of(BIGQUERY)
    body = json.dumps({"configuration": {"query": {"query": "SELECT 1", **query}}}).encode()
    endpoint = endpoint_of(BIGQUERY, head, catalogue=CATALOGUE)
    if statement:
        assert endpoint.read(head, body).statements == (statement,)
        return
    with pytest.raises(UnreadableError, match="wrong_type"):
        endpoint.read(head, body)


@pytest.mark.parametrize(
    "line",
    [
        "POST https://api.supabase.com/v1/projects/ref/database/query",
        "POST https://abc.supabase.co/pg/query",
    ],
)
def test_statements_of_a_management_api(line: str) -> None:
    head = head_of(line)
    assert endpoint_of(line, head).read(head, b'{"query":"drop table x"}').statements == ("drop table x",)


@pytest.mark.parametrize("given", ["query_tag", "QUERY_TAG", "Query_Tag"])
def test_a_tag_that_the_sender_gave_stays_however_it_is_spelled(given: str) -> None:
    line = "POST https://acme.snowflakecomputing.com/api/v2/statements"
    head, body = head_of(line), json.dumps({"statement": "select 1", "parameters": {given: "mine"}}).encode()
    endpoint: Any = endpoint_of(line, head, catalogue=CATALOGUE)
    endpoint.read(head, body)
    assert endpoint.tagged(body, "ours") == body


@pytest.mark.parametrize(
    ("line", "content_type", "body", "rows"),
    [
        ("POST /v1/users/delete", "application/json", b'{"ids":["1",2]}', [("delete", "1"), ("delete", "2")]),
        ("DELETE /v1/users", "application/json", b'{"user_ids":["1"]}', [("delete", "1")]),
        ("DELETE /v1/users?ids=1,2", "", b"", [("delete", "1"), ("delete", "2")]),
        ("POST /v1/users", "application/json", b'{"tag_ids":[1,2],"id":5}', [("insert", "5")]),
        (
            "POST /v1.0/$batch",
            "application/json",
            b'{"requests":[{"id":"a","method":"DELETE","url":"/me"},{"id":"b","method":"PATCH","url":"/x","body":{}}]}',
            [("delete", "a"), ("update", "b")],
        ),
        ("POST /v1/payments", "application/json", b'[{"id":"p","method":"email"}]', [("insert", "p")]),
        (
            "PATCH /v1/users/5",
            "application/json-patch+json",
            b'[{"op":"remove","path":"/phone"},{"op":"add","path":"/a/ssn","value":1},{"op":"test","path":"/b"}]',
            [("update", "5")],
        ),
        ("PUT /v1/users/5/email", "application/json", b'{"v":1}', [("upsert", "email")]),
    ],
)
def test_requests_to_any_api(line: str, content_type: str, body: bytes, rows: list[tuple[str, str]]) -> None:
    method, path = line.split(" ")
    asked = f"{method} https://api.example.test{path}"
    head = head_of(asked, content_type)
    batch = endpoint_of(asked, head, "generic-json", CATALOGUE).read(head, body)
    assert [(row.operation.value, row.key) for row in batch.rows] == rows
    if "patch+json" in content_type:
        assert dict(batch.rows[0].values) == {"phone": None, "a.ssn": 1}


BULK_LINES = (
    b'{"index":{"_index":"a","_id":"1"}}\n{"ssn":1}\n{"delete":{"_index":"a","_id":"2"}}\n'
    b'{"update":{"_id":"3"}}\n{"doc":{"b":1}}\n{"create":{}}\n{"c":1}\n'
)


def test_lines_of_the_bulk_protocol_belong_together() -> None:
    line = "POST https://search.example.test/_bulk"
    head = head_of(line, "application/x-ndjson")
    batch = endpoint_of(line, head, "generic-ndjson", CATALOGUE).read(head, BULK_LINES)
    assert batch.all_or_none
    assert [(row.operation.value, row.key, dict(row.values)) for row in batch.rows] == [
        ("upsert", "1", {"ssn": 1}),
        ("delete", "2", {}),
        ("update", "3", {"b": 1}),
        ("insert", "", {"c": 1}),
    ]


@pytest.mark.parametrize("body", [b'{"index":{}}\n', b'{"index":{}}\n{"a":1}\n{"b":1}\n', b'{"index":{}}\n[1]\n'])
def test_lines_that_do_not_fit_the_bulk_protocol_are_not_guessed_at(body: bytes) -> None:
    line = "POST https://search.example.test/_bulk"
    head = head_of(line, "application/x-ndjson")
    with pytest.raises(UnreadableError, match="wrong_type"):
        endpoint_of(line, head, "generic-ndjson", CATALOGUE).read(head, body)
