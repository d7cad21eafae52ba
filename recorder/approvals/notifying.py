"""Telling reviewers: signed webhook, Slack, e-mail. A letter says that something waits and where, never what is in it.

Rule. No letter holds a value of the payload or of a query, a token, or a link that decides: whoever gets it must still
log in and sign. Webhooks are signed as Standard Webhooks 1.0 say (HMAC-SHA256 over id, time and body, once with each
secret of the file), so that the receiver can tell ours from others and an old one from a new one, also while a secret
is being replaced. What cannot be delivered is tried again with growing pauses, under the same id; whatever goes wrong
with one letter is that letter's failure alone.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from recorder import __version__
from recorder.approvals.channels import Channel, EmailChannel, SlackChannel, WebhookChannel, is_safe_url
from recorder.errors import RecorderError
from recorder.keys import read_private

TIMEOUT_S: Final = 10.0
PAUSES_S: Final = (5, 30, 120, 600, 1800)
"""Pauses after a failure; after the last one it is given up."""
SHORTEST_SECRET: Final = 24
"""Bytes of a webhook's secret, as Standard Webhooks ask for."""
_PREFIX = b"whsec_"
_TITLES = {
    "requested": "An action waits for approval",
    "escalated": "An action still waits for approval, its deadline is near",
    "granted": "An action was approved",
    "refused": "An action was refused",
}


class DeliveryError(Exception):
    """A letter was not taken. Its text names no address."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is told. link: to the page, "" without one. deadline: seconds since the epoch."""

    id: str
    event: str
    packet: str
    action_class: str
    action: str
    agent: str
    tenant: str
    risks: tuple[str, ...]
    deadline: int
    link: str

    @property
    def title(self) -> str:
        return _TITLES.get(self.event, "An approval request has ended")

    def document(self) -> dict[str, Any]:
        """The body of a webhook."""
        return {
            "type": f"approval.{self.event}",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "data": {
                "approval": self.packet,
                "class": self.action_class,
                "action": self.action,
                "agent": self.agent,
                "tenant": self.tenant,
                "risks": list(self.risks),
                "deadline": self.deadline,
                "link": self.link,
            },
        }

    def text(self) -> str:
        """For people, several lines."""
        due = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self.deadline))
        lines = [self.title, f"Action: {self.action} (class {self.action_class})", f"Asked by: {self.agent}"]
        lines += [f"Risks: {', '.join(self.risks)}"] if self.risks else []
        lines += [f"Deadline: {due}", f"Approval: {self.packet}", *([self.link] if self.link else [])]
        return "\n".join(lines)


def deliver(letter: Letter, channel: Channel, recipients: Sequence[str]) -> None:
    """Deliver one letter, waiting for it. recipients: e-mail addresses of approvers. Raises DeliveryError."""
    try:
        if isinstance(channel, WebhookChannel):
            _webhook(letter, channel)
        elif isinstance(channel, SlackChannel):
            _slack(letter, channel)
        else:
            _email(letter, channel, recipients)
    except DeliveryError:
        raise
    except Exception as error:  # noqa: BLE001 - a file or an address that is wrong costs its channel, nothing else
        raise DeliveryError(type(error).__name__) from None


def sign_webhook(secrets: Sequence[bytes], message: str, moment: int, body: bytes) -> str:
    """The `webhook-signature` of a message (Standard Webhooks 1.0): one for each secret that may hold by now."""
    signed = f"{message}.{moment}.".encode() + body
    digests = (hmac.digest(secret, signed, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def secrets_of(content: bytes) -> list[bytes]:
    """The keys in a secret file, one a line: base64 after `whsec_`, else the line itself. Raises DeliveryError."""
    found = [_secret_of(line.strip()) for line in content.splitlines() if line.strip()]
    if not found or any(len(secret) < SHORTEST_SECRET for secret in found):
        raise DeliveryError(f"a secret has less than {SHORTEST_SECRET} bytes")
    return found


def _secret_of(line: bytes) -> bytes:
    if not line.startswith(_PREFIX):
        return line
    text = line.removeprefix(_PREFIX).rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise DeliveryError("the secret is not base64") from None


def _webhook(letter: Letter, channel: WebhookChannel) -> None:
    body = orjson.dumps(letter.document())
    secrets = secrets_of(read_private(channel.secret_file))
    moment = int(time.time())
    headers = {
        "content-type": "application/json",
        "webhook-id": letter.id,
        "webhook-timestamp": str(moment),
        "webhook-signature": sign_webhook(secrets, letter.id, moment, body),
    }
    _post(channel.url, body, headers, str(channel.authority) if channel.authority else "")


def _slack(letter: Letter, channel: SlackChannel) -> None:
    """Slack's incoming webhook: `text` for notifications, `blocks` for the message (Block Kit)."""
    url = read_private(channel.url_file).decode().strip()
    if not is_safe_url(url):
        raise DeliveryError("the address is neither https nor local")
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": letter.title}},
        {"type": "section", "text": {"type": "plain_text", "text": letter.text()[:3000]}},
    ]
    if letter.link:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": letter.link}
        blocks.append({"type": "actions", "elements": [button]})
    _post(url, orjson.dumps({"text": letter.title, "blocks": blocks}), {"content-type": "application/json"}, "")


def _post(url: str, body: bytes, headers: dict[str, str], authority: str) -> None:
    import httpx  # slow to load

    local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=authority) if authority else True
    headers = {**headers, "user-agent": f"clyra/{__version__}"}
    try:
        with httpx.Client(timeout=TIMEOUT_S, verify=verify, trust_env=not local, follow_redirects=False) as http:
            answer = http.post(url, content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DeliveryError(type(error).__name__) from None
    if not 200 <= answer.status_code < 300:
        raise DeliveryError(f"status {answer.status_code}")


def mail_code(letter: Letter, channel: EmailChannel, to: str, code: str) -> None:
    """Send one person the code of one challenge. Raises DeliveryError."""
    text = f"Approval {letter.packet}\nYour code: {code}\nTell it to nobody but who you have called yourself."
    try:
        _send(channel, [to], "[Clyra] Your code for an approval", text, letter.id)
    except (OSError, ssl.SSLError, smtplib.SMTPException, RecorderError) as error:
        raise DeliveryError(type(error).__name__) from None


def _email(letter: Letter, channel: EmailChannel, recipients: Sequence[str]) -> None:
    everybody = list(dict.fromkeys((*channel.to, *recipients)))
    if everybody:
        _send(channel, everybody, f"[Clyra] {letter.title}", letter.text(), letter.id)


def _send(channel: EmailChannel, to: Sequence[str], subject: str, text: str, message_id: str) -> None:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = channel.sender
    message["To"] = ", ".join(to)
    message["Message-ID"] = f"<{message_id}@clyra.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    context = ssl.create_default_context()
    if channel.tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(channel.host, channel.port, timeout=TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(channel.host, channel.port, timeout=TIMEOUT_S)
    with server:
        if channel.tls == "starttls":
            server.starttls(context=context)
        if channel.user and channel.password_file is not None:
            server.login(channel.user, read_private(channel.password_file).decode().strip())
        server.send_message(message)
