"""The verifiers in other languages, built once."""

from __future__ import annotations

import pytest

from tests.support.go_verifier import GoVerifier


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> GoVerifier:
    return GoVerifier.built_in(tmp_path_factory.mktemp("go"))
