/** Records over time as bars, by decision. Each bar is a button: it narrows the table to its time. */

import { element, show } from "./dom.js";
import type { Row } from "./model.js";
import { microseconds, timestampOf } from "./moments.js";

const BARS = 60;
const KINDS = ["deny", "require_approval", "modify", "allow", "other"] as const;
const WORDS: Record<(typeof KINDS)[number], string> = {
  deny: "denied",
  require_approval: "held for approval",
  modify: "changed",
  allow: "allowed",
  other: "other records",
};

type Counts = Record<(typeof KINDS)[number], number>;

function kindOf(row: Row): (typeof KINDS)[number] {
  return (KINDS as readonly string[]).includes(row.decision) ? (row.decision as (typeof KINDS)[number]) : "other";
}

/** Draw `rows` into `place`; a chosen bar calls `choose` with its time from (inclusive) and to (exclusive). */
export function drawTimeline(place: Element, rows: readonly Row[], choose: (from: string, to: string) => void): void {
  const times = rows.filter((row) => row.ts).map((row) => [microseconds(row.ts), kindOf(row)] as const);
  if (times.length === 0) return show(place, element("p", {}, "No record has a time."));
  const first = times.reduce((least, [at]) => Math.min(least, at), Infinity);
  const last = times.reduce((most, [at]) => Math.max(most, at), -Infinity);
  const width = Math.max(1, Math.ceil((last - first + 1) / BARS));
  const bars: Counts[] = Array.from({ length: Math.ceil((last - first + 1) / width) }, () => ({ deny: 0, require_approval: 0, modify: 0, allow: 0, other: 0 }));
  for (const [at, kind] of times) bars[Math.floor((at - first) / width)]![kind]++;
  const tallest = Math.max(...bars.map(total));
  show(
    place,
    element("ol", { class: "bars", "aria-label": "Records over time" }, ...bars.map((counts, number) => bar(counts, first + number * width, width, tallest, choose))),
    element("p", { class: "axis" }, element("time", {}, timestampOf(first)), element("time", {}, timestampOf(last))),
    element("ul", { class: "legend" }, ...KINDS.map((kind) => element("li", { class: kind }, WORDS[kind]))),
  );
}

function total(counts: Counts): number {
  return KINDS.reduce((sum, kind) => sum + counts[kind], 0);
}

function bar(counts: Counts, from: number, width: number, tallest: number, choose: (from: string, to: string) => void): HTMLElement {
  const said = KINDS.filter((kind) => counts[kind]).map((kind) => `${counts[kind]} ${WORDS[kind]}`);
  const label = `${timestampOf(from)}: ${said.join(", ") || "no records"}`;
  const parts = KINDS.filter((kind) => counts[kind]).map((kind) => {
    const part = element("span", { class: `part ${kind}` });
    part.style.height = `${(100 * counts[kind]) / tallest}%`;
    return part;
  });
  const button = element("button", { type: "button", title: label, "aria-label": label, disabled: parts.length === 0, onclick: () => choose(timestampOf(from), timestampOf(from + width)) }, ...parts);
  return element("li", {}, button);
}
