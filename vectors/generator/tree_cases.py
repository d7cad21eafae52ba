"""S4: frontiers, roots, leaf hashes, consistency proofs and levels; trees of every awkward size."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from recorder import merkle, note, statement
from recorder.merkle import leaf_hash
from vectors.generator.bundle import INTACT, Bundle, relink, sealed, without
from vectors.generator.case import Case
from vectors.generator.checkpoint_cases import MIDDLE
from vectors.generator.keys import key
from vectors.generator.log import Log

RESIGNED = "Whether the operator did it: somebody with the seal key signed this statement, over a tree that is another."
LEAVES = "an intact bundle with its leaf hashes"
PRUNED = "a pruned bundle: leaf hashes and no records"
CONSISTENT = "a bundle with a proof that it continues a checkpoint from before"
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)


def cases() -> Iterator[Case]:
    yield from _edges()
    yield from _frontiers()
    yield from _roots()
    yield from _leaves()
    yield from _consistency()


def _edges() -> Iterator[Case]:
    """Windows that begin and end at every size around a power of two; the log is the same one."""
    log = Log().begin().calls(max(EDGES) - 4)
    windows = [(0, size) for size in EDGES if size != 9] + [
        (start, 33) for start in (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32)
    ]
    windows += [(1, 2), (2, 3), (3, 4), (7, 8), (8, 9), (15, 17), (16, 32), (31, 32)]
    for start, end in windows:
        yield sealed(
            f"records {start} to {end - 1}",
            Bundle(log, start, end),
            "P_TAIL_UNANCHORED",
            shows={"start": start, "end": end, "unanchored": end - start},
        )


def _frontiers() -> Iterator[Case]:
    log = Log().begin().calls(5)
    good = Bundle(log, 5).members()
    first, second, _ = good[statement.FRONTIER].split(b"\n")
    wrong = {
        "in another order": (b"\n".join([second, first, b""]), ["anchors"]),
        "with a node too few": (first + b"\n", ["anchors", "records"]),
        "with a node too many": (b"\n".join([first, second, second, b""]), ["anchors", "records"]),
        "with nothing in it": (b"", ["anchors", "records"]),
        "with one bit turned": (_turned(first) + b"\n" + second + b"\n", ["anchors"]),
        "without its last newline": (first + b"\n" + second, ["anchors", "records"]),
        "with an empty line at its end": (first + b"\n" + second + b"\n\n", ["anchors", "records"]),
        "with a node of 31 bytes": (base64.b64encode(bytes(31)) + b"\n" + second + b"\n", ["anchors", "records"]),
        "with a node in base64url": (b"-" * 43 + b"=\n" + second + b"\n", ["anchors", "records"]),
        "with a byte that is not ASCII": (b"\xff" + first[1:] + b"\n" + second + b"\n", ["anchors", "records"]),
    }
    for title, (content, skipped) in wrong.items():
        bundle = Bundle(log, 5, covered={statement.FRONTIER: content})
        yield sealed(
            f"a frontier {title}", bundle, "E_FRONTIER", twin=MIDDLE, silent=RESIGNED, shows={"skipped": skipped}
        )
    zero = Bundle(log, covered={statement.FRONTIER: first + b"\n"})
    yield sealed("a frontier of an empty tree that is not empty", zero, "E_FRONTIER", silent=RESIGNED)
    # the root that the statement and the checkpoint give is another than that of the frontier
    other = Bundle(log, 5, predicate={"start_root": "00" * 32})
    members = {**other.members(), statement.TREE_START: note.sign_checkpoint(log.origin, 5, bytes(32), log.log_key)}
    yield sealed(
        "a start root that is not the frontier's", other, "E_FRONTIER", twin=MIDDLE, members=members, silent=RESIGNED
    )


def _roots() -> Iterator[Case]:
    log = Log().begin().calls(5)
    lines = log.lines

    def edit(number: int, made: dict[str, Any]) -> None:
        if number == 6:
            made["act"]["target"] = "/accounts/someone-else"

    for title, window, code in (
        ("a record taken out", [*lines[:6], *lines[7:]], "E_TREE_SIZE"),
        ("a record put in twice", [*lines[:6], lines[5], *lines[6:]], "E_TREE_SIZE"),
        ("two records exchanged", [*lines[:5], lines[6], lines[5], *lines[7:]], "E_ROOT"),
        ("a record changed and the rest chained again", relink(lines, 6, edit), "E_ROOT"),
        ("the window cut short", lines[:-2], "E_TREE_SIZE"),
        ("no records at all", [], "E_TREE_SIZE"),
    ):
        bundle = Bundle(log, lines=list(window))
        yield sealed(
            f"{title}, the statement signed again", bundle, code, silent=RESIGNED, shows={"skipped": ["anchors"]}
        )
    for title, change in (
        ("a record changed on disk", lambda raw: raw.replace(b"/accounts/6", b"/accounts/9")),
        ("a record deleted on disk", lambda raw: b"".join(raw.splitlines(keepends=True)[:-1])),
        ("the last newline taken off on disk", lambda raw: raw[:-1]),
        ("a blank put in on disk", lambda raw: raw.replace(b'":', b'": ', 1)),
    ):
        members = Bundle(log).members()
        members[statement.RECORDS] = change(members[statement.RECORDS])
        yield sealed(title, log, "E_MEMBER_DIGEST", members=members, silent=RESIGNED)


def _leaves() -> Iterator[Case]:
    log = Log().begin().calls(5)
    hashes = [leaf_hash(line) for line in log.lines]
    whole = Bundle(log, detached={statement.TREE_LEAVES: b"".join(hashes)})
    members = whole.members()
    pruned = without(members, statement.RECORDS)
    shows = {"level": "L2"}
    yield sealed(LEAVES, whole, "P_TAIL_UNANCHORED", shows=shows)
    for level in ("L0", "L1"):
        told = {"level": level, "skipped": ["record contents"], "exposure_us": 0}
        arguments = (f"--level={level}",)
        yield sealed(f"{INTACT}, at {level}", log, "P_TAIL_UNANCHORED", more=arguments, shows=told)
        yield sealed(f"{LEAVES}, at {level}", whole, "P_TAIL_UNANCHORED", more=arguments, shows=told)
    yield sealed(
        PRUNED, whole, "P_TAIL_UNANCHORED", members=pruned, shows={"level": "L0", "skipped": ["record contents"]}
    )

    def leaves(title: str, content: bytes, code: str, base: dict[str, bytes], *more: str) -> Case:
        changed = {**base, statement.TREE_LEAVES: content}
        twin = PRUNED if base is pruned else LEAVES
        return sealed(title, log, code, members=changed, twin=twin, more=more, silent=RESIGNED)

    swapped = b"".join([hashes[1], hashes[0], *hashes[2:]])
    yield leaves("leaf hashes that are not the records'", swapped, "E_ROOT", members)
    yield leaves("leaf hashes that are not the records', at L1", swapped, "E_ROOT", members, "--level=L1")
    yield leaves("leaf hashes that are not the records', at L0", swapped, "E_ROOT", members, "--level=L0")
    yield leaves("leaf hashes of another tree, records pruned", swapped, "E_ROOT", pruned)
    yield leaves("a leaf hash too few, records pruned", b"".join(hashes[:-1]), "E_TREE_SIZE", pruned)
    yield leaves("a leaf hash too many, records pruned", b"".join([*hashes, hashes[0]]), "E_TREE_SIZE", pruned)
    yield leaves("leaf hashes that end inside one, records pruned", b"".join(hashes)[:-1], "E_TREE_SIZE", pruned)
    yield leaves("leaf hashes that end inside one", b"".join(hashes)[:-1], "E_ROOT", members)
    yield leaves("no leaf hashes in the file, records pruned", b"", "E_TREE_SIZE", pruned)
    spoilt = {**Bundle(log).members()}
    spoilt[statement.RECORDS] = spoilt[statement.RECORDS].replace(b"/accounts/6", b"/accounts/9")
    for level, code in (("L0", "E_ROOT"), ("L1", "E_MEMBER_DIGEST")):
        yield sealed(f"a record changed on disk, at {level}", log, code, members=spoilt, more=(f"--level={level}",))
    missing = {**spoilt, statement.TREE_LEAVES: b"".join(hashes)}
    yield sealed(
        "records changed on disk beside true leaf hashes, at L0",
        log,
        "P_TAIL_UNANCHORED",
        members=missing,
        more=("--level=L0",),
        silent="What the records say: at L0 only their hashes are looked at, and these are beside them.",
    )


def _consistency() -> Iterator[Case]:
    log = Log().begin().calls(9)
    hashes = [leaf_hash(line) for line in log.lines]

    def proof(first: int, *, nodes: list[bytes] | None = None) -> bytes:
        found = merkle.consistency_proof(hashes, first) if nodes is None else nodes
        return b"%d\n" % first + b"".join(base64.b64encode(node) + b"\n" for node in found)

    def case(
        title: str, content: bytes, code: str, size: int = 6, checkpoint: bytes | None = None, **told: Any
    ) -> Case:
        bundle = Bundle(log, 9, detached={statement.TREE_CONSISTENCY: content})
        files = {"before.note": log.checkpoint(size) if checkpoint is None else checkpoint}
        more = ("--checkpoint=before.note",)
        twin = "" if code == "P_TAIL_UNANCHORED" else CONSISTENT
        return sealed(title, bundle, code, twin=twin, files=files, more=more, **told)

    yield case(CONSISTENT, proof(6), "P_TAIL_UNANCHORED", shows={"anchored_end": 6, "unanchored": 4, "skipped": []})
    for size in (1, 2, 3, 4, 7, 8):
        title = f"a bundle with a proof from size {size}"
        yield case(title, proof(size), "P_TAIL_UNANCHORED", size, shows={"anchored_end": size})
    older = {"skipped": ["checkpoint: older than the window", "tree/consistency: no outside root of its size"]}
    yield case("a consistency proof from another size", proof(5), "P_TAIL_UNANCHORED", shows=older)
    nodes = merkle.consistency_proof(hashes, 6)
    for title, wrong in (
        ("with a node changed", [bytes(32), *nodes[1:]]),
        ("with a node too few", nodes[:-1]),
        ("with a node too many", [*nodes, nodes[0]]),
        ("with two nodes exchanged", [nodes[1], nodes[0], *nodes[2:]]),
        ("without nodes", []),
    ):
        yield case(f"a consistency proof {title}", proof(6, nodes=wrong), "E_CONSISTENCY")
    fork = note.sign_checkpoint(log.origin, 6, bytes(range(32)), log.log_key)
    yield case(
        "a consistency proof against a checkpoint of another history", proof(6), "E_CONSISTENCY", checkpoint=fork
    )
    good = proof(6)
    for title, content in {
        "from size zero": proof(0, nodes=[]),
        "from its own end": proof(13, nodes=[]),
        "from beyond its end": proof(14, nodes=[]),
        "with a leading zero": b"0" + good,
        "without its last newline": good[:-1],
        "with an empty line at its end": good + b"\n",
        "with a node of 31 bytes": good + base64.b64encode(bytes(31)) + b"\n",
        "with a node that is not base64": good + b"!" * 44 + b"\n",
        "with a byte that is not ASCII": good + b"\xff\n",
        "of one line without an end": b"6",
        "with nothing in it": b"",
    }.items():
        yield case(f"a consistency proof {title}", content, "E_PROOF_FORMAT")
    stranger = log.checkpoint(6, key("stranger"))
    yield case("a checkpoint from before by a stranger", proof(6), "E_ANCHOR_MISMATCH", checkpoint=stranger)


def _turned(line: bytes) -> bytes:
    raw = bytearray(base64.b64decode(line))
    raw[5] ^= 1
    return base64.b64encode(raw)
