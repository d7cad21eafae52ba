"""The compiled match gives the answer of a naive walk through the policy."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.compiler import compile_policy
from clyra_proxy.policy.load import parse_policy
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.paths import normalise_path
from tests.support.judging import compiled

HOSTS = ["a.example", "b.example", "x.a.example", "y.x.a.example", "example", "10.0.0.1", "::1", "other.test"]
PATTERNS = [*HOSTS, "*.example", "*.a.example", "*.x.a.example", "*"]
PORTS = [80, 443, 8443]
METHODS = ["GET", "POST", "PUT", "HEAD"]
MEDIA = ["application/json", "application/x-ndjson", "text/csv", ""]
SEGMENTS = ["", "a", "b", "ab", "v1", "batch"]
PATHS = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))
PATH_PATTERNS = st.lists(
    st.sampled_from([*SEGMENTS[1:], "*", "a*", "*b", "a*b", "**", "*a*"]), min_size=1, max_size=5
).map(lambda parts: "/" + "/".join(parts))

RULES = st.fixed_dictionaries(
    {},
    optional={
        "methods": st.lists(st.sampled_from(METHODS), max_size=2),
        "paths": st.lists(PATH_PATTERNS | PATHS, max_size=3),
        "content_types": st.lists(st.sampled_from(["application/json", "application/*", "text/*"]), max_size=2),
    },
)
DESTINATIONS = st.lists(
    st.tuples(
        st.sampled_from(PATTERNS),
        st.just("any") | st.lists(st.sampled_from(PORTS), min_size=1, max_size=3, unique=True),
        st.lists(RULES, max_size=4),
    ),
    max_size=6,
    unique_by=lambda destination: destination[0],
)


def build(destinations: list[tuple[str, object, list[dict[str, object]]]]) -> PolicyDocument:
    entries = {
        f"d{index}": {
            "hosts": [host],
            "ports": ports,
            "rules": [{"name": f"r{place}", **rule} for place, rule in enumerate(rules)],
        }
        for index, (host, ports, rules) in enumerate(destinations)
    }
    return parse_policy(json.dumps({"destinations": entries}))


def naive(document: PolicyDocument, host: str, port: int, method: str, path: str, media: str) -> str:
    """Walk every destination, then every rule, comparing piece by piece."""
    best: tuple[int, str] | None = None
    for name, entry in document.destinations.items():
        for pattern in entry.hosts:
            if entry.ports != "any" and port not in entry.ports:
                continue
            weight = closeness(pattern, host)
            if weight >= 0 and (best is None or weight > best[0]):
                best = (weight, name)
    if best is None:
        return "default"
    for rule in document.destinations[best[1]].rules:
        if rule.methods and method not in rule.methods:
            continue
        if rule.content_types and not any(
            allowed == media or (allowed.endswith("/*") and media.startswith(allowed[:-1]))
            for allowed in rule.content_types
        ):
            continue
        if rule.paths and not any(covers(pattern, path) for pattern in rule.paths):
            continue
        return f"{best[1]}/{rule.name}"
    return best[1]


def closeness(pattern: str, host: str) -> int:
    if pattern == host:
        return 1000
    if pattern == "*":
        return 0
    return len(pattern) if pattern.startswith("*.") and host.endswith(pattern[1:]) else -1


def covers(pattern: str, path: str) -> bool:
    if "*" not in pattern:
        return normalise_path(pattern) == path
    return segments_cover(normalise_path(pattern)[1:].split("/"), path[1:].split("/"))


def segments_cover(pattern: list[str], segments: list[str]) -> bool:
    if not pattern:
        return not segments
    if pattern[0] == "**":
        return any(segments_cover(pattern[1:], segments[skip:]) for skip in range(len(segments) + 1))
    return bool(segments) and text_covers(pattern[0], segments[0]) and segments_cover(pattern[1:], segments[1:])


def text_covers(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(text_covers(pattern[1:], text[skip:]) for skip in range(len(text) + 1))
    return bool(text) and text[0] == pattern[0] and text_covers(pattern[1:], text[1:])


@settings(max_examples=300)
@given(
    DESTINATIONS,
    st.lists(
        st.tuples(
            st.sampled_from(HOSTS), st.sampled_from(PORTS), st.sampled_from(METHODS), PATHS, st.sampled_from(MEDIA)
        ),
        min_size=1,
        max_size=12,
    ),
)
def test_match_is_the_naive_walk(
    destinations: list[tuple[str, object, list[dict[str, object]]]],
    requests: list[tuple[str, int, str, str, str]],
) -> None:
    document = build(destinations)
    policy = compile_policy(document, Path())
    for host, port, method, path, media in requests:
        plain = normalise_path(path)
        expected = naive(document, host, port, method, plain, media)
        if "/" not in expected:  # no rule: the last slash may not count
            turned = plain[:-1] if plain.endswith("/") and plain != "/" else plain + "/"
            expected = naive(document, host, port, method, turned, media)
        for _ in range(2):  # the second answer comes from the cache
            assert policy.match(host, port, method, path, media).id == expected


TEXT = """
destinations:
  crm:
    hosts: [api.crm.example, "*.crm.example", "[2001:DB8::1]", "Bücher.example"]
    ports: [443, 8443]
    rules:
    - {name: batch, methods: [POST], paths: [/v1/batch/**], content_types: [application/json]}
    - {name: one, methods: [POST, PUT], paths: ["/v1/*/row", /v1/exact]}
    - {name: read, methods: [GET]}
  only:
    hosts: [only.example]
    ports: any
    only_rules: true
    rules: [{name: health, paths: [/health]}]
"""


@pytest.mark.parametrize(
    ("request_line", "route", "known"),
    [
        (("api.crm.example", 443, "POST", "/v1/batch/7?x=/../y", "application/json; charset=utf-8"), "crm/batch", True),
        (("API.CRM.EXAMPLE.", 443, "post", "/v1/batch", "Application/JSON"), "crm/batch", True),
        (("api.crm.example", 443, "POST", "/v1/b%61tch/7", "application/json"), "crm/batch", True),
        (("api.crm.example", 443, "POST", "/x/../v1//./batch/7", "application/json"), "crm/batch", True),
        (("api.crm.example", 443, "POST", "/v1/batch%2F7", "application/json"), "crm/batch", True),
        (("api.crm.example", 443, "POST", "/V1/Batch/7", "application/json"), "crm/batch", True),
        (("api.crm.example", 443, "POST", "/v1/exact/", ""), "crm/one", True),
        (("api.crm.example", 443, "POST", "/v1/Exact?x", ""), "crm/one", True),
        (("api.crm.example", 443, "POST", "/v1;a=b/exact;c", ""), "crm/one", True),
        (("api.crm.example", 443, "POST", "\\v1\\exact", ""), "crm/one", True),
        (("api.crm.example", 443, "POST", "/x/..;/v1/exact", ""), "crm/one", True),
        (("api.crm.example", 443, "POST", "/v1/exact/more", ""), "crm", True),
        (("api.crm.example", 443, "POST", "/v1/exact;/..%2Fother", ""), "crm", True),  # one reading of several
        (("api.crm.example", 443, "POST", "/v1/batch/7", "text/csv"), "crm", True),
        (("deep.sub.crm.example", 8443, "PUT", "/v1/abc/row", ""), "crm/one", True),
        (("crm.example", 443, "PUT", "/v1/abc/row", ""), "default", False),
        (("evil-crm.example", 443, "PUT", "/v1/abc/row", ""), "default", False),
        (("api.crm.example", 444, "PUT", "/v1/abc/row", ""), "default", False),
        (("2001:db8:0::1", 443, "GET", "/", ""), "crm/read", True),
        (("xn--bcher-kva.example", 443, "GET", "/", ""), "crm/read", True),
        (("not a host", 443, "GET", "/", ""), "default", False),
        (("only.example", 1, "GET", "/health", ""), "only/health", True),
        (("only.example", 1, "GET", "/other", ""), "only", False),
        (("only.example", 1, "GET", "/Health/", ""), "only", False),
        (("only.example", 1, "CONNECT", "", ""), "only", True),
        (("other.example", 1, "CONNECT", "", ""), "default", False),
        (("api.crm.example", 443, "POST", "/v1/batch/" + "x" * 5000, "application/json"), "crm/batch", True),
    ],
)
def test_spelling_does_not_change_the_route(
    request_line: tuple[str, int, str, str, str], route: str, known: bool
) -> None:
    found = compiled(TEXT).match(*request_line)
    assert (found.id, found.known) == (route, known)


def test_a_host_and_port_have_one_destination() -> None:
    with pytest.raises(PolicyError, match=r"belongs to destination `a` already"):
        compiled("destinations: {a: {hosts: [X.example]}, b: {hosts: [x.example.], ports: [443]}}")
    both = compiled("destinations: {a: {hosts: [x.example], ports: [80]}, b: {hosts: [x.example], ports: [443]}}")
    assert both.match("x.example", 443, "GET", "/").id == "b"


POLICY = compiled(TEXT)
ODD_PATHS = st.text(alphabet="/.%2eEfF?a~#A41;\\ \u00e9\r\n", max_size=40)


@given(ODD_PATHS)
def test_normalising_twice_is_normalising_once(path: str) -> None:
    once = normalise_path(path)
    assert once.startswith("/") or not path.startswith(("/", "?", "#")) or not path
    assert normalise_path(once.replace("?", "").replace("#", "")) == once
    assert "?" not in once
    assert "/../" not in f"{once}/" or not path.startswith("/")


@given(ODD_PATHS)
def test_match_takes_any_path(path: str) -> None:
    assert POLICY.match("api.crm.example", 443, "POST", path, "application/json").id.startswith("crm")


@pytest.mark.parametrize("path", ["/" + "a/" * 4000, "/" + "a" * 8000, "/v1/" + "ab" * 4000, "/" + "/x" * 4000 + "/b"])
def test_hostile_paths_stay_linear(path: str) -> None:
    """With nested backtracking these would not end within the test's time limit."""
    patterns = ["/**/a*a*a*a*b/**/c/**/d", "/*a*a*a*a*a*a*c", "/**/x/**/x/**/x/**/x/**/y"]
    rules = [{"name": f"r{index}", "paths": [pattern]} for index, pattern in enumerate(patterns)]
    policy = compiled(json.dumps({"destinations": {"d": {"hosts": ["*"], "rules": rules}}}))
    for _ in range(20):
        assert policy.match("h.example", 443, "GET", path).id == "d"


@given(st.text(alphabet="/%2e.aZ~-", max_size=30))
def test_escapes_of_unreserved_characters_do_not_matter(path: str) -> None:
    path = "/" + path.replace("%", "")
    escaped = "".join(f"%{ord(one):02x}" if one not in "/" else one for one in path)
    assert unquote(escaped) == path
    assert normalise_path(escaped) == normalise_path(path)
