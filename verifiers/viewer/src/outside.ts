/** What stands outside of the log: checkpoints, witnesses, time stamps, receipts, keys. */

import { fromUtf8 } from "../../ts/src/bytes.js";
import { code, element, show, table } from "./dom.js";
import { objectAt, textAt, type Records } from "./model.js";

export function drawOutside(place: Element, members: ReadonlyMap<string, Uint8Array>, records: Records): void {
  const notes = [...members].filter(([name]) => /^tree\/(start|end)$|\.cosig$/.test(name));
  const others = [...members].filter(([name]) => /\.(tsr|wh\.json)$|^attestations\/|^disclosures\//.test(name));
  const anchors = records.rows.filter((row) => row.typ === "sys.anchor");
  show(
    place,
    ...notes.map(([name, raw]) => element("figure", {}, element("figcaption", {}, name), element("pre", {}, fromUtf8(raw) ?? "not text"))),
    others.length ? table("Other detached members", ["Member", "Bytes"], others.map(([name, raw]) => [code(name), String(raw.length)])) : null,
    anchors.length
      ? table("Anchors that the log itself remembers", ["Record", "Time", "Size", "What"], anchors.map((row) => {
          const data = objectAt(records.record(row), "data");
          return [String(row.seq), row.ts, textAt(data, "size"), JSON.stringify(data["anchors"] ?? data["kind"] ?? "")];
        }))
      : element("p", {}, "The window has no anchor record."),
  );
}

export function drawKeys(place: Element, records: Records): void {
  const keys = records.rows.filter((row) => row.typ === "sys.key");
  const rows = keys.map((row) => {
    const data = objectAt(records.record(row), "data");
    return [String(row.seq), textAt(data, "role"), textAt(data, "kind") || "first", textAt(data, "state"), textAt(data, "alg"), code(textAt(data, "keyid"))];
  });
  show(place, rows.length ? table("Changes of keys in this window", ["Record", "Role", "Kind", "State", "Algorithm", "Key id"], rows) : element("p", {}, "No key changed in this window."));
}
