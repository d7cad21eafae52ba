/**
 * Raw deflate (RFC 1951), strict and bounded. The streams of a browser do not say where a deflate stream ended, so
 * bytes after its end would go unnoticed; here the stream must end exactly with its input and within its declared
 * size. Which code sets are refused (over-subscribed, incomplete, without end of block) is as in zlib.
 */

export class InflateError extends Error {}

const WINDOW = 32_768;
const CHUNK = 262_144;
const MAX_MATCH = 258;

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193,
  12289, 16385, 24577,
];
const DISTANCE_EXTRA = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A code as one table over `bits` bits: symbol << 4 | length; 0 where no code is. */
interface Code {
  readonly table: Uint16Array;
  readonly bits: number;
}

function makeCode(lengths: Uint8Array, mayBeIncomplete: boolean): Code {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  let bits = 15;
  while (bits > 1 && counts[bits] === 0) bits--;
  let left = 1;
  for (let length = 1; length <= 15; length++) {
    left = 2 * left - counts[length]!;
    if (left < 0) throw new InflateError("damaged deflate stream: too many codes");
  }
  const none = bits === 1 && counts[1] === 0;
  if (left > 0 && !none && !(mayBeIncomplete && bits === 1)) {
    throw new InflateError("damaged deflate stream: an incomplete set of codes");
  }
  const next = new Uint16Array(16);
  for (let length = 1; length < 15; length++) next[length + 1] = (next[length]! + counts[length]!) << 1;
  const table = new Uint16Array(1 << bits);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol]!;
    if (length === 0) continue;
    let reversed = 0;
    for (let code = next[length]!++, i = 0; i < length; i++, code >>= 1) reversed = (reversed << 1) | (code & 1);
    for (let at = reversed; at < table.length; at += 1 << length) table[at] = (symbol << 4) | length;
  }
  return { table, bits };
}

const FIXED_LENGTHS = new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280);
const FIXED_LITERALS = makeCode(FIXED_LENGTHS, false);
const FIXED_DISTANCES = makeCode(new Uint8Array(32).fill(5), false);

const BLOCK_START = 0;
const STORED = 1;
const CODED = 2;
const DONE = 3;

class Inflater {
  readonly out = new Uint8Array(WINDOW + CHUNK + MAX_MATCH);
  filled = WINDOW;
  state = BLOCK_START;
  private produced = 0;
  private at = 0;
  private hold = 0;
  private count = 0;
  private last = false;
  private storedLeft = 0;
  private literals = FIXED_LITERALS;
  private distances = FIXED_DISTANCES;

  constructor(private readonly input: Uint8Array) {}

  /** Work until the chunk is full or the stream has ended. */
  fill(): void {
    while (this.state !== DONE && this.filled < WINDOW + CHUNK) {
      if (this.state === BLOCK_START) this.startBlock();
      else if (this.state === STORED) this.copyStored();
      else this.decode();
    }
  }

  /** Make room for the next chunk; the window of the last 32 KiB stays. */
  slide(): void {
    this.produced += this.filled - WINDOW;
    this.out.copyWithin(0, this.filled - WINDOW, this.filled);
    this.filled = WINDOW;
  }

  private take(size: number): number {
    while (this.count < size) {
      if (this.at >= this.input.length) throw new InflateError("the deflate stream does not end");
      this.hold |= this.input[this.at++]! << this.count;
      this.count += 8;
    }
    const value = this.hold & ((1 << size) - 1);
    this.hold >>>= size;
    this.count -= size;
    return value;
  }

  private startBlock(): void {
    if (this.last) {
      this.finish();
      return;
    }
    this.last = this.take(1) === 1;
    const kind = this.take(2);
    if (kind === 0) {
      this.take(this.count & 7);
      const size = this.take(16);
      if (this.take(16) !== (~size & 0xffff)) throw new InflateError("damaged deflate stream: a stored block");
      this.storedLeft = size;
      this.state = STORED;
    } else if (kind === 1) {
      this.literals = FIXED_LITERALS;
      this.distances = FIXED_DISTANCES;
      this.state = CODED;
    } else if (kind === 2) {
      this.readCodes();
      this.state = CODED;
    } else {
      throw new InflateError("damaged deflate stream: a block of no known kind");
    }
  }

  /** The last block is over: not one whole byte may be left. */
  private finish(): void {
    if (this.at - (this.count >> 3) !== this.input.length) {
      throw new InflateError("data after the end of the deflate stream");
    }
    this.state = DONE;
  }

  private copyStored(): void {
    while (this.storedLeft > 0 && this.count >= 8) {
      this.out[this.filled++] = this.take(8);
      this.storedLeft--;
    }
    const size = Math.min(this.storedLeft, WINDOW + CHUNK - this.filled);
    if (size > 0) {
      if (this.at + size > this.input.length) throw new InflateError("the deflate stream does not end");
      this.out.set(this.input.subarray(this.at, this.at + size), this.filled);
      this.at += size;
      this.filled += size;
      this.storedLeft -= size;
    }
    if (this.storedLeft === 0) this.state = BLOCK_START;
  }

