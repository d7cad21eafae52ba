// `node build.mjs [OUTDIR]`: bundle the viewer, verifier included, into one script. Same sources, same bytes.
// The tools are those of ../ts (`npm ci` there).

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "../ts/node_modules/esbuild/lib/main.js";

const here = dirname(fileURLToPath(import.meta.url));
await build({
  absWorkingDir: here,
  entryPoints: ["src/main.ts"],
  outfile: join(process.argv[2] ?? join(here, "../../recorder/view/assets"), "viewer.js"),
  bundle: true,
  format: "iife",
  platform: "browser",
  target: "es2022",
  legalComments: "none",
  charset: "ascii",
});
