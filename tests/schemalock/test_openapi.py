"""OpenAPI documents as they are in the wild: what is enforced, what is repaired, what is quarantined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock import regex
from clyra_proxy.schemalock.document import parse_document
from clyra_proxy.schemalock.openapi import ApiDescription, load_openapi, read_openapi
from clyra_proxy.schemalock.selection import Outcome, Selection, select_request, select_response

LEGACY = """
openapi: 3.0.3
info: {title: Pets, version: "1"}
servers:
  - url: "https://{region}.example.com/{stage}"
    variables: {region: {default: eu}, stage: {enum: [v1, beta], default: v1}}
paths:
  /pets:
    post:
      requestBody: {$ref: "#/components/requestBodies/Pet"}
      responses:
        "201": {description: made, content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}
        4XX: {description: no, content: {application/problem+json: {schema: {type: object, required: [title]}}}}
        default: {description: other, content: {"text/*": {schema: {type: string}}, "*/*": {}}}
  /pets/{id}:
    get: {responses: {"204": {description: gone}}}
    put:
      requestBody: {content: {application/json: {schema: {$ref: "other.yaml#/Pet"}}}}
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object}}}}}
    patch:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Broken"}}}}
      responses: {}
    delete:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/LoopA"}}}}
      responses: {}
components:
  requestBodies:
    Pet: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}
  schemas:
    Pet:
      type: object
      required: [id, name, name, secret]
      discriminator: {propertyName: kind}
      properties:
        id: {$ref: "#/components/schemas/Id"}
        name: {type: string, nullable: true, example: "Rex"}
        secret: {type: string, writeOnly: true}
        age: {type: integer, minimum: 0, exclusiveMinimum: true, maximum: 99, exclusiveMaximum: false}
        mood: {type: string, enum: [calm, wild], nullable: true}
        owner: {nullable: true, allOf: [{$ref: "#/components/schemas/Owner"}]}
        friend: {$ref: "#/components/schemas/Pet"}
    Id: {type: string, readOnly: true}
    Owner: {allOf: [{properties: {key: {type: string, readOnly: true}}}, {type: object, required: [key]}]}
    Broken: {type: object, properties: {a: {type: strnig}}}
    LoopA: {$ref: "#/components/schemas/LoopB"}
    LoopB: {allOf: [{$ref: "#/components/schemas/LoopA"}]}
