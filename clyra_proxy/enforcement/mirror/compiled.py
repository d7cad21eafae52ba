"""The mirror part of a policy, compiled once when the policy is loaded: targets in order, ready to be asked.

Raises PolicyError for what cannot be used (a pattern, a file, a secret that is not there), so that it is never a
surprise in traffic.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clyra_proxy.activation.profiles import compile_catalogue
from clyra_proxy.enforcement.mirror.budget import Budget
from clyra_proxy.enforcement.mirror.choosing import Choice
from clyra_proxy.enforcement.mirror.comparing import Comparer
from clyra_proxy.enforcement.mirror.head import HeadStripping
from clyra_proxy.enforcement.mirror.noise import Ignored
from clyra_proxy.enforcement.mirror.stripping import Stripping
from clyra_proxy.enforcement.mirror.writing import Writing
from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.mirroring import Mirroring, MirrorTarget
from clyra_proxy.services.credential import Secret
from clyra_proxy.services.transport import tls_context
from clyra_proxy.stream.limits import BodyLimits

if TYPE_CHECKING:
    from clyra_proxy.genai.leaks.scan import Scanner
    from clyra_proxy.policy.genai.leaks import Leaks

_MOST_INFLATED = 16
"""How many times larger than its limit a coded body may become when it is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledTarget:
    """One target. host: what it is called in `Host`. limits: of bodies that are decoded to be looked at.

    budget: what a worker keeps for it; of its own, so that a target that hangs takes no room from the others.
    """

    settings: MirrorTarget
    choice: Choice
    writing: Writing
    head: HeadStripping
    stripping: Stripping
    comparer: Comparer
    ignored: Ignored
    trust: ssl.SSLContext | None
    secret: Secret | None
    host: str
    limits: BodyLimits
    budget: Budget

    @property
    def name(self) -> str:
        return self.settings.name


@dataclass(frozen=True, slots=True, eq=False)
class CompiledMirror:
    """The whole section."""

    settings: Mirroring
    targets: tuple[CompiledTarget, ...]


def compile_mirror(settings: Mirroring, leaks: Leaks, base_dir: Path, secret: bytes) -> CompiledMirror | None:
    """None when there is no target. base_dir: folder that file names start from. Raises PolicyError."""
    if not settings.targets:
        return None
    scanner = _scanner(leaks) if any(target.find_secrets for target in settings.targets) else None
    return CompiledMirror(
        settings, tuple(_compile_target(target, scanner, base_dir, secret) for target in settings.targets)
    )


def _scanner(leaks: Leaks) -> Scanner:
    from clyra_proxy.genai.leaks.scan import Scanner

    return Scanner(leaks)


def _compile_target(settings: MirrorTarget, scanner: Scanner | None, base_dir: Path, secret: bytes) -> CompiledTarget:
    owner = f"Mirror target `{settings.name}`"
    try:
        choice, writing = Choice(settings, secret), Writing(settings, compile_catalogue())
    except ValueError as error:
        raise PolicyError(f"{owner}: a path pattern cannot be used.", f"{error}.", "See `paths` of a rule.") from error
    most = max(settings.max_body_bytes, settings.compare.max_body_bytes, 1) * _MOST_INFLATED
    limits = BodyLimits(max_decoded=most)
    key = sha256(b"clyra mirror values" + secret).digest()
    headers = frozenset(name.lower() for name in settings.compare.ignore_headers)
    return CompiledTarget(
        settings=settings,
        choice=choice,
        writing=writing,
        head=HeadStripping(settings.strip_headers),
        stripping=Stripping(settings.strip_fields, scanner if settings.find_secrets else None),
        comparer=Comparer(key, settings.compare.max_values, limits, headers),
        ignored=Ignored(settings.compare.ignore),
        trust=tls_context(settings.tls, base_dir, owner) if settings.url.startswith("https:") else None,
        secret=Secret(settings.credential, base_dir, owner) if settings.credential else None,
        host=urlsplit(settings.url).netloc,
        limits=limits,
        budget=Budget(settings.queue, settings.queue_bytes),
    )
