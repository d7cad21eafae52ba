"""The rule catalogue: every rule id a verdict may carry, with what it asks for when nothing else is said.

A policy names rules by id (`json.duplicate_key`) or by family (`json`); a name that is not here is refused at load
with the nearest one that is. Checks make their findings through `Rule.finding`, so action, severity and reason of a
rule are said once. `docs/verdicts.md` is generated from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from clyra_proxy.verdict import activation_rules, genai_rules
from clyra_proxy.verdict.model import Action, Finding, Mode, Phase, Severity
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.taxonomy import Labels, labels_of_rules

if TYPE_CHECKING:
    from clyra_proxy.policy.route import Route


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    family: the part before the dot. fixed: always enforced, because the proxy itself depends on it. never_off: a mode
    of `off` counts as `shadow`, because it speaks of something that went wrong here and must at least be said.
    """

    id: str
    reason: Reason
    action: Action
    severity: Severity
    description: str
    fixed: bool = False
    never_off: bool = False

    @property
    def labels(self) -> Labels:
        """Its OWASP LLM Top 10 and MITRE ATLAS ids; none for a rule that is not about models."""
        return _LABELS.get(self.id, _NO_LABELS)

    @property
    def family(self) -> str:
        return self.id.partition(".")[0]

    def mode(self, route: Route, check: str = "") -> Mode:
        """The mode on `route`. check: who failed, for a rule of the family `check`, which is never milder than that."""
        if self.fixed:
            return Mode.ENFORCE
        modes = [route.mode_of(self.id)]
        if self.family == "check" and check:
            modes.append(mode_of_failure(route, check))
        if self.never_off:
            modes.append(Mode.SHADOW)
        return max(modes, key=STRICTNESS.index)

    def finding(
        self,
        route: Route,
        phase: Phase,
        *,
        check: str = "",
        path: str = "",
        action: Action | None = None,
        error: bool = False,
        detail: Mapping[str, str | int] | None = None,
    ) -> Finding | None:
        """The finding this rule makes on `route`, or None when the route switches the rule off.

        check defaults to the rule's family; action to the rule's own. detail: facts, never content.
        """
        mode = self.mode(route, check)
        if mode is Mode.OFF:
            return None
        labels = self.labels
        return Finding(
            check=check or self.family,
            rule=self.id,
            reason=self.reason,
            action=self.action if action is None else action,
            mode=mode,
            phase=phase,
            severity=self.severity,
            path=path,
            detail=detail or {},
            owasp_llm=labels.owasp_llm,
            atlas=labels.atlas,
            error=error,
        )


_LABELS = labels_of_rules()
_NO_LABELS = Labels()

STRICTNESS = (Mode.OFF, Mode.SHADOW, Mode.ENFORCE)
"""Modes from mild to strict."""

_BLOCK, _MARK = Action.BLOCK, Action.MARK
_LOW, _MEDIUM, _HIGH, _CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL

