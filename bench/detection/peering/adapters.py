"""How each peer is asked, run by the interpreter of that peer's own environment: `python adapters.py NAME`.

Rule: imports nothing but the standard library and the peer. Reads one JSON string a line, answers one line a text:
`[score, flagged, milliseconds]` of processor time, flagged as the peer's documentation says to decide by default. A
text on which the peer raises counts as not flagged, score null, and is counted by the caller. Each text stands alone:
what remembers callers is given a new one each time.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from itertools import count

type Answer = tuple[float, bool]
type Ask = Callable[[str], Answer]


def promptbadger(classifier: bool) -> Ask:
    """Score 0 to 100. Acts on anything but `benign`."""
    scanner = importlib.import_module("promptbadger").Scanner(classifier=classifier)

    def ask(text: str) -> Answer:
        result = scanner.scan(text)
        return float(result.score), str(result.verdict) != "benign"

    return ask


def guardlayer() -> Ask:
    guard = importlib.import_module("guardlayer").GuardLayer.from_preset("balanced")

    def ask(text: str) -> Answer:
        result = guard.scan_input(text)
        return float(result.score), result.verdict.value != "allow"

    return ask


def agentbastion() -> Ask:
    """Without a scale: allowed or not."""
    firewall = importlib.import_module("agentbastion").Firewall()

    def ask(text: str) -> Answer:
        verdict = firewall.check_input(text)
        return float(len(verdict.matches)), not verdict.allowed

    return ask


def turbocloak() -> Ask:
    module = importlib.import_module("turbocloak")
    return lambda text: (float(module.injection_score(text)), bool(module.is_jailbreak(text)))


def zugashield() -> Ask:
    """Its layers for prompts, its bundled model among them. One session a text, because it remembers them."""
    module = importlib.import_module("zugashield")
    config = importlib.import_module("zugashield.config").ShieldConfig(anomaly_detector_enabled=False)
    shield = module.ZugaShield(config)
    loop = asyncio.new_event_loop()
    sessions = count()

    def ask(text: str) -> Answer:
        session = {"session_id": f"text-{next(sessions)}"}
        decision = loop.run_until_complete(shield.check_prompt(text, session))
        score = max((threat.confidence for threat in decision.threats_detected), default=0.0)
        return float(score), decision.verdict.value != "allow"

    return ask


def oubliette_shield() -> Ask:
    """Patterns and the bundled model, without a judge. One caller a text, because it remembers them."""
    module = importlib.import_module("oubliette_shield")
    model = importlib.import_module("oubliette_shield.local_ml").LocalMLModel()
    shield = module.Shield()
    sessions = count()

    def ask(text: str) -> Answer:
        blocked = bool(shield.analyze(text, session_id=f"text-{next(sessions)}").blocked)
        return float(model.score(text)["score"]) + blocked, blocked

    return ask


def ai_injection_guard() -> Ask:
    scanner = importlib.import_module("prompt_shield").PromptScanner(threshold="MEDIUM")

    def ask(text: str) -> Answer:
        result = scanner.scan(text)
        return float(result.risk_score), str(result.severity) in {"MEDIUM", "HIGH", "CRITICAL"}

    return ask


def clawguard_core() -> Ask:
    scan = importlib.import_module("clawguard_core").scan_text

    def ask(text: str) -> Answer:
        report = scan(text)
        return float(report.risk_score), report.total_findings > 0

    return ask


def safepaste() -> Ask:
    scan = importlib.import_module("safepaste").scan_prompt

    def ask(text: str) -> Answer:
        result = scan(text)
        return float(result.score), bool(result.flagged)

    return ask


def nukon_pi_detect() -> Ask:
    scan = importlib.import_module("nukon_pi_detect").scan

    def ask(text: str) -> Answer:
        result = scan(text)
        return float(result.score), str(result.decision) != "CLEAN"

    return ask


def forcefield() -> Ask:
    guard = importlib.import_module("forcefield").Guard(telemetry=False)

    def ask(text: str) -> Answer:
        result = guard.scan(text)
        return float(result.risk_score), bool(result.blocked)

    return ask


def xaidr() -> Ask:
    sensor = importlib.import_module("xaidr").Sensor(agent_id="bench")

    def ask(text: str) -> Answer:
        result = sensor.scan(text)
        return float(result.score), str(result.action) != "allowed"

    return ask


def toolwall_guard() -> Ask:
    """Without its judge, whose model comes from a hub."""
    detector = importlib.import_module("toolwall.detect").CompositeDetector(use_judge=False)

    def ask(text: str) -> Answer:
        score, _ = detector.score(text)
        return float(score), score >= 0.6

    return ask


def classifinder_engine() -> Ask:
    """Its patterns for prompt injection alone."""
    scan = importlib.import_module("classifinder_engine").scan

    def ask(text: str) -> Answer:
        found = [one.confidence for one in scan(text) if one.type.startswith("pi_")]
        return float(max(found, default=0.0)), bool(found)

    return ask


def aicordon() -> Ask:
    """Its local engine, Picket. Without a scale."""
    detector = importlib.import_module("aicordon.picket").load()

    def ask(text: str) -> Answer:
        report = detector.check(text)
        return float(len(report.findings)), bool(report.flagged)

    return ask


def prompt_lint_py() -> Ask:
    firewall = importlib.import_module("promptlint").Firewall(mode="monitor")

    def ask(text: str) -> Answer:
        result = firewall.scan(text)
        return float(result.risk_score), result.decision.value != "ALLOW"

    return ask


def injectionshield() -> Ask:
    scan = importlib.import_module("injectionshield").scan

    def ask(text: str) -> Answer:
        result = scan(text)
        return float(result.risk_score), not result.safe

    return ask


def nanoguard() -> Ask:
    """A small transformer, its weights inside the wheel."""
    guard = importlib.import_module("nanoguard").NanoGuard()

    def ask(text: str) -> Answer:
        result = guard.scan(text)
        return float(result.injection_score), bool(result.is_injection)

    return ask


ADAPTERS: dict[str, Callable[[], Ask]] = {
    "promptbadger": lambda: promptbadger(False),
    "promptbadger-classifier": lambda: promptbadger(True),
    "guardlayer": guardlayer,
    "agentbastion": agentbastion,
    "turbocloak": turbocloak,
    "zugashield": zugashield,
    "oubliette-shield": oubliette_shield,
    "ai-injection-guard": ai_injection_guard,
    "clawguard-core": clawguard_core,
    "safepaste": safepaste,
    "nukon-pi-detect": nukon_pi_detect,
    "forcefield": forcefield,
    "xaidr": xaidr,
    "toolwall-guard": toolwall_guard,
    "classifinder-engine": classifinder_engine,
    "aicordon": aicordon,
    "prompt-lint-py": prompt_lint_py,
    "injectionshield": injectionshield,
    "metatronnanoguard": nanoguard,
}


def main() -> None:
    """Answer line by line on what was standard output; the peer's own prints go to standard error."""
    logging.disable(logging.CRITICAL)
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    ask = ADAPTERS[sys.argv[1]]()
    ask("What is the capital of France?")
    for line in sys.stdin:
        text = json.loads(line)
        begun = time.process_time()
        try:
            score, flagged = ask(text)
            answer: list[float | bool | None] = [round(score, 5), flagged, 0]
        except Exception:
            answer = [None, False, 0]
        answer[2] = round((time.process_time() - begun) * 1000, 3)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
