"""Contradictions of the policy in force as evidence: a record when one opens, another when it is gone.

What is open is kept in a file of the data folder, so that a restart tells nothing twice and a contradiction that was
settled while the proxy was down is closed. The daily review shows what is open from these records alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import orjson

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind
from clyra_proxy.enforcement.contradictions.search import find
from clyra_proxy.errors import ClyraError
from clyra_proxy.home import Home
from clyra_proxy.policy.models import PolicyDocument
from recorder.approvals.settings import SettingsFile
from recorder.errors import RecorderError
from recorder.layout import Layout

log = logging.getLogger("clyra.supervisor")

RECORD_TYPE: Final = "pef.contradiction"
MOST: Final = 64
"""Contradictions told of one policy; further ones are in `clyra policy check`."""
_KINDS: Final = {
    Kind.UNREACHABLE: "unreachable",
    Kind.OVERLAP: "contradicts",
    Kind.NEVER_BINDS: "never_matches",
    Kind.NOBODY_QUALIFIES: "no_approver",
    Kind.UNDERMINED: "breaks_enforced",
    Kind.SHAPES_DISAGREE: "schema_disagrees",
    Kind.ALLOW_AND_DENY: "contradicts",
}

type Tell = Callable[[str, dict[str, Any]], Awaitable[bool]]
"""Hands a record to the evidence: its type and data."""


def find_here(document: PolicyDocument, base_dir: Path, home: Home) -> list[Contradiction]:
    """What contradicts in a valid policy; who may approve is taken from the data folder's recorder, if it has one."""
    approvers = None
    try:
        file = Layout(home.root).approval_settings
        approvers = SettingsFile(file).current() if file.exists() else None
    except (ClyraError, RecorderError):
        pass  # nothing can be said of approvers then; `clyra approvals` says what is wrong with the file
    return find(document, base_dir, approvers)


def record_of(one: Contradiction, policy_sha256: str) -> dict[str, Any]:
    """The data of a `pef.contradiction` record that opens."""
    told: dict[str, Any] = {
        "contradiction": _name(one),
        "policy_sha256": policy_sha256,
        "kind": _KINDS[one.kind],
        "rules": [place[:128] for place in one.places[:16]],
        "severity": one.weight.value,
        "state": "open",
        "found_by": "reload",
        "reason": one.what[:512],
    }
    witness = one.witness
    if witness.method and witness.path:
        told["witness"] = {"method": witness.method[:32], "target": witness.path[:1024]}
        if witness.host:
            told["witness"]["host"] = witness.host[:300]
    return told


def changes(known: dict[str, dict[str, Any]], found: list[dict[str, Any]], policy_sha256: str) -> list[dict[str, Any]]:
    """Records to write: what opened and what is gone. known, found: data by name, and of the policy in force."""
    now = {str(one["contradiction"]): one for one in found}
    opened = [one for name, one in now.items() if name not in known]
    gone = [one for name, one in known.items() if name not in now]
    return opened + [{**one, "state": "resolved", "policy_sha256": policy_sha256} for one in gone]


async def tell_in_force(home: Home, tell: Tell, policy_sha256: str, document: PolicyDocument, base_dir: Path) -> None:
    """Look at the policy that has come into force, in a thread, and tell. What goes wrong is said and stops nothing."""
    try:
        found = await asyncio.to_thread(find_here, document, base_dir, home)
        await tell_changes(home, tell, policy_sha256, found)
    except Exception as error:  # noqa: BLE001 - it is about the policy's text, not about traffic
        log.error("contradictions of the policy could not be recorded: %s", type(error).__name__)  # noqa: TRY400


async def tell_changes(home: Home, tell: Tell, policy_sha256: str, found: list[Contradiction]) -> list[dict[str, Any]]:
    """Write what changed since the last policy, and remember what is open. Returns the records; raises StartupError."""
    file = home.root / "contradictions.json"
    records = [record_of(one, policy_sha256) for one in found[:MOST]]
    written = changes(_known(file), records, policy_sha256)
    for record in written:
        await tell(RECORD_TYPE, record)
    if written:
        write_atomically(file, orjson.dumps({str(one["contradiction"]): one for one in records}))
    return written


def _known(file: Path) -> dict[str, dict[str, Any]]:
    try:
        value = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _name(one: Contradiction) -> str:
    """The same contradiction has the same name under every policy."""
    whole = "\n".join((one.kind.value, one.weight.value, *one.places))
    return f"{one.kind.value}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"
