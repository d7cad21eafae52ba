"""The modules that cases come from, in the order of the stages."""

from __future__ import annotations

from vectors.generator import checkpoint_cases, container_cases, record_cases, statement_cases, tree_cases, trust_cases

SOURCES = (container_cases, trust_cases, statement_cases, checkpoint_cases, tree_cases, record_cases)
