"""`clyra-recorder init | serve | status | seal | verify`: the recorder's own command line.

Exit codes: 0 done, 1 refused or failed, 64 wrong words; `verify` has its own: 0 verified, 1 rejected, 2 cannot read,
3 prefix, 4 indeterminate.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from recorder import key_setup, trust
from recorder.errors import KeyFileError, RecorderError
from recorder.layout import Layout

_VERIFYING = {"verify": "Verify bundles offline.", "verify-record": "Verify one record with its proof."}
"""Their words are those of every verifier, kept in `recorder.verify.command`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors are printed as what, why and what to do, never as a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser(words[0] if words else "").parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        code: int = arguments.run(arguments)
    except RecorderError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"Cannot use {error.filename or 'the data folder'}. The system says: {error.strerror}.\n")
        return 1
    return code


def prepare(layout: Layout, origin: str = "") -> str:
    """Create folders, keys and the trust file where they are missing; return the origin of the log."""
    try:
        known = key_setup.begin(layout, origin, None, 1).origin
    except trust.TrustError as error:
        raise KeyFileError(f"{layout.trust} cannot be used.", error.detail, "Restore it from a copy.") from None
    if origin not in ("", known):
        raise KeyFileError(f"{layout.trust} is about {known}, not {origin}.", "", "Check --origin.")
    return known


def _init(arguments: argparse.Namespace) -> int:
    layout = Layout.locate(arguments.home)
    prepare(layout, arguments.origin)
    sys.stdout.write(
        f"The recorder's keys are in {layout.keys.folder}.\n"
        f"Give {layout.trust} to whoever verifies bundles.\n"
        f"Move {layout.keys.path('root')} to an offline place: it is needed only to change the trust file.\n"
    )
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from recorder.run import Settings, serve  # the HTTP stack is not needed by a verifier

    layout = Layout.locate(arguments.home)
    settings = Settings(
        origin=prepare(layout, arguments.origin),
        tcp=arguments.tcp,
        certificate=arguments.tls_cert,
        certificate_key=arguments.tls_key,
        client_ca=arguments.client_ca,
        seal_records=arguments.seal_records,
        seal_age_s=arguments.seal_age,
        silence_s=arguments.source_silence,
    )
    return serve(layout, settings)


def _seal(arguments: argparse.Namespace) -> int:
    """Through the running recorder, or, offline, by this process alone."""
    from recorder import seal
    from recorder.local import request_seal

    layout = Layout.locate(arguments.home)
    if arguments.child:
        os.nice(10)
        document = seal.seal_window(layout, arguments.start, arguments.end).document()
    elif arguments.offline:
        document = seal.seal_offline(layout, arguments.start, arguments.end).document()
    else:
        document = request_seal(layout.socket, arguments.start, arguments.end)
    sys.stdout.write(json.dumps(document) + "\n")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from recorder.local import get_status

    status = get_status(Layout.locate(arguments.home).socket)
    sys.stdout.write(json.dumps(status, indent=2) + "\n")
    return 0


def _parser(called: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clyra-recorder", description="Record evidence, seal it, verify it.")
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--home", type=Path, help="data folder (default: $CLYRA_HOME or ~/.local/share/clyra)")
        return sub

    init = command("init", _init, "Create keys and the trust file.")
    serve = command("serve", _serve, "Record until stopped.")
    for sub in (init, serve):
        sub.add_argument("--origin", default="", help="name of a new log, a URL without scheme")
    serve.add_argument("--tcp", default="", metavar="HOST:PORT", help="also listen on TCP with mutual TLS")
    serve.add_argument("--tls-cert", type=Path, help="server certificate chain (PEM)")
    serve.add_argument("--tls-key", type=Path, help="server key (PEM)")
    serve.add_argument("--client-ca", type=Path, help="authority of client certificates (PEM)")
    serve.add_argument("--seal-records", type=int, default=100_000, help="seal when so many records wait (0: never)")
    serve.add_argument("--seal-age", type=float, default=86_400.0, help="seal when records wait so long, s (0: never)")
    serve.add_argument("--source-silence", type=float, default=120.0, help="a source silent so long is gone, s")
    sealing = command("seal", _seal, "Seal a window of the log into evidence.zip.")
    sealing.add_argument("--start", type=int, help="first record (default: where the last bundle ended)")
    sealing.add_argument("--end", type=int, help="one past the last record (default: the newest)")
    sealing.add_argument("--offline", action="store_true", help="read the log directly, without a running recorder")
    sealing.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    for name, text in _VERIFYING.items():
        sub = commands.add_parser(name, help=text, description=text)
        if name == called:  # only then is the verifier worth loading
            from recorder.verify import command as verifying

            (verifying.add_verify if name == "verify" else verifying.add_verify_record)(sub)
    command("status", _status, "Print what a running recorder says of itself.")
    return parser


if __name__ == "__main__":
    sys.exit(main())
