"""`genai_security.detectors`: external detectors over HTTP.

Rule: a secret is never in a policy, only where to find it; plain HTTP goes to this machine alone; whatever a detector
does not answer properly has an outcome written here, and nothing written here can make one finding milder.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from clyra_proxy.genai.model import Direction, Provenance
from clyra_proxy.policy.genai.detector_words import (
    ONLY_LABEL as ONLY_LABEL,
)
from clyra_proxy.policy.genai.detector_words import (
    AdapterName as AdapterName,
)
from clyra_proxy.policy.genai.detector_words import (
    DetectorKind as DetectorKind,
)
from clyra_proxy.policy.genai.detector_words import (
    MediaSending as MediaSending,
)
from clyra_proxy.policy.genai.detector_words import (
    OnFailure as OnFailure,
)
from clyra_proxy.policy.genai.detector_words import (
    OnUnknown as OnUnknown,
)
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.services import Milliseconds, Service

Score = Annotated[float, Field(ge=0.0, le=1.0)]
Label = Annotated[str, StringConstraints(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_./ -]{0,63})$")]
RoutePattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*/-]{1,129}$")]


class Thresholds(Section):
    """Lowest score, 0 to 1, from which an action is asked for; the strictest that is reached counts."""

    mark: Score | None = Field(None, description="Score from which the exchange is marked.")
    redact: Score | None = Field(
        None, description="Score from which the spans the detector names are replaced; without spans: blocked."
    )
    approve: Score | None = Field(None, description="Score from which a person is asked.")
    block: Score | None = Field(None, description="Score from which the exchange is blocked.")

    @model_validator(mode="after")
    def _rising(self) -> Thresholds:
        given = [score for score in (self.mark, self.redact, self.approve, self.block) if score is not None]
        if not given:
            raise ValueError("name at least one of `mark`, `redact`, `approve`, `block`")
        if given != sorted(given):
            raise ValueError("a stricter action needs a score at least as high as a milder one")
        return self


class Detector(Service):
    """One external detector."""

    kind: DetectorKind = Field(description="What it is asked about.")
    adapter: AdapterName = Field(
        AdapterName.CLYRA, description="What it speaks; `clyra` is docs/detector-api.openapi.yaml."
    )
    model: Annotated[str, StringConstraints(max_length=128)] = Field("", description="Model or project, if any.")
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = Field(
        "en", description="Language told to detectors that must know it (`presidio`)."
    )
    labels: dict[Label, Thresholds] = Field(
        min_length=1, description="Label -> score thresholds. `*` is every label not named."
    )
    directions: list[Direction] = Field(
        default_factory=lambda: [Direction.REQUEST], description="Whether requests, responses or both are looked at."
    )
    provenances: list[Provenance] = Field(
        default_factory=lambda: [
            Provenance.USER,
            Provenance.TOOL_RESULT,
            Provenance.DOCUMENT,
            Provenance.ARGUMENTS,
            Provenance.ASSISTANT,
            Provenance.UNKNOWN,
        ],
        description="Whose texts and media are sent; nothing else is.",
    )
    routes: list[RoutePattern] = Field(
        default_factory=list, description="Route ids (`*` stands for anything) where it is asked. Empty: everywhere."
    )
    send_media: MediaSending = Field(
        MediaSending.HASH,
        description="`deepfake`: what is sent of media: a SHA-256, also the URL, or also inline bytes.",
    )
    timeout_ms: Milliseconds = Field(800, description="Longest time one answer may take, waiting included, in ms.")
    on_failure: OnFailure = Field(
        OnFailure.BLOCK,
        description="No proper answer: `block`, `mark`, or `next`: the next detector of the list, which must be of the "
        "same kind and is then asked only in that case.",
    )
    on_unknown: OnUnknown = Field(OnUnknown.MARK, description="The detector says that it cannot tell.")
    max_send_bytes: Annotated[int, Field(ge=1024, le=32 << 20)] = Field(
        256 << 10, description="Most content sent for one conversation, in bytes; more is a failure."
    )
    cache_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        300, description="How long an answer holds for the same content, in seconds; 0: not at all."
    )
    cache_entries: Annotated[int, Field(ge=1, le=1_000_000)] = Field(4096, description="Answers kept, a worker.")

    @model_validator(mode="after")
    def _sound(self) -> Detector:
        if self.kind is DetectorKind.DEEPFAKE and self.adapter is not AdapterName.CLYRA:
            raise ValueError("`kind: deepfake` needs `adapter: clyra`: the others know text alone")
        if self.adapter in (AdapterName.LLM_JUDGE, AdapterName.OPENAI_MODERATION) and not self.model:
            raise ValueError(f"`adapter: {self.adapter}` needs `model`")
        told = ONLY_LABEL.get(self.adapter)
        if told and (unknown := set(self.labels) - {told, "*"}):
            raise ValueError(f"`adapter: {self.adapter}` has the label `{told}` alone, not `{min(unknown)}`")
        return self


class Detectors(Section):
    """External detectors over HTTP."""

    budget_ms: Milliseconds = Field(
        1500, description="Longest time all detectors of one conversation may take together, in milliseconds."
    )
    services: list[Detector] = Field(default_factory=list, description="The detectors, in order.")

    @model_validator(mode="after")
    def _chains(self) -> Detectors:
        names = [detector.name for detector in self.services]
        if len(set(names)) != len(names):
            raise ValueError("two detectors have the same name")
        for detector, following in zip(self.services, [*self.services[1:], None], strict=False):
            if detector.on_failure is OnFailure.NEXT:
                _check_stand_in(detector, following)
        return self

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(file for detector in self.services for file in detector.files)


def _check_stand_in(detector: Detector, following: Detector | None) -> None:
    if following is None or following.kind is not detector.kind:
        raise ValueError(f"`{detector.name}` has `on_failure: next`; no detector of kind {detector.kind} follows it")
    if following.adapter is AdapterName.LLM_JUDGE:
        raise ValueError(f"`{following.name}` is an LLM judge, which may only tighten: it cannot stand in for another")
    for what in ("directions", "provenances"):
        if not set(getattr(detector, what)) <= set(getattr(following, what)):
            raise ValueError(f"`{following.name}` stands in for `{detector.name}` and must look at the same {what}")
    if following.routes and following.routes != detector.routes:
        raise ValueError(f"`{following.name}` stands in for `{detector.name}` and must be asked on the same routes")
