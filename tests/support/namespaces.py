"""Two network namespaces with a wire between them: a pod whose connections are redirected, and the world outside.

Everything is real: routes, addresses, iptables rules, the kernel's SO_ORIGINAL_DST. `missing()` says why it cannot be
had. Names are unique to the process and everything is removed at the end.

A `Namespace` runs calls in a thread of its own that lives in it: sockets and programs that such a call makes belong
to the namespace, whoever uses them later (setns(2), a thread's namespace is its own and its children's).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CLIENT_UID = 2000
POD4, WORLD4, SERVER4, OTHER4 = "10.91.0.2", "10.91.0.1", "10.92.0.10", "10.92.0.20"
POD6, WORLD6, SERVER6 = "fd00:91::2", "fd00:91::1", "fd00:92::10"

_TOOLS = ("ip", "iptables", "ip6tables", "setpriv", "unshare", "mount", "curl", "bash")
_WITH_NAMES = 'mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@"'


def missing() -> str:
    """Why namespaces with redirection cannot be had here, or ""."""
    if os.geteuid() != 0:
        return "needs root to make network namespaces"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent:
        return f"needs {', '.join(absent)}"
    probe = f"clyp{os.getpid()}"
    if _call("ip", "netns", "add", probe).returncode:
        return "network namespaces cannot be made here"
    try:
        for tables in ("iptables", "ip6tables"):
            if _call(
                "ip", "netns", "exec", probe, tables, "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-j", "REDIRECT"
            ).returncode:
                return f"{tables} cannot redirect here"
    finally:
        _call("ip", "netns", "del", probe)
    return ""


class Namespace:
    """One namespace, by name."""

    def __init__(self, name: str) -> None:
        self.name = name
        _must("ip", "netns", "add", name)
        self._thread = ThreadPoolExecutor(1, name, initializer=self._enter)

    def _enter(self) -> None:
        descriptor = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            os.setns(descriptor, os.CLONE_NEWNET)
        finally:
            os.close(descriptor)

    def call[Result](self, work: Callable[[], Result]) -> Result:
        """Do it in the namespace; the result, or what it raises."""
        return self._thread.submit(work).result()

    def must(self, *words: str) -> None:
        self.call(lambda: _must(*words))

    def remove(self) -> None:
        self._thread.shutdown()
        _call("ip", "netns", "del", self.name)


class Pod:
    """A pod and its world. Use as a context manager. hosts: text of the hosts file that programs in the pod see.

    folder: readable by every user, removed at the end.
    """

    def __init__(self, hosts: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="clyra-pod-")
        self.folder = Path(self._folder.name)
        self.folder.chmod(0o755)
        (self.folder / "hosts").write_text(hosts)
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")  # nobody answers: other names do not exist
        self._made: list[Namespace] = []

    def __enter__(self) -> Pod:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for namespace in self._made:
            namespace.remove()
        self._folder.cleanup()

    def _build(self) -> None:
        mark = os.getpid()
        for name in (f"clypod{mark}", f"clyout{mark}"):
            self._made.append(Namespace(name))
        self.inside, self.outside = self._made
        near, far = f"cvp{mark}", f"cvu{mark}"
        wire = f"ip link add {near} netns {self.inside.name} type veth peer name {far} netns {self.outside.name}"
        _must(*wire.split())
        ends = ((self.inside, near, POD4, POD6, WORLD4, WORLD6), (self.outside, far, WORLD4, WORLD6, POD4, POD6))
        for namespace, link, own4, own6, peer4, peer6 in ends:
            for words in (
                "link set lo up",
                f"addr add {own4}/24 dev {link}",
                f"addr add {own6}/64 dev {link} nodad",
                f"link set {link} up",
                f"route add default via {peer4}",
                f"-6 route add default via {peer6}",
            ):
                namespace.must("ip", *words.split())
        for address in (f"{SERVER4}/32", f"{OTHER4}/32"):
            self.outside.must("ip", "addr", "add", address, "dev", "lo")
        self.outside.must("ip", "-6", "addr", "add", f"{SERVER6}/128", "dev", "lo", "nodad")
        for tables, local in (("iptables", "127.0.0.0/8"), ("ip6tables", "::1/128")):
            nat = (tables, "-t", "nat", "-A", "OUTPUT", "-p", "tcp")
            self.inside.must(*nat, "-m", "owner", "--uid-owner", str(os.geteuid()), "-j", "RETURN")
            self.inside.must(*nat, "-d", local, "-j", "RETURN")

    def redirect(self, port: int, *dports: int) -> None:
        """Send what other users than ours open to `dports` outside, to `port` on loopback."""
        for tables in ("iptables", "ip6tables"):
            for dport in dports:
                rule = f"{tables} -t nat -A OUTPUT -p tcp --dport {dport} -j REDIRECT --to-ports {port}"
                self.inside.must(*rule.split())

    @property
    def with_names(self) -> tuple[str, ...]:
        """Words before a program that shall see the pod's hosts file and no name server."""
        return ("unshare", "-m", "--propagation", "private", "sh", "-c", _WITH_NAMES, str(self.folder))

    def run(self, *words: str | Path, seconds: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run a program in the pod as an ordinary user that knows of no proxy."""
        user = ("setpriv", f"--reuid={CLIENT_UID}", f"--regid={CLIENT_UID}", "--clear-groups", "--no-new-privs")
        environment = {"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
        return self.inside.call(
            lambda: subprocess.run(
                [*self.with_names, *user, *map(str, words)],
                env=environment,
                cwd="/",
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        )


def _call(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, capture_output=True, check=False, timeout=30)


def _must(*words: str) -> None:
    done = _call(*words)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
