/**
 * One pass over `records.jsonl`: tree, bytes, meaning, keys over time (S4 to S7). Constant memory. A record that fails is
 * named and the pass goes on, so that every damaged record is found.
 */

import { fromUtf8, hex } from "./bytes.js";
import { factsOf, type Facts } from "./disclosures.js";
import type { Host } from "./host.js";
import { CanonicalError, checkDef, isObject, MAX_BYTES, type Json, type JsonObject } from "./json.js";
import { MARGIN } from "./matching.js";
import { HASH_SIZE, type Frontier } from "./merkle.js";
import { Findings, place } from "./report.js";
import type { KeyRing } from "./rotation.js";
import { Scanner } from "./scanner.js";
import { isEnveloped, isKnownType, isRecord, recordSchema, recordTypes } from "./schemas.js";
import { FORMAT, RECORDS, Tally } from "./statement.js";
import { microseconds } from "./time.js";

const NEWLINE = 0x0a;
const LEAF_PREFIX = 0;
/** No more of a line is kept: one byte more than a record may have. */
const MAX_LINE = MAX_BYTES + 1;

/** Types whose contents matter to more than their own line. */
const SPECIAL = new Set(["sys.gap", "sys.clock", "sys.key", "sys.erasure", "sys.anchor", "pef.approval.consume"]);
const PLAIN = recordTypes().filter((name) => !SPECIAL.has(name));

/** What a pass shall do. */
export interface Wanted {
  readonly origin: string;
  /** Whether contents are judged, or lines only hashed. */
  readonly contents: boolean;
  /** Keys in force; null without a usable trust file. */
  readonly ring: KeyRing | null;
  /** Tree sizes whose roots are wanted. */
  readonly sizes: ReadonlySet<number>;
  /** Records whose commitments are wanted. */
  readonly disclosed: ReadonlySet<number>;
  /** Latest `ts` that records below a tree size may have. */
  readonly limits: readonly { readonly size: number; readonly ts: string }[];
  /** Whether the digest of all leaf hashes is wanted. */
  readonly leaves: boolean;
  readonly onRecord: ((value: Json, seq: number, line: Uint8Array) => void) | null;
}

/** One `sys.anchor` record. */
interface Anchored {
  readonly seq: number;
  readonly interval: number;
}

export class RecordPass {
  readonly findings = new Findings();
  readonly tally = new Tally();
  readonly roots = new Map<number, Uint8Array>();
  /** `ts` of the record before each wanted size, where it was read. */
  readonly times = new Map<number, string>();
  readonly facts = new Map<number, Facts>();
  readonly consumes: JsonObject[] = [];
  /** Digest of all leaf hashes, one after the other. */
  readonly leaves;
  erased = 0;
  firstTs = "";
  lastTs = "";
  private readonly keyRecords = new Set<number>();
  private readonly consumed = new Set<string>();
  private readonly counters = new Map<string, number>();
  private readonly start: number;
  /** Hash of the leaf before, null when it is not known. */
  private prev: Uint8Array | null = null;
  private readonly scanner: Scanner | null;
  private offset = 0;
  private boot = "";
  private mono = -1;
  private afterStep = false;
  private anchor: Anchored | null = null;
  /** `ts` of the first record after it that is not part of anchoring itself. */
  private since = "";
  private tooLate = false;

  constructor(
    private readonly wanted: Wanted,
    readonly frontier: Frontier,
    private readonly host: Host,
  ) {
    this.start = frontier.size;
    this.leaves = host.digest();
    if (frontier.size === 0) this.prev = new Uint8Array(HASH_SIZE);
    else if (frontier.size % 2 === 1) this.prev = frontier.nodes[frontier.nodes.length - 1]!;
    this.scanner = wanted.contents ? new Scanner(PLAIN, recordSchema, wanted.origin) : null;
    this.noteRoot();
  }

