/** One record in full: its story, its verdict, every field, and the hash that binds it. */

import { hex } from "../../ts/src/bytes.js";
import { isObject, type Json } from "../../ts/src/json.js";
import { leafHash } from "../../ts/src/merkle.js";
import { code, element, facts, show, table } from "./dom.js";
import { chainOf, listAt, objectAt, stepOf, textAt, type Records, type Row } from "./model.js";

const MAX_CHAIN = 200;

/** Fill `place` with record `row`; `open` shows another one. */
export function drawDetail(place: Element, records: Records, row: Row, open: (row: Row) => void): void {
  const value = records.record(row);
  const heading = element("h3", { tabindex: -1 }, `Record ${row.seq}: ${row.typ}`);
  show(
    place,
    heading,
    drawChain(records, row, open),
    drawVerdict(value),
    facts([
      ["Time", row.ts],
      ["Agent", agentOf(value)],
      ["Action", row.action],
      ["Host", row.host],
      ["Request", body(value, "req")],
      ["Response", body(value, "res")],
      ["Trace", row.trace && code(row.trace)],
      ["Exchange", row.exchange && code(row.exchange)],
      ["Approval", row.approval && code(row.approval)],
      ["Source", `${textAt(value, "src", "id")}, its event ${textAt(value, "src", "seq")}`],
      ["Leaf hash", code(hex(leafHash(records.line(row))))],
      ["Hash of the record before", code(textAt(value, "prev"))],
    ]),
    element("details", {}, element("summary", {}, "Every field, as recorded"), element("pre", {}, JSON.stringify(value, null, 2))),
  );
  heading.focus();
}

function drawChain(records: Records, row: Row, open: (row: Row) => void): HTMLElement {
  const chain = chainOf(records, row);
  const steps = chain.slice(0, MAX_CHAIN).map((one) =>
    element(
      "li",
      { class: one.seq === row.seq ? "here" : "" },
      element("button", { type: "button", "aria-current": one.seq === row.seq ? "true" : undefined, onclick: () => open(one) }, element("span", { class: "step" }, stepOf(one)), ` ${one.decision || one.result || one.typ} `, element("small", {}, `record ${one.seq}`)),
    ),
  );
  const more = chain.length > MAX_CHAIN ? element("p", {}, `and ${chain.length - MAX_CHAIN} more`) : null;
  return element("nav", { "aria-label": "Chain of this record" }, element("ol", { class: "chain" }, ...steps), more);
}

function drawVerdict(value: Json): HTMLElement | null {
  const verdict = objectAt(value, "verdict");
  if (!textAt(verdict, "decision")) return null;
  const findings = listAt(objectAt(value, "data"), "findings");
  return element(
    "section",
    {},
    element("h4", {}, "Verdict"),
    facts([
      ["Decision", `${textAt(verdict, "decision")} (${textAt(verdict, "mode")})`],
      ["Reason", textAt(verdict, "reason")],
      ["Rule", textAt(verdict, "rule")],
      ["Policy", code(textAt(verdict, "policy_sha256"))],
      ["Engine", textAt(verdict, "engine")],
      ["Time to decide", `${textAt(verdict, "eval_us")} \u00b5s`],
    ]),
    findings.length
      ? table("What the checks found", ["Check", "Rule", "Reason", "Action", "Mode", "Where"], findings.map((one) => ["check", "rule", "reason", "action", "mode", "path"].map((name) => textAt(one, name))))
      : null,
  );
}

function agentOf(value: Json): string {
  const how = textAt(value, "agent", "auth");
  return textAt(value, "agent", "uid") && `${textAt(value, "agent", "uid")} (identity by ${how === "none" ? "nothing" : how})`;
}

function body(value: Json, side: string): HTMLElement | null {
  const io = objectAt(objectAt(value, "io"), side);
  if (!isObject(io) || textAt(io, "len") === "") return null;
  const status = textAt(io, "status");
  const said = `${status ? `status ${status}, ` : ""}${textAt(io, "len")} bytes${textAt(io, "mt") ? ` of ${textAt(io, "mt")}` : ""}`;
  return element("span", {}, said, textAt(io, "c") ? element("span", {}, ", commitment ", code(textAt(io, "c"))) : null);
}
