"""What a policy is, as bytes: its effective values, the files it names, and one hash over both.

Guarantee: the same document and files give the same hash on every machine (RFC 8785). What does not change a decision
is no part of it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import rfc8785

from clyra_proxy.policy.files import read_named
from clyra_proxy.policy.models import PolicyDocument


def policy_hash(document: PolicyDocument, base_dir: Path) -> str:
    """SHA-256 (hex) over the RFC 8785 form of the effective policy and the digests of the files it names.

    Tests, the name of the profile and the candidate do not count: they do not change a decision. Raises PolicyError.
    """
    values = effective_values(document)
    del values["enforcement"]["candidate"]
    whole = {"policy": values, "files": file_digests(document, base_dir)}
    return hashlib.sha256(rfc8785.dumps(whole)).hexdigest()


def effective_values(document: PolicyDocument) -> dict[str, Any]:
    """The policy as JSON values, every default filled in, without its tests and the name of its profile."""
    return document.model_dump(mode="json", by_alias=True, exclude={"tests", "extends"})


def file_digests(document: PolicyDocument, base_dir: Path) -> dict[str, str]:
    """SHA-256 (hex) of every file the policy names, by its name as written. Raises PolicyError."""
    return {name: hashlib.sha256(read_named(name, base_dir)).hexdigest() for name in referenced_files(document)}


def referenced_files(document: PolicyDocument) -> tuple[str, ...]:
    """Every file the policy names, as written, sorted."""
    files = {document.identity.client_ca, document.enforcement.upstream_ca, document.genai_security.exceptions}
    files.update((document.genai_security.budgets.prices, *document.genai_security.detectors.files))
    files.update((*document.enforcement.engines.files, *document.enforcement.mirror.files))
    for destination in document.destinations.values():
        for layer in (destination, *destination.rules):
            if layer.schema_ is not None:
                files.update(layer.schema_.files)
    return tuple(sorted(file for file in files if file is not None))
