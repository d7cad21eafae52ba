/**
 * What a verification found: a DEF-JSON report that every verifier writes byte for byte alike, without paths, times of
 * run or host names. Places beyond the first, and words for people, are kept beside it.
 */

import { compareText, record } from "./bytes.js";
import { stageOf } from "./codes.js";
import type { ContainerError } from "./container.js";
import { encode, type Json, type JsonObject } from "./json.js";

export const REPORT = "def-verify/0";
export const MAX_PLACES = 16;

export type Verdict = "verified" | "prefix" | "indeterminate" | "rejected";
export type Level = "L0" | "L1" | "L2";

export const EXIT_CODES: Readonly<Record<Verdict, number>> = { verified: 0, rejected: 1, prefix: 3, indeterminate: 4 };
export const EXIT_UNREADABLE = 2;

/** Where a code applies. seq: record, -1 when it is not about one. at: byte offset, -1 when there is none. */
export interface Place {
  readonly member: string;
  readonly seq: number;
  readonly detail: string;
  readonly at: number;
}

/** One code: how often, and the first few places. */
export interface Found {
  readonly code: string;
  count: number;
  readonly places: Place[];
}

export function place(member = "", detail = "", seq = -1, at = -1): Place {
  return { member, seq, detail, at };
}

/** Codes in the order in which they were found. */
export class Findings {
  readonly found = new Map<string, Found>();

  add(code: string, where: Place = place()): void {
    stageOf(code);
    let entry = this.found.get(code);
    if (entry === undefined) this.found.set(code, (entry = { code, count: 0, places: [] }));
    entry.count++;
    if (entry.places.length < MAX_PLACES) entry.places.push(where);
  }

  /** Take over what another collection holds. */
  merge(other: Findings): void {
    for (const { code, count, places } of other.found.values()) {
      for (const where of places) this.add(code, where);
      this.found.get(code)!.count += count - places.length;
    }
  }
}

export interface Approvals {
  certificates: number;
  consumed: number;
  operator_asserted: number;
  valid: number;
}

/** The verdict that codes give. */
export function verdictOf(codes: Iterable<string>): Verdict {
  const kinds = new Set(Array.from(codes, (code) => code.slice(0, 2)));
  if (kinds.has("E_")) return "rejected";
  if (kinds.has("I_")) return "indeterminate";
  return kinds.has("P_") ? "prefix" : "verified";
}

/** Codes of some kinds by stage, then lowest record, then name. */
export function ordered(findings: Findings, ...kinds: string[]): Found[] {
  return [...findings.found.values()]
    .filter(({ code }) => kinds.includes(code.slice(0, 2)))
    .sort((one, other) => {
      const stages = stageOf(one.code) - stageOf(other.code);
      return stages || one.places[0]!.seq - other.places[0]!.seq || compareText(one.code, other.code);
    });
}

/** Filled by the stages. anchoredEnd: the largest tree size that something outside confirms (0: none). */
export class Report extends Findings {
  bundle = "";
  origin = "";
  start = 0;
  end = 0;
  level: Level = "L2";
  anchoredEnd = 0;
  anchoredAt = "";
  exposure = 0;
  witnesses: string[] = [];
  approvals: Approvals = { certificates: 0, consumed: 0, operator_asserted: 0, valid: 0 };
  erased = 0;
  disclosed = 0;
  readonly skipped = new Set<string>();
  private readonly unreadable = new Set<string>();

  /** A refusal of the container: each code once for a member, however often the member is read. */
  addContainer(error: ContainerError): void {
    const key = `${error.code} ${error.member}`;
    if (this.unreadable.has(key)) return;
    this.unreadable.add(key);
    this.add(error.code, place(error.member, error.detail, -1, error.at));
  }

  /** Whether any code of the kinds `E_` and `I_VERSION` of stages 0 to `last` was found. */
  hasErrorUpTo(last: number): boolean {
    return [...this.found.keys()].some((code) => code === "I_VERSION" || (code[0] === "E" && stageOf(code) <= last));
  }

  get verdict(): Verdict {
    return verdictOf(this.found.keys());
  }

  get exitCode(): number {
    return EXIT_CODES[this.verdict];
  }

  /** The report as a DEF-JSON value. */
  document(): JsonObject {
    const refusals = ordered(this, "E_", "I_", "P_").map(entry);
    const document: JsonObject = {
      report: REPORT,
      bundle: this.bundle,
      origin: this.origin,
      start: this.start,
      end: this.end,
      level: this.level,
      verdict: this.verdict,
      first: refusals.length > 0 ? refusals[0]!["code"]! : "",
      codes: refusals,
      warnings: ordered(this, "W_").map(entry),
      anchored_end: this.anchoredEnd,
      unanchored: Math.max(0, this.end - Math.max(this.anchoredEnd, this.start)),
      exposure_us: this.exposure,
      witnesses: [...this.witnesses].sort(compareText),
      approvals: { ...this.approvals },
      erased: this.erased,
      disclosed: this.disclosed,
      skipped: [...this.skipped].sort(compareText),
    };
    if (this.anchoredAt !== "") document["anchored_at"] = this.anchoredAt;
    return document;
  }

  toBytes(): Uint8Array {
    return encode(this.document());
  }
}

export function entry({ code, count, places }: Found): JsonObject {
  const where = places[0]!;
  const found = record<Json>();
  found["code"] = code;
  found["count"] = count;
  if (where.member !== "") found["member"] = where.member;
  if (where.seq >= 0) found["seq"] = where.seq;
  return found;
}
