"""The keys this recorder itself knows: of enrolled authenticators, and of identity providers' archived key sets.

As entries of a trust file. That a recorder knows a key is its operator's word; a verifier elsewhere needs them in the
trust file, which the root keys sign. Read only.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from recorder import trust
from recorder.approval_binding import subject_commitment
from recorder.approvals.errors import Refusal
from recorder.approvals.jwk import key_of
from recorder.approvals.proofs import trusted_key
from recorder.approvals.settings import ApprovalSettings, load
from recorder.layout import Layout


def enrolled_entries(layout: Layout) -> list[dict[str, Any]]:
    """Every key once, with the name it goes by. Raises sqlite3.Error, ApprovalSettingsError."""
    settings = load(layout.approval_settings) if layout.approval_settings.exists() else ApprovalSettings()
    found = {entry["keyid"]: entry for entry in (*_authenticators(layout, settings), *_providers(layout, settings))}
    return list(found.values())


def trust_entry(key: trust.TrustedKey) -> dict[str, Any]:
    """A key as a trust file lists it, for `clyra keys trust --key`."""
    entry = {"keyid": key.key_id, "alg": key.alg, "pub": key.public.hex(), "role": "approver_idp"}
    named = {name: getattr(key, name) for name in ("iss", "sub_c", "rp_id") if getattr(key, name)}
    return {**entry, "valid_from_size": 0, "state": "active", **named}


def _authenticators(layout: Layout, settings: ApprovalSettings) -> list[dict[str, Any]]:
    if not layout.approval_book.exists():
        return []
    with closing(sqlite3.connect(f"{layout.approval_book.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        secret = connection.execute("SELECT value FROM secrets WHERE name='people'").fetchone()
        rows = connection.execute("SELECT * FROM credentials WHERE revoked IS NULL ORDER BY created").fetchall()
    entries = []
    for row in rows if secret is not None else ():
        sub_c = subject_commitment(secret[0], row["iss"], row["sub"])
        key = trusted_key(row["alg"], row["public"], iss=row["iss"], sub_c=sub_c, rp_id=row["rp_id"])
        person = settings.person_of(row["iss"], row["sub"])
        entries.append(trust_entry(key) | {"name": person.name if person is not None else "unknown"})
    return entries


def key_set_folder(layout: Layout, issuer: str) -> Path:
    """Where the key sets of one issuer are archived."""
    return layout.key_sets / sha256(issuer.encode()).hexdigest()[:32]


def _providers(layout: Layout, settings: ApprovalSettings) -> list[dict[str, Any]]:
    entries = []
    for provider in settings.providers:
        for path in sorted(key_set_folder(layout, provider.issuer).glob("*.json")):
            for jwk in json.loads(path.read_bytes()).get("keys", []):
                try:
                    entries.append(trust_entry(key_of(jwk, provider.issuer)) | {"name": provider.name})
                except Refusal:
                    continue
    return entries
