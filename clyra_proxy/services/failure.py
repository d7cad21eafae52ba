"""Why a service gave no usable answer: a word from a closed list, and never any content."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why a service gave no usable answer."""

    TIMEOUT = "timeout"
    BUSY = "busy"  # too many calls wait already
    CIRCUIT_OPEN = "circuit_open"  # it failed too often lately and is left alone
    CONNECTION = "connection"  # no connection, or one that broke
    TLS = "tls"
    STATUS = "status"  # anything but 200
    REDIRECT = "redirect"
    UNAUTHORISED = "unauthorised"
    MEDIA_TYPE = "media_type"  # the answer is not JSON by its own word, or is compressed
    ANSWER_TOO_LARGE = "answer_too_large"
    GARBAGE = "garbage"  # not JSON, or not the shape that was agreed
    MISMATCH = "mismatch"  # the shape is right, and it is no answer to what was asked
    UNDEFINED = "undefined"  # a policy engine has no opinion: its policy does not cover the question
    TOO_LARGE = "too_large"  # more content than policy lets out
    UNREADABLE_MEDIA = "unreadable_media"
    SECRET = "secret"  # noqa: S105 - a word: the credential cannot be read any more
    INTERNAL = "internal"


class ServiceFailure(Exception):  # noqa: N818 - what happened to the question, not an error of the program
    """No usable answer. blames: whether the service is at fault, so that its circuit breaker counts it."""

    def __init__(self, cause: Cause, *, blames: bool = True) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.blames = blames
