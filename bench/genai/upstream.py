"""The model of the benchmark, in a process of its own: tokens at a steady pace, each with the time it was written.

`python -m bench.genai.upstream CERTIFICATE KEY` prints its port. The query says what is answered:
`?tokens=N&gap_ms=G&wait_ms=W` (W before the first token). Times are CLOCK_MONOTONIC in nanoseconds, which all processes
of one machine share; they stand in the chunk's id (`@<time>`), so that the text is ordinary text.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from urllib.parse import parse_qs, urlsplit

WORDS = (" the", " rain", " in", " Bergen", " falls", " mainly", " on", " umbrellas", ",", " and", " ferries", ".")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests on one connection until it ends."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode("latin-1").split("\r\n")
            target = lines[0].split(" ")[1]
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            await _read_body(reader, fields)
            await _answer(writer, target)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _read_body(reader: asyncio.StreamReader, fields: dict[str, str]) -> None:
    if fields.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    else:
        await reader.readexactly(int(fields.get("content-length", "0")))


async def _answer(writer: asyncio.StreamWriter, target: str) -> None:
    query = {name: float(values[0]) for name, values in parse_qs(urlsplit(target).query).items()}
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(query.get("wait_ms", 20) / 1000)
    due = time.monotonic()
    for number in range(int(query.get("tokens", 100))):
        _write(writer, _event(WORDS[number % len(WORDS)]))
        await writer.drain()
        due += query.get("gap_ms", 10) / 1000
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    _write(writer, _event("", "stop"))
    _write(writer, b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _event(text: str, finish: str | None = None) -> bytes:
    delta = {"content": text} if text else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    written = f"@{time.monotonic_ns()}" if text else "end"
    head = {"id": written, "object": "chat.completion.chunk", "created": 0, "model": "bench"}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


async def main(certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