_CATALOGUE = (
    Rule("json.syntax", Reason.JSON_SYNTAX, _BLOCK, _HIGH, "The body is not one JSON text (RFC 8259)."),
    Rule("json.encoding", Reason.JSON_ENCODING, _BLOCK, _HIGH, "Not UTF-8, a byte order mark, or a lone surrogate."),
    Rule("json.duplicate_key", Reason.JSON_DUPLICATE_KEY, _BLOCK, _HIGH, "The same key twice in one object."),
    Rule("json.depth", Reason.JSON_DEPTH, _BLOCK, _HIGH, "Nested deeper than `max_depth`."),
    Rule("json.number_range", Reason.JSON_NUMBER_RANGE, _BLOCK, _MEDIUM, "A number two parsers may read differently."),
    Rule("json.trailing", Reason.JSON_TRAILING, _BLOCK, _HIGH, "Something follows the JSON value."),
    Rule("json.incomplete", Reason.JSON_INCOMPLETE, _BLOCK, _HIGH, "The body ended inside the JSON value."),
    Rule("schema.violation", Reason.SCHEMA_VIOLATION, _BLOCK, _HIGH, "The document does not satisfy its schema."),
    Rule(
        "schema.not_streamable",
        Reason.SCHEMA_NOT_STREAMABLE,
        _BLOCK,
        _MEDIUM,
        "Too large to hold, and its schema cannot be applied piece by piece.",
    ),
    Rule("schema.drift", Reason.SCHEMA_DRIFT, _MARK, _MEDIUM, "Differs from the locked schema."),
    Rule(
        "schema.unknown_route",
        Reason.SCHEMA_UNKNOWN_ROUTE,
        _MARK,
        _MEDIUM,
        "No operation of the API description matches the request.",
    ),
    Rule("schema.row", Reason.ROW_INVALID, _BLOCK, _HIGH, "A form, CSV or NDJSON row does not satisfy the row schema."),
    Rule("body.too_large", Reason.BODY_TOO_LARGE, _BLOCK, _HIGH, "Larger than the limit of the route."),
    Rule("body.coding_bomb", Reason.CODING_BOMB, _BLOCK, _CRITICAL, "Expands beyond the allowed ratio or size."),
    Rule(
        "body.coding_unsupported",
        Reason.CODING_UNSUPPORTED,
        _BLOCK,
        _HIGH,
        "Unknown, stacked or malformed content coding: the body cannot be read.",
    ),
    Rule(
        "body.framing",
        Reason.FRAMING_INVALID,
        _BLOCK,
        _CRITICAL,
        "Ambiguous HTTP framing (RFC 9112 section 6.3); forwarding it could desynchronise the upstream.",
        fixed=True,
    ),
    Rule("body.media_type", Reason.MEDIA_TYPE, _BLOCK, _MEDIUM, "The content type is not allowed on this route."),
    Rule(
        "egress.destination",
        Reason.DESTINATION_UNKNOWN,
        _BLOCK,
        _HIGH,
        "The destination is on no allow-list. `enforcement.egress: balanced` asks for a mark instead of a block.",
    ),
    Rule(
        "egress.private_address",
        Reason.DESTINATION_PRIVATE,
        _BLOCK,
        _CRITICAL,
        "A private, link-local, loopback, shared, multicast, reserved or cloud-metadata address.",
    ),
    Rule(
        "egress.host_mismatch",
        Reason.HOST_MISMATCH,
        _BLOCK,
        _HIGH,
        "Tunnel target, TLS server name, Host/:authority and certificate do not name the same host.",
    ),
    Rule(
        "egress.tls_unverified",
        Reason.TLS_UNVERIFIED,
        _BLOCK,
        _CRITICAL,
        "The upstream's certificate does not verify.",
        fixed=True,
    ),
    Rule("egress.protocol", Reason.PROTOCOL_DENIED, _BLOCK, _HIGH, "Raw TCP, UDP or a protocol that cannot be read."),
    Rule(
        "egress.self_connect",
        Reason.SELF_CONNECT,
        _BLOCK,
        _HIGH,
        "The proxy was asked to call itself; doing so would recurse until no file descriptor is left.",
        fixed=True,
    ),
    Rule("egress.opaque", Reason.OPAQUE, _MARK, _LOW, "Passed through without being read, because policy says so."),
    Rule(
        "identity.required",
        Reason.IDENTITY_REQUIRED,
        _BLOCK,
        _HIGH,
        "Proxy credentials or a client certificate are required and none came.",
        fixed=True,
    ),
    Rule(
        "identity.rejected",
        Reason.IDENTITY_REJECTED,
        _BLOCK,
        _HIGH,
        "Credentials or a client certificate came and do not verify.",
        fixed=True,
    ),
    Rule(
        "check.error",
        Reason.CHECK_ERROR,
        _BLOCK,
        _HIGH,
        "A check failed; its declared outcome applies, in the mode of that check or stricter.",
        never_off=True,
    ),
    Rule(
        "check.timeout",
        Reason.CHECK_TIMEOUT,
        _BLOCK,
        _HIGH,
        "A check did not answer within its budget.",
        never_off=True,
    ),
    Rule("check.overflow", Reason.OVERFLOW, _BLOCK, _HIGH, "A bounded queue or buffer is full.", never_off=True),
    Rule(
        "evidence.unavailable",
        Reason.EVIDENCE_UNAVAILABLE,
        _BLOCK,
        _HIGH,
        "The intent record could not be made durable, and policy requires it before the request leaves.",
        never_off=True,
    ),
    Rule(
        "state.local",
        Reason.STATE_LOCAL,
        _MARK,
        _MEDIUM,
        "The shared store did not answer; limits were counted in this replica alone.",
    ),
    Rule("halt.active", Reason.HALTED, _BLOCK, _HIGH, "Traffic of this scope is halted.", fixed=True),
    *(Rule(*row) for row in genai_rules.ROWS),
    *(Rule(*row) for row in activation_rules.ROWS),
)

SPEAKS_FOR: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "schema": frozenset({"json", "schema", "body"}),
        "genai": frozenset(row[0].partition(".")[0] for row in genai_rules.ROWS),
        "budget": frozenset({"budget", "loop", "drift"}),
        "activation": frozenset({"rows", "sql"}),
    }
)
"""Check -> families whose rules it applies, where these are more than its own."""


def rules_applied_by(check: str) -> tuple[Rule, ...]:
    """The rules that go unasked when `check` fails, without those that have no mode of their own."""
    families = SPEAKS_FOR.get(check, frozenset({check}))
    return tuple(rule for rule in _CATALOGUE if rule.family in families and not rule.fixed)


def mode_of_failure(route: Route, check: str) -> Mode:
    """The mode in which a failure of `check` counts: the strictest of what it would have applied, at least shadow."""
    modes = [Mode.SHADOW, route.mode_of(check), *(rule.mode(route) for rule in rules_applied_by(check))]
    return max(modes, key=STRICTNESS.index)


RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in _CATALOGUE})
"""Rule id -> rule."""

FAMILIES: frozenset[str] = frozenset(rule.family for rule in _CATALOGUE)

BY_REASON: Mapping[Reason, Rule] = MappingProxyType({rule.reason: rule for rule in _CATALOGUE})
"""Reason -> its rule; the relation is one to one (a test keeps it so)."""


def is_named_by(rule: str, name: str) -> bool:
    """Whether `name`, which is a rule id or a family, speaks of the rule of id `rule`."""
    return rule == name or rule.startswith(f"{name}.")


def is_configurable(name: str) -> bool:
    """True when `name` is a rule or a family whose mode a policy may set."""
    if name in FAMILIES:
        return any(not rule.fixed for rule in _CATALOGUE if rule.family == name)
    rule = RULES.get(name)
    return rule is not None and not rule.fixed
