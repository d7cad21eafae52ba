"""The shipped profiles that `extends:` names, and where they live."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path

import clyra_proxy
from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.source import Source, parse


@lru_cache(maxsize=1)
def policies_folder() -> Path:
    """The folder of shipped policies: inside an installed package, or at the top of a checkout."""
    package = Path(clyra_proxy.__file__).resolve().parent
    installed = package / "_policies"
    return installed if installed.is_dir() else package.parent / "policies"


def profile_names() -> tuple[str, ...]:
    """Names of the shipped profiles, sorted."""
    return tuple(sorted(file.stem for file in (policies_folder() / "profiles").glob("*.yaml")))


@lru_cache(maxsize=32)
def load_profile(name: str) -> Source:
    """The profile's own file, not yet laid over what it extends. name: one of `profile_names()`."""
    path = policies_folder() / "profiles" / f"{name}.yaml"
    return parse(path.read_text("utf-8"), f"profile {name}")


def profile_chain(source: Source) -> tuple[Source, ...]:
    """The profiles that `source` extends, the most basic first. Raises PolicyError for an unknown name or a loop."""
    chain: list[Source] = []
    seen: list[str] = []
    child = source
    while (name := child.data.get("extends")) is not None:
        known = profile_names()
        if not isinstance(name, str) or name not in known:
            raise _unknown(child, name, known)
        if name in seen:
            raise PolicyError(f"{child.name}: profiles extend one another in a circle: {' -> '.join([*seen, name])}.")
        seen.append(name)
        child = load_profile(name)
        chain.append(child)
    return tuple(reversed(chain))


def _unknown(source: Source, name: object, known: tuple[str, ...]) -> PolicyError:
    line = source.line_of(("extends",))
    near = difflib.get_close_matches(str(name), known, n=1)
    return PolicyError(
        f"{source.name}:{line}: extends: there is no profile `{name}`.",
        todo=f"Did you mean `{near[0]}`?" if near else f"Choose one of: {', '.join(known)}.",
    )
