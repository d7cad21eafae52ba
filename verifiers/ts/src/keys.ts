/**
 * Public keys of every algorithm the format knows: one form, one key id, one verification rule. Signatures are checked
 * by WebCrypto; which keys are refused is decided here, so that it does not depend on the platform.
 */

import { concat, equal, fromHex, hex } from "./bytes.js";
import { sha256, sha256Hex } from "./sha256.js";

export const ED25519 = "ed25519";
export const P256 = "ecdsa-p256-sha256";
export const RSA = "rsa-pkcs1-sha256";

/** The platform lacks what verification needs; its message says what and what to do. */
export class PlatformError extends Error {}

const ED25519_SPKI = fromHex("302a300506032b6570032100");
const P256_SPKI = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
const RSA_ALGORITHM = fromHex("300d06092a864886f70d0101010500");

const FIELD = 2n ** 255n - 19n;
const SMALL_ORDER_Y = new Set([
  0n,
  1n,
  FIELD - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
]);

const P256_FIELD = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Whether the algorithm is one this verifier knows. */
export function isKnown(algorithm: string): boolean {
  return algorithm === ED25519 || algorithm === P256 || algorithm === RSA;
}

/** SubjectPublicKeyInfo (DER) of a key of a known algorithm. */
function spki(algorithm: string, key: Uint8Array): Uint8Array {
  if (algorithm === ED25519) return concat([ED25519_SPKI, key]);
  return algorithm === P256 ? concat([P256_SPKI, key]) : key;
}

/** Hex SHA-256 of the key's SPKI. */
export function keyId(algorithm: string, key: Uint8Array): string {
  return sha256Hex(spki(algorithm, key));
}

/** True for a key that must not be trusted: malformed, not canonical, of small order, or too short. */
export function isWeak(algorithm: string, key: Uint8Array): boolean {
  if (algorithm === ED25519) return isWeakPoint(key);
  if (algorithm === P256) return !isP256Point(key);
  return algorithm !== RSA || !isStrictRsa(key);
}

function isWeakPoint(point: Uint8Array): boolean {
  if (point.length !== 32) return true;
  const y = number(point.slice().reverse()) & (2n ** 255n - 1n);
  return y >= FIELD || SMALL_ORDER_Y.has(y);
}

function isP256Point(point: Uint8Array): boolean {
  if (point.length !== 65 || point[0] !== 4) return false;
  const x = number(point.subarray(1, 33));
  const y = number(point.subarray(33));
  return x < P256_FIELD && y < P256_FIELD && (y * y - (x * x * x - 3n * x + P256_B)) % P256_FIELD === 0n;
}

/** SPKI of an RSA key in its one DER form: modulus of 2048 to 8192 bits, exponent 65537. */
function isStrictRsa(key: Uint8Array): boolean {
  const outer = readDer(key, 0x30);
  if (outer === null || outer.rest.length > 0 || !equal(outer.value.subarray(0, 15), RSA_ALGORITHM)) return false;
  const bits = readDer(outer.value.subarray(15), 0x03);
  if (bits === null || bits.rest.length > 0 || bits.value[0] !== 0) return false;
  const pair = readDer(bits.value.subarray(1), 0x30);
  if (pair === null || pair.rest.length > 0) return false;
  const modulus = readDer(pair.value, 0x02);
  if (modulus === null || !isPositive(modulus.value)) return false;
  const exponent = readDer(modulus.rest, 0x02);
  if (exponent === null || exponent.rest.length > 0 || hex(exponent.value) !== "010001") return false;
  const size = number(modulus.value).toString(2).length;
  return size >= 2048 && size <= 8192;
}

/** Whether a DER integer is positive and has no byte too many. */
function isPositive(value: Uint8Array): boolean {
  if (value.length === 0 || value[0]! >= 0x80) return false;
  return value[0] !== 0 || (value.length > 1 && value[1]! >= 0x80);
}

/** One DER element with a minimal length of at most two bytes; null for anything else. */
function readDer(raw: Uint8Array, tag: number): { value: Uint8Array; rest: Uint8Array } | null {
  if (raw.length < 2 || raw[0] !== tag) return null;
  let size = raw[1]!;
  let start = 2;
  if (size >= 0x80) {
    const wide = size - 0x80;
    if (wide < 1 || wide > 2 || raw.length < 2 + wide) return null;
    size = wide === 1 ? raw[2]! : (raw[2]! << 8) | raw[3]!;
    if (size < (wide === 1 ? 0x80 : 0x100)) return null;
    start += wide;
  }
  if (raw.length < start + size) return null;
  return { value: raw.subarray(start, start + size), rest: raw.subarray(start + size) };
}

