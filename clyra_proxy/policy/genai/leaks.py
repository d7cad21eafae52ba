"""`genai_security.leaks`: data leaving: secrets, personal data, canary tokens, links, exfiltration budgets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from clyra_proxy.policy.section import Name, Section

LeakAction = Literal["allow", "mark", "redact", "block"]
"""What becomes of a leak: nothing, a finding, a finding and a placeholder in its place, or a refusal."""

PiiKind = Literal[
    "email",
    "phone",
    "card",
    "iban",
    "national_id",
    "passport",
    "driver_license",
    "date_of_birth",
    "ip",
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]

DEFAULT_PII: dict[PiiKind, LeakAction] = {
    "email": "allow",
    "phone": "allow",
    "card": "mark",
    "iban": "mark",
    "national_id": "mark",
    "passport": "mark",
    "driver_license": "mark",
    "date_of_birth": "allow",
    "ip": "allow",
}
_DEFAULT_COUNTRIES = [
    "US", "CA", "GB", "IE", "DE", "AT", "CH", "FR", "BE", "NL", "ES", "PT", "IT", "DK", "SE", "NO",
    "FI", "PL", "CZ", "SK", "HU", "RO", "BG", "GR", "HR", "SI", "EE", "LV", "LT", "BR", "AR", "CL",
    "CO", "MX", "IN", "CN", "JP", "KR", "TW", "SG", "AU", "NZ", "ZA", "TR", "IL", "UA",
]  # fmt: skip


class Secrets(Section):
    """Keys, tokens and passwords."""

    action: LeakAction = Field("redact", description="What becomes of a secret that leaves.")
    generic: bool = Field(True, description="Also find secrets without a vendor's format, by the name before them.")
    encoded: bool = Field(True, description="Also look inside base64, hex, gzip, URL encoding and other disguises.")
    ignore: list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]] = Field(
        default_factory=list, description="SHA-256 (hex) of values that are not secrets."
    )


class PersonalData(Section):
    """Personal data that a validator confirms."""

    kinds: dict[PiiKind, LeakAction] = Field(
        default_factory=dict,
        description="What becomes of each kind. Kinds that are not named keep their default: `mark` for `card`, "
        "`iban`, `national_id`, `passport` and `driver_license`; `allow` for `email`, `phone`, `date_of_birth` and "
        "`ip`, which stand in every other text.",
    )
    countries: list[Country] = Field(
        default_factory=lambda: list(_DEFAULT_COUNTRIES),
        description="Countries whose national ids and local phone formats are looked for (ISO 3166 alpha-2).",
    )

    def action(self, kind: str) -> LeakAction:
        """The action for `kind`, `allow` for a kind nobody knows."""
        merged = {**DEFAULT_PII, **self.kinds}
        return next((action for name, action in merged.items() if name == kind), "allow")


class Canary(Section):
    """A token planted where only a thief would read it."""

    name: Name = Field(description="What a finding calls it.")
    value: Annotated[str, StringConstraints(min_length=8, max_length=256)] | None = Field(
        None, description="The token itself, at least 8 characters."
    )
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="Instead of the token: SHA-256 (hex) of it in small letters. Needs `length`."
    )
    length: Annotated[int, Field(ge=8, le=256)] | None = Field(
        None, description="Length of a token given by its hash, in characters."
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Canary:
        if (self.value is None) == (self.sha256 is None):
            raise ValueError("give a canary either `value` or `sha256`")
        if self.sha256 is not None and self.length is None:
            raise ValueError("a canary given by `sha256` needs its `length`")
        return self


class Links(Section):
    """Links and images that carry data to a stranger."""

    action: LeakAction = Field("block", description="What becomes of such a link.")
    allowed_hosts: list[Annotated[str, StringConstraints(min_length=1, max_length=253)]] = Field(
        default_factory=list,
        description="Hosts that links may carry data to; `*.example.com` for everything below one.",
    )


class Exfiltration(Section):
    """How much sensitive or opaque data may go to one destination. 0 switches a limit off."""

    window_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = Field(
        86_400, description="Window of the byte limits, in seconds."
    )
    sensitive_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="Most bytes of secrets and personal data, per agent and destination, in the window."
    )
    opaque_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="Most bytes of encoded or random-looking text, per agent and destination, in the window."
    )
    drip_window_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = Field(
        3_600, description="Window of the limit on drips, in seconds."
    )
    drips: Annotated[int, Field(ge=0)] = Field(
        200,
        description="Most different short random-looking values (labels of a host name, parts of an address, "
        "arguments) per agent and registrable domain in the window: data leaking out in drops, as over DNS.",
    )


class Leaks(Section):
    """Data leaving: secrets, personal data, canary tokens, links, exfiltration budgets."""

    secrets: Secrets = Field(default_factory=Secrets, description=Secrets.__doc__)
    personal: PersonalData = Field(default_factory=PersonalData, description=PersonalData.__doc__)
    canaries: list[Canary] = Field(default_factory=list, description="Canary tokens that must never be seen.")
    links: Links = Field(default_factory=Links, description=Links.__doc__)
    exfiltration: Exfiltration = Field(default_factory=Exfiltration, description=Exfiltration.__doc__)
    reversible: bool = Field(
        False,
        description="Put placeholders that are undone in the answers of the same session, so that the agent sees its "
        "own values and the model never does. The mapping is kept encrypted.",
    )
    reversible_ttl_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = Field(
        86_400, description="How long a placeholder can be undone, in seconds."
    )
