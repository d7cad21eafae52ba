"""The Go and the Python verifier write the same report about everything: sound, damaged, forged or hostile."""

from __future__ import annotations

import json
import random
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from recorder import archive, memory, merkle, proof, record
from recorder.verify.bundle import verify
from recorder.verify.command import worst
from recorder.verify.options import Options
from recorder.verify.record_proof import verify_record
from tests.support.evidence_scenarios import Scenario, damaged
from tests.support.evidence_world import World, consistency, make_world
from tests.support.forged_bundles import Forge, rechained, write_folder
from tests.support.go_verifier import Given, GoVerifier, disagreements
from tests.support.schema_instances import changed, instance


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def trust(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trust") / "trust.json"
    path.write_bytes(world.forge.trust_file())
    return path


def pack(members: dict[str, bytes], path: Path) -> Path:
    """A strict zip of members; those in the root folder deflated."""
    scratch = path.with_suffix(".scratch")
    packed = []
    for number, (name, raw) in enumerate(sorted(members.items())):
        file = scratch.with_name(f"{scratch.name}{number}").open("w+b")
        packed.append(archive.pack(name, [raw], file, compress="/" not in name))
    with scratch.open("w+b") as listing:
        archive.write_archive(path, packed, listing)
    for one in packed:
        one.file.close()
    return path


def members_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_scenarios(go: GoVerifier, world: World, folder: Path, seeds: range) -> Counter[str]:
    """How often each code was reported; fails at the first difference."""
    codes: Counter[str] = Counter()
    for seed in seeds:
        bundle, given = Scenario(world, random.Random(seed), folder / str(seed)).build()
        report = verify(bundle, given.options())
        done = go.run("verify", *given.words(), "--json", bundle)
        assert done.stdout == report.to_bytes() + b"\n", f"seed {seed}: {given}\n{done.stderr.decode()}"
        assert done.returncode == report.exit_code
        codes.update(list(report.found))
    return codes


def test_random_scenarios(go: GoVerifier, world: World, tmp_path: Path) -> None:
    codes = run_scenarios(go, world, tmp_path, range(150))
    assert len(codes) > 40, "the scenarios no longer reach enough codes to say much"


@pytest.mark.comprehensive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(10_000, 20_000, 1000))
def test_many_random_scenarios(go: GoVerifier, world: World, tmp_path: Path, first: int) -> None:
    run_scenarios(go, world, tmp_path, range(first, first + 1000))


