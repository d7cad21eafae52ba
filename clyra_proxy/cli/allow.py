"""`clyra allow`: exceptions for false positives, made from a verdict, as narrow as it can be told."""

from __future__ import annotations

import getpass
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clyra_proxy.cli.explain import find_event
from clyra_proxy.cli.options import HomeOption, JsonOption, LogOption, PolicyOption, ReloadOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.cli.running import policy_in_use
from clyra_proxy.engine.control import ask_supervisor
from clyra_proxy.errors import CannotTellError, StartupError, UsageError
from clyra_proxy.genai.exception_file import add_entries, remove_entry, render
from clyra_proxy.genai.exception_making import LONGEST_S, Decision, Width, entries_from
from clyra_proxy.genai.exceptions import ExceptionEntry, read_exceptions
from clyra_proxy.home import Home
from clyra_proxy.policy.load import load_with_source

app = typer.Typer(add_completion=False)

DEFAULT_FILE = "exceptions.yaml"
RELOAD_LIMIT_S = 60.0
_AHEAD = re.compile(r"(\d{1,4})([hdw])")
_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_EPILOG = (
    "Examples:  clyra allow --from 01a20253-10a4 --reason 'ticket template'   |   clyra allow --from 01a20253-10a4 "
    "--wider agent --expires 7d --dry-run   |   clyra allow --list   |   clyra allow --remove ex-4be1f00a12"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where exceptions stand. named: whether the policy names the file."""

    file: Path
    policy: Path
    named: bool

    @classmethod
    def of(cls, policy: Path) -> Place:
        """The file the policy names, or the one beside it that it should name. Raises PolicyError."""
        loaded = load_with_source(policy)
        name = loaded.document.genai_security.exceptions
        return cls(loaded.base_dir / (name or DEFAULT_FILE), policy, name is not None)


@app.command(epilog=_EPILOG)
def allow(
    source: Annotated[
        str | None, typer.Option("--from", metavar="VERDICT", help="Verdict id; its beginning is enough.")
    ] = None,
    rule: Annotated[list[str] | None, typer.Option("--rule", help="Only findings of this rule. Repeatable.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why it is harmless; stands in the file.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="Who decides.", show_default="this user")] = None,
    expires: Annotated[str, typer.Option("--expires", help="End: 12h, 30d, 4w or a date, a year at most.")] = "30d",
    wider: Annotated[
        Width, typer.Option("--wider", help="text: any text there; agent: also any agent; route: also anywhere.")
    ] = Width.NARROW,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="Show all exceptions.")] = False,
    remove: Annotated[str | None, typer.Option("--remove", metavar="ID", help="Take an exception out.")] = None,
    reload: ReloadOption = True,
    policy: PolicyOption = None,
    log: LogOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the narrowest exception for what a verdict found; show or take out exceptions.

    What an exception covers is still logged, with the exception's id, and asks for nothing.
    """
    if sum((source is not None, list_all, remove is not None)) != 1:
        raise UsageError("Say one of --from, --list and --remove.", "", "Example: clyra allow --from VERDICT")
    house = Home.locate(home)
    place = Place.of(policy or policy_in_use(house))
    if list_all:
        _show(place, as_json)
    elif remove is not None:
        removed = remove_entry(place.file, remove)
        in_force = _in_force(house, place, reload)
        told = {"removed": removed.model_dump(), "file": str(place.file), "in_force": in_force}
        _tell(told, f"removed {removed.id} ({removed.rule})\n{_force_line(in_force)}", as_json)
    elif source is not None:
        event = find_event(log or house.verdict_log, source)
        decision = _decision(reason, person, expires, wider)
        change = _Change(place, house, reload=reload, dry_run=dry_run)
        told = change.write(entries_from(event, decision, frozenset(rule or ())), event)
        _tell(told, change.story(told), as_json)


def _decision(reason: str | None, person: str | None, expires: str, width: Width) -> Decision:
    now = time.time()
    ends = _end(expires, now)
    if reason is not None and not reason.strip():
        raise UsageError("--reason is empty.", "", "Say why it is harmless, for the one who reads this later.")
    return Decision(reason or "false positive, no reason given", person or current_user(), now, ends, width)


def current_user() -> str:
    """The name of who runs this, `unknown` where the system has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _end(text: str, now: float) -> float:
    """`30d` or a date -> seconds since the epoch. Raises UsageError."""
    if match := _AHEAD.fullmatch(text.strip()):
        ends = now + int(match[1]) * _SECONDS[match[2]]
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise UsageError(f"--expires {text!r} is no time.", "", "Examples: 12h, 30d, 4w, 2027-01-31.") from error
        ends = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not now < ends <= now + LONGEST_S:
        raise UsageError(
            f"--expires {text} is not between now and a year from now.",
            "An exception nobody looks at again is a hole.",
            "Choose a nearer end; it can be renewed.",
        )
    return ends


@dataclass(frozen=True, slots=True)
class _Change:
    """Writing entries, and telling what became of it."""

    place: Place
    house: Home
    reload: bool
    dry_run: bool

    def write(self, entries: list[ExceptionEntry], event: dict[str, Any]) -> dict[str, Any]:
        """Add what is not there yet, renew what has ended; what was done, as JSON values. Raises CannotTellError."""
        if not entries:
            raise CannotTellError(
                "This verdict has nothing an exception could cover.",
                "Exceptions cover findings of the GenAI checks that ask for something and are not covered yet.",
                "'clyra explain VERDICT' shows its findings; other rules are set under `enforcement.rules`.",
            )
        file, now = self.place.file, time.time()
        known = {one.id: one for one in read_exceptions(file).exceptions} if file.exists() else {}
        fresh = [one for one in entries if one.id not in known or known[one.id].ends_at <= now]
        if fresh and not self.dry_run:
            for entry in fresh:
                if entry.id in known:
                    remove_entry(file, entry.id)
            add_entries(file, fresh)
        written = bool(fresh) and not self.dry_run
        return {
            "verdict": event["unmapped"]["clyra"]["verdict"],
            "file": str(file),
            "policy_names_it": self.place.named,
            "written": written,
            "in_force": _in_force(self.house, self.place, written and self.reload),
            "entries": [entry.model_dump() for entry in fresh],
            "already": [entry.id for entry in entries if entry not in fresh],
        }

    def story(self, told: dict[str, Any]) -> str:
        """The same for a person."""
        lines = [f"already covered by {name}" for name in told["already"]]
        if told["entries"]:
            lines.append(f"{'written to' if told['written'] else 'would write to'} {told['file']}:")
            lines += [render(ExceptionEntry(**entry)).rstrip("\n") for entry in told["entries"]]
            if not self.place.named:
                lines += [f"{self.place.policy} does not name this file yet. Add:", "genai_security:"]
                lines.append(f"  exceptions: {self.place.file.name}")
            elif told["written"]:
                lines.append(_force_line(told["in_force"]))
        return "\n".join(lines)


def _in_force(house: Home, place: Place, wanted: bool) -> bool | None:
    """Whether a running proxy took the change; None when it was not asked or none runs. Raises StartupError."""
    if not wanted or not place.named or not house.proxy_control.exists():
        return None
    answer = ask_supervisor(house.proxy_control, {"command": "reload"}, RELOAD_LIMIT_S)
    if not answer["ok"]:
        raise StartupError(
            f"The exceptions in {place.file} are changed, and the running proxy did not take them.",
            str(answer.get("what", "")),
            str(answer.get("todo", "")),
        )
    return True


def _force_line(in_force: bool | None) -> str:
    return "in force in the running proxy" if in_force else "'clyra proxy reload' puts it in force in a running proxy"


def _show(place: Place, as_json: bool) -> None:
    entries = read_exceptions(place.file).exceptions if place.named or place.file.exists() else []
    now = time.time()
    told = {
        "file": str(place.file),
        "policy_names_it": place.named,
        "exceptions": [{**entry.model_dump(), "expired": entry.ends_at <= now} for entry in entries],
    }
    lines = [_line(entry, now) for entry in entries] or ["There are no exceptions."]
    if entries and not place.named:
        lines.append(f"None of them is in force: {place.policy} does not name {place.file.name}.")
    _tell(told, "\n".join(lines), as_json)


def _line(entry: ExceptionEntry, now: float) -> str:
    where = " ".join(word for word in (entry.agent, entry.route, entry.destination, entry.tool, entry.path) if word)
    state = "EXPIRED" if entry.ends_at <= now else "until"
    return f"{entry.id}  {entry.rule}  {where or 'everywhere'}  {state} {entry.expires}  {entry.person}: {entry.reason}"


def _tell(value: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
