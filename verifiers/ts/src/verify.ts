/**
 * The stages of verification, in order, over one bundle. A stage that fails stops only what depends on it, so that a
 * report names all that is wrong. Without a usable trust file no signature is checked.
 */

import { compareText, fromHex, fromLatin1, hex } from "./bytes.js";
import { ContainerError, type Container } from "./container.js";
import { checkAttestations, checkDetails } from "./details.js";
import { DsseError, MAX_ENVELOPE, parseEnvelope, type Envelope } from "./dsse.js";
import type { Host } from "./host.js";
import { CanonicalError, checkStrict, isObject, type Json } from "./json.js";
import { requirePlatform } from "./keys.js";
import { Members } from "./members.js";
import { Frontier, HASH_SIZE, ProofError } from "./merkle.js";
import { MAX_NOTE, NoteError, parseCheckpoint, strictBase64, type Checkpoint } from "./note.js";
import { Outside, type OutsideFiles } from "./outside.js";
import { RecordPass } from "./records.js";
import { place, Report, type Level } from "./report.js";
import { effectiveKeys, KeyRing, MAX_ROTATIONS } from "./rotation.js";
import { checkpointRefusal, statementRefusal } from "./signatures.js";
import {
  bundleDigest,
  FRONTIER,
  isBundleStatement,
  LEAVES,
  PREDICATE_TYPE,
  RECORDS,
  ROTATIONS,
  STATEMENT,
  STATEMENT_PAYLOAD,
  STATEMENT_TYPE,
  TREE_END,
  TREE_START,
  type Predicate,
} from "./statement.js";
import { microseconds } from "./time.js";
import { checkSuccession, loadTrust, TrustError, type Authority, type Trust } from "./trust.js";

/** What to verify a bundle with. */
export interface Options extends OutsideFiles {
  readonly trust?: Uint8Array | undefined;
  readonly trustFrom?: Uint8Array | undefined;
  readonly attestations?: readonly Uint8Array[] | undefined;
  readonly level?: Level | undefined;
  readonly profile?: "core" | "time" | undefined;
  /** Called for every record that is DEF-JSON; `line` is valid during the call only. */
  readonly onRecord?: ((value: Json, seq: number, line: Uint8Array) => void) | undefined;
  /** Called with (records read, records expected) now and then. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A verification. trust and last are for the memory file. */
export interface Verification {
  readonly report: Report;
  readonly trust: Trust | null;
  readonly endRoot: Uint8Array | null;
}

/** Verify an opened bundle. Throws PlatformError, and whatever reading a file throws. */
export async function verifyContainer(container: Container, host: Host, options: Options): Promise<Verification> {
  const run = new Run(container, host, options);
  await run.all();
  return { report: run.report, trust: run.trust, endRoot: run.endRoot };
}

/** The report for a bundle that cannot be opened. */
export function refuse(error: ContainerError, options: Options): Verification {
  const report = new Report();
  report.level = options.level ?? "L2";
  report.addContainer(error);
  return { report, trust: null, endRoot: null };
}

class Run {
  readonly report = new Report();
  trust: Trust | null = null;
  endRoot: Uint8Array | null = null;
  private readonly members: Members;
  private predicate!: Predicate;
  private ring: KeyRing | null = null;
  private digests: ReadonlyMap<string, string> = new Map();
  private end: Checkpoint | null = null;

  constructor(
    container: Container,
    private readonly host: Host,
    private readonly options: Options,
  ) {
    this.report.level = options.level ?? "L2";
    this.members = new Members(this.report, container, host);
  }

  async all(): Promise<void> {
    const { report } = this;
    if (this.options.profile === "time") report.add("I_PROFILE");
    await this.readTrust();
    if (!(await this.readStatement())) {
      report.skipped.add("records");
      return;
    }
    await this.checkMembers();
    await this.checkpoint(TREE_START, "start");
    this.end = await this.checkpoint(TREE_END, "end");
    const { members, predicate, trust, ring } = this;
    const outside = new Outside(report, members, predicate, trust, ring, this.options);
    await outside.gather(this.end);
    const pass = await this.records(outside);
    if (pass !== null && report.level === "L2") await checkDetails(report, members, ring, pass);
    if (ring !== null) await checkAttestations(report, members, ring, this.options.attestations ?? []);
    const sound = pass !== null && !["E_FRONTIER", "E_TREE_SIZE", "E_ROOT"].some((code) => report.found.has(code));
    outside.judge(sound ? pass.roots : null, sound ? await outside.receipts() : new Map());
    this.exposure(pass);
    this.endRoot = fromHex(this.predicate.end_root);
  }

  // -- S1 --------------------------------------------------------------------------------------------------------

