"""Names that resolve to what they should not: every answer of the resolver is judged, at every new connection."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.asking import assert_denied, only_line, plain, tunnelled
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream

_WITH_HOSTS = ("unshare", "-m", "--propagation", "private", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')
HOSTS = """127.0.0.1 localhost good.test moving.test
127.0.0.2 inside.test
169.254.169.254 metadata.test
127.0.0.1 mixed.test
169.254.169.254 mixed.test
"""


def missing() -> str:
    """Why a program cannot be given a hosts file of its own here, or ""."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "needs root and unshare to give the proxy a hosts file of its own"
    tried = subprocess.run([*_WITH_HOSTS, "/etc/hosts", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "mount namespaces cannot be made here"


pytestmark = pytest.mark.skipif(bool(why := missing()), reason=why)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("names") / "hosts"
    file.write_text(HOSTS)
    return file


@pytest.fixture(scope="module")
def named(hosts: Path, authority: Authority) -> Iterator[RunningProxy]:
    policy = local_policy(authority)
    policy["destinations"] = {
        "open": {"hosts": ["good.test", "mixed.test", "metadata.test"], "ports": "any", "allow_private": True},
        "closed": {"hosts": ["inside.test", "moving.test"], "ports": "any"},
    }
    with RunningProxy.start(hosts.parent, policy, prefix=(*_WITH_HOSTS, str(hosts))) as running:
        yield running


def test_a_good_name_is_dialled_at_its_address(named: RunningProxy, upstream: Upstream) -> None:
    assert plain(named, f"http://good.test:{upstream.port}/", f"good.test:{upstream.port}").status == 200
    assert only_line(named, hostname="good.test", port=upstream.port)["dst_endpoint"]["ip"] == "127.0.0.1"


@pytest.mark.parametrize("host", ["inside.test", "metadata.test", "mixed.test"])
@pytest.mark.parametrize("tunnel", [False, True], ids=["plain", "tunnel"])
def test_one_bad_address_refuses_the_name(named: RunningProxy, upstream: Upstream, host: str, tunnel: bool) -> None:
    """`mixed.test` has the upstream's own address too: a name is as good as its worst answer."""
    if tunnel:
        answer = tunnelled(named, host, upstream.port)
    else:
        answer = plain(named, f"http://{host}:{upstream.port}/", f"{host}:{upstream.port}")
    assert_denied(named, answer, "egress.private_address")
    assert not upstream.journal.connections


def test_a_name_that_moves_is_judged_again(named: RunningProxy, hosts: Path, upstream: Upstream) -> None:
    """What a name meant for the last connection counts for nothing."""
    url, host = f"http://good.test:{upstream.port}", f"good.test:{upstream.port}"
    assert plain(named, f"{url}/first", host).status == 200
    try:
        hosts.write_text(HOSTS.replace("good.test ", "").replace("metadata.test", "metadata.test good.test"))
        answer = plain(named, f"{url}/second", host)
    finally:
        hosts.write_text(HOSTS)
    assert_denied(named, answer, "egress.private_address")
    assert not upstream.journal.requests("/second")
