"""dbt-snowflake through the proxy to fakesnow: what a run may do passes, what it may not is Snowflake's own error.

Snowflake's connector takes a status of 4xx for trouble on the way and tries again for minutes, so that a refusal has to
be an answer of 200 with `success: false`; the number of requests is asserted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.activation.environments import WAREHOUSE, python_with
from tests.support.processes import Running, run
from tests.support.proxy import RunningProxy, local_policy

pytestmark = pytest.mark.timeout(900)  # the first test may have to make dbt's environment
_SENDERS = Path(__file__).parent / "senders"
_PERMISSIONS = [{"name": "dbt", "rules": ["sql.definition"], "objects": ["db1.s1.*"]}]


@dataclass(slots=True)
class Warehouse:
    """fakesnow with a proxy before it."""

    python: Path
    server: Running
    port: str
    proxy: RunningProxy

    def dbt(self, after: str) -> dict[str, Any]:
        """One `dbt run` whose model is followed by a statement."""
        env = {**self.proxy.client_env(), "NO_PROXY": "", "no_proxy": ""}
        done = run([*self.program(), after], env=env, seconds=110, check=True)
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return told

    def program(self) -> list[str | Path]:
        return [self.python, _SENDERS / "warehouse_project.py", "127.0.0.1", self.port]

    def queries(self) -> int:
        """Requests with a statement that arrived."""
        return self.server.output().count("POST /queries/v1/query-request")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("warehouse")
    python = python_with("warehouse", WAREHOUSE)
    with Running([python, "-u", _SENDERS / "fakesnow_server.py"], folder / "fakesnow.log") as server:
        port = server.wait_for_line(r"port (\d+)", 60.0)[1]
        sql = {"permissions": _PERMISSIONS}
        policy = local_policy(
            destinations={"local": {"activation": "snowflake"}}, data_platform={"activation": {"sql": sql}}
        )
        with RunningProxy.start(folder, policy) as proxy:
            made = Warehouse(python, server, port, proxy)
            run([*made.program(), "", "--prepare"], seconds=60, check=True)
            yield made


def test_a_run_that_may_do_what_it_does(warehouse: Warehouse) -> None:
    told = warehouse.dbt("delete from db1.s1.kept where id = 7")
    assert told["success"], told
    assert [one["status"] for one in told["told"]] == ["success"]


def test_a_run_that_would_empty_a_table_fails_at_once(warehouse: Warehouse) -> None:
    at_first = warehouse.queries()
    assert warehouse.dbt("")["success"]
    before = warehouse.queries()
    told = warehouse.dbt("delete from db1.s1.kept")
    (one,) = told["told"]
    assert (told["success"], one["status"]) == (False, "error")
    assert "Refused by Clyra" in one["message"]
    refused = warehouse.proxy.wait_for_verdicts(1, where=lambda line: line["unmapped"]["clyra"]["decision"] == "block")
    assert len(refused) == 1  # one attempt
    assert 0 < warehouse.queries() - before <= before - at_first  # and nothing more than a clean run asks
