/** `clyra-verify` for Node.js: reads files, prints reports. Everything else is in the core. */

import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { randomBytes } from "node:crypto";

import { resultOf, verifyOpened } from "./api.js";
import { concat, fromHex, fromLatin1, hex, utf8 } from "./bytes.js";
import { memorySource, portableHost } from "./host.js";
import { inflate, InflateError } from "./inflate.js";
import { CanonicalError, checkDef } from "./json.js";
import { PlatformError, verifies } from "./keys.js";
import { Memory, MemoryError } from "./memory.js";
import { nodeHost, openPath } from "./node.js";
import { verifyRecord } from "./proof.js";
import { EXIT_UNREADABLE, type Level, type Report } from "./report.js";
import { recordSchemas } from "./schemas.js";
import { Sha256 } from "./sha256.js";
import type { Options } from "./verify.js";
import { openZip } from "./zip.js";

const USAGE = `Usage: clyra-verify verify BUNDLE... [options]
       clyra-verify verify-record PROOF [--trust FILE] [--json]

Verify evidence bundles offline.

Options of verify:
  --trust FILE        trust file of the log
  --trust-from FILE   an older trust file that the new one must follow
  --checkpoint FILE   a checkpoint of the same log that reached you another way (repeatable)
  --anchor FILE       such a checkpoint, or a root as it is written down elsewhere (repeatable)
  --memory FILE       what this verifier has seen so far; created when it is absent
  --older             the bundle is known to be an older one
  --attestation FILE  an attestation about the bundle (repeatable)
  --level LEVEL       L0, L1 or L2 (default)
  --profile PROFILE   core (default) or time
  --json              print the report, one line for each bundle

Exit codes: 0 verified, 1 rejected, 2 unreadable, 3 intact but its end is not anchored, 4 cannot tell.
`;

class UsageError extends Error {}

const VALUED = new Set(["trust", "trust-from", "memory", "level", "profile"]);
const REPEATED = new Set(["checkpoint", "anchor", "attestation"]);
/** `portable`, for tests: do without what Node has of its own. */
const FLAGS = new Set(["json", "older", "portable"]);
const INFLATED = 1 << 24;

interface Arguments {
  readonly command: string;
  readonly files: string[];
  readonly values: Map<string, string>;
  readonly lists: Map<string, string[]>;
  readonly flags: Set<string>;
}

function parseArguments(given: readonly string[]): Arguments {
  const found = { files: [] as string[], values: new Map(), lists: new Map(), flags: new Set<string>() };
  const [command, ...rest] = given;
  while (rest.length > 0) {
    const word = rest.shift()!;
    if (!word.startsWith("--")) {
      found.files.push(word);
      continue;
    }
    const [name, attached] = word.slice(2).split(/=(.*)/s) as [string, string | undefined];
    if (FLAGS.has(name) && attached === undefined) {
      found.flags.add(name);
      continue;
    }
    if (!VALUED.has(name) && !REPEATED.has(name)) throw new UsageError(`There is no option --${name}.`);
    const value = attached ?? rest.shift();
    if (value === undefined) throw new UsageError(`--${name} needs a value.`);
    if (REPEATED.has(name)) found.lists.set(name, [...(found.lists.get(name) ?? []), value]);
    else found.values.set(name, value);
  }
  return { ...found, command: command ?? "" };
}

function choice<Value extends string>(args: Arguments, name: string, known: readonly Value[]): Value | undefined {
  const value = args.values.get(name);
  if (value === undefined || (known as readonly string[]).includes(value)) return value as Value | undefined;
  throw new UsageError(`--${name} is one of ${known.join(", ")}.`);
}

function readMemory(file: string): Memory {
  let raw: Uint8Array;
  try {
    raw = fs.readFileSync(file);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return new Memory();
    throw error;
  }
  return Memory.parse(raw);
}

