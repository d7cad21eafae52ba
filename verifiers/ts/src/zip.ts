/** Reading an `evidence.zip`, refusing everything that is not in its one form. */

import { equal, fromLatin1, hex } from "./bytes.js";
import { ContainerError, isMemberName, MAX_MEMBERS, readMember, type Container } from "./container.js";
import type { Host, Source } from "./host.js";
import { InflateError } from "./inflate.js";
import { BIG, endRecords, Entry, MANY, STORED } from "./zip_form.js";

const MAX_DIRECTORY = 16 << 20;
const MAX_LISTING = 16 << 20;
const CHUNK = 262_144;
const TRANSPORT = "transport.sha256";
const LISTED = /^([0-9a-f]{64}) {2}([a-z0-9._/-]{1,100})$/;
const DEFLATED = 8;
const CENTRAL_SIZE = 46;
const END_SIZE = 22;
const END64_SIZE = 56;
const LOCATOR64_SIZE = 20;

class ZipContainer implements Container {
  readonly damage: ContainerError[] = [];
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly source: Source,
    private readonly host: Host,
  ) {}

  get names(): string[] {
    return [...this.entries.keys()].filter((name) => name !== TRANSPORT);
  }

  size(name: string): number {
    return this.entries.get(name)!.size;
  }

  async *stream(name: string): AsyncGenerator<Uint8Array, void> {
    const entry = this.entries.get(name)!;
    let crc = 0;
    let size = 0;
    const chunks =
      entry.method === STORED
        ? this.packed(entry)
        : this.host.inflate(this.source, entry.data, entry.packed, entry.size);
    try {
      for await (const chunk of chunks) {
        crc = this.host.crc32(chunk, crc);
        size += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (error instanceof InflateError) throw new ContainerError("E_ARCHIVE_FORMAT", error.message, name);
      throw error;
    }
    if (size !== entry.size || crc !== entry.crc) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "its bytes do not match its header", name);
    }
  }

  private async *packed(entry: Entry): AsyncGenerator<Uint8Array, void> {
    const first = entry.data;
    for (let done = 0; done < entry.packed; ) {
      const chunk = await this.source.read(first + done, Math.min(CHUNK, entry.packed - done));
      if (chunk.length === 0) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "the file ends inside a member", entry.name, first + done);
      }
      done += chunk.length;
      yield chunk;
    }
  }

  /** Parse from the end, then demand that a strict writer would have written exactly these headers. */
  async readDirectory(): Promise<void> {
    const total = this.source.size;
    const { count, size, at } = await this.readEnd(total);
    if (count > MAX_MEMBERS || size > MAX_DIRECTORY) throw new ContainerError("E_ARCHIVE_LIMIT", "too many members");
    if (at + size > total) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "the central directory lies outside the file");
    }
    const directory = await this.source.read(at, size);
    if (!equal(await this.source.read(at + size, total - at - size), endRecords(count, size, at))) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "the end is not in the strict form", "", at + size);
    }
    let position = 0;
    let offset = 0;
    let last = "";
    for (let i = 0; i < count; i++) {
      const [entry, used] = parseCentral(directory, position, at);
      const { name } = entry;
      if (this.entries.has(name)) throw new ContainerError("E_ARCHIVE_DUP", "a member name occurs twice", name);
      if (name < last || entry.offset !== offset) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "members are not sorted and contiguous", name);
      }
      const header = entry.localHeader();
      if (!equal(await this.source.read(offset, header.length), header)) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "its two headers disagree", name, offset);
      }
      this.entries.set(name, entry);
      position += used;
      last = name;
      offset += header.length + entry.packed;
      if (offset > at) throw new ContainerError("E_ARCHIVE_FORMAT", "it reaches into the directory", name);
    }
    if (position !== size || offset !== at) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "bytes that belong to no member", "", offset);
    }
  }

  private async readEnd(total: number): Promise<{ count: number; size: number; at: number }> {
    if (total < END_SIZE) throw new ContainerError("E_ARCHIVE_FORMAT", "not a zip archive: too short");
    const end = viewOf(await this.source.read(total - END_SIZE, END_SIZE));
    if (end.getUint32(0, true) !== 0x06054b50) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "no end record at the end", "", total - END_SIZE);
    }
    const count = end.getUint16(8, true);
    const size = end.getUint32(12, true);
    const at = end.getUint32(16, true);
    if (count !== MANY && size !== BIG && at !== BIG) return { count, size, at };
    const where = total - END_SIZE - LOCATOR64_SIZE - END64_SIZE;
    if (where < 0) throw new ContainerError("E_ARCHIVE_FORMAT", "the zip64 end record is missing");
    const wide = viewOf(await this.source.read(where, END64_SIZE));
    return { count: uint64(wide, 32), size: uint64(wide, 40), at: uint64(wide, 48) };
  }

  /** Every packed byte against the transport list. What differs is noted, so that the rest can still be read. */
  async checkTransport(): Promise<void> {
    const entry = this.entries.get(TRANSPORT);
    if (entry === undefined) throw new ContainerError("E_MEMBER_MISSING", "the transport list is missing", TRANSPORT);
    if (entry.method !== STORED || entry.size > MAX_LISTING) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "the transport list is not stored plainly", TRANSPORT);
    }
    const lines = fromLatin1(await readMember(this, TRANSPORT, MAX_LISTING)).split("\n");
    const rest = lines.pop();
    const found = lines.map((line) => LISTED.exec(line));
    if (rest !== "" || found.some((match) => match === null)) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "the transport list is malformed", TRANSPORT);
    }
    const names = this.names;
    if (found.length !== names.length || found.some((match, i) => match![2] !== names[i])) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "the transport list names other members", TRANSPORT);
    }
    for (const match of found) await this.checkPacked(this.entries.get(match![2]!)!, match![1]!);
  }

  private async checkPacked(entry: Entry, wanted: string): Promise<void> {
    const digest = this.host.digest();
    for await (const chunk of this.packed(entry)) digest.update(chunk);
    if (hex(digest.final()) === wanted) return;
    const first = entry.data;
    const detail = `damaged between byte ${first} and ${first + entry.packed - 1} of the file`;
    this.damage.push(new ContainerError("E_ARCHIVE_FORMAT", detail, entry.name, first));
  }
}

