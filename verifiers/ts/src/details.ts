/** Stage S8: approvals that were used up, what somebody disclosed, and what others attest about the bundle. */

import { checkApprovals } from "./approvals.js";
import { attestationRefusal } from "./attestations.js";
import { checkDisclosures } from "./disclosures.js";
import { MAX_ENVELOPE } from "./dsse.js";
import type { Members } from "./members.js";
import type { RecordPass } from "./records.js";
import { place, type Report } from "./report.js";
import type { KeyRing } from "./rotation.js";

const MAX_DISCLOSURES = 64 << 20;

/** Approvals and disclosures against the records that were just read. ring: null when no key is trusted. */
export async function checkDetails(
  report: Report,
  members: Members,
  ring: KeyRing | null,
  pass: RecordPass,
): Promise<void> {
  report.erased = pass.erased;
  const names = members.approvals();
  report.approvals.certificates = names.length;
  report.approvals.consumed = pass.consumes.length;
  if (names.length > 0 || pass.consumes.length > 0) {
    if (ring === null) report.skipped.add("approvals");
    else await approvals(report, members, names, ring, pass);
  }
  for (const { number: seq, name } of members.disclosures()) {
    const raw = await members.small(name, MAX_DISCLOSURES);
    if (raw === null) continue;
    const { wrong, good } = checkDisclosures(pass.facts.get(seq), raw);
    report.disclosed += good;
    for (const { code, detail } of wrong) report.add(code, place(name, detail, seq));
  }
}

async function approvals(
  report: Report,
  members: Members,
  names: readonly string[],
  ring: KeyRing,
  pass: RecordPass,
): Promise<void> {
  const certificates = new Map<string, Uint8Array | null>();
  for (const name of names) certificates.set(name, await members.small(name));
  const { findings, counts } = await checkApprovals(pass.consumes, certificates, ring.keys, report.start);
  Object.assign(report.approvals, counts);
  for (const { code, seq, member, detail } of findings) report.add(code, place(member, detail, seq));
}

/** Attestations in the bundle, then those that were brought: at every level, for they need the statement only. */
export async function checkAttestations(
  report: Report,
  members: Members,
  ring: KeyRing,
  brought: readonly Uint8Array[],
): Promise<void> {
  const judge = async (name: string, raw: Uint8Array): Promise<void> => {
    const code = await attestationRefusal(raw, ring, report.bundle, report.end);
    if (code !== "") report.add(code, place(name));
  };
  for (const name of members.attestations()) {
    const raw = await members.small(name, MAX_ENVELOPE);
    if (raw !== null) await judge(name, raw);
  }
  for (const raw of brought) await judge("attestation", raw);
}
