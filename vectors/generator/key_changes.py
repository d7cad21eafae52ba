"""Changes of keys inside a hand-made log: statement, possession, record and line, each of which can be wrong."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from recorder import dsse, rotation, statement
from recorder.keys import SigningKey
from vectors.generator.bundle import compact
from vectors.generator.log import Log

STATES = {"revocation": "retired"}


@dataclass(slots=True)
class Changes:
    """The changes of one log, in order. lines: of the member, without newlines."""

    log: Log
    lines: list[bytes] = field(default_factory=list)

    def change(
        self,
        kind: str,
        new: SigningKey,
        replaces: SigningKey | None,
        signers: Sequence[SigningKey],
        *,
        role: str = "log",
        edit: Callable[[dict[str, Any]], Any] = lambda statement: None,
        possession: str | None = None,
        in_record: dict[str, Any] | None = None,
        without_record: bool = False,
        without_line: bool = False,
        **predicate: Any,
    ) -> Changes:
        """One change at the log's next record. edit: changes the statement before it is signed. possession: hex of it.

        in_record: other members of the record's data. predicate: further members of the predicate.
        """
        seq = self.log.size
        told = {
            "origin": self.log.origin,
            "kind": kind,
            "role": role,
            "keyid": new.key_id,
            "alg": new.algorithm,
            "pub": new.public.hex(),
            "size": seq,
            "reason": "vectors",
            **({} if replaces is None else {"replaces": replaces.key_id}),
            **predicate,
        }
        document = {
            "_type": statement.STATEMENT_TYPE,
            "subject": [{"name": "key", "digest": {"sha256": new.key_id}}],
            "predicateType": rotation.PREDICATE_TYPE,
            "predicate": dict(told),
        }
        message = rotation.possession_message(told["origin"], told["keyid"], told["size"])
        edit(document)
        payload = compact(document)
        if possession is None:
            possession = "" if kind == "revocation" else new.sign(message).hex()
        if not without_record:
            self._record(told, payload, possession, in_record or {})
        if not without_line:
            self._line(payload, possession, signers, seq)
        return self

    def _record(self, told: dict[str, Any], payload: bytes, possession: str, other: dict[str, Any]) -> None:
        compromised = "compromised_from_size" in told and told["kind"] == "revocation"
        data = {name: told[name] for name in ("role", "keyid", "alg", "pub", "kind", "size")}
        data |= {name: told[name] for name in ("replaces", "until_size", "compromised_from_size") if name in told}
        data["state"] = "compromised" if compromised else STATES.get(told["kind"], "active")
        data["statement_sha256"] = sha256(payload).hexdigest()
        if possession:
            data["possession"] = possession
        self.log.own("sys.key", data | other)

    def _line(self, payload: bytes, possession: str, signers: Sequence[SigningKey], seq: int) -> None:
        message = dsse.pae(rotation.PAYLOAD_TYPE, payload)
        envelope = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": rotation.PAYLOAD_TYPE,
            "signatures": [
                {"keyid": one.key_id, "sig": base64.b64encode(one.sign(message)).decode()} for one in signers
            ],
        }
        self.lines.append(compact({"envelope": envelope, "possession": possession, "seq": seq}))

    @property
    def covered(self) -> dict[str, bytes]:
        """The member, for a bundle."""
        return {rotation.MEMBER: b"".join(line + b"\n" for line in self.lines)}
