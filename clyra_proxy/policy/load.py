"""From a policy file to a validated document: parse, lay over the profile, validate, or say exactly what is wrong.

Guarantees: an unknown key, a bad value or an unknown rule is an error with file, line, dotted path and the nearest
name that exists; all problems of a file are reported at once; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel, ValidationError

from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.files import read_text
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.problems import Problem, explain
from clyra_proxy.policy.profiles import profile_chain
from clyra_proxy.policy.source import Source, parse


class InvalidPolicyError(PolicyError):
    """A policy that parses and does not validate. problems: all of them, in file order."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(
            "\n".join(str(problem) for problem in problems),
            "" if len(problems) == 1 else f"{name} has {len(problems)} problems.",
        )


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A document with what is needed to explain it. base_dir: folder that relative file names start from."""

    document: PolicyDocument
    source: Source
    base_dir: Path


def load_policy(path: Path) -> PolicyDocument:
    """The effective document of the file at `path`. Raises PolicyError."""
    return load_with_source(path).document


def load_with_source(path: Path) -> LoadedPolicy:
    """As `load_policy`, keeping source lines. Raises PolicyError."""
    source = parse(read_text(path), str(path))
    return LoadedPolicy(build_document(source), source, path.resolve().parent)


def parse_policy(text: str, name: str = "policy") -> PolicyDocument:
    """The effective document of a policy given as text. Raises PolicyError."""
    return build_document(parse(text, name))


def build_document(source: Source) -> PolicyDocument:
    """Lay `source` over the profile it extends and validate. Raises PolicyError."""
    merged: dict[str, object] = {}
    for profile in profile_chain(source):
        merged = merge(merged, {key: value for key, value in profile.data.items() if key != "extends"})
    return validate(PolicyDocument, source, merge(merged, source.data))


def validate[Model: BaseModel](model: type[Model], source: Source, data: Mapping[str, object] | None = None) -> Model:
    """`data` (default: the source's own) as `model`; problems are told by the lines of `source`. Raises PolicyError."""
    data = source.data if data is None else data
    try:
        return model.model_validate_json(orjson.dumps(data))
    except ValidationError as error:
        raise InvalidPolicyError(source.name, explain(error, model, source, data)) from error
    except orjson.JSONEncodeError as error:
        raise PolicyError(
            f"{source.name}: a value cannot be used.",
            f"{error}.",
            "Whole numbers have at most 64 bits, and text is Unicode without surrogates.",
        ) from error


def merge(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """`over` laid over `base`: mappings merge key by key, every other value replaces. Neither is changed."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            result[key] = merge(below, value)
        else:
            result[key] = value
    return result
