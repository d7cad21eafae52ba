"""Contradictions as evidence: told once when they open, once when they are gone, across restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from clyra_proxy.enforcement.contradictions import Contradiction, Kind, Weight, Witness
from clyra_proxy.enforcement.contradictions.telling import record_of, tell_changes
from clyra_proxy.home import Home
from recorder.record import schema_of

SHA = "ab" * 32


def contradiction(place: str, kind: Kind = Kind.UNREACHABLE, witness: Witness | None = None) -> Contradiction:
    shown = witness or Witness("POST", "crm.example", "/orders")
    return Contradiction(kind, Weight.ERROR, (place,), "Nothing reaches it.", shown, "Move it up.")


def told(home: Path, *found: Contradiction) -> list[tuple[str, str]]:
    heard: list[dict[str, Any]] = []

    async def tell(typ: str, data: dict[str, Any]) -> bool:
        assert typ == "pef.contradiction"
        heard.append(data)
        return True

    asyncio.run(tell_changes(Home(home), tell, SHA, list(found)))
    return [(one["rules"][0], one["state"]) for one in heard]


def test_each_is_opened_and_resolved_once(tmp_path: Path) -> None:
    first, second = contradiction("a"), contradiction("b")
    assert told(tmp_path, first) == [("a", "open")]
    assert told(tmp_path, first) == []
    assert told(tmp_path, second) == [("b", "open"), ("a", "resolved")]
    assert told(tmp_path) == [("b", "resolved")]
    assert told(tmp_path) == []


def test_a_damaged_memory_tells_again(tmp_path: Path) -> None:
    told(tmp_path, contradiction("a"))
    (tmp_path / "contradictions.json").write_text("{")
    assert told(tmp_path, contradiction("a")) == [("a", "open")]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("witness", [Witness(), Witness(name="crm"), Witness("GET", "h" * 400, "/" + "x" * 2000)])
def test_every_kind_is_a_valid_record(kind: Kind, witness: Witness) -> None:
    import jsonschema_rs

    data = record_of(contradiction("p" * 500, kind, witness), SHA)
    schema = schema_of("pef.contradiction")["properties"]["data"]
    jsonschema_rs.validator_for({"$defs": schema_of("pef.contradiction").get("$defs", {}), **schema}).validate(
        orjson.loads(orjson.dumps(data))
    )