/** Replace the file in one step. */
function writeMemory(file: string, memory: Memory): void {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${hex(randomBytes(4))}`);
  const handle = fs.openSync(temporary, "wx", 0o600);
  try {
    fs.writeSync(handle, memory.toBytes());
    fs.fsyncSync(handle);
    fs.renameSync(temporary, file);
  } finally {
    fs.closeSync(handle);
    fs.rmSync(temporary, { force: true });
  }
}

/** Write to standard output, however slowly it is read. */
async function print(text: string | Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

const WORST = [0, 3, 4, 1, 2];

async function verify(args: Arguments): Promise<number> {
  if (args.files.length === 0) throw new UsageError("Name a bundle.");
  const read = (name: string): Uint8Array | undefined => {
    const file = args.values.get(name);
    return file === undefined ? undefined : fs.readFileSync(file);
  };
  const readAll = (name: string): Uint8Array[] => (args.lists.get(name) ?? []).map((file) => fs.readFileSync(file));
  const memoryFile = args.values.get("memory");
  const memory = memoryFile === undefined ? new Memory() : readMemory(memoryFile);
  const options: Options = {
    trust: read("trust"),
    trustFrom: read("trust-from"),
    checkpoints: readAll("checkpoint"),
    anchors: readAll("anchor"),
    attestations: readAll("attestation"),
    level: choice<Level>(args, "level", ["L0", "L1", "L2"]),
    profile: choice(args, "profile", ["core", "time"]),
    older: args.flags.has("older"),
    memory,
  };
  let exit = 0;
  for (const file of args.files) {
    let code: number;
    try {
      const report = await verifyPath(file, options, args.flags.has("portable"));
      await print(args.flags.has("json") ? concat([report.toBytes(), utf8("\n")]) : `${report.verdict}${wordsOf(report)}\n`);
      code = report.exitCode;
    } catch (error) {
      code = complain(error);
    }
    if (WORST.indexOf(code) > WORST.indexOf(exit)) exit = code;
  }
  if (memoryFile !== undefined && memory.changed) writeMemory(memoryFile, memory);
  return exit;
}

async function verifyOne(args: Arguments): Promise<number> {
  const [file, ...more] = args.files;
  if (file === undefined || more.length > 0) throw new UsageError("Name one proof.");
  const trust = args.values.get("trust");
  const proof = fs.readFileSync(file);
  const { report, reportBytes, exitCode } = await verifyRecord(
    proof,
    trust === undefined ? undefined : fs.readFileSync(trust),
  );
  const { verdict, seq, size, origin, first } = report;
  const words = `${String(verdict)}: record ${String(seq)} in a tree of ${String(size)} of ${String(origin)} ${String(first)}`;
  await print(args.flags.has("json") ? concat([reportBytes, utf8("\n")]) : `${words.trimEnd()}\n`);
  return exitCode;
}

async function verifyPath(file: string, options: Options, portable: boolean): Promise<Report> {
  if (portable) {
    const open = () => openZip(memorySource(fs.readFileSync(file)), portableHost);
    return (await verifyOpened(open, portableHost, options)).report;
  }
  let close = (): void => {};
  const open = async () => {
    const opened = await openPath(file);
    close = opened.close;
    return opened.container;
  };
  try {
    return (await verifyOpened(open, nodeHost, options)).report;
  } finally {
    close();
  }
}

function wordsOf(report: Report): string {
  const lines = [`: records ${report.start} to ${report.end - 1} of ${report.origin}`];
  const { places } = resultOf({ report, trust: null, endRoot: null });
  for (const { code, count, places: [first] } of places) {
    const where = [first!.seq >= 0 ? `record ${first!.seq}` : "", first!.member].filter((part) => part !== "").join(" in ");
    lines.push(`  ${code}${count > 1 ? ` (${count} times)` : ""}${where === "" ? "" : `: ${where}`}`);
  }
  return lines.join("\n");
}

async function* inputLines(): AsyncGenerator<Uint8Array, void> {
  let rest = new Uint8Array(0);
  for await (const chunk of process.stdin) {
    const whole = concat([rest, chunk]);
    let at = 0;
    for (let stop = whole.indexOf(0x0a); stop >= 0; stop = whole.indexOf(0x0a, at)) {
      yield whole.subarray(at, stop);
      at = stop + 1;
    }
    rest = whole.slice(at);
  }
  if (rest.length > 0) yield rest;
}

/** For tests: each line of standard input is checked as DEF-JSON; the answer is its code, or `ok`. */
async function canon(): Promise<number> {
  const answers: string[] = [];
  for await (const line of inputLines()) {
    try {
      checkDef(line);
      answers.push("ok\n");
    } catch (error) {
      if (!(error instanceof CanonicalError)) throw error;
      answers.push(`${error.code}\n`);
    }
    if (answers.length === 4096) await print(answers.splice(0).join(""));
  }
  await print(answers.join(""));
  return 0;
}

/** For tests: every schema this verifier has, one a line, after its name. */
async function schemas(): Promise<number> {
  await print(recordSchemas().map(([name, schema]) => `${name} ${schema}\n`).join(""));
  return 0;
}

/** For tests: each line is a deflate stream in hex; the answer is its content's SHA-256 (both portable), or `bad`. */
async function inflated(): Promise<number> {
  for await (const line of inputLines()) {
    const digest = new Sha256();
    try {
      for (const chunk of inflate(fromHex(fromLatin1(line)), INFLATED)) digest.update(chunk);
      await print(`${hex(digest.final())}\n`);
    } catch (error) {
      if (!(error instanceof InflateError)) throw error;
      await print("bad\n");
    }
  }
  return 0;
}

/** For tests: each line is `algorithm key signature message` in hex (`-`: empty); the answer is `good` or `bad`. */
async function signatures(): Promise<number> {
  for await (const line of inputLines()) {
    const words = new TextDecoder().decode(line).split(" ");
    const [key, signature, message] = words.slice(1).map((word) => fromHex(word === "-" ? "" : word));
    const good = words.length === 4 && (await verifies(words[0]!, key!, signature!, message!));
    await print(good ? "good\n" : "bad\n");
  }
  return 0;
}

/** For tests: each line of standard input is a JSON array, a command line of its own; after its output, its exit code. */
async function cases(): Promise<number> {
  for await (const line of inputLines()) {
    const code = await command(JSON.parse(new TextDecoder().decode(line)) as string[]);
    await print(`exit ${code}\n`);
  }
  return 0;
}

async function run(given: readonly string[]): Promise<number> {
  const args = parseArguments(given);
  switch (args.command) {
    case "verify":
      return verify(args);
    case "verify-record":
      return verifyOne(args);
    case "canon":
      return canon();
    case "crypto":
      return signatures();
    case "schemas":
      return schemas();
    case "inflate":
      return inflated();
    case "cases":
      return cases();
    case "":
    case "help":
    case "--help":
    case "-h":
      await print(USAGE);
      return args.command === "" ? EXIT_UNREADABLE : 0;
    default:
      throw new UsageError(`There is no command ${args.command}.`);
  }
}

/** Say on standard error what a person can do about an error; the exit code. Throws what nobody can help. */
function complain(error: unknown): number {
  const system = error as { code?: string; path?: string };
  if (system.code === "EPIPE") return EXIT_UNREADABLE; // nobody reads the answer any more
  let said: string;
  if (error instanceof UsageError) said = `${error.message} See clyra-verify --help.`;
  else if (error instanceof MemoryError) said = `The memory file cannot be used: ${error.message}.`;
  else if (error instanceof PlatformError) said = error.message;
  else if (typeof system.code === "string") said = `Cannot read ${system.path ?? "a file"}: ${system.code}.`;
  else throw error;
  fs.writeSync(2, `${said}\n`);
  return EXIT_UNREADABLE;
}

async function command(given: readonly string[]): Promise<number> {
  try {
    return await run(given);
  } catch (error) {
    return complain(error);
  }
}

process.stdout.on("error", () => {}); // whoever writes hears of it
process.exitCode = await command(process.argv.slice(2));
