"""The commands against the whole running product: what a new user does in the first ten minutes."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request

import pytest

from clyra_proxy.cli.recorded import find_records
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def upstream(authority):
    with Upstream(authority.leaf()) as one:
        yield one


@pytest.fixture(scope="module")
def proxy(tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("live")
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    rule = {"name": "items", "methods": ["POST"], "paths": ["/items"], "schema": {"request": "schema.json"}}
    policy = local_policy(authority, destinations={"local": {"rules": [rule]}})
    with RunningProxy.start(folder, policy) as running:
        yield running


def call(proxy, url, *arguments):
    return proxy.clyra("run", "--agent", "shop", "--run", "r1", "--", "curl", "-sS", *arguments, url)


def newest(proxy, *arguments):
    lines = proxy.clyra("tail", "--no-follow", "--json", "-n", "1", *arguments).stdout.splitlines()
    return json.loads(lines[-1])


def test_a_call_through_run_is_allowed_recorded_and_shown(proxy, upstream):
    proxy.begin_anew()
    done = call(proxy, f"{upstream.tls_url}/hello?secret=1")
    assert done.returncode == 0, done.stderr
    proxy.wait_for_verdicts(1, where=lambda line: line["http_request"]["url"]["path"] == "/hello")
    event = newest(proxy, "--agent", "shop")
    ours = event["unmapped"]["clyra"]
    assert (ours["decision"], ours["agent"], ours["run"]) == ("allow", "shop", "r1")
    assert event["http_request"]["url"]["path"] == "/hello"
    exchange = event["metadata"]["correlation_uid"]
    proxy.process.wait_until(lambda: find_records(proxy.home, exchange), "record of the exchange", 10)
    assert "secret" not in proxy.home.verdict_log.read_text()
    story = json.loads(proxy.clyra("explain", ours["verdict"], "--json").stdout)
    assert story["records"]
    assert "records #" in proxy.clyra("explain", ours["verdict"]).stdout


def test_a_bad_body_is_stopped_and_the_verdict_explains_it(proxy, upstream):
    done = call(proxy, f"{upstream.tls_url}/items", "--json", '{"id": "x"}', "-i")
    identifier = next(
        line.split(":")[1].strip() for line in done.stdout.splitlines() if "clyra-verdict" in line.lower()
    )
    assert proxy.wait_for_verdicts(1, where=lambda line: line["metadata"]["uid"] == identifier)
    told = proxy.clyra("explain", identifier, "--policy", str(proxy.policy))
    assert told.returncode == 0, told.stderr
    for word in ("block", "schema_violation", "request_body at /id", "local/items", f"{proxy.policy}:", "schema.json"):
        assert word in told.stdout
    assert "changed since" not in told.stdout
    assert "would" not in told.stdout.splitlines()[0]
    line = proxy.clyra("tail", "-F", "-d", "block", "-n", "1").stdout
    assert identifier in line


def test_status_is_ready_and_names_the_policy(proxy, upstream):
    proxy.begin_anew()
    call(proxy, f"{upstream.tls_url}/status")
    (line, *_) = proxy.wait_for_verdicts(1)
    done = proxy.clyra("status", "--json")
    facts = json.loads(done.stdout)
    assert done.returncode == 0
    assert facts["ready"] is True
    assert facts["policy"]["sha256"] == line["unmapped"]["clyra"]["policy_sha256"]
    assert facts["recorder"]["reachable"] is True
    assert facts["recorder"]["size"] > 0
    assert proxy.clyra("status").stdout.startswith("ready")


def test_metrics_count_what_happened(proxy, upstream):
    call(proxy, f"{upstream.tls_url}/counted")

    def total():
        with urllib.request.urlopen(f"http://{proxy.health}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("clyra_exchanges_total{"))

    proxy.process.wait_until(lambda: total() >= len(proxy.verdicts()) > 0, "metrics of all exchanges", 10)


def test_doctor_finds_every_runtime_intercepted(proxy):
    names = {"curl": "curl", "python urllib": "python3", "node fetch": "node"}
    only = [word for name, tool in names.items() if shutil.which(tool) for word in ("--only", name)]
    done = proxy.clyra("doctor", "--json", *only, seconds=110)
    facts = json.loads(done.stdout)
    assert {one["result"] for one in facts["runtimes"]} == {"intercepted"}, facts
    assert all("verdict" in one["evidence"] for one in facts["runtimes"])
    assert {one["state"] for one in facts["house"]} <= {"good", "warn"}
    (about,) = [one["found"] for one in facts["house"] if one["name"] == "policy"]
    assert about.startswith(f"{proxy.policy},")  # it was started with --policy, and the data folder has none
    assert done.returncode == 0


def test_commands_take_the_policy_of_the_running_proxy(proxy):
    assert json.loads(proxy.clyra("status", "--json").stdout)["policy"]["file"] == str(proxy.policy)
    listed = json.loads(proxy.clyra("allow", "--list", "--json").stdout)
    assert listed["file"] == str(proxy.policy.parent / "exceptions.yaml")


@pytest.mark.parametrize("tool", ["node", "python"])
def test_other_runtimes_through_the_real_proxy(proxy, upstream, tool):
    url = f"{upstream.tls_url}/from-{tool}"
    script = {
        "node": "fetch(process.argv[1]).then(r => console.log(r.status))",
        "python": "import sys, httpx; print(httpx.get(sys.argv[1]).status_code)",
    }[tool]
    argv = ["node", "-e", script, url] if tool == "node" else [sys.executable, "-c", script, url]
    if not shutil.which(argv[0]):
        pytest.skip(f"needs {argv[0]}")
    done = proxy.clyra("run", "--agent", tool, "--", *argv)
    assert done.stdout.strip() == "200", done.stderr
    assert newest(proxy, "--agent", tool)["http_request"]["url"]["path"] == f"/from-{tool}"
