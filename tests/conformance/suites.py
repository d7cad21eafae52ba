"""Held-out conformance: suites that others wrote, run over our code, and the table of what came out.

`python -m tests.conformance.suites DATA` prints the table of `docs/conformance.md`; with `--write` it is put there.
DATA is the folder that has `suites/`. A miss is listed with its reason, and a miss without a reason fails the tests.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import agent_evidence_vectors
from agent_evidence_vectors import a2ajcs
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from recorder import cosignature, dsse, ed25519, note, public_key, trust
from recorder.approval_binding import BindingError, signed_payload
from recorder.approval_payload import canonical_payload
from recorder.merkle import ProofError, verify_consistency, verify_inclusion
from tests.conformance import approval_suite

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
BEGIN, END = "<!-- numbers: begin -->", "<!-- numbers: end -->"
PROFILE = "integers beyond 2^53-1 are refused, not rounded: another reader could read another amount"
REASONS: dict[str, dict[str, str]] = {
    "jcs-byte-vectors/v1": {"first-unsafe-integer": PROFILE},
    "approval-binding/v1": approval_suite.REASONS,
}


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite's outcome. misses: case -> what we do instead."""

    name: str
    about: str
    cases: int
    misses: dict[str, str]


def run_all(data: Path) -> Iterator[Suite]:
    """Every suite in turn. data: the folder with `suites/`."""
    suites = data / "suites"
    yield _merkle(suites / "merkle")
    yield _wycheproof("Wycheproof Ed25519", suites / "wycheproof/ed25519_test.json", _ed25519_key)
    yield _wycheproof("Wycheproof ECDSA P-256, DER", suites / "wycheproof/ecdsa_secp256r1_sha256_test.json", _p256_key)
    yield _raw_ecdsa(suites / "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json")
    yield _json_web_signature(suites / "wycheproof/json_web_signature_test.json")
    yield _cctv(suites / "cctv/ed25519vectors.json")
    yield _notes()
    yield _dsse((suites / "dsse/protocol.md").read_text())
    yield _a2a()
    yield _jcs_bytes()
    yield approval_suite_of()


def signatures(data: Path) -> Iterator[tuple[str, bytes, bytes, bytes, bool]]:
    """(algorithm, public key, signature, message, whether it is good) of every vector, for other verifiers."""
    suites = data / "suites"
    for name, of in (("ed25519_test.json", _ed25519_key), ("ecdsa_secp256r1_sha256_test.json", _p256_key)):
        for group in json.loads((suites / "wycheproof" / name).read_bytes())["testGroups"]:
            algorithm, public = of(group["publicKey"])
            for test in group["tests"]:
                yield (algorithm, public, *_parts(test), test["result"] == "valid")
    for item in json.loads((suites / "cctv/ed25519vectors.json").read_bytes()):
        yield (*_cctv_parts(item), _cctv_good(item))


def _merkle(folder: Path) -> Suite:
    misses, count = {}, 0
    for path in sorted((folder / "inclusion").rglob("*.json")):
        case = json.loads(path.read_bytes())
        count += 1
        leaf, root = _decoded(case["leafHash"]), _decoded(case["root"])
        if _passes(verify_inclusion, leaf, case["leafIdx"], case["treeSize"], _proof(case), root) is case["wantErr"]:
            misses[str(path.relative_to(folder))] = case["desc"]
    for path in sorted((folder / "consistency").rglob("*.json")):
        case = json.loads(path.read_bytes())
        count += 1
        roots = (_decoded(case["root1"]), _decoded(case["root2"]))
        if _passes(verify_consistency, case["size1"], case["size2"], _proof(case), *roots) is case["wantErr"]:
            misses[str(path.relative_to(folder))] = case["desc"]
    return Suite("RFC 6962 proofs (transparency-dev/merkle)", "inclusion and consistency", count, misses)


def _passes(check: Callable[..., object], *arguments: Any) -> bool:
    try:
        check(*arguments)
    except ProofError:
        return False
    return True


def _decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def _proof(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(text) for text in case["proof"] or []]


def _wycheproof(name: str, path: Path, key_of: Callable[[dict[str, Any]], tuple[str, bytes]]) -> Suite:
    misses, count = {}, 0
    for group in json.loads(path.read_bytes())["testGroups"]:
        algorithm, public = key_of(group["publicKey"])
        for test in group["tests"]:
            count += 1
            signature, message = _parts(test)
            if _verifies(algorithm, public, signature, message) != (test["result"] == "valid"):
                misses[str(test["tcId"])] = test["comment"]
    return Suite(name, "signatures of the keys a trust file may hold", count, misses)


