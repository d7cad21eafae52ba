"""A policy file is understood exactly, or refused with the place and the nearest name."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.load import InvalidPolicyError, load_policy, merge, parse_policy
from clyra_proxy.policy.models import Egress
from clyra_proxy.policy.source import parse
from clyra_proxy.verdict.model import Mode


def test_an_empty_policy_is_shadow_on_loopback() -> None:
    document = parse_policy("")
    assert document.enforcement.mode is Mode.SHADOW
    assert document.listen.is_loopback
    assert document.destinations == {}


def test_off_and_no_are_words_not_booleans() -> None:
    document = parse_policy("enforcement: {mode: off, rules: {json: off}}\ndestinations: {no: {hosts: [on.example]}}")
    assert document.enforcement.mode is Mode.OFF
    assert document.enforcement.rules == {"json": Mode.OFF}
    assert document.destinations["no"].hosts == ["on.example"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("enforcement:\n  moed: shadow", "p.yaml:2: enforcement.moed: unknown key. Did you mean `mode`?"),
        ("lisen: {}", "p.yaml:1: lisen: unknown key. Did you mean `listen`?"),
        ("destinations:\n  a:\n    hots: [x]", "p.yaml:3: destinations.a.hots: unknown key. Did you mean `hosts`?"),
        (
            "destinations:\n  a:\n    hosts: [x]\n    rules:\n    - nam: b",
            "p.yaml:5: destinations.a.rules[0].nam: unknown key. Did you mean `name`?",
        ),
        (
            "destinations:\n  a:\n    hosts: [x]\n    schema:\n      reqest: s.json",
            "p.yaml:5: destinations.a.schema.reqest: unknown key. Did you mean `request`?",
        ),
        (
            "enforcement:\n  rules:\n    json.duplicate_kye: off",
            "p.yaml:3: enforcement.rules.json.duplicate_kye: unknown rule `json.duplicate_kye`. "
            "Did you mean `json.duplicate_key`?",
        ),
        ("enforcement:\n  rules: {jsno: off}", "unknown rule `jsno`. Did you mean `json`?"),
        ("enforcement:\n  rules: {body.framing: off}", "rule `body.framing` is always enforced"),
        ("enforcement: {mode: enforced}", "p.yaml:1: enforcement.mode: Input should be"),
        ("enforcement: {mode: enforced}", "Did you mean `enforce`?"),
        ("listen:\n  port: '8080'", "p.yaml:2: listen.port: Input should be a valid integer."),
        ("listen:\n  port: 70000", "p.yaml:2: listen.port: Input should be less than or equal to 65535."),
        ("listen:\n  workers: 1.5", "p.yaml:2: listen.workers: "),
        ("a: 1\nb: 2\na: 3", "p.yaml:3: the key `a` is written twice. It stands on line 1 already."),
        ("listen: {port: 1, port: 2}", "p.yaml:1: the key `port` is written twice."),
        ("extends: strct", "p.yaml:1: extends: there is no profile `strct`. Did you mean `strict`?"),
        ("extends: 7", "there is no profile `7`. Choose one of: "),
        ("- a", "p.yaml:1: the policy is not a mapping."),
        ("listen: [", "p.yaml:1: this is not YAML."),
        ("listen: {host: example.com}", "`host: example.com` is not an IP address"),
        ("listen: {host: 0.0.0.0}", "`identity.required` must be true"),
        ("identity: {required: true}", "nobody could ever connect"),
        ("identity: {agents: {a: {token: secret}}}", "identity.agents.a.token: "),
        ("listen: {mode: reverse}", "`upstream` belongs to `mode: reverse`"),
        ("listen: {upstream: 'https://a.example'}", "`upstream` belongs to `mode: reverse`"),
        ("destinations: {a: {hosts: []}}", "destinations.a.hosts: "),
        ("destinations: {a: {hosts: ['a b']}}", "`a b` is not a host name"),
        (
            "destinations: {a: {hosts: ['https://a.example/v1']}}",
            "is more than a host: leave out scheme, port and path",
        ),
        ("destinations: {a: {hosts: ['a.example:443']}}", "`a.example:443` is more than a host"),
        ("destinations: {a: {hosts: ['a.example/v1']}}", "`a.example/v1` is more than a host"),
        ("destinations: {a: {hosts: ['*.10.0.0.1']}}", "puts a wildcard before an address"),
        ("destinations: {a: {hosts: [x], ports: [0]}}", "destinations.a.ports[0]: "),
        ("destinations: {a: {hosts: [x], only_rules: true}}", "would refuse every request"),
        ("destinations: {a: {hosts: [x], tls: passthrough, schema: {request: s.json}}}", "can never apply"),
        ("destinations: {a: {hosts: [x], rules: [{name: r}, {name: r}]}}", "two rules are named `r`"),
        ("destinations: {a: {hosts: [x], rules: [{name: r, paths: ['/a**']}]}}", "must be a whole segment"),
        ("destinations: {a: {hosts: [x], rules: [{name: r, methods: [post]}]}}", "methods[0]"),
        ("destinations: {a: {hosts: [x], schema: {openapi: a, request: b}}}", "both say what the body is"),
        ("destinations: {a: {hosts: [x], schema: {events: {e: f}}}}", "`events` needs `response`"),
        ("destinations: {a: {hosts: [x], schema: {openapi: a, events: {e: f}}}}", "`events` needs `response`"),
        ("destinations: {a: {hosts: [x], schema: {response: r, events: {' e': f}}}}", "schema.events"),
        ("destinations: {a: {hosts: [x], schema: {response: r, events: {'': f}}}}", "schema.events"),
        ("destinations: {a: {hosts: [x], schema: {response: r, events: {e: ''}}}}", "schema.events"),
        ("destinations: {a/b: {hosts: [x]}}", "destinations"),
        ("data_platform: {schemalock: {limits: {max_depth: 100000}}}", "data_platform.schemalock.limits.max_depth"),
        ("genai_security: {anything: 1}", "genai_security.anything: unknown key."),
        ("version: 2", "version: "),
        ("x: &a [*a]", "expands without end"),
        ("x: !!python/object/apply:os.system [id]", "unknown key"),
        ("? [a, b]\n: 1", "a key is not text"),
        ("listen: {port: 123456789012345678901234567890}", "a value cannot be used"),
        ('extends: "\\ud800"', "there is no profile"),
        ('version: "\\ud800"', "a value cannot be used"),
        ("[" * 20000, "nested too deeply"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    assert told in str(caught.value)


def test_all_problems_come_at_once_in_file_order() -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        parse_policy("listen:\n  prt: 1\n  host: 7\nenforcement:\n  mode: x\n", "p.yaml")
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (2, "listen.prt"),
        (3, "listen.host"),
        (5, "enforcement.mode"),
    ]


def test_aliases_that_explode_are_refused() -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(PolicyError, match="expands without end"):
        parse_policy("\n".join(lines))


def test_a_missing_file_and_a_file_that_is_not_text(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"Cannot read .*none\.yaml"):
        load_policy(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"listen: \xff\xfe")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(tmp_path / "bytes.yaml")


def test_the_file_lies_over_its_profile() -> None:
    document = parse_policy("extends: strict\nenforcement: {rules: {json.depth: shadow}}\nevidence: {reads: queued}")
    assert document.enforcement.mode is Mode.ENFORCE
    assert document.enforcement.egress is Egress.STRICT
    assert document.enforcement.rules == {"json.depth": Mode.SHADOW}
    assert document.evidence.reads.value == "queued"
    assert document.data_platform.schemalock.limits.safe_integers is True


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)
_MAPPINGS = st.dictionaries(st.text(max_size=3), _VALUES, max_size=4)


@given(_MAPPINGS, _MAPPINGS, _MAPPINGS)
def test_merging_keeps_both_and_lets_the_later_win(
    base: dict[str, object], over: dict[str, object], last: dict[str, object]
) -> None:
    merged = merge(base, over)
    assert set(merged) == set(base) | set(over)
    assert merge(merged, over) == merged
    assert merge({}, over) == over == merge(over, {})
    for key, value in over.items():
        if not (isinstance(value, dict) and isinstance(base.get(key), dict)):
            assert merged[key] == value
    assert merge(merge(base, over), last).keys() == merge(base, merge(over, last)).keys()


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_as_a_policy_error(text: str) -> None:
    with contextlib.suppress(PolicyError):
        parse_policy(text)


@given(st.text(alphabet="abno: -[]{},&*!|>'\"#\n\t%@1.", max_size=80))
def test_any_yaml_like_text_is_read_or_refused_as_a_policy_error(text: str) -> None:
    with contextlib.suppress(PolicyError):
        parse(text, "p")
