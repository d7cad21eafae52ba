/** Node's own hashing, checksum, inflate and files, behind the interfaces of the core. */

import * as nodeCrypto from "node:crypto";
import * as fs from "node:fs";
import * as zlib from "node:zlib";

import { concat, utf8 } from "./bytes.js";
import { openFolder, type Container, type FolderItem } from "./container.js";
import { portableHost, type Host, type Source } from "./host.js";
import { InflateError } from "./inflate.js";
import { openZip } from "./zip.js";

const CHUNK = 262_144;
const { hash, createHash } = nodeCrypto;
const { crc32 } = zlib;

/** zlib's inflate on a thread of its own; how much input it took says whether the stream ended where it should. */
async function* inflate(source: Source, offset: number, packed: number, limit: number): AsyncGenerator<Uint8Array, void> {
  const inflater = zlib.createInflateRaw({ chunkSize: CHUNK });
  void feed(inflater, source, offset, packed);
  let size = 0;
  try {
    for await (const chunk of inflater) {
      size += chunk.length;
      if (size > limit) throw new InflateError("it inflates beyond its declared size");
      yield chunk;
    }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code?.startsWith("Z_") === true) throw new InflateError(`damaged deflate stream: ${message}`);
    throw error;
  } finally {
    inflater.destroy();
  }
  if (inflater.bytesWritten !== packed) throw new InflateError("data after the end of the deflate stream");
}

async function feed(inflater: zlib.InflateRaw, source: Source, offset: number, packed: number): Promise<void> {
  let goOn = (): void => {};
  inflater.on("drain", () => goOn());
  inflater.on("close", () => goOn());
  for (let done = 0; done < packed; ) {
    const chunk = await source.read(offset + done, Math.min(CHUNK, packed - done));
    if (chunk.length === 0) break;
    done += chunk.length;
    if (!inflater.write(chunk)) {
      if (inflater.destroyed) return;
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    }
  }
  inflater.end();
}

export const nodeHost: Host = {
  sha256: hash === undefined ? (data) => createHash("sha256").update(data).digest() : (data) => hash("sha256", data, "buffer"),
  digest: () => {
    const digest = createHash("sha256");
    return {
      update: (data) => void digest.update(data),
      final: () => digest.digest(),
    };
  },
  crc32: crc32 ?? portableHost.crc32,
  inflate,
};

function readAt(file: number, offset: number, length: number): Uint8Array {
  const raw = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = fs.readSync(file, raw, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return raw.subarray(0, filled);
}

const SEPARATOR = utf8("/");

/** Everything below a folder that is not a folder. Names may be any bytes. */
function* walk(root: Uint8Array, below: Uint8Array = new Uint8Array(0)): Generator<FolderItem> {
  const folder = below.length === 0 ? root : concat([root, SEPARATOR, below]);
  for (const { name } of fs.readdirSync(asBuffer(folder), { withFileTypes: true, encoding: "buffer" })) {
    const path = below.length === 0 ? name : concat([below, SEPARATOR, name]);
    const place = asBuffer(concat([root, SEPARATOR, path]));
    const status = fs.lstatSync(place);
    if (status.isDirectory()) yield* walk(root, path);
    else yield { path: pathText(path), size: status.size, read: status.isFile() ? () => readFile(place) : null };
  }
}

/** Node takes a path in bytes as a Buffer only. */
function asBuffer(raw: Uint8Array): Uint8Array {
  return (globalThis as unknown as { Buffer: { from(raw: Uint8Array): Uint8Array } }).Buffer.from(raw);
}

/** One character per byte, so that paths sort by bytes. */
function pathText(raw: Uint8Array): string {
  return String.fromCharCode(...raw);
}

async function* readFile(path: Uint8Array): AsyncGenerator<Uint8Array, void> {
  const file = fs.openSync(path, "r");
  try {
    for (let at = 0; ; ) {
      const chunk = readAt(file, at, CHUNK);
      if (chunk.length === 0) return;
      at += chunk.length;
      yield chunk;
    }
  } finally {
    fs.closeSync(file);
  }
}

/** A bundle in a zip file or a folder, and how to close it. Throws ContainerError, and what the system says. */
export async function openPath(path: string): Promise<{ container: Container; close: () => void }> {
  if (fs.statSync(path).isDirectory()) return { container: openFolder([...walk(utf8(path))]), close: () => {} };
  const file = fs.openSync(path, "r");
  const close = (): void => fs.closeSync(file);
  const source = {
    size: fs.fstatSync(file).size,
    read: (offset: number, length: number) => readAt(file, offset, length),
  };
  try {
    return { container: await openZip(source, nodeHost), close };
  } catch (error) {
    close();
    throw error;
  }
}