def _verifies(algorithm: str, public: bytes, signature: bytes, message: bytes) -> bool:
    """As the verifiers use a key: a weak one is never trusted."""
    return not public_key.is_weak(algorithm, public) and public_key.verifies(algorithm, public, signature, message)


def _parts(test: dict[str, Any]) -> tuple[bytes, bytes]:
    return bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])


def _ed25519_key(key: dict[str, Any]) -> tuple[str, bytes]:
    return public_key.ED25519, bytes.fromhex(key["pk"])


def _p256_key(key: dict[str, Any]) -> tuple[str, bytes]:
    return public_key.P256, bytes.fromhex(key["uncompressed"])


def _raw_ecdsa(path: Path) -> Suite:
    """r || s, as in ES256: brought into DER the way an ID token's is."""
    misses, count = {}, 0
    for group in json.loads(path.read_bytes())["testGroups"]:
        algorithm, public = _p256_key(group["publicKey"])
        for test in group["tests"]:
            count += 1
            raw, message = _parts(test)
            der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])) if len(raw) == 64 else b""
            if _verifies(algorithm, public, der, message) != (test["result"] == "valid"):
                misses[str(test["tcId"])] = test["comment"]
    return Suite("Wycheproof ECDSA P-256, r and s", "signatures of ES256 tokens", count, misses)


def _json_web_signature(path: Path) -> Suite:
    """Tokens of the algorithms that ID tokens of approvals may have; keys of other algorithms are never trusted."""
    misses, count = {}, 0
    for group in json.loads(path.read_bytes())["testGroups"]:
        key = _jwk(group.get("public") or {})
        if key is None:
            continue
        for test in group["tests"]:
            count += 1
            try:
                signed_payload(test["jws"], key)
                good = True
            except BindingError:
                good = False
            if good != (test["result"] == "valid"):
                misses[str(test["tcId"])] = f"{test['comment']}: {'accepted' if good else 'refused'}"
    return Suite("Wycheproof JSON Web Signature", "ID tokens: RS256 and ES256 keys", count, misses)


def _jwk(jwk: dict[str, Any]) -> trust.TrustedKey | None:
    """The trusted key of a JWK whose algorithm an identity provider may use; None for any other."""

    def number(name: str) -> int:
        return int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="))

    if jwk.get("alg") == "ES256":
        public = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return _trusted(public_key.P256, public.public_bytes(*form))
    if jwk.get("alg") == "RS256":
        numbers = rsa.RSAPublicNumbers(number("e"), number("n"))
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return _trusted(public_key.RSA, numbers.public_key().public_bytes(*form))
    return None


def _trusted(algorithm: str, public: bytes) -> trust.TrustedKey | None:
    if public_key.is_weak(algorithm, public):
        return None
    return trust.TrustedKey(public_key.key_id(algorithm, public), algorithm, public, "approver_idp", 0)


def _cctv(path: Path) -> Suite:
    items = json.loads(path.read_bytes())
    misses = {
        str(item["number"]): str(item["flags"]) for item in items if _verifies(*_cctv_parts(item)) != _cctv_good(item)
    }
    return Suite("C2SP CCTV Ed25519", "cofactorless, canonical, no point of small order", len(items), misses)


def _cctv_parts(item: dict[str, Any]) -> tuple[str, bytes, bytes, bytes]:
    return public_key.ED25519, bytes.fromhex(item["key"]), bytes.fromhex(item["sig"]), item["msg"].encode()


def _cctv_good(item: dict[str, Any]) -> bool:
    """What the format's rule makes of the flags: only components of small order in a sum do not matter."""
    return set(item["flags"] or ()) <= {"low_order_component_R", "low_order_component_A"}