function viewOf(raw: Uint8Array): DataView {
  return new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
}

/** Beyond 2^53 the value is rounded; it stays far beyond every size a file can have. */
function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

/** The entry at `position`; it must be byte for byte what a strict writer writes. */
function parseCentral(directory: Uint8Array, position: number, base: number): [Entry, number] {
  const start = position + CENTRAL_SIZE;
  const view = viewOf(directory);
  const names = start > directory.length ? Infinity : view.getUint16(position + 28, true) + view.getUint16(position + 30, true);
  if (start + names > directory.length) {
    throw new ContainerError("E_ARCHIVE_FORMAT", "the central directory ends early", "", base + position);
  }
  const method = view.getUint16(position + 10, true);
  const crc = view.getUint32(position + 16, true);
  let packed = view.getUint32(position + 20, true);
  let size = view.getUint32(position + 24, true);
  let offset = view.getUint32(position + 42, true);
  const middle = start + view.getUint16(position + 28, true);
  const name = fromLatin1(directory.subarray(start, middle));
  const extra = directory.subarray(middle, middle + view.getUint16(position + 30, true));
  if (!isMemberName(name)) {
    throw new ContainerError("E_ARCHIVE_NAME", "a member name is not allowed", "", base + start);
  }
  if (method !== STORED && method !== DEFLATED) {
    throw new ContainerError("E_ARCHIVE_TYPE", "packed by a method that is not allowed", name, base + position);
  }
  const values: number[] = [];
  if ([12, 20, 28].includes(extra.length)) {
    for (let at = 4; at < extra.length; at += 8) values.push(uint64(viewOf(extra), at));
  }
  if (packed === BIG && values.length >= 2) [size, packed] = values.splice(0, 2) as [number, number];
  if (offset === BIG && values.length > 0) offset = values[0]!;
  if (Math.max(size, packed, offset) > Number.MAX_SAFE_INTEGER) {
    throw new ContainerError("E_ARCHIVE_FORMAT", "a size beyond every file", name, base + position);
  }
  const entry = new Entry(name, method, crc, packed, size, offset);
  const wanted = entry.centralHeader();
  if (!equal(directory.subarray(position, position + wanted.length), wanted)) {
    throw new ContainerError("E_ARCHIVE_FORMAT", "its directory entry is not in the strict form", name, base + position);
  }
  if (method === STORED && packed !== size) {
    throw new ContainerError("E_ARCHIVE_FORMAT", "stored with two sizes", name, base + position);
  }
  return [entry, wanted.length];
}

/** A strict `evidence.zip`; the whole file is accounted for. Throws ContainerError. */
export async function openZip(source: Source, host: Host): Promise<Container> {
  const container = new ZipContainer(source, host);
  await container.readDirectory();
  await container.checkTransport();
  return container;
}
