/**
 * The outside world (S9): checkpoints that came another way, witnesses, roots written down elsewhere, the verifier's own
 * memory. Read before the records, because their sizes say which roots and limits are wanted; judged after them.
 */

import { concat, equal, fromHex, fromLatin1, hex, utf8 } from "./bytes.js";
import { CanonicalError, checkDef, type JsonObject } from "./json.js";
import { ED25519, verifies } from "./keys.js";
import type { Members, Numbered } from "./members.js";
import type { Memory } from "./memory.js";
import { HASH_SIZE, ProofError, verifyConsistency } from "./merkle.js";
import {
  canonicalDecimal,
  COSIGNATURE_KEY,
  MAX_NOTE,
  NoteError,
  noteKeyId,
  parseCheckpoint,
  strictBase64,
  type Checkpoint,
} from "./note.js";
import { place, type Report } from "./report.js";
import type { KeyRing } from "./rotation.js";
import { isLogSigned } from "./signatures.js";
import { compileSchema } from "./schema.js";
import { closed, CONSISTENCY, HEX64, ORIGIN, TREE_END, type Predicate } from "./statement.js";
import { timestamp } from "./time.js";
import type { Trust, TrustedKey } from "./trust.js";

const MAX_TIME = 253_402_300_799;
const SKEW_S = 300;

const isDefAnchor = compileSchema(
  closed(
    {
      v: { const: "def-anchor/0" },
      kind: { enum: ["warehouse", "git", "object"] },
      origin: ORIGIN,
      size: { type: "integer", minimum: 1 },
      root: HEX64,
      location: { type: "string", maxLength: 1024 },
      version: { type: "string", maxLength: 256 },
      written_at: { type: "string", maxLength: 64 },
    },
    ["version", "written_at"],
  ),
);

/** What the caller brings from outside. */
export interface OutsideFiles {
  readonly checkpoints?: readonly Uint8Array[] | undefined;
  readonly anchors?: readonly Uint8Array[] | undefined;
  readonly memory?: Memory | undefined;
  /** The caller knows that the bundle is an older one. */
  readonly older?: boolean | undefined;
}

/** One outside root. checkpoint: null for a written-down root. problem: why it is not of this log, "" when it is. */
interface Source {
  readonly member: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly checkpoint: Checkpoint | null;
  readonly problem: string;
}

/** A valid cosignature by a counted witness. */
interface Cosignature {
  readonly key: TrustedKey;
  readonly size: number;
  readonly time: number;
}

interface Consistency {
  readonly size: number;
  readonly proof: readonly Uint8Array[];
}

export class Outside {
  /** Tree sizes whose roots are wanted. */
  readonly sizes: Set<number>;
  readonly limits: { size: number; ts: string }[] = [];
  private readonly inside = new Map<string, Source>();
  private readonly files: Source[] = [];
  private readonly cosignatures = new Map<Source, { found: Cosignature[]; wrong: number }>();
  private readonly anchored = new Set<number>();
  private readonly accepted: Source[] = [];
  private consistency: Consistency | null = null;
  private treeEnd: Source | null = null;

  constructor(
    private readonly report: Report,
    private readonly members: Members,
    private readonly predicate: Predicate,
    private readonly trust: Trust | null,
    private readonly ring: KeyRing | null,
    private readonly brought: OutsideFiles,
  ) {
    this.sizes = new Set([predicate.start, predicate.end]);
  }

  /** Read what may be asked about roots. end: the bundle's own last checkpoint, if nothing speaks against it. */
  async gather(end: Checkpoint | null): Promise<void> {
    const { files, predicate } = this;
    for (const { name, number: size, kind } of this.windowMembers()) {
      this.sizes.add(size);
      const raw = kind === "cosig" ? await this.members.small(name, MAX_NOTE) : null;
      if (raw === null) continue;
      const source = await this.readNote(raw, name);
      const problem = source.problem === "" && source.size !== size ? "of another size than its name says" : "";
      this.inside.set(name, problem === "" ? source : { ...source, problem });
    }
    for (const raw of this.brought.checkpoints ?? []) files.push(await this.readNote(raw, "checkpoint"));
    for (const raw of this.brought.anchors ?? []) {
      files.push(raw[0] === 0x7b ? this.readPlaced(raw) : await this.readNote(raw, "anchor"));
    }
    this.consistency = await this.readConsistency();
    const remembered = this.brought.memory?.of(predicate.origin)?.size ?? -1;
    for (const size of [...files.filter(({ problem }) => problem === "").map(({ size }) => size), remembered]) {
      if (size >= predicate.start && size <= predicate.end) this.sizes.add(size);
    }
    if (end !== null) {
      this.treeEnd = { member: TREE_END, size: end.size, root: end.root, checkpoint: end, problem: "" };
    }
    for (const source of this.notes()) await this.readCosignatures(source);
  }