_CHECKPOINT = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
_COSIGNED = (
    _CHECKPOINT
    + """— witness.example.com/w1 \
jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
)
_NOTE = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore \
NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""
_GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
_GO_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""


def _notes() -> Suite:
    """The examples of signed-note, tlog-checkpoint and tlog-cosignature; the first ones come without a public key."""
    text, lines = note.split_note(_NOTE.encode())
    checkpoint = note.parse_checkpoint(_CHECKPOINT.encode())
    witness = note.parse_checkpoint(_COSIGNED.encode()).signatures[1]
    vkey = cosignature.parse_vkey(_GO_KEY, note.ED25519)
    go_text, (go_line,) = note.split_note(_GO_NOTE.encode())
    holds = {
        "signed-note example": text.count(b"\n") == 4 and lines[0].name == "quasimodo.example/salvatore",
        "tlog-checkpoint example": (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163),
        "tlog-cosignature example": int.from_bytes(witness.value[:8]) == 1_679_315_147 and len(witness.value) == 72,
        "x/mod/sumdb/note example": go_line.key_id == vkey.key_id
        and ed25519.verifies(vkey.public, go_line.value, go_text),
    }
    misses = {name: "" for name, good in holds.items() if not good}
    return Suite("C2SP signed note, checkpoint, cosignature", "the examples of the specifications", len(holds), misses)


def _dsse(protocol: str) -> Suite:
    """The one example: its encoding, and its signature under its key."""
    numbers = {name: int(value) for name, value in re.findall(r"^([XY]): ([0-9]+)$", protocol, re.MULTILINE)}
    wanted = re.findall(r"^PAE:\n\n```none\n(.+)\n```$", protocol, re.MULTILINE)[0].encode()
    envelope = json.loads(re.findall(r"```json\n(.+?)```", protocol, re.DOTALL)[0])
    message = dsse.pae(envelope["payloadType"], base64.b64decode(envelope["payload"]))
    raw = base64.b64decode(envelope["signatures"][0]["sig"])
    point = b"\x04" + numbers["X"].to_bytes(32) + numbers["Y"].to_bytes(32)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    holds = {"encoding": message == wanted, "signature": _verifies(public_key.P256, point, der, message)}
    misses = {name: "" for name, good in holds.items() if not good}
    return Suite("DSSE protocol example", "pre-authentication encoding and signature", len(holds), misses)


def _a2a() -> Suite:
    misses, count = {}, 0
    for vector in a2ajcs.vectors("rfc8785"):
        count += 1
        made = canonical_payload(vector.text.encode())
        outcome, why = a2ajcs.outcome(vector.record, "bytes" if made is not None else "refused", made)
        if outcome != "pass":
            misses[vector.id] = why
    return Suite("a2a-jcs-v01", "RFC 8785 form of approved payloads", count, misses)


def _jcs_bytes() -> Suite:
    path = Path(agent_evidence_vectors.__file__).parent / "corpora/corpora/jcs-byte-vectors/cases.json"
    document = json.loads(path.read_bytes())
    misses = {}
    for case in document["canonicalCases"]:
        made = canonical_payload(case["input"].encode())
        if made is None or made.hex() != case["canonicalHex"]:
            misses[case["id"]] = "refused" if made is None else "other bytes"
    for case in document["rejectCases"]:
        if canonical_payload(case["input"].encode()) is not None:
            misses[case["id"]] = "accepted"
    return Suite(
        "jcs-byte-vectors/v1", "RFC 8785 form of approved payloads", sum(map(len, list(document.values())[1:])), misses
    )


def approval_suite_of() -> Suite:
    cases, misses = approval_suite.run()
    return Suite("approval-binding/v1", "first code of an approval, mapped to the suite's reason", cases, misses)


def unexplained(suites: list[Suite]) -> list[str]:
    """Misses that nobody has given a reason for, and reasons for what is no miss."""
    wrong = []
    for suite in suites:
        known = REASONS.get(suite.name, {})
        wrong += [f"{suite.name}: {case} ({why})" for case, why in suite.misses.items() if case not in known]
        wrong += [f"{suite.name}: {case} is no miss any more" for case in known if case not in suite.misses]
    return wrong


def table(suites: list[Suite]) -> str:
    lines = ["| suite | what of ours it is held against | cases | agree |", "|---|---|---:|---:|"]
    lines += [f"| {one.name} | {one.about} | {one.cases} | {one.cases - len(one.misses)} |" for one in suites]
    lines += ["", "Misses:", ""]
    for suite in suites:
        for case in suite.misses:
            lines.append(f"- {suite.name}, `{case}`: {REASONS[suite.name][case]}.")
    return "\n".join(lines)


def page_with(numbers: str) -> str:
    before, rest = PAGE.read_text().split(BEGIN)
    return f"{before}{BEGIN}\n\n{numbers}\n\n{END}{rest.split(END)[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    suites = list(run_all(options.data))
    wrong = unexplained(suites)
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        return 1
    if options.write:
        PAGE.write_text(page_with(table(suites)))
    else:
        print(table(suites))
    return 0


if __name__ == "__main__":
    sys.exit(main())
