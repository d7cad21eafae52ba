"""The readings of a request line: what any server may take it for, the plain reading first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.exchange import HeaderFields, RequestHead
from clyra_proxy.policy.paths import normalise_path
from clyra_proxy.policy.readings import Readings, methods_of, parameters_of, paths_of


def request(path: str = "/", fields: HeaderFields = (), method: str = "POST") -> RequestHead:
    return RequestHead(fields, method, path, "HTTP/1.1")


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        ("/", (), {"POST"}),
        ("/", ((b"X-HTTP-Method", b" delete "),), {"POST", "DELETE"}),
        ("/", ((b"X-Method-Override", b"PUT"), (b"x-method-override", b"PATCH")), {"POST", "PUT", "PATCH"}),
        ("/?a=1&_Method=put", (), {"POST", "PUT"}),
        ("/?_httpmethod=%44ELETE", (), {"POST", "DELETE"}),
        ("/_method=PUT", (), {"POST"}),
    ],
)
def test_methods(path: str, fields: HeaderFields, expected: set[str]) -> None:
    assert methods_of(request(path, fields)) == expected
    assert "POST" in methods_of(request(path, fields, "post"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/users", ("/v1/users",)),
        ("/v1//users/./9?x=%2F#y", ("/v1/users/9",)),
        ("/a%2Fb", ("/a%2Fb", "/a/b")),
        ("/a\\b", ("/a\\b", "/a/b")),
        ("/a;v=1/b", ("/a;v=1/b", "/a/b")),
        ("/a/..;/b", ("/a/..;/b", "/b")),
        ("/a%3Fb", ("/a%3Fb",)),
    ],
)
def test_paths(target: str, expected: tuple[str, ...]) -> None:
    assert paths_of(target) == expected


def test_parameters_have_small_names_and_decoded_values() -> None:
    assert list(parameters_of("/x?Action=Delete%20All&b&=c")) == [("action", "Delete All"), ("b", ""), ("", "c")]


@given(st.text(max_size=200))
def test_the_plain_reading_is_among_them_and_first(path: str) -> None:
    line = Readings(request("/" + path))
    assert line.paths[0] == normalise_path("/" + path)
    assert line.paths == paths_of("/" + path)
    assert line.methods == methods_of(request("/" + path))
