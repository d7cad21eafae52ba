"""The small parts that supervision stands on: sockets, messages, back-off, atomic files, the leash."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.engine import backoff
from clyra_proxy.engine.control import Channel, ChannelClosed, Message, ask_supervisor, serve_commands
from clyra_proxy.engine.launch import WorkerConfig
from clyra_proxy.engine.listeners import bound_port, is_loopback, open_listeners
from clyra_proxy.errors import StartupError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_every_worker_gets_a_socket_on_the_same_port() -> None:
    listeners = open_listeners(["127.0.0.1"], 0, 3)
    ports = {sock.getsockname()[1] for sockets in listeners for sock in sockets}
    assert ports == {bound_port(listeners)}
    assert 0 not in ports
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", bound_port(listeners)), 1)  # bound, not listening: nobody is ready yet
    for sockets in listeners:
        for sock in sockets:
            assert not sock.get_inheritable(), "only workers that are handed a socket may have it"
            sock.close()


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("0.0.0.0", False), ("::", False)]
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_name_without_an_address_is_named() -> None:
    with pytest.raises(StartupError, match="no address"):
        open_listeners(["no-such-host.invalid"], 0, 1)


async def pair() -> tuple[Channel, Channel]:
    left, right = socket.socketpair()
    return await Channel.over(left), await Channel.over(right)


@given(content=st.dictionaries(st.text(), json_values, max_size=4))
def test_messages_arrive_as_they_were_sent(content: Message) -> None:
    async def converse() -> None:
        here, there = await pair()
        got: asyncio.Queue[Message] = asyncio.Queue()

        async def answer(message: Message) -> None:
            await got.put(message)
            there.reply(message, {"echo": message["content"]})

        serving = [asyncio.create_task(there.serve(answer)), asyncio.create_task(here.serve(answer))]
        reply = await here.request({"content": content}, 5)
        assert reply["echo"] == content == (await got.get())["content"]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    asyncio.run(converse())


async def test_a_request_to_a_side_that_leaves_fails() -> None:
    here, there = await pair()

    async def leave(_: Message) -> None:
        there._writer.close()

    serving = [asyncio.create_task(there.serve(leave)), asyncio.create_task(here.serve(leave))]
    with pytest.raises(ChannelClosed):
        await here.request({"command": "x"}, 5)
    await asyncio.gather(*serving)


async def test_commands_are_for_the_owner_alone(tmp_path: Path) -> None:
    async def answer(request: Message) -> Message:
        return {"ok": True, "got": request}

    path = tmp_path / "control.sock"
    async with await serve_commands(path, answer):
        assert path.stat().st_mode & 0o777 == 0o600
        reply = await asyncio.to_thread(ask_supervisor, path, {"command": "status"}, 5)
        assert reply == {"ok": True, "got": {"command": "status", "peer_uid": os.geteuid()}}
        forged = await asyncio.to_thread(ask_supervisor, path, {"command": "halt", "peer_uid": 4711}, 5)
        assert forged["got"]["peer_uid"] == os.geteuid()
        with socket.socket(socket.AF_UNIX) as broken:
            broken.connect(str(path))
            broken.sendall(b"not json\n")
            broken.settimeout(5)
            assert await asyncio.to_thread(broken.recv, 100) == b""


async def test_a_socket_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    async def answer(request: Message) -> Message:
        return request

    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with pytest.raises(StartupError, match="control socket"):
        await serve_commands(folder / "control.sock", answer)


def test_back_off_doubles_up_to_its_bound_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(backoff.time, "monotonic", lambda: now)
    delays = backoff.Backoff()
    assert [delays.next() for _ in range(9)] == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    now += 61.0
    assert delays.next() == 0.0


@given(st.binary(max_size=2000))
def test_an_atomic_write_replaces_the_whole(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write_atomically(path, b"old" * 1000)
        write_atomically(path, content, mode=0o640)
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == 0o640
        assert os.listdir(folder) == ["file"]


def test_an_atomic_write_that_fails_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(StartupError, match="Cannot write"):
        write_atomically(path, b"new")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_worker_is_told_exactly_what_the_supervisor_meant() -> None:
    config = WorkerConfig(1, 7, "{}", "/p", "/h", "::1", 8080, "explicit", "", 1.5, 2.5, ((3, 4), (5,)), 9)
    assert WorkerConfig.from_json(config.to_json()) == config


PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "clyra_proxy.engine.leash", str(os.getpid()), "/bin/sleep", "600"])
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_leashed_process_ends_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        while child.name() != "sleep":
            assert child.is_running()
        parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs([child], timeout=10)
    assert not alive
