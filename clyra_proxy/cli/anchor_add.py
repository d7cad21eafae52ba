"""`clyra anchor add KIND`: configure one target; the running recorder takes it over by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clyra_proxy.cli.options import HomeOption
from clyra_proxy.home import Home
from recorder.anchoring import settings
from recorder.anchoring.warehouse import TABLE
from recorder.layout import Layout

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Add a target of one kind.")

NameArgument = Annotated[str, typer.Argument(help="Name of the target, lower case.")]
AuthorityOption = Annotated[Path | None, typer.Option(help="PEM of a private TLS authority.", exists=True)]


@app.command()
def witness(
    name: NameArgument,
    url: Annotated[str, typer.Argument(help="Its submission prefix.")],
    vkey: Annotated[str, typer.Argument(help="Its verifier key.")],
    home: HomeOption = None,
    authority: AuthorityOption = None,
) -> None:
    """A C2SP witness ('clyra witness', or any other)."""
    _add(home, {"kind": "witness", "name": name, "url": url, "vkey": vkey, "authority": _text(authority)})


@app.command()
def rfc3161(
    name: NameArgument,
    url: Annotated[str, typer.Argument(help="Its address.")],
    certificate: Annotated[Path, typer.Argument(help="PEM with its self-signed root.", exists=True)],
    home: HomeOption = None,
    authority: AuthorityOption = None,
) -> None:
    """A time stamp authority (RFC 3161)."""
    told = {"kind": "rfc3161", "name": name, "url": url, "certificate": _text(certificate)}
    _add(home, {**told, "authority": _text(authority)})


@app.command()
def git(
    name: NameArgument,
    path: Annotated[Path, typer.Argument(help="A local clone, bare or not.", exists=True)],
    home: HomeOption = None,
    branch: Annotated[str, typer.Option(help="Branch of its own for anchors.")] = "clyra-anchors",
    remote: Annotated[str, typer.Option(help="Push to this remote.")] = "",
) -> None:
    """A Git repository."""
    _add(home, {"kind": "git", "name": name, "path": _text(path), "branch": branch, "remote": remote})


@app.command("object")
def object_store(
    name: NameArgument,
    url: Annotated[str, typer.Argument(help="s3://bucket/prefix")],
    home: HomeOption = None,
    endpoint: Annotated[str, typer.Option(help="Address of the store, where it is not AWS.")] = "",
    region: Annotated[str, typer.Option(help="Region.")] = "",
    mode: Annotated[str, typer.Option(help="Object lock: COMPLIANCE, GOVERNANCE or NONE.")] = "COMPLIANCE",
    retain_days: Annotated[int, typer.Option(help="How long objects are locked.")] = 2557,
) -> None:
    """An S3-compatible object store; credentials come the usual way of AWS clients."""
    told = {"kind": "object", "name": name, "url": url, "endpoint": endpoint, "region": region}
    _add(home, {**told, "mode": mode, "retain_days": retain_days})


@app.command()
def folder(
    name: NameArgument,
    path: Annotated[Path, typer.Argument(help="An existing folder.", exists=True, file_okay=False)],
    home: HomeOption = None,
) -> None:
    """A folder, best a mount that cannot be rewritten."""
    _add(home, {"kind": "folder", "name": name, "path": _text(path)})


@app.command()
def warehouse(
    name: NameArgument,
    home: HomeOption = None,
    dsn_file: Annotated[Path | None, typer.Option(help="0600 file with the connection string.", exists=True)] = None,
    dsn_env: Annotated[str, typer.Option(help="Environment variable with the connection string.")] = "",
    table: Annotated[str, typer.Option(help="Table, made with 'clyra anchor sql'.")] = TABLE,
) -> None:
    """A table in PostgreSQL."""
    told: dict[str, Any] = {"kind": "warehouse", "name": name, "dsn_env": dsn_env, "table": table}
    _add(home, {**told, **({"dsn_file": _text(dsn_file)} if dsn_file else {})})


def _add(home: Path | None, told: dict[str, Any]) -> None:
    layout = Layout(Home.locate(home).root)
    settings.add(layout.anchors, told)
    typer.echo(f"Added {told['name']}. A running recorder takes it over within seconds; see 'clyra anchor list'.")


def _text(path: Path | None) -> str:
    return str(path.expanduser().resolve()) if path is not None else ""
