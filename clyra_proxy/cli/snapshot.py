"""`clyra snapshot`: what a table was, as a record; and whether a row was in it.

Exit codes: 0 done or proven, 1 failed or not proven.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from recorder import statement
from recorder.container import open_container
from recorder.container_form import ContainerError
from recorder.layout import Layout
from recorder.local import request_snapshot
from recorder.snapshot import postgres, statements
from recorder.snapshot.proof import RowProof
from recorder.snapshot.proof import prove as prove_row
from recorder.snapshot.row import TYPES, Column, RowError
from recorder.snapshot.salt import create_salt, read_salt, salt_path

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Prove what a table was, and which rows it had.")

DsnOption = Annotated[
    str,
    typer.Option(envvar="CLYRA_SNAPSHOT_DSN", help="PostgreSQL connection string (default: libpq's own variables)."),
]
TableOption = Annotated[str, typer.Option(help="Table, as schema.table.")]
SaltOption = Annotated[Path | None, typer.Option(help="File of the table's salt.", show_default="kept by the recorder")]


@app.command()
def take(
    table: TableOption,
    dsn: DsnOption = "",
    home: HomeOption = None,
    salt: SaltOption = None,
    leaves: Annotated[Path | None, typer.Option(help="Keep all row commitments here, for row proofs later.")] = None,
    job: Annotated[str, typer.Option(help="Job that this snapshot belongs to.")] = "",
    dbt_node: Annotated[str, typer.Option(help="dbt node that made the table.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Commit to every row of a table as it is now, and record the root. No row leaves the database."""
    layout = Layout(Home.locate(home).root)
    key = create_salt(salt or salt_path(layout.folder, table))
    with _new_file(leaves) as kept:
        found = postgres.take(dsn, table, key, kept)
    answer = request_snapshot(layout.socket, found.data(job, dbt_node))
    told = {**found.data(job, dbt_node), **answer}
    if as_json:
        print_json(told)
        return
    typer.echo(f"{found.rows} rows of {found.table} at {found.snapshot_id}: record {answer['seq']}")
    typer.echo(f"  rows root  {found.root.hex()}")


@app.command()
def prove(
    table: TableOption,
    key: Annotated[str, typer.Option(metavar="COLUMN=VALUE", help="The row: a column, and its value as text.")],
    leaves: Annotated[Path, typer.Option(help="Commitments that 'take --leaves' kept.")],
    out: Annotated[Path, typer.Option(help="File to write. It holds the row in the clear.")],
    dsn: DsnOption = "",
    home: HomeOption = None,
    salt: SaltOption = None,
) -> None:
    """Write the proof that a row, as it is now, was in a snapshot."""
    column, separator, value = key.partition("=")
    if not separator:
        raise UsageError("--key needs COLUMN=VALUE.")
    columns, texts = postgres.fetch_texts(dsn, table, column, value)
    secret = read_salt(salt or salt_path(Layout(Home.locate(home).root).folder, table))
    out.write_bytes(prove_row(leaves, columns, texts, secret).to_bytes() + b"\n")
    typer.echo(f"Wrote {out}. It shows this row and nothing of the others.")


@app.command()
def check(
    proof: Annotated[Path, typer.Argument(help="A row proof.")],
    bundle: Annotated[Path | None, typer.Option(help="Bundle with the snapshot's record.")] = None,
    root: Annotated[str, typer.Option(help="Rows root that you know another way, hex.")] = "",
) -> None:
    """Check that a row was in a snapshot. Verify the bundle itself with 'clyra verify'."""
    found = RowProof.parse(_read(proof))
    found.check()
    if bundle is None and not root:
        raise UsageError("A proof alone proves nothing.", "", "Give the --bundle with the snapshot, or its --root.")
    if root and root != found.root.hex():
        raise RowError("The proof is about another root.")
    where = ""
    if bundle is not None:
        seq, data = _record_of(bundle, found)
        where = f", record {seq}: {data['table']} at {data['snapshot_id']}"
    typer.echo(f"Proven: the row was in the snapshot{where}.")


@app.command()
def sql(
    dialect: Annotated[str, typer.Argument(help="postgres, snowflake or bigquery.")],
    table: TableOption,
    columns: Annotated[
        str, typer.Option(metavar="NAME:TYPE,...", help=f"Columns in order; types: {', '.join(TYPES)}.")
    ],
    salt: Annotated[Path, typer.Option(help="File of the table's salt, made when there is none. Keep it secret.")],
) -> None:
    """Print the query that computes the row commitments in the warehouse. It holds key material: treat it as secret."""
    typer.echo(statements.commitments(dialect, table, _columns(columns), create_salt(salt)))


def _columns(text: str) -> list[Column]:
    pairs = [item.rpartition(":") for item in text.split(",")]
    if not all(name and kind in TYPES for name, _, kind in pairs):
        raise UsageError("--columns needs NAME:TYPE,...", f"Types are {', '.join(TYPES)}.")
    return [Column(name, kind) for name, _, kind in pairs]


def _record_of(bundle: Path, proof: RowProof) -> tuple[int, dict[str, Any]]:
    """The snapshot record in a bundle that a proof is about. Raises RowError."""
    wanted = f'"rows_root":"{proof.root.hex()}"'.encode()
    try:
        with closing(open_container(bundle)) as container:
            for line in _lines(container.stream(statement.RECORDS)):
                if wanted not in line:
                    continue
                record = orjson.loads(line)
                if record["typ"] == postgres.TYPE and record["data"].get("rows_root") == proof.root.hex():
                    proof.check_against(record["data"])
                    return int(record["seq"]), record["data"]
    except (OSError, ContainerError, orjson.JSONDecodeError, KeyError) as error:
        raise RowError(f"{bundle} cannot be read.", f"{error}.") from None
    raise RowError("The bundle has no snapshot with the proof's root.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RowError(f"Cannot read {path}.", f"The system says: {error.strerror}.", "Check the path.") from None


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


@contextmanager
def _new_file(path: Path | None) -> Iterator[IO[bytes] | None]:
    """A file that is there whole or not at all."""
    if path is None:
        yield None
        return
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        yield file
    temporary.replace(path)
