"""HTTP events that mitmproxy does not have."""

from __future__ import annotations

from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layers.http._base import HttpEvent


@dataclass
class Informational(HttpEvent):
    """A 1xx response other than 101: passed on, the final one still follows (RFC 9110 section 15.2)."""

    response: http.Response


@dataclass
class StopReading(HttpEvent):
    """The client has its complete answer; the rest of its request is not wanted.

    HTTP/1: the connection is closed. HTTP/2: RST_STREAM with NO_ERROR (RFC 9113 section 8.1).
    """


@dataclass
class Farewell(Event):
    """This process is leaving: HTTP/2 clients without a request under way get GOAWAY and the end.

    final: time is nearly over; busy HTTP/2 clients get GOAWAY too, WebSocket sessions are closed with 1001.
    """

    final: bool


class Cut(Event):
    """Exchanges on their way have been denied: whoever carries one stops it now."""


class Credit(Event):
    """Room was made somewhere: HTTP/2 connections may hand out the window updates they withheld."""
