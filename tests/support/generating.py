"""Random schemas, documents and texts for differential tests: small vocabularies, so that things collide."""

from __future__ import annotations

import json
import random
from typing import Any

NAMES = ("rows", "a", "b", "items", "x1", "é")
SPACES = ("", "", "", " ", "\n", "\t ", " \r\n")


class Generator:
    """Everything from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def schema(self) -> dict[str, Any]:
        """A document schema: usually with arrays worth cutting, often with something that forbids it."""
        chance = self.random.random
        schema = self.envelope(3)
        if chance() < 0.5:
            schema["$defs"] = {"row": self.leaf(2), "box": self.envelope(1), "list": self.array(1)}
        else:
            schema["$defs"] = {"row": {"type": "object"}, "box": True, "list": {"type": "array"}}
        if chance() < 0.15:
            schema = {"$ref": "#/$defs/top", "$defs": {**schema.pop("$defs"), "top": schema}}
        return schema

    def envelope(self, depth: int) -> dict[str, Any]:
        chance, choice = self.random.random, self.random.choice
        schema: dict[str, Any] = {}
        if chance() < 0.7:
            schema["type"] = "object"
        names = self.random.sample(NAMES, self.random.randint(1, 3))
        schema["properties"] = {name: self.member(depth - 1) for name in names}
        if chance() < 0.4:
            schema["required"] = self.random.sample(NAMES, self.random.randint(1, 2))
        if chance() < 0.3:
            schema["additionalProperties"] = choice([False, False, True, self.leaf(1), {"type": "array"}])
        if chance() < 0.15:
            schema["patternProperties"] = {choice(["^x", "s$", "^r", "."]): self.constraint(depth)}
        if chance() < 0.1:
            schema["unevaluatedProperties"] = choice([False, True, {"type": "integer"}])
        if chance() < 0.1:
            schema["propertyNames"] = {"maxLength": choice([2, 4, 6])}
        if chance() < 0.1:
            schema["maxProperties"] = choice([1, 2, 3])
        for keyword in ("allOf", "anyOf", "oneOf"):
            if chance() < 0.15:
                schema[keyword] = [self.constraint(depth) for _ in range(self.random.randint(1, 2))]
        if chance() < 0.1:
            schema["not"] = self.constraint(depth)
        if chance() < 0.1:
            schema["if"], schema["then"] = self.constraint(depth), self.constraint(depth)
        if chance() < 0.1:
            schema["dependentSchemas"] = {choice(NAMES): self.constraint(depth)}
        return schema

    def member(self, depth: int) -> Any:
        kind = self.random.random()
        if kind < 0.5:
            return self.array(depth)
        if kind < 0.6:
            return {"$ref": "#/$defs/" + self.random.choice(["row", "box", "list"])}
        if kind < 0.75 and depth > 0:
            return self.envelope(depth)
        return self.leaf(1)

    def array(self, depth: int) -> dict[str, Any]:
        chance = self.random.random
        schema: dict[str, Any] = {"type": self.random.choice(["array", "array", ["array", "null"]])}
        if chance() < 0.1:
            del schema["type"]
        if chance() < 0.85 or "type" not in schema:
            schema["items"] = {"$ref": "#/$defs/row"} if chance() < 0.2 else self.leaf(depth)
        if chance() < 0.2:
            schema["minItems"] = self.random.randint(1, 3)
        if chance() < 0.2:
            schema["maxItems"] = self.random.randint(1, 4)
        if chance() < 0.1:
            schema["uniqueItems"] = True
        if chance() < 0.05:
            schema["contains"] = self.leaf(0)
        return schema

    def constraint(self, depth: int) -> Any:
        """What may stand beside a cut: harmless, or looking inside."""
        choice = self.random.choice
        name = choice(NAMES)
        return choice(
            [
                {"required": [name]},
                {"properties": {name: {"type": choice(["array", "object", "string"])}}},
                {"properties": {name: {"minItems": 2}}},
                {"properties": {name: {"contains": self.leaf(0)}}},
                {"properties": {name: {"items": self.leaf(0)}}},
                {"properties": {name: True}},
                {"properties": {name: self.array(0)}},
                {"additionalProperties": {"type": "array"}},
                {"additionalProperties": {"maxItems": 1}},
                {"$ref": "#/$defs/box"},
                {"const": {name: []}},
                {"type": "object"},
                {"minProperties": 2},
                {"dependentRequired": {name: [choice(NAMES)]}},
                {"anyOf": [{"required": [name]}, {"properties": {name: {"maxItems": 2}}}]},
                True,
            ]
        )

    def leaf(self, depth: int) -> Any:
        choice = self.random.choice
        if depth > 0 and self.random.random() < 0.5:
            made: dict[str, Any] = {"type": "object", "properties": {choice(NAMES): self.leaf(depth - 1)}}
            if self.random.random() < 0.4:
                made["required"] = [choice(NAMES)]
            if self.random.random() < 0.3:
                made["additionalProperties"] = False
            return made
        return choice(
            [
                {"type": "integer", "minimum": 0},
                {"type": "string", "maxLength": 3},
                {"type": ["string", "null"]},
                {"enum": [1, "a", None]},
                {"type": "number", "multipleOf": 2},
                {"type": "array", "items": {"type": "integer"}},
                {"oneOf": [{"type": "integer"}, {"minimum": 2}]},
                {},
                True,
            ]
        )

    def document(self, schema: Any, root: Any = None, depth: int = 4) -> Any:
        """A value that tends to satisfy `schema`, with an occasional surprise."""
        root = schema if root is None else root
        choice = self.random.choice
        if self.random.random() < 0.04 or depth < 0:
            return self.anything(1)
        if not isinstance(schema, dict):
            return self.anything(1)
        if "$ref" in schema:
            return self.document(root["$defs"][schema["$ref"].rpartition("/")[2]], root, depth - 1)
        if "enum" in schema:
            return choice(schema["enum"])
        kind = schema.get("type") or ("object" if "properties" in schema else "array" if "items" in schema else "any")
        kind = choice(kind) if isinstance(kind, list) else kind
        if kind == "object":
            made = {
                name: self.document(child, root, depth - 1)
                for name, child in schema.get("properties", {}).items()
                if self.random.random() < 0.85
            }
            for name in schema.get("required", ()):
                made.setdefault(name, self.anything(0))
            if self.random.random() < 0.1:
                made[choice(NAMES)] = self.anything(1)
            return made
        if kind == "array":
            least = schema.get("minItems", 0)
            count = self.random.randint(least, max(least, schema.get("maxItems", 5)))
            return [self.document(schema.get("items", True), root, depth - 1) for _ in range(count)]
        scalars = {
            "integer": choice([0, 2, 4, 70]),
            "number": choice([2, 4.0, -6]),
            "string": choice(["", "ab", "é,]"]),
        }
        return scalars.get(kind, None if kind == "null" else self.anything(1))

    def anything(self, depth: int) -> Any:
        choice = self.random.choice
        if depth > 0 and self.random.random() < 0.5:
            if self.random.random() < 0.5:
                return [self.anything(depth - 1) for _ in range(self.random.randint(0, 3))]
            return {choice(NAMES): self.anything(depth - 1) for _ in range(self.random.randint(0, 2))}
        return choice([0, 1, -3, 2.5, 12345678901234567890123, "", "a", '"],[{}', "back\\slash:", None, True, False])

    def text(self, value: Any) -> bytes:
        """JSON text with random blanks and escapes, and now and then the same key twice."""
        return self._text(value).encode()

    def _text(self, value: Any) -> str:
        choice = self.random.choice
        if isinstance(value, dict):
            members = [(name, self._text(item)) for name, item in value.items()]
            if members and self.random.random() < 0.01:
                members.append(choice(members))
            inner = ",".join(
                f"{choice(SPACES)}{self._string(name)}{choice(SPACES)}:{choice(SPACES)}{item}{choice(SPACES)}"
                for name, item in members
            )
            return "{" + (inner or choice(SPACES)) + "}"
        if isinstance(value, list):
            return "[" + ",".join(choice(SPACES) + self._text(item) + choice(SPACES) for item in value) + "]"
        return self._string(value) if isinstance(value, str) else json.dumps(value)

    def _string(self, value: str) -> str:
        written = json.dumps(value, ensure_ascii=self.random.random() < 0.5)
        if value and self.random.random() < 0.05:
            written = f'"\\u{ord(value[0]):04x}' + json.dumps(value[1:])[1:]
        return written

    def damage(self, text: bytes) -> bytes:
        """One random change of a byte or a slice."""
        at = self.random.randrange(len(text) + 1)
        kind = self.random.randrange(4)
        if kind == 0:
            return text[:at] + text[at + 1 :]
        if kind == 1:
            return text[:at] + bytes([self.random.choice(b'{}[],:"\\ 0a\n\x00\xff')]) + text[at:]
        if kind == 2:
            return text[:at]
        return text[:at] + text[at : at + 9] + text[at:]
