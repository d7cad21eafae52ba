"""What mirrors did, from their log: per target and route how much was mirrored, and where the answers differ.

Rule: every number is a count of requests or of pairs of answers; a share is told with its interval, because one
difference in ten pairs says little. Noise is learnt from all lines first, then every line is judged by it, so early
pairs are judged by what only later ones showed; what counts as noise is told with its counts and can be doubted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clyra_proxy.enforcement.mirror.comparing import Difference, Kind
from clyra_proxy.enforcement.mirror.model import Outcome, Result
from clyra_proxy.enforcement.mirror.noise import Noise, NoiseLearner
from clyra_proxy.policy.mirroring import Comparing
from clyra_proxy.shadow.rates import interval

MOST_TOLD = 10
_CERTAIN = frozenset({Noise.POLICY.value, Noise.GENERATED.value})

type Lines = Callable[[], Iterable[Mapping[str, Any]]]
"""Gives the lines of the log, as often as it is asked."""


@dataclass(slots=True)
class RouteTally:
    """One kind of request at one target. noise: pairs in which a place differed and that meant nothing."""

    outcomes: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    differences: Counter[tuple[str, str]] = field(default_factory=Counter)
    noise: Counter[tuple[str, str]] = field(default_factory=Counter)

    def told(self, confidence: float) -> dict[str, Any]:
        same, different = self.results[Result.SAME.value], self.results[Result.DIFFERENT.value]
        low, high = interval(different, same + different, confidence)
        return {
            "mirrored": self.outcomes[Outcome.MIRRORED.value],
            "failed": self.outcomes[Outcome.FAILED.value] + self.outcomes[Outcome.TIMED_OUT.value],
            "suppressed": self._sum("suppressed"),
            "dropped": self._sum("dropped"),
            "outcomes": dict(self.outcomes),
            "compared": same + different,
            "same": same,
            "different": different,
            "uncompared": self.results[Result.UNCOMPARED.value],
            "share_different": round(different / (same + different), 6) if same + different else 0.0,
            "share_low": round(low, 6),
            "share_high": round(high, 6),
            "differences": [
                {"at": at, "kind": kind, "pairs": pairs}
                for (at, kind), pairs in self.differences.most_common(MOST_TOLD)
            ],
            "noise": [{"at": at, "why": why, "pairs": pairs} for (at, why), pairs in self.noise.most_common(MOST_TOLD)],
        }

    def _sum(self, word: str) -> int:
        return sum(count for name, count in self.outcomes.items() if name.startswith(word))


def report(lines: Lines, confidence: float = 0.95) -> dict[str, Any]:
    """The whole report, as JSON values. `lines` is asked twice."""
    settings = Comparing()
    learner = NoiseLearner(settings.noise_share, settings.noise_pairs)
    for line in lines():
        if line.get("type") == "pair" and line.get("bodies"):
            learner.add(_key(line), _differences(line))
    tallies: dict[tuple[str, str], RouteTally] = {}
    lost = 0
    for line in lines():
        match line.get("type"):
            case "pair":
                _add_pair(tallies.setdefault((line["target"], line["route"]), RouteTally()), line, learner)
            case "counts":
                for one in line["counts"]:
                    tally = tallies.setdefault((one["target"], one["route"]), RouteTally())
                    tally.outcomes[one["outcome"]] += one["count"]
            case "gap":
                lost += line["gap"]
    routes = [{"target": target, "route": route, **one.told(confidence)} for (target, route), one in tallies.items()]
    routes.sort(key=lambda one: (-one["different"], -one["mirrored"], one["target"], one["route"]))
    return {"routes": routes, "lines_lost": lost, "confidence": confidence}


def _add_pair(tally: RouteTally, line: Mapping[str, Any], learner: NoiseLearner) -> None:
    if line["result"] == Result.UNCOMPARED.value:
        tally.results[Result.UNCOMPARED.value] += 1
        return
    differs = False
    told: set[tuple[str, str]] = set()
    noisy: set[tuple[str, str]] = set()
    for found, said in zip(_differences(line), line["differences"], strict=True):
        why = said.get("noise", "")
        if why not in _CERTAIN:
            why = Noise.LEARNT.value if learner.is_noise(_key(line), found) else ""
        if why:
            noisy.add((found.at, why))
        else:
            told.add((found.at, found.kind.value))
            differs = True
    tally.differences.update(told)
    tally.noise.update(noisy)
    tally.results[(Result.DIFFERENT if differs else Result.SAME).value] += 1


def _differences(line: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(one["at"], Kind(one["kind"]), one.get("real", ""), one.get("mirror", ""))
        for one in line["differences"]
    ]


def _key(line: Mapping[str, Any]) -> str:
    return f"{line['target']} {line['route']}"
