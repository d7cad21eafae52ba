"""S7: keys over time. Who may bring in a key, and what a key may sign before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from recorder import note, rotation, statement
from vectors.generator.bundle import INTACT, Bundle, sealed, signed_note, without
from vectors.generator.case import BUNDLE, Case
from vectors.generator.key_changes import Changes
from vectors.generator.keys import key, p256
from vectors.generator.log import Log
from vectors.generator.trust_cases import LOW_ORDER
from vectors.generator.trust_file import changed, document, listed, signed, trusting

ROTATED = "a log key rotated"
SEAL_ROTATED = "a seal key rotated"
DELEGATED = "a log key delegated by the seal key"
RECOVERED = "a log key recovered by the root"
REVOKED = "a second seal key revoked by the root"
WHO = "Who held the keys, and why they were changed."


def cases() -> Iterator[Case]:
    yield from _good()
    yield from _unendorsed()
    yield from _statements()
    yield from _records()
    yield from _possession()
    yield from _delegations()
    yield from _recoveries()
    yield from _validity()


def _start() -> Changes:
    return Changes(Log().begin().calls(1))


def _end(changes: Changes, by: Any = None, calls: int = 1) -> Bundle:
    """A bundle of the whole log after more calls; `by` signs its checkpoints."""
    changes.log.calls(calls)
    if by is not None:
        changes.log.log_key = by
    return Bundle(changes.log, covered=changes.covered)


def _case(title: str, bundle: Bundle, code: str, **told: Any) -> Case:
    told = {"trust": Log().begin().trust(), "silent": WHO, "twin": "" if code[0] == "P" else ROTATED, **told}
    return sealed(title, bundle, code, **told)


def _rotated(**told: Any) -> Changes:
    signers = told.pop("signers", [key("log")])
    return _start().change("rotation", key("log-2"), key("log"), signers, **told)


def _good() -> Iterator[Case]:
    good = "P_TAIL_UNANCHORED"
    new, newer = key("log-2"), key("log-3")
    yield _case(ROTATED, _end(_rotated(), new), good)
    twice = _rotated()
    twice.log.call(1)
    twice.change("rotation", newer, new, [new])
    yield _case("a log key rotated twice", _end(twice, newer), good)
    seal = _start().change("rotation", key("seal-2"), key("seal"), [key("seal")], role="seal")
    bundle = _end(seal)
    bundle.seal_keys = [key("seal-2")]
    yield _case(SEAL_ROTATED, bundle, good)
    seal = _start().change("rotation", p256("seal-2"), key("seal"), [key("seal")], role="seal")
    bundle = _end(seal)
    bundle.seal_keys = [p256("seal-2")]
    yield _case("a seal key rotated to P-256", bundle, good)
    delegated = _start().change("delegation", new, key("log"), [key("seal")], until_size=50)
    yield _case(DELEGATED, _end(delegated, new), good)
    wide = _start().change("delegation", new, key("log"), [key("seal")], until_size=5 + 2**32)
    yield _case("a log key delegated for 2^32 records", _end(wide, new), good)
    lost = _start().change("recovery", new, key("log"), [key("root")])
    yield _case(RECOVERED, _end(lost, new), good)
    stolen = _start().change("recovery", new, key("log"), [key("root")], compromised_from_size=5)
    yield _case("a stolen log key recovered by the root", _end(stolen, new), good)
    revoked = _start().change("revocation", key("seal-2"), None, [key("root")], role="seal")
    more = trusting(Log().begin(), listed(key("seal-2"), "seal"))
    yield _case(REVOKED, _end(revoked), good, trust=more)
    known = _start().change("rotation", new, key("log"), [key("stranger")])
    yield _case(
        "a rotation to a key that the trust file lists",
        _end(known, new),
        good,
        trust=trusting(Log().begin(), listed(new, "log")),
    )
    two = _rotated(signers=[key("stranger"), key("log")])
    yield _case("a rotation signed by the old key and a stranger", _end(two, new), good)
    yield _case("a rotation, in a window that begins after it", _after(_end(_rotated(), new, 4), 7), good)
    early = _rotated()
    early.log.calls(1)
    yield _case("a rotation, in a window that ends before it", Bundle(early.log, 2, 5), good)
    retired = Log().begin().calls(1)
    data = {"role": "log", "keyid": key("log").key_id, "alg": "ed25519", "pub": key("log").public.hex()}
    retired.own("sys.key", {**data, "state": "retired", "reason": "noted"})
    yield _case("a record that a key is retired, without a statement", Bundle(retired), good)
    blind = _end(_rotated(signers=[key("stranger")]), new)
    packed = _case("", blind, good).files[BUNDLE]
    yield Case(
        "an unendorsed rotation without a trust file", {BUNDLE: packed}, "I_TRUST_MISSING", ROTATED, ("verify", BUNDLE)
    )


def _after(bundle: Bundle, start: int) -> Bundle:
    return Bundle(bundle.log, start, covered=bundle.covered)


def _unendorsed() -> Iterator[Case]:
    new = key("log-2")
    for title, signers in (
        ("by the new key alone", [new]),
        ("by a stranger", [key("stranger")]),
        ("by the seal key", [key("seal")]),
        ("by the root key", [key("root")]),
    ):
        yield _case(f"a log key rotated {title}", _end(_rotated(signers=signers), new), "E_ROTATION_UNENDORSED")
    seal = _start().change("rotation", key("seal-2"), key("seal"), [key("log")], role="seal")
    bundle = _end(seal)
    bundle.seal_keys = [key("seal-2")]
    yield _case("a seal key rotated by the log key", bundle, "E_ROTATION_UNENDORSED", twin=SEAL_ROTATED)
    wrong = _start().change("rotation", new, key("seal"), [key("seal")])
    yield _case("a rotation that replaces a key of another role", _end(wrong, new), "E_ROTATION_UNENDORSED")
    unknown = _start().change("rotation", new, key("log-9"), [key("log-9")])
    yield _case("a rotation that replaces a key nobody knows", _end(unknown, new), "E_ROTATION_UNENDORSED")
    gone = _rotated()
    gone.log.calls(2)
    gone.change("rotation", key("log-3"), key("log"), [key("log")])
    yield _case(
        "a second rotation by the key that is gone",
        _end(gone, new),
        "E_ROTATION_UNENDORSED",
        twin="a log key rotated twice",
    )
    again = _rotated()
    again.change("rotation", new, key("log"), [key("log")])
    yield _case("a key that is brought in twice", _end(again, new), "E_ROTATION_UNENDORSED")
    mixed = _start().change("rotation", key("seal"), key("log"), [key("log")])
    yield _case("a rotation to the seal key", _end(mixed), "E_ROTATION_UNENDORSED")
    genesis = Log(log_key=key("log-2")).begin().calls(2)
    yield _case("a first key that the trust file does not list", Bundle(genesis), "E_CKPT_SIG", twin=INTACT)
    other = {**Bundle(genesis).members(), statement.TREE_END: genesis.checkpoint(signer=key("log"))}
    other[statement.TREE_START] = genesis.checkpoint(0, key("log"))
    yield _case(
        "a first key not listed, checkpoints by the listed one",
        Bundle(genesis),
        "E_ROTATION_UNENDORSED",
        members=other,
        twin=INTACT,
    )


def _statements() -> Iterator[Case]:
    new = key("log-2")

    def put(**values: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda made: made["predicate"].update(values)

    weak = bytes.fromhex(LOW_ORDER["order eight"])
    changes: dict[str, Callable[[dict[str, Any]], Any]] = {
        "of another log": put(origin="vectors.clyra.example/other"),
        "of a size to come": put(size=7),
        "of an unknown kind": put(kind="gift"),
        "of an unknown role": put(role="root"),
        "with a further field": put(note="x"),
        "with a further field beside it": lambda made: made.update(note="x"),
        "without what it replaces": lambda made: made["predicate"].pop("replaces"),
        "that replaces itself": put(replaces=new.key_id),
        "with an end": put(until_size=50),
        "that tells of a compromise": put(compromised_from_size=2),
        "without a reason": put(reason=""),
        "with a reason too long": put(reason="x" * 257),
        "with a key id that is not its key's": put(keyid="00" * 32),
        "about another subject": lambda made: made["subject"][0]["digest"].update(sha256="00" * 32),
        "with two subjects": lambda made: made["subject"].append(made["subject"][0]),
        "with a weak key": put(pub=weak.hex()),
        "with another algorithm": put(alg="rsa-pkcs1-sha256"),
        "of another predicate type": lambda made: made.update(predicateType="https://clyra.dev/ns/def/key-rotation/v1"),
        "of another statement type": lambda made: made.update(_type="https://in-toto.io/Statement/v0.1"),
    }
    for title, change in changes.items():
        yield _case(f"a rotation {title}", _end(_rotated(edit=change)), "E_ROTATION_UNENDORSED")
    for title, code in (("of an unknown kind", "E_CKPT_SIG"), ("of another log", "E_ROTATION_UNENDORSED")):
        failed = _end(_rotated(edit=changes[title]), new)
        yield _case(f"a rotation {title}, and a checkpoint by its key", failed, code)
    point = p256("log-2")
    curve = _start().change("rotation", point, key("log"), [key("log")], without_record=True)
    curve.log.call(5)
    yield _case("a rotation to a P-256 log key", _end(curve), "E_ROTATION_UNENDORSED")
    good = _end(_rotated(), new)
    member = good.covered[rotation.MEMBER]
    for title, content in {
        "with blanks": member.replace(b'":', b'": ', 1),
        "with a further field": member.replace(b"{", b'{"a":1,', 1),
        "without its newline": member[:-1],
        "with an empty line": member + b"\n",
        "twice": member + member,
        "with a number that is text": member.replace(b'"seq":5', b'"seq":"5"'),
        "of another payload type": member.replace(b"in-toto+json", b"in-toto+jsom"),
        "of another record": member.replace(b'"seq":5', b'"seq":4'),
        "of a record to come": member.replace(b'"seq":5', b'"seq":7'),
        "that is not there": b"",
        "that is not JSON": b"hello\n",
    }.items():
        bundle = Bundle(good.log, covered={rotation.MEMBER: content})
        # a line that cannot be read, or that is missing, leaves its key unknown
        yield _case(f"a rotation line {title}", bundle, "E_CKPT_SIG" if title in _UNREAD else "E_ROTATION_UNENDORSED")
    left = without(good.members(), rotation.MEMBER)
    yield _case("a bundle whose rotations were taken out", good, "E_MEMBER_MISSING", members=left)


_UNREAD = {
    "with blanks",
    "with a further field",
    "with a number that is text",
    "of another payload type",
    "that is not there",
    "that is not JSON",
}


def _records() -> Iterator[Case]:
    new = key("log-2")
    silent = _rotated(without_record=True)
    silent.log.call(5)
    yield _case("a rotation that the log has no record of", _end(silent, new), "E_ROTATION_UNENDORSED")
    alone = _rotated(without_line=True)
    yield _case("a record of a rotation without its statement", _end(alone), "E_ROTATION_UNENDORSED")
    other = _rotated(in_record={"statement_sha256": "00" * 32})
    yield _case("a record of a rotation with another statement", _end(other, new), "E_ROTATION_UNENDORSED")
    proof = _rotated(in_record={"possession": "ab" * 64})
    yield _case("a record of a rotation with another possession", _end(proof, new), "E_ROTATION_UNENDORSED")


def _possession() -> Iterator[Case]:
    new = key("log-2")
    wrong = {
        "missing": "",
        "by the old key": key("log").sign(rotation.possession_message(Log().origin, new.key_id, 5)).hex(),
        "for another size": new.sign(rotation.possession_message(Log().origin, new.key_id, 4)).hex(),
        "for another log": new.sign(rotation.possession_message("other", new.key_id, 5)).hex(),
        "in capitals": new.sign(rotation.possession_message(Log().origin, new.key_id, 5)).hex().upper(),
        "that is not hex": "xyz",
    }
    for title, value in wrong.items():
        sound = title not in ("missing", "in capitals", "that is not hex")
        bundle = _end(_rotated(possession=value, in_record=None if sound else {"possession": "ab" * 64}), new)
        yield _case(f"a proof of possession {title}", bundle, "E_ROTATION_POP")
    revoked = _start().change("revocation", key("seal-2"), None, [key("root")], role="seal", possession="ab" * 64)
    more = trusting(Log().begin(), listed(key("seal-2"), "seal"))
    yield _case("a revocation with a proof of possession", _end(revoked), "E_ROTATION_POP", trust=more, twin=REVOKED)
    known = trusting(Log().begin(), listed(new, "log"))
    bare = _rotated(possession="ab" * 64)
    yield _case("a listed key without possession", _end(bare, new), "E_ROTATION_POP", trust=known)


def _delegations() -> Iterator[Case]:
    new = key("log-2")

    def delegated(title: str, code: str, signers: Any = None, calls: int = 1, **told: Any) -> Case:
        until = told.pop("until_size", 50)
        made = _start().change("delegation", new, key("log"), signers or [key("seal")], until_size=until)
        return _case(title, _end(made, new, calls), code, twin=DELEGATED, **told)

    yield delegated("a delegation that ended before it began", "E_DELEGATION_RANGE", until_size=5)
    yield delegated("a delegation for more than 2^32 records", "E_DELEGATION_RANGE", until_size=6 + 2**32)
    yield delegated("a delegation by the log key", "E_DELEGATION_RANGE", [key("log")])
    yield delegated("a delegation by the root key", "E_ROTATION_UNENDORSED", [key("root")])
    yield delegated("a delegation by a stranger", "E_ROTATION_UNENDORSED", [key("stranger")])
    yield delegated("a delegated key past its end", "E_DELEGATION_RANGE", calls=3, until_size=7)
    yield delegated("a delegated key at its end", "P_TAIL_UNANCHORED", calls=1, until_size=7)
    ended = trusting(Log().begin(), listed(key("seal-2"), "seal", valid_until_size=5))
    yield delegated("a delegation by a seal key that had ended", "E_DELEGATION_RANGE", [key("seal-2")], trust=ended)
    stolen = changed(Log().begin(), lambda made: made["keys"][1].update(compromised_from_size=6))
    yield delegated("a delegation by a stolen seal key", "E_KEY_COMPROMISED", trust=stolen)
    bare = _start().change(
        "delegation",
        new,
        key("log"),
        [key("seal")],
        until_size=50,
        edit=lambda made: made["predicate"].pop("until_size"),
    )
    yield _case("a delegation without an end", _end(bare), "E_ROTATION_UNENDORSED", twin=DELEGATED)
    seal = _start().change(
        "delegation", key("seal-2"), key("seal"), [key("seal")], until_size=50, role="seal", in_record={"role": "seal"}
    )
    bundle = _end(seal)
    yield _case("a delegated seal key", bundle, "E_ROTATION_UNENDORSED", twin=DELEGATED)


def _recoveries() -> Iterator[Case]:
    new = key("log-2")
    for title, signers in (("by the old key", [key("log")]), ("by the seal key", [key("seal")])):
        made = _start().change("recovery", new, key("log"), signers)
        yield _case(f"a recovery {title}", _end(made, new), "E_ROTATION_UNENDORSED", twin=RECOVERED)
    roots = [key("root"), key("root-2"), key("root-3")]
    quorum = signed(document(Log(), roots, threshold=2), roots)
    for title, signers, code in (
        ("one root where two are needed", roots[:1], "E_ROTATION_UNENDORSED"),
        ("one root twice where two are needed", [roots[0], roots[0]], "E_ROTATION_UNENDORSED"),
        ("two roots where two are needed", roots[1:], "P_TAIL_UNANCHORED"),
    ):
        made = _start().change("recovery", new, key("log"), signers)
        twin = "a recovery by two roots where two are needed" if code[0] == "E" else ""
        yield _case(f"a recovery by {title}", _end(made, new), code, trust=quorum, twin=twin)
    made = _start().change("revocation", key("seal-2"), None, [key("seal")], role="seal")
    more = trusting(Log().begin(), listed(key("seal-2"), "seal"))
    yield _case("a revocation by the seal key", _end(made), "E_ROTATION_UNENDORSED", trust=more, twin=REVOKED)


def _validity() -> Iterator[Case]:
    """What the old key and the new key may sign around the change."""
    new = key("log-2")
    both = _rotated()
    both.log.calls(2)
    for title, end, by, code in (
        ("the old key right after the rotation", 6, key("log"), "P_TAIL_UNANCHORED"),
        ("the new key right after the rotation", 6, new, "P_TAIL_UNANCHORED"),
        ("the old key one record later", 7, key("log"), "E_KEY_NOT_VALID_AT_SIZE"),
    ):
        both.log.log_key = by
        yield _case(f"a checkpoint by {title}", Bundle(both.log, 0, end, covered=both.covered), code)
    both.log.log_key = new
    before = Bundle(both.log, 0, 5)
    yield _case("a checkpoint by the new key from before the rotation", before, "E_CKPT_SIG")
    stolen = _start().change("recovery", new, key("log"), [key("root")], compromised_from_size=5)
    stolen.log.calls(2)
    bundle = Bundle(stolen.log, covered=stolen.covered)
    yield _case("a checkpoint by a stolen log key after its recovery", bundle, "E_KEY_COMPROMISED", twin=RECOVERED)
    text = note.checkpoint_text(stolen.log.origin, stolen.log.size, stolen.log.root())
    two = stolen.log.checkpoint() + signed_note(stolen.log, text, new)[len(text) + 1 :]
    members = {**bundle.members(), statement.TREE_END: two, statement.TREE_START: stolen.log.checkpoint(0, new)}
    yield _case("a checkpoint by a stolen and by the new log key", bundle, "P_TAIL_UNANCHORED", members=members)
    gone = _start().change("revocation", key("seal"), None, [key("root")], role="seal", compromised_from_size=3)
    yield _case("a statement by a seal key revoked as stolen", _end(gone), "E_KEY_COMPROMISED", twin=REVOKED)
    retired = _start().change("revocation", key("seal"), None, [key("root")], role="seal")
    yield _case(
        "a statement by a seal key revoked before", _end(retired, None, 2), "E_KEY_NOT_VALID_AT_SIZE", twin=REVOKED
    )
    seal = _start().change("rotation", key("seal-2"), key("seal"), [key("seal")], role="seal")
    yield _case(
        "a statement by the seal key from before the rotation",
        _end(seal, None, 2),
        "E_KEY_NOT_VALID_AT_SIZE",
        twin=SEAL_ROTATED,
    )
    failed = _end(_rotated(signers=[key("stranger")]), new)
    shows = {
        "codes": [
            {"code": "E_ROTATION_UNENDORSED", "count": 1, "member": rotation.MEMBER, "seq": 5},
            {"code": "P_TAIL_UNANCHORED", "count": 1},
        ]
    }
    yield _case(
        "a checkpoint by a key whose rotation failed, named once",
        _end(_rotated(signers=[key("x")]), new),
        "E_ROTATION_UNENDORSED",
        shows=shows,
    )
    other = {**failed.members(), statement.TREE_END: failed.log.checkpoint(signer=key("y"))}
    yield _case("a checkpoint by a stranger after a rotation that failed", failed, "E_CKPT_SIG", members=other)
