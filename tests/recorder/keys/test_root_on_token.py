"""A root key on a token signs a trust file from the command line, beside one that is a file."""

from __future__ import annotations

import json
from pathlib import Path

from recorder import public_key, trust
from recorder.keys import pkcs11_key, trust_update
from recorder.keys.reference import reference_document
from recorder.layout import Layout
from tests.recorder.keys.conftest import Token
from tests.support.clyra_command import clyra


def test_a_root_key_on_a_token_signs_the_trust_file(token: Token, tmp_path: Path) -> None:
    home = tmp_path / "home"
    reference = token.reference(f"root-{tmp_path.name}", public_key.P256)
    key = pkcs11_key.generate_key(reference)
    public, where, draft = tmp_path / "token.pub.pem", tmp_path / "token.json", tmp_path / "trust.json"
    public.write_bytes(trust_update.public_pem(key))
    where.write_text(json.dumps(reference_document(reference)))
    root = tmp_path / "usb" / "root-1.key"
    for words in (
        ["init", "--root-folder", str(root.parent)],
        ["trust", "--add-root", str(public), "--threshold", "2", "-o", str(draft)],
        ["sign", str(draft), "--key", str(where), "--yes"],
        ["sign", str(draft), "--key", str(root), "--yes"],
        ["import", str(draft)],
    ):
        done = clyra("keys", *words, home=home)
        assert done.returncode == 0, done.stderr
    found = trust.load(Layout(home).trust.read_bytes())
    assert (found.version, found.threshold) == (2, 2)
    assert {(one.alg, one.key_id) for one in found.of_role("root")} >= {(public_key.P256, key.key_id)}