function number(raw: Uint8Array): bigint {
  return raw.length === 0 ? 0n : BigInt(`0x${hex(raw)}`);
}

/** r || s of a strict DER signature (minimal, both numbers in 1..n-1), or null. */
export function rawEcdsa(signature: Uint8Array): Uint8Array | null {
  const outer = readDer(signature, 0x30);
  if (outer === null || outer.rest.length > 0) return null;
  const r = readDer(outer.value, 0x02);
  const s = r === null ? null : readDer(r.rest, 0x02);
  if (r === null || s === null || s.rest.length > 0) return null;
  const raw = new Uint8Array(64);
  for (const [at, part] of [[32, r.value], [64, s.value]] as const) {
    if (!isPositive(part) || number(part) >= P256_ORDER) return null;
    const digits = part[0] === 0 ? part.subarray(1) : part;
    raw.set(digits, at - digits.length);
  }
  return raw;
}

const imported = new Map<string, Promise<CryptoKey | null>>();

interface Scheme {
  readonly format: "raw" | "spki";
  readonly key: { name: string; namedCurve?: string; hash?: string };
  readonly verify: { name: string; hash?: string };
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  [ED25519]: { format: "raw", key: { name: "Ed25519" }, verify: { name: "Ed25519" } },
  [P256]: {
    format: "raw",
    key: { name: "ECDSA", namedCurve: "P-256" },
    verify: { name: "ECDSA", hash: "SHA-256" },
  },
  [RSA]: {
    format: "spki",
    key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    verify: { name: "RSASSA-PKCS1-v1_5" },
  },
};

/** A copy that WebCrypto's types accept. */
function buffer(raw: Uint8Array): ArrayBuffer {
  return raw.slice().buffer as ArrayBuffer;
}

function importKey(algorithm: string, key: Uint8Array): Promise<CryptoKey | null> {
  const name = `${algorithm} ${hex(key)}`;
  let found = imported.get(name);
  if (found === undefined) {
    const scheme = SCHEMES[algorithm]!;
    found = crypto.subtle.importKey(scheme.format, buffer(key), scheme.key, false, ["verify"]).then(
      (ready) => ready,
      () => null,
    );
    if (imported.size > 4096) imported.clear();
    imported.set(name, found);
  }
  return found;
}

/** Whether `signature` is the key's signature over `message`. ECDSA: strict DER. */
export async function verifies(
  algorithm: string,
  key: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  if (!isKnown(algorithm)) return false;
  if (algorithm === P256) {
    const raw = rawEcdsa(signature);
    return raw !== null && verifiesRaw(algorithm, key, raw, message);
  }
  return verifiesRaw(algorithm, key, signature, message);
}

/** As `verifies`, with ECDSA signatures as r || s. */
export async function verifiesRaw(
  algorithm: string,
  key: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  if (algorithm !== RSA && signature.length !== 64) return false;
  if (algorithm === ED25519 && isWeakPoint(signature.subarray(0, 32))) return false;
  if (isWeak(algorithm, key)) return false;
  const ready = await importKey(algorithm, key);
  if (ready === null) return false;
  return crypto.subtle.verify(SCHEMES[algorithm]!.verify, ready, buffer(signature), buffer(message));
}

/** HMAC-SHA-256 (RFC 2104) with a key of at most 64 bytes. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  const pad = (fill: number): Uint8Array => {
    const block = new Uint8Array(64).fill(fill);
    for (let at = 0; at < key.length; at++) block[at]! ^= key[at]!;
    return block;
  };
  return sha256(concat([pad(0x5c), sha256(concat([pad(0x36), message]))]));
}

/** Throws PlatformError unless WebCrypto is there and knows Ed25519 (RFC 8032 section 7.1, test 1). */
export async function requirePlatform(): Promise<void> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new PlatformError(
      "This page has no WebCrypto, so no signature can be checked. Open it from a file or over HTTPS, in a current browser.",
    );
  }
  const key = fromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const signature = fromHex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
  if (!(await verifies(ED25519, key, signature, new Uint8Array(0)))) {
    throw new PlatformError(
      "This browser's WebCrypto has no Ed25519, so no signature can be checked. Use a current browser, or clyra verify.",
    );
  }
}
