/**
 * Whether each approval that was used up had been given: for this payload and action, by this person, in time, once.
 * Every certificate that a `pef.approval.consume` record lists is asked the same questions in one fixed order and is
 * reported with the first that it fails. A failed look-up is never a match.
 */

import { BindingError, checkChallenge, OIDC, prove, SESSION, WEBAUTHN, type Binding, type Proof } from "./bindings.js";
import { DsseError, parseEnvelope, type Envelope } from "./dsse.js";
import { CanonicalError, checkStrict, encode, type Json, type JsonObject } from "./json.js";
import { isStatement } from "./schemas.js";
import { sha256Hex } from "./sha256.js";
import { RECORDS, STATEMENT_PAYLOAD } from "./statement.js";
import { timestamp } from "./time.js";
import type { TrustedKey } from "./trust.js";

const MAX_CERTIFICATE = 1 << 20;
const FOLDER = "approvals/";
const SUFFIX = ".dsse.json";

/** The predicate, after its schema was checked. */
export interface Approval {
  readonly id: string;
  readonly decision: string;
  readonly payload: { readonly sha256: string; readonly c14n: string };
  readonly action: Readonly<Record<string, string>>;
  readonly approver: {
    readonly iss: string;
    readonly sub_c: string;
    readonly amr: readonly string[];
    readonly mfa: boolean;
    readonly phishing_resistant: boolean;
    readonly auth_time?: number;
    readonly acr?: string;
  };
  readonly challenge: { readonly nonce: string; readonly iat: number; readonly exp: number; readonly aud: string };
  readonly quorum: { readonly need: number; readonly group?: string };
  readonly sod: { readonly requester_c: string; readonly distinct: boolean };
  readonly policy: { readonly sha256: string };
  readonly binding: readonly Binding[];
}

/** A well-formed certificate; nothing about it is verified yet. */
interface Certificate {
  readonly digest: string;
  readonly envelope: Envelope;
  readonly approval: Approval;
  readonly payloadSubject: string;
  readonly actionSubject: string;
}

export interface Finding {
  readonly code: string;
  readonly seq: number;
  readonly member: string;
  readonly detail: string;
}

class FailedError extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

/** The record that used an approval up, after its schema was checked. */
interface Consume {
  readonly seq: number;
  readonly ts: string;
  readonly appr: { readonly id: string; readonly cert_sha256: string };
  readonly act: Readonly<Record<string, Json>>;
  readonly agent: Readonly<Record<string, Json>>;
  readonly verdict: { readonly policy_sha256: string };
  readonly data: { readonly payload_sha256: string; readonly certificates?: readonly string[] };
}

/** Judge the approvals of one window. members: certificates by member name, null when one cannot be read. */
export async function checkApprovals(
  consumes: readonly JsonObject[],
  members: ReadonlyMap<string, Uint8Array | null>,
  keys: ReadonlyMap<string, TrustedKey>,
  start: number,
): Promise<{ findings: Finding[]; counts: { operator_asserted: number; valid: number } }> {
  const check = new Check(keys);
  for (const [member, raw] of members) check.addCertificate(member, raw);
  const findings: Finding[] = [];
  if (consumes.length > 0 && start > 0) {
    const seq = consumes[0]!["seq"] as number;
    findings.push({ code: "W_APPROVAL_GLOBAL_UNCHECKED", seq, member: RECORDS, detail: "" });
  }
  const counts = { operator_asserted: 0, valid: 0 };
  for (const record of consumes) {
    const { held, found } = await check.consume(record as unknown as Consume);
    findings.push(...found);
    if (!held) continue;
    counts.valid++;
    if (found.some(({ code }) => code === "W_APPROVAL_OPERATOR_ASSERTED")) counts.operator_asserted++;
  }
  return { findings, counts };
}

function memberName(digest: string): string {
  return `${FOLDER}${digest}${SUFFIX}`;
}

class Check {
  private readonly known = new Map<string, Certificate>();
  /** Why a member is no certificate, "" when it could not be read at all. */
  private readonly broken = new Map<string, string>();
  private readonly byId = new Map<string, Certificate[]>();
  private readonly used = new Set<string>();

  constructor(private readonly keys: ReadonlyMap<string, TrustedKey>) {}

  addCertificate(member: string, raw: Uint8Array | null): void {
    const digest = member.slice(FOLDER.length, -SUFFIX.length);
    if (raw === null) {
      this.broken.set(digest, "");
      return;
    }
    const parsed = parseCertificate(raw);
    if (parsed === null || member !== memberName(parsed.digest)) {
      this.broken.set(digest, "it is not the certificate it is named after");
      return;
    }
    this.known.set(digest, parsed);
    this.byId.set(parsed.approval.id, [...(this.byId.get(parsed.approval.id) ?? []), parsed]);
  }