  /** Compare with the computed roots (null: they are not the log's, or there are none). */
  judge(roots: ReadonlyMap<number, Uint8Array> | null, receipts: ReadonlyMap<string, Uint8Array>): void {
    this.judgeMembers(roots, receipts);
    for (const source of this.files) this.judgeFile(source, roots);
    this.judgeMemory(roots);
    this.judgeConsistency(roots);
    if (roots === null) this.report.skipped.add("anchors");
    else this.judgeWitnesses();
    this.result();
  }

  /** The warehouse receipts inside the window. */
  async receipts(): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (const { name, kind } of this.windowMembers()) {
      const raw = kind === "wh.json" ? await this.members.small(name, MAX_NOTE) : null;
      if (raw !== null) found.set(name, raw);
    }
    return found;
  }

  // -- gathering -------------------------------------------------------------------------------------------------

  private windowMembers(): Numbered[] {
    return this.members.anchors().filter(({ number }) => this.isInside(number));
  }

  private isInside(size: number): boolean {
    return size > this.predicate.start && size <= this.predicate.end;
  }

  private async readNote(raw: Uint8Array, member: string): Promise<Source> {
    let found: Checkpoint;
    try {
      found = parseCheckpoint(raw);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      return { member, size: 0, root: new Uint8Array(0), checkpoint: null, problem: error.detail };
    }
    let problem = "";
    if (found.origin !== this.predicate.origin) problem = "it is of another log";
    else if (!(await isLogSigned(found, this.ring))) problem = "it is not signed by the log's key";
    return { member, size: found.size, root: found.root, checkpoint: found, problem };
  }

  private readPlaced(raw: Uint8Array): Source {
    const found = parsePlaced(raw);
    const { size, root } = found ?? { size: 0, root: new Uint8Array(0) };
    const problem = found === null ? "malformed" : found.origin === this.predicate.origin ? "" : "of another log";
    return { member: "anchor", size, root, checkpoint: null, problem };
  }

  private async readConsistency(): Promise<Consistency | null> {
    if (!this.members.has(CONSISTENCY)) return null;
    const raw = await this.members.small(CONSISTENCY);
    if (raw === null) return null;
    const lines = fromLatin1(raw).split("\n");
    const rest = lines.pop();
    const size = canonicalDecimal(lines[0] ?? "");
    try {
      const proof = lines.slice(1).map((line) => strictBase64(line, HASH_SIZE));
      if (rest === "" && size !== null && size > 0 && size < this.predicate.end) return { size, proof };
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
    }
    this.report.add("E_PROOF_FORMAT", place(CONSISTENCY));
    return null;
  }

  /** Notes of this log, of sizes in (start, end], in order. */
  private notes(): Source[] {
    const inside = this.windowMembers().flatMap(({ name }) => this.inside.get(name) ?? []);
    return [...(this.treeEnd === null ? [] : [this.treeEnd]), ...inside, ...this.files].filter(
      (source) => source.checkpoint !== null && source.problem === "" && this.isInside(source.size),
    );
  }

  private async readCosignatures(source: Source): Promise<void> {
    const found: Cosignature[] = [];
    let wrong = 0;
    for (const key of this.ring?.ofRole("witness").values() ?? []) {
      const told = await cosigned(source.checkpoint!, key);
      wrong += told.wrong;
      if (key.refusalAt(source.size) === "") found.push(...told.found);
    }
    this.cosignatures.set(source, { found, wrong });
    for (const { size, time } of found) this.limits.push({ size, ts: timestamp(Math.min(time + SKEW_S, MAX_TIME)) });
  }

  // -- judging ---------------------------------------------------------------------------------------------------

  private judgeMembers(roots: ReadonlyMap<number, Uint8Array> | null, receipts: ReadonlyMap<string, Uint8Array>): void {
    for (const { name, number: size, kind } of this.members.anchors()) {
      if (!this.isInside(size)) {
        this.report.skipped.add(`${name}: outside the window`);
      } else if (roots !== null) {
        const source = this.inside.get(name);
        const receipt = receipts.get(name);
        if (source !== undefined) this.compare(source, roots);
        else if (receipt !== undefined) this.judgeReceipt(name, size, receipt, roots);
        else if (kind === "tsr") this.report.skipped.add(`${name}: profile time`);
      }
    }
  }

  private judgeReceipt(name: string, size: number, raw: Uint8Array, roots: ReadonlyMap<number, Uint8Array>): void {
    const found = parsePlaced(raw);
    const fits = found?.origin === this.predicate.origin && found.size === size && equal(found.root, roots.get(size)!);
    if (fits) this.report.skipped.add(`${name}: does not anchor`);
    else this.fail("E_ANCHOR_MISMATCH", name, "malformed, or it shows another root");
  }

  private judgeFile(source: Source, roots: ReadonlyMap<number, Uint8Array> | null): void {
    const { member, size } = source;
    if (source.problem !== "") {
      this.fail("E_ANCHOR_MISMATCH", member, source.problem);
    } else if (size > this.predicate.end) {
      if (this.brought.older === true) this.report.skipped.add(`${member}: newer than the bundle`);
      else this.fail("E_ROLLBACK", member, `the log already had ${size} records`);
    } else if (size < this.predicate.start) {
      if (this.consistency?.size !== size) this.report.skipped.add(`${member}: older than the window`);
    } else if (roots !== null && this.compare(source, roots)) {
      this.anchored.add(size);
    }
  }

  /** Whether an outside root is the computed one; reports it when not. */
  private compare(source: Source, roots: ReadonlyMap<number, Uint8Array>): boolean {
    if (source.problem !== "") {
      this.fail("E_ANCHOR_MISMATCH", source.member, source.problem);
      return false;
    }
    if (!equal(roots.get(source.size)!, source.root)) {
      const code = source.checkpoint === null ? "E_ANCHOR_MISMATCH" : "E_SPLIT_VIEW";
      this.fail(code, source.member, `at size ${source.size}`);
      return false;
    }
    if (source.checkpoint !== null) this.accepted.push(source);
    return true;
  }

  private judgeMemory(roots: ReadonlyMap<number, Uint8Array> | null): void {
    const seen = this.brought.memory?.of(this.predicate.origin);
    if (seen === undefined) return;
    const { start, end } = this.predicate;
    if (seen.size > end) {
      if (this.brought.older === true) this.report.skipped.add("memory: newer than the bundle");
      else this.fail("E_ROLLBACK", "memory", `the log already had ${seen.size} records`);
    } else if (seen.size < start) {
      this.fail("E_BUNDLE_GAP", "memory", `records ${seen.size} to ${start - 1} were never seen`);
    } else if (roots !== null) {
      if (equal(roots.get(seen.size)!, seen.root)) this.anchored.add(seen.size);
      else this.fail("E_SPLIT_VIEW", "memory", `at size ${seen.size}`);
    }
  }

  private judgeConsistency(roots: ReadonlyMap<number, Uint8Array> | null): void {
    if (this.consistency === null || roots === null) return;
    const { size, proof } = this.consistency;
    const { start, end } = this.predicate;
    const known = this.files
      .filter((source) => source.problem === "" && source.size === size)
      .map(({ root }) => ({ root, anchors: size < start }));
    const seen = this.brought.memory?.of(this.predicate.origin);
    if (seen?.size === size) known.push({ root: seen.root, anchors: false });
    if (known.length === 0) this.report.skipped.add("tree/consistency: no outside root of its size");
    for (const { root, anchors } of known) {
      try {
        verifyConsistency(size, end, proof, root, roots.get(end)!);
        if (anchors) this.anchored.add(size);
      } catch (error) {
        if (!(error instanceof ProofError)) throw error;
        this.fail("E_CONSISTENCY", CONSISTENCY, error.message);
      }
    }
  }

  private judgeWitnesses(): void {
    if (this.trust === null) return;
    if (this.treeEnd !== null) this.accepted.unshift(this.treeEnd);
    const bySize = new Map<number, Cosignature[]>();
    for (const source of this.accepted) {
      const { found, wrong } = this.cosignatures.get(source) ?? { found: [], wrong: 0 };
      for (let i = 0; i < wrong; i++) this.fail("E_WITNESS_SIG", source.member, `at size ${source.size}`);
      for (const one of found) bySize.set(one.size, [...(bySize.get(one.size) ?? []), one]);
    }
    const need = Math.max(1, this.trust.witnessNeed);
    const namesAt = (size: number): Set<string> => new Set(bySize.get(size)!.map(({ key }) => key.about.name));
    const quorate = [...bySize.keys()].filter((size) => namesAt(size).size >= need);
    if (quorate.length === 0) {
      if (this.trust.witnessNeed > 0) this.fail("E_WITNESS_QUORUM", "", `${need} needed`);
      return;
    }
    const largest = Math.max(...quorate);
    const counted = bySize.get(largest)!;
    if (counted.every(({ key }) => key.about.sameAdmin)) this.fail("W_WITNESS_SAME_ADMIN", "", "");
    for (const size of quorate) this.anchored.add(size);
    if (largest === Math.max(...this.anchored)) this.nameWitnesses(counted, need);
  }

  private nameWitnesses(counted: readonly Cosignature[], need: number): void {
    const earliest = new Map<string, number>();
    for (const { key, time } of counted) {
      earliest.set(key.about.name, Math.min(time, earliest.get(key.about.name) ?? time));
    }
    this.report.witnesses = [...earliest.keys()];
    this.report.anchoredAt = timestamp([...earliest.values()].sort((one, other) => one - other)[need - 1]!);
  }

  private result(): void {
    const { end } = this.predicate;
    this.report.anchoredEnd = Math.max(0, ...this.anchored);
    if (this.report.anchoredEnd < end) this.fail("P_TAIL_UNANCHORED", "", "");
    const proven = this.members.has(TREE_END) || this.accepted.some(({ size }) => size === end);
    if (!proven) this.fail("P_END_UNPROVEN", TREE_END, "");
  }

  private fail(code: string, member: string, detail: string): void {
    this.report.add(code, place(member, detail));
  }
}

