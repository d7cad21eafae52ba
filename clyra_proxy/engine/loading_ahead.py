"""Loading what conversations and approvals need before the first one comes, beside traffic that is judged already.

Guarantees: it begins when the worker has said that it is ready, so it delays no start, and what comes meanwhile waits
only for what is left; a new policy has it done before it is in force; it runs in one thread that hands the interpreter
over every HANDOVER_S, so the event loop goes on; a worker that leaves does not wait for it (`is_loading`). What cannot
be loaded is said once, and each conversation finds it failing: closed.
"""

from __future__ import annotations

import gc
import importlib
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from clyra_proxy.genai.expected import expects_conversations
from clyra_proxy.policy.compiler import CompiledPolicy
from clyra_proxy.processors import roam

HANDOVER_S = 0.0005
"""How long this thread keeps the interpreter while the event loop waits for it; Python's own is ten times that."""
_APPROVALS = "clyra_proxy.approvals.gate"

log = logging.getLogger("clyra.worker")

_one_at_a_time = threading.Lock()


def load_ahead(policy: CompiledPolicy) -> threading.Thread | None:
    """Begin to load what `policy` will need; the thread that does, None where it needs nothing before it is asked."""
    conversations = expects_conversations(policy.document)
    if not conversations and policy.approvals.idle:
        return None

    def load() -> None:
        roam()
        _load(policy, conversations=conversations)

    job = threading.Thread(target=load, name="load ahead", daemon=True)
    job.start()
    return job


def is_loading() -> bool:
    """Whether it goes on. The interpreter must not end beneath it: a thread amid a library in C++ would be torn."""
    return _one_at_a_time.locked()


def load_for(policy: CompiledPolicy, before: CompiledPolicy) -> None:
    """Load it here and now, for a policy that follows another: conversations, too, where there have been some."""
    had = before.genai is not None and before.genai.loaded
    _load(policy, conversations=had or expects_conversations(policy.document))


def _load(policy: CompiledPolicy, *, conversations: bool) -> None:
    """What it made is then left alone by the cyclic collector: it stays for good."""
    with _one_at_a_time, _handing_over():
        try:
            if conversations and policy.genai is not None:
                policy.genai.load()
            if not policy.approvals.idle:
                importlib.import_module(_APPROVALS)
        except Exception:
            log.exception("What conversations need cannot be loaded; each will find it failing.")
    gc.freeze()


@contextmanager
def _handing_over() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(HANDOVER_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
