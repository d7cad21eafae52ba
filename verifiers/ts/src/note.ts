/**
 * C2SP signed notes and tlog checkpoints, read strictly: canonical base64, canonical decimal, at most 16 signatures, no
 * extension lines. Signatures of unknown keys are kept but prove nothing.
 */

import { concat, equal, fromBase64, fromUtf8, utf8 } from "./bytes.js";
import { ED25519, verifies } from "./keys.js";
import { HASH_SIZE } from "./merkle.js";
import { sha256 } from "./sha256.js";

export const MAX_NOTE = 65_536;
const MAX_SIGNATURES = 16;
const CHECKPOINT_KEY = 0x01;
export const COSIGNATURE_KEY = 0x04;
const NAME = /^[^+\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{1,200}$/u;
const DECIMAL = /^(0|[1-9][0-9]{0,18})$/;

/** A note or checkpoint is not well formed. `code` is an S3 code. */
export class NoteError extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
  ) {
    super(`${code}: ${detail}`);
  }
}

/** One signature line. keyId: the four-byte hint. */
export interface Signature {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly value: Uint8Array;
}

/** A tree head, with the exact text that was signed. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly text: Uint8Array;
  readonly signatures: readonly Signature[];
}

function malformed(detail: string): NoteError {
  return new NoteError("E_CKPT_FORMAT", detail);
}

/** Text (with its last line end) and signatures of a note. Throws NoteError. */
export function splitNote(raw: Uint8Array): { text: string; signatures: Signature[] } {
  if (raw.length > MAX_NOTE) throw malformed("the note is too long");
  const decoded = fromUtf8(raw);
  if (decoded === null) throw malformed("the note is not UTF-8");
    if (/[\u0000-\u0009\u000b-\u001f]/.test(decoded)) throw malformed("the note has a control character");
  const split = decoded.lastIndexOf("\n\n");
  if (split < 0 || !decoded.endsWith("\n") || decoded.length === split + 2) {
    throw malformed("no signature block after an empty line");
  }
  const lines = decoded.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw malformed("too many signatures");
  return { text: decoded.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): Signature {
  const parts = line.split(" ");
  const [mark, name, blob] = parts;
  if (parts.length !== 3 || mark !== "\u2014" || !NAME.test(name!)) {
    throw malformed("a signature line is not `\u2014 name base64`");
  }
  const raw = strictBase64(blob!);
  if (raw.length < 5) throw malformed("a signature is too short");
  return { name: name!, keyId: raw.subarray(0, 4), value: raw.subarray(4) };
}

/** Whether a signature line may carry this key name. */
export function isKeyName(name: string): boolean {
  return NAME.test(name);
}

/** A decimal without leading zeros, below 2^53; null for anything else. */
export function canonicalDecimal(text: string): number | null {
  if (!DECIMAL.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** Read a signed checkpoint strictly. Throws NoteError. Verifies nothing. */
export function parseCheckpoint(raw: Uint8Array): Checkpoint {
  const { text, signatures } = splitNote(raw);
  const lines = text.split("\n").slice(0, -1);
  if (lines.length > 3) throw new NoteError("E_CKPT_EXT", "extension lines are not used in this format");
  if (lines.length < 3 || lines[0] === "") throw malformed("a checkpoint has three lines: origin, size, root");
  const size = canonicalDecimal(lines[1]!);
  if (size === null) throw malformed("the size is not a canonical decimal");
  return { origin: lines[0]!, size, root: strictBase64(lines[2]!, HASH_SIZE), text: utf8(text), signatures };
}

/** Decode canonical standard base64. Throws NoteError. */
export function strictBase64(text: string, size?: number): Uint8Array {
  const raw = fromBase64(text);
  if (raw === null) throw malformed("bad base64");
  if (size !== undefined && raw.length !== size) throw malformed("base64 of the wrong length");
  return raw;
}

export function noteKeyId(name: string, kind: number, key: Uint8Array): Uint8Array {
  return sha256(concat([utf8(`${name}\n`), Uint8Array.of(kind), key])).subarray(0, 4);
}

/** An Ed25519 key that notes can be signed with. */
export interface NoteKey {
  readonly key: Uint8Array;
}

/** Those of `keys` that have validly signed the checkpoint under `name`. */
export async function signersOf<Key extends NoteKey>(
  checkpoint: Checkpoint,
  name: string,
  keys: readonly Key[],
): Promise<Key[]> {
  const found: Key[] = [];
  for (const candidate of keys) {
    const wanted = noteKeyId(name, CHECKPOINT_KEY, candidate.key);
    for (const line of checkpoint.signatures) {
      if (line.name !== name || !equal(line.keyId, wanted)) continue;
      if (!(await verifies(ED25519, candidate.key, line.value, checkpoint.text))) continue;
      found.push(candidate);
      break;
    }
  }
  return found;
}
