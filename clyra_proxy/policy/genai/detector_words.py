"""The words of the policy of external detectors: kinds, adapters, outcomes."""

from __future__ import annotations

from enum import StrEnum


class DetectorKind(StrEnum):
    """What a detector is asked about."""

    DEEPFAKE = "deepfake"
    BEC = "bec"
    PROMPT_INJECTION = "prompt_injection"
    MODERATION = "moderation"
    PII = "pii"


class AdapterName(StrEnum):
    """What a detector speaks."""

    CLYRA = "clyra"
    OPENAI_MODERATION = "openai_moderation"
    LAKERA = "lakera"
    AZURE_PROMPT_SHIELDS = "azure_prompt_shields"
    PRESIDIO = "presidio"
    LLM_JUDGE = "llm_judge"


ONLY_LABEL = {AdapterName.AZURE_PROMPT_SHIELDS: "attack", AdapterName.LLM_JUDGE: "unsafe"}
"""Adapter -> its one label, for those that have one."""


class OnFailure(StrEnum):
    """What becomes of a conversation when a detector gives no proper answer."""

    BLOCK = "block"
    MARK = "mark"
    NEXT = "next"


class OnUnknown(StrEnum):
    """What becomes of a conversation when a detector says that it cannot tell."""

    BLOCK = "block"
    MARK = "mark"
    ALLOW = "allow"


class MediaSending(StrEnum):
    """How much of a picture, sound or film leaves."""

    HASH = "hash"
    URL = "url"
    BYTES = "bytes"