  /** Judge one consume record: whether all its certificates hold, and what is to be said of them. */
  async consume(record: Consume): Promise<{ held: boolean; found: Finding[] }> {
    const { seq, appr, data } = record;
    const digests = [...new Set([appr.cert_sha256, ...(data.certificates ?? [])])];
    const together = digests.flatMap((digest) => this.known.get(digest) ?? []);
    const found: Finding[] = [];
    let held = true;
    for (const digest of digests) {
      const member = memberName(digest);
      if (this.broken.get(digest) === "") {
        held = false; // the container's own code says why
        continue;
      }
      try {
        const proofs = await this.judge(digest, record, together);
        found.push(...warningsOf(this.known.get(digest)!, proofs).map((code) => ({ code, seq, member, detail: "" })));
      } catch (error) {
        if (!(error instanceof FailedError)) throw error;
        held = false;
        found.push({ code: error.code, seq, member, detail: error.detail });
      }
    }
    for (const id of [appr.id, ...together.map(({ approval }) => approval.id)]) this.used.add(id);
    return { held, found };
  }

  /** All questions about one certificate, in order. Throws FailedError at the first it fails. */
  private async judge(digest: string, record: Consume, together: readonly Certificate[]): Promise<Proof[]> {
    const certificate = await this.find(digest, record);
    const keys = this.approverKeys(certificate, record.seq);
    askAboutRecord(certificate, record);
    const proofs = await proveBindings(certificate, keys);
    checkFactors(certificate, proofs);
    checkQuorum(certificate, together);
    return proofs;
  }

  private async find(digest: string, record: Consume): Promise<Certificate> {
    const found = this.known.get(digest);
    const broken = this.broken.get(digest);
    if (broken !== undefined) throw new FailedError("E_APPROVAL_SIG", broken);
    if (found === undefined || (digest === record.appr.cert_sha256 && found.approval.id !== record.appr.id)) {
      throw new FailedError("E_APPROVAL_MISSING", "no certificate of that digest and id");
    }
    const group = groupOf(found);
    const others = this.byId.get(found.approval.id)!.filter((one) => one.digest !== digest);
    if (others.some((one) => !(groupOf(one) !== "" && groupOf(one) === group))) {
      throw new FailedError("E_APPROVAL_AMBIGUOUS", "another certificate has the same id");
    }
    if (!(await this.isSealed(found, record.seq))) {
      throw new FailedError("E_APPROVAL_SIG", "not signed by a trusted seal key");
    }
    if (this.used.has(found.approval.id)) throw new FailedError("E_APPROVAL_REUSED", "it was consumed before");
    return found;
  }

  /** Every signature good and by a seal key, one of them not compromised. A key may have retired since. */
  private async isSealed({ envelope }: Certificate, size: number): Promise<boolean> {
    const seals = new Map([...this.keys].filter(([, key]) => key.role === "seal"));
    const signers = await envelope.signers(seals);
    const sound = signers.some((id) => seals.get(id)!.refusalAt(size) !== "E_KEY_COMPROMISED");
    return sound && signers.length === envelope.signatures.length;
  }

  /** The key of each binding, which must be this approver's. */
  private approverKeys({ approval }: Certificate, size: number): (TrustedKey | null)[] {
    return approval.binding.map((binding) => {
      if (binding.kind === SESSION) return null;
      const key = this.keys.get(binding.key);
      if (key === undefined || key.refusalAt(size) !== "" || !belongsTo(key, binding.kind, approval.approver)) {
        throw new FailedError("E_APPROVAL_APPROVER", "the key of the binding is not this approver's");
      }
      return key;
    });
  }
}

function groupOf({ approval }: Certificate): string {
  return approval.quorum.group ?? "";
}

/** An authenticator's key names its person; a provider's key names the provider. */
function belongsTo(key: TrustedKey, kind: string, approver: Approval["approver"]): boolean {
  const { iss, subC, rpId } = key.about;
  const named = kind === WEBAUTHN ? subC !== "" && rpId !== "" : kind === OIDC && iss !== "";
  const same = (iss === "" || iss === approver.iss) && (subC === "" || subC === approver.sub_c);
  return key.role === "approver_idp" && named && same;
}

