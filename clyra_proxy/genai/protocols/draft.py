"""A conversation in the making: what every reading adds texts, tools and calls to, in the order of the body.

Rules: an empty text is no text; a call's arguments are read string by string, so that escapes hide nothing; every
string of a tool's declaration that could be prose is a text of provenance `tool_description`. Arguments that are JSON
inside a JSON string (OpenAI) have paths that go on through it: `.../function/arguments/#/to` means the member `to` of
the JSON text in the string `arguments` (a token can follow a string in no other sense).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from clyra_proxy.genai.model import (
    Conversation,
    Direction,
    Echo,
    Media,
    Provenance,
    Segment,
    ToolCall,
    ToolDefinition,
    Usage,
)
from clyra_proxy.genai.protocols.json_text import EMBEDDED, keys, leaves, parse_embedded, pointer
from clyra_proxy.genai.protocols.media import is_data_url, is_text, kind_of, named_text, read_data_url, text_of_base64
from clyra_proxy.genai.protocols.reading import UnreadableError

MOST_PARTS = 50_000
"""Texts, tools and calls in one conversation."""

_LONGEST_WORD = 40  # a longer string without a blank may be an order in disguise
_SHORTEST_KEY, _LONGEST_KEY = 16, 4096
_LONGEST_UNREAD = 64


class Draft:
    """Collects the parts of one conversation. `history`: whether what is added now repeats an earlier turn."""

    def __init__(self, protocol: str, direction: Direction, operation: str = "", *, model: str = "") -> None:
        self.protocol = protocol
        self.direction = direction
        self.operation = operation
        self.model = model
        self.stream = False
        self.history = False
        self.usage = Usage()
        self.max_output_tokens = -1
        self.finish_reason = ""
        self.structured: Mapping[str, Any] | None = None
        self.error = False
        self.segments: list[Segment] = []
        self.tools: list[ToolDefinition] = []
        self.calls: list[ToolCall] = []
        self.media: list[Media] = []
        self.echoes: list[Echo] = []
        self._unread: dict[str, None] = {}

    def text(self, value: object, provenance: Provenance, path: str, *, name: str = "", block: str = "") -> None:
        """Add a string; other values are nothing. What has no place in the body has none in a stream of it either."""
        if not isinstance(value, str) or not value:
            return
        self._count()
        self.segments.append(Segment(value, provenance, path, name, block if path else "", self.history))

    def texts(self, value: object, provenance: Provenance, path: str, *, name: str = "", block: str = "") -> None:
        """Add every string in a JSON value."""
        for place, text in leaves(value, path):
            self.text(text, provenance, place, name=name, block=block)

    def label(self, value: object, path: str, *, block: str = "") -> None:
        """Add the name of an attachment, which models are shown, if it says more than a name does."""
        if isinstance(value, str) and (is_prose(value) or may_be_key(value)):
            self.text(value, Provenance.DOCUMENT, path, block=block)

    def others(self, value: Mapping[str, Any], known: Collection[str], provenance: Provenance, path: str) -> None:
        """Add what members without a reader of their own say: sentences, and words that could be a key."""
        for member, held in value.items():
            if member not in known and not isinstance(held, (int, float, bool)):
                for place, text in leaves(held, pointer(path, member)):
                    if is_telling(text):
                        self.text(text, provenance, place, block=f"other/{member[:_LONGEST_WORD]}")

    def unread(self, word: str) -> None:
        self._unread[word[:_LONGEST_UNREAD]] = None

    def strange(self, value: object, provenance: Provenance, path: str, kind: object, *, block: str = "") -> None:
        """Something of a kind nobody knows: its strings are read, and it is said that they were guessed at."""
        self.unread(f"unknown_block:{kind if isinstance(kind, str) and is_plain(kind) else 'odd'}")
        self.texts(value, provenance, path, block=block)

    def call(
        self, name: object, arguments: object, path: str, *, id: object = "", kind: str = "function", block: str = ""
    ) -> None:
        """Add a call. arguments: a JSON value, or its text. path: of the arguments."""
        self._count()
        raw, place = "", path
        if isinstance(arguments, str):
            raw, place = arguments, pointer(path, EMBEDDED)
            arguments = parse_embedded(raw) if raw.strip() else {}
        word = name if isinstance(name, str) else ""
        made = ToolCall(word, arguments, raw, _identifier(id), kind, path, block, self.history)
        self.calls.append(made)
        if is_telling(word):
            self.text(word, Provenance.ARGUMENTS, "", name=word)
        if arguments is None:
            self.text(raw, Provenance.ARGUMENTS, path, name=word, block=block)
        else:
            self.texts(arguments, Provenance.ARGUMENTS, place, name=word, block=block)

    def tool(
        self, declared: object, path: str, *, kind: str = "function", inner: str = "", schema: str = "parameters"
    ) -> None:
        """Add a definition. inner: member that holds name, description and `schema`, when they lie one level down."""
        if not isinstance(declared, dict):
            self.strange(declared, Provenance.TOOL_DESCRIPTION, path, "tool")
            return
        self._count()
        body = declared.get(inner) if inner else declared
        body = body if isinstance(body, dict) else declared
        name, about, shape = body.get("name"), body.get("description"), body.get(schema)
        self.tools.append(
            ToolDefinition(
                name=name if isinstance(name, str) else "",
                description=about if isinstance(about, str) else "",
                schema=shape if isinstance(shape, (dict, bool)) else None,
                kind=kind,
                path=path,
                declared=declared,
            )
        )
        self.declaration(declared, path, name if isinstance(name, str) else "")

    def declaration(self, declared: object, path: str, name: str) -> None:
        """Add the prose in a declaration: descriptions wherever they stand, defaults, examples, long names."""
        for place, text in leaves(declared, path):
            if is_prose(text) or may_be_key(text) or place.endswith("/description"):
                self.text(text, Provenance.TOOL_DESCRIPTION, place, name=name)
        for key in keys(declared):
            if is_prose(key) or may_be_key(key):
                self.text(key, Provenance.TOOL_DESCRIPTION, "", name=name)

    def attachment(
        self, media: object, data: object, provenance: Provenance, path: str, *, name: object = "", block: str = ""
    ) -> None:
        """Add an attachment in base64 as text if it is text, else as what it is. media: type, or a format name."""
        kind, label = word(media), word(name)
        if isinstance(data, str) and (is_text(kind) or (kind_of(kind) == "file" and named_text(label))):
            text = text_of_base64(data)
            if text is not None:
                self.text(text, Provenance.DOCUMENT, "", name=label, block=block)
                return
        self.medium(kind_of(kind), provenance, path, media_type=kind, base64=word(data), name=label)

    def link(self, url: object, provenance: Provenance, path: str, kind: str, *, name: object = "") -> None:
        """Add what a URL holds (`data:`); another address is read as a text, and what it leads to is not read."""
        address, label = word(url), word(name)
        if not is_data_url(address):
            self.text(address, provenance, path, name=label)
            self.medium(kind, provenance, path, url=address, name=label)
            return
        media, data, text = read_data_url(address)
        if text is not None:
            self.text(text, Provenance.DOCUMENT, "", name=label)
        else:
            self.medium(kind_of(media, kind), provenance, path, media_type=media, base64=data, name=label)

    def medium(
        self,
        kind: str,
        provenance: Provenance,
        path: str,
        *,
        media_type: str = "",
        url: str = "",
        base64: str = "",
        name: str = "",
    ) -> None:
        """Add something that is no text."""
        self.unread(kind)
        if url or base64:
            self._count()
            self.media.append(Media(kind, provenance, media_type, url, base64, path, name))

    def echo(self, value: object, path: str, of: str) -> None:
        """Add what repeats the texts under `of` token by token, if there is any."""
        if isinstance(value, (list, dict)) and value:
            self.echoes.append(Echo(path, of))

    def conversation(self) -> Conversation:
        return Conversation(
            protocol=self.protocol,
            direction=self.direction,
            operation=self.operation,
            model=self.model,
            stream=self.stream,
            segments=tuple(self.segments),
            tools=tuple(self.tools),
            calls=tuple(self.calls),
            usage=self.usage,
            max_output_tokens=self.max_output_tokens,
            finish_reason=self.finish_reason,
            structured=self.structured,
            unread=tuple(self._unread),
            error=self.error,
            media=tuple(self.media),
            echoes=tuple(self.echoes),
        )

    def _count(self) -> None:
        if len(self.segments) + len(self.tools) + len(self.calls) + len(self.media) >= MOST_PARTS:
            raise UnreadableError("too_many_parts")


def is_prose(text: str) -> bool:
    """Whether a string of a declaration can say something to a model: words, or one suspiciously long word."""
    return len(text) > _LONGEST_WORD or " " in text or "\n" in text or "\t" in text or not text.isascii()


def may_be_key(text: str) -> bool:
    """Whether one word is as long and as mixed as keys are. Most identifiers of declarations have no digit."""
    return _SHORTEST_KEY <= len(text) <= _LONGEST_KEY and text.isascii() and any(map(str.isdigit, text))


def is_telling(text: str) -> bool:
    """Whether a string of a member that nobody knows is worth a look: a sentence, or a word that could be a key. Other
    words there, however long, are identifiers."""
    return (is_prose(text) and any(map(str.isspace, text))) or may_be_key(text)


def is_plain(name: str) -> bool:
    """Whether a name from a body may stand in a verdict: short, and of the letters that names of kinds have."""
    return 0 < len(name) <= _LONGEST_WORD and name.isascii() and name.replace("_", "").replace("-", "").isalnum()


def whole(value: object) -> int:
    """A count as providers give it; -1 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1


def word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _identifier(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64 else ""
