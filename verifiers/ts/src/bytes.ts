/**
 * Bytes and their text forms. Every decoder is strict: one text per value, anything else is refused.
 */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of UTF-8 bytes, or null when they are not UTF-8 (overlong forms and surrogates are not). */
export function fromUtf8(raw: Uint8Array): string | null {
  try {
    return strictDecoder.decode(raw);
  } catch {
    return null;
  }
}

/** One character per byte. */
export function fromLatin1(raw: Uint8Array): string {
  let text = "";
  for (let at = 0; at < raw.length; at += 8192) text += String.fromCharCode(...raw.subarray(at, at + 8192));
  return text;
}

export function hex(raw: Uint8Array): string {
  let text = "";
  for (let at = 0; at < raw.length; at++) text += HEX[raw[at]!]!;
  return text;
}

/** Bytes of an even number of hex digits (the caller has checked the form). */
export function fromHex(text: string): Uint8Array {
  const raw = new Uint8Array(text.length >> 1);
  for (let at = 0; at < raw.length; at++) raw[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return raw;
}

export function base64(raw: Uint8Array): string {
  let text = "";
  let at = 0;
  for (; at + 2 < raw.length; at += 3) {
    const bits = (raw[at]! << 16) | (raw[at + 1]! << 8) | raw[at + 2]!;
    text += ALPHABET[bits >> 18]! + ALPHABET[(bits >> 12) & 63]! + ALPHABET[(bits >> 6) & 63]! + ALPHABET[bits & 63]!;
  }
  if (at + 1 === raw.length) text += ALPHABET[raw[at]! >> 2]! + ALPHABET[(raw[at]! & 3) << 4]! + "==";
  if (at + 2 === raw.length) {
    const bits = (raw[at]! << 8) | raw[at + 1]!;
    text += ALPHABET[bits >> 10]! + ALPHABET[(bits >> 4) & 63]! + ALPHABET[(bits & 15) << 2]! + "=";
  }
  return text;
}

const VALUES = new Int8Array(128).fill(-1);
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

/** Decode canonical standard base64 (padding, zero spare bits); null for anything else. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const raw = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = 0; i < text.length - padding; i++) {
    const char = text.charCodeAt(i);
    const value = char < 128 ? VALUES[char]! : -1;
    if (value < 0) return null;
    bits = ((bits << 6) | value) & 0xffffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      raw[at++] = (bits >> count) & 0xff;
    }
  }
  return (bits & ((1 << count) - 1)) === 0 ? raw : null;
}

/** Unpadded base64url of bytes. */
export function base64url(raw: Uint8Array): string {
  return base64(raw).replace(/=+$/, "").replace(/\+/g, "-").replace(/\//g, "_");
}

/** Decode canonical unpadded base64url; null for anything else. */
export function fromBase64url(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const standard = text.replace(/-/g, "+").replace(/_/g, "/");
  return fromBase64(standard + "=".repeat((4 - (standard.length % 4)) % 4));
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Order of texts by code point, which is also the order of their UTF-8 bytes. */
export function compareText(one: string, other: string): number {
  if (one === other) return 0;
  const size = Math.min(one.length, other.length);
  for (let at = 0; at < size; at++) {
    const a = one.charCodeAt(at);
    const b = other.charCodeAt(at);
    if (a !== b) return rank(a) - rank(b);
  }
  return one.length - other.length;
}

/** UTF-16 units so ordered that surrogates come after every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Number of code points. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let at = 0; at + 1 < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(at + 1);
      if (next >= 0xdc00 && next <= 0xdfff) {
        count--;
        at++;
      }
    }
  }
  return count;
}

/** An object without a prototype: keys such as `__proto__` are plain keys. */
export function record<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>;
}
