/**
 * What ties a certificate to a person: proof that his authenticator or his identity provider answered this challenge.
 * `webauthn` is an assertion by a registered key (W3C WebAuthn Level 3, section 7.2), `oidc_nonce` an ID token whose nonce
 * is the challenge (OpenID Connect Core 1.0, section 2), `session` nothing but the operator's word. Keys and their
 * algorithms come from the trust file, never from the message.
 */

import type { Approval } from "./approvals.js";
import { base64url, concat, equal, fromBase64url, fromHex, hex, utf8 } from "./bytes.js";
import { readWebObject, type Json, type JsonObject } from "./json.js";
import { ED25519, hmacSha256, P256, RSA, verifiesRaw } from "./keys.js";
import { sha256 } from "./sha256.js";
import type { TrustedKey } from "./trust.js";

export const WEBAUTHN = "webauthn";
export const OIDC = "oidc_nonce";
export const SESSION = "session";
const TOKEN_SKEW_S = 60;
const HEAD_BYTES = 37;
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED = 0x40;
const EXTENSIONS = 0x80;
const ORIGIN = /^(?:https:\/\/([a-z0-9.-]{1,253})(?::[0-9]{1,5})?|http:\/\/(localhost)(?::[0-9]{1,5})?)$/;
const JWS_ALGORITHMS: Readonly<Record<string, readonly (Json | undefined)[]>> = {
  [ED25519]: ["EdDSA", "Ed25519"],
  [P256]: ["ES256"],
  [RSA]: ["RS256"],
};

export type Binding =
  | {
      readonly kind: typeof WEBAUTHN;
      readonly key: string;
      readonly client_data: string;
      readonly authenticator_data: string;
      readonly signature: string;
    }
  | { readonly kind: typeof OIDC; readonly key: string; readonly id_token: string; readonly subject_salt: string }
  | { readonly kind: typeof SESSION };

/** What a good binding shows. methods: of the token (`amr`); userVerified: the authenticator checked the person. */
export interface Proof {
  readonly kind: string;
  readonly userVerified: boolean;
  readonly methods: readonly string[];
}

/** A binding proves nothing. */
export class BindingError extends Error {}

function demand(good: boolean, detail: string): asserts good {
  if (!good) throw new BindingError(detail);
}

function decode(text: string): Uint8Array {
  const raw = fromBase64url(text);
  demand(raw !== null, "base64url is not canonical");
  return raw;
}

function object(text: string): JsonObject {
  const found = readWebObject(decode(text));
  demand(found !== null, "not a plain JSON object");
  return found;
}

function parts(token: string): [string, string, string] {
  const found = token.split(".");
  demand(found.length === 3, "not a compact JWS");
  return found as [string, string, string];
}

function challengeOf({ challenge, payload }: Approval): string {
  return base64url(sha256(concat([utf8(`clyra-appr/0${challenge.nonce}`), fromHex(payload.sha256)])));
}

/** False when the binding answers another challenge; unreadable ones pass here. */
export function checkChallenge(binding: Binding, approval: Approval): boolean {
  if (binding.kind === SESSION) return true;
  let answered: Json | undefined;
  try {
    answered =
      binding.kind === WEBAUTHN
        ? object(binding.client_data)["challenge"]
        : object(parts(binding.id_token)[1])["nonce"];
  } catch (error) {
    if (error instanceof BindingError) return true;
    throw error;
  }
  return typeof answered !== "string" || answered === challengeOf(approval);
}

/** What this binding shows about this certificate. Throws BindingError when it shows nothing. */
export async function prove(binding: Binding, approval: Approval, key: TrustedKey | null): Promise<Proof> {
  if (binding.kind === SESSION) return { kind: SESSION, userVerified: false, methods: [] };
  demand(key !== null, "its key is not trusted");
  return binding.kind === WEBAUTHN ? proveAssertion(binding, key) : proveToken(binding, approval, key);
}

async function proveAssertion(binding: Binding & { kind: typeof WEBAUTHN }, key: TrustedKey): Promise<Proof> {
  const raw = decode(binding.client_data);
  const data = decode(binding.authenticator_data);
  const client = object(binding.client_data);
  const { rpId } = key.about;
  demand(client["type"] === "webauthn.get", "not an assertion");
  demand(typeof client["challenge"] === "string", "no challenge");
  demand(!("crossOrigin" in client) || client["crossOrigin"] === false, "made inside a foreign page");
  demand(isOriginOf(client["origin"], rpId), "made for another site");
  demand(data.length >= HEAD_BYTES && equal(data.subarray(0, 32), sha256(utf8(rpId))), "another relying party");
  const flags = data[32]!;
  demand((flags & USER_PRESENT) !== 0, "nobody was present");
  demand(data.length === HEAD_BYTES || (flags & (ATTESTED | EXTENSIONS)) !== 0, "data of wrong length");
  const message = concat([data, sha256(raw)]);
  demand(await key.verifies(decode(binding.signature), message), "the assertion is not signed by its key");
  return { kind: WEBAUTHN, userVerified: (flags & USER_VERIFIED) !== 0, methods: [] };
}

function isOriginOf(origin: Json | undefined, rpId: string): boolean {
  const match = typeof origin === "string" ? ORIGIN.exec(origin) : null;
  const host = match?.[1] ?? match?.[2];
  return host !== undefined && rpId !== "" && (host === rpId || host.endsWith(`.${rpId}`));
}

async function proveToken(
  binding: Binding & { kind: typeof OIDC },
  approval: Approval,
  key: TrustedKey,
): Promise<Proof> {
  const [head, body, tail] = parts(binding.id_token);
  const header = object(head);
  const claims = object(body);
  demand(JWS_ALGORITHMS[key.alg]!.includes(header["alg"]) && !("crit" in header), "another JWS algorithm");
  demand(typeof claims["nonce"] === "string", "no nonce");
  checkClaims(claims, approval, fromHex(binding.subject_salt));
  const signed = await verifiesRaw(key.alg, key.key, decode(tail), utf8(`${head}.${body}`));
  demand(signed, "the token is not signed by its key");
  return { kind: OIDC, userVerified: false, methods: (claims["amr"] as string[] | undefined) ?? [] };
}

function checkClaims(claims: JsonObject, { approver, challenge }: Approval, salt: Uint8Array): void {
  demand(claims["iss"] === approver.iss, "another issuer");
  const { sub, aud, iat, exp } = claims;
  const person = typeof sub === "string" ? hex(hmacSha256(salt, utf8(`${approver.iss}\u0000${sub}`))) : "";
  demand(person === approver.sub_c, "the token is about another person");
  const audience = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  demand(audience === challenge.aud, "for another audience");
  demand(Number.isSafeInteger(iat) && Number.isSafeInteger(exp), "no times");
  const [issued, expires] = [iat as number, exp as number];
  const fresh = issued >= challenge.iat - TOKEN_SKEW_S && issued <= challenge.exp + TOKEN_SKEW_S;
  demand(fresh && expires >= issued, "issued outside the challenge's time");
  for (const name of ["auth_time", "acr", "amr"] as const) {
    if (name in claims) demand(isSame(claims[name], approver[name] ?? null), `the token has another ${name}`);
  }
}

function isSame(claimed: Json | undefined, said: Json | readonly string[]): boolean {
  if (!Array.isArray(said)) return claimed === said;
  return Array.isArray(claimed) && claimed.length === said.length && claimed.every((one, i) => one === said[i]);
}
