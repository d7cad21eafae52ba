"""The schema objects of an OpenAPI document as self-contained JSON Schema 2020-12, per direction.

Rules: each place of the document is converted once (`openapi_convert`). A property marked readOnly is not required in
a request, one marked writeOnly not in a response. Every `$ref` becomes `#/$defs/name`, and a route's schema carries
exactly the definitions it reaches, so it compiles, streams and compares without the rest of the file. References:
OpenAPI 3.0.4 section 4.7.24, OpenAPI 3.1.1 section 4.8.24.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from clyra_proxy.json_pointer import unescape
from clyra_proxy.schemalock import vocabulary
from clyra_proxy.schemalock.hostile import MAX_UNFOLDED
from clyra_proxy.schemalock.openapi_convert import Conversion, SchemaFault
from clyra_proxy.schemalock.vocabulary import Schema, in_place_references

_MAX_CHAIN = 16


class Direction(StrEnum):
    """Which bodies a schema is for: `readOnly` and `writeOnly` count in one direction only."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(slots=True)
class SchemaSet:
    """All schemas of one document, converted for one direction on first use, each place once."""

    document: Any
    direction: Direction
    legacy: bool  # OpenAPI 3.0: siblings of $ref are ignored
    backtracking: bool = False
    notes: list[tuple[str, str]] = field(default_factory=list)
    definitions: dict[str, Schema] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)
    _uses: dict[str, set[str]] = field(default_factory=dict)
    _faults: dict[str, SchemaFault] = field(default_factory=dict)
    _pending: list[str] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)

    def schema_at(self, pointer: str) -> Schema:
        """The self-contained schema for the schema object at `pointer`. Raises SchemaFault for it or what it needs."""
        raw = self.lookup(pointer)
        uses: set[str] = set()
        schema = Conversion(self, uses).convert(raw, pointer)
        self._settle()
        reached, queue = set[str](), sorted(uses)
        while queue:
            name = queue.pop()
            if name in reached:
                continue
            reached.add(name)
            if name in self._faults:
                raise self._faults[name]
            queue.extend(self._uses[name])
        if not isinstance(schema, dict):
            return schema
        definitions = {name: self.definitions[name] for name in sorted(reached)}
        return {"$schema": vocabulary.DIALECT, **schema, **({"$defs": definitions} if definitions else {})}

    def place_of(self, pointer: str, operation_pointer: str) -> str:
        """Where in the OpenAPI document a pointer into a schema of `schema_at` came from (best effort)."""
        parts = pointer.split("/", 3)
        if pointer.startswith("/$defs/") and len(parts) > 2:
            place = self._places.get(unescape(parts[2]), operation_pointer)
            return place + (f"/{parts[3]}" if len(parts) > 3 else "")
        return operation_pointer + pointer

    def lookup(self, pointer: str) -> Any:
        try:
            return vocabulary.lookup(self.document, pointer)
        except (LookupError, ValueError):
            raise SchemaFault(pointer, "nothing is there") from None

    def target(self, reference: object, pointer: str) -> str:
        """The pointer a `$ref` names. Raises SchemaFault when it leads out of the document."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise SchemaFault(
                f"{pointer}/$ref", f"{reference!r} is not a pointer into this document", "Bundle the file first."
            )
        return unquote(reference[1:])

    def define(self, pointer: str) -> str:
        """The `$defs` name standing for the schema at `pointer`; conversion happens later, so circles are no matter."""
        if (name := self._names.get(pointer)) is None:
            stem = re.sub(r"[^A-Za-z0-9_.-]+", ".", pointer.removeprefix("/components/schemas/").strip("/"))[-80:]
            name, number = stem, 2
            while name in self._places:
                name, number = f"{stem}-{number}", number + 1
            self._names[pointer], self._places[name] = name, pointer
            self._pending.append(pointer)
        return name

    def _settle(self) -> None:
        fresh: list[str] = []
        while self._pending:
            pointer = self._pending.pop()
            name = self._names[pointer]
            fresh.append(name)
            uses: set[str] = set()
            try:
                self.definitions[name] = Conversion(self, uses).convert(self.lookup(pointer), pointer)
            except SchemaFault as fault:
                self._faults[name] = fault
            self._uses[name] = uses
        for name in fresh:
            if self._endless(name):
                self._faults[name] = SchemaFault(self._places[name], "its references never end", "Break the circle.")
        for name in fresh:
            if self._unfolded(name) > MAX_UNFOLDED:
                why = f"its references unfold to more than {MAX_UNFOLDED} judgements of one value"
                self._faults[name] = SchemaFault(self._places[name], why, "Refer to each alternative once.")

    def _unfolded(self, name: str) -> int:
        """How many definitions judge one value, each counted as often as references lead to it; circles are faults."""
        waiting = [name]
        while waiting:
            used = [
                unescape(target.removeprefix("#/$defs/"))
                for target in in_place_references(self.definitions.get(waiting[-1], True))
            ]
            fresh = [one for one in dict.fromkeys(used) if one not in self._sizes and one not in self._faults]
            waiting.extend(fresh)
            if not fresh:
                last = waiting.pop()
                self._sizes[last] = 1 + sum(self._sizes.get(one, 1) for one in used)
        return self._sizes[name]

    def _endless(self, name: str) -> bool:
        """True when references lead from a definition back to itself without going down into the instance."""
        seen, queue = set[str](), [name]
        while queue:
            for target in in_place_references(self.definitions.get(queue.pop(), True)):
                used = unescape(target.removeprefix("#/$defs/"))
                if used == name:
                    return True
                if used not in seen:
                    seen.add(used)
                    queue.append(used)
        return False

    def marked(self, node: Any, pointer: str, depth: int = 0) -> set[str]:
        """Names of properties that the other direction alone may require, declared at `node` or in its allOf."""
        flag = "readOnly" if self.direction is Direction.REQUEST else "writeOnly"
        found: set[str] = set()
        if depth > _MAX_CHAIN or not isinstance(node, dict):
            return found
        if isinstance(node.get("$ref"), str) and node["$ref"].startswith("#/"):
            found |= self.marked(self.lookup(unquote(node["$ref"][1:])), pointer, depth + 1)
        for name, prop in (node.get("properties") or {}).items():
            chain = 0
            while isinstance(prop, dict) and not prop.get(flag) and chain < _MAX_CHAIN:
                if not isinstance(prop.get("$ref"), str) or not prop["$ref"].startswith("#/"):
                    break
                prop, chain = self.lookup(unquote(prop["$ref"][1:])), chain + 1
            if isinstance(prop, dict) and prop.get(flag) is True:
                found.add(name)
        for part in node.get("allOf") or ():
            found |= self.marked(part, pointer, depth + 1)
        return found
