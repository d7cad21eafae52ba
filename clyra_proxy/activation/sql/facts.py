"""What a statement does that a rule is about, told from its parse tree, wherever in it that stands.

Rules: a statement is known to be harmless or it is looked at closely: roots that are on no list are opaque. A write
inside of a CTE, a subquery or an EXPLAIN that executes counts like one at the top. What is only read passes, unless a
function or a source in it reaches outside of the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from clyra_proxy.activation.sql import outside
from clyra_proxy.activation.sql.columns import Sources, own_joins, source_pairs, sources_in
from clyra_proxy.activation.sql.commands import command_facts, permission_words
from clyra_proxy.activation.sql.constants import Strength
from clyra_proxy.activation.sql.covering import gives_all_of
from clyra_proxy.activation.sql.definitions import definition_facts
from clyra_proxy.activation.sql.fact import Fact
from clyra_proxy.activation.sql.names import UNKNOWN, TableName, is_same, name_of
from clyra_proxy.activation.sql.parsing import Statement
from clyra_proxy.activation.sql.strength import strength_of

_READS = (
    exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Show, exp.Describe, exp.Transaction, exp.Commit,
    exp.Rollback, exp.Comment, exp.Analyze, exp.ListStage, exp.Cache, exp.Uncache, exp.Refresh,
)  # fmt: skip
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.MultitableInserts)
_DEFINES = (exp.Create, exp.Drop, exp.Alter, exp.Undrop, exp.TruncateTable)
_GRANTS = (exp.Grant, exp.Revoke)
_EXPORTS = (exp.Copy, exp.Put, exp.Get, exp.Export, exp.LoadData, exp.Attach, exp.Detach)
_SETTINGS = (exp.Set, exp.Use)
_CTES_WRITTEN = frozenset({"tsql", "fabric"})
"""Where a change of a CTE changes the table behind it; elsewhere its name is that of a table."""
_SIDES = ("this", "expression")
"""What a comparison compares; the values of IN are not among it."""
_HOLDING_BACK = ("where", "limit", "having", "qualify", "joins", "fetch", "sample")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reading of statements depends on. merge_delete: as in policy."""

    dialect: str = ""
    merge_delete: str = "conditional"


def facts_of(statement: Statement, reading: Reading) -> list[Fact]:
    """Everything a rule is about, in one statement."""
    tree = statement.tree
    if isinstance(tree, exp.Describe) and statement.words[0] in ("EXPLAIN", "DESCRIBE", "DESC"):
        return list(command_facts(statement, reading.dialect, lambda inner: facts_of(inner, reading)))
    if isinstance(tree, _READS + _WRITES + _DEFINES + _GRANTS + _EXPORTS + _SETTINGS):
        found = [fact for node in _acting(tree) for fact in _of_node(node, tree, statement, reading)]
        return [*found, *outside.facts(tree)]
    return list(command_facts(statement, reading.dialect, lambda inner: facts_of(inner, reading)))


