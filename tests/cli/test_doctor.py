"""`clyra doctor` tells bypass, distrust and refusal apart, with real clients."""

from __future__ import annotations

import shutil

import orjson
import pytest

from clyra_proxy.cli.probing import _STATUS
from clyra_proxy.home import Home
from tests.support.certificates import Authority
from tests.support.clyra_command import clyra
from tests.support.intercepting_proxy import InterceptingProxy

RUNTIMES = [name for name, tool in (("curl", "curl"), ("python urllib", "python3"), ("node fetch", "node"))]
INSTALLED = [name for name in RUNTIMES if shutil.which({"python urllib": "python3"}.get(name, name.split()[0]))]
ONLY = [word for name in INSTALLED for word in ("--only", name)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("doctor") / "home")
    assert clyra("init", home=home.root).returncode == 0
    return home


@pytest.fixture(scope="module")
def authority(place):
    """The test authority instead of the real one in what clients trust; the proxy under test signs with it."""
    made = Authority(place.root.parent / "authority")
    place.ca_certificate.write_bytes(made.certificate.read_bytes())
    place.ca_bundle.write_bytes(made.certificate.read_bytes())
    return made


def examine(place, proxy, *options, env=None):
    address = f"127.0.0.1:{proxy.port}"
    done = clyra("doctor", "--json", "--proxy", address, *ONLY, *options, home=place.root, env=env, timeout=110)
    facts = orjson.loads(done.stdout)
    return done.returncode, {one["runtime"]: one for one in facts["runtimes"]}


def test_intercepted(place, authority):
    with InterceptingProxy(authority) as proxy:
        _, runtimes = examine(place, proxy)
        assert {name: one["result"] for name, one in runtimes.items()} == dict.fromkeys(INSTALLED, "intercepted")
        assert len({seen.path for seen in proxy.requests}) == len(INSTALLED)


def test_bypass_is_seen_by_arrival(place, authority):
    clean = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "")
    with InterceptingProxy(authority) as proxy:
        code, runtimes = examine(place, proxy, "--as-is", env=clean)
        assert {one["result"] for one in runtimes.values()} == {"bypassed"}
        assert proxy.tunnels == []
    assert code == 1
    assert all("clyra" in one["do"] for one in runtimes.values() if one["runtime"] != "node fetch")


def test_distrust(place, authority, tmp_path):
    with InterceptingProxy(Authority(tmp_path, "Somebody else")) as proxy:
        code, runtimes = examine(place, proxy)
    assert {one["result"] for one in runtimes.values()} == {"distrusts the CA"}
    assert code == 1


def test_refusal(place, authority):
    with InterceptingProxy(authority, refuse="407 Proxy Authentication Required") as proxy:
        code, runtimes = examine(place, proxy)
    assert {one["result"] for one in runtimes.values()} == {"refused by the proxy"}
    assert all("--token" in one["do"] for one in runtimes.values())
    assert code == 1


@pytest.mark.comprehensive
def test_trust_is_judged_even_where_policy_refuses_the_doctor(tmp_path, authority):
    home = Home(tmp_path / "home")
    clyra("init", home=home.root)
    with InterceptingProxy(authority, refuse="403 Forbidden") as proxy:
        _, runtimes = examine(home, proxy)
        assert {one["result"] for one in runtimes.values()} == {"intercepted"}
        assert all("authority is trusted" in one["evidence"] for one in runtimes.values())
        home.ca_certificate.write_bytes(authority.certificate.read_bytes())
        home.ca_bundle.write_bytes(authority.certificate.read_bytes())
        _, runtimes = examine(home, proxy)
        assert {one["result"] for one in runtimes.values()} == {"distrusts the CA"}


def test_the_house_without_a_proxy(tmp_path):
    clyra("init", home=tmp_path)
    done = clyra("doctor", "--json", home=tmp_path)
    house = {one["name"]: one["state"] for one in orjson.loads(done.stdout)["house"]}
    assert done.returncode == 1
    assert (house["authority"], house["policy"], house["proxy"]) == ("good", "good", "fail")
    tmp_path.chmod(0o755)
    (tmp_path / "policy.yaml").write_text("nonsense: 1\n")
    (tmp_path / "ca" / "mitmproxy-ca.pem").write_text("damaged")
    house = {one["name"]: one for one in orjson.loads(clyra("doctor", "--json", home=tmp_path).stdout)["house"]}
    for name in ("data folder", "authority", "policy"):
        assert house[name]["state"] == "fail"
    assert "chmod 700" in house["data folder"]["do"]


def test_unknown_runtimes_are_a_usage_error(place, authority):
    with InterceptingProxy(authority) as proxy:
        done = clyra("doctor", "--proxy", f"127.0.0.1:{proxy.port}", "--only", "cobol", home=place.root)
    assert done.returncode == 64


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("502\n", "502"),
        ("  HTTP/1.1 403\n", "403"),
        ("HTTP Error 404\n", "404"),
        ("connect to 127.0.0.1 failed", None),
        ("took 200 ms", None),
    ],
)
def test_only_a_status_is_taken_for_a_status(text, status):
    match = _STATUS.search(text)
    assert (match[1] if match else None) == status
