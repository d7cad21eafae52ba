"""Allow and deny by name, kind, caller and destination; conditions on arguments."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.inspection import Caller
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.tools.conditions import Condition
from clyra_proxy.policy.genai.tools import ArgumentCondition
from tests.genai.tools.support import answered, asked, call, inspector, rules, settings, tool

DENY = "rules: [{name: r, action: deny, tools: ['delete_*', drop_table]}]"


@pytest.mark.parametrize(
    ("name", "denied"),
    [
        ("delete_user", True),
        ("DELETE_USER", True),
        ("delete_", True),
        ("drop_table", True),
        ("Drop_Table", True),
        ("ｄelete_user", True),
        (" delete_user\n", True),
        ("del\u200bete_user", True),
        ("\u202edelete_user", True),
        ("drop_tables", False),
        ("undelete_user", False),
        ("read", False),
        ("", False),
    ],
)
def test_names_are_denied_in_any_case(name: str, denied: bool) -> None:
    assert (("tools.denied", "mcp_tool") in rules(inspector(DENY).inspect(asked(call(name))))) is denied


def test_names_are_allowed_only_as_written() -> None:
    only = inspector("{default: deny, rules: [{name: r, tools: [read_file]}]}")
    assert rules(only.inspect(asked(call("read_file")))) == []
    assert rules(only.inspect(asked(call("READ_FILE")))) == [("tools.denied", "mcp_tool")]


@pytest.mark.parametrize(
    ("selection", "denied"),
    [
        ("agents: [bot]", True),
        ("agents: ['b*']", True),
        ("agents: [other]", False),
        ("tenants: [acme]", True),
        ("tenants: [other]", False),
        ("destinations: [mcp.example]", True),
        ("destinations: ['*.example']", True),
        ("destinations: ['mcp.example:443']", True),
        ("destinations: ['mcp.example:80']", False),
        ("destinations: [tools]", True),
        ("destinations: [tools/any]", True),
        ("kinds: [mcp_tool]", True),
        ("kinds: [mcp_resource, mcp_prompt]", False),
    ],
)
def test_rules_are_for_whom_they_select(selection: str, denied: bool) -> None:
    rule = inspector(f"rules: [{{name: r, action: deny, {selection}}}]")
    found = rules(rule.inspect(asked(call("x"), caller=Caller("bot", "acme", "s"))))
    assert (found == [("tools.denied", "mcp_tool")]) is denied


def test_first_rule_that_matches_decides() -> None:
    text = "rules: [{name: a, tools: [delete_draft]}, {name: b, action: deny, tools: ['delete_*']}]"
    assert rules(inspector(text).inspect(asked(call("delete_draft")))) == []
    assert rules(inspector(text).inspect(asked(call("delete_user")))) == [("tools.denied", "mcp_tool")]


def test_when_narrows_a_rule() -> None:
    text = "rules: [{name: r, action: deny, tools: [pay], when: [{path: /amount, min: 1000}]}]"
    assert rules(inspector(text).inspect(asked(call("pay", amount=999)))) == []
    assert rules(inspector(text).inspect(asked(call("pay", amount=1000)))) == [("tools.denied", "mcp_tool")]
    unreadable = ToolCall("pay", None, raw="{", kind="mcp_tool")
    assert ("tools.denied", "mcp_tool") in rules(inspector(text).inspect(asked(unreadable)))


@pytest.mark.parametrize(
    ("when", "value", "denied"),
    [
        ({"min": 1000}, "1000", True),
        ({"min": 1000}, " 1e3 ", True),
        ({"min": 1000}, "1,000.00", True),
        ({"min": 1000}, "999.99", False),
        ({"min": 1000}, "a thousand", True),
        ({"min": 1000}, {"value": 5000}, True),
        ({"min": 1000}, [1, 5000], True),
        ({"max": 0}, "-5", True),
        ({"max": 0}, "5", False),
        ({"equals": True}, "True", True),
        ({"equals": True}, "no", False),
        ({"equals": 7}, "7.0", True),
        ({"equals": "production"}, " Production\n", True),
        ({"equals": "production"}, "pre-production", False),
        ({"one_of": ["drop", "truncate"]}, "DROP", True),
        ({"none_of": ["admin"]}, "admin", False),
    ],
)
def test_what_selects_a_denied_call_is_read_leniently(when: dict[str, Any], value: Any, denied: bool) -> None:
    rule = {"name": "r", "action": "deny", "when": [{"path": "/a", **when}]}
    found = rules(inspector(yaml.safe_dump({"rules": [rule]})).inspect(asked(call("pay", a=value))))
    assert (("tools.denied", "mcp_tool") in found) is denied


def test_an_allowed_call_needs_a_number_where_one_is_asked_for() -> None:
    only = inspector("{default: deny, rules: [{name: r, when: [{path: /a, max: 10}]}]}")
    assert rules(only.inspect(asked(call("pay", a=5)))) == []
    assert rules(only.inspect(asked(call("pay", a="5")))) == [("tools.denied", "mcp_tool")]


def condition(**given: Any) -> Condition:
    return Condition(ArgumentCondition.model_validate({"path": "/a", **given}))


FOLDER = {"below": ["/srv/data", "C:\\Data"]}
HOSTS = {"hosts": ["example.com", "*.example.org"]}

CASES: list[tuple[dict[str, Any], Any, bool]] = [
    ({"equals": "x"}, "x", True),
    ({"equals": "x"}, "X", False),
    ({"equals": 1}, True, False),
    ({"equals": 1}, 1.0, True),
    ({"one_of": [None]}, None, True),
    ({"one_of": [None]}, 0, False),
    ({"equals": False}, 0, False),
    ({"one_of": ["x", 2]}, 2, True),
    ({"one_of": ["x", 2]}, "2", False),
    ({"one_of": ["x", "y"]}, ["x", "y"], True),
    ({"one_of": ["x", "y"]}, ["x", "z"], False),
    ({"none_of": ["root"]}, "root", False),
    ({"none_of": ["root"]}, ["me", "root"], False),
    ({"none_of": ["root"]}, "me", True),
    ({"matches": "[a-z]+"}, "abc", True),
    ({"matches": "[a-z]+"}, "abc1", False),
    ({"matches": "[a-z]+"}, 5, False),
    ({"matches": "[0-9]+"}, 5, True),
    ({"matches": "[0-9]+"}, {"a": 5}, False),
    ({"lacks": "x"}, 5, True),
    ({"lacks": "x"}, [None, True, 1.5, "y"], True),
    ({"matches": "[a-z]+"}, ["ok", "not ok"], False),
    ({"lacks": "(?i)drop"}, "select 1", True),
    ({"lacks": "(?i)drop"}, "DROP x", False),
    ({"lacks": "(?i)drop"}, {"sql": "x"}, False),
    ({"max_length": 3}, "abc", True),
    ({"max_length": 3}, "abcd", False),
    ({"max_length": 1}, [1, 2], False),
    ({"max_length": 1}, 12345, True),
    ({"min": 1, "max": 10}, 10, True),
    ({"min": 1, "max": 10}, 10.5, False),
    ({"min": 1, "max": 10}, 0, False),
    ({"min": 1}, "5", False),
    ({"min": 0}, True, False),
    ({"max": 10}, [1, 11], False),
    (HOSTS, "https://example.com/x?y", True),
    (HOSTS, "https://EXAMPLE.com.:8443/", True),
    (HOSTS, "http://a.example.org", True),
    (HOSTS, "http://example.org", False),
    (HOSTS, "a@example.com", True),
    (HOSTS, "Ann B. <a@example.com>", True),
    (HOSTS, "mailto:a@example.com", True),
    (HOSTS, ["a@example.com", "b@x.example.org"], True),
    (HOSTS, ["a@example.com", "b@evil.com"], False),
    (HOSTS, "a@example.com,b@evil.com", False),
    (HOSTS, "a@example.com;b@evil.com", False),
    (HOSTS, "a@evil.com <a@example.com>", False),
    (HOSTS, "mailto:a@example.com?bcc=b@evil.com", False),
    (HOSTS, "https://example.com@evil.com/", False),
    (HOSTS, "https://evil.com\\@example.com/", False),
    (HOSTS, "https://evil.com#@example.com/", False),
    (HOSTS, "https://evil.com?.example.com", False),
    (HOSTS, "https://example.com%2eevil.com", False),
    (HOSTS, "https://example.com.evil.com", False),
    (HOSTS, "https://notexample.com", False),
    (HOSTS, "//evil.com/x", False),
    (HOSTS, "javascript:alert(1)//example.com", False),
    (HOSTS, "https://example.com\n.evil.com", False),
    (HOSTS, "https:example.com", False),
    (HOSTS, "", False),
    (HOSTS, None, False),
    ({"hosts": ["*"]}, "https://anything.test", True),
    ({"hosts": ["127.0.0.1"]}, "http://2130706433/", True),
    (FOLDER, "/srv/data", True),
    (FOLDER, "/srv/data/a/b.txt", True),
    (FOLDER, "/srv/data/./a", True),
    (FOLDER, "file:///srv/data/a", True),
    (FOLDER, "file://localhost/srv/data/a", True),
    (FOLDER, "C:\\Data\\x.txt", True),
    (FOLDER, "/srv/database", False),
    (FOLDER, "/srv/data/../secret", False),
    (FOLDER, "/srv/data/..\\secret", False),
    (FOLDER, "/srv/data/%2e%2e/secret", False),
    (FOLDER, "/srv/data/%252e%252e%252fsecret", False),
    (FOLDER, "/srv/data/．．/secret", False),
    (FOLDER, "/srv/data/.. /secret", False),
    (FOLDER, "/srv/data/..;/secret", False),
    (FOLDER, "/srv/data/\x00/x", False),
    (FOLDER, "~/x", False),
    (FOLDER, "a.txt", False),
    (FOLDER, "//srv/data/x", False),
    (FOLDER, "file://evil/srv/data/x", False),
    (FOLDER, "http://srv/data", False),
    (FOLDER, "/srv/data/..hidden/file...txt", True),
    ({"below": ["work"]}, "work/a.txt", True),
    ({"below": ["/"]}, "/etc/passwd", True),
]


@pytest.mark.parametrize(("given_", "value", "holds"), CASES)
def test_conditions(given_: dict[str, Any], value: Any, holds: bool) -> None:
    assert (condition(**given_).broken_by({"a": value}) is None) is holds


@pytest.mark.parametrize(
    ("path", "arguments", "holds"),
    [
        ("/a/*/to", {"a": [{"to": "x"}, {"to": "x"}]}, True),
        ("/a/*/to", {"a": [{"to": "x"}, {"to": "y"}]}, False),
        ("/a/1/to", {"a": [{"to": "y"}, {"to": "x"}]}, True),
        ("/**", {"a": [{"to": "x"}, ["x", {"b": "x"}]]}, True),
        ("/**", {"a": [{"to": "x"}, ["x", {"b": "y"}]]}, False),
        ("/a/**", {"a": {"b": {"c": "y"}}, "z": "x"}, False),
        ("/a~1b/c~0d", {"a/b": {"c~d": "x"}}, True),
        ("/a", {"b": "y"}, True),
        ("/a", [1], True),
        ("", "x", True),
    ],
)
def test_places(path: str, arguments: Any, holds: bool) -> None:
    assert (condition(path=path, one_of=["x"]).broken_by(arguments) is None) is holds


def test_required_place_must_be_there() -> None:
    broken = condition(required=True).broken_by({"b": 1})
    assert broken is not None
    assert broken.test == "required"


def test_too_many_values_are_refused() -> None:
    assert condition(path="/**", one_of=[1]).broken_by([1] * 30_000) is not None


def test_broken_conditions_name_rule_and_test() -> None:
    found = list(
        inspector("rules: [{name: mail, tools: [send], arguments: [{path: /to, hosts: [a.test]}]}]").inspect(
            asked(call("send", to="x@b.test"))
        )
    )
    assert [(signal.rule, signal.detail["patterns"], signal.detail["place"]) for signal in found] == [
        ("tools.arguments", "mail:hosts", "/to")
    ]


def test_arguments_that_are_not_json_satisfy_nothing() -> None:
    text = "rules: [{name: mail, tools: [send], arguments: [{path: /to, hosts: [a.test]}]}]"
    found = rules(inspector(text).inspect(answered(ToolCall("send", None, raw='{"to": "x@a'), tools=(tool("send"),))))
    assert ("tools.arguments", "condition") in found


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{name: r, arguments: [{path: /a}]}]",
        "rules: [{name: r, arguments: [{path: a, equals: 1}]}]",
        "rules: [{name: r, arguments: [{path: /a, matches: '('}]}]",
        "rules: [{name: r, arguments: [{path: /a, matches: '(?=x)'}]}]",
        "rules: [{name: r, arguments: [{path: /a, hosts: ['*.*']}]}]",
        "rules: [{name: r, action: deny, arguments: [{path: /a, equals: 1}]}]",
        "rules: [{tools: [x]}]",
    ],
)
def test_rules_that_cannot_work_do_not_load(text: str) -> None:
    with pytest.raises(PolicyError):
        settings(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
EVERY_TEST = """
default: deny
rules:
  - name: r
    when: [{path: /**, lacks: x}]
    arguments:
      - {path: /a, hosts: [example.com], below: [/srv], matches: '[a-z]*', max_length: 5, min: 1}
      - {path: /*/b, one_of: [1, null, true], none_of: [x]}
      - {path: '', required: true}
"""


@hypothesis_settings(max_examples=150)
@given(st.text(max_size=30), JSON)
def test_nothing_raises_on_any_call(name: str, arguments: Any) -> None:
    made = ToolCall(name, arguments, kind="mcp_tool")
    for signal in inspector(EVERY_TEST).inspect(asked(made)):
        assert signal.rule.startswith("tools.")
        assert all(isinstance(value, str | int) for value in signal.detail.values())


@hypothesis_settings(max_examples=200)
@given(st.text(alphabet="./\\%2eEfF\u2024\uff0e\uff0f;~ a", max_size=24))
def test_no_spelling_of_a_path_leaves_its_folder(tail: str) -> None:
    """Whatever passes stays in the folder for a program that decodes and normalises as much as it likes."""
    import posixpath
    import unicodedata
    from urllib.parse import unquote

    if condition(below=["/srv/data"]).broken_by({"a": f"/srv/data/{tail}"}) is not None:
        return
    path = f"/srv/data/{tail}"
    for _ in range(3):
        for reading in (path, unicodedata.normalize("NFKC", path)):
            final = posixpath.normpath(reading.replace("\\", "/"))
            assert final == "/srv/data" or final.startswith("/srv/data/")
        path = unquote(path)


def test_a_policy_that_was_handed_on_means_the_same() -> None:
    """Workers get the policy as a document with all its defaults written out."""
    written = ArgumentCondition.model_validate({"path": "/to", "hosts": ["a.test"]})
    handed_on = ArgumentCondition.model_validate_json(written.model_dump_json())
    for value, holds in (("x@a.test", True), ("x@b.test", False)):
        assert (Condition(handed_on).broken_by({"to": value}) is None) is holds


@pytest.mark.parametrize("arguments", ['{"to": "x@evil.test"}', ["x@evil.test"], 5, True])
def test_arguments_that_are_no_object_satisfy_nothing(arguments: Any) -> None:
    allow = "rules: [{name: mail, tools: [send], arguments: [{path: /to, hosts: [a.test]}]}]"
    deny = "rules: [{name: mail, tools: [send], action: deny, when: [{path: /to, hosts: [evil.test]}]}]"
    made = asked(ToolCall("send", arguments, kind="mcp_tool"))
    assert rules(inspector(allow).inspect(made)) == [("tools.arguments", "condition")]
    assert rules(inspector(deny).inspect(made)) == [("tools.denied", "mcp_tool")]


def test_no_arguments_are_no_wrong_arguments() -> None:
    text = "rules: [{name: mail, tools: [send], arguments: [{path: /to, hosts: [a.test]}]}]"
    assert rules(inspector(text).inspect(asked(ToolCall("send", None, kind="mcp_tool")))) == []
