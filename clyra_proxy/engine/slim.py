"""Leaves mitmproxy's list of default addons unread: a worker starts in about half the time and with fewer modules.

`mitmproxy.master` imports one module of `mitmproxy.addons`, and that package reads all of its addons first: a web
framework, an LDAP client, a directory of flow viewers. We use two of them (see `master`). Here the package is found as
a plain folder of modules, so each is read when somebody asks for it by name, and its own `__init__` (which holds
nothing but `default_addons()`) is not. Once the package was read whole, by a test or an embedding program, nothing is
done.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

PACKAGE = "mitmproxy.addons"


class _AddonsFinder:
    """Finds the package as a folder without an `__init__` (a namespace package, PEP 420), and nothing else."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != PACKAGE:
            return None
        whole = PathFinder.find_spec(name, path, target)
        if whole is None or whole.submodule_search_locations is None:
            return whole
        folder = ModuleSpec(name, None, is_package=True)
        folder.submodule_search_locations = list(whole.submodule_search_locations)
        return folder


def leave_out_default_addons() -> None:
    """From now on `mitmproxy.addons` is a folder of modules; no effect once it was imported. May be called again."""
    if PACKAGE not in sys.modules and _AddonsFinder not in sys.meta_path:
        sys.meta_path.insert(0, _AddonsFinder)