function parseCertificate(raw: Uint8Array): Certificate | null {
  if (raw.length > MAX_CERTIFICATE) return null;
  try {
    const envelope = parseEnvelope(raw, STATEMENT_PAYLOAD);
    const document = checkStrict(envelope.payload, MAX_CERTIFICATE);
    if (!isStatement("pef.approval", document)) return null;
    const { subject, predicate } = document as unknown as {
      subject: { name: string; digest: { sha256: string } }[];
      predicate: Approval;
    };
    if (subject[0]!.name !== "payload" || subject[1]!.name !== "action") return null;
    const [payload, action] = subject.map(({ digest }) => digest.sha256) as [string, string];
    const digest = sha256Hex(envelope.payload);
    return { digest, envelope, approval: predicate, payloadSubject: payload, actionSubject: action };
  } catch (error) {
    if (error instanceof DsseError || error instanceof CanonicalError) return null;
    throw error;
  }
}

/** Segregation of duties, payload, action, time, policy, challenge: in this order. */
function askAboutRecord(certificate: Certificate, record: Consume): void {
  const { approval } = certificate;
  const { sod, payload, challenge } = approval;
  const ask = (good: boolean, code: string, detail: string): void => {
    if (!good) throw new FailedError(code, detail);
  };
  ask(sod.distinct && sod.requester_c !== approval.approver.sub_c, "E_APPROVAL_SOD", "the approver is the requester");
  const samePayload = record.data.payload_sha256 === payload.sha256 && certificate.payloadSubject === payload.sha256;
  ask(samePayload, "E_APPROVAL_PAYLOAD", "another payload was approved");
  ask(isSameAction(certificate, record), "E_APPROVAL_ACTION", "another action was approved");
  ask(record.ts >= timestamp(challenge.iat), "E_APPROVAL_NOT_YET", "it was used before it was asked for");
  ask(record.ts <= timestamp(challenge.exp), "E_APPROVAL_EXPIRED", "it was used after its time");
  ask(approval.decision === "grant", "E_APPROVAL_POLICY", "it is a refusal");
  const samePolicy = approval.policy.sha256 === record.verdict.policy_sha256;
  ask(samePolicy, "E_APPROVAL_POLICY", "it was given under another policy");
  const answered = approval.binding.every((binding) => checkChallenge(binding, approval));
  ask(answered, "E_APPROVAL_NONCE", "it answers another challenge");
}

function isSameAction({ approval, actionSubject }: Certificate, { act, agent }: Consume): boolean {
  const { action } = approval;
  const bound = ["op", "target", "tool", ...["method", "host"].filter((name) => name in action)];
  const same = bound.every((name) => action[name] === act[name]) && action["tenant"] === agent["tenant"];
  return same && sha256Hex(encode(action)) === actionSubject;
}

async function proveBindings({ approval }: Certificate, keys: readonly (TrustedKey | null)[]): Promise<Proof[]> {
  if (approval.binding.length === 0) throw new FailedError("E_APPROVAL_BINDING", "nothing ties it to a person");
  const proofs: Proof[] = [];
  try {
    for (const [i, binding] of approval.binding.entries()) proofs.push(await prove(binding, approval, keys[i]!));
  } catch (error) {
    if (error instanceof BindingError) throw new FailedError("E_APPROVAL_BINDING", error.message);
    throw error;
  }
  return proofs;
}

function checkFactors({ approval }: Certificate, proofs: readonly Proof[]): void {
  const { approver } = approval;
  const asserted = proofs.every(({ kind }) => kind === SESSION);
  const multiple = asserted
    ? approver.amr.includes("mfa")
    : proofs.some(({ userVerified, methods }) => userVerified || methods.includes("mfa"));
  if (approver.mfa && !multiple) throw new FailedError("E_APPROVAL_MFA", "no second factor is shown");
  if (approver.phishing_resistant && !proofs.some(({ kind }) => kind === WEBAUTHN)) {
    throw new FailedError("E_APPROVAL_MFA", "no authenticator is shown");
  }
}

function checkQuorum(certificate: Certificate, together: readonly Certificate[]): void {
  const { need } = certificate.approval.quorum;
  const group = groupOf(certificate);
  const persons = new Set(
    together.filter((one) => groupOf(one) === group).map(({ approval }) => approval.approver.sub_c),
  );
  if (need > 1 && (group === "" || persons.size < need)) {
    throw new FailedError("E_APPROVAL_QUORUM", `${persons.size} of ${need} approvers`);
  }
}

function warningsOf({ approval }: Certificate, proofs: readonly Proof[]): string[] {
  return [
    ...(proofs.every(({ kind }) => kind === SESSION) ? ["W_APPROVAL_OPERATOR_ASSERTED"] : []),
    ...(approval.payload.c14n === "raw" ? ["W_PAYLOAD_RAW"] : []),
  ];
}

