"""Bundles spoilt at random, member by member: three verifiers must write the same report, whatever it says.

Each round takes a golden bundle as a folder, changes one or two members (bytes, lines, length, another bundle's member)
and sometimes signs the statement again over what is there, so that the change is found by more than its digest. Many
bundles go through one command, in one memory, as the command line says.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import zipfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from recorder import dsse, statement
from vectors import run
from vectors.corpus import ROOT, load
from vectors.generator.bundle import compact
from vectors.generator.keys import key
from vectors.generator.log import Log

AT_ONCE = 40
TRUST = Log().begin().trust()


def _bundles() -> list[dict[str, bytes]]:
    """The members of every golden bundle that can be opened and goes with the plain trust file."""
    found = []
    for vector in load():
        same = vector.files.get("trust.json") == sha256(TRUST).hexdigest()
        if not same or "bundle.zip" not in vector.files or "E_ARCHIVE" in vector.first:
            continue
        with zipfile.ZipFile(io.BytesIO((ROOT / "files" / vector.files["bundle.zip"]).read_bytes())) as archive:
            names = [name for name in archive.namelist() if name != "transport.sha256"]
            found.append({name: archive.read(name) for name in names})
    return [members for members in found if members and "tree" not in members]  # a file cannot be a folder too


def _spoilt(chance: random.Random, bundles: list[dict[str, bytes]]) -> dict[str, bytes]:
    members = dict(chance.choice(bundles))
    for _ in range(chance.choice((1, 1, 2))):
        name = chance.choice(sorted(members))
        raw = members[name]
        kind = chance.randrange(7)
        at = chance.randrange(len(raw) + 1)
        if kind == 0 and raw:
            at = chance.randrange(len(raw))
            members[name] = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
        elif kind == 1:
            members[name] = raw[:at]
        elif kind == 2:
            members[name] = raw[:at] + chance.randbytes(chance.randrange(1, 4)) + raw[at:]
        elif kind == 3:
            lines = raw.split(b"\n")
            chance.shuffle(lines)
            members[name] = b"\n".join(lines)
        elif kind == 4:
            other = chance.choice(bundles)
            members[name] = other.get(name, b"")
        elif kind == 5 and len(members) > 1:
            del members[name]
        else:
            other = chance.choice(bundles)
            members |= {name: content for name, content in other.items() if name not in members}
    return _signed_again(members) if chance.random() < 0.5 else members


def _signed_again(members: dict[str, bytes]) -> dict[str, bytes]:
    """The statement made to fit the members, if it can still be read."""
    try:
        envelope = dsse.parse(members[statement.STATEMENT], statement.PAYLOAD_TYPE)
        document = json.loads(envelope.payload)
        for subject in document["subject"]:
            if subject["name"] in members:
                subject["digest"]["sha256"] = sha256(members[subject["name"]]).hexdigest()
        body = compact(document)
    except (KeyError, TypeError, ValueError):
        return members
    return {**members, statement.STATEMENT: dsse.sign(body, statement.PAYLOAD_TYPE, [key("seal")])}


def _compare(folder: Path, seed: int, rounds: int) -> Counter[str]:
    """First codes found; fails on the first round in which two verifiers differ."""
    verifiers = run.known()
    if len(verifiers) < 3:
        pytest.skip("the Go and the TypeScript verifier are not both built")
    chance, bundles = random.Random(seed), _bundles()
    found: Counter[str] = Counter()
    for start in range(0, rounds, AT_ONCE):
        place = folder / str(start)
        place.mkdir()
        (place / "trust.json").write_bytes(TRUST)
        names = [f"b{number}" for number in range(AT_ONCE)]
        for name in names:
            for member, content in _spoilt(chance, bundles).items():
                path = place / name / member
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        answers = []
        for verifier in verifiers:
            command = [*verifier.command, "verify", *names, "--trust=trust.json", "--json"]
            done = subprocess.run(
                command, cwd=place, capture_output=True, env=run.environment(), timeout=300, check=False
            )
            answers.append((done.returncode, done.stdout.splitlines()))
        for number, reports in enumerate(zip(*(lines for _, lines in answers), strict=True)):
            assert len(set(reports)) == 1, (place / names[number], reports)
            found[json.loads(reports[0])["first"]] += 1
        assert len({code for code, _ in answers}) == 1
    return found


@pytest.mark.timeout(600)
def test_spoilt_bundles(tmp_path: Path) -> None:
    found = _compare(tmp_path, 7, 4 * AT_ONCE)
    assert len(found) > 10


@pytest.mark.comprehensive
@pytest.mark.timeout(3600)
def test_many_spoilt_bundles(tmp_path: Path) -> None:
    found = _compare(tmp_path, 8, 100 * AT_ONCE)
    assert len(found) > 30
