"""What a test over records is: fed every record once, in order, and asked for its outcome at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from pydantic import BaseModel, ConfigDict

from recorder.attest.outcome import Outcome
from recorder.export.entry import Entry
from recorder.reading import Provenance

READS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""
EXCHANGES: Final = frozenset({"pef.http_call", "pef.tool_call", "pef.llm_call", "pef.rows"})


class Parameters(BaseModel):
    """Limits of a test; most have none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a test may look at besides records. statement: the predicate of the bundle's statement."""

    provenance: Provenance
    statement: dict[str, Any]
    certificates: dict[str, dict[str, Any]]
    """Approval certificates of the bundle: hex of the payload's digest -> predicate."""


class RecordTest(Protocol):
    """One computation. parameters: the model of its limits. question: what it asks, for documents."""

    parameters: ClassVar[type[Parameters]]
    question: ClassVar[str]

    def feed(self, entry: Entry) -> None:
        """Look at one record; memory must not grow with their number beyond what is open."""
        ...

    def outcome(self, evidence: Evidence) -> Outcome: ...


def is_write(entry: Entry) -> bool:
    """Whether an exchange may change something: rows, SQL that is not a select, and every method that is not a read.

    A call of a model changes nothing outside; a tunnel is judged by nobody.
    """
    typ, act, data = entry.record["typ"], entry.part("act"), (entry.subject or entry.record)["data"]
    if typ == "pef.llm_call" or act.get("method") in (None, "CONNECT"):
        return False
    if typ == "pef.rows":
        return True
    if sql := data.get("sql"):
        return bool(sql["kind"] != "select")
    return act["method"] not in READS


def result_of(entry: Entry) -> str:
    """`completed refused failed unknown`, "" for an intent."""
    return str(entry.record["data"].get("result", ""))
