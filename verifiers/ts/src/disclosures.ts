/**
 * Whether what was disclosed is what a record committed to: a body with its HMAC commitment, a field with its digest
 * among `sd` (RFC 9901). A line of another form, or about a record that is not there, shows nothing.
 */

import { base64url, fromBase64, fromHex, hex, utf8 } from "./bytes.js";
import { CanonicalError, checkStrict, isObject, type Json, type JsonObject } from "./json.js";
import { hmacSha256 } from "./keys.js";
import { sha256 } from "./sha256.js";

const FORMAT = "def-disclosure/0";
const MAX_LINE = 16 << 20;

/** What of a record a disclosure may be compared with. commitments: by `req`, `res`, `target`. */
export interface Facts {
  readonly commitments: ReadonlyMap<string, string>;
  readonly digests: ReadonlySet<string>;
}

/** The facts of a record that satisfies its schema, or the envelope's. */
export function factsOf(record: JsonObject): Facts {
  const commitments = new Map<string, string>();
  const io = record["io"] as JsonObject | undefined;
  for (const name of ["req", "res"]) {
    const part = io?.[name] as JsonObject | undefined;
    if (typeof part?.["c"] === "string") commitments.set(name, part["c"]);
  }
  const target = (record["data"] as JsonObject)["target_c"];
  if (typeof target === "string") commitments.set("target", target);
  return { commitments, digests: new Set((record["sd"] as string[] | undefined) ?? []) };
}

interface Wrong {
  readonly code: string;
  readonly detail: string;
}

const malformed: Wrong = { code: "E_DISCLOSURE_DIGEST", detail: "it is not a disclosure" };

/** Compare one member with its record; facts: undefined when that is not there or could not be read. */
export function checkDisclosures(facts: Facts | undefined, raw: Uint8Array): { wrong: Wrong[]; good: number } {
  if (facts === undefined) {
    return { wrong: [{ code: "E_DISCLOSURE_DIGEST", detail: "there is no such record to compare with" }], good: 0 };
  }
  const wrong: Wrong[] = [];
  let good = 0;
  let at = 0;
  for (let stop = raw.indexOf(0x0a); stop >= 0; stop = raw.indexOf(0x0a, at)) {
    const refused = judge(raw.subarray(at, stop), facts);
    if (refused === null) good++;
    else wrong.push(refused);
    at = stop + 1;
  }
  if (at < raw.length) wrong.push({ code: "E_DISCLOSURE_DIGEST", detail: "the last line has no end" });
  return { wrong, good };
}

/** What is wrong with a line; null for a good one. */
function judge(line: Uint8Array, facts: Facts): Wrong | null {
  let document: Json;
  try {
    document = checkStrict(line, MAX_LINE);
  } catch (error) {
    if (error instanceof CanonicalError) return malformed;
    throw error;
  }
  if (!isObject(document) || document["v"] !== FORMAT) return malformed;
  const names = Object.keys(document).sort().join();
  const { kind, disclosure, field, salt, value } = document;
  if (kind === "sd") {
    if (names !== "disclosure,kind,v" || typeof disclosure !== "string" || !/^[A-Za-z0-9_-]+$/.test(disclosure)) {
      return malformed;
    }
    const known = facts.digests.has(base64url(sha256(utf8(disclosure))));
    return known ? null : { code: "E_DISCLOSURE_DIGEST", detail: "the record has no such digest" };
  }
  if (kind !== "body" || names !== "field,kind,salt,v,value" || typeof field !== "string") return malformed;
  if (!["req", "res", "target"].includes(field) || typeof salt !== "string" || typeof value !== "string") {
    return malformed;
  }
  const body = fromBase64(value);
  if (!/^[0-9a-f]{64}$/.test(salt) || body === null) return malformed;
  const same = hex(hmacSha256(fromHex(salt), body)) === facts.commitments.get(field);
  return same ? null : { code: "E_COMMITMENT", detail: `the record committed to another ${field}` };
}
