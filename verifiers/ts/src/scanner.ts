/**
 * A fast way to accept what is surely sound: the closed schema of a record type, compiled to functions that run over the
 * bytes of a line and demand its one canonical form. It only ever accepts; whatever it does not take goes to the checker
 * that names what is wrong. A schema with a rule it does not know is not compiled at all.
 *
 * Every line must be followed by a newline in its buffer (no rule matches one, so nothing reads on) and by `MARGIN` bytes
 * of whatever, because bytes are compared four at a time.
 */

import { utf8 } from "./bytes.js";
import { encodeText, isObject, MAX_BYTES, MAX_DEPTH, type Json, type JsonObject } from "./json.js";

/** Bytes that must follow a line in its buffer. */
export const MARGIN = 512;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;

/** The bytes under work. Shared by all compiled functions: they run one line at a time. */
let bytes: Uint8Array = new Uint8Array(0);
let view: DataView = new DataView(new ArrayBuffer(0));

/** Matches a value that begins at a place; where it ends, or `NONE`. */
type Match = (from: number) => number;
const NONE = -1;

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
function textMatch(min: number, max: number): Match {
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

function textOf(raw: Uint8Array): Text {
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

/** One of some texts, given as JSON. */
function constantMatch(texts: readonly string[]): Match {
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

function isAt(wanted: Uint8Array, from: number): boolean {
  const b = bytes;
  for (let i = 0; i < wanted.length; i++) if (b[from + i] !== wanted[i]) return false;
  return true;
}

/** The value of the last integer that was matched. */
let integer = 0;

function integerMatch(min: number, max: number): Match {
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

/** Part of a pattern: `min` to `max` characters of a class. */
interface Run {
  readonly known: Uint8Array;
  readonly min: number;
  readonly max: number;
}

/**
 * A pattern that is a row of character classes with counts, read greedily; null for any other. Reading greedily may
 * refuse what the pattern allows, never the other way round. A class holds no quote and no backslash.
 */
function patternMatch(pattern: string): Match | null {
  const hex = /^\^\[0-9a-f\]\{([0-9]+)\}\$$/.exec(pattern);
  if (hex !== null && Number(hex[1]) % 4 === 0) return hexMatch(Number(hex[1]));
  const runs = parsePattern(pattern);
  if (runs === null) return null;
  return runs.every(({ min, max }) => min === max) ? fixedMatch(runs) : runsMatch(runs);
}

/** A number of hex digits, a multiple of four. */
function hexMatch(size: number): Match {
  return (from) => {
    const words = view;
    const end = from + 1 + size;
    if (bytes[from] !== QUOTE || bytes[end] !== QUOTE) return NONE;
    for (let i = from + 1; i < end; i += 4) {
      // In each byte the top bit says: at least "0", above "9", at least "a", above "f".
      const four = words.getInt32(i, true);
      const digit = (four + 0x50505050) & ~(four + 0x46464646);
      const letter = (four + 0x1f1f1f1f) & ~(four + 0x19191919);
      if ((four & 0x80808080) !== 0 || ((digit | letter) & 0x80808080) !== (0x80808080 | 0)) return NONE;
    }
    return end + 1;
  };
}

/** Characters of given classes, one after the other. */
function fixedMatch(runs: readonly Run[]): Match {
  const classes = runs.flatMap(({ known, min }) => Array.from({ length: min }, () => known));
  const size = classes.length;
  return (from) => {
    const b = bytes;
    const start = from + 1;
    if (b[from] !== QUOTE || b[start + size] !== QUOTE) return NONE;
    for (let i = 0; i < size; i++) if (classes[i]![b[start + i]!] !== 1) return NONE;
    return start + size + 1;
  };
}

function runsMatch(runs: readonly Run[]): Match {
  return (from) => {
    const b = bytes;
    if (b[from] !== QUOTE) return NONE;
    let i = from + 1;
    for (const { known, min, max } of runs) {
      const stop = i + max;
      const least = i + min;
      while (i < stop && known[b[i]!] === 1) i++;
      if (i < least) return NONE;
    }
    return b[i] === QUOTE ? i + 1 : NONE;
  };
}

const PATTERN_PART = /(?:\[([a-zA-Z0-9._:-]+)\]|\\?([a-zA-Z0-9:.-]))(?:\{([0-9]+)(?:,([0-9]+))?\})?/y;

function parsePattern(pattern: string): Run[] | null {
  if (!pattern.startsWith("^") || !pattern.endsWith("$")) return null;
  const runs: Run[] = [];
  for (let from = 1; from < pattern.length - 1; from = PATTERN_PART.lastIndex) {
    PATTERN_PART.lastIndex = from;
    const match = PATTERN_PART.exec(pattern);
    if (match === null) return null;
    const [whole, group, single, min, max] = match;
    if (single !== undefined && (whole.startsWith("\\") !== (single === "."))) return null;
    const known = group === undefined ? characters(single!) : classOf(group);
    if (known === null) return null;
    const least = min === undefined ? 1 : Number(min);
    runs.push({ known, min: least, max: max === undefined ? least : Number(max) });
  }
  return runs;
}

function characters(text: string): Uint8Array {
  const known = new Uint8Array(256);
  for (const char of text) known[char.charCodeAt(0)] = 1;
  return known;
}

function classOf(group: string): Uint8Array | null {
  let text = "";
  for (let i = 0; i < group.length; i++) {
    if (group[i + 1] === "-" && i + 2 < group.length) {
      for (let code = group.charCodeAt(i); code <= group.charCodeAt(i + 2); code++) text += String.fromCharCode(code);
      i += 2;
    } else {
      text += group[i]!;
    }
  }
  return text === "" ? null : characters(text);
}

function arrayMatch(item: Match, min: number, max: number): Match {
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
const MAX_SLOTS = 64;
const starts = new Int32Array(MAX_SLOTS);
const ends = new Int32Array(MAX_SLOTS);
const integers = new Float64Array(MAX_SLOTS);

/** A member of an object. key: its name in quotes, and the colon. */
interface Member {
  readonly key: Text;
  readonly match: Match;
  readonly required: boolean;
  readonly slot: number;
}

function objectMatch(members: readonly Member[]): Match {
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

/** A schema has a rule that is not known here. */
class UnknownRuleError extends Error {}

const ANNOTATIONS = new Set(["$schema", "title"]);

/** Watched members by path (`data.phase`); one numbering for one record type. */
class Slots {
  private readonly byPath = new Map<string, number>();

  of(path: string): number {
    let slot = this.byPath.get(path);
    if (slot === undefined) {
      slot = this.byPath.size;
      if (slot === MAX_SLOTS) throw new UnknownRuleError("too many watched members");
      this.byPath.set(path, slot);
    }
    return slot;
  }

  known(path: string): number {
    return this.byPath.get(path) ?? -1;
  }

  get count(): number {
    return this.byPath.size;
  }
}

function only(schema: JsonObject, ...known: string[]): void {
  for (const keyword of Object.keys(schema)) {
    if (!known.includes(keyword) && !ANNOTATIONS.has(keyword)) throw new UnknownRuleError(keyword);
  }
}

function compile(schema: Json, path: string, slots: Slots, depth: number): Match {
  if (!isObject(schema) || depth > MAX_DEPTH) throw new UnknownRuleError(path);
  if ("const" in schema) {
    only(schema, "const");
    return constantMatch([encodeText(schema["const"]!)]);
  }
  if ("enum" in schema) {
    only(schema, "enum");
    return constantMatch((schema["enum"] as Json[]).map(encodeText));
  }
  const number = (name: string, otherwise: number): number => (schema[name] as number | undefined) ?? otherwise;
  switch (schema["type"]) {
    case "string": {
      if (!("pattern" in schema)) {
        only(schema, "type", "minLength", "maxLength");
        return textMatch(number("minLength", 0), number("maxLength", Infinity));
      }
      only(schema, "type", "pattern");
      const match = patternMatch(schema["pattern"] as string);
      if (match === null) throw new UnknownRuleError(`pattern of ${path}`);
      return match;
    }
    case "integer":
      only(schema, "type", "minimum", "maximum");
      return integerMatch(number("minimum", -Infinity), number("maximum", Infinity));
    case "boolean":
      only(schema, "type");
      return constantMatch(["true", "false"]);
    case "array":
      only(schema, "type", "items", "minItems", "maxItems");
      return arrayMatch(
        compile(schema["items"]!, `${path}[]`, slots, depth + 1),
        number("minItems", 0),
        number("maxItems", Infinity),
      );
    case "object":
      only(schema, "type", "properties", "required", "additionalProperties");
      return compileObject(schema, path, slots, depth);
    default:
      throw new UnknownRuleError(path);
  }
}

function compileObject(schema: JsonObject, path: string, slots: Slots, depth: number): Match {
  if (schema["additionalProperties"] !== false) throw new UnknownRuleError(`open object ${path}`);
  const properties = schema["properties"] as JsonObject;
  const required = (schema["required"] as string[] | undefined) ?? [];
  if (!required.every((name) => name in properties)) throw new UnknownRuleError(`required of ${path}`);
  const members = Object.keys(properties)
    .sort()
    .map((name): Member => {
      const inner = path === "" ? name : `${path}.${name}`;
      return {
        key: textOf(utf8(`"${name}":`)),
        match: compile(properties[name]!, inner, slots, depth + 1),
        required: required.includes(name),
        slot: slots.known(inner),
      };
    });
  return objectMatch(members);
}

type Condition = () => boolean;

/** A rule about members that are there or not, over the slots of a matched record. */
function compileCondition(schema: Json, path: string, slots: Slots): Condition {
  if (!isObject(schema)) throw new UnknownRuleError(path);
  only(schema, "const", "properties", "required", "allOf", "if", "then", "else");
  const all: Condition[] = [];
  const inner = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if ("const" in schema) {
    const wanted = utf8(encodeText(schema["const"]!));
    const slot = slots.of(path);
    all.push(() => ends[slot]! - starts[slot]! === wanted.length && isAt(wanted, starts[slot]!));
  }
  for (const name of (schema["required"] as string[] | undefined) ?? []) {
    const slot = slots.of(inner(name));
    all.push(() => starts[slot]! >= 0);
  }
  for (const [name, rule] of Object.entries((schema["properties"] as JsonObject | undefined) ?? {})) {
    const slot = slots.of(inner(name));
    const match = compileCondition(rule, inner(name), slots);
    all.push(() => starts[slot]! < 0 || match());
  }
  for (const rule of (schema["allOf"] as Json[] | undefined) ?? []) all.push(compileCondition(rule, path, slots));
  if ("if" in schema) {
    const when = compileCondition(schema["if"]!, path, slots);
    const then = compileCondition(schema["then"] ?? {}, path, slots);
    const otherwise = compileCondition(schema["else"] ?? {}, path, slots);
    all.push(() => (when() ? then() : otherwise()));
  }
  return () => {
    for (const match of all) if (!match()) return false;
    return true;
  };
}

/** Text of a watched string, remembered while it stays the same. The string has no escapes and is ASCII. */
class Remembered {
  private readonly raw = new Uint8Array(256);
  private size = -1;
  private text = "";

  read(slot: number): string {
    const b = bytes;
    const raw = this.raw;
    const from = starts[slot]! + 1;
    const size = ends[slot]! - 1 - from;
    let same = size === this.size;
    for (let i = 0; same && i < size; i++) same = b[from + i] === raw[i];
    if (same) return this.text;
    for (let i = 0; i < size; i++) raw[i] = b[from + i]!;
    this.size = size;
    this.text = String.fromCharCode.apply(null, raw.subarray(0, size) as unknown as number[]);
    return this.text;
  }
}

/** The first slots of every type. */
const WATCHED = ["origin", "seq", "prev", "ts", "boot", "mono_us", "src.id", "src.seq", "verdict.policy_sha256", "appr"];
const ORIGIN = 0;
const SEQ = 1;
const PREV = 2;
const TS = 3;
const BOOT = 4;
const MONO = 5;
const SOURCE_ID = 6;
const SOURCE_SEQ = 7;
const POLICY = 8;
const APPROVAL = 9;

/** The schema of one record type, compiled when the type is first met. */
class TypeReader {
  readonly typ: Uint8Array;
  private match: Match | null = null;
  private condition: Condition = () => true;
  private readonly slots = new Slots();

  constructor(
    readonly name: string,
    private readonly schema: () => JsonObject,
  ) {
    this.typ = utf8(`"typ":"${name}"`);
  }

  /** Whether exactly [from, to) is a sound record. */
  read(from: number, to: number): boolean {
    if (this.match === null) this.compile();
    starts.fill(-1, 0, this.slots.count);
    return this.match!(from) === to && this.condition();
  }

  /** With a rule that is not known here, no record is taken. */
  private compile(): void {
    const { allOf, ...closed } = this.schema();
    try {
      for (const path of WATCHED) this.slots.of(path);
      this.condition = compileCondition({ allOf: allOf ?? [] }, "", this.slots);
      this.match = compile(closed, "", this.slots, 1);
    } catch (error) {
      if (!(error instanceof UnknownRuleError)) throw error;
      this.match = () => NONE;
    }
  }
}

const TYP = utf8('"typ":"');

/** Reads sound records quickly; the fields are those of the last one that was read. */
export class Scanner {
  typ = "";
  ts = "";
  boot = "";
  sourceId = "";
  policy = "";
  seq = 0;
  mono = 0;
  sourceSeq = 0;
  isOfOrigin = false;
  private readonly readers: readonly TypeReader[];
  private readonly origin: Uint8Array;
  private readonly boots = new Remembered();
  private readonly sources = new Remembered();
  private readonly policies = new Remembered();
  private readonly times = new Remembered();
  private last: TypeReader;
  private lastDistance = 0;

  /** types: those that may be read this way; schema: the schema of one. */
  constructor(types: readonly string[], schema: (typ: string) => JsonObject, origin: string) {
    this.origin = utf8(JSON.stringify(origin));
    this.readers = types.map((name) => new TypeReader(name, () => schema(name)));
    this.last = this.readers[0]!;
  }

  /** Whether the line [from, to) of a buffer is surely a sound record, with nothing that needs a closer look. */
  read(buffer: Uint8Array, from: number, to: number): boolean {
    if (to - from > MAX_BYTES) return false;
    if (buffer !== bytes) {
      bytes = buffer;
      view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    }
    const reader = this.readerFor(from, to);
    if (reader === null) return false;
    if (!reader.read(from, to) || starts[APPROVAL]! >= 0) return false;
    this.typ = reader.name;
    this.ts = this.times.read(TS);
    this.boot = this.boots.read(BOOT);
    this.sourceId = this.sources.read(SOURCE_ID);
    this.policy = starts[POLICY]! < 0 ? "" : this.policies.read(POLICY);
    this.seq = integers[SEQ]!;
    this.mono = integers[MONO]!;
    this.sourceSeq = integers[SOURCE_SEQ]!;
    this.isOfOrigin = ends[ORIGIN]! - starts[ORIGIN]! === this.origin.length && isAt(this.origin, starts[ORIGIN]!);
    return true;
  }

  /** Whether `prev` of the last record is this hash. */
  follows(leaf: Uint8Array): boolean {
    let from = starts[PREV]! + 1;
    for (let i = 0; i < leaf.length; i++) {
      const value = leaf[i]!;
      if (bytes[from++] !== HEX[value >> 4] || bytes[from++] !== HEX[value & 15]) return false;
    }
    return true;
  }

  /** The type is named near the end, often as far from it as in the last record. Only a guess: the match decides. */
  private readerFor(from: number, to: number): TypeReader | null {
    if (isAt(this.last.typ, to - this.lastDistance)) return this.last;
    for (let i = to - TYP.length; i > from; i--) {
      if (bytes[i] !== QUOTE || bytes[i + 1] !== 0x74 || !isAt(TYP, i)) continue;
      const found = this.readers.find((reader) => isAt(reader.typ, i));
      if (found === undefined) return null;
      this.last = found;
      this.lastDistance = to - i;
      return found;
    }
    return null;
  }
}

const HEX = utf8("0123456789abcdef");
