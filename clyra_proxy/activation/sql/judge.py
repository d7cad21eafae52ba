"""The judge of statements: facts, weighed by what policy says about sizes, keys and permissions, become signals.

Guarantees: a text gives the same signals every time and whoever asks; what cannot be read is `sql.opaque` and never
passes for harmless; a text whose dialect nobody knows is read in several, counts as whatever any of them makes of it,
and is opaque only when none can read it. Readings are remembered (by text, at most `REMEMBERED`), because programs
repeat their statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.rows.tables import TableSizes
from clyra_proxy.activation.sql.circumstances import Circumstances
from clyra_proxy.activation.sql.constants import Strength
from clyra_proxy.activation.sql.estimates import estimate
from clyra_proxy.activation.sql.fact import Fact
from clyra_proxy.activation.sql.facts import Reading, facts_of
from clyra_proxy.activation.sql.fingerprints import Form, fingerprint, form_of
from clyra_proxy.activation.sql.names import TableName, shown
from clyra_proxy.activation.sql.parsing import GENERIC, SEVERAL, Bounds, Statement, read, tokens_of
from clyra_proxy.activation.sql.permitting import Allowed, Permission
from clyra_proxy.activation.sql.tokens import OpaqueError
from clyra_proxy.genai.selecting import Names
from clyra_proxy.patience import go_on
from clyra_proxy.policy.sql import SqlSafety

REMEMBERED = 2048
_LONGEST_REMEMBERED = 16_384


@dataclass(frozen=True, slots=True)
class Understood:
    """What a text says. forms: of its statements. facts: of each, in the same order. opaque: why it cannot be read."""

    forms: tuple[Form, ...] = ()
    facts: tuple[tuple[Fact, ...], ...] = ()
    opaque: str = ""


class SqlJudge:
    """Judges statements by one policy. Raises PolicyError for permissions that cannot be read."""

    def __init__(self, settings: SqlSafety, sizes: TableSizes) -> None:
        self._settings = settings
        self._sizes = sizes
        self._bounds = Bounds(settings.largest_bytes, settings.deepest)
        self._permissions = tuple(map(Permission, settings.permissions))
        dialects = (
            frozenset(settings.dialects.values()) | frozenset(settings.tool_calls.dialects.values()) | set(SEVERAL)
        )
        self._maintenance = tuple(Allowed(one, dialects) for one in settings.maintenance)
        self._keys = tuple(
            (Names([table.casefold()]), Names(columns, fold=True)) for table, columns in settings.keys.items()
        )
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._understand)

    def judge(self, texts: Sequence[str], dialect: str, where: Circumstances) -> Iterator[RowSignal]:
        """What is to be said of the statements of one call. dialect: "" when nobody knows it."""
        count = 0
        for position, text in enumerate(texts):
            understood = self.understand(text, dialect)
            count += max(1, len(understood.forms)) if understood.opaque else len(understood.forms)
            yield from self._judge_one(understood, where, position)
        if count > self._settings.statements:
            yield RowSignal("sql.multiple", detail={"statements": count, "limit": self._settings.statements})

    def understand(self, text: str, dialect: str) -> Understood:
        """What a text says in a dialect; "": in whichever reads it."""
        return self._remembered(text, dialect) if len(text) <= _LONGEST_REMEMBERED else self._understand(text, dialect)

    def _understand(self, text: str, dialect: str) -> Understood:
        if dialect != GENERIC:
            return self._read(text, dialect)
        readings = [self._read(text, one) for one in SEVERAL]
        if run_together := next((one for one in readings if one.opaque == "run_together"), None):
            return run_together
        readable = [one for one in readings if not one.opaque and not _is_vague(one)]
        if not readable:
            return next((one for one in readings if not one.opaque), readings[0])
        return max(readable, key=lambda one: (sum(map(_is_serious, _all(one))), len(one.forms)))

    def _read(self, text: str, dialect: str) -> Understood:
        try:
            statements = read(text, dialect, self._bounds)
        except OpaqueError as error:
            return Understood(_forms_of(text, dialect), opaque=error.kind)
        reading = Reading(dialect, self._settings.merge_delete)
        return Understood(
            tuple(form_of(one.tokens) for one in statements),
            tuple(tuple(_facts(one, reading)) for one in statements),
        )

    def _judge_one(self, understood: Understood, where: Circumstances, position: int) -> Iterator[RowSignal]:
        if understood.opaque:
            if not (understood.forms and all(self._is_maintenance(form, where) for form in understood.forms)):
                yield RowSignal("sql.opaque", detail={"kind": understood.opaque, **_told(understood.forms, position)})
            return
        for form, facts in zip(understood.forms, understood.facts, strict=True):
            if facts and not self._is_maintenance(form, where):
                yield from self._signals(facts, form, where, position)

    def _is_maintenance(self, form: Form, where: Circumstances) -> bool:
        return any(one.covers(form, where) for one in self._maintenance)

    def _signals(self, facts: Iterable[Fact], form: Form, where: Circumstances, position: int) -> Iterator[RowSignal]:
        seen: set[tuple[str, str]] = set()
        for fact in (weighed for raw in facts for weighed in self._weigh(raw)):
            if (fact.rule, fact.kind) in seen or any(one.covers(fact, where) for one in self._permissions):
                continue
            seen.add((fact.rule, fact.kind))
            detail: dict[str, str | int] = {"kind": fact.kind, **_told((form,), position)}
            if fact.rule == "sql.rows":
                detail |= {"limit": self._settings.largest_write, "observed": fact.most}
            yield RowSignal(fact.rule, detail=detail)

    def _weigh(self, fact: Fact) -> Iterator[Fact]:
        """A write with a strong predicate is no fact; a weak one is, unless the table is known to be small."""
        if fact.rule != "sql.mass_write":
            yield fact
            return
        rows = self._sizes.rows(shown(fact.objects[0])) if fact.objects else None
        touched = estimate(fact, rows, self._is_keyed(fact))
        small = max(self._settings.small_tables, self._settings.largest_write if fact.most >= 0 else 0)
        bounded = (fact.most if rows is None else min(rows, fact.most)) if fact.most >= 0 else rows
        if fact.strength <= Strength.WEAK and (bounded is None or bounded > small):
            yield fact
        elif fact.strength > Strength.WEAK and self._is_keyed(fact) is False and fact.strength is not Strength.NEVER:
            yield Fact(fact.rule, f"{fact.kind}_without_key", fact.objects)
        elif touched is not None and touched > self._settings.largest_write:
            yield Fact("sql.rows", fact.kind, fact.objects, most=touched)

    def _is_keyed(self, fact: Fact) -> bool | None:
        """Whether a key column of the table is limited; None where policy gives no keys of it."""
        name: TableName = fact.objects[0] if fact.objects else ()
        for start in range(len(name)):
            for table, columns in self._keys:
                if table.match(shown(name[start:])):
                    return any(map(columns.match, fact.columns))
        return None


def _facts(statement: Statement, reading: Reading) -> list[Fact]:
    go_on()
    return facts_of(statement, reading)


def _told(forms: tuple[Form, ...], position: int) -> dict[str, str | int]:
    return {"statement": position, "fingerprint": fingerprint(forms[0]) if forms else ""}


def _forms_of(text: str, dialect: str) -> tuple[Form, ...]:
    try:
        return (form_of(tokens_of(text, dialect)),) if len(text) <= _LONGEST_REMEMBERED else ()
    except OpaqueError:
        return ()


def _all(understood: Understood) -> list[Fact]:
    return [fact for facts in understood.facts for fact in facts]


def _is_vague(understood: Understood) -> bool:
    return any(fact.rule == "sql.opaque" for fact in _all(understood))


def _is_serious(fact: Fact) -> bool:
    return fact.rule != "sql.mass_write" or fact.strength <= Strength.WEAK
