"""Drafts for root keys: read strictly, merged by payload, told in words; and which trust file may follow another."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import rotation, strict_json, trust
from recorder.errors import KeyChangeError
from recorder.keys import LocalKey, ceremony, trust_update
from recorder.keys.ceremony import Draft
from recorder.keys.trust_update import Update
from recorder.rotation import Change

OLD, NEW, LOG, SEAL = (LocalKey.generate() for _ in range(4))
ROOTS = [LocalKey.generate() for _ in range(3)]
CHANGE = Change(
    "example.org/log", "recovery", "log", NEW.key_id, "ed25519", NEW.public, 7, "stolen", OLD.key_id, None, 3
)
DRAFT = Draft(rotation.make_payload(CHANGE), rotation.PAYLOAD_TYPE)


def _first(threshold: int = 2) -> bytes:
    draft = trust_update.first("example.org/log", LOG, SEAL, ROOTS, threshold)
    for root in ROOTS:
        draft = draft.signed_by(root)
    return draft.to_bytes()


def _signed(draft: Draft, *keys: LocalKey) -> Draft:
    for key in keys:
        draft = draft.signed_by(key)
    return draft


def test_signatures_of_several_machines_are_put_together() -> None:
    parts = [ceremony.read_draft(DRAFT.signed_by(root).to_bytes(), "x") for root in ROOTS]
    whole = ceremony.merge([*parts, parts[0]])
    assert sorted(name for name, _ in whole.signatures) == sorted(root.key_id for root in ROOTS)
    assert ceremony.read_draft(DRAFT.to_bytes(), "x") == DRAFT
    assert ceremony.read_draft(whole.to_bytes(), "x") == whole
    other = Draft(trust_update.first("example.org/log", LOG, SEAL, ROOTS, 1).payload, trust.PAYLOAD_TYPE)
    with pytest.raises(KeyChangeError, match="not about the same"):
        ceremony.merge([DRAFT, other])


def test_what_is_signed_is_told_in_words() -> None:
    told = "\n".join(ceremony.describe(DRAFT))
    for part in ("Recovery of a log key", NEW.key_id, OLD.key_id, "from size 3", "stolen"):
        assert part in told
    told = "\n".join(ceremony.describe(ceremony.read_draft(_first(), "x")))
    for part in ("version 1", "2 of 3 must sign", LOG.key_id, SEAL.key_id, *(root.key_id for root in ROOTS)):
        assert part in told


@given(st.binary(max_size=200))
def test_any_bytes_are_a_draft_or_refused(raw: bytes) -> None:
    with pytest.raises(KeyChangeError):
        ceremony.read_draft(raw, "x")


@given(st.integers(0, len(DRAFT.to_bytes()) - 1), st.integers(1, 255))
def test_a_changed_draft_is_refused_or_says_something_else(at: int, by: int) -> None:
    raw = bytearray(DRAFT.to_bytes())
    raw[at] ^= by
    try:
        found = ceremony.read_draft(bytes(raw), "x")
    except KeyChangeError:
        return
    assert found.payload != DRAFT.payload or bytes(raw) == DRAFT.to_bytes() or at == len(raw) - 1


NEXT_ROOT = LocalKey.generate()
CHANGED_ROOTS = Update([trust_update.entry("root", NEXT_ROOT)], frozenset({ROOTS[0].key_id}))
GENESIS = {LOG.key_id: "log", SEAL.key_id: "seal"}


@pytest.mark.parametrize(
    ("update", "signers", "words"),
    [
        (Update(threshold=1), ROOTS[:2], ""),
        (Update(threshold=1), ROOTS[:1], "1 of the roots before it, 2 needed"),
        (Update(threshold=3), ROOTS[:2], "2 root signatures, 3 needed"),
        (Update(threshold=3), ROOTS, ""),
        (
            Update([trust_update.entry("root", NEXT_ROOT)], frozenset({ROOTS[0].key_id})),
            [ROOTS[1], NEXT_ROOT],
            "1 of the",
        ),
        (CHANGED_ROOTS, [*ROOTS[:2], NEXT_ROOT], ""),
        (Update(remove=frozenset({LOG.key_id})), ROOTS, "lacks a key the log began with"),
        (Update([trust_update.entry("auditor", SEAL)]), ROOTS, "lacks a key the log began with"),
    ],
)
def test_a_trust_file_follows_only_with_old_and_new_roots(update: Update, signers: list[LocalKey], words: str) -> None:
    current = _first()
    draft = _signed(trust_update.following(current, update), *signers)
    if words == "":
        raw = trust_update.accept(current, draft, GENESIS)
        assert trust.load(raw).version == 2
        with pytest.raises(KeyChangeError, match="not newer"):
            trust_update.accept(raw, draft, GENESIS)
        return
    with pytest.raises(KeyChangeError, match=words):
        trust_update.accept(current, draft, GENESIS)


def test_a_trust_file_has_a_bound() -> None:
    crowd = [trust_update.entry("auditor", LocalKey.generate()) for _ in range(trust_update.MAX_KEYS)]
    with pytest.raises(KeyChangeError, match="at most 256 keys"):
        trust_update.following(_first(), Update(crowd))
    assert trust_update.following(_first(), Update(crowd[: trust_update.MAX_KEYS - 5]))


def test_public_parts_travel_as_pem(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "pub.pem"
    path.write_bytes(trust_update.public_pem(NEW))
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", str(path), "-outform", "DER"], check=True, capture_output=True
    ).stdout
    assert der.endswith(NEW.public)
    assert trust_update.public_of_pem(path.read_bytes(), "x") == ("ed25519", NEW.public)
    with pytest.raises(KeyChangeError, match="not a public key"):
        trust_update.public_of_pem(b"nothing", "x")


def test_strict_json_is_the_form_of_a_draft() -> None:
    document = strict_json.read(DRAFT.to_bytes()[:-1])
    with pytest.raises(KeyChangeError):
        ceremony.read_draft(strict_json.write(document | {"more": 1}) + b"\n", "x")
