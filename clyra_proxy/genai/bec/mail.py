"""A message as BEC looks at it: who says they write, where answers go, and what is written.

Taken from JSON objects (keys as people name them), from RFC 5322 header lines at the top of a text in the languages
mail programs use, or from a bare text. Nothing here judges. Linear; the number of messages is bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

MOST_MAILS = 200
LONGEST_JSON = 1 << 20

_KEYS = {
    "from": "sender", "sender": "sender", "fromaddress": "sender", "fromemail": "sender", "mailfrom": "sender",
    "replyto": "reply_to", "replytoaddress": "reply_to", "returnpath": "return_path",
    "to": "to", "recipient": "to", "subject": "subject", "title": "subject", "betreff": "subject",
    "iban": "account", "accountnumber": "account", "bankaccount": "account", "account": "account", "konto": "account",
    "fromname": "sender_name", "sendername": "sender_name", "displayname": "sender_name",
}  # fmt: skip
_HEADERS = {
    "from": "sender", "von": "sender", "de": "sender", "da": "sender", "от": "sender", "发件人": "sender",
    "寄件者": "sender", "差出人": "sender", "من": "sender", "van": "sender", "od": "sender", "kimden": "sender",
    "reply-to": "reply_to", "antwort an": "reply_to", "répondre à": "reply_to", "responder a": "reply_to",
    "rispondi a": "reply_to", "回复": "reply_to", "返信先": "reply_to",
    "return-path": "return_path", "to": "to", "an": "to", "à": "to", "para": "to", "a": "to", "кому": "to",
    "收件人": "to", "subject": "subject", "betreff": "subject", "objet": "subject", "asunto": "subject",
    "assunto": "subject", "oggetto": "subject", "тема": "subject", "主题": "subject", "件名": "subject",
    "الموضوع": "subject", "onderwerp": "subject", "temat": "subject", "konu": "subject",
    "date": "", "cc": "", "sent": "", "gesendet": "", "datum": "", "envoyé": "", "enviado": "", "message-id": "",
}  # fmt: skip
_LONGEST_PARTY = 600  # characters of a name with its address
_LONGEST_HEAD, _MOST_HEADER_LINES = 4000, 20  # characters and lines in which a text may have headers
_ADDRESS = re.compile(r"([^\s@<>\"'(),;:\[\]]{1,64})@([^\s@<>\"'(),;:\[\]]{1,253})")
_NAMED = re.compile(r"^\s*\"?([^<\"]{0,200}?)\"?\s*<([^<>]{0,320})>")


@dataclass(frozen=True, slots=True)
class Party:
    """name: display name, "" without one. address: `local@domain`, lower case, "" when there is none."""

    name: str = ""
    address: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """One message. accounts: IBANs or account numbers of its own fields. text: everything a reader reads."""

    sender: Party = Party()
    reply_to: Party = Party()
    accounts: tuple[str, ...] = ()
    text: str = ""


def parse_party(text: str) -> Party:
    """`"Jane Doe" <jane@globex.com>`, `jane@globex.com (Jane)` or a bare name."""
    text = text[:_LONGEST_PARTY]
    if named := _NAMED.match(text):
        inner = _ADDRESS.search(named[2])
        return Party(named[1].strip(), inner[0].lower() if inner else "")
    found = _ADDRESS.search(text)
    if found is None:
        return Party(text.strip()[:200])
    return Party("", found[0].lower().rstrip("."))


def mails_of(text: str) -> Iterator[Mail]:
    """The messages in a text: those of its JSON objects, or the text itself."""
    start = text.lstrip()[:1]
    if start in ("{", "[") and len(text) <= LONGEST_JSON:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, (dict, list)):
            yield from mails_of_value(value)
            return
    yield _with_headers(text)


def mails_of_value(value: Any) -> Iterator[Mail]:
    """The messages of a JSON value: every object that has strings of its own is one.

    Of a value with more than MOST_MAILS, the strings of all others are one message together: nothing goes unseen.
    """
    rest: list[str] = []
    for number, mail in enumerate(_mails(value)):
        if number < MOST_MAILS:
            yield mail
        else:
            rest.append(mail.text)
    if rest:
        yield Mail(text="\n".join(rest))


def _mails(value: Any) -> Iterator[Mail]:
    stack: list[Any] = [value]
    while stack:
        here = stack.pop()
        children = list(here.values() if isinstance(here, dict) else here)
        stack.extend(child for child in reversed(children) if isinstance(child, (dict, list)))
        mail = _of_object(here) if isinstance(here, dict) else _of_list(here)
        if mail is not None and (mail.text or mail.sender.address):
            yield mail


def mail_of_fields(fields: Mapping[str, str]) -> Mail:
    """A message from named strings, as an agent gives them to a tool."""
    mail = Mail()
    written: list[str] = []
    for name, value in fields.items():
        part = _KEYS.get(re.sub(r"[\W_]+", "", name).lower(), "text")
        if part == "sender":
            mail = replace(mail, sender=parse_party(value))
        elif part == "reply_to":
            mail = replace(mail, reply_to=parse_party(value))
        elif part == "sender_name":
            mail = replace(mail, sender=replace(mail.sender, name=value.strip()[:200]))
        elif part == "account":
            mail = replace(mail, accounts=(*mail.accounts, value[:64]))
            written.append(f"{name}: {value}")
        elif part not in ("to", "return_path"):
            written.append(value)
    inner = _with_headers("\n".join(written)) if len(written) == 1 else Mail(text="\n".join(written))
    return replace(
        mail,
        sender=mail.sender if mail.sender.address else inner.sender,
        reply_to=mail.reply_to if mail.reply_to.address else inner.reply_to,
        text=inner.text,
    )


def _of_object(value: dict[str, Any]) -> Mail | None:
    fields: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, str) and item:
            fields[key] = item
        elif isinstance(item, dict) and isinstance(item.get("address", item.get("email")), str):
            name, address = item.get("name", ""), item.get("address", item.get("email"))
            fields[key] = f"{name if isinstance(name, str) else ''} <{address}>"
    return mail_of_fields(fields) if fields else None


def _of_list(value: list[Any]) -> Mail | None:
    texts = [item for item in value if isinstance(item, str) and item]
    return Mail(text="\n".join(texts)) if texts else None


def _with_headers(text: str) -> Mail:
    """A text with header lines in its first lines, or without."""
    mail = Mail(text=text)
    for line in text[:_LONGEST_HEAD].lstrip().splitlines()[:_MOST_HEADER_LINES]:
        name, colon, value = line.partition(":")
        if not colon:
            name, colon, value = line.partition("：")
        part = _HEADERS.get(name.strip().strip("*").lower())
        if not colon or part is None:
            break
        if part == "sender":
            mail = replace(mail, sender=parse_party(value))
        elif part == "reply_to":
            mail = replace(mail, reply_to=parse_party(value))
    return mail
