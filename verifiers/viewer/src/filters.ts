/** Which records the table shows: by type, decision, agent, host, reason, time and words; all at once. */

import { element } from "./dom.js";
import type { Records, Row } from "./model.js";

const FIELDS = ["typ", "decision", "reason", "agent", "host"] as const;
const NAMES: Record<(typeof FIELDS)[number], string> = {
  typ: "Type",
  decision: "Decision",
  reason: "Reason",
  agent: "Agent",
  host: "Host",
};
const MAX_CHOICES = 500;

export class Filters {
  readonly form: HTMLFormElement;
  private readonly selects = new Map<(typeof FIELDS)[number], HTMLSelectElement>();
  private readonly words: HTMLInputElement;
  private from = "";
  private to = "";

  constructor(
    private readonly records: Records,
    private readonly changed: () => void,
  ) {
    this.words = element("input", { type: "search", id: "words", placeholder: "target, trace, exchange, approval", oninput: changed });
    this.form = element("form", { class: "filters", role: "search", "aria-label": "Filter records", onsubmit: (event) => event.preventDefault() });
    for (const field of FIELDS) this.form.append(this.choice(field));
    this.form.append(element("label", { for: "words" }, "Words", this.words), element("button", { type: "button", onclick: () => this.clear() }, "Clear"));
  }

  /** Only records from `from` up to, not including, `to`; "" is open. */
  between(from: string, to: string): void {
    [this.from, this.to] = [from, to];
    this.changed();
  }

  clear(): void {
    for (const select of this.selects.values()) select.value = "";
    this.words.value = "";
    this.between("", "");
  }

  rows(): Row[] {
    const wanted = [...this.selects].filter(([, select]) => select.value !== "").map(([field, select]) => [field, select.value] as const);
    const words = this.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    return this.records.rows.filter(
      (row) =>
        wanted.every(([field, value]) => row[field] === value) &&
        words.every((word) => row.search.includes(word) || String(row.seq) === word) &&
        (this.from === "" || row.ts >= this.from) &&
        (this.to === "" || row.ts < this.to),
    );
  }

  private choice(field: (typeof FIELDS)[number]): HTMLElement {
    const counts = new Map<string, number>();
    for (const row of this.records.rows) if (row[field]) counts.set(row[field], (counts.get(row[field]) ?? 0) + 1);
    const common = [...counts].sort((one, other) => other[1] - one[1]).slice(0, MAX_CHOICES).sort(([one], [other]) => (one < other ? -1 : 1));
    const options = common.map(([value, count]) => element("option", { value }, `${value} (${count})`));
    const select = element("select", { id: `filter-${field}`, onchange: this.changed }, element("option", { value: "" }, "all"), ...options);
    this.selects.set(field, select);
    return element("label", { for: select.id }, NAMES[field], select);
  }
}
