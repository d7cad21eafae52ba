"""S7: what a key may sign around a change: delegated, recovered, revoked, before it came and after it went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recorder import note, rotation, statement
from vectors.generator.bundle import Bundle, signed_note
from vectors.generator.case import Case
from vectors.generator.keys import key
from vectors.generator.log import Log
from vectors.generator.rotation_cases import (
    DELEGATED,
    RECOVERED,
    REVOKED,
    SEAL_ROTATED,
    begun,
    case,
    ended,
    rotated,
)
from vectors.generator.trust_file import changed, document, listed, signed, trusting


def cases() -> Iterator[Case]:
    yield from _delegations()
    yield from _recoveries()
    yield from _validity()


def _delegations() -> Iterator[Case]:
    new = key("log-2")

    def delegated(title: str, code: str, signers: Any = None, calls: int = 1, **told: Any) -> Case:
        until = told.pop("until_size", 50)
        made = begun().change("delegation", new, key("log"), signers or [key("seal")], until_size=until)
        return case(title, ended(made, new, calls), code, twin=DELEGATED, **told)

    yield delegated("a delegation that ended before it began", "E_DELEGATION_RANGE", until_size=5)
    yield delegated("a delegation for more than 2^32 records", "E_DELEGATION_RANGE", until_size=6 + 2**32)
    yield delegated("a delegation by the log key", "E_DELEGATION_RANGE", [key("log")])
    yield delegated("a delegation by the root key", "E_ROTATION_UNENDORSED", [key("root")])
    yield delegated("a delegation by a stranger", "E_ROTATION_UNENDORSED", [key("stranger")])
    yield delegated("a delegated key past its end", "E_DELEGATION_RANGE", calls=3, until_size=7)
    yield delegated("a delegated key at its end", "P_TAIL_UNANCHORED", calls=1, until_size=7)
    over = trusting(Log().begin(), listed(key("seal-2"), "seal", valid_until_size=5))
    yield delegated("a delegation by a seal key that had ended", "E_DELEGATION_RANGE", [key("seal-2")], trust=over)
    stolen = changed(Log().begin(), lambda made: made["keys"][1].update(compromised_from_size=6))
    yield delegated("a delegation by a stolen seal key", "E_KEY_COMPROMISED", trust=stolen)
    bare = begun().change(
        "delegation",
        new,
        key("log"),
        [key("seal")],
        until_size=50,
        edit=lambda made: made["predicate"].pop("until_size"),
    )
    yield case("a delegation without an end", ended(bare), "E_ROTATION_UNENDORSED", twin=DELEGATED)
    seal = begun().change(
        "delegation", key("seal-2"), key("seal"), [key("seal")], until_size=50, role="seal", in_record={"role": "seal"}
    )
    bundle = ended(seal)
    yield case("a delegated seal key", bundle, "E_ROTATION_UNENDORSED", twin=DELEGATED)


def _recoveries() -> Iterator[Case]:
    new = key("log-2")
    for title, signers in (("by the old key", [key("log")]), ("by the seal key", [key("seal")])):
        made = begun().change("recovery", new, key("log"), signers)
        yield case(f"a recovery {title}", ended(made, new), "E_ROTATION_UNENDORSED", twin=RECOVERED)
    roots = [key("root"), key("root-2"), key("root-3")]
    quorum = signed(document(Log(), roots, threshold=2), roots)
    for title, signers, code in (
        ("one root where two are needed", roots[:1], "E_ROTATION_UNENDORSED"),
        ("one root twice where two are needed", [roots[0], roots[0]], "E_ROTATION_UNENDORSED"),
        ("two roots where two are needed", roots[1:], "P_TAIL_UNANCHORED"),
    ):
        made = begun().change("recovery", new, key("log"), signers)
        twin = "a recovery by two roots where two are needed" if code[0] == "E" else ""
        yield case(f"a recovery by {title}", ended(made, new), code, trust=quorum, twin=twin)
    made = begun().change("revocation", key("seal-2"), None, [key("seal")], role="seal")
    more = trusting(Log().begin(), listed(key("seal-2"), "seal"))
    yield case("a revocation by the seal key", ended(made), "E_ROTATION_UNENDORSED", trust=more, twin=REVOKED)


def _validity() -> Iterator[Case]:
    """What the old key and the new key may sign around the change."""
    new = key("log-2")
    both = rotated()
    both.log.calls(2)
    for title, end, by, code in (
        ("the old key right after the rotation", 6, key("log"), "P_TAIL_UNANCHORED"),
        ("the new key right after the rotation", 6, new, "P_TAIL_UNANCHORED"),
        ("the old key one record later", 7, key("log"), "E_KEY_NOT_VALID_AT_SIZE"),
    ):
        both.log.log_key = by
        yield case(f"a checkpoint by {title}", Bundle(both.log, 0, end, covered=both.covered), code)
    both.log.log_key = new
    before = Bundle(both.log, 0, 5)
    yield case("a checkpoint by the new key from before the rotation", before, "E_CKPT_SIG")
    stolen = begun().change("recovery", new, key("log"), [key("root")], compromised_from_size=5)
    stolen.log.calls(2)
    bundle = Bundle(stolen.log, covered=stolen.covered)
    yield case("a checkpoint by a stolen log key after its recovery", bundle, "E_KEY_COMPROMISED", twin=RECOVERED)
    text = note.checkpoint_text(stolen.log.origin, stolen.log.size, stolen.log.root())
    two = stolen.log.checkpoint() + signed_note(stolen.log, text, new)[len(text) + 1 :]
    members = {**bundle.members(), statement.TREE_END: two, statement.TREE_START: stolen.log.checkpoint(0, new)}
    yield case("a checkpoint by a stolen and by the new log key", bundle, "P_TAIL_UNANCHORED", members=members)
    gone = begun().change("revocation", key("seal"), None, [key("root")], role="seal", compromised_from_size=3)
    yield case("a statement by a seal key revoked as stolen", ended(gone), "E_KEY_COMPROMISED", twin=REVOKED)
    retired = begun().change("revocation", key("seal"), None, [key("root")], role="seal")
    yield case(
        "a statement by a seal key revoked before", ended(retired, None, 2), "E_KEY_NOT_VALID_AT_SIZE", twin=REVOKED
    )
    seal = begun().change("rotation", key("seal-2"), key("seal"), [key("seal")], role="seal")
    yield case(
        "a statement by the seal key from before the rotation",
        ended(seal, None, 2),
        "E_KEY_NOT_VALID_AT_SIZE",
        twin=SEAL_ROTATED,
    )
    failed = ended(rotated(signers=[key("stranger")]), new)
    shows = {
        "codes": [
            {"code": "E_ROTATION_UNENDORSED", "count": 1, "member": rotation.MEMBER, "seq": 5},
            {"code": "P_TAIL_UNANCHORED", "count": 1},
        ]
    }
    yield case(
        "a checkpoint by a key whose rotation failed, named once",
        ended(rotated(signers=[key("x")]), new),
        "E_ROTATION_UNENDORSED",
        shows=shows,
    )
    other = {**failed.members(), statement.TREE_END: failed.log.checkpoint(signer=key("y"))}
    yield case("a checkpoint by a stranger after a rotation that failed", failed, "E_CKPT_SIG", members=other)
