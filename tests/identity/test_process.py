"""The process behind a connection is found, for real connections of real processes."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clyra_proxy.identity.process import ProcessFinder
from clyra_proxy.identity.sockets import ask_kernel, read_tables, socket_inode

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

EXECUTABLE = os.path.realpath(sys.executable)

type End = tuple[str, int]


@contextmanager
def connection(family: socket.AddressFamily, host: str) -> Iterator[tuple[socket.socket, End, End]]:
    """A client socket of this process, its own end and the server's."""
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        yield client, client.getsockname()[:2], server.getsockname()[:2]


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_both_ways_of_finding_the_inode_agree_with_the_socket(family: socket.AddressFamily, host: str) -> None:
    with connection(family, host) as (client, local, peer):
        inode = os.fstat(client.fileno()).st_ino
        assert socket_inode(local, peer) == inode
        assert read_tables(local, peer, Path("/proc")) == inode
        try:
            assert ask_kernel(local, peer) == inode
        except OSError:
            pytest.skip("this kernel offers no sock_diag; the tables were used")


def test_a_socket_that_does_not_exist_has_no_inode() -> None:
    with connection(socket.AF_INET, "127.0.0.1") as (_, local, peer):
        wrong = (peer[0], 1)
        assert socket_inode(local, wrong) is None
        assert read_tables(local, wrong, Path("/proc")) is None
        assert read_tables(local, wrong, Path("/nonexistent")) is None


def test_an_ipv4_connection_of_an_ipv6_socket_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        local, peer = ("127.0.0.1", client.getsockname()[1]), server.getsockname()
        assert socket_inode(local, peer) == os.fstat(client.fileno()).st_ino
        assert read_tables(local, peer, Path("/proc")) == os.fstat(client.fileno()).st_ino


@pytest.fixture
def child() -> Iterator[tuple[int, End, End]]:
    """A process that is connected to us: its pid, its end and ours."""
    program = "import socket,sys; s=socket.create_connection(('127.0.0.1',int(sys.argv[1]))); sys.stdin.read()"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        process = subprocess.Popen([sys.executable, "-c", program, port], stdin=subprocess.PIPE)
        try:
            accepted, client = server.accept()
            with accepted:
                yield process.pid, client, server.getsockname()
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


async def test_the_process_at_the_other_end_is_named(child: tuple[int, End, End]) -> None:
    pid, client, server = child
    finder = ProcessFinder()
    found = await finder.find(client, server)
    assert found == await finder.find(client, server)
    assert found is not None
    assert (found.pid, found.uid) == (pid, os.getuid())
    assert found.executable == EXECUTABLE
    identity = found.identity()
    assert (identity.agent, identity.auth) == (os.path.basename(found.executable), "process")
    assert dict(identity.detail)["pid"] == str(pid)


def test_an_ended_connection_has_no_process() -> None:
    with connection(socket.AF_INET, "127.0.0.1") as (client, local, peer):
        client.close()
        assert ProcessFinder().look_up(local, peer) is None


async def test_of_many_connections_at_once_one_looks_through_everything(
    child: tuple[int, End, End], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    scan = os.scandir

    def counted(path: Path) -> Iterator[os.DirEntry[str]]:
        looked.append(str(path))
        return scan(path)

    monkeypatch.setattr("clyra_proxy.identity.process.os.scandir", counted)
    pid, client, proxy = child
    finder = ProcessFinder()
    found = await asyncio.gather(*(finder.find(client, proxy) for _ in range(16)))
    assert {process.pid for process in found if process} == {pid}
    assert looked.count("/proc") == 1
