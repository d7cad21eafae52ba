"""`genai_security.bec`: business e-mail compromise."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from clyra_proxy.genai.model import Provenance
from clyra_proxy.policy.section import Section

DomainName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9¡-￿]([a-z0-9.¡-￿-]{0,251}[a-z0-9¡-￿])?$")]
Address = Annotated[str, StringConstraints(pattern=r"^[^\s@<>]{1,64}@[^\s@<>]{1,253}$")]
PersonName = Annotated[str, StringConstraints(min_length=2, max_length=128)]
Iban = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}$")]


class Counterparty(Section):
    """Somebody you do business with."""

    name: PersonName = Field(description="Name as it stands in mails.")
    domains: list[DomainName] = Field(min_length=1, description="Domains its mail comes from.")
    ibans: list[Iban] = Field(
        default_factory=list, description="Its known bank accounts, without blanks; another one is a sign."
    )


class Person(Section):
    """Somebody whose name would be believed: an officer, a head of finance."""

    name: PersonName = Field(description="Display name as it stands in mails.")
    addresses: list[Address] = Field(
        default_factory=list, description="Addresses this person writes from, beside those of `own_domains`."
    )


class Bec(Section):
    """Business e-mail compromise."""

    enabled: bool = Field(True, description="Look for it at all.")
    threshold: Annotated[int, Field(ge=3, le=20)] = Field(
        5, description="Anomaly points from which a message is a finding; 4 finds more and errs more."
    )
    provenances: list[Provenance] = Field(
        default_factory=lambda: [
            Provenance.USER,
            Provenance.ASSISTANT,
            Provenance.TOOL_RESULT,
            Provenance.DOCUMENT,
            Provenance.ARGUMENTS,
            Provenance.UNKNOWN,
        ],
        description="Whose texts are looked at.",
    )
    own_domains: list[DomainName] = Field(default_factory=list, description="Domains your own mail comes from.")
    counterparties: list[Counterparty] = Field(default_factory=list, description=Counterparty.__doc__)
    people: list[Person] = Field(default_factory=list, description=Person.__doc__)
