"""YAML as policy reads it: plain values, and the line each one stands on.

Guarantees: duplicate keys are refused; only `true` and `false` are booleans (`off`, `no` and `12:30` stay text, as in
YAML 1.2 core); keys are text; no tag makes an object; aliases cannot blow the document up or loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from clyra_proxy.errors import PolicyError

type Path = tuple[str | int, ...]
"""Keys and list positions from the root of the document."""

MAX_NODES = 200_000


class _CoreLoader(yaml.SafeLoader):
    """Resolves scalars by the YAML 1.2 core schema instead of YAML 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape


_CoreLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_CoreLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_FLOAT = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$")
_CoreLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))


class CoreDumper(yaml.SafeDumper):
    """Quotes a text that reads as something else in YAML 1.1 or in the core schema of 1.2 (`1e3` is a number there)."""


CoreDumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file. text: as written. data: its mapping. lines: path of every key and item -> line, from 1."""

    name: str
    text: str
    data: dict[str, object]
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int | None:
        """Line of the deepest part of `path` that is written in the file."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def parse(text: str, name: str) -> Source:
    """Read a YAML mapping; an empty document is an empty mapping. Raises PolicyError with file and line."""
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
        if node is None:
            return Source(name, text, {})
        reader = _Reader(loader, name)
        data = reader.read(node, ())
    except yaml.YAMLError as error:
        raise _syntax_error(error, name) from error
    except RecursionError as error:
        raise PolicyError(f"{name}: the document is nested too deeply.", todo="A policy needs ten levels.") from error
    if not isinstance(data, dict):
        raise PolicyError(
            f"{name}:1: the policy is not a mapping.",
            "A policy is `section: settings`.",
            "Start from the one that `clyra init` writes.",
        )
    return Source(name, text, data, reader.lines)


class _Reader:
    """Walks the node tree once, keeping lines."""

    def __init__(self, loader: _CoreLoader, name: str) -> None:
        self.loader = loader
        self.name = name
        self.lines: dict[Path, int] = {}
        self.nodes = 0
        self.open: set[int] = set()

    def read(self, node: yaml.Node, path: Path) -> object:
        self.nodes += 1
        if self.nodes > MAX_NODES or id(node) in self.open:
            raise self.fault(node, "the document expands without end", "Write repeated parts out; use no alias there.")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            return self.sequence(node, path)
        finally:
            self.open.discard(id(node))

    def scalar(self, node: yaml.ScalarNode) -> object:
        try:
            return self.loader.construct_object(node)
        except ValueError as error:
            raise self.fault(node, f"`{node.value}` is not a usable value", "Quote it if it is text.") from error

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                raise self.fault(key_node, "a key is not text", "Write keys as plain words.")
            here = (*path, key)
            if key in result:
                first = self.lines[here]
                raise self.fault(key_node, f"the key `{key}` is written twice", f"It stands on line {first} already.")
            self.lines[here] = key_node.start_mark.line + 1
            result[key] = self.read(value_node, here)
        return result

    def sequence(self, node: yaml.Node, path: Path) -> list[object]:
        result: list[object] = []
        for index, item in enumerate(node.value):
            here = (*path, index)
            self.lines[here] = item.start_mark.line + 1
            result.append(self.read(item, here))
        return result

    def fault(self, node: yaml.Node, why: str, todo: str) -> PolicyError:
        return PolicyError(f"{self.name}:{node.start_mark.line + 1}: {why}.", todo=todo)


def _syntax_error(error: yaml.YAMLError, name: str) -> PolicyError:
    mark = getattr(error, "problem_mark", None)
    place = f"{name}:{mark.line + 1}" if mark is not None else name
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return PolicyError(f"{place}: this is not YAML.", f"The parser says: {problem}.", "Check indentation and quotes.")
