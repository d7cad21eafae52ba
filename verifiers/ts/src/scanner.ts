/**
 * A fast way to accept what is surely sound: the closed schema of a record's type, compiled to rules that run over the
 * bytes of its line once. Whatever is not taken goes to the checker that names what is wrong.
 */

import { utf8 } from "./bytes.js";
import { compile, compileCondition, Slots, type Condition } from "./compiling.js";
import { MAX_BYTES, type JsonObject } from "./json.js";
import { bytes, ends, integers, isAt, NONE, QUOTE, setBuffer, starts, UnknownRuleError, type Match } from "./matching.js";

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
    setBuffer(buffer);
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
