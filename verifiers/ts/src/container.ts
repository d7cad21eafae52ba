/**
 * Reading a bundle's members, from an `evidence.zip` or from plain files, refusing everything that is not strict. Sizes
 * are checked before anything is read; members are streamed, so memory does not grow with the bundle.
 */

import { compareText, concat } from "./bytes.js";

export const MAX_MEMBERS = 65_536;
const NAME = /^[a-z0-9._/-]{1,100}$/;

/** A container is not strict. `code` is an S0 code; member and at (byte offset in the file) say where. */
export class ContainerError extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
    readonly member = "",
    readonly at = -1,
  ) {
    super(`${code}: ${detail}`);
  }
}

/** Members by name. damage: what is wrong with members that can still be read. */
export interface Container {
  readonly names: readonly string[];
  readonly damage: readonly ContainerError[];
  size(name: string): number;
  /** The member's bytes in chunks, each valid until the next is asked for. Throws ContainerError, also at the end. */
  stream(name: string): AsyncIterable<Uint8Array>;
}

/** Whether a member may have this name: no segment is empty, `.` or `..`. */
export function isMemberName(name: string): boolean {
  return NAME.test(name) && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** A small member whole. Throws ContainerError when it is larger than `limit`. */
export async function readMember(container: Container, name: string, limit: number): Promise<Uint8Array> {
  if (container.size(name) > limit) {
    throw new ContainerError("E_ARCHIVE_LIMIT", `more than ${limit} bytes`, name);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of container.stream(name)) chunks.push(chunk.slice());
  return concat(chunks);
}

/** One thing found in a folder. read: its bytes, for a plain file; null for anything else. */
export interface FolderItem {
  readonly path: string;
  readonly size: number;
  readonly read: (() => AsyncIterable<Uint8Array>) | null;
}

/** The same members as plain files. Throws ContainerError. */
export function openFolder(items: readonly FolderItem[]): Container {
  const sorted = [...items].sort((one, other) => compareText(one.path, other.path));
  const files = new Map<string, FolderItem>();
  for (const item of sorted) {
    const named = isMemberName(item.path);
    if (item.read === null) throw new ContainerError("E_ARCHIVE_TYPE", "not a plain file", named ? item.path : "");
    if (!named) throw new ContainerError("E_ARCHIVE_NAME", "a member name is not allowed");
    files.set(item.path, item);
  }
  if (files.size > MAX_MEMBERS) throw new ContainerError("E_ARCHIVE_LIMIT", "too many members");
  return {
    names: [...files.keys()],
    damage: [],
    size: (name) => files.get(name)!.size,
    stream: (name) => files.get(name)!.read!(),
  };
}
