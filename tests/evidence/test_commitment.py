"""Salts: derivable by who holds the subject key, useless to anyone else, one key for all workers."""

from __future__ import annotations

import hmac
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence.commitment import SubjectKey, SubjectKeys


def test_the_salt_is_hkdf_expand() -> None:
    key = SubjectKey.of(b"s" * 32)
    info = b"def/0 salt\x00x-1\x00req"
    assert key.salt("x-1", "req") == HKDFExpand(hashes.SHA256(), 32, info).derive(b"s" * 32)
    assert key.commitment("x-1", "req", b"body") == hmac.digest(key.salt("x-1", "req"), b"body", "sha256").hex()


def test_salts_differ_by_exchange_field_and_subject() -> None:
    one, other = SubjectKey.of(b"a" * 32), SubjectKey.of(b"b" * 32)
    salts = {key.salt(name, field) for key in (one, other) for name in ("x", "y") for field in ("req", "res")}
    assert len(salts) == 8
    assert one.id != other.id


def test_workers_share_one_key_a_tenant_and_month(tmp_path: Path) -> None:
    def secret(_: int) -> bytes:
        return SubjectKeys(tmp_path / "subjects").current("acme").secret

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(secret, range(24)))) == 1
    keys = SubjectKeys(tmp_path / "subjects")
    assert keys.current("acme") != keys.current("other")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "subjects").iterdir()} == {0o600}


def test_a_damaged_key_is_an_error_not_a_new_key(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path)
    keys.current("")
    (path,) = tmp_path.glob("*.key")
    path.write_text("zz")
    with pytest.raises(EvidenceError):
        SubjectKeys(tmp_path).current("")
