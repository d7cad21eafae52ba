/** The records of a bundle as the page needs them: a light line for each, the whole record on demand. */

import { fromUtf8 } from "../../ts/src/bytes.js";
import { isObject, type Json, type JsonObject } from "../../ts/src/json.js";

/** One record, in the words of the table. at, size: its line in `records.jsonl`. */
export interface Row {
  readonly seq: number;
  readonly at: number;
  readonly size: number;
  readonly ts: string;
  readonly typ: string;
  readonly phase: string;
  readonly decision: string;
  readonly reason: string;
  readonly mode: string;
  readonly agent: string;
  readonly host: string;
  readonly action: string;
  readonly result: string;
  readonly trace: string;
  readonly exchange: string;
  readonly approval: string;
  readonly search: string;
}

/** A value at a path of an object, "" when it is not there or not a text or number. */
export function textAt(value: Json | undefined, ...path: string[]): string {
  let found: Json | undefined = value;
  for (const name of path) found = isObject(found) ? found[name] : undefined;
  return typeof found === "string" ? found : typeof found === "number" ? String(found) : "";
}

export function objectAt(value: Json | undefined, name: string): JsonObject {
  const found = isObject(value) ? value[name] : undefined;
  return isObject(found) ? found : {};
}

export function listAt(value: Json | undefined, name: string): Json[] {
  const found = isObject(value) ? value[name] : undefined;
  return Array.isArray(found) ? found : [];
}

/** All rows of a bundle, in order; a line that is not a record has only its number. */
export class Records {
  readonly rows: Row[] = [];

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
  ) {
    let at = 0;
    for (let seq = start; at < bytes.length; seq++) {
      let end = bytes.indexOf(10, at);
      if (end < 0) end = bytes.length;
      this.rows.push(rowOf(this.parse(at, end - at), seq, at, end - at));
      at = end + 1;
    }
  }

  /** The whole record of a row; null when its line is not JSON. */
  record(row: Row): Json {
    return this.parse(row.at, row.size);
  }

  line(row: Row): Uint8Array {
    return this.bytes.subarray(row.at, row.at + row.size);
  }

  private parse(at: number, size: number): Json {
    const text = fromUtf8(this.bytes.subarray(at, at + size));
    if (text === null) return null;
    try {
      return JSON.parse(text) as Json;
    } catch {
      return null;
    }
  }
}

function rowOf(value: Json, seq: number, at: number, size: number): Row {
  const typ = textAt(value, "typ");
  const data = objectAt(value, "data");
  const row = {
    seq,
    at,
    size,
    typ: typ || "not a record",
    ts: textAt(value, "ts"),
    phase: textAt(data, "phase"),
    decision: textAt(value, "verdict", "decision"),
    reason: textAt(value, "verdict", "reason"),
    mode: textAt(value, "verdict", "mode"),
    agent: textAt(value, "agent", "uid"),
    host: textAt(value, "act", "host"),
    action: actionOf(value, typ, data),
    result: textAt(data, "result") || textAt(value, "io", "res", "status"),
    trace: textAt(value, "trace", "trace_id"),
    exchange: textAt(data, "exchange"),
    approval: textAt(value, "appr", "id"),
  };
  const search = [row.typ, row.reason, row.agent, row.host, row.action, row.trace, row.exchange, row.approval];
  return { ...row, search: search.join("\u0000").toLowerCase() };
}

/** What a record says was done, in a few words. */
function actionOf(value: Json, typ: string, data: JsonObject): string {
  const method = textAt(value, "act", "method");
  if (method) return `${method} ${textAt(value, "act", "tool") || textAt(value, "act", "target")}`;
  if (typ === "sys.gap") return `${textAt(data, "count")} events of ${textAt(data, "source")} missing: ${textAt(data, "cause")}`;
  if (typ === "sys.key") return `${textAt(data, "role")} key ${textAt(data, "keyid").slice(0, 16)} ${textAt(data, "state")}`;
  if (typ === "sys.clock") return `clock from ${textAt(data, "old")} to ${textAt(data, "new")}`;
  if (typ === "sys.erasure") return `subject key ${textAt(data, "subject_key").slice(0, 16)} deleted`;
  return textAt(data, "cause") || textAt(data, "reason") || textAt(data, "class");
}

/** Records of one story: same trace, same exchange, same approval, or named by `refs` of one of these. */
export function chainOf(records: Records, row: Row): Row[] {
  const key = (one: Row): string[] =>
    [one.trace && `t${one.trace}`, one.exchange && `e${one.exchange}`, one.approval && `a${one.approval}`].filter(Boolean);
  const wanted = new Set(key(row));
  const numbers = new Set([row.seq, ...refsOf(records.record(row))]);
  for (let grown = -1; grown !== wanted.size + numbers.size; ) {
    grown = wanted.size + numbers.size;
    for (const one of records.rows)
      if (numbers.has(one.seq) || key(one).some((name) => wanted.has(name))) {
        numbers.add(one.seq);
        for (const name of key(one)) wanted.add(name);
      }
  }
  return records.rows.filter((one) => numbers.has(one.seq));
}

function refsOf(value: Json): number[] {
  return listAt(value, "refs").flatMap((ref) => (isObject(ref) && typeof ref["seq"] === "number" ? [ref["seq"]] : []));
}

/** The step of a chain that a row is. */
export function stepOf(row: Row): string {
  if (row.typ === "pef.approval.request") return "approval asked";
  if (row.typ === "pef.approval.grant") return "approved";
  if (row.typ === "pef.approval.deny") return "approval refused";
  if (row.typ === "pef.approval.consume") return "approval used";
  if (row.typ === "pef.approval.expire") return "approval ran out";
  if (row.typ === "pef.receipt") return "receipt";
  if (row.phase === "intent") return "decision";
  if (row.phase === "outcome") return "outcome";
  if (row.phase === "whole") return "decision and outcome";
  return row.typ.startsWith("sys.") ? "recorder" : "record";
}
