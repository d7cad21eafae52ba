/** Approval certificates as their holders would read them, and the verifier's word on each. */

import { parseEnvelope } from "../../ts/src/dsse.js";
import { checkStrict, type Json } from "../../ts/src/json.js";
import type { Found } from "../../ts/src/report.js";
import { code, element, facts, show } from "./dom.js";
import { listAt, objectAt, textAt } from "./model.js";
import { timestampOf } from "./moments.js";

const STATEMENT = "application/vnd.in-toto+json";

/** The predicate of an approval certificate; null when it cannot be read. */
function predicateOf(raw: Uint8Array): Json {
  try {
    return objectAt(checkStrict(parseEnvelope(raw, STATEMENT).payload, raw.length), "predicate");
  } catch {
    return null;
  }
}

function moment(seconds: string): string {
  return seconds ? timestampOf(Number(seconds) * 1_000_000).replace(".000000", "") : "";
}

export function drawCertificates(place: Element, members: ReadonlyMap<string, Uint8Array>, found: readonly Found[], openRecord: (seq: number) => void): void {
  if (members.size === 0) return show(place, element("p", {}, "The bundle has no approval certificates."));
  show(place, ...[...members].map(([name, raw]) => drawOne(name, predicateOf(raw), found, openRecord)));
}

function drawOne(name: string, predicate: Json, found: readonly Found[], openRecord: (seq: number) => void): HTMLElement {
  const about = found.flatMap((one) => one.places.filter((where) => where.member === name).map((where) => [one.code, where.seq] as const));
  const said = about.length
    ? element("ul", { class: "said" }, ...about.map(([text, seq]) => element("li", { class: text.startsWith("E_") ? "bad" : "warned" }, `${text} `, seq < 0 ? null : element("button", { type: "button", class: "link", onclick: () => openRecord(seq) }, `record ${seq}`))))
    : element("p", { class: "good" }, "The verifier found nothing wrong with it.");
  if (predicate === null) return element("article", {}, element("h3", {}, code(name)), said, element("p", {}, "It cannot be read."));
  const approver = objectAt(predicate, "approver");
  const amount = objectAt(predicate, "amount");
  const kinds = listAt(predicate, "binding").map((one) => textAt(one, "kind"));
  return element(
    "article",
    {},
    element("h3", {}, `${textAt(predicate, "decision") || "approval"} of ${textAt(predicate, "action", "op")} ${textAt(predicate, "action", "target")}`),
    said,
    facts([
      ["Approval", code(textAt(predicate, "id"))],
      ["Tool", textAt(predicate, "action", "tool")],
      ["Tenant", textAt(predicate, "action", "tenant")],
      ["Amount", textAt(amount, "value") && `${textAt(amount, "value")} ${textAt(amount, "currency")}`],
      ["Exact payload", code(textAt(predicate, "payload", "sha256"))],
      ["What was displayed", code(textAt(predicate, "payload", "display_sha256"))],
      ["Approver, by commitment", code(textAt(approver, "sub_c"))],
      ["Identity from", textAt(approver, "iss")],
      ["Second factor", `${objectAt(predicate, "approver")["mfa"] === true ? "yes" : "no"}${approver["phishing_resistant"] === true ? ", phishing resistant" : ""}`],
      ["Bound by", kinds.map((kind) => (kind === "session" ? "the operator's word only (session)" : kind)).join(", ")],
      ["Valid", `${moment(textAt(predicate, "challenge", "iat"))} to ${moment(textAt(predicate, "challenge", "exp"))}`],
      ["Needed", `${textAt(predicate, "quorum", "need")} of ${textAt(predicate, "quorum", "of")} ${textAt(predicate, "quorum", "role")}`],
      ["Policy", code(textAt(predicate, "policy", "sha256"))],
      ["Certificate", code(name)],
    ]),
  );
}
