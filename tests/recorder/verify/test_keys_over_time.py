"""Stage S7: changes of keys inside a log, each way to be wrong with its code and a twin that is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from recorder import rotation
from recorder.keys import LocalKey
from recorder.verify.report import Report
from tests.recorder.verify.conftest import Case
from tests.support.evidence_world import with_rotation
from tests.support.forged_bundles import rechained

AFTER = 14


def _rotated(one: Case, kind: str, role: str, after: int = AFTER, *, use: bool = True, **changes: Any) -> LocalKey:
    """Change a key in the case's log; the new one signs from then on, the trust file keeps the old one."""
    if one.options.trust is None:
        one.give(trust=one.forge.trust_file())
    one.world, new = with_rotation(one.world, kind, role, after, **changes)
    if use and kind != "revocation":
        setattr(one.forge, f"{role}_key", new)
    return new


@pytest.mark.parametrize(
    ("kind", "role"),
    [("rotation", "log"), ("rotation", "seal"), ("recovery", "log"), ("recovery", "seal"), ("delegation", "log")],
)
def test_a_good_change_of_keys_needs_no_new_trust_file(new_case: Callable[[], Case], kind: str, role: str) -> None:
    one = new_case()
    _rotated(one, kind, role)
    report = one.verify()
    assert report.verdict == "prefix", list(report.found)
    assert report.signed


def test_a_row_of_changes_is_followed(new_case: Callable[[], Case]) -> None:
    one = new_case()
    for after, (kind, role) in zip(
        (6, 8, 10, 18),
        (("rotation", "log"), ("rotation", "seal"), ("delegation", "log"), ("rotation", "log")),
        strict=True,
    ):
        _rotated(one, kind, role, after)
    assert one.verify().verdict == "prefix"


