"""The office: in which order workers, disk, evidence and other replicas hear of a change, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.enforcement.halt import file
from clyra_proxy.enforcement.halt.book import HaltBook, Order
from clyra_proxy.enforcement.halt.desk import SAMPLE
from clyra_proxy.enforcement.halt.model import EVERYTHING, Actor, Cause, Channel, Halt, Phase, Place
from clyra_proxy.enforcement.halt.office import HaltOffice
from clyra_proxy.errors import UsageError
from clyra_proxy.policy.halts import Halts

ANN = Actor("ann", "os")
BY_HAND = Order(Cause.MANUAL, Channel.CLI, "incident", ANN)
BOT = Place.parse("agent:bot")
ENFORCED = Halts.model_validate_json(
    json.dumps({"automatic": "enforce", "probes": 1, "triggers": {"canaries": {"halt_seconds": 10}}})
)


class World:
    """An office with everything round it. heard: what happened, in order."""

    def __init__(self, folder: Path, settings: Halts = ENFORCED) -> None:
        self.heard: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.snapshots: list[dict[str, Any]] = []
        self.now = 1000.0
        self.state = "ready"
        self.keeps = True
        self.folder = folder
        self.office = HaltOffice(folder, settings, self._push, self, clock=lambda: self.now)
        self.office.shared = self._share

    async def _push(self, snapshot: dict[str, Any]) -> tuple[int, int]:
        self.heard.append("workers")
        self.snapshots.append(snapshot)
        return 2, len(snapshot["halts"])

    async def record(self, typ: str, data: dict[str, Any]) -> bool:
        self.heard.append("evidence")
        self.events.append((typ, data))
        return self.state == "ready"

    async def _share(self, halts: Sequence[Halt]) -> bool:
        self.heard.append("replicas")
        return True

    @property
    def changes(self) -> list[str]:
        return [data["change"] for typ, data in self.events if typ == "pef.halt"]


def run(folder: Path, work: Callable[[World], Awaitable[None]], settings: Halts = ENFORCED) -> World:
    async def inside() -> World:
        world = World(folder, settings)
        await work(world)
        return world

    return asyncio.run(inside())


def test_a_halt_reaches_workers_before_its_evidence_is_asked_for(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        told = await world.office.halt(EVERYTHING, BY_HAND)
        assert (told["workers"], told["cut"], told["durable"], told["shared"]) == (2, 1, True, True)

    world = run(tmp_path, work)
    assert world.heard.index("workers") < world.heard.index("evidence")
    assert [halt.phase for halt in file.load(tmp_path).halts] == [Phase.HALTED]
    assert file.load(tmp_path).unrecorded == ()


def test_a_release_is_evidence_before_any_worker_hears_of_it(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.office.halt(EVERYTHING, BY_HAND)
        world.heard.clear()
        await world.office.release(EVERYTHING, BY_HAND)

    world = run(tmp_path, work)
    assert world.heard == ["evidence", "workers", "replicas"]
    assert world.snapshots[-1]["halts"] == []


def test_a_silent_worker_holds_up_neither_disk_nor_replicas(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        never = asyncio.Event()

        async def silent(_: dict[str, Any]) -> tuple[int, int]:
            await never.wait()
            return 1, 0

        world.office._push = silent
        halting = asyncio.create_task(world.office.halt(EVERYTHING, BY_HAND))
        async with asyncio.timeout(60):
            while "replicas" not in world.heard or not file.load(tmp_path).halts:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.01)
        never.set()
        await halting

    run(tmp_path, work)


def test_what_is_not_recorded_waits_in_the_file(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.keeps = False
        await world.office.halt(BOT, BY_HAND)

    run(tmp_path, work)
    assert [typ for typ, _ in file.load(tmp_path).unrecorded] == ["pef.halt"]

    async def later(world: World) -> None:
        await world.office._ledger.catch_up(world.office.halts)

    assert run(tmp_path, later).changes == ["halt"]
    assert file.load(tmp_path).unrecorded == ()


@pytest.mark.parametrize(
    ("order", "for_s"),
    [
        (Order(Cause.MANUAL, Channel.SIGNAL, "x"), None),
        (Order(Cause.MANUAL, Channel.CLI, " ", ANN), None),
        (BY_HAND, 0.0),
        (BY_HAND, 86_401.0),
    ],
)
def test_releases_that_are_refused(tmp_path: Path, order: Order, for_s: float | None) -> None:
    async def work(world: World) -> None:
        await world.office.halt(BOT, BY_HAND)
        with pytest.raises(UsageError):
            await world.office.release(BOT, order, for_s)
        assert world.office.describe()[0]["phase"] == "halted"

    run(tmp_path, work)


def test_the_sentinel_file_halts_outranks_an_override_and_blocks_a_release(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.office.sentinel.touch()
        await world.office.step()
        assert world.office.describe()[0]["channel"] == "file"
        with pytest.raises(UsageError, match="HALT"):
            await world.office.release(EVERYTHING, BY_HAND)
        world.office.sentinel.unlink()
        await world.office.step()
        assert world.office.describe()[0]["phase"] == "halted"
        await world.office.release(EVERYTHING, BY_HAND, 600.0)
        world.office.sentinel.touch()
        await world.office.step()
        assert world.office.describe()[0]["phase"] == "halted"

    run(tmp_path, work)


@pytest.mark.parametrize("kind", ["empty", "folder", "link to nothing", "link to itself"])
def test_a_sentinel_of_any_kind_halts(tmp_path: Path, kind: str) -> None:
    async def work(world: World) -> None:
        sentinel = world.office.sentinel
        if kind == "folder":
            sentinel.mkdir()
        elif kind == "empty":
            sentinel.touch()
        else:
            sentinel.symlink_to(sentinel if kind == "link to itself" else tmp_path / "nothing")
        await world.office.step()
        assert world.office.describe()[0]["phase"] == "halted"

    run(tmp_path, work)


def test_the_sentinel_file_outlasts_a_halt_for_a_time(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.office.halt(EVERYTHING, replace(BY_HAND, lasting_s=5.0))
        world.office.sentinel.touch()
        await world.office.step()
        world.now += 10
        await world.office.step()
        assert [halt["phase"] for halt in world.office.describe()] == ["halted"]
        assert all(len(snapshot["halts"]) == 1 for snapshot in world.snapshots)  # at no moment was it open

    run(tmp_path, work)


@pytest.mark.parametrize("lasting", [0.0, -1.0, 366 * 86_400.0, 1e300, float("inf"), float("nan")])
def test_a_halt_of_no_sensible_length_halts_nothing(tmp_path: Path, lasting: float) -> None:
    async def work(world: World) -> None:
        with pytest.raises(UsageError):
            await world.office.halt(BOT, replace(BY_HAND, lasting_s=lasting))
        assert world.office.describe() == []

    run(tmp_path, work)


def test_the_watch_goes_on_after_what_nobody_foresaw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, again = 0, asyncio.Event()

    def look(_: Path) -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise PermissionError
        again.set()
        return False

    async def work(world: World) -> None:
        monkeypatch.setattr(file, "is_there", look)
        watching = asyncio.ensure_future(world.office.run())
        await asyncio.wait_for(again.wait(), 60)
        watching.cancel()

    run(tmp_path, work)


def test_from_trigger_to_half_open_and_back(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        office = world.office
        await office.heard({"tally": {"agent:bot": {"canaries": 1, SAMPLE: 1}}})
        assert office.describe()[0]["cause"] == "genai"
        world.now += 10.0
        await office.step()
        (halt,) = office.describe()
        assert halt["phase"] == "probing"
        await office.heard({"probes": [["agent:bot", halt["version"], False]]})
        assert office.describe()[0]["phase"] == "halted"
        world.now += 20.0
        await office.step()
        await office.heard({"probes": [["agent:bot", office.describe()[0]["version"], True]]})
        assert office.describe() == []

    assert run(tmp_path, work).changes == ["halt", "probe", "halt", "probe", "resume"]


def test_a_trigger_in_shadow_changes_nothing(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.office.heard({"tally": {"agent:bot": {"canaries": 1, SAMPLE: 1}}})
        assert world.office.describe() == []

    assert run(tmp_path, work, Halts()).heard == []


def test_a_lost_recorder_halts_everything(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.state = "down"
        await world.office.step()
        world.now += 30.0
        await world.office.step()
        (halt,) = world.office.describe()
        assert (halt["scope"], halt["cause"], halt["rule"]) == ("global", "recorder", "halt.recorder_loss")

    run(tmp_path, work)


def test_what_another_replica_halts_holds_here_and_is_not_told_on(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        other = HaltBook()
        change = other.halt(BOT, BY_HAND, 1.0)
        assert change is not None
        await world.office.merge([change.halt])
        await world.office.merge([change.halt])
        assert len(world.snapshots) == 1
        assert "replicas" not in world.heard

    world = run(tmp_path, work)
    assert world.changes == ["halt"]
    assert world.events[0][1]["actor"] == "ann"


def test_a_damaged_file_is_evidence_too(tmp_path: Path) -> None:
    (tmp_path / file.FILE).write_text("{")

    async def work(world: World) -> None:
        await world.office._ledger.catch_up(world.office.halts)
        assert [halt["scope"] for halt in world.office.describe()] == ["global"]

    assert run(tmp_path, work).events[0][1]["cause"] == "recovery"


def test_other_thresholds_are_taken_over(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.office.configure(ENFORCED)
        assert world.office.snapshot()["scopes"]
        await world.office.heard({"tally": {"agent:bot": {"canaries": 1, SAMPLE: 1}}})
        assert world.office.describe()

    run(tmp_path, work, Halts())
