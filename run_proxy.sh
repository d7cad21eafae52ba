#!/usr/bin/env bash
# Sets everything up on a bare machine, then runs Clyra in the foreground. See `./run_proxy.sh --help`.
#
# Rule: nothing outside this folder is changed, and every failure says what happened, why, and what to do.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
supported='sys.version_info[:2] in ((3, 12), (3, 13))'

usage() {
    cat <<'TEXT'
Usage: ./run_proxy.sh [OPTIONS of `clyra proxy`]   set up, then run proxy and recorder in the foreground
       ./run_proxy.sh demo [OPTIONS]               set up, then run the whole story against a local upstream
       ./run_proxy.sh clyra COMMAND ...            set up, then run any other clyra command on the same data folder
       ./run_proxy.sh setup [GROUP ...]            only set up (dependency groups of pyproject.toml: dev, demo)
       ./run_proxy.sh --help

Needs Python 3.12 or 3.13, found on PATH, under pyenv, or through uv; all else is installed into this folder:
.venv (the environment), .tools (uv, when it is not on PATH), .clyra (data: CA, policy, evidence, verdicts).

Environment: CLYRA_HOME  another data folder    CLYRA_PYTHON  the interpreter to use
TEXT
}

fail() { # what, why, what to do
    printf '\n%s\n' "error: $1" >&2
    printf '  why:        %s\n  what to do: %s\n' "$2" "$3" >&2
    exit 1
}

say() { printf '%s\n' "$*" >&2; }

# Succeeds when $1 is an interpreter that really runs and has a supported version (a pyenv shim may exist and not run).
suits() {
    [ -n "$1" ] && "$1" -c "import sys, ssl, sqlite3; sys.exit(not ($2))" >/dev/null 2>&1
}

# Where an interpreter of version $1 could be, one candidate a line.
candidates() {
    local name
    for name in "python$1" python3 python; do
        type -ap "$name" 2>/dev/null || true
    done
    for name in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1"*/bin/python3; do
        if [ -x "$name" ]; then printf '%s\n' "$name"; fi
    done
    if command -v uv >/dev/null 2>&1; then
        UV_PYTHON_DOWNLOADS=never uv python find --no-project "$1" 2>/dev/null || true
    fi
}

find_python() {
    local version candidate
    if [ -n "${CLYRA_PYTHON:-}" ]; then
        suits "$CLYRA_PYTHON" "$supported" || fail "CLYRA_PYTHON=$CLYRA_PYTHON cannot be used." \
            "It does not run, or is not Python 3.12 or 3.13 with ssl and sqlite3." "Point it at a suitable interpreter, or unset it."
        printf '%s\n' "$CLYRA_PYTHON"
        return
    fi
    for version in 3.13 3.12; do
        while IFS= read -r candidate; do
            if suits "$candidate" "sys.version_info[:2] == (3, ${version#3.})"; then
                "$candidate" -c 'import sys; print(sys.executable)'
                return
            fi
        done < <(candidates "$version")
    done
    if command -v uv >/dev/null 2>&1; then
        say "No Python 3.12 or 3.13 here; asking uv to fetch one ..."
        if uv python install 3.13 >&2 && candidate=$(uv python find --no-project 3.13 2>/dev/null) && suits "$candidate" "$supported"; then
            printf '%s\n' "$candidate"
            return
        fi
    fi
    fail "No usable Python was found." \
        "Clyra needs Python 3.12 or 3.13 with ssl and sqlite3; PATH, ${PYENV_ROOT:-$HOME/.pyenv}/versions and uv have none." \
        "Install one (for example 'pyenv install 3.13' or 'uv python install 3.13'), or set CLYRA_PYTHON to it."
}

# The path of a uv that runs; installed with pip into .tools when PATH has none.
find_uv() {
    local python=$1 tools="$root/.tools"
    if uv --version >/dev/null 2>&1; then
        command -v uv
        return
    fi
    if ! "$tools/bin/uv" --version >/dev/null 2>&1; then
        say "Installing uv into $tools ..."
        "$python" -m venv "$tools" >&2 || fail "Cannot create a virtual environment in $tools." \
            "'$python -m venv' failed; its message stands above." "On Debian install the package python3-venv, or install uv yourself."
        "$tools/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.8' >&2 || fail "Cannot install uv." \
            "pip failed; its message stands above." "Check the network and pip's settings, or install uv yourself."
    fi
    printf '%s\n' "$tools/bin/uv"
}

# Brings .venv up to date for the dependency groups given; does nothing, offline too, when it already is.
set_up() {
    local python uv group stamp wanted
    stamp="$root/.venv/.set-up-$(printf '%s-' "$@" run)"
    wanted=$(cksum <"$root/uv.lock"; cksum <"$root/pyproject.toml"; printf '%s\n' "$root")
    if [ -x "$root/.venv/bin/clyra" ] && suits "$root/.venv/bin/python" "$supported" &&
        [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    python=$(find_python)
    uv=$(find_uv "$python")
    if [ -x "$root/.venv/bin/python" ] && suits "$root/.venv/bin/python" "$supported"; then
        python="$root/.venv/bin/python"
    fi
    local arguments=(sync --project "$root" --frozen --inexact --no-default-groups --python "$python")
    for group in "$@"; do arguments+=(--group "$group"); done
    say "Setting up $root/.venv with $("$python" -V) ..."
    env -u VIRTUAL_ENV -u PYTHONPATH -u PYTHONHOME UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT="$root/.venv" \
        "$uv" "${arguments[@]}" --quiet >&2 || fail "Cannot install Clyra's dependencies." \
        "'uv sync' failed; its message stands above." "Check the network and the package index settings, then run this again."
    printf '%s\n' "$wanted" >"$stamp"
}

main() {
    export CLYRA_HOME="${CLYRA_HOME:-$root/.clyra}"
    unset PYTHONPATH PYTHONHOME
    local clyra="$root/.venv/bin/clyra"
    case "${1:-}" in
        -h | --help)
            usage
            ;;
        setup)
            shift
            set_up "$@"
            ;;
        demo)
            shift
            set_up demo
            exec "$clyra" demo "$@"
            ;;
        clyra)
            shift
            set_up
            exec "$clyra" "$@"
            ;;
        *)
            set_up
            if [ ! -e "$CLYRA_HOME/policy.yaml" ]; then "$clyra" init --home "$CLYRA_HOME"; fi
            exec "$clyra" proxy --home "$CLYRA_HOME" --with-recorder "$@"
            ;;
    esac
}

main "$@"
