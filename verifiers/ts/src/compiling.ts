/** Closed schemas as rules over bytes. A schema with a keyword that is not known here is not compiled at all. */

import { utf8 } from "./bytes.js";
import { encodeText, isObject, MAX_DEPTH, type Json, type JsonObject } from "./json.js";
import {
  arrayMatch,
  constantMatch,
  ends,
  integerMatch,
  isAt,
  MAX_SLOTS,
  objectMatch,
  starts,
  textMatch,
  textOf,
  UnknownRuleError,
  type Match,
  type Member,
} from "./matching.js";
import { patternMatch } from "./patterns.js";

const ANNOTATIONS = new Set(["$schema", "title"]);

/** Watched members by path (`data.phase`); one numbering for one record type. */
export class Slots {
  private readonly byPath = new Map<string, number>();

  of(path: string): number {
    let slot = this.byPath.get(path);
    if (slot === undefined) {
      slot = this.byPath.size;
      if (slot === MAX_SLOTS) throw new UnknownRuleError("too many watched members");
      this.byPath.set(path, slot);
    }
    return slot;
  }

  known(path: string): number {
    return this.byPath.get(path) ?? -1;
  }

  get count(): number {
    return this.byPath.size;
  }
}

function only(schema: JsonObject, ...known: string[]): void {
  for (const keyword of Object.keys(schema)) {
    if (!known.includes(keyword) && !ANNOTATIONS.has(keyword)) throw new UnknownRuleError(keyword);
  }
}

/** The rule of a schema. Throws UnknownRuleError. */
export function compile(schema: Json, path: string, slots: Slots, depth: number): Match {
  if (!isObject(schema) || depth > MAX_DEPTH) throw new UnknownRuleError(path);
  if ("const" in schema) {
    only(schema, "const");
    return constantMatch([encodeText(schema["const"]!)]);
  }
  if ("enum" in schema) {
    only(schema, "enum");
    return constantMatch((schema["enum"] as Json[]).map(encodeText));
  }
  const number = (name: string, otherwise: number): number => (schema[name] as number | undefined) ?? otherwise;
  switch (schema["type"]) {
    case "string": {
      if (!("pattern" in schema)) {
        only(schema, "type", "minLength", "maxLength");
        return textMatch(number("minLength", 0), number("maxLength", Infinity));
      }
      only(schema, "type", "pattern");
      const match = patternMatch(schema["pattern"] as string);
      if (match === null) throw new UnknownRuleError(`pattern of ${path}`);
      return match;
    }
    case "integer":
      only(schema, "type", "minimum", "maximum");
      return integerMatch(number("minimum", -Infinity), number("maximum", Infinity));
    case "boolean":
      only(schema, "type");
      return constantMatch(["true", "false"]);
    case "array":
      only(schema, "type", "items", "minItems", "maxItems");
      return arrayMatch(
        compile(schema["items"]!, `${path}[]`, slots, depth + 1),
        number("minItems", 0),
        number("maxItems", Infinity),
      );
    case "object":
      only(schema, "type", "properties", "required", "additionalProperties");
      return compileObject(schema, path, slots, depth);
    default:
      throw new UnknownRuleError(path);
  }
}

function compileObject(schema: JsonObject, path: string, slots: Slots, depth: number): Match {
  if (schema["additionalProperties"] !== false) throw new UnknownRuleError(`open object ${path}`);
  const properties = schema["properties"] as JsonObject;
  const required = (schema["required"] as string[] | undefined) ?? [];
  if (!required.every((name) => name in properties)) throw new UnknownRuleError(`required of ${path}`);
  const members = Object.keys(properties)
    .sort()
    .map((name): Member => {
      const inner = path === "" ? name : `${path}.${name}`;
      return {
        key: textOf(utf8(`"${name}":`)),
        match: compile(properties[name]!, inner, slots, depth + 1),
        required: required.includes(name),
        slot: slots.known(inner),
      };
    });
  return objectMatch(members);
}

export type Condition = () => boolean;

/** A rule about members that are there or not, over the slots of a matched record. */
export function compileCondition(schema: Json, path: string, slots: Slots): Condition {
  if (!isObject(schema)) throw new UnknownRuleError(path);
  only(schema, "const", "properties", "required", "allOf", "if", "then", "else");
  const all: Condition[] = [];
  const inner = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if ("const" in schema) {
    const wanted = utf8(encodeText(schema["const"]!));
    const slot = slots.of(path);
    all.push(() => ends[slot]! - starts[slot]! === wanted.length && isAt(wanted, starts[slot]!));
  }
  for (const name of (schema["required"] as string[] | undefined) ?? []) {
    const slot = slots.of(inner(name));
    all.push(() => starts[slot]! >= 0);
  }
  for (const [name, rule] of Object.entries((schema["properties"] as JsonObject | undefined) ?? {})) {
    const slot = slots.of(inner(name));
    const match = compileCondition(rule, inner(name), slots);
    all.push(() => starts[slot]! < 0 || match());
  }
  for (const rule of (schema["allOf"] as Json[] | undefined) ?? []) all.push(compileCondition(rule, path, slots));
  if ("if" in schema) {
    const when = compileCondition(schema["if"]!, path, slots);
    const then = compileCondition(schema["then"] ?? {}, path, slots);
    const otherwise = compileCondition(schema["else"] ?? {}, path, slots);
    all.push(() => (when() ? then() : otherwise()));
  }
  return () => {
    for (const match of all) if (!match()) return false;
    return true;
  };
}