"""


@pytest.fixture(scope="module")
def legacy() -> ApiDescription:
    return read_openapi(parse_document(LEGACY.encode(), "pets.yaml"))


def valid(selection: Selection, instance: Any) -> bool:
    assert selection.outcome is Outcome.SCHEMA
    assert selection.entry is not None
    schema = selection.entry.schema
    assert schema is not None
    return jsonschema_rs.validator_for(schema, offline=True, pattern_options=regex.LINEAR).is_valid(instance)


@pytest.mark.parametrize(
    ("instance", "request_ok", "response_ok"),
    [
        ({"id": "1", "name": "Rex", "secret": "s"}, True, True),
        ({"name": "Rex", "secret": "s"}, True, False),  # id is readOnly, behind a $ref
        ({"id": "1", "name": "Rex"}, False, True),  # secret is writeOnly
        ({"name": None, "secret": "s", "id": "1"}, True, True),
        ({"name": 3, "secret": "s", "id": "1"}, False, False),
        ({"name": "R", "secret": "s", "id": "1", "age": 0}, False, False),
        ({"name": "R", "secret": "s", "id": "1", "age": 99}, True, True),
        ({"name": "R", "secret": "s", "id": "1", "age": 100}, False, False),
        ({"name": "R", "secret": "s", "id": "1", "mood": None}, True, True),
        ({"name": "R", "secret": "s", "id": "1", "mood": "shy"}, False, False),
        ({"name": "R", "secret": "s", "id": "1", "owner": None}, True, True),
        ({"name": "R", "secret": "s", "id": "1", "owner": {}}, True, False),  # required in the other allOf branch
        ({"name": "R", "secret": "s", "id": "1", "owner": 1}, False, False),
        ({"name": "R", "secret": "s", "id": "1", "friend": {"name": 1}}, False, False),
        ({"name": "R", "secret": "s", "id": "1", "kind": "unheard-of"}, True, True),  # discriminator asserts nothing
    ],
)
def test_legacy_schemas_by_direction(
    legacy: ApiDescription, instance: Any, request_ok: bool, response_ok: bool
) -> None:
    assert valid(select_request(legacy, "POST", "/v1/pets", "application/json"), instance) is request_ok
    assert valid(select_response(legacy, "POST", "/beta/pets", 201, "application/json"), instance) is response_ok


@pytest.mark.parametrize(
    ("method", "path", "status", "media", "outcome"),
    [
        ("POST", "/v1/pets", 0, "application/json; charset=utf-8", Outcome.SCHEMA),
        ("POST", "/v1/pets", 0, "application/vnd.pets+json", Outcome.SCHEMA),
        ("POST", "/v1/pets", 0, "text/plain", Outcome.UNKNOWN_MEDIA),
        ("POST", "/v1/pets", 0, "", Outcome.UNKNOWN_MEDIA),
        ("POST", "/pets", 0, "application/json", Outcome.UNKNOWN_ROUTE),
        ("GET", "/v1/pets", 0, "application/json", Outcome.UNKNOWN_ROUTE),
        ("GET", "/v1/pets/7", 0, "application/json", Outcome.NO_BODY),
        ("PUT", "/v1/pets/7", 0, "application/json", Outcome.QUARANTINED),
        ("PATCH", "/v1/pets/7", 0, "application/json", Outcome.QUARANTINED),
        ("DELETE", "/v1/pets/7", 0, "application/json", Outcome.QUARANTINED),
        ("PUT", "/v1/pets/7", 200, "application/json", Outcome.SCHEMA),
        ("PUT", "/v1/pets/7", 404, "application/json", Outcome.UNKNOWN_STATUS),
        ("GET", "/v1/pets/7", 204, "", Outcome.NO_BODY),
        ("POST", "/v1/pets", 422, "application/problem+json", Outcome.SCHEMA),
        ("POST", "/v1/pets", 500, "text/html", Outcome.SCHEMA),
        ("POST", "/v1/pets", 500, "image/png", Outcome.FREE),
    ],
)
def test_select(legacy: ApiDescription, method: str, path: str, status: int, media: str, outcome: Outcome) -> None:
    if status:
        assert select_response(legacy, method, path, status, media).outcome is outcome
    else:
        assert select_request(legacy, method, path, media).outcome is outcome


def test_quarantine_names_place_and_cause(legacy: ApiDescription) -> None:
    found = {q.operation: q for q in legacy.quarantined}
    assert set(found) == {"PUT /pets/{id}", "PATCH /pets/{id}", "DELETE /pets/{id}"}
    assert "Bundle" in found["PUT /pets/{id}"].todo
    assert found["PATCH /pets/{id}"].pointer == "/components/schemas/Broken/properties/a/type"
    line = next(n for n, text in enumerate(LEGACY.splitlines(), 1) if "strnig" in text)
    assert legacy.document.where(found["PATCH /pets/{id}"].pointer) == f"pets.yaml:{line}"
    assert "never end" in found["DELETE /pets/{id}"].why
    assert any("twice" in what for _, what in legacy.notes)


MODERN: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/a": {
            "post": {
                "servers": [{"url": "/own"}],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "$ref": "#/components/schemas/Tree",
                                "maxProperties": 2,
                            }
                        }
                    }
                },
            }
        },
        "/a?x=1": {"post": {}},
        "/b": {"$ref": "#/paths/~1a"},
        "/../etc": {"get": {}},
    },
    "components": {
        "schemas": {
            "Tree": {
                "$recursiveAnchor": True,
                "type": "object",
                "properties": {
                    "kids": {"type": "array", "items": {"$recursiveRef": "#"}},
                    "size": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                    "note": {"type": "string", "nullable": True},
                },
                "additionalProperties": False,
            }
        }
    },
}


@pytest.mark.parametrize(
    ("instance", "ok"),
    [
        ({"kids": [{"kids": []}]}, True),
        ({"kids": [{"kid": []}]}, False),
        ({"size": 0}, False),
        ({"note": None}, True),
        ({"note": None, "size": 1, "kids": []}, False),  # in 3.1 the siblings of $ref count
    ],
)
def test_modern(instance: Any, ok: bool) -> None:
    api = read_openapi(parse_document(json.dumps(MODERN).encode(), "m.json"))
    assert valid(select_request(api, "POST", "/own/a", "application/json"), instance) is ok
    assert valid(select_request(api, "POST", "/own/b", "application/json"), instance) is ok
    assert {q.operation for q in api.quarantined} == {"* /a?x=1", "* /../etc"}


def test_base_path_can_be_given(legacy: ApiDescription) -> None:
    api = read_openapi(legacy.document, base_paths=["/gateway"])
    assert api.find("POST", "/gateway/pets") is not None
    assert api.find("POST", "/v1/pets") is None


def test_schemas_are_self_contained_and_minimal(legacy: ApiDescription) -> None:
    entry = select_request(legacy, "POST", "/v1/pets", "application/json").entry
    assert entry is not None
    assert isinstance(entry.schema, dict)
    assert set(entry.schema["$defs"]) == {"Id", "Owner", "Pet"}


@pytest.mark.parametrize("text", ["swagger: '2.0'", "openapi: 3.2.0", "[]", "openapi: 3.1.0\npaths: []", "openapi: 31"])
def test_refuses_what_is_not_openapi_3(tmp_path: Path, text: str) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(text)
    with pytest.raises(SchemaError) as caught:
        load_openapi(file, name="api.yaml")
    assert "api.yaml" in caught.value.what


def test_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="cannot be read"):
        load_openapi(tmp_path / "none.yaml")


def test_references_that_multiply_cost_their_operation_alone(tmp_path: Path) -> None:
    twice = {f"D{n}": {"anyOf": [{"$ref": f"#/components/schemas/D{n + 1}"}] * 2} for n in range(28)}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/D0"}}}}
    fine = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/D20"}}}}
    document = {
        "openapi": "3.1.0",
        "paths": {"/a": {"post": {"requestBody": body}, "put": {"requestBody": fine}}},
        "components": {"schemas": {**twice, "D28": {"type": "object"}}},
    }
    (tmp_path / "api.json").write_text(json.dumps(document))
    found = load_openapi(tmp_path / "api.json")
    assert [one.operation for one in found.quarantined] == ["POST /a"]
    assert "unfold to more than 100000" in found.quarantined[0].why
