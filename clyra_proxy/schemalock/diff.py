"""Does a new schema still take everything the old one took? Yes, no with a witness, or unknown.

Guarantees: `yes` comes only from a proof (canonical containment) that survived an attempt to refute it; `no` comes only
with a document that the real validator accepts under the old schema and refuses under the new one; everything else is
`unknown`, which a person decides. Both sides are judged as the data path judges: patterns on the linear engine,
`format` as an annotation. References: Habib et al., "Finding data compatibility bugs with JSON subschema checks"
(ISSTA 2021); the mode names are those of schema registries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

import jsonschema_rs
from jsonschema_rs import canonical

from clyra_proxy.schemalock import regex, vocabulary
from clyra_proxy.schemalock.hostile import inspect_schema
from clyra_proxy.schemalock.instances import Maker, Material, gather
from clyra_proxy.schemalock.vocabulary import Schema

_REFUTATIONS = 60  # documents tried against a proof
_SEARCH = 400  # documents tried from each source when there is no proof
_MOST_WORK = 400_000  # documents times subschemas
_SHRINKS = 400


class Answer(StrEnum):
    """Whether one schema takes all that another takes: yes, no (there is a witness), or not to be said."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """backward: new takes all that old took. forward: old takes all that new takes. full: both."""

    BACKWARD = "backward"
    FORWARD = "forward"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Compatibility:
    """The answer for one direction. witness: for NO, a document; why: for UNKNOWN, what stood in the way.

    direction: `backward` when the question was "does new take what old took", else `forward`.
    """

    answer: Answer
    direction: Mode
    witness: Any = None
    why: str = ""


def compare(old: Schema, new: Schema, mode: Mode = Mode.BACKWARD, *, seed: int = 0) -> tuple[Compatibility, ...]:
    """Answer for every direction the mode asks about. Raises SchemaError when a schema cannot be used at all."""
    inspect_schema(old, source="OLD")
    inspect_schema(new, source="NEW")
    found: list[Compatibility] = []
    if mode in (Mode.BACKWARD, Mode.FULL):
        found.append(_contained(old, new, Mode.BACKWARD, seed))
    if mode in (Mode.FORWARD, Mode.FULL):
        found.append(_contained(new, old, Mode.FORWARD, seed))
    return tuple(found)


def worst(answers: tuple[Compatibility, ...]) -> Answer:
    """NO before UNKNOWN before YES."""
    given = {one.answer for one in answers}
    return next((answer for answer in (Answer.NO, Answer.UNKNOWN) if answer in given), Answer.YES)


def _contained(narrow: Schema, wide: Schema, direction: Mode, seed: int) -> Compatibility:
    """Is every document of `narrow` a document of `wide`?"""
    pair = _Pair(narrow, wide, Random(seed))  # noqa: S311 - reproducible candidates, no secret
    proof = prove(narrow, wide)
    effort = _REFUTATIONS if proof.answer is Answer.YES else pair.effort
    for candidate in pair.candidates(effort):
        if pair.tells(candidate):
            return Compatibility(Answer.NO, direction, pair.shrink(candidate))
    if proof.answer is Answer.YES:
        return Compatibility(Answer.YES, direction)
    return Compatibility(Answer.UNKNOWN, direction, why=proof.why)


def prove(narrow: Schema, wide: Schema) -> Compatibility:
    """YES when containment is proved, else UNKNOWN with what stood in the way (never NO: that needs a witness)."""
    why = "containment could not be proved, and no document was found that tells the two apart"
    for expand in (_as_is, _dereferenced):
        try:
            left, right = (_canonical(expand(schema)) for schema in (narrow, wide))
            if right.covers(left) == canonical.Containment.YES:
                return Compatibility(Answer.YES, Mode.BACKWARD)
        except (
            canonical.CanonicalizationError,
            jsonschema_rs.ValidationError,
            jsonschema_rs.ReferencingError,
        ) as error:
            why = f"{why} ({type(error).__name__})"
    return Compatibility(Answer.UNKNOWN, Mode.BACKWARD, why=why)


def _as_is(schema: Schema) -> Schema:
    return schema


def _dereferenced(schema: Schema) -> Schema:
    return jsonschema_rs.dereference(schema, offline=True) if isinstance(schema, dict) else schema


def _canonical(schema: Schema) -> jsonschema_rs.CanonicalSchema:
    return jsonschema_rs.canonicalize(schema, offline=True, pattern_options=regex.LINEAR)


class _Pair:
    """Two schemas and the search for a document between them."""

    def __init__(self, narrow: Schema, wide: Schema, random: Random) -> None:
        self.narrow, self.wide, self.random = narrow, wide, random
        self._accepts = jsonschema_rs.validator_for(narrow, offline=True, pattern_options=regex.LINEAR)
        self._refuses = jsonschema_rs.validator_for(wide, offline=True, pattern_options=regex.LINEAR)

    @property
    def effort(self) -> int:
        """How many documents to try from each source: fewer for larger schemas, so that an answer comes in seconds."""
        size = sum(1 for schema in (self.narrow, self.wide) for _ in vocabulary.walk(schema))
        return max(_REFUTATIONS, min(_SEARCH, _MOST_WORK // size))

    def tells(self, candidate: Any) -> bool:
        """True when the one accepts and the other refuses: a witness."""
        try:
            received = json.loads(json.dumps(candidate, allow_nan=False))
        except ValueError:
            return False  # not a document anyone could send
        return self._accepts.is_valid(received) and not self._refuses.is_valid(received)

    def candidates(self, count: int) -> Iterator[Any]:
        """From the difference of the two schemas first, then around the edges of both."""
        material = gather(self.narrow, self.wide)
        difference = self._difference()
        if difference is not None:
            yield from Maker(difference, material, self.random).documents(count)
        for maker in (Maker(self.narrow, material, self.random), Maker(self.wide, material, self.random)):
            for document in maker.documents(count):
                yield document
                yield from _neighbours(document, material, self.random)

    def _difference(self) -> Schema | None:
        try:
            schema = _canonical(self.narrow).subtract(_canonical(self.wide)).to_json_schema()
        except (canonical.CanonicalizationError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
            return None
        return schema if isinstance(schema, dict | bool) and schema is not False else None

    def shrink(self, witness: Any) -> Any:
        """A smaller witness, by greedy removal; every step is verified."""
        for _ in range(_SHRINKS):
            smaller = next((one for one in _smaller(witness) if self.tells(one)), _SAME)
            if smaller is _SAME:
                break
            witness = smaller
        return witness


_SAME = object()


def _neighbours(document: Any, material: Material, random: Random) -> Iterator[Any]:
    """The document with one member dropped, added or replaced."""
    if isinstance(document, dict):
        for name in list(document)[:8]:
            yield {key: value for key, value in document.items() if key != name}
        name = material.names[random.randrange(len(material.names))]
        scalars: list[Any] = [*material.numbers, *material.strings, None, {}, []]
        yield {**document, name: scalars[random.randrange(len(scalars))]}
    elif isinstance(document, list) and document:
        yield document[1:]
        yield [*document, document[0]]


def _smaller(value: Any) -> Iterator[Any]:
    """Simpler values in place of `value`, simplest first."""
    if isinstance(value, dict):
        for name in value:
            yield {key: kept for key, kept in value.items() if key != name}
        for name, member in value.items():
            for smaller in _smaller(member):
                yield {**value, name: smaller}
    elif isinstance(value, list):
        if len(value) > 3:
            yield value[: len(value) // 2]
        for index in range(min(len(value), 20)):
            yield value[:index] + value[index + 1 :]
        for index, member in enumerate(value[:20]):
            for smaller in _smaller(member):
                yield [*value[:index], smaller, *value[index + 1 :]]
    elif isinstance(value, str):
        if len(value) > 1:
            yield value[: len(value) // 2]
            yield value[:-1]
        if value and value != "a" * len(value):
            yield "a" * len(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        simple = [n for n in (0, 1, -1, 0.5, int(value) if abs(value) < 1e15 else 0) if n != value]
        yield from (n for n in simple if len(repr(n)) < len(repr(value)))
