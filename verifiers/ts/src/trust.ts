/**
 * The trust file: which keys may speak for one log, in which role, over which range of tree sizes. A DSSE envelope over
 * DEF-JSON, signed by the root keys it names (m of n). It says nothing about itself being the right one: its reader got
 * it from someone he trusts, or it is signed by enough roots of the file before it.
 */

import { fromHex, hex } from "./bytes.js";
import { DsseError, parseEnvelope, type Envelope, type Verifier } from "./dsse.js";
import { CanonicalError, checkDef, type JsonObject } from "./json.js";
import { ED25519, P256, RSA, isWeak, keyId, verifies } from "./keys.js";
import { isKeyName } from "./note.js";
import { compileSchema } from "./schema.js";
import { closed, HEX64, ORIGIN } from "./statement.js";

const PAYLOAD_TYPE = "application/vnd.clyra.trust+json";
const MAX_TRUST = 1 << 20;

const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  root: [ED25519, P256],
  log: [ED25519],
  seal: [ED25519, P256],
  approver_idp: [ED25519, P256, RSA],
  witness: [ED25519],
  auditor: [ED25519, P256],
};

const SIZE: JsonObject = { type: "integer", minimum: 0 };
const TEXT: JsonObject = { type: "string", minLength: 1, maxLength: 256 };
const KEY = closed(
  {
    keyid: HEX64,
    alg: { type: "string", maxLength: 64 },
    pub: { type: "string", pattern: "^([0-9a-f]{2})+$", maxLength: 4096 },
    role: { enum: Object.keys(ALGORITHMS) },
    valid_from_size: SIZE,
    valid_until_size: SIZE,
    state: { enum: ["active", "retired", "compromised"] },
    compromised_from_size: SIZE,
    name: { type: "string", minLength: 1, maxLength: 200 },
    same_admin: { type: "boolean" },
    iss: TEXT,
    sub_c: HEX64,
    rp_id: TEXT,
    credential_sha256: HEX64,
  },
  [
    "valid_until_size",
    "compromised_from_size",
    "name",
    "same_admin",
    "iss",
    "sub_c",
    "rp_id",
    "credential_sha256",
  ],
);
const isTrustDocument = compileSchema(
  closed(
    {
      v: { const: "def-trust/0" },
      version: { type: "integer", minimum: 1 },
      origin: ORIGIN,
      threshold: { type: "integer", minimum: 1, maximum: 16 },
      expires_size: SIZE,
      keys: { type: "array", minItems: 1, maxItems: 256, items: KEY },
      witness: closed({ need: { type: "integer", minimum: 0, maximum: 16 } }),
      tsa: {
        type: "array",
        maxItems: 16,
        items: closed({ name: TEXT, certificate: { type: "string", maxLength: 32_768 } }),
      },
    },
    ["expires_size", "witness", "tsa"],
  ),
);

/** A trust file cannot be used. `code` is an S1 code. */
export class TrustError extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
  ) {
    super(`${code}: ${detail}`);
  }
}

/** A public key with its algorithm and id. */
export class PublicKey implements Verifier {
  constructor(
    readonly keyId: string,
    readonly alg: string,
    readonly key: Uint8Array,
  ) {}

  verifies(signature: Uint8Array, message: Uint8Array): Promise<boolean> {
    return verifies(this.alg, this.key, signature, message);
  }
}

/** What a key may do. until, compromisedFrom: tree sizes, Infinity when open. */
export interface Bounds {
  readonly role: string;
  readonly validFrom: number;
  readonly until: number;
  readonly compromisedFrom: number;
  readonly delegated: boolean;
}

/** About the person or party behind a key; "" and false when not said. */
export interface About {
  readonly name: string;
  readonly sameAdmin: boolean;
  readonly iss: string;
  readonly subC: string;
  readonly rpId: string;
}

const NOBODY: About = { name: "", sameAdmin: false, iss: "", subC: "", rpId: "" };

/** One key in force, and where. */
export class TrustedKey extends PublicKey {
  constructor(
    keyId: string,
    alg: string,
    key: Uint8Array,
    readonly bounds: Bounds,
    readonly about: About = NOBODY,
  ) {
    super(keyId, alg, key);
  }

  get role(): string {
    return this.bounds.role;
  }

  /** The code for using this key at a tree size, or "". lower: whether it may be too new for that size. */
  refusalAt(size: number, lower = true): string {
    const { validFrom, until, compromisedFrom, delegated } = this.bounds;
    if (size >= compromisedFrom) return "E_KEY_COMPROMISED";
    if (size > until) return delegated ? "E_DELEGATION_RANGE" : "E_KEY_NOT_VALID_AT_SIZE";
    return lower && size < validFrom ? "E_KEY_NOT_VALID_AT_SIZE" : "";
  }

