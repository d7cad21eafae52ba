"""What is text among attachments: media types, file names, data URLs and base64.

Rule: an attachment that is text is read as a document; anything else is named among what could not be read (`image`,
`audio`, `video`, `file`). Base64 is read as leniently as receivers read it: white space and missing padding pass, both
alphabets are known.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

_TEXTUAL = frozenset({
    "application/json", "application/ld+json", "application/xml", "application/yaml", "application/x-yaml",
    "application/toml", "application/javascript", "application/x-javascript", "application/ecmascript",
    "application/x-sh", "application/sql", "application/graphql", "application/csv", "application/rtf",
    "application/x-ndjson", "application/jsonl", "application/markdown", "application/x-www-form-urlencoded",
    "message/rfc822", "image/svg+xml",
})  # fmt: skip
_TEXTUAL_ENDINGS = (
    "txt", "md", "markdown", "html", "htm", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "toml", "ini", "log",
    "eml", "svg", "py", "js", "ts", "java", "c", "cpp", "go", "rs", "rb", "sh", "sql", "css", "rst", "tex",
)  # fmt: skip
_SPACES = str.maketrans("", "", " \t\r\n")
_WEB_ALPHABET = str.maketrans("-_", "+/")


def is_text(media: str) -> bool:
    """Whether a media type (parameters pass) or a bare format name (`txt`, `md`) is text."""
    name = media.partition(";")[0].strip().lower()
    if "/" not in name:
        return name in _TEXTUAL_ENDINGS
    return name.startswith("text/") or name in _TEXTUAL or name.endswith(("+json", "+xml", "+yaml"))


def named_text(filename: str) -> bool:
    """Whether the ending of a file name says text."""
    return "." in filename and filename.rpartition(".")[2].lower() in _TEXTUAL_ENDINGS


def kind_of(media: str, otherwise: str = "file") -> str:
    """The word for an attachment that is not read."""
    family = media.partition("/")[0].strip().lower()
    return family if family in ("image", "audio", "video") else otherwise


def decode_base64(text: str) -> bytes | None:
    """The bytes of base64 in either alphabet; None when it is none."""
    packed = text.translate(_SPACES).translate(_WEB_ALPHABET).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def decode_text(data: bytes) -> str | None:
    """Text in UTF-8, with or without byte order mark, or in UTF-16 with one; None when it is neither."""
    codec = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def text_of_base64(text: str) -> str | None:
    """The text that base64 holds; None when it holds none."""
    data = decode_base64(text)
    return None if data is None else decode_text(data)


def read_data_url(url: str) -> tuple[str, str, str | None]:
    """(media type, base64, text) of a `data:` URL (RFC 2397); text is None when it is no text."""
    head, _, data = url[5:].partition(",")
    media = head.partition(";")[0].strip().lower() or "text/plain"
    encoded = head.lower().rstrip().endswith(";base64")
    if not is_text(media):
        return media, data if encoded else base64.b64encode(unquote_to_bytes(data)).decode("ascii"), None
    return media, data, text_of_base64(data) if encoded else decode_text(unquote_to_bytes(data))


def is_data_url(url: str) -> bool:
    """Whether an address carries its content in itself (RFC 2397)."""
    return url[:5].lower() == "data:"
