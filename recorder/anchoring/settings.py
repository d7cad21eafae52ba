"""`anchors.json`: where checkpoints are placed, how often, and how many witnesses make them count.

Strict: unknown fields are refused. No secret stands in the file: a connection string is read from a 0600 file or an
environment variable, credentials of an object store come the usual way of its client library, Git uses its own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recorder import durable
from recorder.anchoring.errors import AnchorSettingsError
from recorder.anchoring.warehouse import IDENTIFIER, TABLE
from recorder.cosignature import WITNESS_TYPE, VkeyError, parse_vkey
from recorder.keys import read_private

_Url = Annotated[str, Field(pattern=r"^https?://[^\s]{1,500}$")]


class _Target(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")


class WitnessTarget(_Target):
    """A C2SP witness. url: its submission prefix. vkey: its verifier key. authority: PEM of a private TLS authority."""

    kind: Literal["witness"] = "witness"
    url: _Url
    vkey: str
    authority: str = ""

    @field_validator("vkey")
    @classmethod
    def _is_vkey(cls, text: str) -> str:
        try:
            parse_vkey(text, WITNESS_TYPE)
        except VkeyError as error:
            raise ValueError(str(error)) from None
        return text


class TimestampTarget(_Target):
    """An RFC 3161 authority. certificate: PEM file with its self-signed root (and intermediates, if need be)."""

    kind: Literal["rfc3161"] = "rfc3161"
    url: _Url
    certificate: Path
    authority: str = ""


class GitTarget(_Target):
    """A local clone. remote: name or URL to push to, "" for none."""

    kind: Literal["git"] = "git"
    path: Path
    branch: str = Field(default="clyra-anchors", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")
    remote: str = Field(default="", pattern=r"^([^-\s][^\s]{0,499})?$")


class ObjectTarget(_Target):
    """An S3-compatible store. mode: object lock of each object; NONE leaves it to the bucket."""

    kind: Literal["object"] = "object"
    url: str = Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,62}(/[^\s]{0,400})?$")
    endpoint: str = Field(default="", pattern=r"^(https?://[^\s]{1,300})?$")
    region: str = ""
    mode: Literal["COMPLIANCE", "GOVERNANCE", "NONE"] = "COMPLIANCE"
    retain_days: int = Field(default=2557, ge=1, le=36_500)


class FolderTarget(_Target):
    """A folder, best a mount that cannot be rewritten or one that is copied elsewhere."""

    kind: Literal["folder"] = "folder"
    path: Path


class WarehouseTarget(_Target):
    """A PostgreSQL table. Exactly one of dsn_file (0600) and dsn_env says how to connect."""

    kind: Literal["warehouse"] = "warehouse"
    table: str = TABLE
    dsn_file: Path | None = None
    dsn_env: str = Field(default="", pattern=r"^([A-Z_][A-Z0-9_]*)?$")

    @field_validator("table")
    @classmethod
    def _is_table(cls, text: str) -> str:
        if IDENTIFIER.fullmatch(text) is None:
            raise ValueError("not a table name of plain identifiers")
        return text

    @model_validator(mode="after")
    def _one_source(self) -> WarehouseTarget:
        if (self.dsn_file is None) == (not self.dsn_env):
            raise ValueError("give either dsn_file or dsn_env")
        return self

    def dsn(self) -> str:
        """The connection string. Raises AnchorSettingsError, KeyFileError."""
        if self.dsn_file is not None:
            return read_private(self.dsn_file).decode("utf-8", "replace").strip()
        if not os.environ.get(self.dsn_env):
            raise AnchorSettingsError(f"The environment variable {self.dsn_env} is not set.")
        return os.environ[self.dsn_env]


Target = WitnessTarget | TimestampTarget | GitTarget | ObjectTarget | FolderTarget | WarehouseTarget


class Settings(BaseModel):
    """interval_s, records: anchor when so much time passed or so many records came. need: witnesses that must agree."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    interval_s: int = Field(default=60, ge=1, le=86_400)
    records: int = Field(default=10_000, ge=1, le=100_000_000)
    timeout_s: float = Field(default=10.0, gt=0, le=300)
    need: int = Field(default=1, ge=0, le=64)
    targets: tuple[Annotated[Target, Field(discriminator="kind")], ...] = Field(default=(), max_length=16)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Settings:
        names = [target.name for target in self.targets]
        if len(set(names)) != len(names):
            raise ValueError("two targets have the same name")
        return self

    @property
    def witnesses(self) -> tuple[WitnessTarget, ...]:
        return tuple(target for target in self.targets if isinstance(target, WitnessTarget))


def load(path: Path) -> Settings:
    """The settings; none when there is no file. Raises AnchorSettingsError."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise AnchorSettingsError(f"Cannot read {path}.", f"The system says: {error.strerror}.") from None
    return parse(raw, str(path))


def parse(raw: bytes, name: str) -> Settings:
    """Read settings strictly. Raises AnchorSettingsError."""
    try:
        return Settings.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = "/".join(str(part) for part in first["loc"]) or "top"
        raise AnchorSettingsError(
            f"{name} is wrong at '{where}'.", f"{first['msg']}.", "See docs/anchors.md."
        ) from None


def save(path: Path, settings: Settings) -> None:
    """Write the file whole. Raises AnchorSettingsError."""
    text = settings.model_dump_json(indent=1, exclude_defaults=False) + "\n"
    parse(text.encode(), str(path))
    try:
        durable.replace(path, text.encode(), 0o644)
    except OSError as error:
        raise AnchorSettingsError(f"Cannot write {path}.", f"The system says: {error.strerror}.") from None


def add(path: Path, told: dict[str, Any]) -> Settings:
    """Add one target and write the file. Raises AnchorSettingsError for a wrong or second one of a name."""
    known = json.loads(load(path).model_dump_json())
    known["targets"].append(told)
    changed = parse(json.dumps(known).encode(), "The new target")
    save(path, changed)
    return changed
