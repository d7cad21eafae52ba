/**
 * What a verifier remembers of the logs it has seen: the largest tree it accepted, and whose word it took for it. Only
 * what was verified or intact is remembered; a file that is not of the one form is refused, never repaired.
 */

import { compareText, equal, fromHex, hex, record, utf8, concat } from "./bytes.js";
import { CanonicalError, checkDef, encode, type Json, type JsonObject } from "./json.js";
import { ED25519, P256 } from "./keys.js";
import { compileSchema } from "./schema.js";
import { closed, HEX64, ORIGIN } from "./statement.js";
import { PublicKey, type Authority, type Trust } from "./trust.js";

const MAX_MEMORY = 16 << 20;
const SIZE: JsonObject = { type: "integer", minimum: 1 };
const ROOT = closed({
  alg: { enum: [ED25519, P256] },
  keyid: HEX64,
  pub: { type: "string", pattern: "^([0-9a-f]{2})+$", maxLength: 130 },
});
const LOG = closed(
  {
    origin: ORIGIN,
    size: SIZE,
    root: HEX64,
    trust_version: SIZE,
    trust_threshold: { type: "integer", minimum: 1, maximum: 16 },
    trust_roots: { type: "array", minItems: 1, maxItems: 256, items: ROOT },
  },
  ["trust_version", "trust_threshold", "trust_roots"],
);
const isMemory = compileSchema(closed({ v: { const: "def-memory/0" }, logs: { type: "array", items: LOG } }));

/** The memory file is not one: an error of use. */
export class MemoryError extends Error {}

/** The largest tree of one log that was accepted. */
export interface Seen {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly trusted: Authority | null;
}

export class Memory {
  changed = false;
  private readonly logs = new Map<string, Seen>();

  /** The memory in a file's bytes. Throws MemoryError. */
  static parse(raw: Uint8Array): Memory {
    let document: Json;
    try {
      document = checkDef(raw[raw.length - 1] === 0x0a ? raw.subarray(0, -1) : raw, MAX_MEMORY);
    } catch (error) {
      if (error instanceof CanonicalError) throw new MemoryError(error.detail);
      throw error;
    }
    if (!isMemory(document)) throw new MemoryError("it does not satisfy its schema");
    const memory = new Memory();
    let last: string | null = null;
    for (const item of (document as { logs: JsonObject[] }).logs) {
      const seen = seenOf(item);
      if (last !== null && compareText(last, seen.origin) >= 0) {
        throw new MemoryError("its logs are not sorted and unique");
      }
      last = seen.origin;
      memory.logs.set(seen.origin, seen);
    }
    return memory;
  }

  of(origin: string): Seen | undefined {
    return this.logs.get(origin);
  }

  authority(origin: string): Authority | undefined {
    return this.logs.get(origin)?.trusted ?? undefined;
  }

  /** Take in an accepted bundle's end, and the trust file it was accepted on. */
  remember(origin: string, size: number, root: Uint8Array, trust: Trust | null): void {
    const before = this.logs.get(origin);
    const kept = before !== undefined && before.size >= size ? before : { size, root };
    const trusted = trust !== null && trust.origin === origin ? trust : (before?.trusted ?? null);
    const seen = { origin, size: kept.size, root: kept.root, trusted };
    this.changed ||= before === undefined || !equal(encode(documentOf(before)), encode(documentOf(seen)));
    this.logs.set(origin, seen);
  }

  toBytes(): Uint8Array {
    const logs = [...this.logs.values()].sort((one, other) => compareText(one.origin, other.origin)).map(documentOf);
    return concat([encode({ v: "def-memory/0", logs }), utf8("\n")]);
  }
}

function documentOf(seen: Seen): JsonObject {
  const found = record<Json>();
  found["origin"] = seen.origin;
  found["size"] = seen.size;
  found["root"] = hex(seen.root);
  if (seen.trusted !== null) {
    found["trust_version"] = seen.trusted.version;
    found["trust_threshold"] = seen.trusted.threshold;
    found["trust_roots"] = seen.trusted.roots.map(({ alg, keyId, key }) => ({ alg, keyid: keyId, pub: hex(key) }));
  }
  return found;
}

function seenOf(item: JsonObject): Seen {
  const { origin, size, root, trust_version: version, trust_threshold: threshold, trust_roots: roots } = item as {
    origin: string;
    size: number;
    root: string;
    trust_version?: number;
    trust_threshold?: number;
    trust_roots?: { alg: string; keyid: string; pub: string }[];
  };
  let trusted: Authority | null = null;
  if (version !== undefined && threshold !== undefined && roots !== undefined) {
    const keys = roots.map(({ alg, keyid, pub }) => new PublicKey(keyid, alg, fromHex(pub)));
    trusted = { origin, version, threshold, roots: keys };
  }
  return { origin, size, root: fromHex(root), trusted };
}
