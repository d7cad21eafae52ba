"""Files handed to a provider: what is text is read, and of the rest it is said that it was not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.exchange import Destination, RequestHead
from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.genai.protocols.recognise import READINGS, recognise

BOUNDARY = "3f8ebe3bc623c63136d022b756c9c76f"
READING = READINGS["upload"]


def form(*files: tuple[str, bytes], more: str = "") -> bytes:
    parts = [b'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch']
    for name, content in files:
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: a/b\r\n{more}\r\n'
        parts.append(head.encode() + content)
    delimiter = f"--{BOUNDARY}\r\n".encode()
    return b"".join(delimiter + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("content", "texts", "unread"),
    [
        (b'{"a":"one","b":["two"]}', ["one", "two"], ()),
        (b'{"a":"one"}\n{"a":"t\\u0077o"}\n', ["one", "two"], ()),
        (b'{"a":"one"}\n{"a":', ['{"a":"one"}\n{"a":'], ()),
        ("Grüße\r\nan alle".encode(), ["Grüße\r\nan alle"], ()),
        (b"RIFF\x00\x00WAVE", [], ("file",)),
        (b"\xff\xd8\xff\xe0", [], ("file",)),
        (b"", [], ()),
    ],
)
def test_what_is_read(content: bytes, texts: list[str], unread: tuple[str, ...]) -> None:
    found = READING.request(form(("f", content)))
    assert [segment.text for segment in found.segments] == ["batch", *texts]
    assert {(segment.path, segment.provenance) for segment in found.segments} == {("", Provenance.UNKNOWN)}
    assert found.unread == unread


def test_a_part_in_a_transfer_encoding_is_not_read() -> None:
    found = READING.request(form(("f", b"c2VjcmV0"), more="Content-Transfer-Encoding: base64\r\n"))
    assert found.unread == ("file",)


@pytest.mark.parametrize("body", [b"", b"{}", b"--", b"--x\r\n", form(("f", b"x"))[:-10]])
def test_what_is_no_form(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        READING.request(body)


@given(st.binary(max_size=200))
def test_any_content_is_read_or_named(content: bytes) -> None:
    try:
        READING.request(form(("f", content)))
        READING.request(content)
    except UnreadableError:
        pass


@pytest.mark.parametrize(
    ("host", "fields", "read"),
    [
        ("api.openai.com", (), True),
        ("gateway.test", ((b"anthropic-version", b"2023-06-01"),), True),
        ("files.test", (), False),
    ],
)
def test_which_forms_are_uploads(host: str, fields: tuple[tuple[bytes, bytes], ...], read: bool) -> None:
    head = RequestHead(
        (*fields, (b"Content-Type", f"multipart/form-data; boundary={BOUNDARY}".encode())), "POST", "/v1/files"
    )
    found = recognise(head, Destination(host, 443, "https", authority=host, sni=host))
    assert (found is READING) is read