/** A def-anchor file; one newline may follow. Null when malformed. */
function parsePlaced(raw: Uint8Array): { origin: string; size: number; root: Uint8Array } | null {
  try {
    const document = checkDef(raw[raw.length - 1] === 0x0a ? raw.subarray(0, -1) : raw);
    if (!isDefAnchor(document)) return null;
    const { origin, size, root } = document as JsonObject as { origin: string; size: number; root: string };
    return { origin, size, root: fromHex(root) };
  } catch (error) {
    if (error instanceof CanonicalError) return null;
    throw error;
  }
}

/** The valid cosignatures of a witness key, and how many lines of it are wrong. */
async function cosigned(checkpoint: Checkpoint, key: TrustedKey): Promise<{ found: Cosignature[]; wrong: number }> {
  const wanted = noteKeyId(key.about.name, COSIGNATURE_KEY, key.key);
  const found: Cosignature[] = [];
  let wrong = 0;
  for (const line of checkpoint.signatures) {
    if (line.name !== key.about.name || !equal(line.keyId, wanted)) continue;
    const time = await timeOf(line.value, checkpoint.text, key.key);
    if (time === null) wrong++;
    else found.push({ key, size: checkpoint.size, time });
  }
  return { found, wrong };
}

async function timeOf(value: Uint8Array, text: Uint8Array, key: Uint8Array): Promise<number | null> {
  if (value.length !== 72) return null;
  const time = Number(BigInt(`0x${hex(value.subarray(0, 8))}`));
  if (time > MAX_TIME) return null;
  const message = concat([utf8(`cosignature/v1\ntime ${time}\n`), text]);
  return (await verifies(ED25519, key, value.subarray(8), message)) ? time : null;
}
