"""Read a JSON or YAML document a person wrote, strictly, and say on which line a pointer stands.

Guarantees: one document; no key twice in one mapping; only JSON's data model comes out (mapping keys are strings, YAML
1.2 core scalars, no dates, no tags that build objects); size, nesting and the number of values are bounded, so that an
alias bomb is refused before anything walks it. References: RFC 8259, YAML 1.2.2 section 10.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jiter
import orjson
import yaml

from clyra_proxy.errors import SchemaError
from clyra_proxy.json_pointer import tokens_of
from clyra_proxy.schemalock.position import json_line

MAX_BYTES = 32 * 1024 * 1024
MAX_VALUES = 5_000_000
MAX_DEPTH = 150


class _StrictLoader(yaml.CSafeLoader):
    """SafeLoader with the YAML 1.2 core scalars and no repeated keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} appears twice", key.start_mark
                    )
                seen.add(key.value)
                key.tag = "tag:yaml.org,2002:str"  # 200: and on: are names here, never a number or a boolean
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _StrictLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), [*_first, ""] if _tag == "null" else [*_first]
    )


def _decimal(loader: _StrictLoader, node: yaml.ScalarNode) -> int:
    return int(node.value)  # YAML 1.1 would read 010 as eight


def _float(loader: _StrictLoader, node: yaml.ScalarNode) -> float:
    return float(node.value)


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _decimal)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _float)


@dataclass(frozen=True)
class Document:
    """A loaded document. name: what to call it in messages (the path as given). value: its data."""

    name: str
    text: str
    value: Any
    is_json: bool

    def where(self, pointer: str) -> str:
        """`file:line` of the value at a JSON pointer, or of its nearest ancestor in the text."""
        tokens = list(tokens_of(pointer))
        line = json_line(self.text, tokens) if self.is_json else self._yaml_line(tokens)
        return f"{self.name}:{line}"

    @cached_property
    def _composed(self) -> yaml.Node | None:
        return yaml.compose(self.text, Loader=_StrictLoader)

    def _yaml_line(self, tokens: list[str]) -> int:
        node = self._composed
        line = 1
        for token in tokens:
            if isinstance(node, yaml.MappingNode):
                found = [pair for pair in node.value if pair[0].value == token]
                if not found:
                    break
                line, node = found[0][0].start_mark.line + 1, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and token.isdecimal() and int(token) < len(node.value):
                node = node.value[int(token)]
                line = node.start_mark.line + 1
            else:
                break
        return line


def load_document(path: Path, *, name: str = "") -> Document:
    """Read `path` as JSON (by its first character) or YAML. Raises SchemaError naming file and line."""
    name = name or str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SchemaError(f"{name} cannot be read", f"{error.strerror}.", "Check the path.") from None
    return parse_document(raw, name)


def parse_document(raw: bytes, name: str) -> Document:
    """Parse bytes as JSON or YAML. Raises SchemaError."""
    if len(raw) > MAX_BYTES:
        raise SchemaError(f"{name} is too large", f"{len(raw)} bytes, limit {MAX_BYTES}.", "Split it by API.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SchemaError(f"{name} is not UTF-8", f"Byte {error.start}.", "Save it as UTF-8.") from None
    is_json = text.lstrip()[:1] in ("{", "[", '"') or text.strip() in ("true", "false", "null")
    value = _parse_json(raw, name) if is_json else _parse_yaml(text, name)
    _refuse_bomb(value, name)
    return Document(name, text, value, is_json)


def _parse_json(raw: bytes, name: str) -> Any:
    try:
        orjson.loads(raw)  # stricter about numbers and surrogates than the parser that sees repeated keys
        return jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as error:
        raise SchemaError(f"{name} is not usable JSON", f"{error}.", "Correct it; no key may appear twice.") from None


def _parse_yaml(text: str, name: str) -> Any:
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader with less in it
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SchemaError(f"{name}:{line} is not usable YAML", f"{error.problem}.", "Correct it.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SchemaError(f"{name} is not usable YAML", f"{str(error)[:200]}.", "Correct it.") from None


def _refuse_bomb(value: Any, name: str) -> None:
    """Count values as a walk would meet them, shared ones every time."""
    count, stack = 0, [(value, 0)]
    while stack:
        node, depth = stack.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            limit = f"nested deeper than {MAX_DEPTH}" if depth > MAX_DEPTH else f"more than {MAX_VALUES} values"
            raise SchemaError(f"{name} is too complex", f"It is {limit} (aliases counted).", "Split it.")
        if isinstance(node, dict):
            stack.extend((child, depth + 1) for child in node.values())
        elif isinstance(node, list):
            stack.extend((child, depth + 1) for child in node)
