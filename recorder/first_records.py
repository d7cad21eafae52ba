"""What the recorder writes of itself: the first records of a log, and the configuration each run begins with."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from recorder import __version__
from recorder.admission import Admission
from recorder.errors import KeyFileError
from recorder.keys import SigningKey
from recorder.record import schemas_digest


def begin_log(log_key: SigningKey, seal_key: SigningKey | None) -> Callable[[Admission], None]:
    """Genesis and the keys the log begins with, which the trust file has to name. Raises KeyFileError."""

    def work(admission: Admission) -> None:
        if seal_key is None:
            raise KeyFileError("A new log needs its seal key.", "Its first records name it.")
        chain, rows = admission.chain, admission.rows
        ids = {"log_keyid": log_key.key_id, "seal_keyid": seal_key.key_id}
        rows.append(chain.append_own("sys.genesis", {"producer": f"clyra-recorder/{__version__}", **ids}))
        for role, key in (("log", log_key), ("seal", seal_key)):
            told = {"role": role, "keyid": key.key_id, "alg": key.algorithm, "pub": key.public.hex()}
            rows.append(chain.append_own("sys.key", {**told, "state": "active"}))

    return work


def begin_run(anchoring: str) -> Callable[[Admission], None]:
    """The configuration in force. anchoring: what shapes checkpoints, as text."""

    def work(admission: Admission) -> None:
        data = {
            "cause": "start",
            "version": __version__,
            "config_sha256": sha256(anchoring.encode()).hexdigest(),
            "schemas_sha256": schemas_digest(),
            "open_intents": admission.intents.open_count,
        }
        admission.rows.append(admission.chain.append_own("sys.config", data))

    return work
