/**
 * DSSE envelopes (secure-systems-lab/dsse v1.0.2), read strictly: strict JSON and one newline, canonical base64, each
 * signature with the key id of its maker. Which key is trusted is decided by the caller.
 */

import { concat, fromBase64, utf8 } from "./bytes.js";
import { CanonicalError, checkStrict, isObject, type Json } from "./json.js";

export const MAX_ENVELOPE = 16 << 20;
const MAX_SIGNATURES = 16;

/** An envelope is malformed or of another type. `code` is an S2 code. */
export class DsseError extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
  ) {
    super(`${code}: ${detail}`);
  }
}

/** What can check a signature under a key id. */
export interface Verifier {
  verifies(signature: Uint8Array, message: Uint8Array): Promise<boolean>;
}

export class Envelope {
  constructor(
    readonly payload: Uint8Array,
    readonly payloadType: string,
    readonly signatures: readonly (readonly [keyId: string, value: Uint8Array])[],
  ) {}

  /** Pre-authentication encoding: what is really signed. */
  get message(): Uint8Array {
    const type = utf8(this.payloadType);
    return concat([utf8(`DSSEv1 ${type.length} `), type, utf8(` ${this.payload.length} `), this.payload]);
  }

  /** Key ids of `keys` with a valid signature here, in the order of the file. */
  async signers(keys: ReadonlyMap<string, Verifier>): Promise<string[]> {
    const { message } = this;
    const found: string[] = [];
    for (const [name, value] of this.signatures) {
      if (await keys.get(name)?.verifies(value, message)) found.push(name);
    }
    return found;
  }
}

function malformed(detail: string): DsseError {
  return new DsseError("E_DSSE_FORMAT", detail);
}

function hasKeys(value: Json | undefined, ...names: string[]): boolean {
  return isObject(value) && Object.keys(value).length === names.length && names.every((name) => name in value);
}

/** Read an envelope file of one type. Throws DsseError. Verifies nothing. */
export function parseEnvelope(raw: Uint8Array, payloadType: string): Envelope {
  if (raw.length > MAX_ENVELOPE) throw malformed("the envelope is too long");
  if (raw[raw.length - 1] !== 0x0a) throw malformed("not in the compact form");
  try {
    return envelopeOf(checkStrict(raw.subarray(0, -1), MAX_ENVELOPE), payloadType);
  } catch (error) {
    if (error instanceof CanonicalError) throw malformed(error.detail);
    throw error;
  }
}

/** The envelope of an already parsed value. Throws DsseError. */
export function envelopeOf(document: Json, payloadType: string): Envelope {
  if (!isObject(document) || !hasKeys(document, "payload", "payloadType", "signatures")) {
    throw malformed("not a DSSE envelope");
  }
  if (document["payloadType"] !== payloadType) throw new DsseError("E_DSSE_TYPE", `not ${payloadType}`);
  const listed = document["signatures"];
  if (!Array.isArray(listed) || listed.length < 1 || listed.length > MAX_SIGNATURES) {
    throw malformed("1 to 16 signatures expected");
  }
  return new Envelope(decode(document["payload"]), payloadType, listed.map(signatureOf));
}

function signatureOf(item: Json): readonly [string, Uint8Array] {
  if (!isObject(item) || !hasKeys(item, "keyid", "sig") || typeof item["keyid"] !== "string") {
    throw malformed("a signature has keyid and sig");
  }
  return [item["keyid"], decode(item["sig"])];
}

function decode(text: Json | undefined): Uint8Array {
  const raw = typeof text === "string" ? fromBase64(text) : null;
  if (raw === null) throw malformed("bad base64");
  return raw;
}