  /** The same key with bounds that are at most these. An earlier end than a delegation's own is no delegation's. */
  tightened(until: number, compromisedFrom: number): TrustedKey {
    const bounds = {
      ...this.bounds,
      delegated: this.bounds.delegated && this.bounds.until <= until,
      until: Math.min(this.bounds.until, until),
      compromisedFrom: Math.min(this.bounds.compromisedFrom, compromisedFrom),
    };
    return new TrustedKey(this.keyId, this.alg, this.key, bounds, this.about);
  }
}

/** What the trust file after this one must be signed by, and may not go back behind. */
export interface Authority {
  readonly origin: string;
  readonly version: number;
  readonly threshold: number;
  readonly roots: readonly PublicKey[];
}

/** A checked trust file. witnessNeed: 0 when it asks for no witness. */
export interface Trust extends Authority {
  readonly keys: readonly TrustedKey[];
  readonly expiresSize: number;
  readonly witnessNeed: number;
  readonly envelope: Envelope;
}

function byId<Key extends PublicKey>(keys: readonly Key[]): Map<string, Key> {
  return new Map(keys.map((key) => [key.keyId, key]));
}

/** Read and check a trust file. Throws TrustError. */
export async function loadTrust(raw: Uint8Array): Promise<Trust> {
  const { envelope, document } = parseTrust(raw);
  const keys = (document["keys"] as JsonObject[]).map(parseKey);
  if (new Set(keys.map(({ key }) => hex(key))).size !== keys.length) {
    throw new TrustError("E_KEY_DUP", "one public key is listed twice; one key has one role");
  }
  const roots = keys.filter(({ role }) => role === "root");
  const known = byId(roots);
  const signers = await envelope.signers(known);
  if (signers.length !== envelope.signatures.filter(([id]) => known.has(id)).length) {
    throw new TrustError("E_TRUST_SIG", "a root key's signature on the trust file is wrong");
  }
  const threshold = document["threshold"] as number;
  if (new Set(signers).size < threshold) {
    throw new TrustError("E_TRUST_THRESHOLD", `${new Set(signers).size} root signatures, ${threshold} needed`);
  }
  return {
    origin: document["origin"] as string,
    version: document["version"] as number,
    threshold,
    roots,
    keys,
    expiresSize: (document["expires_size"] as number | undefined) ?? Infinity,
    witnessNeed: ((document["witness"] as JsonObject | undefined)?.["need"] as number | undefined) ?? 0,
    envelope,
  };
}

/** A trust file that follows another: never older, and signed by enough of the old roots. Throws TrustError. */
export async function checkSuccession(trust: Trust, before: Authority): Promise<void> {
  if (trust.origin !== before.origin) throw new TrustError("E_TRUST_SIG", "the file before it is of another log");
  if (trust.version < before.version) throw new TrustError("E_TRUST_SIG", "an older version than one seen before");
  const signers = new Set(await trust.envelope.signers(byId(before.roots)));
  if (signers.size < before.threshold) {
    throw new TrustError("E_TRUST_THRESHOLD", `${signers.size} of the roots before it, ${before.threshold} needed`);
  }
}

function parseTrust(raw: Uint8Array): { envelope: Envelope; document: JsonObject } {
  try {
    const envelope = parseEnvelope(raw, PAYLOAD_TYPE);
    const document = checkDef(envelope.payload, MAX_TRUST);
    if (isTrustDocument(document)) return { envelope, document: document as JsonObject };
  } catch (error) {
    if (!(error instanceof DsseError || error instanceof CanonicalError)) throw error;
    throw new TrustError("E_TRUST_SIG", `not a trust file: ${error.detail}`);
  }
  throw new TrustError("E_TRUST_SIG", "the trust document does not satisfy its schema");
}

function parseKey(item: JsonObject): TrustedKey {
  const { role, alg, pub, keyid } = item as { role: string; alg: string; pub: string; keyid: string };
  const key = fromHex(pub);
  if (!ALGORITHMS[role]!.includes(alg)) throw new TrustError("E_KEY_ALG", `a ${role} key cannot be of this algorithm`);
  if (isWeak(alg, key)) throw new TrustError("E_KEY_WEAK", "a public key is weak or not canonical");
  if (keyId(alg, key) !== keyid) throw new TrustError("E_TRUST_SIG", "a key id is not the digest of its key");
  const text = (name: string): string => (item[name] as string | undefined) ?? "";
  const size = (name: string): number => (item[name] as number | undefined) ?? Infinity;
  if (role === "witness" && !isKeyName(text("name"))) {
    throw new TrustError("E_TRUST_SIG", "a witness needs the name of its note key");
  }
  const stated = size("compromised_from_size");
  return new TrustedKey(
    keyid,
    alg,
    key,
    {
      role,
      validFrom: item["valid_from_size"] as number,
      until: size("valid_until_size"),
      compromisedFrom: stated === Infinity && item["state"] === "compromised" ? 0 : stated,
      delegated: false,
    },
    {
      name: text("name"),
      sameAdmin: item["same_admin"] === true,
      iss: text("iss"),
      subC: text("sub_c"),
      rpId: text("rp_id"),
    },
  );
}
