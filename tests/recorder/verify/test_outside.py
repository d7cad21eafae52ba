"""Stage S9: what outside confirms, contradicts or cannot say, each with its twin; memory; levels; exposure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recorder import canonical, cosignature, memory, merkle, note, statement, timestamp_token
from recorder.errors import RecorderError
from recorder.keys import LocalKey
from recorder.record import timestamp
from recorder.verify.bundle import verify
from recorder.verify.explain import explain
from recorder.verify.times import micros
from tests.recorder.verify.conftest import Case, Change, judge, nothing
from tests.support.evidence_world import NOW, WITNESSES, consistency
from tests.support.forged_bundles import key_entry, rechained
from tests.support.timestamp_authority import make_authority

CASES: dict[str, tuple[str, Change, Change]] = {}


def case(code: str, twin: Change) -> Callable[[Change], Change]:
    def keep(wrong: Change) -> Change:
        CASES[wrong.__name__] = (code, wrong, twin)
        return wrong

    return keep


def _need(one: Case, need: int) -> None:
    one.forge.trust_more["witness"] = {"need": need}


def _cosigned(one: Case, size: int, *who: int, at: int = NOW + 100) -> None:
    one.members[f"anchors/{size}.cosig"] = one.world.cosigned(size, *who, at=at)


@case("E_WITNESS_SIG", twin=lambda one: _cosigned(one, one.size, 0))
def a_witness_signature_is_wrong(one: Case) -> None:
    text = note.parse_checkpoint(one.forge.checkpoint(one.size)).text
    other = LocalKey.generate()
    line = cosignature.cosign(text, WITNESSES[0], other, NOW + 100)
    value = base64.b64decode(line.rsplit(b" ", 1)[1])[4:]
    blob = base64.b64encode(cosignature.key_id(WITNESSES[0], one.world.witnesses[0].public) + value)
    forged = f"— {WITNESSES[0]} ".encode() + blob + b"\n"
    one.members[f"anchors/{one.size}.cosig"] = one.forge.checkpoint(one.size) + forged


def _two_at_end(one: Case) -> None:
    _need(one, 2)
    _cosigned(one, one.size, 0, 1)


@case("E_WITNESS_QUORUM", twin=_two_at_end)
def one_witness_where_two_are_needed(one: Case) -> None:
    _need(one, 2)
    _cosigned(one, one.size, 0)


@case("E_WITNESS_QUORUM", twin=_two_at_end)
def one_witness_under_two_keys_is_one(one: Case) -> None:
    _need(one, 2)
    second = LocalKey.generate()
    one.forge.extra_keys.append(key_entry(second, "witness", name=WITNESSES[0]))
    made = one.world.cosigned(one.size, 0)
    text = note.parse_checkpoint(made).text
    one.members[f"anchors/{one.size}.cosig"] = made + cosignature.cosign(text, WITNESSES[0], second, NOW + 100)


@case("E_ANCHOR_MISMATCH", twin=lambda one: _cosigned(one, 7, 0))
def a_cosignature_under_another_size(one: Case) -> None:
    one.members["anchors/7.cosig"] = one.world.cosigned(8, 0, at=NOW + 100)


@case("E_ANCHOR_MISMATCH", twin=lambda one: one.give(checkpoints=(one.forge.checkpoint(9),)))
def a_checkpoint_by_a_stranger(one: Case) -> None:
    one.give(checkpoints=(one.forge.checkpoint(9, LocalKey.generate()),))


@case("E_ANCHOR_MISMATCH", twin=lambda one: one.give(anchors=(one.world.placed(9),)))
def a_row_with_another_root(one: Case) -> None:
    one.give(anchors=(one.world.placed(9, root="0" * 64),))


@case("E_ANCHOR_MISMATCH", twin=lambda one: one.give(anchors=(one.world.placed(9) + b"\n",)))
def a_row_of_another_log(one: Case) -> None:
    one.give(anchors=(one.world.placed(9, origin="other.example"),))


@case("E_ANCHOR_MISMATCH", twin=lambda one: one.members.update({"anchors/9.wh.json": one.world.placed(9)}))
def a_receipt_in_the_bundle_with_another_root(one: Case) -> None:
    one.members["anchors/9.wh.json"] = one.world.placed(9, root="0" * 64)


@case("E_SPLIT_VIEW", twin=lambda one: one.give(checkpoints=(one.forge.checkpoint(9),)))
def a_checkpoint_of_another_history(one: Case) -> None:
    one.give(checkpoints=(one.forge.checkpoint(9, root=b"\x01" * 32),))


@case("E_SPLIT_VIEW", twin=lambda one: one.give(memory=_remembering(one, 9)))
def memory_of_another_history(one: Case) -> None:
    one.give(memory=_remembering(one, 9, b"\x01" * 32))


def _remembering(one: Case, size: int, root: bytes | None = None) -> memory.Memory:
    known = memory.Memory()
    known.remember(one.forge.origin, size, root or one.forge.frontier(size).root(), None)
    return known


def _window(one: Case, start: int, end: int) -> None:
    one.start, one.end = start, end
    for name in [name for name in one.members if name.startswith("approvals/")]:
        del one.members[name]


def _older(one: Case) -> None:
    _window(one, 0, 8)
    one.give(checkpoints=(one.forge.checkpoint(one.world.size),), older=True)


@case("E_ROLLBACK", twin=_older)
def a_checkpoint_of_a_longer_log(one: Case) -> None:
    _window(one, 0, 8)
    one.give(checkpoints=(one.forge.checkpoint(one.world.size),))


def _older_than_memory(one: Case) -> None:
    _window(one, 0, 8)
    one.give(memory=_remembering(one, one.world.size), older=True)


@case("E_ROLLBACK", twin=_older_than_memory)
def memory_of_a_longer_log(one: Case) -> None:
    _window(one, 0, 8)
    one.give(memory=_remembering(one, one.world.size))


def _next_to_memory(one: Case) -> None:
    _window(one, 6, 8)
    one.give(memory=_remembering(one, 6))


@case("E_BUNDLE_GAP", twin=_next_to_memory)
def a_bundle_in_the_middle_was_dropped(one: Case) -> None:
    _window(one, 6, 8)
    one.give(memory=_remembering(one, 5))


@case("P_TAIL_UNANCHORED", twin=lambda one: one.give(checkpoints=(one.forge.checkpoint(one.size),)))
def nothing_from_outside(one: Case) -> None:
    nothing(one)


def _end_from_outside(one: Case) -> None:
    one.later("tree/end", None)
    one.give(checkpoints=(one.forge.checkpoint(one.size),))


@case("P_END_UNPROVEN", twin=_end_from_outside)
def the_end_has_no_checkpoint(one: Case) -> None:
    one.later("tree/end", None)


def _outside_witness(one: Case) -> None:
    _need(one, 1)
    _cosigned(one, one.size, 0)


@case("W_WITNESS_SAME_ADMIN", twin=_outside_witness)
def the_operator_is_his_own_witness(one: Case) -> None:
    _outside_witness(one)
    for key in one.forge.extra_keys:
        if key["role"] == "witness":
            key["same_admin"] = True


@case("E_TS_FUTURE", twin=lambda one: _cosigned(one, one.size, 0, at=_last_second(one) - 300))
def records_younger_than_a_cosignature_over_them(one: Case) -> None:
    _cosigned(one, one.size, 0, at=_last_second(one) - 301)


def _last_second(one: Case) -> int:
    return max(micros(json.loads(line)["ts"]) for line in one.forge.lines[: one.size]) // 1_000_000


@case("W_ANCHOR_OVERDUE", twin=lambda one: _anchor_interval(one, 3600))
def the_log_went_long_without_an_anchor(one: Case) -> None:
    _anchor_interval(one, 1)


def _anchor_interval(one: Case, seconds: int) -> None:
    records = [json.loads(line) for line in one.forge.lines]
    for record in records:
        if record["typ"] == "sys.anchor":
            record["data"]["interval_s"] = seconds
    one.forge.lines = rechained(records)


def _resting(one: Case) -> None:
    """An hour between an anchor and the next record, and then an anchor in time."""
    records = [json.loads(line) for line in one.forge.lines]
    first, second = (number for number, record in enumerate(records) if record["typ"] == "sys.anchor")
    for number in range(first + 1, len(records)):
        late = 3600 if number <= second else 7200
        records[number]["ts"] = timestamp(micros(records[number]["ts"]) + late * 1_000_000)
    records[first]["data"]["interval_s"] = records[second]["data"]["interval_s"] = 60
    one.forge.lines = rechained(records)


@case("W_ANCHOR_OVERDUE", twin=_resting)
def an_anchor_came_an_hour_after_the_records(one: Case) -> None:
    _resting(one)
    records = [json.loads(line) for line in one.forge.lines]
    first = next(number for number, record in enumerate(records) if record["typ"] == "sys.anchor")
    records[first + 1]["ts"] = records[first]["ts"]
    one.forge.lines = rechained(records)


def _consistent(one: Case, first: int) -> None:
    _window(one, 6, 9)
    one.members["tree/consistency"] = consistency(one.world, first, 9)


def _proven(one: Case) -> None:
    _consistent(one, 4)
    one.give(checkpoints=(one.forge.checkpoint(4),))


@case("E_CONSISTENCY", twin=_proven)
def the_proof_does_not_lead_from_what_was_seen(one: Case) -> None:
    _consistent(one, 4)
    one.give(checkpoints=(one.forge.checkpoint(4, root=b"\x01" * 32),))


@case("E_PROOF_FORMAT", twin=_proven)
def the_proof_is_from_the_empty_tree(one: Case) -> None:
    _consistent(one, 4)
    one.members["tree/consistency"] = b"0\n"


@case("E_PROOF_FORMAT", twin=_proven)
def the_proof_has_a_short_hash(one: Case) -> None:
    _consistent(one, 4)
    one.members["tree/consistency"] += b"AAAA\n"


@pytest.mark.parametrize("name", CASES)
def test_each_code_is_earned_and_its_twin_is_not(new_case: Callable[[], Case], name: str) -> None:
    judge(new_case, *CASES[name])


def test_witnesses_anchor_and_say_when(new_case: Callable[[], Case]) -> None:
    one = new_case()
    _need(one, 2)
    _cosigned(one, 9, 0, 1, at=NOW + 5)
    one.members["tree/end"] = one.world.cosigned(one.size, 1, at=NOW + 500)
    _cosigned(one, one.size, 0, at=NOW + 700)
    document = one.verify().document()
    assert document["verdict"] == "verified"
    assert document["anchored_end"] == one.size
    assert document["witnesses"] == sorted(WITNESSES)
    assert document["anchored_at"] == timestamp((NOW + 700) * 1_000_000)
    assert document["exposure_us"] == 0


def test_a_witness_that_was_retired_does_not_count(new_case: Callable[[], Case]) -> None:
    one = new_case()
    for key in one.forge.extra_keys:
        key |= {"valid_until_size": 5} if key["role"] == "witness" else {}
    _cosigned(one, one.size, 0)
    document = one.verify().document()
    assert (document["verdict"], document["witnesses"], document["anchored_end"]) == ("prefix", [], 0)


def test_exposure_is_the_time_since_the_last_anchor(new_case: Callable[[], Case]) -> None:
    one = new_case()
    one.give(checkpoints=(one.forge.checkpoint(9),))
    report = one.verify()
    times = [micros(json.loads(line)["ts"]) for line in one.forge.lines]
    assert report.anchored_end == 9
    assert report.exposure_us == times[-1] - times[8]
    assert any(line.strip().startswith("Exposure:") and "anchor every 2 s" in line for line in explain(report))


def test_what_is_outside_of_the_window_is_said(new_case: Callable[[], Case]) -> None:
    one = new_case()
    _window(one, 6, 8)
    for size in (6, 9):
        _cosigned(one, size, 0)
    one.members["anchors/8.tsr"] = b"?"
    one.members["anchors/7.wh.json"] = one.world.placed(7)
    one.members["tree/consistency"] = consistency(one.world, 3, 8)
    one.give(checkpoints=(one.forge.checkpoint(4),), anchors=(one.world.placed(5),))
    assert one.verify().document()["skipped"] == [
        "anchor: older than the window",
        "anchors/6.cosig: outside the window",
        "anchors/7.wh.json: does not anchor",
        "anchors/8.tsr: profile time",
        "anchors/9.cosig: outside the window",
        "checkpoint: older than the window",
        "tree/consistency: no outside root of its size",
    ]


def test_roots_that_are_not_the_logs_are_compared_with_nothing(new_case: Callable[[], Case]) -> None:
    """Else a record altered on disk would look like a log that showed two histories."""
    one = new_case()
    _need(one, 1)
    one.give(checkpoints=(one.forge.checkpoint(one.size),), memory=_remembering(one, 9))
    one.after.append(lambda bundle: _alter(bundle / statement.RECORDS))
    report = one.verify()
    assert "E_ROOT" in report.found
    assert not {"E_SPLIT_VIEW", "E_WITNESS_QUORUM", "E_ANCHOR_MISMATCH"} & report.found.keys()
    assert "anchors" in report.skipped


def _alter(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"mono_us":', b'"mono_us":1', 1))


# -- levels ------------------------------------------------------------------------------------------------------


def _with_leaves(one: Case) -> bytes:
    leaves = b"".join(merkle.leaf_hash(line) for line in one.forge.lines)
    one.members["tree/leaves"] = leaves
    return leaves


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_lower_levels_check_the_tree_and_not_what_records_say(new_case: Callable[[], Case], level: str) -> None:
    one = new_case()
    one.forge.lines[5] = one.forge.lines[5] + b" "
    one.give(level=level)
    document = one.verify().document()
    assert (document["level"], document["verdict"], document["exposure_us"]) == (level, "prefix", 0)
    assert document["skipped"] == ["record contents"]
    full = new_case()
    full.forge.lines[5] = full.forge.lines[5] + b" "
    assert "E_CANON" in full.verify().found


def test_a_pruned_bundle_is_verified_by_its_leaves(new_case: Callable[[], Case]) -> None:
    one = new_case()
    _with_leaves(one)
    for name in [name for name in one.members if name.startswith("approvals/")]:
        one.later(name, None)
    one.later(statement.RECORDS, None)
    one.give(checkpoints=(one.forge.checkpoint(one.size),))
    document = one.verify().document()
    assert (document["level"], document["verdict"]) == ("L0", "verified")
    bare = new_case()
    bare.later(statement.RECORDS, None)
    assert "E_MEMBER_MISSING" in bare.verify().found


@pytest.mark.parametrize(
    ("change", "level", "code"),
    [
        (lambda leaves: leaves[:-32], "L0", "E_TREE_SIZE"),
        (lambda leaves: leaves[:-1], "L0", "E_TREE_SIZE"),
        (lambda leaves: leaves[32:] + leaves[:32], "L0", "E_ROOT"),
        (lambda leaves: leaves[32:] + leaves[:32], "L1", "E_ROOT"),
        (lambda leaves: leaves[:-32], "L2", "E_ROOT"),
    ],
)
def test_leaves_that_are_not_the_records(
    new_case: Callable[[], Case], change: Callable[[bytes], bytes], level: str, code: str
) -> None:
    def wrong(one: Case) -> None:
        one.members["tree/leaves"] = change(_with_leaves(one))
        one.give(level=level)

    def twin(one: Case) -> None:
        _with_leaves(one)
        one.give(level=level)

    report, _ = judge(new_case, code, wrong, twin)
    assert report.found[code].places[0].member == "tree/leaves"


# -- memory ------------------------------------------------------------------------------------------------------


def test_memory_grows_with_what_is_sound_and_only_then(new_case: Callable[[], Case], tmp_path: Path) -> None:
    one, path = new_case(), tmp_path / "memory.json"
    known = memory.read(path)
    one.give(memory=known)
    assert one.verify().verdict == "prefix"
    memory.write(path, known)
    again = memory.read(path)
    seen = again.of(one.forge.origin)
    assert seen is not None
    assert (seen.size, seen.root) == (one.size, one.forge.frontier(one.size).root())
    assert seen.trusted is not None
    untrusted = new_case()
    untrusted.trusted = False
    untrusted.give(memory=memory.Memory())
    untrusted.verify()
    assert untrusted.options.memory.logs == {}


def test_memory_of_the_trust_file_refuses_an_older_one(new_case: Callable[[], Case]) -> None:
    one = new_case()
    known = memory.Memory()
    one.give(memory=known, trust=one.forge.trust_file(lambda document: document | {"version": 3}))
    bundle = one.build()
    assert verify(bundle, one.options).verdict == "prefix"
    older = replace(one.options, trust=one.forge.trust_file(lambda document: document | {"version": 2}))
    assert verify(bundle, older).document()["first"] == "E_TRUST_SIG"
    stranger = LocalKey.generate()

    def other_root(document: Any) -> Any:
        keys = [key for key in document["keys"] if key["role"] != "root"]
        return document | {"version": 4, "keys": [*keys, key_entry(stranger, "root")]}

    taken = replace(one.options, trust=one.forge.trust_file(other_root, [stranger]))
    assert verify(bundle, taken).document()["first"] == "E_TRUST_THRESHOLD"


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"logs":[],"v":"def-memory/1"}\n', b'{"v":"def-memory/0","logs":[]}'])
def test_a_memory_file_of_another_form_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "memory.json").write_bytes(raw)
    with pytest.raises(RecorderError):
        memory.read(tmp_path / "memory.json")
    empty = canonical.encode({"v": "def-memory/0", "logs": []}) + b"\n"
    assert memory.parse(empty).logs == {}


# -- time stamps -------------------------------------------------------------------------------------------------


def test_time_stamps_anchor_under_their_profile(new_case: Callable[[], Case], tmp_path: Path) -> None:
    """Real tokens by a real authority; each way to be wrong has its code."""
    authority, stranger = make_authority(tmp_path / "tsa"), make_authority(tmp_path / "other")
    lapsed = make_authority(tmp_path / "lapsed", valid_for=timedelta(hours=-1))
    outcomes = {}
    for name, by, of_size in (
        ("good", authority, None),
        ("E_TSA_SIG", stranger, None),
        ("E_TSA_IMPRINT", authority, 7),
        ("E_TSA_VALIDITY", lapsed, None),
    ):
        one = new_case()
        text = note.checkpoint_text(one.forge.origin, one.size, one.forge.frontier(one.size).root())
        other = note.checkpoint_text(one.forge.origin, 7, one.forge.frontier(7).root())
        request = timestamp_token.make_request(text if of_size is None else other)
        one.members[f"anchors/{one.size}.tsr"] = by.reply(request.as_bytes())
        certificate = base64.b64encode((authority if by is stranger else by).root_der).decode()
        one.forge.trust_more["tsa"] = [{"name": "test", "certificate": certificate}]
        one.give(profile="time")
        outcomes[name] = one.verify()
    assert outcomes["good"].verdict == "verified"
    for code in ("E_TSA_SIG", "E_TSA_IMPRINT", "E_TSA_VALIDITY"):
        assert outcomes[code].document()["first"] == code
