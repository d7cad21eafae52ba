"""The modules that cases come from, in the order of the stages."""

from __future__ import annotations

from vectors.generator import (
    anchor_cases,
    approval_cases,
    attestation_cases,
    binding_cases,
    certificate_cases,
    checkpoint_cases,
    container_cases,
    disclosure_cases,
    memory_cases,
    proof_cases,
    question_cases,
    record_cases,
    rotation_cases,
    statement_cases,
    time_cases,
    tree_cases,
    trust_cases,
    validity_cases,
    witness_cases,
)

SOURCES = (
    container_cases,
    trust_cases,
    statement_cases,
    checkpoint_cases,
    tree_cases,
    record_cases,
    rotation_cases,
    validity_cases,
    approval_cases,
    certificate_cases,
    question_cases,
    binding_cases,
    disclosure_cases,
    anchor_cases,
    witness_cases,
    time_cases,
    memory_cases,
    attestation_cases,
    proof_cases,
)
