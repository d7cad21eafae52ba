"""Uploads as multipart forms: the one file among the parts, and the fields beside it.

Guarantees: there is exactly one file, its content stands in the body as it is (no transfer encoding), no field stands
twice, and nothing but a line end follows the closing delimiter; anything else is refused, because a server could take
other rows from it than were judged. Reference: RFC 7578, RFC 2046 section 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.schemalock.media import parse_media
from clyra_proxy.stream.multipart import MultipartError, MultipartSplitter, Part


@dataclass(frozen=True, slots=True)
class FilePart:
    """start, end: of the file's content in the body. fields: name -> content of the other parts."""

    start: int
    end: int
    fields: Mapping[str, bytes]


def find_file(body: bytes, boundary: str) -> FilePart:
    """The file in a form. Raises UnreadableError."""
    parts = _parts(body, boundary)
    files = [part for part in parts if part.filename or parse_media(part.content_type).essence == "text/csv"]
    if len(files) != 1 or not parse_media(files[0].content_type).utf8:
        raise unreadable(Unreadable.MEDIA_TYPE)
    (file,) = files
    fields = {part.name: b"".join(part.content) for part in parts if part is not file}
    if len(fields) != len(parts) - 1:
        raise unreadable(Unreadable.DUPLICATE_KEY)
    return FilePart(file.start, file.start + file.size, fields)


def _parts(body: bytes, boundary: str) -> list[Part]:
    try:
        splitter = MultipartSplitter(boundary)
        parts = splitter.decode(body)
        splitter.flush()
    except (MultipartError, UnicodeEncodeError):
        raise unreadable(Unreadable.MEDIA_TYPE) from None
    closing = f"--{boundary}--".encode("latin-1")
    if not body.rstrip(b"\r\n").endswith(closing) or any(part.encoded for part in parts):
        raise unreadable(Unreadable.ENCODING)
    return parts
