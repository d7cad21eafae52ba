"""`clyra run`: real clients of many runtimes, an intercepting proxy, no upstream they could reach another way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from clyra_proxy.home import Home
from tests.support.certificates import Authority
from tests.support.clyra_command import clyra, clyra_argv, clyra_environment
from tests.support.intercepting_proxy import InterceptingProxy
from tests.support.processes import free_port

URL = "https://api.clients.test:8443/hello"
JAVA = """
import java.net.*;
class Call { public static void main(String[] a) throws Exception {
  System.out.print(new String(new URL(a[0]).openStream().readAllBytes())); } }
"""
NODE_HTTPS = "require('https').get(process.argv[1], r => r.pipe(process.stdout)).on('error', e => { throw e })"
NODE_AGENT = (
    "const https = require('https'); https.get(process.argv[1], {agent: new https.Agent({keepAlive: false})},"
    " r => r.pipe(process.stdout)).on('error', e => { throw e })"
)
NODE_ESM = (
    "import {get} from 'node:https'; get(process.argv[1], r => r.pipe(process.stdout)).on('error', e => { throw e })"
)
NODE_FETCH = "fetch(process.argv[1]).then(r => r.text()).then(t => process.stdout.write(t))"
PYTHON = {
    "urllib": "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())",
    "requests": "import sys, requests; print(requests.get(sys.argv[1]).text)",
    "httpx": "import sys, httpx; print(httpx.get(sys.argv[1]).text)",
}
CLIENTS = {
    "curl": ["curl", "-sS", URL],
    "wget": ["wget", "-qO-", URL],
    "node https": ["node", "-e", NODE_HTTPS, URL],
    "node own agent": ["node", "-e", NODE_AGENT, URL],
    "node esm import": ["node", "--input-type=module", "-e", NODE_ESM, URL],
    "node fetch": ["node", "-e", NODE_FETCH, URL],
    "node http": ["node", "-e", NODE_HTTPS.replace("https", "http"), URL.replace("https", "http")],
    "node fetch http": ["node", "-e", NODE_FETCH, URL.replace("https", "http")],
    "deno": ["deno", "run", "--allow-net", "{folder}/deno.ts", URL],
    "bun": ["bun", "run", "{folder}/bun.mjs", URL],
} | {f"python {name}": [sys.executable, "-c", script, URL] for name, script in PYTHON.items()}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    place = Home(tmp_path_factory.mktemp("home")).create()
    authority = Authority(place.root / "authority")
    place.ca_certificate.write_bytes(authority.certificate.read_bytes())
    place.ca_bundle.write_bytes(authority.certificate.read_bytes())
    return place, authority


@pytest.fixture
def proxy(home):
    with InterceptingProxy(home[1]) as one:
        yield one


def run_through(home, proxy, *command, options=(), env=None):
    arguments = ("run", "--proxy", f"127.0.0.1:{proxy.port}", *options, "--", *command)
    return clyra(*arguments, home=home[0].root, env=env, timeout=110)


@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_uses_the_proxy_and_trusts_it(home, proxy, tmp_path, name):
    argv = [word.replace("{folder}", str(tmp_path)) for word in CLIENTS[name]]
    if not shutil.which(argv[0]):
        pytest.skip(f"needs {argv[0]}")
    (tmp_path / "deno.ts").write_text("console.log(await (await fetch(Deno.args[0])).text())")
    (tmp_path / "bun.mjs").write_text("console.log(await (await fetch(process.argv[2])).text())")
    hostile = {"NO_PROXY": "*", "no_proxy": "*", "HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://x:1"}
    done = run_through(home, proxy, *argv, options=("--agent", "tester", "--run", "r-7"), env=hostile)
    assert json.loads(done.stdout)["through"] == "proxy", done.stderr
    assert done.returncode == 0
    (seen,) = proxy.requests
    assert seen.target == "api.clients.test:8443"
    assert seen.user == "tester+r-7"


def test_git_ignores_a_proxy_in_its_own_configuration(home, proxy, tmp_path):
    (tmp_path / ".gitconfig").write_text("[http]\n proxy = http://127.0.0.1:9\n sslCAInfo = /nowhere\n")
    command = ("git", "ls-remote", "https://git.clients.test/repo.git")
    done = run_through(home, proxy, *command, options=("--agent", "tester"), env={"HOME": str(tmp_path)})
    assert proxy.requests, done.stderr
    assert proxy.requests[0].path.startswith("/repo.git/info/refs")
    assert proxy.requests[0].user.startswith("tester+")


@pytest.mark.parametrize(
    "command",
    [
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--index-url",
            "https://pip.clients.test/simple",
            "x-y-z",
        ],
        ["npm", "view", "--registry=https://npm.clients.test/", "--fetch-retries=0", "x-y-z"],
        ["cargo", "search", "--registry", "here", "x-y-z"],
    ],
    ids=["pip", "npm", "cargo"],
)
def test_package_managers(home, proxy, tmp_path, command):
    if not shutil.which(command[0]):
        pytest.skip(f"needs {command[0]}")
    if "pip" in command and subprocess.run([*command[:3], "--version"], capture_output=True).returncode:
        command = ["python3", *command[1:]]
    env = {"CARGO_REGISTRIES_HERE_INDEX": "sparse+https://cargo.clients.test/", "PIP_NO_CACHE_DIR": "1"}
    done = run_through(home, proxy, *command, env=env)
    assert [seen for seen in proxy.requests if seen.secure], done.stderr


def test_java(home, proxy, tmp_path):
    if not shutil.which("java"):
        pytest.skip("needs java")
    (tmp_path / "Call.java").write_text(JAVA)
    done = run_through(home, proxy, "java", str(tmp_path / "Call.java"), URL)
    assert json.loads(done.stdout)["through"] == "proxy", done.stderr


def test_node_says_why_the_tunnel_was_refused(home):
    with InterceptingProxy(home[1], refuse="403 Forbidden") as refusing:
        for script in (NODE_HTTPS, NODE_FETCH):
            done = run_through(home, refusing, "node", "-e", script, URL)
            assert done.returncode != 0
            assert "did not open a tunnel to api.clients.test:8443: HTTP/1.1 403 Forbidden (test)" in done.stderr


def test_exempt_hosts_go_direct_and_others_do_not(home, proxy):
    script = "fetch(process.argv[1]).then(r => r.text(), e => { console.log(String(e.cause.code)); })"
    target = f"https://127.0.0.1:{free_port()}/"
    done = run_through(home, proxy, "node", "-e", script, target, options=("--no-proxy", "127.0.0.1"))
    assert done.stdout.strip() == "ECONNREFUSED"
    assert proxy.tunnels == []


def test_the_exit_code_is_the_commands_own(home, proxy):
    assert run_through(home, proxy, "sh", "-c", "exit 37").returncode == 37


def test_only_the_child_sees_the_variables_and_the_token_is_not_left_lying_about(home, proxy):
    env = {"CLYRA_AGENT": "bot", "CLYRA_AGENT_TOKEN": "s3cr3t/t"}
    done = run_through(home, proxy, "env", env=env)
    lines = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert lines["HTTPS_PROXY"].startswith("http://bot+")
    assert lines["HTTPS_PROXY"].endswith(f":s3cr3t%2Ft@127.0.0.1:{proxy.port}")
    assert "CLYRA_AGENT_TOKEN" not in lines
    assert "HTTPS_PROXY" not in os.environ


def test_signals_reach_the_command(home, proxy):
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(9));"
        " print('up', flush=True); time.sleep(60)"
    )
    argv = clyra_argv("run", "--proxy", f"127.0.0.1:{proxy.port}", "--", sys.executable, "-c", script)
    child = subprocess.Popen(argv, env=clyra_environment(home[0].root), stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "up\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 9
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "--proxy", "127.0.0.1:1", "--", "true"), 1, "does not answer"),
        (("run", "--proxy", "nowhere", "--", "true"), 64, "not an address"),
        (("run", "--", "no-such-command-here"), 64, "no command 'no-such-command-here'"),
        (("run", "--", "true"), 1, "No proxy is running"),
        (("env",), 1, "No proxy is running"),
    ],
)
def test_nothing_runs_without_a_proxy(home, arguments, code, said):
    done = clyra(*arguments, home=home[0].root)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize("shell", ["sh", "fish", "powershell", "dotenv"])
def test_env_prints_the_words_of_each_shell(home, proxy, shell):
    done = clyra("env", "--shell", shell, "--proxy", f"127.0.0.1:{proxy.port}", home=home[0].root)
    assert done.returncode == 0
    prefix = {"sh": "export ", "fish": "set -gx ", "powershell": "$env:", "dotenv": ""}[shell]
    for line in done.stdout.splitlines():
        assert line.startswith(prefix)
    assert "GIT_CONFIG_COUNT" in done.stdout


def test_env_can_be_evaluated_by_a_shell(home, proxy):
    done = clyra("env", "--proxy", f"127.0.0.1:{proxy.port}", home=home[0].root)
    script = f'{done.stdout}\ncurl -sS {URL} && printf %s "$NODE_OPTIONS"'
    shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert '"through": "proxy"' in shell.stdout
    assert "--require" in shell.stdout


def test_env_as_json_extends_what_is_already_set(home, proxy):
    env = {"NODE_OPTIONS": "--max-old-space-size=512", "GIT_CONFIG_COUNT": "1"}
    done = clyra("env", "--json", "--proxy", f"127.0.0.1:{proxy.port}", home=home[0].root, env=env)
    variables = json.loads(done.stdout)
    assert variables["NODE_OPTIONS"].startswith("--max-old-space-size=512 --require")
    assert (variables["GIT_CONFIG_COUNT"], variables["GIT_CONFIG_KEY_1"]) == ("3", "http.proxy")


def test_the_java_store_follows_the_bundle(home, proxy):
    bundle = home[0].ca_bundle
    before = bundle.read_bytes()
    first = sorted(home[0].ca.glob("truststore-*.p12"))
    bundle.write_bytes(before + Authority(home[0].root / f"other{time.time_ns()}").certificate.read_bytes())
    try:
        clyra("env", "--proxy", f"127.0.0.1:{proxy.port}", home=home[0].root)
        assert len(set(home[0].ca.glob("truststore-*.p12")) - set(first)) == 1
    finally:
        bundle.write_bytes(before)
