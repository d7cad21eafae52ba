"""Files handed to a provider, through the real data path: refused where something must not leave, else untouched."""

from __future__ import annotations

import pytest

from tests.genai.wire.conftest import Open
from tests.support.replies import Reply

FILES = {"local": {"rules": [{"name": "files", "paths": ["/v1/files"], "genai": "upload"}]}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"messages":[{"role":"user","content":"key SECRET123"}]}\n{"messages":[]}\n', "secret"),
        (b'{"messages":[{"role":"user","content":"please ATT\\u0041CK"}]}', "prompt_injection"),
        (b'{"messages":[{"role":"user","content":"fine"}]}\n', ""),
        (b"\x89PNG\r\n\x1a\n\x00SECRET123", ""),
    ],
)
async def test_a_file(opened: Open, content: bytes, reason: str) -> None:
    async with opened("enforce", destinations=FILES) as (house, client):
        house.upstream.routes["/v1/files"] = Reply(
            headers=(("content-type", "application/json"),), body=[b'{"id":"f"}']
        )
        answer = await client.post(
            f"http://{house.authority}/v1/files", data={"purpose": "batch"}, files={"file": ("b.jsonl", content)}
        )
        assert answer.headers.get("clyra-reason", "") == reason
        sent = house.upstream.journal.requests("/v1/files")
        assert [content in one.body for one in sent] == ([] if reason else [True])
