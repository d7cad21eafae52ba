/**
 * The evidence viewer: verifies the bundle that the page carries, in the browser, and shows what is in it.
 *
 * It makes no request to anywhere (the page's content security policy forbids it), and it shows text of the bundle as
 * text only.
 */

import { verifyBundle, type Result } from "../../ts/src/api.js";
import { fromBase64 } from "../../ts/src/bytes.js";
import { readMember, type Container } from "../../ts/src/container.js";
import { openZip } from "../../ts/src/zip.js";
import { memorySource, portableHost } from "../../ts/src/host.js";
import { loadTrust } from "../../ts/src/trust.js";
import { drawCertificates } from "./certificates.js";
import { drawDetail } from "./detail.js";
import { byId, code, element, show } from "./dom.js";
import { Filters } from "./filters.js";
import { List } from "./list.js";
import { Records, textAt, type Row } from "./model.js";
import { drawKeys, drawOutside } from "./outside.js";
import { drawCounts, drawNotAsserted, drawSummary, drawVerdict, type Words } from "./summary.js";
import { drawTimeline } from "./timeline.js";

const RECORDS = "records.jsonl";
const MAX_MEMBER = 1 << 30;

/** What the maker of the page put in beside the bundle; all base64. */
interface Page {
  readonly words: Words;
  readonly trust: string;
  readonly checkpoints: readonly string[];
  readonly anchors: readonly string[];
}

function decoded(text: string): Uint8Array {
  const raw = fromBase64(text.trim());
  if (raw === null) throw new Error("The page is damaged: what it carries is not base64.");
  return raw;
}

class Viewer {
  private readonly page = JSON.parse(byId("page").textContent ?? "") as Page;
  private readonly bundle = decoded(byId("bundle").textContent ?? "");
  private trust: Uint8Array | undefined = this.page.trust ? decoded(this.page.trust) : undefined;
  private records = new Records(new Uint8Array(), 0);

  async start(): Promise<void> {
    drawNotAsserted(byId("not-asserted"));
    byId("own-trust").addEventListener("change", (event) => void this.useOwnTrust(event.target as HTMLInputElement));
    await this.verify("the page's maker put it in");
  }

  private async useOwnTrust(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    if (file === undefined) return;
    this.trust = new Uint8Array(await file.arrayBuffer());
    await this.verify(`your file ${file.name}`);
  }

  private async verify(whose: string): Promise<void> {
    byId("progress").textContent = "Verifying\u2026";
    const onProgress = (done: number, total: number): void => {
      byId("progress").textContent = `Verifying\u2026 ${done} of ${total} records`;
    };
    const { checkpoints, anchors } = this.page;
    const result = await verifyBundle(this.bundle, {
      trust: this.trust,
      checkpoints: checkpoints.map(decoded),
      anchors: anchors.map(decoded),
      onProgress,
    });
    byId("progress").textContent = "";
    await this.drawTrust(whose);
    await this.draw(result);
    document.body.dataset["verdict"] = textAt(result.report, "verdict");
  }

  /** Whose word the signatures were held against. */
  private async drawTrust(whose: string): Promise<void> {
    if (this.trust === undefined) return show(byId("trust"), "No trust file: no signature could be checked. Choose one that you got from the log's operator by a way you trust.");
    try {
      const trust = await loadTrust(this.trust);
      const roots = trust.keys.filter((key) => key.role === "root").map((key) => element("li", {}, code(key.keyId)));
      show(byId("trust"), element("p", {}, `Trust file, version ${trust.version}: ${whose}. Its root keys; compare them with those you were told:`), element("ul", {}, ...roots));
    } catch (error) {
      show(byId("trust"), `The trust file cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private async draw(result: Result): Promise<void> {
    const { report, places } = result;
    drawVerdict(byId("verdict"), report);
    const members = await this.members();
    const start = Number(textAt(report, "start"));
    this.records = new Records(members.get(RECORDS) ?? new Uint8Array(), start);
    const open = (row: Row): void => drawDetail(byId("detail"), this.records, row, open);
    const openRecord = (seq: number): void => {
      const row = this.records.rows[seq - start];
      if (row !== undefined) open(row);
    };
    drawSummary(byId("summary"), report, places, this.page.words, openRecord);
    const approvals = new Map([...members].filter(([name]) => name.startsWith("approvals/")));
    drawCertificates(byId("approvals"), approvals, places, openRecord);
    drawOutside(byId("outside"), members, this.records);
    drawKeys(byId("keys"), this.records);
    const counts = new Map<string, number>();
    for (const row of this.records.rows) counts.set(row.typ, (counts.get(row.typ) ?? 0) + 1);
    drawCounts(byId("counts"), counts);
    const bad = new Set(places.flatMap((found) => found.places.map((place) => place.seq)));
    const list = new List(byId("list"), open, bad);
    const filters: Filters = new Filters(this.records, () => list.show(filters.rows(), this.records.rows.length));
    show(byId("filters"), filters.form);
    drawTimeline(byId("timeline"), this.records.rows, (from, to) => filters.between(from, to));
    filters.clear();
  }

  /** Every member that can be read; a bundle that cannot be opened has none to show. */
  private async members(): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    let container: Container;
    try {
      container = await openZip(memorySource(this.bundle), portableHost);
    } catch {
      return found;
    }
    for (const name of container.names) {
      try {
        found.set(name, await readMember(container, name, MAX_MEMBER));
      } catch {
        continue; // the verifier has said why
      }
    }
    return found;
  }
}

async function main(): Promise<void> {
  try {
    await new Viewer().start();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    byId("verdict").className = "verdict indeterminate";
    show(byId("verdict"), element("h2", {}, "This page could not verify the bundle"), element("p", {}, said));
    document.body.dataset["verdict"] = "failed";
  }
}

void main();
