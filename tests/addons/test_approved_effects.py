"""Actions that delete are held by what they do: rows, statements, arguments of tools, names of paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.support.data_path import house
from tests.support.replies import Reply

ACTIONS = [
    {"name": "known", "class": "A", "operations": ["delete"], "targets": ["tmp_*"]},
    {"name": "deletes", "class": "B", "operations": ["delete"]},
]
STATEMENTS = "/api/2.0/sql/statements"
HELD, FREE = True, False


def statement(text: str) -> tuple[str, dict[str, Any]]:
    return STATEMENTS, {"warehouse_id": "w", "statement": text}


def call(**arguments: str) -> tuple[str, dict[str, Any]]:
    params = {"name": "run_sql", "arguments": arguments}
    return "/hook", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


CASES = [
    (statement("DELETE FROM crm.users WHERE id = 7"), HELD),
    (statement("SELECT * FROM deletes"), FREE),
    (statement("DELETE FROM tmp_users WHERE id = 7"), FREE),
    (statement("DELETE FROM tmp_users WHERE id = 7; DELETE FROM users WHERE id = 7"), HELD),
    (statement("DELETE FROM crm.tmp_users WHERE id = 7"), HELD),
    (call(sql="delete from users where id = 7"), HELD),
    (call(sql="select id from users where id = 7"), FREE),
    (call(query="psql -c 'delete from users where id = 7'"), HELD),
    (("/users/7/delete", {}), HELD),
    (("/users/7/update", {}), FREE),
]


async def test_what_deletes_is_held(tmp_path: Path) -> None:
    sections: dict[str, Any] = {
        "enforcement": {"approvals": {"actions": ACTIONS}},
        "data_platform": {"activation": {"sql": {"keys": {"*": ["id"]}, "statements": 2}}},
        "genai_security": {name: {"enabled": False} for name in ("injection", "bec")},
        "destinations": {
            "local": {"rules": [{"name": "sql", "paths": [f"{STATEMENTS}/**", STATEMENTS], "activation": "databricks"}]}
        },
    }
    told = []
    async with house(tmp_path, "enforce", **sections) as running:
        proxy = f"http://127.0.0.1:{running.port}"
        async with httpx.AsyncClient(proxy=proxy, trust_env=False, timeout=60) as client:
            for (path, body), _ in CASES:
                running.upstream.routes[path] = Reply(headers=(("content-type", "application/json"),), body=[b"{}"])
                before = len(running.upstream.journal.requests(path))
                answer = await client.post(f"http://{running.authority}{path}", json=body)
                sent = len(running.upstream.journal.requests(path)) > before
                reason = answer.headers.get("clyra-reason", "")
                told.append((sent, reason if reason.startswith("approval") else answer.text if reason else ""))
    expected = [(not held, "approval_unreachable" if held else "") for _, held in CASES]
    assert told == expected
