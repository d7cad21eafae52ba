"""Which columns a predicate speaks of, and whether two sides speak of the same one.

Rules: a column is one of the sources at hand unless it stands in a subquery; a column in a subquery counts only when it
names an outer source. Without a source's name two columns of equal names are the same. A source that is the same table
as the target is the target again: joining a table to itself by a column names no rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from clyra_proxy.activation.sql.names import UNKNOWN, TableName, any_same, is_same, name_of

type ColumnKey = tuple[str, str]
"""Name of the source as written ("" when not), name of the column; case folded."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a statement reads and writes. target: the table written. aliases: name -> table. outer: of the statement
    around a subquery. ctes: name -> query. linked: an outer join says which rows belong together."""

    target: TableName
    aliases: Mapping[str, TableName] = field(default_factory=dict)
    ctes: Mapping[str, exp.Expr] = field(default_factory=dict)
    outer: Sources | None = None
    linked: bool = False

    @property
    def many(self) -> bool:
        return len(self.aliases) > 1 or self.outer is not None

    def table_of(self, alias: str) -> TableName:
        """The table behind a name; the target when no name is given."""
        if not alias:
            return self.target
        found = self.aliases.get(alias)
        if found is None and self.outer is not None:
            return self.outer.table_of(alias)
        return found or (alias,)

    def only_others(self, columns: Iterable[ColumnKey]) -> bool:
        """Whether columns, of which there is one, are all said to be of sources beside the table written."""
        if not self.target or self.outer is not None or self.linked:
            return False
        return not any(not alias or is_same(self.table_of(alias), self.target) for alias, _ in columns)

    def inside(self, query: exp.Expr) -> Sources:
        """The sources of a subquery of a statement with these."""
        return Sources(self.target, dict(sources_in(query)), self.ctes, self)

    def reaches_out(self, node: exp.Expr) -> bool:
        """Whether a predicate of a subquery names a source of the statement around it."""
        outer = self.outer
        names: set[str] = set()
        while outer is not None:
            names |= set(outer.aliases)
            outer = outer.outer
        names -= set(self.aliases)
        return any(column.table.casefold() in names for column in node.find_all(exp.Column) if column.table)


def sources_in(query: exp.Expr) -> Iterable[tuple[str, TableName]]:
    """(alias, table) of what a query reads from; UNKNOWN for what is no table."""
    tables: list[object] = []
    from_ = query.args.get("from_")
    if from_ is not None:
        tables.append(from_.this)
    tables.extend(join.this for join in query.args.get("joins") or ())
    yield from (pair for table in tables for pair in source_pairs(table))


def source_pairs(node: object) -> Iterable[tuple[str, TableName]]:
    """(alias, table) of a table expression with what is joined to it."""
    if isinstance(node, exp.Table | exp.Subquery | exp.Lateral | exp.Unnest | exp.Values):
        name = name_of(node) if isinstance(node, exp.Table) else _behind(node)
        alias = node.alias_or_name.casefold()
        yield (alias or "?", name)
        for join in node.args.get("joins") or ():
            yield from source_pairs(join.this)


def own_joins(node: exp.Expr) -> Iterable[exp.Join]:
    """The joins of a statement that stand in no query inside of it."""
    return (join for join in node.find_all(exp.Join) if join.find_ancestor(exp.Query) is None)


def _behind(node: exp.Expr) -> TableName:
    """The one table that a derived table gives back as it is; UNKNOWN for any other."""
    query = node.unnest() if isinstance(node, exp.Subquery) else None
    if not isinstance(query, exp.Select) or any(query.args.get(part) for part in _CHANGING):
        return UNKNOWN
    names = [name for _, name in sources_in(query)]
    return names[0] if len(names) == 1 else UNKNOWN


_CHANGING = ("where", "limit", "having", "qualify", "group", "joins", "fetch", "sample")


def columns_of(node: exp.Expr | None, sources: Sources) -> set[ColumnKey]:
    """The columns of the sources at hand that an expression speaks of."""
    if node is None:
        return set()
    return {(column.table.casefold(), column.name.casefold()) for column in _ours(node, sources)}


def overlap(left: exp.Expr, right: exp.Expr, sources: Sources) -> str:
    """`same` when both sides speak of one column, `across` when of one column of a table joined to itself, else ""."""
    return shared(columns_of(left, sources), columns_of(right, sources), sources)


def shared(mine: Collection[ColumnKey], theirs: Collection[ColumnKey], sources: Sources) -> str:
    """The same of columns that are known."""
    if not theirs:
        return ""
    tables, others = _by_name(mine), _by_name(theirs)
    common = [(tables[name], others[name]) for name in tables.keys() & others.keys()]
    if any("" in ones or "" in twos or ones & twos for ones, twos in common):
        return "same"
    across = any(any_same(map(sources.table_of, ones), map(sources.table_of, twos)) for ones, twos in common)
    return "across" if across else ""


def _by_name(columns: Iterable[ColumnKey]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, name in columns:
        found.setdefault(name, set()).add(table)
    return found


def is_repeated(node: exp.Expr, sources: Sources) -> bool:
    """Whether an expression speaks of one column more than once (`id - id`)."""
    found = [column.name.casefold() for column in _ours(node, sources)]
    return len(found) != len(set(found))


def _ours(top: exp.Expr, sources: Sources) -> Iterator[exp.Column]:
    """The columns of the sources at hand: not those of a subquery under `top`, unless they say that they are."""
    waiting: list[tuple[exp.Expr, frozenset[str]]] = [(top, frozenset())]
    while waiting:
        node, inner = waiting.pop()
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            table = node.table.casefold()
            if not inner or (table and table not in inner and table in sources.aliases):
                yield node
        if node is not top and isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
            inner = frozenset(alias for alias, _ in sources_in(node)) or inner
        waiting.extend((part, inner) for part in node.iter_expressions())
