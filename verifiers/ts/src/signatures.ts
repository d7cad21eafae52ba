/**
 * Who signed a checkpoint or a statement, and whether that key may speak at that size. What is signed only by a key whose
 * rotation failed gets no code of its own, because the rotation has one.
 */

import type { Envelope } from "./dsse.js";
import { signersOf, type Checkpoint } from "./note.js";
import type { KeyRing } from "./rotation.js";

/** The code for a statement's signatures, or "". Every one must be by a seal key of the log. */
export async function statementRefusal(envelope: Envelope, ring: KeyRing, size: number): Promise<string> {
  const keys = ring.ofRole("seal");
  const failed = ring.failedOfRole("seal");
  const signers = await envelope.signers(new Map([...failed, ...keys]));
  if (signers.length !== envelope.signatures.length) return "E_DSSE_SIG";
  const good = signers.flatMap((id) => keys.get(id) ?? []);
  const refusals = good.map((key) => key.refusalAt(size, false)).sort();
  if (refusals.includes("") || signers.some((id) => failed.has(id))) return "";
  return refusals[0]!;
}

/** The code for a checkpoint's own signatures, or "". lower: whether a key may be too new. */
export async function checkpointRefusal(
  checkpoint: Checkpoint,
  ring: KeyRing,
  origin: string,
  lower: boolean,
): Promise<string> {
  const signers = await signersOf(checkpoint, origin, [...ring.ofRole("log").values()]);
  const refusals = signers.map((key) => key.refusalAt(checkpoint.size, lower)).sort();
  if (refusals.includes("")) return "";
  if (refusals.length > 0) return refusals[0]!;
  const failed = await signersOf(checkpoint, origin, [...ring.failedOfRole("log").values()]);
  return failed.length > 0 ? "" : "E_CKPT_SIG";
}

/** Whether a log key in force signed an outside checkpoint; not asked when nothing is trusted. */
export async function isLogSigned(checkpoint: Checkpoint, ring: KeyRing | null): Promise<boolean> {
  if (ring === null) return true;
  const signers = await signersOf(checkpoint, checkpoint.origin, [...ring.ofRole("log").values()]);
  return signers.some((key) => key.refusalAt(checkpoint.size, false) === "");
}
