/**
 * What the verifier needs from its surroundings. Everything has a portable form; Node brings faster ones of the same
 * behaviour (`node.ts`), a browser needs none.
 */

import { crc32 } from "./crc32.js";
import { inflate, InflateError } from "./inflate.js";
import { portableHashing, type Hashing } from "./sha256.js";

/** Bytes that can be read at any place: a file, or memory. A read beyond the end gives fewer bytes. */
export interface Source {
  readonly size: number;
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

export interface Host extends Hashing {
  crc32(data: Uint8Array, crc: number): number;
  /**
   * The bytes that the raw deflate stream at [offset, offset + packed) of the source stands for, in chunks, each valid
   * until the next is asked for. Throws InflateError unless it ends exactly with its input and within `limit` bytes.
   */
  inflate(source: Source, offset: number, packed: number, limit: number): AsyncIterable<Uint8Array>;
}

async function* portableInflate(
  source: Source,
  offset: number,
  packed: number,
  limit: number,
): AsyncGenerator<Uint8Array, void> {
  const input = await source.read(offset, packed);
  if (input.length !== packed) throw new InflateError("the file ends inside a member");
  yield* inflate(input, limit);
}

export const portableHost: Host = { ...portableHashing, crc32, inflate: portableInflate };

/** A source in memory. */
export function memorySource(bytes: Uint8Array): Source {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}
