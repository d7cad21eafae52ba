/**
 * The part of JSON Schema (Draft 2020-12) that the format uses, compiled to functions. A keyword outside this part is
 * refused when a schema is compiled, so that no rule is silently ignored.
 */

import { codePoints } from "./bytes.js";
import { encodeText, isObject, type Json, type JsonObject } from "./json.js";

export type Check = (value: Json) => boolean;

const ANNOTATIONS = new Set(["$schema", "$id", "$comment", "title", "description", "$defs", "then", "else"]);

/** A function that says whether a value satisfies the schema. Throws Error for a keyword it does not know. */
export function compileSchema(schema: Json, root: Json = schema): Check {
  if (typeof schema === "boolean") return () => schema;
  if (!isObject(schema)) throw new Error("a schema is an object or a boolean");
  const checks: Check[] = [];
  for (const [keyword, argument] of Object.entries(schema)) {
    if (ANNOTATIONS.has(keyword)) continue;
    checks.push(compileKeyword(keyword, argument, schema, root));
  }
  return (value) => {
    for (const check of checks) if (!check(value)) return false;
    return true;
  };
}

function compileKeyword(keyword: string, argument: Json, schema: JsonObject, root: Json): Check {
  const compile = (inner: Json): Check => compileSchema(inner, root);
  const each = (): Check[] => (argument as Json[]).map(compile);
  switch (keyword) {
    case "type":
      return typeCheck(argument);
    case "const":
      return equals(argument);
    case "enum": {
      const known = new Set((argument as Json[]).map(encodeText));
      return (value) => known.has(encodeText(value));
    }
    case "pattern": {
      const pattern = new RegExp(argument as string, "u");
      return onText((text) => pattern.test(text));
    }
    case "minLength":
      return onText((text) => codePoints(text) >= Number(argument));
    case "maxLength":
      return onText((text) => codePoints(text) <= Number(argument));
    case "minimum":
      return (value) => typeof value !== "number" || value >= Number(argument);
    case "maximum":
      return (value) => typeof value !== "number" || value <= Number(argument);
    case "minItems":
      return (value) => !Array.isArray(value) || value.length >= Number(argument);
    case "maxItems":
      return (value) => !Array.isArray(value) || value.length <= Number(argument);
    case "uniqueItems":
      return (value) => argument !== true || !Array.isArray(value) || new Set(value.map(encodeText)).size === value.length;
    case "items": {
      const item = compile(argument);
      return (value) => !Array.isArray(value) || value.every(item);
    }
    case "required": {
      const names = argument as string[];
      return (value) => !isObject(value) || names.every((name) => name in value);
    }
    case "properties": {
      const known = Object.entries(argument as JsonObject).map(([name, inner]) => [name, compile(inner)] as const);
      return (value) => !isObject(value) || known.every(([name, check]) => !(name in value) || check(value[name]!));
    }
    case "additionalProperties":
      return additional(argument, schema, compile);
    case "minProperties":
      return (value) => !isObject(value) || Object.keys(value).length >= Number(argument);
    case "maxProperties":
      return (value) => !isObject(value) || Object.keys(value).length <= Number(argument);
    case "propertyNames": {
      const name = compile(argument);
      return (value) => !isObject(value) || Object.keys(value).every(name);
    }
    case "allOf": {
      const all = each();
      return (value) => all.every((check) => check(value));
    }
    case "anyOf": {
      const any = each();
      return (value) => any.some((check) => check(value));
    }
    case "oneOf": {
      const one = each();
      return (value) => one.filter((check) => check(value)).length === 1;
    }
    case "not": {
      const refused = compile(argument);
      return (value) => !refused(value);
    }
    case "if":
      return conditional(argument, schema, compile);
    case "$ref":
      return reference(argument, root);
    default:
      throw new Error(`the schema keyword ${keyword} is not known here`);
  }
}

function onText(check: (text: string) => boolean): Check {
  return (value) => typeof value !== "string" || check(value);
}

function equals(wanted: Json): Check {
  if (typeof wanted !== "object" || wanted === null) return (value) => value === wanted;
  const text = encodeText(wanted);
  return (value) => encodeText(value) === text;
}

function typeCheck(argument: Json): Check {
  if (Array.isArray(argument)) {
    const any = argument.map(typeCheck);
    return (value) => any.some((check) => check(value));
  }
  switch (argument) {
    case "object":
      return isObject;
    case "array":
      return Array.isArray;
    case "integer":
    case "number":
      return (value) => typeof value === "number"; // every number that gets here is an integer
    case "null":
      return (value) => value === null;
    case "string":
    case "boolean":
      return (value) => typeof value === argument;
    default:
      throw new Error(`the schema type ${encodeText(argument)} is not known here`);
  }
}

function additional(argument: Json, schema: JsonObject, compile: (inner: Json) => Check): Check {
  const known = new Set(Object.keys((schema["properties"] ?? {}) as JsonObject));
  const check = compile(argument);
  return (value) => !isObject(value) || Object.keys(value).every((name) => known.has(name) || check(value[name]!));
}

function conditional(argument: Json, schema: JsonObject, compile: (inner: Json) => Check): Check {
  const condition = compile(argument);
  const then = compile(schema["then"] ?? true);
  const otherwise = compile(schema["else"] ?? true);
  return (value) => (condition(value) ? then(value) : otherwise(value));
}

/** A reference into `$defs` of the same schema. */
function reference(argument: Json, root: Json): Check {
  const path = String(argument).split("/");
  if (path.length !== 3 || path[0] !== "#" || path[1] !== "$defs") throw new Error(`cannot follow ${String(argument)}`);
  const target = ((root as JsonObject)["$defs"] as JsonObject | undefined)?.[path[2]!];
  if (target === undefined) throw new Error(`nothing at ${String(argument)}`);
  let compiled: Check | null = null;
  return (value) => (compiled ??= compileSchema(target, root))(value);
}
