"""`genai_security.detectors`: external detectors over HTTP.

Rule: a secret is never in a policy, only where to find it; plain HTTP goes to this machine alone; whatever a detector
does not answer properly has an outcome written here, and nothing written here can make one finding milder.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

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
from clyra_proxy.policy.section import FilePath, Name, Section

Milliseconds = Annotated[int, Field(ge=10, le=60_000)]
Score = Annotated[float, Field(ge=0.0, le=1.0)]
Label = Annotated[str, StringConstraints(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_./ -]{0,63})$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@#]+$", max_length=2048)]
RoutePattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*/-]{1,129}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


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


class Credential(Section):
    """A secret sent in a header. It stands in the environment or in a file, never in the policy."""

    header: HeaderName = Field("Authorization", description="Header that carries the secret.")
    prefix: Annotated[str, StringConstraints(pattern=r"^[ -~]{0,32}$")] = Field(
        "Bearer ", description="Text before the secret; empty for key headers such as `Ocp-Apim-Subscription-Key`."
    )
    env: Variable | None = Field(None, description="Environment variable that holds the secret.")
    file: FilePath | None = Field(None, description="File that holds the secret; read again after a 401.")

    @model_validator(mode="after")
    def _one_place(self) -> Credential:
        if (self.env is None) == (self.file is None):
            raise ValueError("name exactly one of `env` and `file`")
        return self


class DetectorTls(Section):
    """Trust and client certificate of the connection."""

    ca: FilePath | None = Field(None, description="PEM file of authorities to trust instead of the public ones.")
    certificate: FilePath | None = Field(None, description="PEM file of our certificate, for mutual TLS.")
    key: FilePath | None = Field(None, description="PEM file of its private key.")

    @model_validator(mode="after")
    def _pair(self) -> DetectorTls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` come together")
        return self


class Breaker(Section):
    """When a failing detector is left alone for a while. While it is, its `on_failure` applies at once."""

    failures: Annotated[int, Field(ge=1, le=1000)] = Field(5, description="Failures in a row that open the breaker.")
    open_ms: Milliseconds = Field(
        5000, description="Time before one call is tried again, in milliseconds; doubles up to a minute while it fails."
    )


class Detector(Section):
    """One external detector."""

    name: Name = Field(description="Name in verdicts.")
    kind: DetectorKind = Field(description="What it is asked about.")
    adapter: AdapterName = Field(
        AdapterName.CLYRA, description="What it speaks; `clyra` is docs/detector-api.openapi.yaml."
    )
    url: Address = Field(description="Address calls are posted to. `http` only to this machine.")
    allow_plaintext: bool = Field(False, description="Allow `http` to other machines: content then goes unencrypted.")
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
    max_answer_bytes: Annotated[int, Field(ge=256, le=4 << 20)] = Field(
        256 << 10, description="Largest answer read, in bytes; a larger one is a failure."
    )
    concurrency: Annotated[int, Field(ge=1, le=1024)] = Field(16, description="Calls at once, a worker.")
    waiting: Annotated[int, Field(ge=0, le=4096)] = Field(64, description="Calls that may wait for a place, a worker.")
    cache_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        300, description="How long an answer holds for the same content, in seconds; 0: not at all."
    )
    cache_entries: Annotated[int, Field(ge=1, le=1_000_000)] = Field(4096, description="Answers kept, a worker.")
    breaker: Breaker = Field(default_factory=Breaker, description=Breaker.__doc__)
    credential: Credential | None = Field(None, description=Credential.__doc__)
    tls: DetectorTls = Field(default_factory=DetectorTls, description=DetectorTls.__doc__)

    @model_validator(mode="after")
    def _sound(self) -> Detector:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not self.allow_plaintext and not _is_this_machine(parts.hostname or ""):
            raise ValueError(f"`url: {self.url}` would send content unencrypted; use https, or say `allow_plaintext`")
        if self.kind is DetectorKind.DEEPFAKE and self.adapter is not AdapterName.CLYRA:
            raise ValueError("`kind: deepfake` needs `adapter: clyra`: the others know text alone")
        if self.adapter in (AdapterName.LLM_JUDGE, AdapterName.OPENAI_MODERATION) and not self.model:
            raise ValueError(f"`adapter: {self.adapter}` needs `model`")
        told = ONLY_LABEL.get(self.adapter)
        if told and (unknown := set(self.labels) - {told, "*"}):
            raise ValueError(f"`adapter: {self.adapter}` has the label `{told}` alone, not `{min(unknown)}`")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Every file named here whose content belongs to the policy (secrets do not)."""
        return tuple(file for file in (self.tls.ca, self.tls.certificate) if file)


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


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
