/**
 * JSON with exactly one byte form. DEF-JSON (records, reports, trust and memory files) has keys `[a-z0-9_]{1,64}`;
 * strict JSON (statements, envelopes) has any keys. Both: UTF-8 without BOM or white space, keys ascending and unique,
 * integers |n| <= 2^53-1, the shortest escapes, at most 16 levels.
 *
 * `checkDef` names the first rule that is broken, in a fixed order: size, UTF-8, depth, then in reading order what is
 * not JSON, a key twice, a bad key name, a bad number, and last any other deviation from the one form.
 */

import { compareText, fromUtf8, record, utf8 } from "./bytes.js";

export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

export const MAX_BYTES = 65_535;
export const MAX_DEPTH = 16;

/** Bytes outside the form. `code` is an S5 code. */
export class CanonicalError extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
  ) {
    super(`${code}: ${detail}`);
  }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parse DEF-JSON. Throws CanonicalError. */
export function checkDef(raw: Uint8Array, limit: number = MAX_BYTES): Json {
  return check(raw, limit, true);
}

/** Parse strict JSON: as DEF-JSON, but with any keys. Throws CanonicalError. */
export function checkStrict(raw: Uint8Array, limit: number): Json {
  return check(raw, limit, false);
}

function check(raw: Uint8Array, limit: number, named: boolean): Json {
  if (raw.length > limit) throw new CanonicalError("E_SIZE", `${raw.length} bytes, at most ${limit}`);
  const text = fromUtf8(raw);
  if (text === null) throw new CanonicalError("E_UTF8", "not UTF-8");
  if (depthOf(text) > MAX_DEPTH) throw new CanonicalError("E_DEPTH", `more than ${MAX_DEPTH} levels`);
  const reader = new Reader(text, named, true);
  const value = reader.document();
  if (reader.loneSurrogate) throw new CanonicalError("E_UTF8", "half of a surrogate pair");
  if (encodeText(value) !== text) throw new CanonicalError("E_CANON", "not in canonical form");
  return value;
}

/**
 * A JSON object that somebody else wrote in a form of his own (RFC 8259): UTF-8, unique keys, no lone surrogates, at most
 * 16 levels. Numbers that are not integers within 2^53-1 are NaN. Null when it is not one.
 */
export function readWebObject(raw: Uint8Array): JsonObject | null {
  const text = fromUtf8(raw);
  if (text === null || depthOf(text) > MAX_DEPTH) return null;
  const reader = new Reader(text, false, false);
  try {
    const value = reader.document();
    return isObject(value) && !reader.loneSurrogate ? value : null;
  } catch (error) {
    if (error instanceof CanonicalError) return null;
    throw error;
  }
}

/** The one text of a value. */
export function encodeText(value: Json): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(encodeText).join(",")}]`;
  const keys = Object.keys(value).sort(compareText);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${encodeText(value[key]!)}`).join(",")}}`;
}

export function encode(value: Json): Uint8Array {
  return utf8(encodeText(value));
}

/** Deepest nesting, counted outside strings, whether or not the text is JSON. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (quoted) {
      if (char === 0x5c) at++;
      else if (char === 0x22) quoted = false;
    } else if (char === 0x22) quoted = true;
    else if (char === 0x5b || char === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (char === 0x5d || char === 0x7d) depth--;
  }
  return deepest;
}

const KEY = /^[a-z0-9_]{1,64}$/;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HEX4 = /[0-9a-fA-F]{4}/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** A reader of JSON at large (white space and any escapes too) that refuses in reading order. */
class Reader {
  loneSurrogate = false;
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly named: boolean,
    private readonly integers: boolean,
  ) {}

  document(): Json {
    this.space();
    const value = this.value();
    this.space();
    if (this.at !== this.text.length) throw this.notJson();
    return value;
  }

  private value(): Json {
    const char = this.text[this.at];
    if (char === '"') return this.string();
    if (char === "{") return this.object();
    if (char === "[") return this.array();
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }

  private number(): number {
    const found = this.match(NUMBER);
    if (found === null) throw this.notJson();
    if (!this.integers) return webNumber(found);
    if (found[1] !== undefined || found[2] !== undefined) {
      throw new CanonicalError("E_NUM", "a number that is not an integer");
    }
    const value = Number(found[0]);
    if (found[0] === "-0" || found[0].length > 17 || !Number.isSafeInteger(value)) {
      throw new CanonicalError("E_NUM", "an integer beyond 2^53-1, or -0");
    }
    return value;
  }

  private array(): Json[] {
    const items: Json[] = [];
    this.at++;
    this.space();
    if (this.take("]")) return items;
    for (;;) {
      items.push(this.value());
      this.space();
      if (this.take("]")) return items;
      this.need(",");
      this.space();
    }
  }

  /** Keys are judged when the object ends, pair by pair. */
  private object(): JsonObject {
    const pairs: [string, Json][] = [];
    this.at++;
    this.space();
    if (!this.take("}")) {
      for (;;) {
        if (this.text[this.at] !== '"') throw this.notJson();
        const key = this.string();
        this.space();
        this.need(":");
        this.space();
        pairs.push([key, this.value()]);
        this.space();
        if (this.take("}")) break;
        this.need(",");
        this.space();
      }
    }
    const found = record<Json>();
    for (const [key, value] of pairs) {
      if (key in found) throw new CanonicalError("E_DUP_KEY", "an object has the same key twice");
      if (this.named && !KEY.test(key)) throw new CanonicalError("E_KEYNAME", "a key is not [a-z0-9_]{1,64}");
      found[key] = value;
    }
    return found;
  }

  private string(): string {
    let value = "";
    let escaped = false;
    this.at++;
    for (;;) {
      value += this.match(PLAIN)![0];
      const char = this.text[this.at++];
      if (char === '"') break;
      if (char !== "\\") throw this.notJson();
      escaped = true;
      value += this.escape();
    }
    if (escaped && hasLoneSurrogate(value)) this.loneSurrogate = true;
    return value;
  }

  private escape(): string {
    const char = this.text[this.at++];
    if (char === "u") {
      const digits = this.match(HEX4);
      if (digits === null) throw this.notJson();
      return String.fromCharCode(parseInt(digits[0], 16));
    }
    const plain = char === undefined ? undefined : ESCAPES[char];
    if (plain === undefined) throw this.notJson();
    return plain;
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  private space(): void {
    this.match(SPACE);
  }

  private take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  private need(char: string): void {
    if (!this.take(char)) throw this.notJson();
  }

  private notJson(): CanonicalError {
    return new CanonicalError("E_CANON", `not JSON at character ${this.at}`);
  }
}

function webNumber(found: RegExpExecArray): number {
  const value = Number(found[0]);
  return found[1] === undefined && found[2] === undefined && Number.isSafeInteger(value) ? value : NaN;
}

const WORDS: readonly [string, Json][] = [
  ["null", null],
  ["true", true],
  ["false", false],
];

function hasLoneSurrogate(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(at + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return true;
    at++;
  }
  return false;
}
