/** The one form an `evidence.zip` may have: what a strict writer writes for its members. */

import { concat, utf8 } from "./bytes.js";

export const STORED = 0;
export const BIG = 0xffffffff;
export const MANY = 0xffff;
const DOS_DATE = 0x0021;
const MODE = 0o100444;

/** Little-endian numbers of given widths, one after the other. */
function pack(...fields: readonly [width: 2 | 4 | 8, value: number][]): Uint8Array {
  const raw = new Uint8Array(fields.reduce((size, [width]) => size + width, 0));
  const view = new DataView(raw.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return raw;
}

/** One member as the central directory has it. offset: of its local header. */
export class Entry {
  constructor(
    readonly name: string,
    readonly method: number,
    readonly crc: number,
    readonly packed: number,
    readonly size: number,
    readonly offset: number,
  ) {}

  private get zip64(): boolean {
    return this.packed >= BIG || this.size >= BIG;
  }

  private shared(extra: number): [2 | 4, number][] {
    return [
      [2, this.zip64 || this.offset >= BIG ? 45 : 20],
      [2, 0],
      [2, this.method],
      [2, 0],
      [2, DOS_DATE],
      [4, this.crc],
      [4, this.zip64 ? BIG : this.packed],
      [4, this.zip64 ? BIG : this.size],
      [2, this.name.length],
      [2, extra],
    ];
  }

  localHeader(): Uint8Array {
    const extra = this.zip64 ? pack([2, 1], [2, 16], [8, this.size], [8, this.packed]) : new Uint8Array(0);
    return concat([pack([4, 0x04034b50], ...this.shared(extra.length)), utf8(this.name), extra]);
  }

  centralHeader(): Uint8Array {
    const values = [...(this.zip64 ? [this.size, this.packed] : []), ...(this.offset >= BIG ? [this.offset] : [])];
    const wide = values.map((value): [8, number] => [8, value]);
    const extra = values.length > 0 ? pack([2, 1], [2, 8 * values.length], ...wide) : new Uint8Array(0);
    const [version] = this.shared(0);
    const head = pack([4, 0x02014b50], [2, (3 << 8) | version![1]], ...this.shared(extra.length));
    const rest = pack([2, 0], [2, 0], [2, 0], [2, 0], [2, MODE], [4, Math.min(this.offset, BIG)]);
    return concat([head, rest, utf8(this.name), extra]);
  }

  get data(): number {
    return this.offset + this.localHeader().length;
  }
}

/** What follows the central directory. */
export function endRecords(count: number, size: number, at: number): Uint8Array {
  const end = pack(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, Math.min(count, MANY)],
    [2, Math.min(count, MANY)],
    [4, Math.min(size, BIG)],
    [4, Math.min(at, BIG)],
    [2, 0],
  );
  if (at < BIG && size < BIG && count < MANY) return end;
  const end64 = pack(
    [4, 0x06064b50],
    [8, 44],
    [2, (3 << 8) | 45],
    [2, 45],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, size],
    [8, at],
  );
  return concat([end64, pack([4, 0x07064b50], [4, 0], [8, at + size], [4, 1]), end]);
}