  /** Go through the member's bytes; its SHA-256. onChunk: called after each chunk. */
  async run(chunks: AsyncIterable<Uint8Array>, onChunk: () => void): Promise<Uint8Array> {
    const digest = this.host.digest();
    // The bytes of a line that has not ended yet; what is beyond the longest record is dropped.
    const rest = new Uint8Array(MAX_LINE + MARGIN);
    let held = 0;
    for await (const chunk of chunks) {
      digest.update(chunk);
      let at = 0;
      for (;;) {
        const stop = chunk.indexOf(NEWLINE, at);
        const end = stop < 0 ? chunk.length : stop;
        if (stop >= 0 && held === 0 && stop + MARGIN <= chunk.length) {
          this.line(chunk, at, end);
        } else {
          const part = chunk.subarray(at, Math.min(end, at + MAX_LINE - held));
          rest.set(part, held);
          held += part.length;
          rest[held] = NEWLINE;
          if (stop >= 0) {
            this.line(rest, 0, held);
            held = 0;
          }
        }
        if (stop < 0) break;
        at = stop + 1;
      }
      onChunk();
    }
    if (held > 0) {
      if (this.wanted.contents) this.fail("E_CANON", "the last line has no end");
      this.line(rest, 0, held);
    }
    this.checkInterval(this.lastTs);
    this.checkKeyLines();
    return digest.final();
  }

