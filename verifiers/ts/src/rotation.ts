/**
 * The keys that may speak for one log at each tree size: those of the trust file, changed by the log's own rotations. A
 * rotation counts only when someone entitled endorsed it and the new key proved possession; bounds only ever tighten;
 * what fails has no effect and is named once.
 */

import { codePoints, concat, fromHex, utf8 } from "./bytes.js";
import { DsseError, envelopeOf, type Envelope } from "./dsse.js";
import { CanonicalError, checkStrict, isObject, type Json, type JsonObject } from "./json.js";
import { ED25519, P256, isWeak, keyId, verifies } from "./keys.js";
import { compileSchema } from "./schema.js";
import { sha256Hex } from "./sha256.js";
import { closed, COUNT, DIGEST, HEX64, NAMESPACE, ORIGIN, STATEMENT_PAYLOAD, STATEMENT_TYPE } from "./statement.js";
import { TrustedKey, type Trust } from "./trust.js";

export const MAX_ROTATIONS = 64 << 20;
const MAX_DELEGATION = 2 ** 32;

const isRotationStatement = compileSchema(
  closed({
    _type: { const: STATEMENT_TYPE },
    subject: { type: "array", minItems: 1, maxItems: 1, items: closed({ name: { const: "key" }, digest: DIGEST }) },
    predicateType: { const: `${NAMESPACE}/def/key-rotation/v0` },
    predicate: closed(
      {
        origin: ORIGIN,
        kind: { enum: ["rotation", "recovery", "revocation", "delegation"] },
        role: { enum: ["log", "seal"] },
        keyid: HEX64,
        alg: { enum: [ED25519, P256] },
        pub: { type: "string", pattern: "^[0-9a-f]{64,130}$" },
        replaces: HEX64,
        size: COUNT,
        until_size: COUNT,
        compromised_from_size: COUNT,
        reason: { type: "string", minLength: 1, maxLength: 256 },
      },
      ["replaces", "until_size", "compromised_from_size"],
    ),
  }),
);

/** What a rotation statement says. replaces: "" in a revocation. */
interface Change {
  readonly origin: string;
  readonly kind: "rotation" | "recovery" | "revocation" | "delegation";
  readonly role: string;
  readonly keyId: string;
  readonly alg: string;
  readonly key: Uint8Array;
  readonly size: number;
  readonly replaces: string;
  readonly until: number | undefined;
  readonly compromisedFrom: number | undefined;
}

/** A line that has no effect. seq: of the line, -1 when it cannot be read. */
export interface Failure {
  readonly code: string;
  readonly seq: number;
  readonly detail: string;
}

/** What a `sys.key` record must agree with. */
export interface Line {
  readonly statement: string;
  readonly possession: string;
}

class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

function unendorsed(detail: string): Refusal {
  return new Refusal("E_ROTATION_UNENDORSED", detail);
}

/** Effective keys by id, keys whose line failed, the lines by record number, and what failed. */
export class KeyRing {
  readonly trusted: ReadonlySet<string>;
  readonly keys: Map<string, TrustedKey>;
  readonly failed = new Map<string, TrustedKey>();
  readonly lines = new Map<number, Line>();
  readonly failures: Failure[] = [];

  constructor(own: readonly TrustedKey[]) {
    this.trusted = new Set(own.map(({ keyId: id }) => id));
    this.keys = new Map(own.map((key) => [key.keyId, key]));
  }

  ofRole(role: string): Map<string, TrustedKey> {
    return new Map([...this.keys].filter(([, key]) => key.role === role));
  }

  failedOfRole(role: string): Map<string, TrustedKey> {
    return new Map([...this.failed].filter(([, key]) => key.role === role));
  }
}

/** The key ring of a log up to size `end`. member: the bytes of `keys/rotations.dsse.jsonl`. */
export async function effectiveKeys(trust: Trust, origin: string, end: number, member: Uint8Array): Promise<KeyRing> {
  const ring = new KeyRing(trust.origin === origin ? trust.keys : []);
  let last = -1;
  for (let at = 0; at < member.length; ) {
    const stop = member.indexOf(0x0a, at);
    const line = member.subarray(at, stop < 0 ? member.length : stop);
    at = stop < 0 ? member.length : stop + 1;
    const entry = parseLine(line);
    if (entry === null || entry.seq <= last) {
      ring.failures.push({ code: "E_ROTATION_UNENDORSED", seq: -1, detail: "a line cannot be read or does not ascend" });
      return ring;
    }
    last = entry.seq;
    await apply(ring, trust, origin, end, entry);
  }
  if (member.length > 0 && member[member.length - 1] !== 0x0a) {
    ring.failures.push({ code: "E_ROTATION_UNENDORSED", seq: -1, detail: "the last line has no end" });
  }
  return ring;
}

