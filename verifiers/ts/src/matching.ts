/**
 * Compiled rules over the bytes of a line, that demand one canonical form: strings, constants, integers, arrays, objects.
 * They only ever accept; what they do not take, another checker names. Every line must be followed by a newline in its
 * buffer (no rule matches one, so nothing reads on) and by `MARGIN` bytes of whatever, because bytes are compared four at a
 * time.
 */

import { utf8 } from "./bytes.js";

/** Bytes that must follow a line in its buffer. */
export const MARGIN = 512;

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;

/** The bytes under work. Shared by all compiled functions: they run one line at a time. */
export let bytes: Uint8Array = new Uint8Array(0);
export let view: DataView = new DataView(new ArrayBuffer(0));

/** Take the bytes of a buffer under work. */
export function setBuffer(buffer: Uint8Array): void {
  if (buffer === bytes) return;
  bytes = buffer;
  view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Matches a value that begins at a place; where it ends, or `NONE`. */
export type Match = (from: number) => number;
export const NONE = -1;

/** What a byte is inside a string. */
const PLAIN = 0;
const END = 1;
const ESCAPE = 2;
const BAD = 3;
const WIDE = 4;
const KIND = new Uint8Array(256).fill(BAD, 0, 0x20).fill(WIDE, 0x80);
KIND[QUOTE] = END;
KIND[BACKSLASH] = ESCAPE;

/** Second characters of the two-character escapes. */
const SHORT_ESCAPE = new Uint8Array(256);
for (const char of '"\\bfnrt') SHORT_ESCAPE[char.charCodeAt(0)] = 1;

/** Bytes of the escape at `from`, 0 when it is not canonical. */
function escapeSize(from: number): number {
  const b = bytes;
  if (SHORT_ESCAPE[b[from + 1]!] === 1) return 2;
  if (b[from + 1] !== 0x75 || b[from + 2] !== ZERO || b[from + 3] !== ZERO) return 0;
  const high = b[from + 4]!;
  const low = b[from + 5]!;
  if (high !== ZERO && high !== 0x31) return 0;
  if (!((low >= ZERO && low <= 0x39) || (low >= 0x61 && low <= 0x66))) return 0;
  const value = (high - ZERO) * 16 + (low <= 0x39 ? low - ZERO : low - 0x57);
  return value === 8 || value === 9 || value === 10 || value === 12 || value === 13 ? 0 : 6;
}

/** Bytes of the UTF-8 sequence at `from` (its first byte is not ASCII), 0 when it is not one. */
function sequenceSize(from: number): number {
  const b = bytes;
  const first = b[from]!;
  const second = b[from + 1]!;
  const continues = (offset: number): boolean => (b[from + offset]! & 0xc0) === 0x80;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0;
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0;
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

/** Go on while four bytes are plain: none is a quote, a backslash, a control character or not ASCII. */
function pastPlain(from: number): number {
  const words = view;
  for (let i = from; ; i += 4) {
    const four = words.getInt32(i, true);
    const quotes = (four ^ 0x22222222) - 0x01010101;
    const backslashes = (four ^ 0x5c5c5c5c) - 0x01010101;
    if ((((four - 0x20202020) | four | quotes | backslashes) & 0x80808080) !== 0) return i;
  }
}

/** A string of `min` to `max` code points. */
export function textMatch(min: number, max: number): Match {
  return (from) => {
    const b = bytes;
    if (b[from] !== QUOTE) return NONE;
    let less = 0; // bytes beyond the first of a code point
    let i = from + 1;
    for (;;) {
      i = pastPlain(i);
      let kind = KIND[b[i]!]!;
      while (kind === PLAIN) kind = KIND[b[++i]!]!;
      if (kind === END) break;
      const size = kind === ESCAPE ? escapeSize(i) : kind === WIDE ? sequenceSize(i) : 0;
      if (size === 0) return NONE;
      i += size;
      less += size - 1;
    }
    const count = i - from - 1 - less;
    return count >= min && count <= max ? i + 1 : NONE;
  };
}

/** A text to compare with, at least four bytes of it as words; the last word overlaps the one before. */
interface Text {
  readonly size: number;
  readonly head: number;
  readonly rest: Int32Array;
}

export function textOf(raw: Uint8Array): Text {
  const words = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const rest: number[] = [];
  for (let offset = 4; offset < raw.length; offset += 4) rest.push(words.getInt32(Math.min(offset, raw.length - 4), true));
  return { size: raw.length, head: words.getInt32(0, true), rest: Int32Array.from(rest) };
}

/** Whether the text stands at `from`, where its first four bytes do. */
function continues({ size, rest }: Text, from: number): boolean {
  const words = view;
  const last = rest.length - 1;
  for (let i = 0; i < last; i++) if (words.getInt32(from + 4 + 4 * i, true) !== rest[i]) return false;
  return last < 0 || words.getInt32(from + size - 4, true) === rest[last];
}

/** A schema has a rule that is not known here. */
export class UnknownRuleError extends Error {}

/** One of some texts, given as JSON. Throws UnknownRuleError. */
export function constantMatch(texts: readonly string[]): Match {
  const encoded = texts.map(utf8);
  if (encoded.some(({ length }) => length > MARGIN)) throw new UnknownRuleError("a long constant");
  const short = encoded.filter(({ length }) => length < 4);
  const long = encoded.filter(({ length }) => length >= 4).map(textOf);
  return (from) => {
    const head = view.getInt32(from, true);
    for (let i = 0; i < long.length; i++) {
      const one = long[i]!;
      if (one.head === head && continues(one, from)) return from + one.size;
    }
    for (const one of short) if (isAt(one, from)) return from + one.length;
    return NONE;
  };
}

export function isAt(wanted: Uint8Array, from: number): boolean {
  const b = bytes;
  for (let i = 0; i < wanted.length; i++) if (b[from + i] !== wanted[i]) return false;
  return true;
}

/** The value of the last integer that was matched. */
let integer = 0;

export function integerMatch(min: number, max: number): Match {
  return (from) => {
    const b = bytes;
    const negative = b[from] === MINUS;
    const start = negative ? from + 1 : from;
    let i = start;
    let value = 0;
    for (let digit = b[i]! - ZERO; digit >= 0 && digit <= 9; digit = b[i]! - ZERO) {
      value = value * 10 + digit;
      i++;
    }
    const size = i - start;
    if (size === 0 || size > 16 || value > Number.MAX_SAFE_INTEGER) return NONE;
    if (b[start] === ZERO && (size > 1 || negative)) return NONE;
    integer = negative ? -value : value;
    return integer >= min && integer <= max ? i : NONE;
  };
}

export function arrayMatch(item: Match, min: number, max: number): Match {
  return (from) => {
    if (bytes[from] !== 0x5b) return NONE;
    if (bytes[from + 1] === 0x5d) return min === 0 ? from + 2 : NONE;
    let i = from;
    for (let count = 1; ; count++) {
      i = item(i + 1);
      if (i === NONE) return NONE;
      if (bytes[i] === 0x5d) return count >= min && count <= max ? i + 1 : NONE;
      if (bytes[i] !== COMMA) return NONE;
    }
  };
}

/** Where the value of a watched member begins and ends (-1: it is not there), and the integer it is, by slot. */
export const MAX_SLOTS = 64;
export const starts = new Int32Array(MAX_SLOTS);
export const ends = new Int32Array(MAX_SLOTS);
export const integers = new Float64Array(MAX_SLOTS);

/** A member of an object. key: its name in quotes, and the colon. */
export interface Member {
  readonly key: Text;
  readonly match: Match;
  readonly required: boolean;
  readonly slot: number;
}

export function objectMatch(members: readonly Member[]): Match {
  const count = members.length;
  const keys = members.map(({ key }) => key);
  const heads = Int32Array.from(keys, ({ head }) => head);
  const required = members.map((member) => member.required);
  const matches = members.map(({ match }) => match);
  const slots = members.map(({ slot }) => slot);
  return (from) => {
    if (bytes[from] !== 0x7b) return NONE;
    let next = 0;
    let i = from + 1;
    let end = bytes[i];
    while (end !== 0x7d) {
      const head = view.getInt32(i, true);
      for (; next < count; next++) {
        if (heads[next] === head && continues(keys[next]!, i)) break;
        if (required[next] === true) return NONE;
      }
      if (next === count) return NONE;
      const start = i + keys[next]!.size;
      i = matches[next]!(start);
      if (i === NONE) return NONE;
      const slot = slots[next]!;
      if (slot >= 0) {
        starts[slot] = start;
        ends[slot] = i;
        integers[slot] = integer;
      }
      next++;
      end = bytes[i];
      if (end === COMMA) {
        i++;
        if (bytes[i] === 0x7d) return NONE;
      } else if (end !== 0x7d) return NONE;
    }
    for (; next < count; next++) if (required[next] === true) return NONE;
    return i + 1;
  };
}
