/**
 * What a bundle claims: an in-toto Statement v1 with the `def/bundle/v0` predicate, and the part of it that is computed
 * again from the records.
 */

import { compareText } from "./bytes.js";
import { encodeText, type Json, type JsonObject } from "./json.js";
import { compileSchema } from "./schema.js";
import { sha256Hex } from "./sha256.js";

export const NAMESPACE = "https://clyra.dev/ns";
export const FORMAT = "def/0";
export const STATEMENT_PAYLOAD = "application/vnd.in-toto+json";
export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
export const PREDICATE_TYPE = `${NAMESPACE}/def/bundle/v0`;
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;

export const STATEMENT = "statement.dsse.json";
export const RECORDS = "records.jsonl";
export const FRONTIER = "tree/frontier";
export const TREE_START = "tree/start";
export const TREE_END = "tree/end";
export const CONSISTENCY = "tree/consistency";
export const LEAVES = "tree/leaves";
export const ROTATIONS = "keys/rotations.dsse.jsonl";

/** A closed object schema: every property is required but the optional ones. */
export function closed(properties: JsonObject, optional: readonly string[] = []): JsonObject {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", additionalProperties: false, required, properties };
}

export const HEX64: JsonObject = { type: "string", pattern: "^[0-9a-f]{64}$" };
export const COUNT: JsonObject = { type: "integer", minimum: 0, maximum: MAX_INTEGER };
export const ORIGIN: JsonObject = { type: "string", minLength: 1, maxLength: 200 };
export const DIGEST: JsonObject = closed({ sha256: HEX64 });
const TEXT: JsonObject = { type: "string" };
const TS: JsonObject = {
  type: "string",
  pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
};

const PREDICATE = closed(
  {
    origin: ORIGIN,
    start: COUNT,
    end: COUNT,
    start_root: HEX64,
    end_root: HEX64,
    prev_bundle: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
    period: closed({ from: TS, to: TS }),
    producer: closed({ name: TEXT, version: TEXT, config_sha256: HEX64 }),
    policy: { type: "array", items: closed({ uri: TEXT, digest: DIGEST }) },
    counts: { type: "object", additionalProperties: COUNT },
    sources: { type: "array", items: closed({ id: TEXT, first: COUNT, last: COUNT, lost: COUNT }) },
    retain_until: { type: "string", pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
    profile: { type: "array", items: TEXT },
    tail: { enum: ["open", "closed"] },
  },
  ["prev_bundle"],
);

const SUBJECT = closed({ name: { type: "string", pattern: "^[a-z0-9._/-]{1,100}$" }, digest: DIGEST });

export const isBundleStatement = compileSchema(
  closed({
    _type: { const: STATEMENT_TYPE },
    subject: { type: "array", minItems: 1, maxItems: 65_536, items: SUBJECT },
    predicateType: { const: PREDICATE_TYPE },
    predicate: PREDICATE,
  }),
);

/** The predicate, after its schema was checked. */
export interface Predicate {
  readonly origin: string;
  readonly start: number;
  readonly end: number;
  readonly start_root: string;
  readonly end_root: string;
  readonly profile: readonly string[];
  readonly [name: string]: unknown;
}

export function bundleDigest(payload: Uint8Array): string {
  return `sha256:${sha256Hex(payload)}`;
}

interface Source {
  first: number;
  last: number;
  lost: number;
}

/** What a statement says about the records of its window, gathered record by record. */
export class Tally {
  private readonly counts = new Map<string, number>();
  private readonly sources = new Map<string, Source>();
  private readonly policies = new Set<string>();
  private firstTs = "";
  private lastTs = "";
  private lastTyp = "";

  add(typ: string, ts: string, sourceId: string, sourceSeq: number, policy: string): void {
    this.counts.set(typ, (this.counts.get(typ) ?? 0) + 1);
    const known = this.sources.get(sourceId);
    if (known === undefined) this.sources.set(sourceId, { first: sourceSeq, last: sourceSeq, lost: 0 });
    else known.last = sourceSeq;
    if (policy !== "") this.policies.add(policy);
    if (this.firstTs === "") this.firstTs = ts;
    if (ts > this.lastTs) this.lastTs = ts;
    this.lastTyp = typ;
  }

  /** A `sys.gap`, after it was added as a record. */
  addGap(source: string, first: number, last: number, count: number): void {
    let known = this.sources.get(source);
    if (known === undefined) this.sources.set(source, (known = { first, last, lost: 0 }));
    known.last = Math.max(known.last, last);
    known.lost += count; // beyond 2^53 it is rounded, but stays beyond what a statement may say
  }

  /** Names of the predicate's members that do not follow from the records. */
  differences(predicate: Predicate): string[] {
    const part: Record<string, Json> = {
      counts: Object.fromEntries(this.counts),
      sources: [...this.sources]
        .sort(([one], [other]) => compareText(one, other))
        .map(([id, { first, last, lost }]) => ({ id, first, last, lost })),
      policy: [...this.policies]
        .sort(compareText)
        .map((digest) => ({ uri: `${NAMESPACE}/policy/${digest}`, digest: { sha256: digest } })),
      period: { from: this.firstTs, to: this.lastTs },
      tail: this.lastTyp === "sys.close" ? "closed" : "open",
    };
    return Object.keys(part).filter((name) => encodeText(part[name]!) !== encodeText(predicate[name] as Json));
  }
}

