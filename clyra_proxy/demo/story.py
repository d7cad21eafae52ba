"""The steps of the demo. Each does one thing, looks at what really happened, and fails unless it was as promised."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from clyra_proxy.cli.verdict_text import one_line
from clyra_proxy.demo.clients import Client, clients
from clyra_proxy.demo.completions import reply_to
from clyra_proxy.demo.data import (
    BOMB_BYTES,
    CLEAN_ROWS,
    write_bomb,
    write_clean_batch,
    write_duplicate_key,
    write_large_batch,
)
from clyra_proxy.demo.stage import Stage
from clyra_proxy.demo.tamper import damage_file, forge_record

METADATA_URL = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
SELF_TEST = "clyra-selftest"
SAID = "is every contact valid"
LOG_LIMIT_S = 20.0


class StoryError(Exception):
    """Something did not happen as promised; the message says what did."""


@dataclass(frozen=True, slots=True)
class Step:
    """title: what is tried. act: does it; returns what happened, one line each; raises StoryError otherwise."""

    title: str
    act: Callable[[], list[str]]


@dataclass(slots=True)
class Story:
    """The steps in order, told on one stage.

    refused: verdict reasons that must be in the log at the end. passed: calls that got through to the upstream.
    """

    stage: Stage
    refused: list[str] = field(default_factory=list)
    passed: int = 0
    bundle: Path | None = None

    def steps(self) -> Iterator[Step]:
        yield Step("A clean batch passes", self.clean_batch)
        yield Step("A 50 MB batch with one bad record in the middle is stopped", self.bad_record)
        yield Step("A body that says the same key twice is refused", self.duplicate_key)
        yield Step("A gzip bomb is refused", self.bomb)
        yield Step("A call to the cloud's metadata address is refused", self.metadata_call)
        for client in clients(self.stage.upstream.url, SAID):
            yield Step(f"{client.name} works unchanged", partial(self.client_works, client))
        yield Step("Every decision is in the verdict log", self.verdicts)
        yield Step("The evidence is sealed and verifies", self.seal)
        yield Step("One changed byte is found and named", self.tamper)

    def clean_batch(self) -> list[str]:
        file = self.stage.folder / "clean.json"
        size = write_clean_batch(file)
        status, answer = self.stage.post("/crm/contacts/clean", file)
        arrivals = self.stage.upstream.arrivals_at("/crm/contacts/clean")
        _expect(status == 200 and answer.get("received") == size, f"the client got {status}: {answer}")
        _expect(len(arrivals) == 1 and arrivals[0].complete, "the upstream did not get it whole")
        self.passed += 1
        return [f"{CLEAN_ROWS} contacts, {size:,} bytes: the upstream has all of them, the client its 200."]

    def bad_record(self) -> list[str]:
        file = self.stage.folder / "large.json"
        size, row = write_large_batch(file)
        status, answer = self.stage.post("/crm/contacts/large", file)
        file.unlink()
        self._expect_denial(status, answer, 422, "schema_violation")
        arrivals = self.stage.upstream.arrivals_at("/crm/contacts/large")
        _expect(not any(arrival.complete for arrival in arrivals), "the upstream completed the bad batch")
        received = sum(arrival.received for arrival in arrivals)
        _expect(received < size, "the upstream received all bytes")
        place = _place(answer)
        _expect(str(row - 1) in place or str(row) in place, f"the answer names another place: {place}")
        return [
            f"{size:,} bytes sent as a stream; record {row:,} has a text where consent must be true or false.",
            f"The client got {status} {answer['title']!r} at {place}.",
            f"The upstream saw {received:,} validated bytes and never the end of the message.",
        ]

    def duplicate_key(self) -> list[str]:
        file = self.stage.folder / "duplicate.json"
        write_duplicate_key(file)
        status, answer = self.stage.post("/crm/contacts/duplicate", file)
        self._expect_denial(status, answer, 422, "json_duplicate_key")
        return [*self._nothing_complete("/crm/contacts/duplicate"), _denied(status, answer)]

    def bomb(self) -> list[str]:
        file = self.stage.folder / "bomb.gz"
        size = write_bomb(file)
        status, answer = self.stage.post("/crm/import/bomb", file, "Content-Encoding: gzip")
        self._expect_denial(status, answer, 0, "coding_bomb")
        what = f"{size:,} bytes that open into {BOMB_BYTES:,}."
        return [what, *self._nothing_complete("/crm/import/bomb"), _denied(status, answer)]

    def metadata_call(self) -> list[str]:
        status, answer = self.stage.get(METADATA_URL)
        self._expect_denial(status, answer, 403, "destination_private")
        return [f"GET {METADATA_URL}", _denied(status, answer)]

    def client_works(self, client: Client) -> list[str]:
        if client.absent:
            raise StoryError(f"it cannot be shown here: {client.absent}")
        before = len(self.stage.upstream.arrivals)
        done = self.stage.through(client.argv)
        said = _completion(done.stdout)
        _expect(done.returncode == 0, f"it ended with {done.returncode}: {done.stderr.strip()[-800:]}")
        _expect(said == reply_to(SAID), f"it printed {done.stdout.strip()[:200]!r}")
        _expect(len(self.stage.upstream.arrivals) > before, "the upstream saw nothing")
        self.passed += 1
        return [f'The model answered: "{said}"']

    def verdicts(self) -> list[str]:
        events = self._logged()
        ours = [event["unmapped"]["clyra"] for event in events]
        missing = [reason for reason in self.refused if not any(entry.get("reason") == reason for entry in ours)]
        _expect(not missing, f"no verdict says {', '.join(missing)}")
        refused = [event for event, entry in zip(events, ours, strict=True) if entry["decision"] == "block"]
        passed = len(events) - len(refused)
        _expect(passed >= self.passed, f"only {passed} verdicts let something through, and {self.passed} calls passed")
        return [f"{passed} exchanges passed; {len(refused)} were refused:", *(_short(event) for event in refused)]

    def _logged(self) -> list[dict[str, Any]]:
        """The verdicts on our calls. Each is written when its exchange has ended, which may be after its client has."""
        limit = time.monotonic() + LOG_LIMIT_S
        while True:
            events = [event for event in self.stage.verdicts() if event.get("actor", {}).get("app_name") != SELF_TEST]
            if len(events) >= self.passed + len(self.refused) or time.monotonic() > limit:
                return events
            time.sleep(0.1)

    def seal(self) -> list[str]:
        """An auditor keeps the trust file and a checkpoint of the log; later he is given the bundle."""
        auditor = self.stage.folder / "auditor"
        auditor.mkdir()
        size = self.stage.keep_checkpoint(auditor)
        done = self.stage.clyra("seal", "--end", str(size), "--json")
        _expect(done.returncode == 0, f"sealing failed: {done.stderr.strip()[-800:]}")
        self.bundle = Path(json.loads(done.stdout)["path"])
        code, report = self._verify(self.bundle)
        _expect(code == 0 and report["verdict"] == "verified", f"the verifier says {report}")
        return [
            f"{self.bundle.name}: {report['end'] - report['start']} records, {report['bundle'][:23]}...",
            f"With the checkpoint an auditor kept, the verifier says: {report['verdict']}.",
        ]

    def tamper(self) -> list[str]:
        if self.bundle is None:
            raise StoryError("there is no sealed bundle to tamper with")
        file, folder = self.stage.folder / "damaged.zip", self.stage.folder / "forged"
        damage = damage_file(self.bundle, file)
        number, forgery = forge_record(self.bundle, folder)
        lines = []
        for what, place in ((damage, file), (forgery, folder)):
            code, report = self._verify(place)
            _expect(code == 1 and report["verdict"] == "rejected", f"{what}, and the verifier says {report}")
            lines.append(f"{what}: rejected, {', '.join(found['code'] for found in report['codes'])}.")
        named = self._explain(folder)
        _expect(f"record {number} is not the original" in named, f"record {number} was changed; verify says: {named}")
        return [*lines, f"The verifier names it: {named}"]

    def _explain(self, bundle: Path) -> str:
        """The verifier's conclusion in words."""
        done = self.stage.clyra("verify", str(bundle), *self._kept(), "--explain")
        return next((line.strip() for line in done.stdout.splitlines() if line.startswith("  So ")), done.stdout)

    def _kept(self) -> tuple[str, ...]:
        auditor = self.stage.folder / "auditor"
        return ("--trust", str(auditor / "trust.json"), "--checkpoint", str(auditor / "checkpoint"))

    def _verify(self, bundle: Path) -> tuple[int, dict[str, Any]]:
        done = self.stage.clyra("verify", str(bundle), *self._kept(), "--json")
        try:
            report: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise StoryError(f"the verifier ended with {done.returncode}: {done.stderr.strip()[-800:]}") from None
        return done.returncode, report

    def _nothing_complete(self, path: str) -> list[str]:
        arrivals = self.stage.upstream.arrivals_at(path)
        _expect(not any(arrival.complete for arrival in arrivals), "the upstream completed it")
        received = sum(arrival.received for arrival in arrivals)
        return [f"The upstream completed nothing ({received:,} bytes seen)."]

    def _expect_denial(self, status: int, answer: dict[str, Any], wanted: int, reason: str) -> None:
        found = answer.get("code", answer.get("reason", ""))
        right = status == wanted if wanted else 400 <= status < 500
        _expect(right and found == reason, f"expected {wanted or '4xx'} {reason}, the client got {status}: {answer}")
        self.refused.append(reason)


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise StoryError(otherwise)


def _denied(status: int, answer: dict[str, Any]) -> str:
    place = _place(answer)
    return f"The client got {status} {answer.get('title', '')!r}{f' at {place}' if place else ''}."


def _short(event: dict[str, Any]) -> str:
    """Time, decision, status, method, place and reason of a verdict, as `clyra tail` prints them."""
    return "  ".join(one_line(event, colour=False).split("  ")[:-3])


def _place(answer: dict[str, Any]) -> str:
    return str(answer.get("pointer") or answer.get("path") or "")


def _completion(output: str) -> str:
    """What the client printed; curl prints the whole answer."""
    text = output.strip()
    try:
        return str(json.loads(text)["choices"][0]["message"]["content"])
    except (ValueError, KeyError, TypeError, IndexError):
        return text
