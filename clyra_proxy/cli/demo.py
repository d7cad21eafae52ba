"""`clyra demo`: the whole story against a local upstream, on a data folder of its own.

Rule: exit code 0 only if every step did what it should; nothing outside the demo's folder is written, nothing leaves
this machine.
"""

from __future__ import annotations

import shlex
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from clyra_proxy.demo.stage import Stage, check_tools
from clyra_proxy.demo.story import Step, Story, StoryError

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Do it in this folder and leave it there.", file_okay=False)
    ] = None,
) -> None:
    """Show what Clyra does: stop bad payloads in mid-stream, let clients work unchanged, prove it afterwards."""
    check_tools()
    console = Console(highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clyra-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        stage = stack.enter_context(Stage(folder))
        address = stage.start()
        console.print(f"[bold]Clyra demo[/bold]  proxy on {address}, upstream on {stage.upstream.url}\n")
        failed = [step.title for step in Story(stage).steps() if not tell(console, step)]
    if keep:
        home = escape(shlex.quote(str(folder / "home")))
        console.print(f"Everything is in {escape(str(folder))}; look at it with CLYRA_HOME={home}.")
    if failed:
        console.print(f"\n[red]{len(failed)} steps did not do what they should:[/red] {escape('; '.join(failed))}")
        raise typer.Exit(1)
    console.print("\n[green]Every step did what it should.[/green]")


def tell(console: Console, step: Step) -> bool:
    """Run one step and print what happened; returns whether it was as promised."""
    begin = time.monotonic()
    try:
        lines, mark = step.act(), "[green]✓[/green]"
    except StoryError as error:
        lines, mark = [str(error)], "[red]✗[/red]"
    console.print(f"{mark} [bold]{escape(step.title)}[/bold] [dim]({time.monotonic() - begin:.1f} s)[/dim]")
    for line in lines:
        console.print(f"    [dim]{escape(line)}[/dim]")
    return "green" in mark
