"""What deletes by the name that a path or a field gives it, and what only sounds like that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.exchange import HeaderFields, RequestHead
from clyra_proxy.policy.deleting import says_delete


def request(path: str, method: str = "POST", fields: HeaderFields = ()) -> RequestHead:
    return RequestHead(fields, method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/users/delete",
        "/users/delete/",
        "/users/123/delete",
        "/users/delete/123",
        "/users/delete/9f0c1d2e-aaaa-4bbb-8ccc-001122334455",
        "/users/delete/ann@acme.test",
        "/deleteUser",
        "/api/DeleteUsers",
        "/api/delete_user",
        "/api/user-delete",
        "/api/bulk-delete",
        "/api/bulk_delete_users",
        "/crm/v3/objects/contacts/batchDelete",
        "/v1/contacts:batchDelete",
        "/v1/projects/p/contacts/7:delete",
        "/api/chat.delete",
        "/acme.users.v1.UserService/DeleteUser",
        "/accounts/7/destroy",
        "/cache/purge?all=1",
        "/me/removeAccount",
        "/records/wipe",
        "/users/%64elete",
        "/users;v=1/delete;x=2",
        "/users%2Fdelete",
        "/users/list/../delete",
        "/?Action=DeleteUser&UserName=ann",
    ],
)
def test_these_delete(path: str) -> None:
    assert says_delete(request(path))
    assert not says_delete(request(path, "GET"))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/users",
        "/users/undelete",
        "/users/deleted",
        "/users/deleted/123",
        "/deletions",
        "/users/delete/preview",
        "/delete/users",
        "/v1/delete-policies/7/list",
        "/v1/contacts:undelete",
        "/users/123",
        "/users/can-delete-now/123/check",
        "/search?q=delete",
        "/search?next=/users/delete",
        "/users?Action=ListUsers",
        "/wiped-devices",
        "/" + "delete" * 100,
        "/users/list#/delete",
    ],
)
def test_these_do_not(path: str) -> None:
    assert not says_delete(request(path))


@pytest.mark.parametrize(
    ("method", "fields", "deletes"),
    [
        ("POST", ((b"X-Amz-Target", b"DynamoDB_20120810.DeleteItem"),), True),
        ("POST", ((b"X-Amz-Target", b"DynamoDB_20120810.GetItem"),), False),
        ("GET", ((b"X-HTTP-Method-Override", b"POST"), (b"X-Amz-Target", b"A.DeleteItem")), True),
    ],
)
def test_fields(method: str, fields: HeaderFields, deletes: bool) -> None:
    assert says_delete(request("/", method, fields)) is deletes


@given(st.text(max_size=300))
def test_any_path_is_read(path: str) -> None:
    assert says_delete(request("/" + path)) in (True, False)
