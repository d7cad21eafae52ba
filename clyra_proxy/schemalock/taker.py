"""Judging a document piece by piece under a plan, and keeping what must be judged at the end.

Elements of cut arrays are judged in batches and forgotten. Members of the envelope are judged early where the schema
asks them unconditionally, and kept (cut arrays as `[]`) for the residual schema. A large value that must be judged
whole is built up from its pieces as they come, so that no single step parses much; nothing of it may leave before
(`barrier`). Without a schema only admission is asked: nothing but the keys of open objects is kept.
"""

from __future__ import annotations

from typing import Any

import jsonschema_rs

from clyra_proxy.schemalock.admission import Admission, NotAdmitted, has_long_integer, parse_exactly
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.judge import Judge
from clyra_proxy.schemalock.offset_path import path_at, row_of
from clyra_proxy.schemalock.plan import Branch, Cut, Plan
from clyra_proxy.schemalock.validate import first_objection, pointer
from clyra_proxy.schemalock.walker import Container
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.verdict.reasons import Reason

WALK_INTO = 64 * 1024
"""An incomplete value that the plan does not open is walked into once this many of its bytes are held."""
_SYNTAX = frozenset({Reason.JSON_INCOMPLETE, Reason.JSON_TRAILING})
_NOWHERE = 1 << 62


class Place:
    """What the taker knows about an open container.

    plan: Branch, Cut, or None. builds: its value is put together here. members, elements: what is kept. keys: names
    seen. kept: bytes that keeping costs. count: elements so far.
    """

    __slots__ = ("builds", "count", "elements", "kept", "keys", "members", "name", "plan")

    def __init__(self, plan: Branch | Cut | None, name: str | int | None, builds: bool) -> None:
        self.plan = plan
        self.name = name
        self.builds = builds
        self.members: dict[str, Any] = {}
        self.elements: list[Any] = []
        self.keys: set[str] = set()
        self.kept = 0
        self.count = 0


