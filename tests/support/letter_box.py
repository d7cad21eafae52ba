"""Where letters of the approvals room arrive: an HTTP server for webhooks and Slack, an SMTP server for mail."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class WebhookBox:
    """status: what is answered. got: (headers by lower-case name, body) of every POST."""

    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __enter__(self) -> WebhookBox:
        box = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                box.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(box.status)
                self.send_header("content-length", "0")
                self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class MailBox:
    """A mail server as RFC 5321 has it, as much as a client needs. got: (recipients, message)."""

    got: list[tuple[list[str], Message]] = field(default_factory=list)

    def __enter__(self) -> MailBox:
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 mail.test ESMTP")
                to: list[str] = []
                while line := self.rfile.readline():
                    word = line[:4].upper()
                    if word == b"QUIT":
                        self._say("221 bye")
                        return
                    if word == b"RCPT":
                        to.append(line.decode().partition("<")[2].partition(">")[0])
                    if word == b"DATA":
                        self._say("354 go on")
                        box.got.append((to, message_from_bytes(self._data())))
                        to = []
                    self._say("250 ok")

            def _data(self) -> bytes:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                return b"".join(lines)

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def wait_for[Found](look: Callable[[], Found], seconds: float = 60.0) -> Found:
    """What `look` gives once it is something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found