def _acting(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of a tree that do something, the root first."""
    kinds = _WRITES + _DEFINES + _GRANTS + _EXPORTS + _SETTINGS + (exp.Command, exp.Into)
    for node in tree.walk():
        if isinstance(node, kinds) and not isinstance(node.parent, exp.When):  # a MERGE is judged as one
            yield node


def _of_node(node: exp.Expr, root: exp.Expr, statement: Statement, reading: Reading) -> Iterator[Fact]:
    if isinstance(node, exp.Update | exp.Delete):
        yield from _of_change(node, root, reading)
    elif isinstance(node, exp.Merge):
        yield from _of_merge(node, root, reading)
    elif isinstance(node, exp.Insert | exp.MultitableInserts):
        yield from _of_insert(node, root, statement)
    elif isinstance(node, exp.TruncateTable):
        objects = tuple(map(name_of, node.expressions)) or (UNKNOWN,)
        yield Fact("sql.truncate", "truncate", objects)
    elif isinstance(node, exp.Create | exp.Drop | exp.Alter | exp.Undrop):
        yield from definition_facts(node, statement)
    elif isinstance(node, _GRANTS):
        yield Fact("sql.grant", type(node).__name__.lower(), (name_of(node.args.get("securable")),))
    elif isinstance(node, exp.Into):
        yield from _of_into(node)
    elif isinstance(node, exp.Copy):
        yield from outside.copy_facts(node)
    elif isinstance(node, _EXPORTS):
        yield Fact("sql.export", type(node).__name__.lower())
    elif isinstance(node, _SETTINGS):
        yield from permission_words(statement)
    elif node is not root:
        yield Fact("sql.opaque", "command")


def _of_into(node: exp.Into) -> Iterator[Fact]:
    """`SELECT ... INTO table` makes a table; into a variable it does nothing."""
    target = node.this or next(iter(node.args.get("tables") or ()), None)  # `DELETE t WHERE` names it there
    if not isinstance(target, exp.Table) or node.args.get("temporary"):
        return
    if not isinstance(target.this, exp.Identifier) or target.this.args.get("temporary"):
        return
    yield Fact("sql.definition", "select_into", (name_of(target),))


def _of_insert(node: exp.Expr, root: exp.Expr, statement: Statement) -> Iterator[Fact]:
    if isinstance(node, exp.MultitableInserts):
        if "OVERWRITE" in statement.words[:3]:
            yield Fact("sql.truncate", "overwrite", (UNKNOWN,))
    elif isinstance(node.this, exp.Directory):
        yield Fact("sql.export", "directory")
    elif node.args.get("is_function"):
        yield Fact("sql.export", "function")
    elif node.args.get("overwrite"):
        yield Fact("sql.truncate", "overwrite", (name_of(node.this),))
    elif (where := node.args.get("where")) is not None:  # `REPLACE WHERE` takes out what it replaces
        sources = sources_of(node, node.this, root)
        yield Fact("sql.mass_write", "replace", (sources.target,), strength=strength_of(where, sources))
    elif (conflict := node.args.get("conflict")) is not None and conflict.expressions:
        yield from _of_upsert(node, root)


def _of_upsert(node: exp.Expr, root: exp.Expr) -> Iterator[Fact]:
    """`INSERT ... SELECT ... ON CONFLICT DO UPDATE`, which changes every row when it reads the table it writes."""
    sources, query = sources_of(node, node.this, root), node.expression
    if isinstance(query, exp.Query) and gives_all_of(query, sources, strength_of, Strength.WEAK):
        yield Fact("sql.mass_write", "upsert", (sources.target,), strength=Strength.WEAK)


def sources_of(node: exp.Expr, target: exp.Expr, root: exp.Expr) -> Sources:
    """The sources of an UPDATE, DELETE or MERGE."""
    pairs = list(source_pairs(target))
    for name in ("from_", "using"):
        source = node.args.get(name)
        if isinstance(source, exp.From):
            pairs.extend(source_pairs(source.this))
        elif isinstance(source, exp.Expr):
            pairs.extend(source_pairs(source))
        elif isinstance(source, list):
            for one in source:
                pairs.extend(source_pairs(one))
    ctes = {cte.alias.casefold(): cte.this for cte in root.find_all(exp.CTE)}
    linked = any(join.side and join.args.get("on") for join in own_joins(node))
    return Sources(_resolved(node, target, pairs), _without_self(pairs, ctes), ctes, linked=linked)


def _resolved(node: exp.Expr, target: exp.Expr, pairs: list[tuple[str, TableName]]) -> TableName:
    """The table written; where the statement names it by an alias of its FROM, the table behind the alias."""
    name = name_of(target)
    tables = node.args.get("tables")
    if tables:
        name = name_of(tables[0])
    behind = dict(pairs[1:] if not tables else pairs)
    return behind.get(name[-1], name) if len(name) == 1 and behind.get(name[-1], UNKNOWN) != UNKNOWN else name


def _without_self(pairs: list[tuple[str, TableName]], ctes: dict[str, exp.Expr]) -> dict[str, TableName]:
    """Sources by alias. A CTE or derived table that reads a table is that table, for what is joined with it."""
    found: dict[str, TableName] = {}
    for alias, name in pairs:
        query = ctes.get(name[-1]) if len(name) == 1 else None
        inner = [table for _, table in sources_in(query)] if isinstance(query, exp.Select) else []
        held = isinstance(query, exp.Select) and any(query.args.get(part) for part in _HOLDING_BACK)
        found[alias] = inner[0] if len(inner) == 1 and not held else name
    return found


def _of_change(node: exp.Expr, root: exp.Expr, reading: Reading) -> Iterator[Fact]:
    """UPDATE and DELETE."""
    target = node.this or next(iter(node.args.get("tables") or ()), None)  # `DELETE t WHERE` names it there
    if not isinstance(target, exp.Table | exp.Schema):
        yield Fact("sql.opaque", "target")
        return
    sources = sources_of(node, target, root)
    verb = type(node).__name__.lower()
    if sources.target == UNKNOWN:
        yield Fact("sql.opaque", "target")
    strength = max(strength_of(node.args.get("where"), sources), _of_joins(node, sources))
    if reading.dialect in _CTES_WRITTEN:
        strength = max(strength, _of_cte(sources))
    rows = _limit_of(node)
    keys = frozenset(_key_columns(node, sources)) if strength in (Strength.KEYED, Strength.JOINED) else frozenset()
    yield Fact("sql.mass_write", verb, (sources.target,), strength=strength, most=rows, columns=keys)


def _of_cte(sources: Sources) -> Strength:
    """How much a CTE holds back that is itself written to."""
    query = sources.ctes.get(sources.target[-1]) if len(sources.target) == 1 else None
    if not isinstance(query, exp.Select):
        return Strength.ALWAYS
    return strength_of(query.args.get("where"), sources.inside(query))


def _limit_of(node: exp.Expr) -> int:
    """Rows of a LIMIT that is a number; -1 when there is none."""
    limit = node.args.get("limit")
    value = limit.args.get("expression") if isinstance(limit, exp.Expr) else None
    return int(value.name) if isinstance(value, exp.Literal) and value.name.isdigit() and not value.is_string else -1


def _of_joins(node: exp.Expr, sources: Sources) -> Strength:
    """How much inner joins of the target hold back, as `UPDATE t JOIN s ON ...` does."""
    found = Strength.ALWAYS
    for join in own_joins(node):
        if join.side or join.kind.upper() in ("CROSS", "OUTER"):
            continue
        on = join.args.get("on")
        if on is not None:
            found = max(found, strength_of(on, sources))
        elif join.args.get("using"):
            same = any(is_same(sources.target, name) for _, name in source_pairs(join.this))
            found = max(found, Strength.WEAK if same else Strength.JOINED)
    return found


def _key_columns(node: exp.Expr, sources: Sources) -> Iterator[str]:
    """Columns of the target that `=` or IN limit, for what policy says about keys."""
    waiting: list[tuple[exp.Expr, bool, bool]] = [(node, False, False)]
    while waiting:
        part, held_back, limited = waiting.pop()
        if limited and isinstance(part, exp.Column):
            table = part.table.casefold()
            if not table or is_same(sources.table_of(table), sources.target):
                yield part.name.casefold()
        held_back = held_back or isinstance(part, exp.Where | exp.Join)
        limits = held_back and isinstance(part, exp.EQ | exp.NullSafeEQ | exp.In)
        waiting.extend(
            (inner, held_back, limited or (limits and inner.arg_key in _SIDES)) for inner in part.iter_expressions()
        )


def _of_merge(node: exp.Merge, root: exp.Expr, reading: Reading) -> Iterator[Fact]:
    """MERGE: what it changes of the target, by the strength of its ON."""
    sources = sources_of(node, node.this, root)
    strength = strength_of(node.args.get("on"), sources) if node.args.get("on") is not None else Strength.JOINED
    whens = node.args["whens"].expressions if node.args.get("whens") is not None else []
    for when in whens:
        then = when.args.get("then")
        deletes = isinstance(then, exp.Delete) or (isinstance(then, exp.Var) and then.name.upper() == "DELETE")
        changes = deletes or isinstance(then, exp.Update)
        if not changes:
            continue
        if not when.args.get("matched"):
            yield Fact("sql.mass_write", "merge_by_source", (sources.target,), strength=Strength.WEAK)
        elif deletes and not _may_delete(when, reading):
            yield Fact("sql.mass_write", "merge_delete", (sources.target,), strength=Strength.WEAK)
        else:
            yield Fact("sql.mass_write", "merge", (sources.target,), strength=strength)


def _may_delete(when: exp.Expr, reading: Reading) -> bool:
    conditional = when.args.get("condition") is not None
    return reading.merge_delete == "allow" or (reading.merge_delete == "conditional" and conditional)
