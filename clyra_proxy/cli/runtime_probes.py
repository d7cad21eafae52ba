"""One small real call for every runtime `clyra doctor` knows, and how to make that runtime use the proxy.

A probe is a command line that requests one URL and prints what it got; it sets nothing itself, so that only the
environment decides which way the call goes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_ENVIRONMENT = 'Start it with `clyra run -- CMD`, or in a shell after `eval "$(clyra env)"`.'

_PYTHON = {
    "urllib": "import sys, urllib.request as u\ntry: print(u.urlopen(sys.argv[1]).status)\n"
    "except u.HTTPError as e: print(e.code)",
    "requests": "import sys, requests; print(requests.get(sys.argv[1]).status_code)",
    "httpx": "import sys, httpx; print(httpx.get(sys.argv[1]).status_code)",
    "aiohttp": "import sys, asyncio, aiohttp\nasync def main():\n async with aiohttp.ClientSession() as s, "
    "s.get(sys.argv[1]) as r: print(r.status)\nasyncio.run(main())",
}
_NODE = {
    "fetch": "fetch(process.argv[1]).then(r => console.log(r.status))",
    "https": "require('https').get(process.argv[1], r => {console.log(r.statusCode); r.resume()})",
}
_JAVA = """import java.net.*; class Probe { public static void main(String[] a) throws Exception {
 System.out.println(((HttpURLConnection) new URL(a[0]).openConnection()).getResponseCode()); } }"""
_GO = """package main
import ("fmt"; "net/http"; "os")
func main() { r, e := http.Get(os.Args[1]); if e != nil { fmt.Println(e); os.Exit(1) }; fmt.Println(r.StatusCode) }"""


@dataclass(frozen=True, slots=True)
class Probe:
    """argv: the command, given a scratch folder and a URL. fix: what makes this runtime use the proxy.

    host: how the URL names this machine; some runtimes never send an address of the machine itself to a proxy.
    """

    name: str
    argv: Callable[[Path, str], list[str]]
    fix: str = _ENVIRONMENT
    seconds: float = 30.0
    host: str = "127.0.0.1"


def found_probes() -> Iterator[Probe]:
    """A probe for every runtime on this machine."""
    yield from _command_line_tools()
    for library, script in _PYTHON.items():
        python = _python_with(library)
        if python:
            fix = _AIOHTTP if library == "aiohttp" else _ENVIRONMENT
            yield Probe(f"python {library}", _scripted(python, "-c", script), fix)
    if shutil.which("node"):
        for name, script in _NODE.items():
            yield Probe(f"node {name}", _scripted("node", "-e", script), _NODE_FIX)
    yield from _compiled_runtimes()
    yield from _package_managers()


_AIOHTTP = "aiohttp ignores proxy variables unless told: use ClientSession(trust_env=True)."
_NODE_FIX = "Node.js needs the NODE_OPTIONS that `clyra run` and `clyra env` set; see that nothing resets them."
_JAVA_FIX = "Java needs the JAVA_TOOL_OPTIONS that `clyra run` and `clyra env` set; see that nothing resets them."


def _command_line_tools() -> Iterator[Probe]:
    if shutil.which("curl"):
        yield Probe("curl", lambda _, url: ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\n", url])
    if shutil.which("wget"):
        yield Probe("wget", lambda _, url: ["wget", "-q", "-S", "-t", "1", "-O", "/dev/null", url])
    if shutil.which("git"):
        yield Probe("git", lambda _, url: ["git", "ls-remote", url])


def _compiled_runtimes() -> Iterator[Probe]:
    if shutil.which("java"):
        yield Probe("java", lambda folder, url: ["java", _written(folder, "Probe.java", _JAVA), url], _JAVA_FIX, 60)
    if shutil.which("go"):
        yield Probe(
            "go",
            lambda folder, url: ["go", "run", _written(folder, "probe.go", _GO), url],
            seconds=120,
            host="localhost.",
        )
    if shutil.which("deno"):
        script = "console.log((await fetch(Deno.args[0])).status)"
        yield Probe(
            "deno", lambda folder, url: ["deno", "run", "--allow-net", _written(folder, "probe.ts", script), url]
        )
    if shutil.which("bun"):
        script = "console.log((await fetch(process.argv[2])).status)"
        yield Probe("bun", lambda folder, url: ["bun", "run", _written(folder, "probe.mjs", script), url])


def _package_managers() -> Iterator[Probe]:
    if shutil.which("npm"):
        yield Probe(
            "npm",
            lambda _, url: ["npm", "ping", f"--registry={url}/", "--fetch-retries=0"],
            seconds=60,
            host="localhost",  # through a proxy npm refuses certificates for IP addresses
        )
    python = _python_with("pip")
    if python:
        yield Probe("pip", _asking_index(python, *_PIP), _ENVIRONMENT, 60)
    if shutil.which("uv"):
        yield Probe("uv", lambda folder, url: ["uv", *_UV, url, "--target", str(folder / "uv"), "clyra-doctor-probe"])


_PIP = ("-m", "pip", "--isolated", "download", "--no-deps", "--no-cache-dir", "--retries=0", "--index-url")
_UV = ("pip", "install", "--no-cache", "--no-config", "--no-deps", "--index-url")


def _scripted(*words: str) -> Callable[[Path, str], list[str]]:
    return lambda _, url: [*words, url]


def _asking_index(*words: str) -> Callable[[Path, str], list[str]]:
    return lambda _, url: [*words, url, "clyra-doctor-probe"]


def _written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


@lru_cache(maxsize=16)
def _python_with(module: str) -> str:
    """The first Python (on PATH, then our own) that has a module; "" when none has."""
    for python in dict.fromkeys((shutil.which("python3") or "", sys.executable)):
        if python:
            script = f"import importlib.util as u, sys; sys.exit(u.find_spec('{module}') is None)"
            if subprocess.run([python, "-c", script], capture_output=True, check=False).returncode == 0:
                return python
    return ""