class DocumentTaker:
    """Implements `clyra_proxy.schemalock.walker.Taker`. judged: some record, or some part of a body, has passed."""

    def __init__(
        self, judge: Judge, schema: CompiledSchema | None, limits: BodyLimits, walk_into: int = WALK_INTO
    ) -> None:
        self._judge = judge
        self._walk_into = walk_into
        self._schema = schema
        self._plan: Plan | None = schema.plan if schema is not None else None
        self._branching = schema is not None and schema.branching
        self._limits = limits
        self._places: list[Place] = []
        self._admissions: dict[int, Admission] = {}
        self._kept = 0
        self._silenced = False  # a schema rule in shadow mode has spoken; it is not asked again
        self._root: Any = None
        self._root_built = False
        self.judged = False
        self.barrier = _NOWHERE
        """Offset of the outermost value that is being built; nothing from there on may leave."""

    def enter(self, container: Container | None, name: str | None, opening: bytes, at: int, held: int) -> Place | None:
        if len(self._places) >= self._limits.max_depth:
            self._judge.object_to(Reason.JSON_DEPTH, "", {"limit": self._limits.max_depth}, fatal=True)
        plan = self._plan_of(container, name, opening)
        if plan is None and container is not None and held < self._walk_into:
            return None
        step: str | int | None = name
        if container is not None:
            parent: Place = container.node
            if name is not None:
                self._see_keys(parent, [name], len(name))
            else:
                step = parent.count
                parent.count += 1
        place = Place(plan, step, builds=plan is None and self._schema is not None)
        if place.builds and self.barrier == _NOWHERE:
            self.barrier = at
        self._places.append(place)
        return place

    def _plan_of(self, container: Container | None, name: str | None, opening: bytes) -> Branch | Cut | None:
        """The plan for a value that opens so, if there is one and it fits."""
        plan: Branch | Cut | None = None
        if self._plan is not None:
            if container is None:
                plan = self._plan.root
            elif isinstance(parent := container.node.plan, Branch) and name is not None:
                plan = parent.members.get(name)
        return plan if plan is not None and isinstance(plan, Cut) is (opening == b"[") else None

    def take(self, container: Container, text: bytes, offset: int, guessed: bool) -> bool:
        place: Place = container.node
        depth = len(self._places)
        admission = self._admissions.get(depth)
        if admission is None:
            admission = self._admissions[depth] = Admission(self._limits, depth - 1)
        try:
            value = admission.parse(text)
        except NotAdmitted as problem:
            if problem.fatal and guessed:
                return False
            self._refuse(problem, text, offset, place if container.is_array else None)
            value = problem.value
        if not value:
            self._judge.object_to(Reason.JSON_SYNTAX, "", {"offset": offset + 1}, fatal=True)
        schema = self._schema
        if schema is not None and schema.exact and has_long_integer(text):
            value = parse_exactly(text)
        if container.is_array:
            self._take_elements(place, value, len(text))
        else:
            self._take_members(place, value, len(text))
        return True

    def leave(self, container: Container) -> None:
        place: Place = container.node
        self._places.pop()
        if self._schema is None:
            self._kept -= place.kept
            return
        plan = place.plan
        if isinstance(plan, Cut) and place.count < plan.min_items:
            self._object_count(plan, "minItems", self._path(place.name))
        value: Any = place.elements if container.is_array else place.members
        if not self._places:
            self._root, self._root_built = value, place.builds
            return
        parent = self._places[-1]
        if parent.builds:
            self._attach(parent, place, value)
            return
        if place.builds:
            self.barrier = _NOWHERE
        if isinstance(parent.plan, Cut):
            self._judge_elements(parent.plan, [value], parent.count - 1, ())
            self._kept -= place.kept
            self.judged = True
        elif isinstance(parent.plan, Branch):
            name = str(place.name)
            parent.members.update(self._absorb(parent.plan, {name: value}, ()) if place.builds else {name: value})

    def _attach(self, parent: Place, place: Place, value: Any) -> None:
        parent.kept += place.kept
        if isinstance(place.name, str):
            parent.members[place.name] = value
        else:
            parent.elements.append(value)

    def finish(self) -> None:
        """The document has ended well: judge what is left. Raises Violation."""
        schema = self._schema
        if schema is None or self._silenced:
            return
        judge = schema.whole if self._plan is None or self._root_built else self._plan.residual
        if not judge.is_valid(self._root):
            found = first_objection(judge, self._root, branching=schema.branching)
            self._object(found.keyword, found.schema_pointer, found.path)

    def forget(self) -> None:
        """Let go of everything kept; there will be no more questions."""
        self._root = None
        self._places.clear()

    def _refuse(self, problem: NotAdmitted, text: bytes, offset: int, array: Place | None) -> None:
        """An item that ends before its value does, or after it, is bad syntax in the document.

        text: items in brackets of ours, `offset` in the document. array: the place whose elements they are.
        """
        problems = tuple(
            (Reason.JSON_SYNTAX if reason in _SYNTAX else reason, detail) for reason, detail in problem.problems
        )
        objection = NotAdmitted(*problems, value=problem.value, fatal=problem.fatal)
        public = self._schema.names if self._schema is not None else frozenset[str]()
        self._judge.refuse_text(objection, offset, public, lambda at: self._path(*_moved(path_at(text, at), array)))

    def _see_keys(self, place: Place, names: Any, cost: int) -> None:
        """Names across the pieces of one object must differ too; inside a piece admission has seen to it."""
        keys = place.keys
        if keys and not keys.isdisjoint(names):
            twice = self._path(next(name for name in names if name in keys))
            row = row_of(twice)
            self._judge.object_to(
                Reason.JSON_DUPLICATE_KEY, self._pointer(twice, whole=True), {} if row is None else {"row": row}
            )
        keys.update(names)
        self._keep(place, cost or sum(map(len, names)) + 8 * len(names))

    def _keep(self, place: Place, cost: int) -> None:
        place.kept += cost
        self._kept += cost
        if self._kept > self._limits.max_buffer:
            detail: dict[str, str | int] = {"limit": self._limits.max_buffer}
            if self._schema is not None and self._schema.blocked:
                detail["why"] = self._schema.blocked
            reason = Reason.BODY_TOO_LARGE if self._schema is None else Reason.SCHEMA_NOT_STREAMABLE
            self._judge.object_to(reason, "", detail, fatal=True)

    def _take_elements(self, place: Place, values: list[Any], size: int) -> None:
        if isinstance(place.plan, Cut):
            self._judge_elements(place.plan, values, place.count, ())
            self.judged = True
        elif place.builds:
            self._keep(place, size)
            place.elements += values
        else:
            self.judged = True
        place.count += len(values)

    def _take_members(self, place: Place, members: dict[str, Any], size: int) -> None:
        self._see_keys(place, members, 0 if self._schema is None else size)
        if isinstance(place.plan, Branch):
            place.members.update(self._absorb(place.plan, members, ()))
        elif place.builds:
            place.members.update(members)
        else:
            self.judged = True

    def _judge_elements(self, cut: Cut, values: list[Any], before: int, below: tuple[str | int, ...]) -> None:
        if self._silenced:
            return
        if not cut.batch.is_valid(values):
            at = next(at for at, value in enumerate(values) if not cut.batch.is_valid([value]))
            found = first_objection(cut.batch, [values[at]], cut.pointer, branching=self._branching)
            row = before + at
            self._object(found.keyword, found.schema_pointer, (*self._path(*below), row, *found.path[1:]), row)
        if cut.max_items is not None and before + len(values) > cut.max_items:
            self._object_count(cut, "maxItems", self._path(*below))

    def _absorb(self, branch: Branch, members: dict[str, Any], below: tuple[str, ...]) -> dict[str, Any]:
        """Whole members: cut arrays among them are judged now and kept as `[]`, others judged early."""
        kept: dict[str, Any] = {}
        for name, value in members.items():
            under = branch.members.get(name)
            if under is None:
                kept[name] = value
                self._judge_early(branch.early.get(name), value, (*below, name))
            elif isinstance(under, Cut):
                kept[name] = self._absorb_cut(under, value, (*below, name))
            elif isinstance(value, dict):
                kept[name] = self._absorb(under, value, (*below, name))
            else:
                kept[name] = value
        return kept

    def _absorb_cut(self, cut: Cut, value: Any, below: tuple[str, ...]) -> Any:
        if not isinstance(value, list):
            self._judge_early(cut.whole, value, below)
            return value
        self._judge_elements(cut, value, 0, below)
        if len(value) < cut.min_items:
            self._object_count(cut, "minItems", self._path(*below))
        self.judged = self.judged or bool(value)
        return []

    def _judge_early(self, validator: jsonschema_rs.Validator | None, value: Any, below: tuple[str, ...]) -> None:
        if validator is None or self._silenced or validator.is_valid(value):
            return
        found = first_objection(validator, value, branching=self._branching)
        self._object(found.keyword, found.schema_pointer, (*self._path(*below), *found.path))

    def _object_count(self, cut: Cut, keyword: str, path: tuple[str | int, ...]) -> None:
        if not self._silenced:
            self._object(keyword, f"{cut.pointer}/{keyword}", path)

    def _object(self, keyword: str, schema_pointer: str, path: tuple[str | int, ...], row: int | None = None) -> None:
        detail: dict[str, str | int] = {"schema_pointer": schema_pointer, "keyword": keyword}
        if row is not None:
            detail["row"] = row
        self._judge.object_to(Reason.SCHEMA_VIOLATION, self._pointer(path, whole=True), detail)
        self._silenced = True

    def _path(self, *below: str | int | None) -> tuple[str | int, ...]:
        above = [place.name for place in self._places if place.name is not None]
        return (*above, *(step for step in below if step is not None))

    def _pointer(self, path: tuple[str | int, ...], *, whole: bool = False) -> str:
        public = self._schema.names if self._schema is not None else frozenset[str]()
        return pointer(path if whole else self._path(*path), public)


def _moved(path: tuple[str | int, ...], array: Place | None) -> tuple[str | int, ...]:
    """A path that begins among the items of a piece, with the elements before them counted in."""
    if array is None or not path or not isinstance(path[0], int):
        return path
    return (array.count + path[0], *path[1:])
