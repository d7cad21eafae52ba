"""One sound log with everything the format knows, and a way to verify what a case makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from recorder.verify.bundle import verify
from recorder.verify.options import Options
from recorder.verify.report import Report
from tests.support.evidence_world import World, make_world
from tests.support.forged_bundles import Edit, Forge, unchanged, write_folder


@dataclass
class Case:
    """A bundle under construction: a copy of the world, a window, options, and what happens after signing."""

    world: World
    folder: Path
    start: int = 0
    end: int | None = None
    edit: Edit = unchanged
    raw: Edit = unchanged
    trust_edit: Edit = unchanged
    trusted: bool = True
    options: Options = field(default_factory=Options)
    after: list[Callable[[Path], None]] = field(default_factory=list)

    @property
    def forge(self) -> Forge:
        return self.world.forge

    @property
    def members(self) -> dict[str, bytes]:
        return self.world.forge.members

    @property
    def size(self) -> int:
        return self.world.size if self.end is None else self.end

    def give(self, **options: Any) -> None:
        """Set options of the verification."""
        self.options = replace(self.options, **options)

    def build(self) -> Path:
        bundle = self.forge.write(self.folder / "bundle", self.start, self.end, self.edit, self.raw)
        for step in self.after:
            step(bundle)
        return bundle

    def verify(self) -> Report:
        bundle = self.build()
        if self.trusted and self.options.trust is None:
            self.give(trust=self.forge.trust_file(self.trust_edit))
        return verify(bundle, self.options)

    def later(self, name: str, raw: bytes | None) -> None:
        """Replace or remove a member after everything was signed."""

        def step(bundle: Path) -> None:
            if raw is None:
                (bundle / name).unlink()
            else:
                write_folder(bundle, {name: raw})

        self.after.append(step)


type Change = Callable[[Case], None]


@pytest.fixture(scope="session")
def sound_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def new_case(sound_world: World, tmp_path: Path) -> Callable[[], Case]:
    """Fresh copies of the sound case."""
    made = 0

    def make() -> Case:
        nonlocal made
        made += 1
        forge = sound_world.forge
        copy = replace(
            forge,
            lines=list(forge.lines),
            members=dict(forge.members),
            extra_keys=[dict(key) for key in forge.extra_keys],
            trust_more=dict(forge.trust_more),
        )
        return Case(replace(sound_world, forge=copy), tmp_path / str(made))

    return make


def judge(new_case: Callable[[], Case], code: str, wrong: Change, twin: Change) -> tuple[Report, Report]:
    """The report of a case that must give `code`, and that of its accepting twin, which must not."""
    bad, good = new_case(), new_case()
    wrong(bad)
    twin(good)
    bad_report, good_report = bad.verify(), good.verify()
    assert code in bad_report.found, (code, list(bad_report.found))
    assert code not in good_report.found, code
    if not code.startswith("W_"):
        assert good_report.verdict in ("verified", "prefix"), list(good_report.found)
    return bad_report, good_report


def nothing(case: Case) -> None:
    """The sound case as it is."""
