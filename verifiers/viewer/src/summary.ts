/** What the verifier says, first in one line, then by stage, in words; and what nobody asserts. */

import type { Found } from "../../ts/src/report.js";
import type { JsonObject } from "../../ts/src/json.js";
import { STAGES, stageOf } from "../../ts/src/codes.js";
import { code, element, facts, grouped, show, table } from "./dom.js";
import { duration } from "./moments.js";
import { listAt, textAt } from "./model.js";

const SAYS: Record<string, readonly [string, string]> = {
  verified: ["Verified", "Intact, and something outside confirms the end."],
  prefix: ["Intact, end not anchored", "Every record is what was signed. Nothing outside confirms that the last ones were not remade, or later ones kept back."],
  indeterminate: ["Not decided", "Something that is needed to check the signatures is missing."],
  rejected: ["Rejected", "Something is wrong with this bundle. Do not rely on it."],
};

const FIRST = 3;

/** Words for codes, by code; given by the page. */
export type Words = Readonly<Record<string, string>>;

export function drawVerdict(place: Element, report: JsonObject): void {
  const verdict = textAt(report, "verdict");
  const [title, words] = SAYS[verdict] ?? [verdict, ""];
  place.className = `verdict ${verdict}`;
  show(place, element("h2", { id: "verdict-title" }, title), element("p", {}, words));
}

export function drawSummary(place: Element, report: JsonObject, places: readonly Found[], words: Words, openRecord: (seq: number) => void): void {
  const number = (name: string): number => Number(textAt(report, name));
  const records = number("end") - number("start");
  show(
    place,
    facts([
      ["Log", textAt(report, "origin")],
      ["Records", records > 0 ? `${grouped(number("start"))} to ${grouped(number("end") - 1)} (${grouped(records)})` : ""],
      ["Bundle", code(textAt(report, "bundle"))],
      ["Checked", `level ${textAt(report, "level")}`],
      ["Confirmed from outside", number("anchored_end") ? `up to record ${grouped(number("anchored_end") - 1)}` : "nothing"],
      ["Exposure", number("unanchored") ? `${grouped(number("unanchored"))} records, ${duration(number("exposure_us"))}, could still be remade by whoever holds the log's keys` : "none"],
      ["Witnesses", listAt(report, "witnesses").join(", ")],
      ["Confirmed at", textAt(report, "anchored_at")],
      ["Not checked", listAt(report, "skipped").join("; ")],
    ]),
    element("h3", {}, "Checks"),
    element("ol", { class: "stages" }, ...STAGES.map((name, stage) => drawStage(name, places.filter((found) => stageOf(found.code) === stage), words, openRecord))),
  );
}

function drawStage(name: string, found: readonly Found[], words: Words, openRecord: (seq: number) => void): HTMLElement {
  const [short, ...rest] = name.split(" ");
  const worst = found.some((one) => one.code.startsWith("E_")) ? "bad" : found.some((one) => /^[IP]_/.test(one.code)) ? "open" : found.length ? "warned" : "good";
  const state = { bad: "failed", open: "open", warned: "passed, with notes", good: "nothing found" }[worst];
  return element(
    "li",
    { class: worst },
    element("span", { class: "stage" }, `${short} ${rest.join(" ")}`),
    element("span", { class: "state" }, state),
    found.length ? element("ul", {}, ...found.map((one) => drawCode(one, words, openRecord))) : null,
  );
}

function drawCode(found: Found, words: Words, openRecord: (seq: number) => void): HTMLElement {
  const where = found.places.filter((place) => place.seq >= 0 || place.member || place.detail).map((place) => {
    const said = [place.member, place.detail].filter(Boolean).join(": ");
    return place.seq < 0
      ? element("li", {}, said)
      : element("li", {}, element("button", { type: "button", class: "link", onclick: () => openRecord(place.seq) }, `record ${place.seq}`), ` ${said}`);
  });
  const unseen = found.count - found.places.length;
  const rest = [...where.slice(FIRST), unseen > 0 ? element("li", {}, `and ${grouped(unseen)} more`) : null];
  return element(
    "li",
    {},
    element("strong", {}, found.code),
    ` ${words[found.code] ?? ""}`,
    where.length ? element("ul", {}, ...where.slice(0, FIRST)) : null,
    where.length > FIRST
      ? element("details", {}, element("summary", {}, `${grouped(found.count - FIRST)} more places`), element("ul", {}, ...rest))
      : null,
  );
}

export function drawNotAsserted(place: Element): void {
  show(
    place,
    element(
      "ul",
      {},
      element("li", {}, "That the recorder was told the truth. Integrity is not truth."),
      element("li", {}, "That an event which never reached the recorder happened or did not, beyond what source counters and declared gaps show."),
      element("li", {}, "That the operator has no second log, unless an outside checkpoint says so."),
      element("li", {}, "That a body is what its commitment suggests, unless the body and its salt are disclosed."),
      element("li", {}, "That this page is honest: it was made by whoever gave it to you, and so was the verifier inside it. For proof, check evidence.zip with a verifier and a trust file that you got another way."),
    ),
  );
}

/** The counts of the statement, for orientation. */
export function drawCounts(place: Element, counts: ReadonlyMap<string, number>): void {
  const rows = [...counts].sort(([one], [other]) => (one < other ? -1 : 1)).map(([typ, count]) => [typ, grouped(count)]);
  show(place, table("Records by type", ["Type", "Records"], rows));
}
