"""Control mappings: which clause a control answers to, and which tests over records show that it operated.

A mapping is a reviewed data file, `compliance/<framework>.yaml`, read strictly: an unknown key, test or parameter is an
error. It can only choose from the closed set of tests in this package and set their limits; a result is never written
down, it is computed. Every control says what its tests cannot show, because a record of a control operating is not the
control's design, and not the law's judgement of it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

import recorder
from recorder.attest.registry import TESTS
from recorder.errors import RecorderError

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9._-]{0,63}$")]


class MappingError(RecorderError):
    """A control mapping cannot be used."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """A text that clauses refer to."""

    id: Token
    title: Text
    reference: Text = Field(description="Where the text stands: citation, publication number.")


class TestUse(_Strict):
    """One test of a control, with its limits."""

    __test__ = False  # not a pytest class

    test: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> TestUse:
        known = TESTS.get(self.test)
        if known is None:
            near = difflib.get_close_matches(self.test, TESTS, 1)
            raise ValueError(f"there is no test `{self.test}`" + (f"; the nearest is `{near[0]}`" if near else ""))
        known.parameters.model_validate(self.parameters)
        return self


class Control(_Strict):
    """One control. shows / cannot_show: what passing tests mean, in words for the report."""

    id: Token
    title: Text
    source: Token
    clause: Text
    shows: Text
    cannot_show: Text
    tests: list[TestUse] = Field(min_length=1)


class Framework(_Strict):
    """A whole mapping."""

    framework: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,32}$")]
    title: Text
    version: Annotated[int, Field(ge=1)]
    reviewed: date
    scope: Text
    not_covered: Text
    sources: list[Source] = Field(min_length=1)
    controls: list[Control] = Field(min_length=1)

    @field_validator("controls")
    @classmethod
    def _once(cls, controls: list[Control]) -> list[Control]:
        names = [control.id for control in controls]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"control ids occur twice: {', '.join(sorted(twice))}")
        return controls

    @model_validator(mode="after")
    def _sources_exist(self) -> Framework:
        known = {source.id for source in self.sources}
        missing = {control.source for control in self.controls} - known
        if missing:
            raise ValueError(f"controls refer to unknown sources: {', '.join(sorted(missing))}")
        return self


class _Loader(yaml.SafeLoader):
    """Safe, and a key written twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key is written twice", node.start_mark)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping and the digest of the exact file it was read from."""

    framework: Framework
    sha256: str


def framework_names() -> tuple[str, ...]:
    """Names of the shipped mappings, sorted."""
    return tuple(sorted(file.stem for file in _folder().glob("*.yaml")))


def load(name: str) -> Mapping:
    """A shipped mapping by name. Raises MappingError."""
    if name not in framework_names():
        near = difflib.get_close_matches(name, framework_names(), 1)
        raise MappingError(
            f"There is no control mapping `{name}`.",
            f"The nearest is `{near[0]}`." if near else "",
            f"Choose one of: {', '.join(framework_names())}.",
        )
    return load_file(_folder() / f"{name}.yaml")


def load_file(path: Path) -> Mapping:
    """A mapping of your own. Raises MappingError."""
    try:
        raw = path.read_bytes()
        data = yaml.load(raw, _Loader)  # noqa: S506 - a SafeLoader
        framework = Framework.model_validate(data)
    except OSError as error:
        raise MappingError(f"Cannot read {path}: {error.strerror}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise MappingError(
            f"{path.name} is not a control mapping.", _first(error), "See docs/attestations.md."
        ) from None
    return Mapping(framework, sha256(raw).hexdigest())


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}."
    return f"{error}."


@cache
def _folder() -> Path:
    """Inside an installed package, or at the top of a checkout."""
    package = Path(recorder.__file__).resolve().parent
    installed = package / "_compliance"
    return installed if installed.is_dir() else package.parent / "compliance"
