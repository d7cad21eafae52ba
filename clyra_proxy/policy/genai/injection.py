"""`genai_security.injection`: prompt injection: rule packs, paranoia level, anomaly threshold, classifier, encoder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clyra_proxy.policy.section import FilePath, Section

type Points = Annotated[int, Field(ge=1, le=100)]


class Injection(Section):
    """Prompt injection: rule packs, paranoia level, anomaly threshold, classifier."""

    enabled: bool = Field(True, description="Look for prompt injection at all.")
    level: Annotated[int, Field(ge=1, le=4)] = Field(
        1,
        description="Paranoia level, 1 to 4: up to which level rules decide. 1 is held to 0.1 % false positives on "
        "ordinary text: without a critical pattern, weaker ones need the classifier's agreement. From 2 on all points "
        "add up; each further level finds more and is wrong more often.",
    )
    threshold: Points = Field(
        5, description="Points at which a text is flagged. A critical pattern is worth 5, an error 4, a warning 3."
    )
    classifier: bool = Field(True, description="Let the local classifier that ships with Clyra add its points.")
    embedding: bool = Field(
        False,
        description="Look a second time, with a sentence encoder, at texts that are suspicious but not enough. Needs "
        "`clyra[embedding]`; about 140 MB of memory a worker and 30 ms for each KB that is looked at.",
    )
    packs: FilePath | None = Field(
        None, description="Folder with further rule packs (`*.yaml`, `words*.yaml`) that are active beside the shipped."
    )
    without: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(
        default_factory=list, description="Ids of patterns that are off, such as `direct.override.previous`."
    )
