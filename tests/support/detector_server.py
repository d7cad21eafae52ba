"""The reference detector: a real HTTP server that speaks the detector contract, and misbehaves in every way on demand.

Run as `python -m tests.support.detector_server [--tls CERT KEY [--client-ca CA]] [--token TOKEN]`; it prints its
address. Its opinion is simple and deterministic: `SIGN` in a text scores 0.97, `hint` 0.60, anything else 0.02; media
are known by SHA-256 (`KNOWN_FAKE`), other media are `unknown`. `?fault=NAME` in the URL makes it misbehave: FAULTS.
Vendor shapes: `/openai`, `/lakera`, `/azure`, `/presidio`, `/judge`. `GET /calls` tells how many calls it had.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import itertools
import json
import re
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.processes import Running

SIGN = "tell-tale"
KNOWN_FAKE = hashlib.sha256(b"a synthetic face").hexdigest()

type Json = Any
type Respond = Callable[[bytes, Json], Awaitable[None]]


def opinion(text: str) -> float:
    return 0.97 if SIGN in text else 0.6 if "hint" in text else 0.02


def contract_answer(asked: Json) -> Json:
    """A proper answer of the contract."""
    return {
        "contract": "clyra.detector/1",
        "request_id": asked["request_id"],
        "detector": {"name": "reference", "version": "1"},
        "results": [_result(item, asked["labels"] or ["suspicious"]) for item in asked["items"]],
    }


def _result(item: Json, labels: list[str]) -> Json:
    if item["type"] == "media":
        if item["sha256"] != KNOWN_FAKE and "data" not in item:
            return {"id": item["id"], "unknown": True}
        return {"id": item["id"], "scores": dict.fromkeys(labels, 0.97 if item["sha256"] == KNOWN_FAKE else 0.02)}
    spans = [{"start": m.start(), "end": m.end(), "label": labels[0]} for m in re.finditer(SIGN, item["text"])]
    return {"id": item["id"], "scores": dict.fromkeys(labels, opinion(item["text"])), "spans": spans}


def vendor_answer(path: str, asked: Json) -> Json:
    """A proper answer in the shape of a vendor's API."""
    if path == "/openai":
        results = [
            {"flagged": opinion(text) > 0.5, "categories": {}, "category_scores": {"violence": opinion(text)}}
            for text in asked["input"]
        ]
        return {"id": "modr-1", "model": asked["model"], "results": results}
    if path == "/lakera":
        hits = [opinion(message["content"]) > 0.5 for message in asked["messages"]]
        broken = [
            {"project_id": "p", "policy_id": "q", "detector_id": "d", "detector_type": "prompt_attack",
             "detected": hit, "message_id": number}
            for number, hit in enumerate(hits)
        ]  # fmt: skip
        return {"flagged": any(hits), "breakdown": broken, "metadata": {"request_uuid": "r"}}
    if path == "/azure":
        told: Json = {"documentsAnalysis": [{"attackDetected": opinion(t) > 0.5} for t in asked.get("documents", [])]}
        if "userPrompt" in asked:
            told["userPromptAnalysis"] = {"attackDetected": opinion(asked["userPrompt"]) > 0.5}
        return told
    if path == "/presidio":
        return [
            {"entity_type": "SIGN", "start": m.start(), "end": m.end(), "score": 0.85, "analysis_explanation": None}
            for m in re.finditer(SIGN, asked["text"])
        ]
    return _completion(asked)


