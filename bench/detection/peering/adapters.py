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
import tempfile
import time
from collections.abc import Callable
from itertools import count
from typing import Any

type Answer = tuple[float, bool]
type Ask = Callable[[str], Answer]


def calling(scan: Callable[[str], Any], read: Callable[[Any], Answer]) -> Ask:
    """What `scan` returns, read as score and decision."""
    return lambda text: read(scan(text))


def promptbadger(classifier: bool) -> Ask:
    """Score 0 to 100. Acts on anything but `benign`."""
    scanner = importlib.import_module("promptbadger").Scanner(classifier=classifier)
    return calling(scanner.scan, lambda result: (result.score, str(result.verdict) != "benign"))


def guardlayer() -> Ask:
    guard = importlib.import_module("guardlayer").GuardLayer.from_preset("balanced")
    return calling(guard.scan_input, lambda result: (result.score, result.verdict.value != "allow"))


def agentbastion() -> Ask:
    """Without a scale: allowed or not."""
    firewall = importlib.import_module("agentbastion").Firewall()
    return calling(firewall.check_input, lambda verdict: (len(verdict.matches), not verdict.allowed))


def turbocloak() -> Ask:
    module = importlib.import_module("turbocloak")
    return lambda text: (module.injection_score(text), module.is_jailbreak(text))


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
        return score, decision.verdict.value != "allow"

    return ask


def oubliette_shield() -> Ask:
    """Patterns and the bundled model, without a judge. One caller a text, because it remembers them."""
    module = importlib.import_module("oubliette_shield")
    model = importlib.import_module("oubliette_shield.local_ml").LocalMLModel()
    shield = module.Shield()
    sessions = count()

    def ask(text: str) -> Answer:
        blocked = bool(shield.analyze(text, session_id=f"text-{next(sessions)}").blocked)
        return model.score(text)["score"] + blocked, blocked

    return ask


def ai_injection_guard() -> Ask:
    scanner = importlib.import_module("prompt_shield").PromptScanner(threshold="MEDIUM")
    acting = {"MEDIUM", "HIGH", "CRITICAL"}
    return calling(scanner.scan, lambda result: (result.risk_score, str(result.severity) in acting))


def clawguard_core() -> Ask:
    scan = importlib.import_module("clawguard_core").scan_text
    return calling(scan, lambda report: (report.risk_score, report.total_findings > 0))


def safepaste() -> Ask:
    scan = importlib.import_module("safepaste").scan_prompt
    return calling(scan, lambda result: (result.score, result.flagged))


def nukon_pi_detect() -> Ask:
    scan = importlib.import_module("nukon_pi_detect").scan
    return calling(scan, lambda result: (result.score, str(result.decision) != "CLEAN"))


def forcefield() -> Ask:
    guard = importlib.import_module("forcefield").Guard(telemetry=False)
    return calling(guard.scan, lambda result: (result.risk_score, result.blocked))


def xaidr() -> Ask:
    sensor = importlib.import_module("xaidr").Sensor(agent_id="bench")
    return calling(sensor.scan, lambda result: (result.score, str(result.action) != "allowed"))


def toolwall_guard() -> Ask:
    """Without its judge, whose model comes from a hub."""
    detector = importlib.import_module("toolwall.detect").CompositeDetector(use_judge=False)
    return calling(detector.score, lambda told: (told[0], told[0] >= 0.6))


def classifinder(secrets: bool) -> Ask:
    """Its patterns for secrets alone, or those for prompt injection."""
    scan = importlib.import_module("classifinder_engine").scan

    def ask(text: str) -> Answer:
        found = [one.confidence for one in scan(text) if one.type.startswith("pi_") is not secrets]
        return max(found, default=0.0), bool(found)

    return ask


def aicordon() -> Ask:
    """Its local engine, Picket. Without a scale."""
    detector = importlib.import_module("aicordon.picket").load()
    return calling(detector.check, lambda report: (len(report.findings), report.flagged))


def prompt_lint_py() -> Ask:
    firewall = importlib.import_module("promptlint").Firewall(mode="monitor")
    return calling(firewall.scan, lambda result: (result.risk_score, result.decision.value != "ALLOW"))


def injectionshield() -> Ask:
    scan = importlib.import_module("injectionshield").scan
    return calling(scan, lambda result: (result.risk_score, not result.safe))


def detect_secrets() -> Ask:
    """A file a text, as it is made for; its plug-ins and filters by default."""
    module = importlib.import_module("detect_secrets")
    settings = importlib.import_module("detect_secrets.settings").default_settings
    place = os.path.join(tempfile.mkdtemp(), "text.txt")

    def ask(text: str) -> Answer:
        with open(place, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        found = module.SecretsCollection()
        with settings():
            found.scan_file(place)
        number = len(list(found))
        return number, number > 0

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
    "classifinder-engine": lambda: classifinder(False),
    "classifinder-secrets": lambda: classifinder(True),
    "aicordon": aicordon,
    "prompt-lint-py": prompt_lint_py,
    "injectionshield": injectionshield,
    "detect-secrets": detect_secrets,
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
            answer: list[float | bool | None] = [round(float(score), 5), bool(flagged), 0]
        except Exception:
            answer = [None, False, 0]
        answer[2] = round((time.process_time() - begun) * 1000, 3)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
