"""A head is judged once as long as it stays the same, and again when anything changed that its framing hangs on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mitmproxy import http

from clyra_proxy.engine.framing import message_problem


def _length_twice(response: http.Response) -> None:
    response.headers.add("content-length", "3")


def _chunked(response: http.Response) -> None:
    response.headers = http.Headers([(b"Transfer-Encoding", b"chunked")])


def _bad_value(response: http.Response) -> None:
    response.headers["x"] = "a\rb"


@pytest.mark.parametrize("spoil", [_length_twice, _bad_value])
def test_what_was_sound_is_judged_again_when_fields_change(spoil: Callable[[http.Response], None]) -> None:
    response = http.Response.make(200, b"1234")
    assert message_problem(response) == message_problem(response) == ""
    spoil(response)
    assert message_problem(response) != ""
    assert message_problem(response) != ""


def test_what_was_sound_is_judged_again_when_version_or_status_change() -> None:
    response = http.Response.make(200)
    _chunked(response)
    assert message_problem(response) == ""
    response.status_code = 204
    assert message_problem(response) != ""
    response.status_code = 200
    assert message_problem(response) == ""
    response.http_version = "HTTP/1.0"
    assert message_problem(response) != ""