REFUSED: dict[str, tuple[str, str, str, dict[str, Any], dict[str, Any]]] = {
    "signed by a stranger": ("E_ROTATION_UNENDORSED", "rotation", "log", {"signer": LocalKey.generate()}, {}),
    "recovery without the root": ("E_ROTATION_UNENDORSED", "recovery", "log", {"signer": LocalKey.generate()}, {}),
    "statement from the future": ("E_ROTATION_UNENDORSED", "rotation", "log", {"size": AFTER + 2}, {"size": AFTER + 1}),
    "another log": ("E_ROTATION_UNENDORSED", "rotation", "seal", {"replaces": "0" * 64}, {}),
    "no possession": ("E_ROTATION_POP", "rotation", "log", {"possession": "00" * 64}, {}),
    "possession that is no signature": ("E_ROTATION_POP", "rotation", "seal", {"possession": "00" * 71}, {}),
    "no range": ("E_DELEGATION_RANGE", "delegation", "log", {"until_size": AFTER}, {"until_size": AFTER + 100}),
    "too wide a range": (
        "E_DELEGATION_RANGE",
        "delegation",
        "log",
        {"until_size": AFTER + 2**32 + 1},
        {"until_size": AFTER + 2**32},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_change_that_does_not_count_has_one_code(new_case: Callable[[], Case], name: str) -> None:
    code, kind, role, wrong, right = REFUSED[name]
    bad, good = new_case(), new_case()
    _rotated(bad, kind, role, **wrong)
    _rotated(good, kind, role, **right)
    report = bad.verify()
    refusals = {found for found in report.found if found.startswith("E_")}
    assert refusals == {code}  # what the new key signed has no second code
    place = report.found[code].places[0]
    assert (place.member, place.seq) == (rotation.MEMBER, AFTER)
    assert good.verify().verdict == "prefix"


def test_a_delegation_is_signed_by_a_seal_key(new_case: Callable[[], Case]) -> None:
    bad, good = new_case(), new_case()
    _rotated(bad, "delegation", "log", signer=bad.forge.log_key)
    _rotated(good, "delegation", "log", signer=good.forge.seal_key)
    assert {code for code in bad.verify().found if code.startswith("E_")} == {"E_DELEGATION_RANGE"}
    assert good.verify().verdict == "prefix"


def test_a_delegated_key_may_not_sign_past_its_range(new_case: Callable[[], Case]) -> None:
    def delegated(until: int) -> Report:
        one = new_case()
        _rotated(one, "delegation", "log", until_size=until)
        return one.verify()

    size = new_case().size + 1
    assert {code for code in delegated(size - 1).found if code.startswith("E_")} == {"E_DELEGATION_RANGE"}
    assert delegated(size).verdict == "prefix"


def test_the_key_that_was_replaced_may_sign_no_more(new_case: Callable[[], Case]) -> None:
    one = new_case()
    _rotated(one, "rotation", "log", use=False)
    report = one.verify()
    assert {code for code in report.found if code.startswith("E_")} == {"E_KEY_NOT_VALID_AT_SIZE"}
    last = new_case()
    _rotated(last, "rotation", "log", use=False)
    last.end = AFTER + 1  # the checkpoint of its own rotation is the last it may sign
    assert last.verify().verdict == "prefix"


def test_a_compromised_key_can_endorse_nothing(new_case: Callable[[], Case]) -> None:
    def compromised(size: int) -> Report:
        one = new_case()

        def edit(document: Any) -> Any:
            next(key for key in document["keys"] if key["role"] == "log")["compromised_from_size"] = size
            return document

        one.give(trust=one.forge.trust_file(edit))
        one.world, new = with_rotation(one.world, "rotation", "log", AFTER)
        one.forge.log_key = new
        return one.verify()

    bad = compromised(AFTER + 1)
    assert "E_KEY_COMPROMISED" in bad.found
    assert bad.found["E_KEY_COMPROMISED"].places[0].seq == AFTER
    assert compromised(AFTER + 2).verdict == "prefix"


@pytest.mark.parametrize(("size", "verdict"), [(None, "rejected"), (5, "rejected"), (10_000, "prefix")])
def test_a_revoked_key(new_case: Callable[[], Case], size: int | None, verdict: str) -> None:
    one = new_case()
    _rotated(one, "revocation", "log", **({} if size is None else {"compromised_from_size": size}))
    report = one.verify()
    assert report.verdict == verdict
    if size == 5:
        assert "E_KEY_COMPROMISED" in report.found
    if size is None:
        assert "E_KEY_NOT_VALID_AT_SIZE" in report.found


def test_the_trust_file_vouches_for_what_it_lists(new_case: Callable[[], Case]) -> None:
    """A key the root keys list needs no endorsement of the key before it."""
    one = new_case()
    old = one.forge.log_key
    one.world, new = with_rotation(one.world, "rotation", "log", AFTER, signer=LocalKey.generate())
    one.forge.log_key = new
    from tests.support.forged_bundles import key_entry

    one.forge.extra_keys.append(key_entry(old, "log"))  # type: ignore[arg-type]
    assert one.verify().verdict == "prefix"


def test_records_and_statements_must_agree(new_case: Callable[[], Case]) -> None:
    without = new_case()
    _rotated(without, "rotation", "log", use=False)
    del without.members[rotation.MEMBER]
    report = without.verify()
    assert report.found["E_ROTATION_UNENDORSED"].places[0].member == "records.jsonl"
    extra = new_case()
    _rotated(extra, "rotation", "log")
    records = [json.loads(line) for line in extra.forge.lines]
    del records[AFTER]
    extra.forge.lines = rechained(records)
    found = extra.verify().found["E_ROTATION_UNENDORSED"].places[0]
    assert (found.member, found.seq) == (rotation.MEMBER, AFTER)


def test_an_unknown_first_key_is_not_endorsed(new_case: Callable[[], Case]) -> None:
    one = new_case()
    stranger = LocalKey.generate()

    def edit(document: Any) -> Any:
        for key in document["keys"]:
            if key["role"] == "seal":
                key |= {"keyid": stranger.key_id, "pub": stranger.public.hex()}
        return document

    one.trust_edit = edit
    assert "E_ROTATION_UNENDORSED" in one.verify().found


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: b"{}\n" + raw, lambda raw: raw + raw])
def test_a_malformed_member_ends_the_row(new_case: Callable[[], Case], change: Callable[[bytes], bytes]) -> None:
    one = new_case()
    _rotated(one, "rotation", "log")
    one.members[rotation.MEMBER] = change(one.members[rotation.MEMBER])
    place = one.verify().found["E_ROTATION_UNENDORSED"].places[0]
    assert (place.member, place.seq) == (rotation.MEMBER, -1)