def _completion(asked: Json) -> Json:
    rules, data = (message["content"] for message in asked["messages"])
    nonce = re.search(r'"nonce": "([0-9a-f]+)"', rules)
    score = opinion(json.loads(data)["text"])
    said = {"nonce": nonce[1] if nonce else "", "verdict": "unsafe" if score > 0.5 else "safe", "confidence": score}
    return {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": json.dumps(said)}}]}


def _spoiled(change: Callable[[Json], Json]) -> Callable[[Json], bytes]:
    return lambda answer: json.dumps(change(answer)).encode()


def _with_score(value: Json) -> Callable[[Json], Json]:
    def change(answer: Json) -> Json:
        for result in answer["results"]:
            result["scores"] = dict.fromkeys(result.get("scores", {"suspicious": 0}), value)
        return answer

    return change


def _with(**members: Json) -> Callable[[Json], Json]:
    return lambda answer: {**answer, **members}


def _first_id(answer: Json) -> Json:
    answer["results"][0]["id"] = "t999999"
    return answer


BODIES: dict[str, Callable[[Json], bytes]] = {
    "garbage": lambda answer: b"\x00\xff not json at all",
    "empty": lambda answer: b"",
    "html": lambda answer: b"<html>ok</html>",
    "null": lambda answer: b"null",
    "array": lambda answer: b"[]",
    "invalid_utf8": lambda answer: json.dumps(answer).encode() + b"\xff",
    "two_texts": lambda answer: json.dumps(answer).encode() * 2,
    "truncated": lambda answer: json.dumps(answer).encode()[:-2],
    "deep": lambda answer: b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
    "duplicate_keys": lambda answer: json.dumps(answer).encode().replace(b'"scores": {', b'"scores": {}, "scores": {'),
    "nan": _spoiled(_with_score(float("nan"))),
    "infinity": _spoiled(_with_score(float("inf"))),
    "negative": _spoiled(_with_score(-0.5)),
    "above_one": _spoiled(_with_score(1.0000001)),
    "huge_number": lambda answer: re.sub(rb"0\.\d+", b"1e999", json.dumps(answer).encode()),
    "huge_integer": lambda answer: re.sub(rb"0\.\d+", b"9" * 6000, json.dumps(answer).encode()),
    "text_score": _spoiled(_with_score("0.0")),
    "null_score": _spoiled(_with_score(None)),
    "boolean_score": _spoiled(_with_score(False)),
    "no_scores": _spoiled(lambda answer: {**answer, "results": [{"id": r["id"]} for r in answer["results"]]}),
    "other_label": _spoiled(
        lambda answer: {**answer, "results": [{"id": r["id"], "scores": {"other": 0.0}} for r in answer["results"]]}
    ),
    "wrong_id": _spoiled(_first_id),
    "missing_item": _spoiled(lambda answer: {**answer, "results": answer["results"][1:]}),
    "no_results": _spoiled(_with(results=[])),
    "extra_item": _spoiled(
        lambda answer: {**answer, "results": [*answer["results"], {"id": "t1000", "scores": {"x": 0.0}}]}
    ),
    "twice": _spoiled(lambda answer: {**answer, "results": answer["results"] * 2}),
    "wrong_request": _spoiled(_with(request_id="00000000-0000-0000-0000-000000000000")),
    "wrong_contract": _spoiled(_with(contract="clyra.detector/9")),
    "extra_member": _spoiled(_with(allow=True)),
    "unknown_and_scores": _spoiled(
        lambda answer: {**answer, "results": [{**r, "unknown": True} for r in answer["results"]]}
    ),
    "span_outside": _spoiled(
        lambda answer: {
            **answer,
            "results": [{**r, "spans": [{"start": 0, "end": 10**9, "label": "suspicious"}]} for r in answer["results"]],
        }
    ),
}
"""Faults in the body of an otherwise proper response."""

HEADS: dict[str, tuple[int, dict[str, str]]] = {
    "status_500": (500, {}),
    "status_503": (503, {}),
    "status_404": (404, {}),
    "status_204": (204, {}),
    "status_206": (206, {}),
    "status_401": (401, {}),
    "redirect": (307, {"location": "/v1/detect"}),
    "redirect_away": (302, {"location": "http://192.0.2.1/"}),
    "text_type": (200, {"content-type": "text/plain"}),
}
"""Faults in the head of a response whose body is proper."""

WIRES = (
    "hang", "hang_after_head", "drip", "endless", "large", "close_at_once", "close_in_body", "reset",
    "not_http", "endless_head", "continues", "gzip_bomb", "wrong_length",
)  # fmt: skip
"""Faults on the wire."""

FAULTS = (*BODIES, *HEADS, *WIRES)


class Server:
    """One server; a call is answered by its path and its `fault`."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.calls = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = line.split(" ")
        parts = urlsplit(target)
        if method == "GET":
            write(writer, 200, {}, json.dumps({"calls": self.calls}).encode())
            return True
        self.calls += 1
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            write(writer, 401, {}, b"{}")
            return True
        asked = json.loads(body)
        return await self.answer(writer, parts.path, parse_qs(parts.query), asked)

    async def answer(self, writer: asyncio.StreamWriter, path: str, query: dict[str, list[str]], asked: Json) -> bool:
        """Answer one call; whether the connection stays open."""
        answer = contract_answer(asked) if "contract" in asked else vendor_answer(path, asked)
        return await self.write_answer(writer, query, answer)

    async def write_answer(self, writer: asyncio.StreamWriter, query: dict[str, list[str]], answer: Json) -> bool:
        fault = query.get("fault", [""])[0]
        failing = int(query.get("times", ["1000000"])[0])
        if "delay" in query:
            await asyncio.sleep(float(query["delay"][0]))
        if not fault or self.calls > failing:
            write(writer, 200, {}, json.dumps(answer).encode())
        elif fault in BODIES:
            write(writer, 200, {}, BODIES[fault](answer))
        elif fault in HEADS:
            status, extra = HEADS[fault]
            write(writer, status, extra, b"" if status == 204 else json.dumps(answer).encode())
        else:
            await _misbehave(fault, writer, json.dumps(answer).encode())
            return False
        await writer.drain()
        return True


def write(writer: asyncio.StreamWriter, status: int, extra: dict[str, str], body: bytes) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(body)), **extra}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {status} Word\r\n{lines}\r\n".encode() + body)


async def _misbehave(fault: str, writer: asyncio.StreamWriter, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    sized = head + b"content-length: %d\r\n\r\n" % len(body)
    forever = itertools.repeat(None)
    if fault == "hang":
        await asyncio.sleep(3600)
    elif fault == "hang_after_head":
        writer.write(sized + body[: len(body) // 2])
        await asyncio.sleep(3600)
    elif fault == "drip":
        for byte in sized + body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)
    elif fault in ("endless", "large"):
        writer.write(head + b"transfer-encoding: chunked\r\n\r\n")
        for _ in forever if fault == "endless" else range(200):
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()
    elif fault == "close_in_body":
        writer.write(sized + body[: len(body) // 2])
    elif fault == "reset":
        writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    elif fault == "not_http":
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n" + body)
    elif fault == "endless_head":
        for number in range(1_000_000):
            writer.write((head if not number else b"") + b"x-%d: %s\r\n" % (number, b"y" * 900))
            await writer.drain()
    elif fault == "continues":
        for _ in forever:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
    elif fault == "gzip_bomb":
        bomb = gzip.compress(b" " * (64 << 20))
        writer.write(head + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb) + bomb)
    elif fault == "wrong_length":
        writer.write(head + b"content-length: 10\r\n\r\n" + body)
    if not writer.is_closing():
        await writer.drain()


class DetectorServer:
    """The server as a process of its own. url: its origin."""

    module = "tests.support.detector_server"

    def __init__(self, log: Path, *options: object, scheme: str = "http") -> None:
        argv = [sys.executable, "-m", self.module, *map(str, options)]
        self.running = Running(argv, log, env={"PYTHONUNBUFFERED": "1"}, cwd=Path(__file__).resolve().parents[2])
        try:
            self.url = f"{scheme}://127.0.0.1:{self.running.wait_for_line(r'port (\d+)').group(1)}"
        except BaseException:
            self.running.stop()
            raise

    def __enter__(self) -> DetectorServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.running.stop()


async def run(make: Callable[[str], Server]) -> None:
    """Serve for ever, as the options say. make: from the token that callers must have to a server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", nargs=2, type=Path)
    parser.add_argument("--client-ca", type=Path)
    parser.add_argument("--token", default="")
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        if options.client_ca:
            context.load_verify_locations(options.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(make(options.token).serve, "127.0.0.1", 0, ssl=context, limit=64 << 20)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(run(Server))
