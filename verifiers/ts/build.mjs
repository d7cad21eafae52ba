// `node build.mjs schemas` copies the record schemas of the checkout into one file; `node build.mjs` bundles.
// The output depends on the sources and the locked tools only, so it can be compared byte for byte.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const schemas = join(here, "../../recorder/schemas");

function collect(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
  return Object.fromEntries(
    names.map((name) => [name.slice(0, -".json".length), JSON.parse(readFileSync(join(folder, name), "utf8"))]),
  );
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const differing = (object, base) => Object.fromEntries(Object.entries(object).filter(([key, value]) => !same(value, base[key])));

/** What a record type has beside the envelope. */
function own({ properties, ...rest }, envelope) {
  const { properties: common, ...others } = envelope;
  const found = { ...differing(rest, others), properties: differing(properties, common) };
  const whole = { ...others, ...found, properties: { ...common, ...found.properties } };
  if (!same(sorted(whole), sorted({ properties, ...rest }))) throw new Error("a record schema does not extend the envelope");
  return found;
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

if (process.argv[2] === "schemas") {
  if (existsSync(schemas)) {
    const { envelope, ...types } = collect(join(schemas, "composed"));
    const records = Object.fromEntries(Object.entries(types).map(([typ, schema]) => [typ, own(schema, envelope)]));
    const found = { envelope, records, statements: collect(join(schemas, "statements")) };
    writeFileSync(join(here, "src/schemas.json"), JSON.stringify(found, null, 1) + "\n");
  }
} else {
  const out = process.argv[2] ?? join(here, "dist");
  const common = { bundle: true, minify: true, target: "es2022", legalComments: "none", charset: "ascii", absWorkingDir: here };
  await build({
    ...common,
    entryPoints: ["src/cli.ts"],
    outfile: join(out, "clyra-verify.mjs"),
    format: "esm",
    platform: "node",
    banner: { js: "#!/usr/bin/env node" },
  });
  await build({
    ...common,
    entryPoints: ["src/browser.ts"],
    outfile: join(out, "clyra-verify.browser.js"),
    format: "iife",
    globalName: "ClyraVerify",
    platform: "browser",
  });
}