  private async readTrust(): Promise<void> {
    const { report, options } = this;
    if (options.trust === undefined) {
      report.add("I_TRUST_MISSING");
      report.skipped.add("signatures");
      return;
    }
    await requirePlatform();
    let member = "trust file";
    try {
      const trust = await loadTrust(options.trust);
      const before: Authority[] = [];
      if (options.trustFrom !== undefined) {
        member = "old trust file";
        before.push(await loadTrust(options.trustFrom));
        member = "trust file";
      }
      const remembered = options.memory?.authority(trust.origin);
      if (remembered !== undefined) before.push(remembered);
      for (const authority of before) await checkSuccession(trust, authority);
      this.trust = trust;
    } catch (error) {
      if (!(error instanceof TrustError)) throw error;
      report.add(error.code, place(member, error.detail));
      report.skipped.add("signatures");
    }
  }

  // -- S2 --------------------------------------------------------------------------------------------------------

  private async readStatement(): Promise<boolean> {
    const { report } = this;
    if (!this.members.has(STATEMENT)) {
      this.fail("E_MEMBER_MISSING", STATEMENT, "");
      return false;
    }
    const raw = await this.members.small(STATEMENT, MAX_ENVELOPE);
    if (raw === null) return false;
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(raw, STATEMENT_PAYLOAD);
    } catch (error) {
      if (!(error instanceof DsseError)) throw error;
      this.fail(error.code, STATEMENT, error.detail);
      return false;
    }
    report.bundle = bundleDigest(envelope.payload);
    const refusal = this.takeStatement(envelope.payload);
    if (refusal !== "") {
      this.fail(refusal, STATEMENT, "");
      return false;
    }
    ({ origin: report.origin, start: report.start, end: report.end } = this.predicate);
    if (this.predicate.profile.some((name) => name !== "core" && name !== "time")) {
      this.fail("I_PROFILE", STATEMENT, "a profile this verifier does not have");
    }
    await this.readKeys();
    const code = this.ring === null ? "" : await statementRefusal(envelope, this.ring, report.end);
    if (code !== "") this.fail(code, STATEMENT, "it is not signed by a seal key in force");
    return true;
  }

  /** Take over a statement of the one form the format allows, or return the code of what it breaks. */
  private takeStatement(payload: Uint8Array): string {
    let document: Json;
    try {
      document = checkStrict(payload, MAX_ENVELOPE);
    } catch (error) {
      if (error instanceof CanonicalError) return "E_STMT_TYPE";
      throw error;
    }
    if (!isObject(document) || document["_type"] !== STATEMENT_TYPE) return "E_STMT_TYPE";
    if (document["predicateType"] !== PREDICATE_TYPE) return "I_VERSION";
    if (!isBundleStatement(document)) return "E_STMT_PREDICATE";
    const predicate = document["predicate"] as unknown as Predicate;
    const subjects = document["subject"] as unknown as { name: string; digest: { sha256: string } }[];
    const digests = new Map(subjects.map(({ name, digest }) => [name, digest.sha256]));
    if (predicate.start >= predicate.end || digests.size !== subjects.length) return "E_STMT_PREDICATE";
    this.predicate = predicate;
    this.digests = digests;
    return "";
  }

  private async readKeys(): Promise<void> {
    const { trust, predicate } = this;
    if (trust === null) return;
    if (trust.origin === predicate.origin && predicate.end > trust.expiresSize) this.report.add("E_TRUST_EXPIRED", place("trust file"));
    const member = this.members.has(ROTATIONS) ? await this.members.small(ROTATIONS, MAX_ROTATIONS) : null;
    this.ring = await effectiveKeys(trust, predicate.origin, predicate.end, member ?? new Uint8Array(0));
    for (const { code, seq, detail } of this.ring.failures) this.report.add(code, place(ROTATIONS, detail, seq));
  }

  // -- members ---------------------------------------------------------------------------------------------------

  private async checkMembers(): Promise<void> {
    const { members, digests } = this;
    for (const name of members.unlisted(digests)) this.fail("E_MEMBER_UNLISTED", name, "");
    let missing = [...new Set([...digests.keys(), RECORDS, FRONTIER])].filter((name) => !members.has(name));
    if (!members.has(RECORDS) && members.has(LEAVES)) {
      // Pruned after its retention: approvals may be gone with the records.
      missing = missing.filter((name) => name !== RECORDS && !name.startsWith("approvals/"));
      this.report.level = "L0";
    }
    for (const name of missing.sort()) this.fail("E_MEMBER_MISSING", name, "");
    for (const [name, wanted] of [...digests].sort(([one], [other]) => compareText(one, other))) {
      if (name === RECORDS || !members.has(name)) continue;
      const found = await members.digest(name);
      if (found !== null && found !== wanted) this.fail("E_MEMBER_DIGEST", name, "");
    }
  }

  // -- S3 --------------------------------------------------------------------------------------------------------

  /** The checkpoint, if nothing speaks against it. */
  private async checkpoint(name: string, end: "start" | "end"): Promise<Checkpoint | null> {
    const size = this.predicate[end];
    if (!this.members.has(name)) {
      if (end === "start" && size > 0) this.fail("E_MEMBER_MISSING", name, "");
      return null;
    }
    const raw = await this.members.small(name, MAX_NOTE);
    if (raw === null) return null;
    let found: Checkpoint;
    try {
      found = parseCheckpoint(raw);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      this.fail(error.code, name, error.detail);
      return null;
    }
    const codes: string[] = [];
    if (found.origin !== this.predicate.origin) codes.push("E_CKPT_ORIGIN");
    if (found.size !== size || hex(found.root) !== this.predicate[`${end}_root`]) codes.push("E_CKPT_SIZE");
    const refused =
      this.ring === null ? "" : await checkpointRefusal(found, this.ring, this.predicate.origin, end === "end");
    if (refused !== "") codes.push(refused);
    for (const code of codes) this.fail(code, name, "");
    return codes.length === 0 ? found : null;
  }

