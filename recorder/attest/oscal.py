"""OSCAL 1.1 assessment results (JSON): one observation a test, one finding a control, the bundle as back matter.

Every UUID is version 5 of the bundle digest and the thing's own name, and no clock is read, so that the same bundle
under the same mapping always gives the same document. A control without evidence is `not-satisfied` with the reason
`other`; OSCAL has no third state, and the observation says what was missing.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from recorder import NAMESPACE, __version__
from recorder.attest.evaluate import Assessment, ControlResult
from recorder.attest.outcome import FAIL, NOT_EVIDENCED, PASS, Outcome
from recorder.attest.registry import TESTS

VERSION: Final = "1.1.3"
_STATES: Final = {
    PASS: ("satisfied", "pass"),
    FAIL: ("not-satisfied", "fail"),
    NOT_EVIDENCED: ("not-satisfied", "other"),
}


def assessment_results(assessment: Assessment) -> dict[str, Any]:
    """The whole document."""
    return _Document(assessment).build()


class _Document:
    def __init__(self, assessment: Assessment) -> None:
        self._assessment = assessment
        self._root: UUID = uuid5(
            NAMESPACE_URL, f"{NAMESPACE}/{assessment.provenance.bundle}/{assessment.mapping.sha256}"
        )

    def build(self) -> dict[str, Any]:
        assessment, framework = self._assessment, self._assessment.mapping.framework
        metadata = {
            "title": f"Assessment of evidence: {framework.title}",
            "last-modified": assessment.period[1],
            "version": f"{framework.version}",
            "oscal-version": VERSION,
            "remarks": "Computed from records. It says which controls operated, not that a law is satisfied.",
        }
        document = {
            "uuid": self._uuid("document"),
            "metadata": metadata,
            "import-ap": {"href": f"#{self._uuid('mapping')}", "remarks": "The control mapping that was applied."},
            "results": [self._result()],
            "back-matter": {"resources": self._resources()},
        }
        return {"assessment-results": document}

    def _result(self) -> dict[str, Any]:
        assessment, framework = self._assessment, self._assessment.mapping.framework
        identifiers = [{"control-id": control.control.id} for control in assessment.controls]
        return {
            "uuid": self._uuid("result"),
            "title": framework.title,
            "description": framework.scope,
            "start": assessment.period[0],
            "end": assessment.period[1],
            "props": [
                _property("evidence-verdict", assessment.provenance.verdict),
                _property("bundle-digest", assessment.provenance.bundle),
                _property("mapping-sha256", assessment.mapping.sha256),
            ],
            "reviewed-controls": {
                "description": framework.not_covered,
                "control-selections": [{"include-controls": identifiers}],
            },
            "observations": [
                self._observation(control, number)
                for control in assessment.controls
                for number in range(len(control.tests))
            ],
            "findings": [self._finding(control) for control in assessment.controls],
        }

    def _observation(self, control: ControlResult, number: int) -> dict[str, Any]:
        use, outcome = control.tests[number]
        return {
            "uuid": self._uuid("observation", control.control.id, str(number)),
            "title": use.test,
            "description": TESTS[use.test].question,
            "props": [
                _property("result", outcome.result),
                *(_property(name.replace("_", "-"), str(count)) for name, count in sorted(outcome.counts.items())),
            ],
            "methods": ["TEST"],
            "types": ["control-objective"],
            "relevant-evidence": [{"href": f"#{self._uuid('bundle')}", "description": _proof(outcome)}],
            "collected": self._assessment.period[1],
        }

    def _finding(self, control: ControlResult) -> dict[str, Any]:
        state, reason = _STATES[control.result]
        return {
            "uuid": self._uuid("finding", control.control.id),
            "title": control.control.title,
            "description": control.control.shows,
            "target": {
                "type": "objective-id",
                "target-id": control.control.id,
                "title": control.control.clause,
                "status": {"state": state, "reason": reason},
            },
            "related-observations": [
                {"observation-uuid": self._uuid("observation", control.control.id, str(number))}
                for number in range(len(control.tests))
            ],
            "remarks": f"Not shown by this: {control.control.cannot_show}",
        }

    def _resources(self) -> list[dict[str, Any]]:
        assessment, framework = self._assessment, self._assessment.mapping.framework
        digest = assessment.provenance.bundle.removeprefix("sha256:")
        window = (
            f"Records [{assessment.provenance.start}, {assessment.provenance.end}) of {assessment.provenance.origin}"
        )
        mapping = f"{NAMESPACE}/compliance/{framework.framework}/v{framework.version}"
        bundle = f"{NAMESPACE}/def/bundle/v0/{digest}"
        return [
            self._resource("bundle", "Evidence bundle", window, bundle, digest),
            self._resource("mapping", "Control mapping", framework.title, mapping, assessment.mapping.sha256),
        ]

    def _resource(self, name: str, title: str, description: str, href: str, digest: str) -> dict[str, Any]:
        link = {"href": href, "hashes": [{"algorithm": "SHA-256", "value": digest}]}
        return {"uuid": self._uuid(name), "title": title, "description": description, "rlinks": [link]}

    def _uuid(self, *names: str) -> str:
        return str(uuid5(self._root, "/".join(names)))


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": f"{NAMESPACE}/compliance", "value": value or "none"}


def _proof(outcome: Outcome) -> str:
    """Counts and record numbers in words."""
    counted = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(outcome.counts.items()))
    parts = [f"Clyra {__version__} counted: {counted or 'nothing'}."]
    for word, numbers in (("Records", outcome.records), ("Failing records", outcome.failures)):
        if numbers:
            parts.append(f"{word}: {', '.join(map(str, numbers))}.")
    if outcome.note:
        parts.append(f"{outcome.note}.")
    return " ".join(parts)