  /** Go through leaf hashes instead of records. False when the last one is cut short. */
  async runLeaves(chunks: AsyncIterable<Uint8Array>): Promise<boolean> {
    const leaf = new Uint8Array(HASH_SIZE);
    let held = 0;
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + HASH_SIZE - held);
        leaf.set(part, held);
        held += part.length;
        at += part.length;
        if (held < HASH_SIZE) break;
        this.frontier.append(leaf.slice());
        this.noteRoot();
        held = 0;
      }
    }
    return held === 0;
  }

  /** One line, [from, to) of a buffer that has a newline after it. */
  private line(buffer: Uint8Array, from: number, to: number): void {
    const end = Math.min(to, from + MAX_LINE);
    if (this.wanted.contents && !this.readQuickly(buffer, from, to)) this.judge(buffer.subarray(from, end));
    const leaf = this.leafOf(buffer, from, end);
    if (this.wanted.leaves) this.leaves.update(leaf);
    this.frontier.append(leaf);
    this.prev = leaf;
    this.offset += to - from + 1;
    this.noteRoot();
  }

  private readonly prefixed = new Uint8Array(MAX_LINE + 1);

  /** The leaf hash of a line, without a copy where the byte before it can stand in for the prefix meanwhile. */
  private leafOf(buffer: Uint8Array, from: number, to: number): Uint8Array {
    if (from === 0) {
      this.prefixed.set(buffer.subarray(0, to), 1);
      return this.host.sha256(this.prefixed.subarray(0, to + 1));
    }
    const before = buffer[from - 1]!;
    buffer[from - 1] = LEAF_PREFIX;
    const leaf = this.host.sha256(buffer.subarray(from - 1, to));
    buffer[from - 1] = before;
    return leaf;
  }

  /** Take a plainly sound record; false for any other line. */
  private readQuickly(buffer: Uint8Array, from: number, to: number): boolean {
    const { scanner, wanted } = this;
    if (wanted.disclosed.has(this.frontier.size) || scanner === null || !scanner.read(buffer, from, to)) return false;
    if (wanted.onRecord !== null) {
      const line = buffer.subarray(from, to);
      wanted.onRecord(JSON.parse(fromUtf8(line)!) as Json, this.frontier.size, line);
    }
    const follows = this.prev === null || scanner.follows(this.prev);
    this.checkPlace(scanner.isOfOrigin, scanner.seq, follows);
    this.checkTime(scanner.typ, scanner.ts, scanner.boot, scanner.mono);
    this.checkSource(scanner.sourceId, scanner.sourceSeq);
    this.count(scanner.typ, scanner.ts, scanner.sourceId, scanner.sourceSeq, scanner.policy);
    return true;
  }

  private judge(line: Uint8Array): void {
    let value: Json;
    try {
      value = checkDef(line);
    } catch (error) {
      if (!(error instanceof CanonicalError)) throw error;
      this.fail(error.code, error.detail);
      return;
    }
    this.wanted.onRecord?.(value, this.frontier.size, line);
    if (!isObject(value) || value["v"] !== FORMAT) {
      this.fail(isObject(value) && "v" in value ? "I_VERSION" : "E_SCHEMA", "not a def/0 record");
      return;
    }
    const typ = value["typ"];
    if (isKnownType(typ)) {
      if (!isRecord(typ, value)) {
        this.fail("E_SCHEMA", "it does not satisfy the schema of its type");
        return;
      }
    } else if (isEnveloped(value)) {
      this.fail("W_TYPE_UNKNOWN", "");
    } else {
      this.fail("E_SCHEMA", "the envelope does not satisfy its schema");
      return;
    }
    this.read(value);
  }

  /** A record that can be read: is it in its place, in order, and does it agree with the others? */
  private read(value: JsonObject): void {
    const typ = value["typ"] as string;
    const ts = value["ts"] as string;
    const src = value["src"] as JsonObject;
    const sourceId = src["id"] as string;
    const sourceSeq = src["seq"] as number;
    const follows = this.prev === null || value["prev"] === hex(this.prev);
    this.checkPlace(value["origin"] === this.wanted.origin, value["seq"] as number, follows);
    this.checkTime(typ, ts, value["boot"] as string, value["mono_us"] as number);
    this.checkSource(sourceId, sourceSeq);
    this.special(typ, ts, value);
    const verdict = value["verdict"] as JsonObject | undefined;
    this.count(typ, ts, sourceId, sourceSeq, (verdict?.["policy_sha256"] as string | undefined) ?? "");
    if (typ === "sys.gap") {
      const gap = value["data"] as JsonObject;
      this.tally.addGap(gap["source"] as string, gap["first"] as number, gap["last"] as number, gap["count"] as number);
    }
    if (this.wanted.disclosed.has(this.frontier.size)) this.facts.set(this.frontier.size, factsOf(value));
  }

  private count(typ: string, ts: string, sourceId: string, sourceSeq: number, policy: string): void {
    this.tally.add(typ, ts, sourceId, sourceSeq, policy);
    if (this.firstTs === "") this.firstTs = ts;
    if (this.since === "" && this.anchor !== null && typ !== "sys.anchor" && typ !== "def.anchor") this.since = ts;
    if (this.wanted.sizes.has(this.frontier.size + 1)) this.times.set(this.frontier.size + 1, ts);
  }

  private checkPlace(isOfOrigin: boolean, seq: number, follows: boolean): void {
    if (!isOfOrigin) this.fail("E_ORIGIN", "");
    if (seq !== this.frontier.size) this.fail("E_SEQ", `it says ${seq}`);
    if (!follows) this.fail("E_PREV", `record ${this.frontier.size - 1} is not the one that stood here`);
  }

  private checkTime(typ: string, ts: string, boot: string, mono: number): void {
    if (ts < this.lastTs && !this.afterStep) this.fail("E_TS_ROLLBACK", `${this.lastTs} is followed by ${ts}`);
    if (boot === this.boot && mono <= this.mono) this.fail("E_MONO", "");
    this.lastTs = ts;
    this.boot = boot;
    this.mono = mono;
    this.afterStep = typ === "sys.clock";
    if (!this.tooLate && this.wanted.limits.some((limit) => this.frontier.size < limit.size && ts > limit.ts)) {
      this.tooLate = true;
      this.fail("E_TS_FUTURE", "later than a witness that saw it");
    }
  }

  private checkSource(id: string, seq: number): void {
    const known = this.counters.get(id);
    if (known !== undefined && seq !== known + 1) this.fail("E_SRC_GAP", `source ${id} goes from ${known} to ${seq}`);
    this.counters.set(id, seq);
  }

  private special(typ: string, ts: string, value: JsonObject): void {
    const data = value["data"] as JsonObject;
    switch (typ) {
      case "sys.gap":
        this.gap(data["source"] as string, data["first"] as number, data["last"] as number);
        break;
      case "sys.clock":
        this.fail("W_CLOCK_STEP", `from ${String(data["old"])} to ${String(data["new"])}`);
        break;
      case "sys.key":
        this.key(data);
        break;
      case "sys.erasure":
        this.erased++;
        this.fail("W_ERASED", "");
        break;
      case "sys.anchor":
        this.checkInterval(ts);
        this.anchor = { seq: this.frontier.size, interval: data["interval_s"] as number };
        this.since = "";
        break;
      case "pef.approval.consume":
        this.consumes.push({ ...value, seq: this.frontier.size });
        this.consumed.add((value["appr"] as JsonObject)["id"] as string);
        break;
    }
    if (typ !== "pef.approval.consume") this.approval(value["appr"] as JsonObject | undefined);
  }

  private approval(appr: JsonObject | undefined): void {
    if (appr?.["state"] !== "consumed" || this.start !== 0 || this.wanted.ring === null) return;
    if (!this.consumed.has(appr["id"] as string)) this.fail("E_APPROVAL_MISSING", "no record says that it was used up");
  }

  private gap(source: string, first: number, last: number): void {
    const known = this.counters.get(source);
    if (known !== undefined && first !== known + 1) {
      this.fail("E_SRC_GAP", `the declared gap of source ${source} does not follow its last event`);
    }
    this.counters.set(source, last);
    this.fail("W_GAP_DECLARED", `events of source ${source}`);
  }

  private key(data: JsonObject): void {
    const { ring } = this.wanted;
    if (ring === null) return;
    const statement = data["statement_sha256"];
    if (statement === undefined) {
      if (data["state"] === "active" && !ring.trusted.has(data["keyid"] as string)) {
        this.fail("E_ROTATION_UNENDORSED", `${String(data["role"])} key ${String(data["keyid"]).slice(0, 16)}`);
      }
      return;
    }
    this.keyRecords.add(this.frontier.size);
    const line = ring.lines.get(this.frontier.size);
    if (line?.statement !== statement || line?.possession !== (data["possession"] ?? "")) {
      this.fail("E_ROTATION_UNENDORSED", "its statement is not in the bundle");
    }
  }

  /** Every line of the rotations about this window has its record. */
  private checkKeyLines(): void {
    if (this.wanted.ring === null || !this.wanted.contents) return;
    for (const seq of this.wanted.ring.lines.keys()) {
      if (seq < this.start || seq >= this.frontier.size || this.keyRecords.has(seq)) continue;
      this.findings.add("E_ROTATION_UNENDORSED", place("keys/rotations.dsse.jsonl", "no such record", seq));
    }
  }

  /** Up to `ts`, from the first record after the newest anchor: a log at rest needs none. */
  private checkInterval(ts: string): void {
    if (this.anchor === null || this.since === "") return;
    if (microseconds(ts) - microseconds(this.since) <= 2_000_000n * BigInt(this.anchor.interval)) return;
    this.findings.add("W_ANCHOR_OVERDUE", place(RECORDS, `nothing from ${this.since} to ${ts}`, this.anchor.seq));
  }

  private fail(code: string, detail: string): void {
    this.findings.add(code, place(RECORDS, detail, this.frontier.size, this.offset));
  }

  private noteRoot(): void {
    if (this.wanted.sizes.has(this.frontier.size)) this.roots.set(this.frontier.size, this.frontier.root());
  }
}