  private readCodes(): void {
    const literals = this.take(5) + 257;
    const distances = this.take(5) + 1;
    const listed = this.take(4) + 4;
    if (literals > 286 || distances > 30) throw new InflateError("damaged deflate stream: too many symbols");
    const meta = new Uint8Array(19);
    for (let i = 0; i < listed; i++) meta[ORDER[i]!] = this.take(3);
    const code = makeCode(meta, false);
    const lengths = new Uint8Array(literals + distances);
    for (let at = 0; at < lengths.length; ) {
      const symbol = this.symbol(code);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) throw new InflateError("damaged deflate stream: nothing to repeat");
      const value = symbol === 16 ? lengths[at - 1]! : 0;
      const times = symbol === 16 ? 3 + this.take(2) : symbol === 17 ? 3 + this.take(3) : 11 + this.take(7);
      if (at + times > lengths.length) throw new InflateError("damaged deflate stream: too many lengths");
      lengths.fill(value, at, at + times);
      at += times;
    }
    if (lengths[256] === 0) throw new InflateError("damaged deflate stream: no end of block");
    this.literals = makeCode(lengths.subarray(0, literals), true);
    this.distances = makeCode(lengths.subarray(literals), true);
  }

  /** One symbol, bit by bit where the input may end inside the table's reach. */
  private symbol(code: Code): number {
    while (this.count < code.bits && this.at < this.input.length) {
      this.hold |= this.input[this.at++]! << this.count;
      this.count += 8;
    }
    const entry = code.table[this.hold & (code.table.length - 1)]!;
    const length = entry & 15;
    if (length === 0) throw new InflateError("damaged deflate stream: no such code");
    if (length > this.count) throw new InflateError("the deflate stream does not end");
    this.hold >>>= length;
    this.count -= length;
    return entry >> 4;
  }

  /** Literals and matches of a block, until it ends or the chunk is full. */
  private decode(): void {
    const { input, out } = this;
    const { table: literals } = this.literals;
    const { table: distances } = this.distances;
    const literalMask = literals.length - 1;
    const distanceMask = distances.length - 1;
    const limit = WINDOW + CHUNK;
    const oldest = Math.max(0, WINDOW - this.produced);
    let { at, hold, count, filled } = this;
    while (filled < limit) {
      for (; count < 24; count += 8) hold |= (at < input.length ? input[at]! : 0) << count, at++;
      let entry = literals[hold & literalMask]!;
      hold >>>= entry & 15;
      count -= entry & 15;
      let symbol = entry >> 4;
      if (entry === 0) throw new InflateError("damaged deflate stream: no such code");
      if (symbol < 256) {
        out[filled++] = symbol;
        continue;
      }
      if (symbol === 256) {
        this.state = BLOCK_START;
        break;
      }
      symbol -= 257;
      if (symbol > 28) throw new InflateError("damaged deflate stream: no such length");
      const lengthExtra = LENGTH_EXTRA[symbol]!;
      const length = LENGTH_BASE[symbol]! + (hold & ((1 << lengthExtra) - 1));
      hold >>>= lengthExtra;
      count -= lengthExtra;
      for (; count < 24; count += 8) hold |= (at < input.length ? input[at]! : 0) << count, at++;
      entry = distances[hold & distanceMask]!;
      hold >>>= entry & 15;
      count -= entry & 15;
      symbol = entry >> 4;
      if (entry === 0 || symbol > 29) throw new InflateError("damaged deflate stream: no such distance");
      for (; count < 24; count += 8) hold |= (at < input.length ? input[at]! : 0) << count, at++;
      const distanceExtra = DISTANCE_EXTRA[symbol]!;
      const distance = DISTANCE_BASE[symbol]! + (hold & ((1 << distanceExtra) - 1));
      hold >>>= distanceExtra;
      count -= distanceExtra;
      let from = filled - distance;
      if (from < oldest) throw new InflateError("damaged deflate stream: a distance too far back");
      for (const end = filled + length; filled < end; ) out[filled++] = out[from++]!;
    }
    // Bytes read ahead go back, so that the other readers can tell where the input ends.
    const spare = count >> 3;
    at -= spare;
    count &= 7;
    hold &= (1 << count) - 1;
    if (at > input.length) throw new InflateError("the deflate stream does not end");
    this.at = at;
    this.hold = hold;
    this.count = count;
    this.filled = filled;
  }
}

/**
 * The inflated bytes of `packed`, in chunks of at most 256 KiB (and a match), each valid until the next is asked for.
 * Throws InflateError, after some chunks perhaps, unless the stream ends exactly with its input and within `limit`.
 */
export function* inflate(packed: Uint8Array, limit: number): Generator<Uint8Array, void> {
  const inflater = new Inflater(packed);
  let size = 0;
  do {
    inflater.fill();
    size += inflater.filled - WINDOW;
    if (size > limit) throw new InflateError("it inflates beyond its declared size");
    if (inflater.filled > WINDOW) yield inflater.out.subarray(WINDOW, inflater.filled);
    inflater.slide();
  } while (inflater.state !== DONE);
}
