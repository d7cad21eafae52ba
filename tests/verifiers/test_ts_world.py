"""Everything a bundle can hold, in TypeScript: rotations, approvals, witnesses, anchors, disclosures, attestations.

Random evidence is made from seeds by an insider who has all keys; the report must be the reference's, byte for byte.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from recorder import archive, merkle, proof, record
from recorder.verify.bundle import verify
from recorder.verify.record_proof import verify_record
from tests.support.evidence_scenarios import Scenario, damaged
from tests.support.evidence_world import World, consistency, make_world
from tests.support.forged_bundles import Forge, rechained
from tests.support.go_verifier import Given
from tests.support.schema_instances import changed, instance
from tests.support.ts_verifier import TsVerifier, running


@pytest.fixture(scope="module")
def ts() -> Iterator[TsVerifier]:
    with running() as verifier:
        yield verifier


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def trust(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trust") / "trust.json"
    path.write_bytes(world.forge.trust_file())
    return path


def _agree(ts: TsVerifier, bundle: Path, given: Given) -> frozenset[str]:
    wanted = verify(bundle, given.options())
    assert ts.report(bundle, *given.words()) == (wanted.exit_code, wanted.to_bytes()), (bundle, given)
    return frozenset(wanted.found)


def _scenarios(ts: TsVerifier, world: World, folder: Path, seeds: range) -> Counter[str]:
    codes: Counter[str] = Counter()
    for seed in seeds:
        codes.update(_agree(ts, *Scenario(world, random.Random(seed), folder / str(seed)).build()))
    return codes


def test_random_scenarios(ts: TsVerifier, world: World, tmp_path: Path) -> None:
    codes = _scenarios(ts, world, tmp_path, range(300))
    assert len(codes) > 40, "the scenarios no longer reach enough codes to say much"


@pytest.mark.comprehensive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(10_000, 20_000, 1000))
def test_many_random_scenarios(ts: TsVerifier, world: World, tmp_path: Path, first: int) -> None:
    _scenarios(ts, world, tmp_path, range(first, first + 1000))


def test_every_window(ts: TsVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    for start in range(world.size):
        for end in range(start + 1, world.size + 1):
            _agree(ts, world.forge.write(tmp_path / f"{start}-{end}", start, end), Given(trust=trust))


@pytest.mark.parametrize("count", [4, pytest.param(150, marks=[pytest.mark.comprehensive, pytest.mark.timeout(1800)])])
def test_records_of_every_type(ts: TsVerifier, world: World, trust: Path, tmp_path: Path, count: int) -> None:
    """Random sound records and ones with one thing changed: the schemas mean the same, quickly read or closely."""
    chance = random.Random(count)
    head = [json.loads(line) for line in world.forge.lines[:3]]
    for number in range(count):
        for typ in record.TYPES:
            sound = [instance(record.schema_of(typ), chance, chance.random()) for _ in range(3)]
            records: list[Any] = [*sound, *(changed(chance.choice(sound), chance) for _ in range(4))]
            lines = rechained([*head, *(one for one in records if isinstance(one, dict))])
            forge = Forge(world.forge.origin, lines, world.forge.log_key, world.forge.seal_key, world.forge.root_key)
            _agree(ts, forge.write(tmp_path / f"{typ}-{number}"), Given(trust=trust))


@pytest.mark.parametrize("kind", ["cut", "longer", "crc", "size", "block", "stored"])
@pytest.mark.parametrize("name", ["records.jsonl", "statement.dsse.json", "readme.txt"])
def test_members_that_inflate_to_something_else(
    ts: TsVerifier, world: World, trust: Path, tmp_path: Path, name: str, kind: str
) -> None:
    """The container is sound in itself; a packed member is cut, goes on after its end, or is another one."""
    folder = world.forge.write(tmp_path / "folder", 0, 6)
    members = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    members.setdefault(name, b"a member of its own\n" * 40)
    _agree(ts, _repacked(members, name, kind, tmp_path / "bundle.zip"), Given(trust=trust))


def _repacked(members: dict[str, bytes], broken: str, kind: str, path: Path) -> Path:
    packed = []
    for number, (name, raw) in enumerate(sorted(members.items())):
        file = path.with_name(f"{path.name}.{number}").open("w+b")
        one = archive.pack(name, [raw], file, compress=True)
        if name == broken:
            body = file.read()
            changes = {
                "cut": body[:-3],
                "longer": body + b"\x03\x00",
                "block": b"\x07" + body[1:],
                "stored": b"\x01\x05\x00\xfa\xffhello",
            }
            body = changes.get(kind, body)
            file.seek(0)
            file.truncate()
            file.write(body)
            file.seek(0)
            digest = sha256(body).hexdigest()
            crc = one.crc ^ (kind == "crc")
            one = archive.Packed(name, one.method, crc, len(body), one.size + (kind == "size"), digest, file)
        packed.append(one)
    with path.with_suffix(".listing").open("w+b") as listing:
        archive.write_archive(path, packed, listing)
    for one in packed:
        one.file.close()
    return path


def test_numbers_beyond_32_bits(ts: TsVerifier, trust: Path, tmp_path: Path) -> None:
    """Zip64 forms that lie."""
    for number, size in enumerate((2**32 - 1, 2**32 + 5, 2**53, 2**63 - 70, 2**64 - 1)):
        for offset in (0, 2**32, size):
            entry = archive.Entry("a", archive.STORED, 0, size, size, offset)
            directory = entry.central_header()
            body = entry.local_header() + b"x" * 10
            path = tmp_path / f"{number}-{offset}.zip"
            path.write_bytes(body + directory + archive.end_records(1, len(directory), len(body)))
            _agree(ts, path, Given(trust=trust))


def _edited(edit: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    return document | edit


def test_a_trust_file_after_another(ts: TsVerifier, world: World, tmp_path: Path) -> None:
    older, newer = tmp_path / "older.json", tmp_path / "newer.json"
    bundle = world.forge.write(tmp_path / "bundle")
    newer.write_bytes(world.forge.trust_file())
    edits: list[dict[str, Any]] = [{"version": 2}, {"origin": "other"}, {"threshold": 2}, {}]
    for edit in edits:
        older.write_bytes(world.forge.trust_file(partial(_edited, edit)))
        _agree(ts, bundle, Given(trust=newer, trust_from=older))


def test_consistency_with_what_lies_before_the_window(
    ts: TsVerifier, world: World, trust: Path, tmp_path: Path
) -> None:
    for first in range(1, world.size):
        for claimed in (first, max(1, first - 1)):
            note = tmp_path / f"note{claimed}"
            note.write_bytes(world.forge.checkpoint(claimed))
            bundle = world.forge.write(tmp_path / f"{first}-{claimed}", world.size - 2)
            (bundle / "tree/consistency").write_bytes(consistency(world, first, world.size))
            _agree(ts, bundle, Given(trust=trust, checkpoints=(note,)))


def test_one_record_with_its_proof(ts: TsVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    """Sound proofs of every record, and what becomes of them."""
    chance = random.Random(8)
    leaves = [merkle.leaf_hash(line) for line in world.forge.lines]
    note = world.forge.checkpoint(world.size)
    path = tmp_path / "proof"
    answers: Counter[str] = Counter()
    for turn in range(400):
        index = turn if turn < world.size else chance.randrange(world.size)
        raw = proof.make(world.forge.lines[index], index, merkle.inclusion_proof(leaves, index), note)
        raw = raw if turn < world.size else damaged(chance, raw)
        path.write_bytes(raw)
        given: Sequence[str | Path] = ["--trust", trust] if chance.random() < 0.9 else []
        report = verify_record(raw, trust.read_bytes() if given else None)
        assert ts.run("verify-record", path, "--json", *given) == (report.exit_code, report.to_bytes() + b"\n"), raw
        answers.update([report.document()["first"]])
    assert {"", "E_PROOF_FORMAT", "E_CKPT_FORMAT", "I_TRUST_MISSING"} <= answers.keys()