interface Entry {
  readonly seq: number;
  readonly envelope: Envelope;
  readonly possession: string;
}

function parseLine(line: Uint8Array): Entry | null {
  try {
    const found = checkStrict(line, MAX_ROTATIONS);
    if (!isObject(found) || Object.keys(found).sort().join() !== "envelope,possession,seq") return null;
    const { seq, possession } = found;
    if (typeof seq !== "number" || seq < 0 || typeof possession !== "string" || codePoints(possession) > 160) return null;
    return { seq, possession, envelope: envelopeOf(found["envelope"]!, STATEMENT_PAYLOAD) };
  } catch (error) {
    if (error instanceof CanonicalError || error instanceof DsseError) return null;
    throw error;
  }
}

async function apply(ring: KeyRing, trust: Trust, origin: string, end: number, entry: Entry): Promise<void> {
  const { seq, envelope, possession } = entry;
  ring.lines.set(seq, { statement: sha256Hex(envelope.payload), possession });
  let change: Change | null = null;
  try {
    change = parseChange(envelope.payload);
    checkPlace(ring, change, origin, end, seq);
    if (change.kind === "delegation") checkRange(change, seq);
    if (change.kind === "revocation" || !ring.trusted.has(change.keyId)) {
      await checkEndorsement(ring, trust, envelope, change, seq + 1);
    }
    if (!(await provesPossession(change, possession))) {
      throw new Refusal("E_ROTATION_POP", "the new key does not prove possession");
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ring.failures.push({ code: error.code, seq, detail: error.detail });
    if (change !== null && change.kind !== "revocation" && !ring.keys.has(change.keyId)) {
      ring.failed.set(change.keyId, newKey(change, seq + 1));
    }
    return;
  }
  takeEffect(ring, change, seq + 1);
}

/** The statement is about this log and this place in it, and its key is new in it. */
function checkPlace(ring: KeyRing, change: Change, origin: string, end: number, seq: number): void {
  if (change.origin !== origin || change.size > seq + 1 || seq >= end) {
    throw unendorsed("it is about another log or another place in it");
  }
  const known = ring.keys.get(change.keyId);
  if (change.kind !== "revocation" && known !== undefined) {
    if (known.role !== change.role) throw unendorsed("one key cannot have two roles");
    if (!ring.trusted.has(change.keyId)) throw unendorsed("the key was brought in before");
  }
}

function parseChange(payload: Uint8Array): Change {
  let document: Json;
  try {
    document = checkStrict(payload, MAX_ROTATIONS);
  } catch (error) {
    if (error instanceof CanonicalError) throw unendorsed(`the statement: ${error.detail}`);
    throw error;
  }
  if (!isRotationStatement(document)) throw unendorsed("the statement does not satisfy its schema");
  const { predicate, subject } = document as { predicate: JsonObject; subject: { digest: { sha256: string } }[] };
  const text = (name: string): string => (predicate[name] as string | undefined) ?? "";
  const size = (name: string): number | undefined => predicate[name] as number | undefined;
  const pub = text("pub");
  if (pub.length % 2 !== 0) throw unendorsed("the public key is not whole bytes");
  const change: Change = {
    origin: text("origin"),
    kind: text("kind") as Change["kind"],
    role: text("role"),
    keyId: text("keyid"),
    alg: text("alg"),
    key: fromHex(pub),
    size: size("size")!,
    replaces: text("replaces"),
    until: size("until_size"),
    compromisedFrom: size("compromised_from_size"),
  };
  checkChange(change, subject[0]!.digest.sha256);
  return change;
}

/** What the schema cannot say. */
function checkChange(change: Change, subject: string): void {
  const { kind, alg, key, role, replaces } = change;
  if (subject !== change.keyId) throw unendorsed("the subject is not the key");
  if (isWeak(alg, key)) throw unendorsed("the public key is weak or malformed");
  if (keyId(alg, key) !== change.keyId) throw unendorsed("the key id is not the digest of the key");
  if (role === "log" && alg !== ED25519) throw unendorsed("a log key is an Ed25519 key");
  if ((replaces !== "") === (kind === "revocation") || replaces === change.keyId) {
    throw unendorsed("`replaces` names the other key that goes, in every kind but a revocation");
  }
  if ((change.until !== undefined) !== (kind === "delegation")) {
    throw unendorsed("`until_size` belongs to a delegation, and to nothing else");
  }
  if (change.compromisedFrom !== undefined && kind !== "recovery" && kind !== "revocation") {
    throw unendorsed("`compromised_from_size` belongs to a recovery or a revocation");
  }
  if (kind === "delegation" && role !== "log") throw unendorsed("only a log key is delegated");
}

function checkRange(change: Change, seq: number): void {
  const until = change.until ?? 0;
  if (!(seq < until && until <= seq + MAX_DELEGATION)) {
    throw new Refusal("E_DELEGATION_RANGE", `from ${seq + 1} until ${until}`);
  }
}

/** Throws Refusal unless someone entitled signed. */
async function checkEndorsement(
  ring: KeyRing,
  trust: Trust,
  envelope: Envelope,
  change: Change,
  size: number,
): Promise<void> {
  if (change.kind === "recovery" || change.kind === "revocation") {
    const signers = await envelope.signers(new Map(trust.roots.map((root) => [root.keyId, root])));
    if (trust.origin !== change.origin || new Set(signers).size < trust.threshold) {
      throw unendorsed("too few root keys signed it");
    }
    return;
  }
  const old = ring.keys.get(change.replaces);
  const entitled =
    change.kind === "delegation"
      ? ring.ofRole("seal")
      : new Map(old !== undefined && old.role === change.role ? [[old.keyId, old]] : []);
  const refusals = new Set((await envelope.signers(entitled)).map((id) => entitled.get(id)!.refusalAt(size)));
  if (refusals.has("")) return;
  for (const code of ["E_KEY_COMPROMISED", "E_DELEGATION_RANGE"]) {
    if (refusals.has(code)) throw new Refusal(code, "by a key that may not sign at that size");
  }
  const known = new Map([...ring.ofRole("log"), ...ring.ofRole("seal")]);
  if (change.kind === "delegation" && (await envelope.signers(known)).length > 0) {
    throw new Refusal("E_DELEGATION_RANGE", "a delegation is signed by a seal key in force");
  }
  throw unendorsed("not signed by a key that is entitled to");
}

/** Whether `possession` (hex) is the new key's own signature. A revocation brings no key and has none. */
async function provesPossession(change: Change, possession: string): Promise<boolean> {
  if (change.kind === "revocation") return possession === "";
  if (!/^([0-9a-f]{2})*$/.test(possession)) return false;
  const zero = Uint8Array.of(0);
  const message = concat([
    utf8("def/0 possession"),
    zero,
    utf8(change.origin),
    zero,
    utf8(change.keyId),
    zero,
    utf8(String(change.size)),
  ]);
  return verifies(change.alg, change.key, fromHex(possession), message);
}

/** Let a good line take effect from `size` on. */
function takeEffect(ring: KeyRing, change: Change, size: number): void {
  if (change.kind !== "revocation" && !ring.keys.has(change.keyId)) {
    ring.keys.set(change.keyId, newKey(change, size));
    ring.failed.delete(change.keyId);
  }
  const gone = ring.keys.get(change.kind === "revocation" ? change.keyId : change.replaces);
  if (gone === undefined || gone.role !== change.role) return;
  const ends = change.kind !== "revocation" || change.compromisedFrom === undefined;
  ring.keys.set(gone.keyId, gone.tightened(ends ? size : Infinity, change.compromisedFrom ?? Infinity));
}

function newKey(change: Change, size: number): TrustedKey {
  return new TrustedKey(change.keyId, change.alg, change.key, {
    role: change.role,
    validFrom: size,
    until: change.until ?? Infinity,
    compromisedFrom: Infinity,
    delegated: change.kind === "delegation",
  });
}

