"""What a body says that it does on a host that nobody knows: GraphQL, and fields that name an action."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.approvals.bodies import operations_in
from clyra_proxy.exchange import RequestHead

ANYTHING = "delete insert send unknown update upsert"


def told(body: bytes | Any, content_type: str = "application/json", path: str = "/graphql") -> str:
    head = RequestHead(((b"content-type", content_type.encode()),), "POST", path)
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return " ".join(sorted(operations_in(head, payload)))


@pytest.mark.parametrize(
    ("document", "operations"),
    [
        ("mutation { deleteUser(id: 1) { id } }", "delete"),
        ("mutation M($id: ID! = {a: [1]}) @x(y: 1) { gone: deleteUser(id: $id) @skip(if: false) { id } }", "delete"),
        ("mutation { userCreate(input: {}) { id } userUpdate { id } }", "insert update"),
        ("mutation { productDelete(input: {id: 1}) { deletedProductId } }", "delete"),
        ("mutation { delete_users(where: {}) { affected_rows } }", "delete"),
        ("mutation { insert_users_one(object: {}) { id } }", "insert"),
        ("mutation { users { delete(id: 1) { ok } } }", "delete unknown"),
        ("mutation { addNote(input: {}) { note { delete } } }", "insert"),
        ("mutation { ...All } fragment All on Mutation { removeUser(id: 1) { id } }", "delete"),
        ("mutation { ... on Mutation @include(if: true) { wipe } }", "delete"),
        ('# a query\nquery A { a } mutation B { purgeCache(why: """ } mutation " """) }', "delete"),
        ("\ufeffmutation,{,eraseMe,}", "delete"),
        ("mutation { transfer(amount: 5) { id } }", "unknown"),
        ("{ deleteUser }", ""),
        ("query { deletedUsers { id } }", ""),
        ("subscription { removed }", ""),
        ('query { search(text: "mutation { deleteUser }") { id } }', ""),
        ("mutation of genes", ""),
        ("SELECT * FROM mutation", ""),
        ("mutation { deleteUser(id: 1) ", ANYTHING),
        ("mutation { \u2028deleteUser }", ANYTHING),
        ("mutation " + "{ a " * 200 + "}" * 200, ANYTHING),
    ],
)
def test_graphql(document: str, operations: str) -> None:
    assert told({"query": document, "variables": {}}) == operations
    assert told([{"query": "{ a }"}, {"query": document}]) == operations
    assert told(document.encode(), "application/graphql; charset=utf-8") == operations


@pytest.mark.parametrize(
    ("body", "operations"),
    [
        ({"query": "query A { a } mutation B { deleteB }", "operationName": "A"}, ""),
        ({"query": "query A { a } mutation B { deleteB }", "operationName": "B"}, "delete"),
        ({"query": "query A { a } mutation B { deleteB }", "operationName": "C"}, "delete"),
        (b'{"query":"{ a }","query":"mutation { deleteB }"}', "delete"),
        (b'{"query":"\\u006dutation { \\u0064eleteB }"}', "delete"),
        ({"operationName": "D", "extensions": {"persistedQuery": {"sha256Hash": "0"}}}, "unknown"),
        ({"action": "delete", "ids": [1, 2]}, "delete"),
        ({"Action": "BULK_DELETE"}, "delete"),
        ([{"op": "add"}, {"op": "remove"}], "delete"),
        ({"jsonrpc": "2.0", "method": "users.delete", "params": {"id": 1}}, "delete"),
        ({"jsonrpc": "2.0", "method": "deleteUser", "id": 1}, "delete"),
        ({"action": "undelete"}, ""),
        ({"action": "deleted_users_report"}, ""),
        ({"note": "delete", "data": {"action": "delete"}}, ""),
        ({"action": {"delete": True}, "query": 5}, ""),
        (b"delete everything", ""),
        (b"", ""),
    ],
)
def test_bodies(body: bytes | Any, operations: str) -> None:
    assert told(body) == operations


def test_forms_and_parameters() -> None:
    assert told(b"Action=DeleteUser&UserName=ann", "application/x-www-form-urlencoded", "/") == "delete"
    assert told(b"{}", path="/graphql?query=mutation%7BdeleteUser%7D") == "delete"
    assert told(b"action=list&q=delete", "application/x-www-form-urlencoded", "/") == ""


@given(st.text(max_size=200) | st.text('mutation{}()[]@:."\\ #,ab$1!', max_size=200))
def test_whatever_is_sent_is_answered(text: str) -> None:
    assert told({"query": text, "action": text}) is not None
    assert told(("mutation" + text).encode("utf-8", "replace"), "application/graphql") is not None


def test_a_long_document_takes_linear_time() -> None:
    assert told({"query": "mutation {" + "a(b: [{c: 1}]) { d { e } } " * 20_000 + "}"}) == ANYTHING
    assert told({"query": "mutation {" + "deleteIt(b: [{c: 1}]) " * 400 + "}"}) == "delete"
