"""`clyra schema learn | lock | accept`: from samples to a lock file, and on from there.

Exit codes: 0 pass, 1 documents drifted from the lock, 2 too little was seen to enforce, 64 usage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from clyra_proxy.cli.options import JsonOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.errors import SchemaError, UsageError
from clyra_proxy.schemalock.drift import Drift, DriftFinder, load_drifts, save_drifts
from clyra_proxy.schemalock.drift import accept as accept_drift
from clyra_proxy.schemalock.learn import Learner, RouteKey, load_learner
from clyra_proxy.schemalock.lock import MAX_MISSING_MASS, SchemaLock, load_lock, make_lock
from clyra_proxy.schemalock.samples import Sampling

_LARGE = 4_000_000  # bytes; smaller inputs are done before a bar is drawn

LockOption = Annotated[Path, typer.Option("--lock", help="Schema lock file.")]
SamplesArgument = Annotated[
    list[Path], typer.Argument(help="JSON files (one document each), NDJSON files (one a line), `-` for NDJSON input.")
]
DEFAULT_LOCK = Path("schema.lock.json")
DEFAULT_STATE = Path("schema.learning.json")


class Direction(StrEnum):
    """Which body of an exchange the samples are."""

    REQUEST = "request"
    RESPONSE = "response"


def add_to(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command()(learn)
    app.command()(lock)
    app.command()(accept)


def learn(
    samples: SamplesArgument,
    route: Annotated[
        str, typer.Option("--route", metavar="'METHOD /path'", help="Route of the samples.", show_default=False)
    ] = "",
    exchanges: Annotated[
        bool, typer.Option("--exchanges", help="Each line is an object with method, path, status, request, response.")
    ] = False,
    direction: Annotated[Direction, typer.Option(help="What the samples are.")] = Direction.REQUEST,
    status: Annotated[str, typer.Option(help="Status of the responses.")] = "200",
    media: Annotated[str, typer.Option(help="Media type of the samples.")] = "application/json",
    each: Annotated[bool, typer.Option("--each", help="Elements of a top-level array are documents.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Count what is not JSON instead of failing.")] = False,
    state: Annotated[
        Path, typer.Option("--state", help="Where learning is kept; continued if it exists.")
    ] = DEFAULT_STATE,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="LOCK", help="Also report drift from this lock.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Learn schemas from samples. Keeps kinds, names, lengths and ranges; never a value.

    With --against, drift is printed and added to LOCK.drift.ndjson, for `clyra schema accept`; exit 1 if there is any.
    """
    sampling = Sampling(_route_key(route, exchanges, direction, status, media), each=each, skip_bad=skip_bad)
    learner = load_learner([state]) if state.exists() else Learner()
    comparison = _Comparison(load_lock(against)) if against is not None else None
    count = 0
    with _progress(samples) as advance:
        for path in samples:
            for key, document in sampling.documents(path, advance):
                learner.observe(key, document)
                if comparison is not None:
                    comparison.add(key, document)
                count += 1
    learner.save(state)
    drifts = list(comparison.drifts.values()) if comparison is not None else []
    if against is not None and drifts:
        save_drifts(_drift_file(against), drifts)
    _report(learner, count, sampling.skipped, state, drifts, as_json)
    if drifts:
        raise typer.Exit(1)


def _route_key(route: str, exchanges: bool, direction: Direction, status: str, media: str) -> RouteKey | None:
    if exchanges:
        if route:
            raise UsageError("--route and --exchanges exclude each other.", "An exchange names its route.", "Drop one.")
        return None
    method, _, path = route.partition(" ")
    if not path.startswith("/") or not method.isalpha():
        raise UsageError(
            "--route is missing or not of the form 'POST /path'.", "", "Say which route the samples are of."
        )
    answered = status if direction is Direction.RESPONSE else ""
    return RouteKey(method.upper(), path, direction.value, answered, media.lower())


class _Comparison:
    """Drifts of all samples from one lock, by id."""

    def __init__(self, lock: SchemaLock) -> None:
        self.drifts: dict[str, Drift] = {}
        self._finders = {key: DriftFinder(route) for key, route in lock.by_key.items()}

    def add(self, key: RouteKey, document: Any) -> None:
        if (finder := self._finders.get(key)) is not None:
            for drift in finder.find(document):
                self.drifts.setdefault(drift.id, drift)


