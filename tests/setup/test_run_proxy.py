"""`run_proxy.sh` on machines unlike ours: made-up PATHs, interpreters that do not run, folders with spaces."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.processes import run

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("run_proxy.sh", ".ci/run", ".ci/system-packages")
PLAIN_TOOLS = ("bash", "cat", "chmod", "cksum", "dirname", "env", "mkdir")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout with a space in its name, and beside it `bin`, the only folder that will be on PATH."""
    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    for name in ("run_proxy.sh", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, checkout / name)
    (tmp_path / "bin").mkdir()
    for tool in PLAIN_TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    return checkout


def program(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(0o755)


def start(checkout: Path, *words: str, **env: str) -> tuple[int, str]:
    """Run the copied script with nothing of this machine's environment but what is given; messages, then output."""
    home = checkout.parent
    fixed = {"PATH": str(home / "bin"), "HOME": str(home), **env}
    clean = ["env", "-i", *(f"{name}={value}" for name, value in fixed.items())]
    done = run([*clean, str(checkout / "run_proxy.sh"), *words], cwd=home)
    return done.returncode, done.stderr + done.stdout


FAKE_UV = """#!/usr/bin/env bash
case "$1" in
    --version) echo "uv 9.9.9" ;;
    python) exit 1 ;;
    sync) printf '%s\\n' "$@" >"$HOME/uv-arguments"
          bin="$UV_PROJECT_ENVIRONMENT/bin"; mkdir -p "$bin"
          printf '#!/usr/bin/env bash\\necho "clyra $*"\\n' >"$bin/clyra"
          printf '#!/usr/bin/env bash\\nexit 0\\n' >"$bin/python"
          chmod +x "$bin/clyra" "$bin/python" ;;
esac
"""


def test_help_needs_nothing(bare: Path) -> None:
    status, output = start(bare, "--help")
    assert status == 0
    assert "run_proxy.sh demo" in output


@pytest.mark.parametrize("old", ["exit 127", 'case "$*" in *-V*) echo "Python 3.11.7" ;; *) exit 1 ;; esac'])
def test_without_a_usable_interpreter_it_says_what_why_and_what_to_do(bare: Path, old: str) -> None:
    program(bare.parent / "bin" / "python3", f"#!/usr/bin/env bash\n{old}\n")
    program(bare.parent / ".pyenv" / "versions" / "3.13.9" / "bin" / "python3", "#!/usr/bin/env bash\nexit 1\n")
    status, output = start(bare, "setup")
    assert status == 1
    assert "error: No usable Python was found." in output
    assert "why:" in output
    assert "what to do:" in output


def test_an_interpreter_named_by_hand_must_suit(bare: Path) -> None:
    status, output = start(bare, "setup", CLYRA_PYTHON="/bin/false")
    assert status == 1
    assert "CLYRA_PYTHON=/bin/false cannot be used" in output


@pytest.mark.skipif(sys.version_info[:2] not in ((3, 12), (3, 13)), reason="needs a supported interpreter to offer")
def test_a_pyenv_version_is_found_behind_a_shim_that_fails(bare: Path) -> None:
    """As pyenv leaves it: the shim exists, fails, and the interpreter stands in versions/."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    program(bare.parent / "bin" / f"python{version}", "#!/usr/bin/env bash\necho 'command not found' >&2\nexit 127\n")
    real = bare.parent / "my pyenv" / "versions" / f"{version}.7" / "bin" / "python3"
    program(real, f'#!/usr/bin/env bash\nexec "{sys.executable}" "$@"\n')
    program(bare.parent / "bin" / "uv", FAKE_UV)
    status, output = start(bare, "clyra", "status", "--json", PYENV_ROOT=str(bare.parent / "my pyenv"))
    assert (status, output.splitlines()[-1]) == (0, "clyra status --json")
    arguments = (bare.parent / "uv-arguments").read_text().splitlines()
    assert "--frozen" in arguments
    assert os.path.realpath(arguments[arguments.index("--python") + 1]) == os.path.realpath(sys.executable)


def test_a_second_start_sets_nothing_up(bare: Path) -> None:
    program(bare.parent / "bin" / "uv", FAKE_UV)
    start(bare, "setup", "dev", CLYRA_PYTHON=sys.executable)
    (bare.parent / "uv-arguments").unlink()
    status, _ = start(bare, "setup", "dev", CLYRA_PYTHON=sys.executable)
    assert status == 0
    assert not (bare.parent / "uv-arguments").exists()
    start(bare, "demo", CLYRA_PYTHON=sys.executable)
    assert "demo" in (bare.parent / "uv-arguments").read_text().splitlines()


def test_the_first_start_makes_the_data_folder_then_runs_proxy_and_recorder(bare: Path) -> None:
    program(bare.parent / "bin" / "uv", FAKE_UV)
    status, output = start(bare, "--port", "0", CLYRA_PYTHON=sys.executable)
    home = bare / ".clyra"
    assert status == 0
    assert output.splitlines()[-2:] == [
        f"clyra init --home {home}",
        f"clyra proxy --home {home} --with-recorder --port 0",
    ]


def test_scripts_are_clean() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = run([shellcheck, *(ROOT / script for script in SCRIPTS)])
    assert done.returncode == 0, done.stdout