def test_every_window(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    bundles = [
        world.forge.write(tmp_path / f"{start}-{end}", start, end)
        for start in range(world.size)
        for end in range(start + 1, world.size + 1)
    ]
    assert disagreements(go, bundles, Given(trust=trust)) == []


def flipped(raw: bytes, folder: Path, step: int) -> Iterator[Path]:
    for at in range(0, len(raw), step):
        changed_raw = bytearray(raw)
        changed_raw[at] ^= 1 << (at % 8)
        path = folder / f"{at:06d}.zip"
        path.write_bytes(changed_raw)
        yield path


@pytest.mark.parametrize("step", [23, pytest.param(1, marks=[pytest.mark.comprehensive, pytest.mark.timeout(1800)])])
def test_flipped_bytes_of_a_zip(go: GoVerifier, world: World, trust: Path, tmp_path: Path, step: int) -> None:
    folder = world.forge.write(tmp_path / "folder", 3, 12)
    path = pack(members_of(folder), tmp_path / "sound.zip")
    (tmp_path / "flipped").mkdir()
    bundles = [path, *flipped(path.read_bytes(), tmp_path / "flipped", step)]
    assert disagreements(go, bundles, Given(trust=trust), batch=1000) == []


def test_hostile_zips(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    """Truncated, with something before, between or after, packed by another program."""
    folder = world.forge.write(tmp_path / "folder", 0, 6)
    sound = pack(members_of(folder), tmp_path / "sound.zip").read_bytes()
    forms = [b"", b"x", sound[:-1], sound[:-30], sound[200:], b"#!" + sound, sound + b"\n", sound + sound, sound[:-22]]
    forms += [sound.replace(b"readme.txt", b"README.txt"), sound.replace(b"tree/start", b"tree//tart")]
    forms += [sound.replace(b"tree/end", b"tree/eme"), sound.replace(b"records.jsonl", b"recordz.jsonl")]
    bundles = []
    for number, raw in enumerate(forms):
        bundles.append(tmp_path / f"{number}.zip")
        bundles[-1].write_bytes(raw)
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in members_of(folder).items():
            packed.writestr(name, raw)
    assert disagreements(go, [*bundles, foreign], Given(trust=trust)) == []


def test_archives_with_numbers_beyond_32_bits(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    """Zip64 forms that lie, and real ones: more members than 16 bits count, and one more than is allowed."""
    bundles = []
    for number, size in enumerate((2**32 - 1, 2**32 + 5, 2**63 - 70, 2**63, 2**64 - 70, 2**64 - 1)):
        for offset in (0, 2**32, size):
            entry = archive.Entry("a", archive.STORED, 0, size, size, offset)
            directory = entry.central_header()
            body = entry.local_header() + b"x" * 10
            path = tmp_path / f"{number}-{offset}.zip"
            path.write_bytes(body + directory + archive.end_records(1, len(directory), len(body)))
            bundles.append(path)
    for count in (65_534, 65_536):
        members = {f"attestations/{number:05d}.dsse.json": b"" for number in range(count)}
        bundles.append(_many(members, tmp_path / f"{count}.zip"))
    assert disagreements(go, bundles, Given(trust=trust)) == []


def _many(members: dict[str, bytes], path: Path) -> Path:
    """A zip of empty members, without a file for each."""
    nothing = archive.sha256(b"").hexdigest()
    listing = "".join(f"{nothing}  {name}\n" for name in sorted(members)).encode()
    body, directory = bytearray(), bytearray()
    for name, raw in sorted({**members, archive.TRANSPORT: listing}.items()):
        entry = archive.Entry(name, archive.STORED, zlib.crc32(raw), len(raw), len(raw), len(body))
        body += entry.local_header() + raw
        directory += entry.central_header()
    path.write_bytes(body + directory + archive.end_records(len(members) + 1, len(directory), len(body)))
    return path


def test_members_that_inflate_to_something_else(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    """The container is sound in itself, with a packed member that is cut, has another CRC, or goes on after its end."""
    members = members_of(world.forge.write(tmp_path / "folder", 0, 6))
    bundles = []
    for name in ("records.jsonl", "statement.dsse.json", "readme.txt"):
        if name not in members:
            continue
        kinds = ("cut", "longer", "crc", "size")
        bundles += [_repacked(members, name, kind, tmp_path / f"{name}.{kind}.zip") for kind in kinds]
    assert len(bundles) >= 8
    assert disagreements(go, bundles, Given(trust=trust)) == []


def _repacked(members: dict[str, bytes], broken: str, kind: str, path: Path) -> Path:
    packed = []
    for number, (name, raw) in enumerate(sorted(members.items())):
        file = path.with_name(f"{path.name}.{number}").open("w+b")
        one = archive.pack(name, [raw], file, compress=True)
        if name == broken:
            body = file.read()
            body = {"cut": body[:-3], "longer": body + b"\x03\x00"}.get(kind, body)
            file.seek(0)
            file.truncate()
            file.write(body)
            file.seek(0)
            digest = archive.sha256(body).hexdigest()
            crc = one.crc ^ (kind == "crc")
            one = archive.Packed(name, one.method, crc, len(body), one.size + (kind == "size"), digest, file)
        packed.append(one)
    with path.with_suffix(".listing").open("w+b") as listing:
        archive.write_archive(path, packed, listing)
    for one in packed:
        one.file.close()
    return path


def test_folders_that_are_no_bundle(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    folder = world.forge.write(tmp_path / "sound", 0, 6)
    members = members_of(folder)
    linked = write_folder(tmp_path / "linked", members)
    (linked / "Upper").write_bytes(b"x")
    (linked / "link").symlink_to(linked / "readme.txt")
    odd = write_folder(tmp_path / "odd", members)
    (odd / "with space").write_bytes(b"x")
    (odd / "zz").symlink_to("nowhere")
    raw_name = write_folder(tmp_path / "raw", members)
    (raw_name / "\udcff").write_bytes(b"x")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert disagreements(go, [folder, linked, odd, raw_name, empty], Given(trust=trust)) == []


def record_bundle(forge: Forge, records: Sequence[dict[str, object]], folder: Path) -> Path:
    head = [json.loads(line) for line in forge.lines[:3]]
    lines = rechained([*head, *records])
    return Forge(forge.origin, lines, forge.log_key, forge.seal_key, forge.root_key).write(folder)


@pytest.mark.parametrize("count", [4, pytest.param(150, marks=[pytest.mark.comprehensive, pytest.mark.timeout(1800)])])
def test_records_of_every_type(go: GoVerifier, world: World, trust: Path, tmp_path: Path, count: int) -> None:
    """Random sound records and ones with one thing changed: the schemas mean the same."""
    chance = random.Random(count)
    bundles = []
    for number in range(count):
        for typ in record.TYPES:
            sound = [instance(record.schema_of(typ), chance, chance.random()) for _ in range(2)]
            records = [*sound, *(changed(chance.choice(sound), chance) for _ in range(4))]
            records = [one for one in records if isinstance(one, dict)]
            bundles.append(record_bundle(world.forge, records, tmp_path / f"{typ}-{number}"))
    assert disagreements(go, bundles, Given(trust=trust)) == []


def test_what_is_remembered(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    """Windows in any order, sound and forked ones, with a memory file: the same reports, and the same file after."""
    chance = random.Random(5)
    fork = Forge(world.forge.origin, [*world.forge.lines], *_keys(world.forge))
    fork.lines[7] = fork.lines[7].replace(b'"trace"', b'"track"')
    kept = {"go": tmp_path / "go.memory", "python": tmp_path / "python.memory"}
    for turn in range(40):
        forge = chance.choice([world.forge, world.forge, world.forge, fork])
        start = chance.randrange(world.size)
        bundle = forge.write(tmp_path / f"b{turn}", start, chance.randrange(start + 1, world.size + 1))
        older = chance.random() < 0.3
        known = memory.read(kept["python"])
        report = verify(bundle, Options(trust=trust.read_bytes(), memory=known, older=older))
        if known.changed:
            memory.write(kept["python"], known)
        words = ["verify", bundle, "--trust", trust, "--memory", kept["go"], "--json", *(["--older"] if older else [])]
        assert go.run(*words).stdout == report.to_bytes() + b"\n", turn
        assert kept["go"].exists() == kept["python"].exists()
        if kept["go"].exists():
            assert kept["go"].read_bytes() == kept["python"].read_bytes()
        if turn % 13 == 12:
            for path in kept.values():
                path.unlink(missing_ok=True)


def _keys(forge: Forge) -> tuple[object, object, object]:
    return forge.log_key, forge.seal_key, forge.root_key


def test_nothing_is_remembered_of_what_is_not_sound(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    bundle = world.forge.write(tmp_path / "bundle")
    kept = tmp_path / "memory"
    assert go.run("verify", bundle, "--memory", kept).returncode == 4
    (bundle / "records.jsonl").write_bytes(b"{}\n")
    assert go.run("verify", bundle, "--trust", trust, "--memory", kept).returncode == 1
    assert not kept.exists()


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"logs":[],"v":"def-memory/1"}\n', b'{"logs": [],"v":"def-memory/0"}'])
def test_a_memory_file_that_is_none(go: GoVerifier, world: World, trust: Path, tmp_path: Path, raw: bytes) -> None:
    kept = tmp_path / "memory"
    kept.write_bytes(raw)
    bundle = world.forge.write(tmp_path / "bundle")
    done = go.run("verify", bundle, "--trust", trust, "--memory", kept, "--json")
    assert (done.returncode, done.stdout, kept.read_bytes()) == (2, b"", raw)
    with pytest.raises(memory.MemoryFileError):
        memory.read(kept)


def test_a_trust_file_after_another(go: GoVerifier, world: World, tmp_path: Path) -> None:
    """--trust-from: too old, of another log, not signed by the roots before it."""
    older = tmp_path / "older.json"
    newer = tmp_path / "newer.json"
    bundle = world.forge.write(tmp_path / "bundle")
    for edit in ({"version": 2}, {"origin": "other"}, {"threshold": 2}, {}):
        older.write_bytes(world.forge.trust_file(lambda value, edit=edit: value | edit))
        newer.write_bytes(world.forge.trust_file())
        assert disagreements(go, [bundle], Given(trust=newer, trust_from=older)) == []


def test_consistency_with_what_lies_before_the_window(
    go: GoVerifier, world: World, trust: Path, tmp_path: Path
) -> None:
    for first in range(1, world.size):
        for claimed in (first, max(1, first - 1)):
            note = tmp_path / f"note{claimed}"
            note.write_bytes(world.forge.checkpoint(claimed))
            bundle = world.forge.write(tmp_path / f"{first}-{claimed}", world.size - 2)
            (bundle / "tree/consistency").write_bytes(consistency(world, first, world.size))
            assert disagreements(go, [bundle], Given(trust=trust, checkpoints=(note,))) == []


def test_one_record_with_its_proof(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    """Sound proofs of every record, and what becomes of them."""
    chance = random.Random(8)
    leaves = [merkle.leaf_hash(line) for line in world.forge.lines]
    note = world.forge.checkpoint(world.size)
    path = tmp_path / "proof"
    answers: Counter[str] = Counter()
    for turn in range(160):
        index = chance.randrange(world.size)
        raw = proof.make(world.forge.lines[index], index, merkle.inclusion_proof(leaves, index), note)
        raw = raw if turn < world.size else damaged(chance, raw)
        path.write_bytes(raw)
        given = trust.read_bytes() if chance.random() < 0.9 else None
        report = verify_record(raw, given)
        done = go.run("verify-record", path, *(["--trust", trust] if given else []), "--json")
        assert done.stdout == report.to_bytes() + b"\n", raw
        assert done.returncode == report.exit_code
        answers.update([report.document()["first"]])
    assert {"", "E_PROOF_FORMAT", "E_CKPT_FORMAT", "I_TRUST_MISSING"} <= answers.keys()


def test_the_worst_bundle_decides(go: GoVerifier, world: World, trust: Path, tmp_path: Path) -> None:
    sound = world.forge.write(tmp_path / "sound")
    broken = world.forge.write(tmp_path / "broken", 0, 5)
    (broken / "records.jsonl").write_bytes(b"{}\n")
    missing = tmp_path / "nowhere"
    reports, code = go.reports([sound, broken], "--trust", trust)
    assert (len(reports), code) == (2, worst([3, 1]))
    done = go.run("verify", sound, missing, broken, "--trust", trust, "--json")
    assert (len(done.stdout.splitlines()), done.returncode) == (2, 2)
    assert b"nowhere" in done.stderr