def _drift_file(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.drift.ndjson")


@contextmanager
def _progress(paths: list[Path]) -> Iterator[Callable[[int], None]]:
    """A bar on standard error for large inputs on a terminal."""
    size = sum(path.stat().st_size for path in paths if path.is_file())
    console = Console(stderr=True)
    if size < _LARGE or not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn("learning"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("learning", total=size)
        yield lambda done: progress.advance(task, done)


def _report(learner: Learner, count: int, skipped: int, state: Path, drifts: list[Drift], as_json: bool) -> None:
    if as_json:
        routes = [
            {"route": str(key), "documents": one.documents, "missing_mass": round(one.missing_mass, 6)}
            for key, one in sorted(learner.routes.items())
        ]
        shown = [drift.to_json() for drift in drifts]
        print_json({"state": str(state), "learned": count, "skipped": skipped, "routes": routes, "drifts": shown})
        return
    typer.echo(f"learned from {count} documents ({skipped} skipped) into {state}")
    for key, one in sorted(learner.routes.items()):
        ready = one.missing_mass <= MAX_MISSING_MASS
        word = painted("ready   ", "green", wants_colour()) if ready else painted("not yet ", "yellow", wants_colour())
        typer.echo(f"{word} {key}: {one.documents} documents, missing mass {one.missing_mass:.3%}")
    for drift in drifts:
        typer.echo(f"{painted('drift', 'red', wants_colour())} {drift.id}  {drift.key}: {drift}")


def lock(
    states: Annotated[
        list[Path] | None, typer.Argument(help="What `learn` wrote.", show_default="schema.learning.json")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Lock file to write.")] = DEFAULT_LOCK,
    force: Annotated[bool, typer.Option("--force", help="Enforce routes learned from too little, and say so.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Allow properties that were never seen.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Drop routes that only the old lock has.")] = False,
    reseal: Annotated[bool, typer.Option("--reseal", help="Learn nothing: give an edited lock a new digest.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the lock: one canonical, reviewable file for git.

    Routes whose missing mass is above 0.1 % are written as watched only, and the exit code is 2; --force enforces them.
    """
    if reseal:
        if states or force or open_ or fresh:
            raise UsageError("--reseal goes with --output alone.", "It changes only the digest.", "Drop the rest.")
        made = load_lock(output, check=False)
    else:
        made = make_lock(load_learner(states or [DEFAULT_STATE]), force=force, closed=not open_, name=str(output))
        if output.exists() and not fresh:
            kept = [one for one in load_lock(output).routes if one.key not in made.by_key]
            for one in kept:
                made = made.with_route(one)
    if not made.routes:
        raise SchemaError("nothing was learned, so there is nothing to lock", "", "Run `clyra schema learn` first.")
    made.save(output)
    waiting = [one for one in made.routes if not one.ready]
    if as_json:
        rows = [{"route": str(one.key), "enforce": one.ready, "missing_mass": one.missing_mass} for one in made.routes]
        print_json({"lock": str(output), "sha256": made.sha256, "routes": rows})
    else:
        typer.echo(f"{output}: {len(made.routes)} routes, sha256 {made.sha256}")
        for one in waiting:
            word = painted("watched only", "yellow", wants_colour())
            typer.echo(f"{word} {one.key}: missing mass {one.missing_mass:.3%} of {one.documents} documents")
    if waiting:
        raise typer.Exit(2)


def accept(
    ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Drift ids, as `learn --against` or a verdict names them.")
    ],
    lock_file: LockOption = DEFAULT_LOCK,
    drifts: Annotated[
        Path | None, typer.Option("--drifts", help="Where drifts are kept.", show_default="LOCK.drift.ndjson")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Accept observed drifts: one small, reviewable change of the lock for each."""
    source = drifts or _drift_file(lock_file)
    known = {drift.id: drift for drift in load_drifts(source)}
    if missing := [one for one in ids if one not in known]:
        raise SchemaError(f"no drift {', '.join(missing)}", f"{source} does not hold it.", "Check the id.")
    made = load_lock(lock_file)
    for one in ids:
        made = accept_drift(made, known[one])
    made.save(lock_file)
    if as_json:
        print_json({"lock": str(lock_file), "sha256": made.sha256, "accepted": [known[one].to_json() for one in ids]})
        return
    for one in ids:
        typer.echo(f"{painted('accepted', 'green', wants_colour())} {one}  {known[one].key}: {known[one]}")
    typer.echo(f"{lock_file}: sha256 {made.sha256}")
