"""Files that are handed to a provider of models: fine-tuning and batch files, documents, sound, pictures.

Source: RFC 7578 (multipart/form-data); OpenAI API reference "Files", "Uploads", "Audio", "Images"; Anthropic "Files".
Rule: what is text is read, JSON and JSON lines string by string; of the rest it is said that it was not. A text in a
part has no place that could be edited, so what must not leave in it is refused.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.draft import Draft
from clyra_proxy.genai.protocols.generic import GenericReading
from clyra_proxy.genai.protocols.json_text import ROOT, leaves, parse_json
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.stream.multipart import MultipartError, MultipartSplitter, Part

MEDIA = "multipart/form-data"
_LONGEST_BOUNDARY = 70
_OPENING = (b"{", b"[", b'"')


class UploadReading(GenericReading):
    """`POST` of a form with files. Its answer is any JSON."""

    def __init__(self) -> None:
        super().__init__("upload")

    def request(self, body: bytes) -> Conversation:
        draft = Draft(self.id, Direction.REQUEST, "upload")
        for part in _parts_of(body):
            content = b"".join(part.content)
            if part.encoded:
                draft.unread("file")
            else:
                _read(draft, content)
        return draft.conversation()


def _parts_of(body: bytes) -> list[Part]:
    """The parts of a whole form, whose boundary is its first line. Raises UnreadableError."""
    first = body[: _LONGEST_BOUNDARY + 4].partition(b"\r\n")[0]
    if not first.startswith(b"--"):
        raise UnreadableError("unknown_shape")
    try:
        splitter = MultipartSplitter(first[2:].rstrip(b" \t").decode("latin-1"))
        parts = splitter.decode(body)
        splitter.flush()
    except MultipartError:
        raise UnreadableError("unknown_shape") from None
    return parts


def _read(draft: Draft, content: bytes) -> None:
    for value in _values_in(content):
        if value is None:
            draft.unread("file")
        for _, text in leaves(value, ROOT):
            draft.text(text, Provenance.UNKNOWN, "")


def _values_in(content: bytes) -> list[Any]:
    """Its JSON, that of each of its lines, or its text; None for what is no text."""
    bare = content.strip()
    if bare[:1] in _OPENING:
        try:
            return [parse_json(bare)]
        except UnreadableError:
            pass
        try:
            return [parse_json(line) for line in bare.splitlines() if line.strip()]
        except UnreadableError:
            pass
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return [None]
    return [None] if "\x00" in text else [text]
