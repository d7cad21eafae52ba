/** The table of records: a page at a time, one row in the tab order, arrow keys move, Enter opens. */

import { append, element, grouped, show } from "./dom.js";
import type { Row } from "./model.js";

const PAGE = 100;
const HEADS = ["Record", "Time (UTC)", "Type", "Decision", "Action", "Reason", "Agent", "Host", "Result"];

export class List {
  private rows: readonly Row[] = [];
  private page = 0;
  private readonly body = element("tbody", { onkeydown: (event) => this.key(event as KeyboardEvent) });
  private readonly count = element("p", { class: "count", role: "status" });
  private readonly before = element("button", { type: "button", onclick: () => this.turn(-1) }, "Previous page");
  private readonly after = element("button", { type: "button", onclick: () => this.turn(1) }, "Next page");

  /** bad: numbers of records that the verifier found something about. */
  constructor(
    place: Element,
    private readonly open: (row: Row) => void,
    private readonly bad: ReadonlySet<number>,
  ) {
    const head = element("tr", {}, ...HEADS.map((text) => element("th", { scope: "col" }, text)));
    const caption = element("caption", {}, "Records. Arrow keys move from row to row, Enter opens one.");
    show(
      place,
      this.count,
      element("div", { class: "scroll" }, element("table", { class: "records" }, caption, element("thead", {}, head), this.body)),
      element("p", { class: "pager" }, this.before, this.after),
    );
  }

  show(rows: readonly Row[], total: number): void {
    this.rows = rows;
    this.page = 0;
    this.count.textContent = `${grouped(rows.length)} of ${grouped(total)} records`;
    this.draw();
  }

  private draw(): void {
    const shown = this.rows.slice(this.page * PAGE, (this.page + 1) * PAGE);
    show(this.body, ...shown.map((row, number) => this.line(row, number === 0)));
    this.before.disabled = this.page === 0;
    this.after.disabled = (this.page + 1) * PAGE >= this.rows.length;
  }

  private line(row: Row, first: boolean): HTMLElement {
    const decision = row.decision ? element("span", { class: `decision ${row.decision}` }, row.mode === "shadow" ? `${row.decision} (shadow)` : row.decision) : null;
    const cells = [row.ts.slice(0, 23).replace("T", " "), row.phase ? `${row.typ} ${row.phase}` : row.typ, decision, row.action, row.reason, row.agent, row.host, row.result];
    const number = element("th", { scope: "row" }, String(row.seq));
    if (this.bad.has(row.seq)) append(number, [" ", element("strong", { class: "mark", title: "the verifier found something here" }, "!")]);
    return element("tr", { tabindex: first ? 0 : -1, "data-seq": row.seq, onclick: () => this.open(row) }, number, ...cells.map((cell) => element("td", { title: typeof cell === "string" && cell.length > 24 ? cell : undefined }, cell)));
  }

  private key(event: KeyboardEvent): void {
    const row = (event.target as HTMLElement).closest("tr");
    if (row === null) return;
    const step = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: this.body.firstElementChild, End: this.body.lastElementChild }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const found = this.rows.find((one) => String(one.seq) === row.dataset["seq"]);
      if (found) this.open(found);
    } else if (step instanceof HTMLElement) {
      event.preventDefault();
      row.tabIndex = -1;
      step.tabIndex = 0;
      step.focus();
    }
  }

  private turn(by: number): void {
    this.page += by;
    this.draw();
    (this.body.firstElementChild as HTMLElement | null)?.focus();
  }
}
