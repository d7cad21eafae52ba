"""Every GenAI rule says what others call it, and every id it uses exists in the data."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from clyra_proxy.evidence.commitment import SubjectKey
from clyra_proxy.evidence.event import MAX_LABELS, whole_event
from clyra_proxy.telemetry.verdict_line import render_line
from clyra_proxy.verdict import genai_rules
from clyra_proxy.verdict.model import Decision, Phase
from clyra_proxy.verdict.rules import RULES
from clyra_proxy.verdict.taxonomy import labels_of_rules, name_of, risks, techniques
from tests.support.exchanges import ROUTE, exchange

GENAI = tuple(row[0] for row in genai_rules.ROWS)


@pytest.mark.parametrize("rule", GENAI)
def test_every_genai_rule_names_both_editions_and_a_technique(rule: str) -> None:
    labels = RULES[rule].labels
    assert {label.partition(":")[2] for label in labels.owasp_llm} == {"v1.1", "2025"}
    assert labels.atlas


def test_every_id_exists_and_none_is_given_twice() -> None:
    assert labels_of_rules().keys() <= RULES.keys()
    for rule, labels in labels_of_rules().items():
        assert set(labels.owasp_llm) <= risks().keys(), rule
        assert set(labels.atlas) <= techniques().keys(), rule
        assert len({*labels.owasp_llm, *labels.atlas}) == len(labels.owasp_llm) + len(labels.atlas)


def test_the_data_is_whole() -> None:
    assert {name.partition(":")[0] for name in risks()} == {f"LLM{number:02}" for number in range(1, 11)}
    assert len(risks()) == 20
    for technique in techniques().values():
        assert technique.tactics, technique.id
        parent, _, last = technique.id.rpartition(".")
        assert not last.isdigit() or parent in techniques()
    assert name_of("AML.T0051.001") == "LLM Prompt Injection: Indirect"
    assert name_of("LLM02:v1.1") == "Insecure Output Handling"
    assert name_of("LLM02:2025") == "Sensitive Information Disclosure"
    assert name_of("LLM99:2025") == ""


@pytest.mark.parametrize("rule", GENAI)
def test_finding_log_line_and_record_carry_the_ids(rule: str) -> None:
    finding = RULES[rule].finding(ROUTE, Phase.REQUEST_BODY)
    assert finding is not None
    assert (finding.owasp_llm, finding.atlas) == (RULES[rule].labels.owasp_llm, RULES[rule].labels.atlas)
    made = exchange(decision=Decision.BLOCK, findings=(finding,))
    assert made.verdict is not None
    (logged,) = orjson.loads(render_line(made, made.verdict, 1.0))["unmapped"]["clyra"]["findings"]
    assert (logged["owasp_llm"], logged["atlas"]) == (list(finding.owasp_llm), list(finding.atlas))
    record = orjson.loads(whole_event(made, SubjectKey.of(b"k" * 32)))
    assert set(record["data"]["taxonomy"]) == {*finding.owasp_llm, *finding.atlas}


def test_a_record_holds_each_id_once_and_not_too_many() -> None:
    findings = tuple(finding for rule in GENAI if (finding := RULES[rule].finding(ROUTE, Phase.REQUEST_BODY)))
    made = exchange(decision=Decision.BLOCK, findings=(*findings, *findings))
    labels = orjson.loads(whole_event(made, SubjectKey.of(b"k" * 32)))["data"]["taxonomy"]
    assert len(labels) == len(set(labels)) == MAX_LABELS
    assert made.verdict is not None
    deciding = made.verdict.deciding
    assert deciding is not None
    assert labels[0] == deciding.atlas[0]


def test_a_strange_label_does_not_make_the_record_unacceptable() -> None:
    finding = RULES["injection.direct"].finding(ROUTE, Phase.REQUEST_BODY)
    assert finding is not None
    made = exchange(decision=Decision.BLOCK, findings=(replace(finding, atlas=("no id at all", "x" * 65)),))
    assert orjson.loads(whole_event(made, SubjectKey.of(b"k" * 32)))["data"]["taxonomy"] == list(finding.owasp_llm)
