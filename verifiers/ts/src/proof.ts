/**
 * One record with the proof that it is, byte for byte, in a tree that the log's key signed (C2SP tlog-proof). It shows
 * nothing about the records around it, and nothing about what came later.
 */

import { compareText, fromLatin1 } from "./bytes.js";
import { stageOf } from "./codes.js";
import { CanonicalError, checkDef, encode, isObject, type Json, type JsonObject } from "./json.js";
import { requirePlatform } from "./keys.js";
import { HASH_SIZE, leafHash, ProofError, verifyInclusion } from "./merkle.js";
import { canonicalDecimal, NoteError, parseCheckpoint, strictBase64, type Checkpoint } from "./note.js";
import { entry, EXIT_CODES, Findings, place, verdictOf } from "./report.js";
import { effectiveKeys } from "./rotation.js";
import { isEnveloped, isKnownType, isRecord } from "./schemas.js";
import { checkpointRefusal } from "./signatures.js";
import { FORMAT } from "./statement.js";
import { loadTrust, TrustError, type Trust } from "./trust.js";

const HEADER = "c2sp.org/tlog-proof@v1";
const MAX_PROOF = 256 << 10;
const MAX_HASHES = 63;
const EXTRA = "extra ";
const INDEX = "index ";
const EMPTY_LINE = /\n\n/;

interface RecordProof {
  readonly line: Uint8Array;
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
  readonly checkpoint: Uint8Array;
}

/** A finished check of one record. */
export interface RecordResult {
  readonly report: JsonObject;
  readonly reportBytes: Uint8Array;
  readonly exitCode: number;
}

/** Read a proof strictly; null when it is not one. The checkpoint's form is not looked at. */
function parseProof(raw: Uint8Array): RecordProof | null {
  if (raw.length > MAX_PROOF) return null;
  const text = fromLatin1(raw);
  const split = EMPTY_LINE.exec(text)?.index ?? -1;
  const lines = text.slice(0, Math.max(0, split)).split("\n");
  if (split < 0 || lines.length < 3 || lines.length > 3 + MAX_HASHES || lines[0] !== HEADER) return null;
  if (!lines[1]!.startsWith(EXTRA) || !lines[2]!.startsWith(INDEX)) return null;
  try {
    const line = strictBase64(lines[1]!.slice(EXTRA.length));
    const index = canonicalDecimal(lines[2]!.slice(INDEX.length));
    const hashes = lines.slice(3).map((one) => strictBase64(one, HASH_SIZE));
    return index === null ? null : { line, index, hashes, checkpoint: raw.subarray(split + 2) };
  } catch (error) {
    if (error instanceof NoteError) return null;
    throw error;
  }
}

/** Check a proof, with a trust file if there is one. Throws PlatformError. */
export async function verifyRecord(raw: Uint8Array, trusted?: Uint8Array): Promise<RecordResult> {
  const findings = new Findings();
  const fail = (code: string): void => findings.add(code, place());
  const trust = await readTrust(trusted, fail);
  const proof = parseProof(raw);
  if (proof === null) {
    fail("E_PROOF_FORMAT");
    return result(findings, null, 0);
  }
  let checkpoint: Checkpoint;
  try {
    checkpoint = parseCheckpoint(proof.checkpoint);
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    fail(error.code);
    return result(findings, null, proof.index);
  }
  if (trust !== null) await checkSigner(checkpoint, trust, fail);
  const code = lineRefusal(proof.line, fail);
  if (code === null) checkPlace(proof, checkpoint.origin, fail);
  else fail(code);
  try {
    verifyInclusion(leafHash(proof.line), proof.index, checkpoint.size, proof.hashes, checkpoint.root);
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    fail("E_ROOT");
  }
  return result(findings, checkpoint, proof.index);
}

type Fail = (code: string) => void;

async function readTrust(raw: Uint8Array | undefined, fail: Fail): Promise<Trust | null> {
  if (raw === undefined) {
    fail("I_TRUST_MISSING");
    return null;
  }
  await requirePlatform();
  try {
    return await loadTrust(raw);
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    fail(error.code);
    return null;
  }
}

async function checkSigner(checkpoint: Checkpoint, trust: Trust, fail: Fail): Promise<void> {
  const { origin, size } = checkpoint;
  if (origin !== trust.origin) fail("E_CKPT_ORIGIN");
  const ring = await effectiveKeys(trust, origin, size, new Uint8Array(0));
  const code = await checkpointRefusal(checkpoint, ring, origin, true);
  if (code !== "") fail(code);
}

/** The code for a line that is no record of this format, or null. */
function lineRefusal(line: Uint8Array, warn: Fail): string | null {
  let value: Json;
  try {
    value = checkDef(line);
  } catch (error) {
    if (error instanceof CanonicalError) return error.code;
    throw error;
  }
  if (!isObject(value) || value["v"] !== FORMAT) return isObject(value) && "v" in value ? "I_VERSION" : "E_SCHEMA";
  const typ = value["typ"];
  if (isKnownType(typ)) return isRecord(typ, value) ? null : "E_SCHEMA";
  if (!isEnveloped(value)) return "E_SCHEMA";
  warn("W_TYPE_UNKNOWN");
  return null;
}

function checkPlace({ line, index }: RecordProof, origin: string, fail: Fail): void {
  const record = checkDef(line) as JsonObject;
  if (record["origin"] !== origin) fail("E_ORIGIN");
  if (record["seq"] !== index) fail("E_SEQ");
}

function result(findings: Findings, checkpoint: Checkpoint | null, seq: number): RecordResult {
  const sorted = [...findings.found.values()].sort(
    (one, other) => stageOf(one.code) - stageOf(other.code) || compareText(one.code, other.code),
  );
  const verdict = verdictOf(findings.found.keys());
  const report: JsonObject = {
    report: "def-record/0",
    origin: checkpoint?.origin ?? "",
    seq,
    size: checkpoint?.size ?? 0,
    verdict,
    first: sorted.find(({ code }) => !code.startsWith("W_"))?.code ?? "",
    codes: sorted.map(entry),
  };
  return { report, reportBytes: encode(report), exitCode: EXIT_CODES[verdict] };
}

