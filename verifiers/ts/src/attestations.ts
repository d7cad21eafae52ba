/**
 * What others say about this bundle: signed results that name it by its digest. Whether what they say is right is not
 * judged here.
 */

import { DsseError, MAX_ENVELOPE, parseEnvelope, type Envelope } from "./dsse.js";
import { CanonicalError, checkStrict, isObject, type Json } from "./json.js";
import type { KeyRing } from "./rotation.js";
import { NAMESPACE, STATEMENT_PAYLOAD, STATEMENT_TYPE } from "./statement.js";

const RESULTS: readonly (Json | undefined)[] = [
  `${NAMESPACE}/compliance/result/v0`,
  "https://in-toto.io/attestation/svr/v0.2",
];

/** The code of the first thing that is wrong, or "". bundle: `sha256:...`. */
export async function attestationRefusal(
  raw: Uint8Array,
  ring: KeyRing,
  bundle: string,
  end: number,
): Promise<string> {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(raw, STATEMENT_PAYLOAD);
  } catch (error) {
    if (error instanceof DsseError) return error.code;
    throw error;
  }
  const keys = new Map([...ring.ofRole("seal"), ...ring.ofRole("auditor")]);
  const signers = await envelope.signers(keys);
  const named = envelope.signatures.filter(([id]) => keys.has(id)).length;
  if (signers.length !== named || signers.every((id) => keys.get(id)!.refusalAt(end, false) !== "")) {
    return "E_DSSE_SIG";
  }
  return statementRefusal(envelope.payload, bundle);
}

function statementRefusal(payload: Uint8Array, bundle: string): string {
  let document: Json;
  try {
    document = checkStrict(payload, MAX_ENVELOPE);
  } catch (error) {
    if (error instanceof CanonicalError) return "E_STMT_TYPE";
    throw error;
  }
  if (!isObject(document) || document["_type"] !== STATEMENT_TYPE) return "E_STMT_TYPE";
  const subjects = document["subject"];
  if (!Array.isArray(subjects)) return "E_STMT_TYPE";
  if (!RESULTS.includes(document["predicateType"])) return "E_STMT_PREDICATE";
  return subjects.some((subject) => `sha256:${digestOf(subject)}` === bundle) ? "" : "E_MEMBER_DIGEST";
}

function digestOf(subject: Json): string {
  const digest = isObject(subject) ? subject["digest"] : undefined;
  const found = isObject(digest) ? digest["sha256"] : undefined;
  return typeof found === "string" ? found : "";
}
