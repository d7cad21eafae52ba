"""mitmproxy's default addons stay unread, and what is asked for by name is the real thing."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("flask", "ldap3", "mitmproxy.addons.onboarding", "mitmproxy.addons.clientplayback")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["clyra_proxy.engine.master", "clyra_proxy.engine.worker_engine"])
def test_a_worker_reads_none_of_them(module: str) -> None:
    loaded = run(f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))")
    assert loaded == ""


def test_what_is_asked_for_by_name_is_there() -> None:
    code = "import clyra_proxy.engine; from mitmproxy.addons import tlsconfig; import mitmproxy.addons.errorcheck as e"
    assert run(f"{code}; print(tlsconfig.TlsConfig.__name__, e.ErrorCheck.__name__)") == "TlsConfig ErrorCheck"


def test_a_package_that_was_read_before_stays_whole() -> None:
    code = "import mitmproxy.addons, clyra_proxy.engine.master; print(len(mitmproxy.addons.default_addons()) > 20)"
    assert run(code) == "True"


def test_stock_mitmproxy_needs_nothing_else_of_the_package() -> None:
    """What we leave out is `default_addons` alone: anything else in `__init__` would be missed."""
    code = (
        "import types, mitmproxy.addons as a; "
        "print([n for n, v in vars(a).items() if not n.startswith('_') and not isinstance(v, types.ModuleType)"
        " and getattr(v, '__module__', '') == a.__name__])"
    )
    assert run(code) == "['default_addons']"
