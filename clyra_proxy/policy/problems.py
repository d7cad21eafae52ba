"""What is wrong with a policy, in a person's words: file, line, dotted path, and the nearest name that exists."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from clyra_proxy.policy.section import UNKNOWN_RULE
from clyra_proxy.policy.source import Path, Source
from clyra_proxy.verdict.rules import FAMILIES, RULES, is_configurable


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. path: dotted, as in the file. hint: what to do, or ""."""

    file: str
    line: int | None
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        subject = f"{self.path}: " if self.path else ""
        return f"{place}: {subject}{self.message}" + (f" {self.hint}" if self.hint else "")


def explain(error: ValidationError, model: type[BaseModel], source: Source, merged: object) -> tuple[Problem, ...]:
    """Problems of a failed validation of `model`, in file order, each said once."""
    problems: dict[tuple[str, str], Problem] = {}
    for details in error.errors(include_url=False, include_context=True):
        problem = _problem(details, model, source, merged)
        problems.setdefault((problem.path, problem.message), problem)
    return tuple(sorted(problems.values(), key=lambda problem: problem.line or 0))


def _problem(details: ErrorDetails, model: type[BaseModel], source: Source, merged: object) -> Problem:
    path = written_path(details["loc"], merged)
    kind = details["type"]
    message, hint = _sentence(details["msg"]), ""
    if kind == "extra_forbidden":
        message, hint = "unknown key.", _nearest(str(path[-1]), fields_at(model, path[:-1]))
    elif kind == UNKNOWN_RULE:
        configurable = [name for name in (*RULES, *FAMILIES) if is_configurable(name)]
        hint = _nearest(str(details.get("ctx", {}).get("name", "")), configurable)
    elif kind == "missing":
        message = "this key is required."
    elif kind == "enum":
        hint = _nearest(str(details["input"]), _choices(details))
    return Problem(source.name, source.line_of(path), dotted(path), message, hint)


def dotted(path: Path) -> str:
    """`destinations.crm.rules[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def written_path(location: Iterable[str | int], merged: object) -> Path:
    """The part of pydantic's location that is really in the document: union branches and `[key]` are its own."""
    path: list[str | int] = []
    here = merged
    for part in location:
        try:
            here = here[part]  # type: ignore[index]
        except (LookupError, TypeError):
            if isinstance(here, dict) and isinstance(part, str) and not path_is_internal(part):
                return (*path, part)
        else:
            path.append(part)
    return tuple(path)


def path_is_internal(part: str) -> bool:
    """True for the names pydantic invents in a location."""
    return part == "[key]" or "[" in part or "-" in part


def fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """Keys that the section at `path` below `model` accepts; empty where keys are free."""
    kind: object = model
    for part in path:
        kind = _inside(kind, part)
    section = _model_of(kind)
    return [] if section is None else [field.alias or name for name, field in section.model_fields.items()]


def _inside(kind: object, part: str | int) -> object:
    model = _model_of(kind)
    if model is not None:
        for name, field in model.model_fields.items():
            if part == (field.alias or name):
                return field.annotation
        return None
    for candidate in _branches(kind):
        origin, arguments = typing.get_origin(candidate), typing.get_args(candidate)
        if origin is dict and isinstance(part, str):
            return arguments[1]
        if origin is list and isinstance(part, int):
            return arguments[0]
    return None


def _model_of(kind: object) -> type[BaseModel] | None:
    for candidate in _branches(kind):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _branches(kind: object) -> tuple[object, ...]:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def _choices(details: ErrorDetails) -> list[str]:
    return str(details.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")


def _nearest(name: str, candidates: Iterable[str]) -> str:
    candidates = list(candidates)
    near = difflib.get_close_matches(name, candidates, n=1, cutoff=0.5)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Known here: {', '.join(f'`{candidate}`' for candidate in candidates)}." if candidates else ""


def _sentence(text: str) -> str:
    text = text.removeprefix("Value error, ").strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."
