"""The channel between supervisor and worker: every request is answered, or its sender hears that nobody will."""

from __future__ import annotations

import asyncio
import socket

import pytest

from clyra_proxy.engine.control import Channel, ChannelClosed, Message


async def _nothing(_: Message) -> None:
    pass


def test_a_request_to_a_side_that_has_gone_fails_at_once() -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        channel = await Channel.over(ours)
        serving = asyncio.create_task(channel.serve(_nothing))
        waiting = asyncio.create_task(channel.request({"command": "early"}, 600.0))
        await asyncio.sleep(0)
        theirs.close()
        with pytest.raises(ChannelClosed):
            await asyncio.wait_for(waiting, 60)
        await serving
        with pytest.raises(ChannelClosed):
            await asyncio.wait_for(channel.request({"command": "late"}, 600.0), 60)

    asyncio.run(work())