  // -- S4 to S7 --------------------------------------------------------------------------------------------------

  /** Pass over the records, or the leaf hashes; null when they cannot be read. */
  private async records(outside: Outside): Promise<RecordPass | null> {
    const { report, members } = this;
    const frontier = await this.frontier();
    const fromLeaves = report.level === "L0" && members.has(LEAVES);
    const member = fromLeaves ? LEAVES : RECORDS;
    if (report.level !== "L2") report.skipped.add("record contents");
    if (frontier === null || !members.has(member)) {
      report.skipped.add("records");
      return null;
    }
    const pass = new RecordPass(
      {
        origin: report.origin,
        contents: report.level === "L2",
        ring: this.ring,
        sizes: outside.sizes,
        limits: outside.limits,
        disclosed: new Set(members.disclosures().map(({ number }) => number)),
        leaves: !fromLeaves && report.level !== "L0" && members.has(LEAVES),
        onRecord: this.options.onRecord ?? null,
      },
      frontier,
      this.host,
    );
    const done = await members.orReport(async () => {
      if (fromLeaves) this.tree(pass, member, await pass.runLeaves(members.stream(LEAVES)));
      else await this.lines(pass);
      return true;
    });
    if (done === null) {
      report.skipped.add("records");
      return null;
    }
    report.merge(pass.findings);
    this.aggregates(pass);
    return pass;
  }

  private async lines(pass: RecordPass): Promise<void> {
    const { start, end, level } = this.report;
    const digest = await pass.run(this.members.stream(RECORDS), () =>
      this.options.onProgress?.(pass.frontier.size - start, end - start),
    );
    if (level !== "L0" && hex(digest) !== this.digests.get(RECORDS)) pass.findings.add("E_MEMBER_DIGEST", place(RECORDS));
    this.tree(pass, RECORDS, true);
    if (level === "L0" || !this.members.has(LEAVES)) return;
    const leaves = await this.members.digest(LEAVES);
    if (leaves !== null && leaves !== hex(pass.leaves.final())) pass.findings.add("E_ROOT", place(LEAVES));
  }

  /** Whether the leaves lead to the end root. whole: false when the last leaf hash is cut. */
  private tree(pass: RecordPass, member: string, whole: boolean): void {
    const { start, end, end_root: root } = this.predicate;
    const { frontier, findings } = pass;
    if (!whole || frontier.size !== end) {
      findings.add("E_TREE_SIZE", place(member, `${frontier.size - start} records, ${end - start} expected`));
    } else if (hex(frontier.root()) !== root) {
      findings.add("E_ROOT", place(member));
    }
  }

  private async frontier(): Promise<Frontier | null> {
    if (!this.members.has(FRONTIER)) return null;
    const raw = await this.members.small(FRONTIER);
    if (raw === null) return null;
    const text = fromLatin1(raw);
    const lines = text.split("\n");
    const rest = lines.pop();
    try {
      const frontier = new Frontier(
        this.predicate.start,
        lines.map((line) => strictBase64(line, HASH_SIZE)),
      );
      if (rest !== "") this.fail("E_FRONTIER", FRONTIER, "bytes after the last line");
      if (hex(frontier.root()) !== this.predicate.start_root) this.fail("E_FRONTIER", FRONTIER, "");
      return frontier;
    } catch (error) {
      if (!(error instanceof NoteError || error instanceof ProofError)) throw error;
      this.fail("E_FRONTIER", FRONTIER, error.message);
      return null;
    }
  }

  /** Only where every record could be read: otherwise a difference says nothing new. */
  private aggregates(pass: RecordPass): void {
    if (this.report.level !== "L2" || this.report.hasErrorUpTo(7)) return;
    for (const name of pass.tally.differences(this.predicate)) this.fail("E_AGGREGATE", STATEMENT, name);
  }

  // -- S9 --------------------------------------------------------------------------------------------------------

  private exposure(pass: RecordPass | null): void {
    const { report } = this;
    const { start, end } = this.predicate;
    if (this.report.level !== "L2" || pass === null || pass.lastTs === "" || report.anchoredEnd >= end) return;
    const from = report.anchoredEnd > start ? (pass.times.get(report.anchoredEnd) ?? pass.firstTs) : pass.firstTs;
    const exposed = microseconds(pass.lastTs) - microseconds(from);
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    report.exposure = Number(exposed < 0n ? 0n : exposed > most ? most : exposed);
  }

  // -- parts -----------------------------------------------------------------------------------------------------

  private fail(code: string, member: string, detail: string): void {
    this.report.add(code, place(member, detail));
  }
}
