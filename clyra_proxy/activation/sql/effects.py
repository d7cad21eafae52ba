"""What statements do to which tables, in the words of row operations: for rules that name operations or targets.

Rules: what stands anywhere in a statement counts (a CTE, a branch of a MERGE); taking rows away in any manner is a
`delete` (TRUNCATE, DROP, an overwrite); a command whose effect stands elsewhere (`CALL`, `DO`) is `unknown`; a text
that cannot be read may do anything. What only reads does nothing. A text of unknown dialect does whatever any dialect
makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.sql.names import UNKNOWN, name_of, shown
from clyra_proxy.activation.sql.parsing import GENERIC, SEVERAL, Bounds, Statement, read
from clyra_proxy.activation.sql.tokens import OpaqueError
from clyra_proxy.policy.sql import DIALECTS

_ANYTHING = frozenset(Operation) - {Operation.SEND}
_READ_BY_COMMAND = frozenset({"SHOW", "DESCRIBE", "DESC", "LIST", "LS", "SET", "USE", "COMMENT", "ANALYZE", "VACUUM"})
_FRAMES, _SHORT = frozenset({"BEGIN", "START", "COMMIT", "ROLLBACK", "END"}), 2
"""Words that begin and end transactions, where so many tokens are all."""
_PLAIN: tuple[tuple[type[exp.Expr], Operation], ...] = (
    (exp.Update, Operation.UPDATE),
    (exp.Delete, Operation.DELETE),
    (exp.TruncateTable, Operation.DELETE),
    (exp.Drop, Operation.DELETE),
    (exp.Copy, Operation.INSERT),
    (exp.LoadData, Operation.INSERT),
    (exp.MultitableInserts, Operation.INSERT),
)


@dataclass(frozen=True, slots=True)
class Effect:
    """operations: what is done. targets: tables it is done to, with and without what qualifies them, folded."""

    operations: frozenset[Operation] = frozenset()
    targets: frozenset[str] = frozenset()

    def __or__(self, other: Effect) -> Effect:
        return Effect(self.operations | other.operations, self.targets | other.targets)


def effect_of(texts: Iterable[str], dialect: str = GENERIC) -> Effect:
    """What all these statements do. dialect: as policy writes it; one that is not known is nobody's."""
    known = dialect.casefold() if dialect.casefold() in DIALECTS else GENERIC
    effect = Effect()
    for text in texts:
        effect |= _in(text, (known,) if known else SEVERAL)
    return effect


def _in(text: str, dialects: Iterable[str]) -> Effect:
    """The effect in any of the dialects that can read it."""
    effect, readable = Effect(), False
    for dialect in dialects:
        try:
            statements = read(text, dialect, Bounds())
        except OpaqueError as error:
            if error.kind != "syntax":  # servers read it in another way than parsers do
                return Effect(_ANYTHING)
            continue
        readable = True
        for statement in statements:
            effect |= _of(statement)
    return effect if readable else Effect(_ANYTHING)


def _of(statement: Statement) -> Effect:
    tree = statement.tree
    first = statement.words[0] if statement.words else ""
    if first in ("EXPLAIN", "DESCRIBE", "DESC"):  # what is explained is done only where it is analysed as well
        return Effect(frozenset({Operation.UNKNOWN})) if "ANALYZE" in statement.words else Effect()
    if isinstance(tree, exp.Command):
        return Effect(_of_command(statement))
    operations: set[Operation] = set()
    targets: set[str] = set()
    for node in tree.walk():
        done = {*_done_by(node)}
        operations |= done
        names = [name_of(target) for target in _targets_of(node)] if done else []
        targets |= {part for name in names if name != UNKNOWN for part in (shown(name), name[-1])}
    return Effect(frozenset(operations), frozenset(targets))


def _of_command(statement: Statement) -> frozenset[Operation]:
    """Of a statement of which only the first words are known."""
    first = statement.words[0] if statement.words else ""
    if first in _READ_BY_COMMAND or (first in _FRAMES and len(statement.tokens) <= _SHORT):
        return frozenset()
    return frozenset({Operation.UPSERT if first == "REPLACE" else Operation.UNKNOWN})


def _done_by(node: exp.Expr) -> Iterator[Operation]:
    if isinstance(node, exp.Merge):
        yield Operation.UPSERT
    elif isinstance(node, exp.Insert):
        yield Operation.UPSERT if node.args.get("conflict") is not None else Operation.INSERT
        if node.args.get("overwrite") or node.args.get("where") is not None:
            yield Operation.DELETE
    elif isinstance(node, exp.Create):
        if node.args.get("replace") and str(node.args.get("kind")).upper() == "TABLE":
            yield Operation.DELETE
    elif isinstance(node, exp.When) and str(node.args.get("then")).upper() == "DELETE":
        yield Operation.DELETE
    else:
        yield from (operation for kind, operation in _PLAIN if isinstance(node, kind))


def _targets_of(node: exp.Expr) -> Iterator[exp.Expr]:
    named = node.args.get("this")
    yield from [named] if named is not None else (*node.expressions, *(node.args.get("tables") or ()))
