"""The clients of the demo: ordinary programs that know nothing of a proxy.

Each is one short program given to its own runtime; it prints what the model said. `clyra run` sets proxy and trust
variables for it, nothing else. None of them is written differently because Clyra is there.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import dataclass

from clyra_proxy.demo.completions import MODEL


@dataclass(frozen=True, slots=True)
class Client:
    """name: for people. argv: the command. absent: why it cannot run here, "" when it can."""

    name: str
    argv: tuple[str, ...]
    absent: str = ""


_HTTPX = """
import sys, httpx
answer = httpx.post(sys.argv[1] + "/v1/chat/completions", json={"model": sys.argv[2], "messages": [
    {"role": "user", "content": sys.argv[3]}]})
print(answer.raise_for_status().json()["choices"][0]["message"]["content"])
"""

_REQUESTS = _HTTPX.replace("httpx", "requests").replace(
    "print(answer.raise_for_status().json()", "answer.raise_for_status()\nprint(answer.json()"
)

_NODE = """
const [url, model, said] = process.argv.slice(1);
const body = JSON.stringify({model, messages: [{role: 'user', content: said}]});
const headers = {'content-type': 'application/json'};
fetch(url + '/v1/chat/completions', {method: 'POST', headers, body}).then(async (answer) => {
  if (!answer.ok) throw new Error(answer.status + ' ' + await answer.text());
  console.log((await answer.json()).choices[0].message.content);
}).catch((error) => { console.error(error.cause || error); process.exit(1); });
"""

_OPENAI = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="not-a-secret", max_retries=0)
answer = client.chat.completions.create(model=sys.argv[2], messages=[{"role": "user", "content": sys.argv[3]}])
print(answer.choices[0].message.content)
"""

_OPENAI_STREAM = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="not-a-secret", max_retries=0)
stream = client.chat.completions.create(
    model=sys.argv[2], messages=[{"role": "user", "content": sys.argv[3]}], stream=True)
print("".join(event.choices[0].delta.content or "" for event in stream))
"""


def clients(url: str, said: str) -> list[Client]:
    """Every client of the demo, asking the model at `url` the same thing."""
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": said}]})
    curl = ("curl", "-sS", "--fail-with-body", f"{url}/v1/chat/completions", "-H", "Content-Type: application/json")
    return [
        Client("curl", (*curl, "-d", body), "" if shutil.which("curl") else "curl is not installed"),
        _python("Python httpx", "httpx", _HTTPX, url, said),
        _python("Python requests", "requests", _REQUESTS, url, said),
        Client(
            "Node.js fetch",
            ("node", "-e", _NODE, url, MODEL, said),
            "" if shutil.which("node") else "Node.js is not installed",
        ),
        _python("OpenAI SDK", "openai", _OPENAI, url, said),
        _python("OpenAI SDK, streaming", "openai", _OPENAI_STREAM, url, said),
    ]


def _python(name: str, module: str, program: str, url: str, said: str) -> Client:
    absent = "" if importlib.util.find_spec(module) else f"the package {module} is not installed (group `demo`)"
    return Client(name, (sys.executable, "-c", program, url, MODEL, said), absent)
