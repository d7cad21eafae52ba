"""Reads uploads to their end, and sends time-stamped events: `python -m bench.engine.sink` prints `port N` and serves.

POST: reads the whole body (Content-Length or chunked), answers with the number of bytes. GET /events?count=N&gap=MS:
N server-sent events, each with the sender's monotonic clock (the same clock as the reader's, on one machine).
"""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import parse_qs, urlsplit


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head[:-4].split(b"\r\n")
            fields = {
                name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)
            }
            method, target, _ = first.decode().split(" ")
            if method == "POST":
                await upload(reader, writer, fields)
            else:
                await events(writer, target)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def upload(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fields: dict[bytes, bytes]) -> None:
    size = 0
    if b"content-length" in fields:
        left = int(fields[b"content-length"])
        while left:
            data = await reader.read(min(left, 1 << 20))
            if not data:
                raise ConnectionError("upload cut short")
            left -= len(data)
            size += len(data)
    else:
        while count := int((await reader.readuntil(b"\r\n")).strip(), 16):
            await reader.readexactly(count + 2)
            size += count
        await reader.readuntil(b"\r\n")
    body = json.dumps({"received": size}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def events(writer: asyncio.StreamWriter, target: str) -> None:
    query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    await writer.drain()
    for number in range(int(query.get("count", "100"))):
        data = b'data: {"number":%d,"sent":%d}\n\n' % (number, time.monotonic_ns())
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await writer.drain()
        await asyncio.sleep(float(query.get("gap", "10")) / 1000)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
