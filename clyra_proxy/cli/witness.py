"""`clyra witness`: run a witness for logs, best in another account or organisation than theirs.

Exit codes: 0 stopped or shown, 1 failed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.errors import UsageError
from recorder.witness.server import serve, server_context
from recorder.witness.settings import WitnessFiles

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def witness(
    home: Annotated[Path, typer.Option(help="Folder of this witness: its key, settings and state.", file_okay=False)],
    name: Annotated[str, typer.Option(help="Name of a new witness, a URL without scheme.")] = "",
    log: Annotated[
        list[str] | None,
        typer.Option(metavar="VKEY", help="Verifier key of a log to watch ('clyra anchor list' prints it). Kept."),
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Trust file of a log to watch: its key changes are followed. Kept."),
    ] = None,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen.")] = "127.0.0.1:7380",
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM); without it plain HTTP.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Key of the certificate (PEM).")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the witness's own verifier key, and stop.")] = False,
) -> None:
    """Cosign the checkpoints of logs, each only as long as it never takes back what it showed before.

    Speaks the C2SP tlog-witness protocol. The first start makes a key; the printed verifier key goes to the operators
    of the logs and into their trust files.
    """
    files = WitnessFiles(home.expanduser().resolve())
    files.prepare(name, log or [], trust or [])
    vkey = files.vkey()
    if show:
        typer.echo(str(vkey))
        return
    host, separator, port = listen.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65_535:
        raise UsageError(f"--listen needs HOST:PORT, not '{listen}'.")
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key belong together.")
    tls = server_context(str(tls_cert), str(tls_key)) if tls_cert else None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
    document = files.load()
    watching = len({*document.followed, *(one.origin for one in document.logs)})

    def ready(url: str) -> None:
        typer.echo(f"Witness {vkey.name} watches {watching} logs at {url}")
        typer.echo(f"  verifier key  {vkey}")

    asyncio.run(serve(files, host.strip("[]"), int(port), tls, ready))
