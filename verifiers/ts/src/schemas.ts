/** The schemas of every record type this verifier knows, compiled when first used. */

import { encodeText, type Json, type JsonObject } from "./json.js";
import { compileSchema, type Check } from "./schema.js";
import embedded from "./schemas.json";

const ENVELOPE = embedded.envelope as unknown as JsonObject;
/** What each type has beside the envelope. */
const TYPES = new Map(Object.entries(embedded.records as unknown as Record<string, JsonObject>));
const STATEMENTS = embedded.statements as unknown as Record<string, Json>;
const compiled = new Map<string, Check>();

function check(name: string, schema: () => Json): Check {
  let found = compiled.get(name);
  if (found === undefined) compiled.set(name, (found = compileSchema(schema())));
  return found;
}

export function recordTypes(): string[] {
  return [...TYPES.keys()];
}

export function isKnownType(typ: Json | undefined): typ is string {
  return typeof typ === "string" && TYPES.has(typ);
}

/** The complete schema of a known type. */
export function recordSchema(typ: string): JsonObject {
  const own = TYPES.get(typ)!;
  const properties = { ...(ENVELOPE["properties"] as JsonObject), ...(own["properties"] as JsonObject) };
  return { ...ENVELOPE, ...own, properties };
}

/** Every schema of a record, in canonical text, by type; `envelope` is what records of unknown types satisfy. */
export function recordSchemas(): [string, string][] {
  const types = [...TYPES.keys()].map((typ): [string, string] => [typ, encodeText(recordSchema(typ))]);
  return [["envelope", encodeText(ENVELOPE)], ...types];
}

/** Whether a record satisfies the schema of its (known) type. */
export function isRecord(typ: string, record: Json): boolean {
  return check(typ, () => recordSchema(typ))(record);
}

/** Whether a record of an unknown type at least has a valid envelope. */
export function isEnveloped(record: Json): boolean {
  return check("", () => ENVELOPE)(record);
}

/** Whether a statement satisfies a schema of `statements/`. */
export function isStatement(name: string, statement: Json): boolean {
  return check(`statement ${name}`, () => STATEMENTS[name]!)(statement);
}
