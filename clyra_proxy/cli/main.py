"""The command `clyra`: one entry, one way to fail.

Rule: a person sees what happened, why, and what to do, never a traceback. Exit codes: 0 pass, 1 fail, 2 cannot tell,
64 usage (sysexits.h EX_USAGE); `clyra run` ends with its child's code. CLYRA_DEBUG=1 lets tracebacks through.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from clyra_proxy import __version__
from clyra_proxy.cli.commands import LazyGroup
from clyra_proxy.cli.output import print_error

USAGE = 64
CANNOT_TELL = 2

app = typer.Typer(
    cls=LazyGroup,
    name="clyra",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 pass, 1 fail, 2 cannot tell, 64 usage.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clyra {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Clyra: one control point for machine-made changes, with evidence that anyone can verify."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return the exit code. Never raises for anything a user can cause."""
    try:
        result = typer.main.get_command(app)(args=list(arguments), prog_name="clyra", standalone_mode=False)
    except Exception as error:
        if os.environ.get("CLYRA_DEBUG"):
            raise
        return _report(error)
    return result if isinstance(result, int) else 0


def _report(error: Exception) -> int:
    if isinstance(error, typer.TyperException):
        _show_usage(error)
        return USAGE
    if isinstance(error, typer.Abort):
        return 1
    if hasattr(error, "what") and hasattr(error, "todo"):  # ClyraError, and the recorder's own tree of the same shape
        told: Any = error
        print_error(told.what, told.why, told.todo)
        return int(getattr(error, "exit_code", 1))
    print_error(
        f"Clyra failed unexpectedly: {type(error).__name__}: {error}",
        "This is a fault of the program, not of your input.",
        "Run it again with CLYRA_DEBUG=1 and report the traceback.",
    )
    return CANNOT_TELL


def _show_usage(error: Any) -> None:
    if type(error).__name__ == "NoArgsIsHelpError":  # the help is already printed
        return
    context = getattr(error, "ctx", None)
    if context is not None:
        typer.echo(context.get_usage(), err=True)
    print_error(error.format_message(), "", f"Try '{context.command_path} --help'." if context is not None else "")


def main() -> None:
    """Entry point of the `clyra` script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
