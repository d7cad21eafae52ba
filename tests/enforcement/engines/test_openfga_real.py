"""Our stand-in for OpenFGA, held against OpenFGA's own client and OpenFGA's own evaluation of the same facts.

The server cannot be had from a package registry; its command line (`fga`, with the engine built in) and its official
Python client can.
"""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import openfga_sdk
import pytest
import yaml
from openfga_sdk.client import ClientConfiguration, OpenFgaClient
from openfga_sdk.client.models import ClientCheckRequest, ClientTuple
from openfga_sdk.exceptions import NotFoundException, ValidationException

from tests.support.engines.fga import MODEL, MODEL_ID, STORE, STORE_ID, TUPLES, check
from tests.support.engines.server import EngineProcess

CASES = [
    (user, relation, target)
    for user in ("agent:billing", "agent:reader", "agent:stranger", "agent:*")
    for relation, target in (
        ("can_read", "destination:local"),
        ("can_write", "destination:local"),
        ("can_read", "destination:public"),
        ("caller", "tool:invoice"),
        ("caller", "tool:shell"),
    )
]


def ours(user: str, relation: str, target: str) -> bool:
    key = {"user": user, "relation": relation, "object": target}
    allowed: bool = check(STORE, STORE_ID, {"tuple_key": key})["allowed"]
    return allowed


def test_openfga_itself_decides_as_the_stand_in_does(tmp_path: Path) -> None:
    (tmp_path / "model.fga").write_text(MODEL)
    store = {
        "name": "clyra",
        "model_file": "./model.fga",
        "tuples": [{"user": user, "relation": relation, "object": target} for user, relation, target in TUPLES],
        "tests": [
            {"name": "all", "check": [{"user": u, "object": o, "assertions": {r: ours(u, r, o)}} for u, r, o in CASES]}
        ],
    }
    (tmp_path / "store.fga.yaml").write_text(yaml.safe_dump(store))
    fga = Path(sysconfig.get_path("scripts")) / "fga"
    done = subprocess.run(
        [fga, "model", "test", "--tests", tmp_path / "store.fga.yaml"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CASES)}/{len(CASES)} passing" in done.stdout + done.stderr
    assert {ours(*case) for case in CASES} == {True, False}


@pytest.mark.parametrize("case", CASES[:5], ids=" ".join)
async def test_the_official_client_understands_the_stand_in(case: tuple[str, str, str], server: EngineProcess) -> None:
    user, relation, target = case
    async with OpenFgaClient(_configuration(server.url)) as client:
        answer = await client.check(ClientCheckRequest(user=user, relation=relation, object=target))
        assert answer.allowed is ours(*case)


async def test_the_official_client_sends_what_we_send(server: EngineProcess) -> None:
    """Contextual relationships and refusals, in the client's words."""
    async with OpenFgaClient(_configuration(server.url)) as client:
        member = ClientTuple(user="agent:newcomer", relation="member", object="group:finance")
        asked = ClientCheckRequest(
            user="agent:newcomer", relation="can_write", object="destination:local", contextual_tuples=[member]
        )
        assert (await client.check(asked)).allowed is True
        with pytest.raises(ValidationException) as refused:
            await client.check(ClientCheckRequest(user="agent:x", relation="owner", object="destination:local"))
        assert (refused.value.status, refused.value.code) == (400, "relation_not_found")
    async with OpenFgaClient(_configuration(server.url, "01K3C1YRAXNKNWNSTRE0000000")) as client:
        with pytest.raises(NotFoundException):
            await client.check(ClientCheckRequest(user="agent:x", relation="can_read", object="destination:local"))


def _configuration(url: str, store: str = STORE_ID) -> openfga_sdk.ClientConfiguration:
    return ClientConfiguration(api_url=url, store_id=store, authorization_model_id=MODEL_ID)
