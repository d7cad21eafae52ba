"""The lock file, drift against it, and accepting a drift."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock.diff import Answer, compare
from clyra_proxy.schemalock.drift import DriftFinder, accept, load_drifts, save_drifts
from clyra_proxy.schemalock.learn import Learner, RouteKey
from clyra_proxy.schemalock.lock import SchemaLock, load_lock, make_lock
from clyra_proxy.schemalock.lock_routes import LockIndex

KEY = RouteKey("POST", "/contacts/{id}", "request", "", "application/json")
RECORD: dict[str, Any] = {"id": 1, "tags": ["a"], "meta": {"source": "crm"}, "none": [], "by_day": {"2026-01-01": 1}}


def learner_of(documents: list[Any], key: RouteKey = KEY) -> Learner:
    learner = Learner()
    for document in documents:
        learner.observe(key, document, now=1_800_000_000.0)
    return learner


@pytest.fixture(scope="module")
def lock() -> SchemaLock:
    return make_lock(learner_of([RECORD] * 2_000))


def test_file_is_canonical_and_sealed(lock: SchemaLock, tmp_path: Path) -> None:
    file = tmp_path / "schema.lock.json"
    lock.save(file)
    text = file.read_text()
    value = json.loads(text)
    assert text == json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    digest = value.pop("sha256")
    assert digest == hashlib.sha256(rfc8785.dumps(value)).hexdigest()
    again = load_lock(file)
    assert again.dumps() == text
    (route,) = again.routes
    assert route.ready
    assert route.first_seen == "2027-01-15T08:00:00Z"


def test_a_changed_file_is_noticed(lock: SchemaLock, tmp_path: Path) -> None:
    file = tmp_path / "lock.json"
    file.write_text(lock.dumps().replace('"integer"', '"number"', 1))
    with pytest.raises(SchemaError, match="was changed after it was locked"):
        load_lock(file)
    assert load_lock(file, check=False).routes


def test_learned_from_too_little_is_not_enforced_unless_forced() -> None:
    few = learner_of([RECORD] * 20)
    assert not make_lock(few).routes[0].ready
    forced = make_lock(few, force=True).routes[0]
    assert forced.ready
    assert forced.forced
    assert not make_lock(learner_of([RECORD] * 2_000), force=True).routes[0].forced


@pytest.mark.parametrize(
    ("change", "keyword", "place", "says"),
    [
        ({"note": "x"}, "additionalProperties", "", "new property 'note' (string)"),
        ({"meta": {}}, "required", "/meta", "'source' is missing"),
        ({"id": "1"}, "type", "/id", "is now string"),
        ({"id": 1.5}, "type", "/id", "is now number"),
        ({"id": None}, "type", "/id", "is now null"),
        ({"tags": [1, 2]}, "type", "/tags/*", "is now integer"),
        ({"tags": {"x": [1]}}, "type", "/tags", "is now object"),
        ({"none": [{"deep": 1}]}, "items", "/none/*", "breaks `items`"),
        ({"by_day": {"2026-01-02": "?"}}, "type", "/by_day/*", "is now string"),
        ({"extra": [{"a": 1}, {"b": 2}]}, "additionalProperties", "", "new property 'extra' (array)"),
    ],
)
def test_drift_is_found_named_and_accepted(
    lock: SchemaLock, change: dict[str, Any], keyword: str, place: str, says: str
) -> None:
    document = {**RECORD, **change}
    (drift,) = DriftFinder(lock.routes[0]).find(document)
    assert (drift.keyword, drift.place) == (keyword, place)
    assert says in str(drift)
    accepted = accept(lock, drift)
    (route,) = accepted.routes
    assert route.accepted == (drift.id,)
    assert DriftFinder(route).find(document) == ()
    assert jsonschema_rs.validator_for(route.schema, offline=True).is_valid(document)
    (answer,) = compare(lock.routes[0].schema, route.schema)
    assert answer.answer is Answer.YES, answer  # accepting only widens


def test_id_depends_on_shape_alone(lock: SchemaLock) -> None:
    finder = DriftFinder(lock.routes[0])
    (first,) = finder.find({**RECORD, "phone": "+49 151 1"})
    (second,) = finder.find({**RECORD, "phone": "0800", "id": 7})
    (third,) = finder.find({**RECORD, "phone": 800})
    assert first.id == second.id != third.id
    assert "0800" not in json.dumps(second.to_json())


def test_several_drifts_accepted_one_after_the_other(lock: SchemaLock) -> None:
    document = {**RECORD, "id": "x", "new": {"a": 1}, "tags": [None, 2]}
    drifts = DriftFinder(lock.routes[0]).find(document)
    assert len(drifts) == 4
    for drift in drifts:
        lock = accept(lock, drift)
    assert DriftFinder(lock.routes[0]).find(document) == ()


def test_a_name_that_looks_like_data_is_masked_and_left_to_a_person(lock: SchemaLock) -> None:
    (drift,) = DriftFinder(lock.routes[0]).find({**RECORD, "jane@example.com": 1})
    assert drift.name == "*"
    assert "jane" not in json.dumps(drift.to_json())
    with pytest.raises(SchemaError, match="by itself"):
        accept(lock, drift)


def test_drift_file(lock: SchemaLock, tmp_path: Path) -> None:
    file = tmp_path / "drift.ndjson"
    drifts = DriftFinder(lock.routes[0]).find({**RECORD, "a": 1, "b": 2})
    assert save_drifts(file, drifts) == 2
    assert save_drifts(file, drifts) == 0
    assert tuple(load_drifts(file)) == drifts
    file.write_text("{}\n")
    with pytest.raises(SchemaError, match=":1 is not a drift"):
        load_drifts(file)


def test_index_finds_routes_by_path_rules(lock: SchemaLock) -> None:
    index = LockIndex(lock)
    assert index.find("post", "/contacts/77", "request", "", "application/json") is lock.routes[0]
    assert index.find("POST", "/contacts/77", "response", "200", "application/json") is None
    assert index.find("POST", "/contacts/..", "request", "", "application/json") is None
    assert index.knows("POST", "/contacts/1")
    assert not index.knows("GET", "/contacts/1")


@pytest.mark.parametrize("text", ["{}", '{"format":"clyra-schema-lock/1","routes":[{}]}', "[]", "x: ["])
def test_damaged_lock_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "l.json").write_text(text)
    with pytest.raises(SchemaError):
        load_lock(tmp_path / "l.json", check=False)


def test_hostile_schema_in_a_lock_is_refused(lock: SchemaLock, tmp_path: Path) -> None:
    value = json.loads(lock.dumps())
    value["routes"][0]["schema"] = {"$ref": "http://localhost:1/"}
    (tmp_path / "l.json").write_text(json.dumps(value))
    with pytest.raises(SchemaError, match="cannot be used"):
        load_lock(tmp_path / "l.json", check=False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.lists(JSON, min_size=1, max_size=4), JSON)
def test_accepting_every_drift_ends_with_a_lock_that_fits(learnt: list[Any], document: Any) -> None:
    lock = make_lock(learner_of(learnt))
    for _ in range(30):
        drifts = DriftFinder(lock.routes[0]).find(document)
        if not drifts:
            break
        lock = accept(lock, drifts[0])
    check = jsonschema_rs.validator_for(lock.routes[0].schema, offline=True)
    assert all(check.is_valid(one) for one in [*learnt, document])
