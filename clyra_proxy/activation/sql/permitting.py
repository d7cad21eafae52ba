"""What policy allows although a rule is against it: permissions for objects, and statements as they are written.

Rules: a permission covers a fact only when it names its rule and every object the fact is about; what has no written
name is covered by `*` alone. A maintenance statement is compared token by token.
"""

from __future__ import annotations

from clyra_proxy.activation.sql.circumstances import Circumstances
from clyra_proxy.activation.sql.fact import Fact
from clyra_proxy.activation.sql.fingerprints import Form, fingerprint, form_of, matches
from clyra_proxy.activation.sql.names import UNKNOWN, shown
from clyra_proxy.activation.sql.parsing import GENERIC, tokens_of
from clyra_proxy.activation.sql.tokens import OpaqueError
from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.selecting import Names
from clyra_proxy.policy.genai.selecting import Selection
from clyra_proxy.policy.sql import Maintenance, SqlPermission


class _Whom:
    """A compiled Selection."""

    __slots__ = ("_agents", "_destinations", "_tenants")

    def __init__(self, selection: Selection) -> None:
        self._agents = Names(selection.agents)
        self._tenants = Names(selection.tenants)
        self._destinations = Names(selection.destinations)

    def covers(self, where: Circumstances) -> bool:
        return (
            self._agents.match(where.caller.agent)
            and self._tenants.match(where.caller.tenant)
            and any(map(self._destinations.match, where.places))
        )


class Permission:
    """One entry of `permissions`."""

    def __init__(self, settings: SqlPermission) -> None:
        self._whom = _Whom(settings)
        self._rules = frozenset(str(rule) for rule in settings.rules)
        patterns = [pattern.replace('"', "").replace("`", "").casefold() for pattern in settings.objects]
        self._objects = Names([*patterns, *(one.removesuffix(".*") for one in patterns if one.endswith(".*"))])
        self._everything = "*" in patterns

    def covers(self, fact: Fact, where: Circumstances) -> bool:
        if fact.rule not in self._rules or not self._whom.covers(where):
            return False
        if self._everything:
            return True
        return bool(fact.objects) and all(one != UNKNOWN and self._objects.match(shown(one)) for one in fact.objects)


class Allowed:
    """One entry of `maintenance`. Raises PolicyError for a statement that has no tokens."""

    def __init__(self, settings: Maintenance, dialects: frozenset[str]) -> None:
        self._whom = _Whom(settings)
        self._fingerprint = settings.fingerprint
        self._forms: frozenset[Form] = frozenset()
        if settings.statement is not None:
            self._forms = frozenset(_forms(settings.statement, dialects))
            if not any(self._forms):
                raise PolicyError(
                    f"The maintenance statement `{settings.name}` is none.",
                    "It has no tokens in any dialect of the policy.",
                    "Write it as it is sent.",
                )

    def covers(self, form: Form, where: Circumstances) -> bool:
        if not self._whom.covers(where):
            return False
        return fingerprint(form) == self._fingerprint or any(matches(form, pattern) for pattern in self._forms)


def _forms(statement: str, dialects: frozenset[str]) -> list[Form]:
    found: list[Form] = []
    for dialect in sorted({GENERIC, *dialects}):
        try:
            found.append(form_of(tokens_of(statement, dialect)))
        except OpaqueError:
            continue
    return found
