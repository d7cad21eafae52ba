"""Commands between our layers and the connection handler that mitmproxy does not have.

`AwaitRoom` is how a layer that produces a lot at once (a spooled body) paces itself: the layer blocks until what was
written before has left, so that a body is never queued whole in a socket's write buffer. `AwaitHook` is how a layer
waits for a hook that it called itself and that turned out to be asynchronous; hooks that finish at once cost a stream
no command, no pause and no event.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mitmproxy.connection import Connection
from mitmproxy.proxy.commands import Command
from mitmproxy.proxy.events import CommandCompleted
from mitmproxy.proxy.layer import CommandGenerator


def no_commands() -> CommandGenerator[None]:
    """What a layer answers that has nothing to say."""
    yield from ()


class AwaitRoom(Command):
    """Block the layer until what `source` feeds has room: its upstreams if it is the client, else the client."""

    blocking = True

    def __init__(self, source: Connection, stream_id: int) -> None:
        self.source = source
        self.stream_id = stream_id


@dataclass(repr=False)
class AwaitRoomCompleted(CommandCompleted):
    """There is room again (or the connections are gone, which later writes will find out)."""

    command: AwaitRoom
    reply: None = None


class AwaitHook(Command):
    """Block the layer until the task of an asynchronous hook is done."""

    blocking = True

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task


@dataclass(repr=False)
class AwaitHookCompleted(CommandCompleted):
    """The hook has ended; if it failed, what it was about is marked."""

    command: AwaitHook
    reply: None = None
