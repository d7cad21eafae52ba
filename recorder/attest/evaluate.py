"""One pass over the records, all tests of a mapping at once; the result is data, computed and complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from recorder import __version__, dsse, statement
from recorder.attest.controls import Control, Mapping, TestUse
from recorder.attest.outcome import FAIL, NOT_EVIDENCED, PASS, Outcome, overall
from recorder.attest.registry import TESTS, make
from recorder.attest.test import Evidence
from recorder.export.entry import entries
from recorder.reading import BundleEvidence, Progress, Provenance

_APPROVAL = re.compile(r"approvals/([0-9a-f]{64})\.dsse\.json")
MAX_CERTIFICATE = 1 << 20


@dataclass(frozen=True, slots=True)
class ControlResult:
    """What the tests of one control found."""

    control: Control
    tests: tuple[tuple[TestUse, Outcome], ...]

    @property
    def result(self) -> str:
        return overall([outcome.result for _, outcome in self.tests])

    def document(self) -> dict[str, Any]:
        control = self.control
        return {
            "id": control.id,
            "title": control.title,
            "clause": control.clause,
            "source": control.source,
            "result": self.result,
            "shows": control.shows,
            "cannot_show": control.cannot_show,
            "tests": [_test_document(use, outcome) for use, outcome in self.tests],
        }


@dataclass(frozen=True, slots=True)
class Assessment:
    """A whole mapping tested against one bundle. period: first and last time of the records."""

    mapping: Mapping
    provenance: Provenance
    period: tuple[str, str]
    controls: tuple[ControlResult, ...]

    def count(self, result: str) -> int:
        return sum(control.result == result for control in self.controls)

    def document(self) -> dict[str, Any]:
        """The predicate of the result statement, as far as it does not depend on when it was made."""
        framework = self.mapping.framework
        return {
            "framework": {
                "id": framework.framework,
                "title": framework.title,
                "version": framework.version,
                "reviewed": framework.reviewed.isoformat(),
                "sha256": self.mapping.sha256,
            },
            "sources": [source.model_dump() for source in framework.sources],
            "evidence": self.provenance.document(),
            "period": {"from": self.period[0], "to": self.period[1]},
            "summary": {"pass": self.count(PASS), "fail": self.count(FAIL), "not_evidenced": self.count(NOT_EVIDENCED)},
            "controls": [control.document() for control in self.controls],
            "evaluator": {"name": "clyra", "version": __version__},
            "scope": framework.scope,
            "not_covered": framework.not_covered,
        }


def assess(mapping: Mapping, bundle: BundleEvidence, progress: Progress | None = None) -> Assessment:
    """Run every test of the mapping over the bundle's records. Memory does not grow with their number."""
    uses = [
        (control, use, make(use.test, use.parameters))
        for control in mapping.framework.controls
        for use in control.tests
    ]
    first = last = ""
    for entry in entries(bundle.items(progress)):
        ts = entry.record["ts"]
        first, last = first or ts, max(last, ts)
        for _, _, test in uses:
            test.feed(entry)
    evidence = Evidence(bundle.provenance, _statement(bundle), dict(_certificates(bundle)))
    outcomes = [(control, use, test.outcome(evidence)) for control, use, test in uses]
    results = tuple(
        ControlResult(control, tuple((use, outcome) for owner, use, outcome in outcomes if owner is control))
        for control in mapping.framework.controls
    )
    return Assessment(mapping, bundle.provenance, (first, last), results)


def _test_document(use: TestUse, outcome: Outcome) -> dict[str, Any]:
    found = {"test": use.test, "question": TESTS[use.test].question, **outcome.document()}
    if use.parameters:
        found["parameters"] = orjson.dumps(use.parameters, option=orjson.OPT_SORT_KEYS).decode()
    return found


def _statement(bundle: BundleEvidence) -> dict[str, Any]:
    """The predicate of the bundle's statement, which the verifier has accepted; empty for a rejected bundle."""
    raw = bundle.member(statement.STATEMENT, dsse.MAX_BYTES)
    if raw is None or bundle.provenance.forced:
        return {}
    predicate = orjson.loads(dsse.parse(raw, statement.PAYLOAD_TYPE).payload)["predicate"]
    return predicate if isinstance(predicate, dict) else {}


def _certificates(bundle: BundleEvidence) -> Iterator[tuple[str, dict[str, Any]]]:
    """Approval certificates whose name is the digest of their payload; the verifier has checked their signatures."""
    for name in bundle.names:
        match = _APPROVAL.fullmatch(name)
        raw = bundle.member(name, MAX_CERTIFICATE) if match else None
        if match is None or raw is None or bundle.provenance.forced:
            continue
        payload = dsse.parse(raw, statement.PAYLOAD_TYPE).payload
        if sha256(payload).hexdigest() == match.group(1):
            yield match.group(1), orjson.loads(payload)["predicate"]
