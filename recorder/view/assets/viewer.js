"use strict";
(() => {
  // ../ts/src/bytes.ts
  var HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));
  var ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  var encoder = new TextEncoder();
  var strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  function utf8(text) {
    return encoder.encode(text);
  }
  function fromUtf8(raw) {
    try {
      return strictDecoder.decode(raw);
    } catch {
      return null;
    }
  }
  function fromLatin1(raw) {
    let text = "";
    for (let at = 0; at < raw.length; at += 8192) text += String.fromCharCode(...raw.subarray(at, at + 8192));
    return text;
  }
  function hex(raw) {
    let text = "";
    for (let at = 0; at < raw.length; at++) text += HEX[raw[at]];
    return text;
  }
  function fromHex(text) {
    const raw = new Uint8Array(text.length >> 1);
    for (let at = 0; at < raw.length; at++) raw[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16);
    return raw;
  }
  function base64(raw) {
    let text = "";
    let at = 0;
    for (; at + 2 < raw.length; at += 3) {
      const bits = raw[at] << 16 | raw[at + 1] << 8 | raw[at + 2];
      text += ALPHABET[bits >> 18] + ALPHABET[bits >> 12 & 63] + ALPHABET[bits >> 6 & 63] + ALPHABET[bits & 63];
    }
    if (at + 1 === raw.length) text += ALPHABET[raw[at] >> 2] + ALPHABET[(raw[at] & 3) << 4] + "==";
    if (at + 2 === raw.length) {
      const bits = raw[at] << 8 | raw[at + 1];
      text += ALPHABET[bits >> 10] + ALPHABET[bits >> 4 & 63] + ALPHABET[(bits & 15) << 2] + "=";
    }
    return text;
  }
  var VALUES = new Int8Array(128).fill(-1);
  for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;
  function fromBase64(text) {
    if (text.length % 4 !== 0) return null;
    const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
    const raw = new Uint8Array(text.length / 4 * 3 - padding);
    let bits = 0;
    let count = 0;
    let at = 0;
    for (let i = 0; i < text.length - padding; i++) {
      const char = text.charCodeAt(i);
      const value = char < 128 ? VALUES[char] : -1;
      if (value < 0) return null;
      bits = (bits << 6 | value) & 16777215;
      count += 6;
      if (count >= 8) {
        count -= 8;
        raw[at++] = bits >> count & 255;
      }
    }
    return (bits & (1 << count) - 1) === 0 ? raw : null;
  }
  function base64url(raw) {
    return base64(raw).replace(/=+$/, "").replace(/\+/g, "-").replace(/\//g, "_");
  }
  function fromBase64url(text) {
    if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
    const standard = text.replace(/-/g, "+").replace(/_/g, "/");
    return fromBase64(standard + "=".repeat((4 - standard.length % 4) % 4));
  }
  function equal(one, other) {
    if (one.length !== other.length) return false;
    for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
    return true;
  }
  function concat(parts2) {
    const whole = new Uint8Array(parts2.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts2) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
  function compareText(one, other) {
    if (one === other) return 0;
    const size = Math.min(one.length, other.length);
    for (let at = 0; at < size; at++) {
      const a = one.charCodeAt(at);
      const b = other.charCodeAt(at);
      if (a !== b) return rank(a) - rank(b);
    }
    return one.length - other.length;
  }
  function rank(unit) {
    return unit >= 55296 && unit <= 57343 ? unit + 65536 : unit;
  }
  function codePoints(text) {
    let count = text.length;
    for (let at = 0; at + 1 < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit >= 55296 && unit <= 56319) {
        const next = text.charCodeAt(at + 1);
        if (next >= 56320 && next <= 57343) {
          count--;
          at++;
        }
      }
    }
    return count;
  }
  function record() {
    return /* @__PURE__ */ Object.create(null);
  }

  // ../ts/src/container.ts
  var MAX_MEMBERS = 65536;
  var NAME = /^[a-z0-9._/-]{1,100}$/;
  var ContainerError = class extends Error {
    constructor(code2, detail, member = "", at = -1) {
      super(`${code2}: ${detail}`);
      this.code = code2;
      this.detail = detail;
      this.member = member;
      this.at = at;
    }
    code;
    detail;
    member;
    at;
  };
  function isMemberName(name) {
    return NAME.test(name) && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  }
  async function readMember(container, name, limit) {
    if (container.size(name) > limit) {
      throw new ContainerError("E_ARCHIVE_LIMIT", `more than ${limit} bytes`, name);
    }
    const chunks = [];
    for await (const chunk of container.stream(name)) chunks.push(chunk.slice());
    return concat(chunks);
  }

  // ../ts/src/crc32.ts
  var TABLES = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ 3988292384 : value >>> 1;
    TABLES[n] = value;
  }
  for (let n = 256; n < 8 * 256; n++) TABLES[n] = TABLES[TABLES[n - 256] & 255] ^ TABLES[n - 256] >>> 8;
  function crc32(data, crc = 0) {
    const table2 = TABLES;
    let value = ~crc;
    let at = 0;
    for (const end = data.length - 7; at < end; at += 8) {
      const low = value ^ (data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24);
      value = table2[1792 + (low & 255)] ^ table2[1536 + (low >>> 8 & 255)] ^ table2[1280 + (low >>> 16 & 255)] ^ table2[1024 + (low >>> 24)] ^ table2[768 + data[at + 4]] ^ table2[512 + data[at + 5]] ^ table2[256 + data[at + 6]] ^ table2[data[at + 7]];
    }
    for (; at < data.length; at++) value = table2[(value ^ data[at]) & 255] ^ value >>> 8;
    return ~value >>> 0;
  }

  // ../ts/src/inflate.ts
  var InflateError = class extends Error {
  };
  var WINDOW = 32768;
  var CHUNK = 262144;
  var MAX_MATCH = 258;
  var LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  var LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  var DISTANCE_BASE = [
    1,
    2,
    3,
    4,
    5,
    7,
    9,
    13,
    17,
    25,
    33,
    49,
    65,
    97,
    129,
    193,
    257,
    385,
    513,
    769,
    1025,
    1537,
    2049,
    3073,
    4097,
    6145,
    8193,
    12289,
    16385,
    24577
  ];
  var DISTANCE_EXTRA = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
  var ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  function makeCode(lengths, mayBeIncomplete) {
    const counts = new Uint16Array(16);
    for (const length of lengths) counts[length]++;
    counts[0] = 0;
    let bits = 15;
    while (bits > 1 && counts[bits] === 0) bits--;
    let left = 1;
    for (let length = 1; length <= 15; length++) {
      left = 2 * left - counts[length];
      if (left < 0) throw new InflateError("damaged deflate stream: too many codes");
    }
    const none = bits === 1 && counts[1] === 0;
    if (left > 0 && !none && !(mayBeIncomplete && bits === 1)) {
      throw new InflateError("damaged deflate stream: an incomplete set of codes");
    }
    const next = new Uint16Array(16);
    for (let length = 1; length < 15; length++) next[length + 1] = next[length] + counts[length] << 1;
    const table2 = new Uint16Array(1 << bits);
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol];
      if (length === 0) continue;
      let reversed = 0;
      for (let code2 = next[length]++, i = 0; i < length; i++, code2 >>= 1) reversed = reversed << 1 | code2 & 1;
      for (let at = reversed; at < table2.length; at += 1 << length) table2[at] = symbol << 4 | length;
    }
    return { table: table2, bits };
  }
  var FIXED_LENGTHS = new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280);
  var FIXED_LITERALS = makeCode(FIXED_LENGTHS, false);
  var FIXED_DISTANCES = makeCode(new Uint8Array(32).fill(5), false);
  var BLOCK_START = 0;
  var STORED = 1;
  var CODED = 2;
  var DONE = 3;
  var Inflater = class {
    constructor(input) {
      this.input = input;
    }
    input;
    out = new Uint8Array(WINDOW + CHUNK + MAX_MATCH);
    filled = WINDOW;
    state = BLOCK_START;
    produced = 0;
    at = 0;
    hold = 0;
    count = 0;
    last = false;
    storedLeft = 0;
    literals = FIXED_LITERALS;
    distances = FIXED_DISTANCES;
    /** Work until the chunk is full or the stream has ended. */
    fill() {
      while (this.state !== DONE && this.filled < WINDOW + CHUNK) {
        if (this.state === BLOCK_START) this.startBlock();
        else if (this.state === STORED) this.copyStored();
        else this.decode();
      }
    }
    /** Make room for the next chunk; the window of the last 32 KiB stays. */
    slide() {
      this.produced += this.filled - WINDOW;
      this.out.copyWithin(0, this.filled - WINDOW, this.filled);
      this.filled = WINDOW;
    }
    take(size) {
      while (this.count < size) {
        if (this.at >= this.input.length) throw new InflateError("the deflate stream does not end");
        this.hold |= this.input[this.at++] << this.count;
        this.count += 8;
      }
      const value = this.hold & (1 << size) - 1;
      this.hold >>>= size;
      this.count -= size;
      return value;
    }
    startBlock() {
      if (this.last) {
        this.finish();
        return;
      }
      this.last = this.take(1) === 1;
      const kind = this.take(2);
      if (kind === 0) {
        this.take(this.count & 7);
        const size = this.take(16);
        if (this.take(16) !== (~size & 65535)) throw new InflateError("damaged deflate stream: a stored block");
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
    finish() {
      if (this.at - (this.count >> 3) !== this.input.length) {
        throw new InflateError("data after the end of the deflate stream");
      }
      this.state = DONE;
    }
    copyStored() {
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
    readCodes() {
      const literals = this.take(5) + 257;
      const distances = this.take(5) + 1;
      const listed = this.take(4) + 4;
      if (literals > 286 || distances > 30) throw new InflateError("damaged deflate stream: too many symbols");
      const meta = new Uint8Array(19);
      for (let i = 0; i < listed; i++) meta[ORDER[i]] = this.take(3);
      const code2 = makeCode(meta, false);
      const lengths = new Uint8Array(literals + distances);
      for (let at = 0; at < lengths.length; ) {
        const symbol = this.symbol(code2);
        if (symbol < 16) {
          lengths[at++] = symbol;
          continue;
        }
        if (symbol === 16 && at === 0) throw new InflateError("damaged deflate stream: nothing to repeat");
        const value = symbol === 16 ? lengths[at - 1] : 0;
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
    symbol(code2) {
      while (this.count < code2.bits && this.at < this.input.length) {
        this.hold |= this.input[this.at++] << this.count;
        this.count += 8;
      }
      const entry2 = code2.table[this.hold & code2.table.length - 1];
      const length = entry2 & 15;
      if (length === 0) throw new InflateError("damaged deflate stream: no such code");
      if (length > this.count) throw new InflateError("the deflate stream does not end");
      this.hold >>>= length;
      this.count -= length;
      return entry2 >> 4;
    }
    /** Literals and matches of a block, until it ends or the chunk is full. */
    decode() {
      const { input, out } = this;
      const { table: literals } = this.literals;
      const { table: distances } = this.distances;
      const literalMask = literals.length - 1;
      const distanceMask = distances.length - 1;
      const limit = WINDOW + CHUNK;
      const oldest = Math.max(0, WINDOW - this.produced);
      let { at, hold, count, filled } = this;
      while (filled < limit) {
        for (; count < 24; count += 8) hold |= (at < input.length ? input[at] : 0) << count, at++;
        let entry2 = literals[hold & literalMask];
        hold >>>= entry2 & 15;
        count -= entry2 & 15;
        let symbol = entry2 >> 4;
        if (entry2 === 0) throw new InflateError("damaged deflate stream: no such code");
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
        const lengthExtra = LENGTH_EXTRA[symbol];
        const length = LENGTH_BASE[symbol] + (hold & (1 << lengthExtra) - 1);
        hold >>>= lengthExtra;
        count -= lengthExtra;
        for (; count < 24; count += 8) hold |= (at < input.length ? input[at] : 0) << count, at++;
        entry2 = distances[hold & distanceMask];
        hold >>>= entry2 & 15;
        count -= entry2 & 15;
        symbol = entry2 >> 4;
        if (entry2 === 0 || symbol > 29) throw new InflateError("damaged deflate stream: no such distance");
        for (; count < 24; count += 8) hold |= (at < input.length ? input[at] : 0) << count, at++;
        const distanceExtra = DISTANCE_EXTRA[symbol];
        const distance = DISTANCE_BASE[symbol] + (hold & (1 << distanceExtra) - 1);
        hold >>>= distanceExtra;
        count -= distanceExtra;
        let from = filled - distance;
        if (from < oldest) throw new InflateError("damaged deflate stream: a distance too far back");
        for (const end = filled + length; filled < end; ) out[filled++] = out[from++];
      }
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
  };
  function* inflate(packed, limit) {
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

  // ../ts/src/sha256.ts
  var PRIMES = [];
  for (let n = 2n; PRIMES.length < 64; n++) if (PRIMES.every((prime) => n % prime !== 0n)) PRIMES.push(n);
  var K = Int32Array.from(PRIMES, (prime) => rootFraction(prime, 3n));
  var START = Int32Array.from(PRIMES.slice(0, 8), (prime) => rootFraction(prime, 2n));
  function rootFraction(value, degree) {
    const wanted = value << 32n * degree;
    let root = 0n;
    for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) if ((root | bit) ** degree <= wanted) root |= bit;
    return Number(BigInt.asIntN(32, root));
  }
  var W = new Int32Array(64);
  function compress(state, data, at, count) {
    const w = W;
    const k = K;
    for (; count > 0; count--, at += 64) {
      for (let t = 0, i = at; t < 16; t++, i += 4) {
        w[t] = data[i] << 24 | data[i + 1] << 16 | data[i + 2] << 8 | data[i + 3];
      }
      for (let t = 16; t < 64; t++) {
        const x = w[t - 2];
        const y = w[t - 15];
        const s1 = (x >>> 17 | x << 15) ^ (x >>> 19 | x << 13) ^ x >>> 10;
        const s0 = (y >>> 7 | y << 25) ^ (y >>> 18 | y << 14) ^ y >>> 3;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16] | 0;
      }
      let a = state[0];
      let b = state[1];
      let c = state[2];
      let d = state[3];
      let e = state[4];
      let f = state[5];
      let g = state[6];
      let h = state[7];
      for (let t = 0; t < 64; t += 8) {
        h = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + k[t + 0] + w[t + 0] | 0;
        d = d + h | 0;
        h = h + ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
        g = g + ((d >>> 6 | d << 26) ^ (d >>> 11 | d << 21) ^ (d >>> 25 | d << 7)) + (d & e ^ ~d & f) + k[t + 1] + w[t + 1] | 0;
        c = c + g | 0;
        g = g + ((h >>> 2 | h << 30) ^ (h >>> 13 | h << 19) ^ (h >>> 22 | h << 10)) + (h & a ^ h & b ^ a & b) | 0;
        f = f + ((c >>> 6 | c << 26) ^ (c >>> 11 | c << 21) ^ (c >>> 25 | c << 7)) + (c & d ^ ~c & e) + k[t + 2] + w[t + 2] | 0;
        b = b + f | 0;
        f = f + ((g >>> 2 | g << 30) ^ (g >>> 13 | g << 19) ^ (g >>> 22 | g << 10)) + (g & h ^ g & a ^ h & a) | 0;
        e = e + ((b >>> 6 | b << 26) ^ (b >>> 11 | b << 21) ^ (b >>> 25 | b << 7)) + (b & c ^ ~b & d) + k[t + 3] + w[t + 3] | 0;
        a = a + e | 0;
        e = e + ((f >>> 2 | f << 30) ^ (f >>> 13 | f << 19) ^ (f >>> 22 | f << 10)) + (f & g ^ f & h ^ g & h) | 0;
        d = d + ((a >>> 6 | a << 26) ^ (a >>> 11 | a << 21) ^ (a >>> 25 | a << 7)) + (a & b ^ ~a & c) + k[t + 4] + w[t + 4] | 0;
        h = h + d | 0;
        d = d + ((e >>> 2 | e << 30) ^ (e >>> 13 | e << 19) ^ (e >>> 22 | e << 10)) + (e & f ^ e & g ^ f & g) | 0;
        c = c + ((h >>> 6 | h << 26) ^ (h >>> 11 | h << 21) ^ (h >>> 25 | h << 7)) + (h & a ^ ~h & b) + k[t + 5] + w[t + 5] | 0;
        g = g + c | 0;
        c = c + ((d >>> 2 | d << 30) ^ (d >>> 13 | d << 19) ^ (d >>> 22 | d << 10)) + (d & e ^ d & f ^ e & f) | 0;
        b = b + ((g >>> 6 | g << 26) ^ (g >>> 11 | g << 21) ^ (g >>> 25 | g << 7)) + (g & h ^ ~g & a) + k[t + 6] + w[t + 6] | 0;
        f = f + b | 0;
        b = b + ((c >>> 2 | c << 30) ^ (c >>> 13 | c << 19) ^ (c >>> 22 | c << 10)) + (c & d ^ c & e ^ d & e) | 0;
        a = a + ((f >>> 6 | f << 26) ^ (f >>> 11 | f << 21) ^ (f >>> 25 | f << 7)) + (f & g ^ ~f & h) + k[t + 7] + w[t + 7] | 0;
        e = e + a | 0;
        a = a + ((b >>> 2 | b << 30) ^ (b >>> 13 | b << 19) ^ (b >>> 22 | b << 10)) + (b & c ^ b & d ^ c & d) | 0;
      }
      state[0] = state[0] + a | 0;
      state[1] = state[1] + b | 0;
      state[2] = state[2] + c | 0;
      state[3] = state[3] + d | 0;
      state[4] = state[4] + e | 0;
      state[5] = state[5] + f | 0;
      state[6] = state[6] + g | 0;
      state[7] = state[7] + h | 0;
    }
  }
  var TAIL = new Uint8Array(128);
  function finish(state, rest, length) {
    const blocks = rest.length < 56 ? 1 : 2;
    TAIL.fill(0);
    TAIL.set(rest);
    TAIL[rest.length] = 128;
    const end = blocks * 64;
    const high = Math.floor(length / 536870912);
    const low = length << 3 >>> 0;
    for (let i = 0; i < 4; i++) {
      TAIL[end - 8 + i] = high >>> 24 - 8 * i & 255;
      TAIL[end - 4 + i] = low >>> 24 - 8 * i & 255;
    }
    compress(state, TAIL, 0, blocks);
    const out = new Uint8Array(32);
    for (let i = 0; i < 32; i++) out[i] = state[i >> 2] >>> 24 - 8 * (i & 3) & 255;
    return out;
  }
  function sha256(data) {
    const state = START.slice();
    const whole = data.length >> 6;
    compress(state, data, 0, whole);
    return finish(state, data.subarray(whole << 6), data.length);
  }
  function sha256Hex(data) {
    return hex(sha256(data));
  }
  var Sha256 = class {
    state = START.slice();
    rest = new Uint8Array(64);
    held = 0;
    length = 0;
    update(data) {
      let at = 0;
      this.length += data.length;
      if (this.held > 0) {
        at = Math.min(64 - this.held, data.length);
        this.rest.set(data.subarray(0, at), this.held);
        this.held += at;
        if (this.held < 64) return;
        compress(this.state, this.rest, 0, 1);
      }
      const blocks = data.length - at >> 6;
      compress(this.state, data, at, blocks);
      at += blocks << 6;
      this.rest.set(data.subarray(at));
      this.held = data.length - at;
    }
    final() {
      return finish(this.state, this.rest.subarray(0, this.held), this.length);
    }
  };
  var portableHashing = { sha256, digest: () => new Sha256() };

  // ../ts/src/host.ts
  async function* portableInflate(source, offset, packed, limit) {
    const input = await source.read(offset, packed);
    if (input.length !== packed) throw new InflateError("the file ends inside a member");
    yield* inflate(input, limit);
  }
  var portableHost = { ...portableHashing, crc32, inflate: portableInflate };
  function memorySource(bytes2) {
    return { size: bytes2.length, read: (offset, length) => bytes2.subarray(offset, offset + length) };
  }

  // ../ts/src/codes.ts
  var STAGES = [
    "S0 container",
    "S1 trust",
    "S2 statement",
    "S3 checkpoint",
    "S4 tree",
    "S5 record bytes",
    "S6 record meaning",
    "S7 keys over time",
    "S8 approvals",
    "S9 outside world"
  ];
  var BY_STAGE = [
    "E_ARCHIVE_FORMAT E_ARCHIVE_NAME E_ARCHIVE_DUP E_ARCHIVE_TYPE E_ARCHIVE_LIMIT E_MEMBER_UNLISTED E_MEMBER_MISSING",
    "E_TRUST_SIG E_TRUST_THRESHOLD E_TRUST_EXPIRED E_KEY_WEAK E_KEY_DUP E_KEY_ALG I_TRUST_MISSING",
    "E_DSSE_FORMAT E_DSSE_TYPE E_DSSE_SIG E_STMT_TYPE E_STMT_PREDICATE E_MEMBER_DIGEST I_VERSION",
    "E_CKPT_FORMAT E_CKPT_ORIGIN E_CKPT_SIG E_CKPT_EXT E_CKPT_SIZE E_KEY_NOT_VALID_AT_SIZE E_KEY_COMPROMISED",
    "E_FRONTIER E_TREE_SIZE E_ROOT E_CONSISTENCY E_PROOF_FORMAT",
    "E_UTF8 E_CANON E_NUM E_KEYNAME E_DEPTH E_SIZE E_DUP_KEY",
    "E_SCHEMA E_ORIGIN E_SEQ E_PREV E_TS_ROLLBACK E_TS_FUTURE E_MONO E_SRC_GAP E_AGGREGATE W_TYPE_UNKNOWN W_GAP_DECLARED W_CLOCK_STEP",
    "E_ROTATION_UNENDORSED E_ROTATION_POP E_DELEGATION_RANGE",
    "E_APPROVAL_MISSING E_APPROVAL_AMBIGUOUS E_APPROVAL_SIG E_APPROVAL_REUSED E_APPROVAL_APPROVER E_APPROVAL_SOD E_APPROVAL_PAYLOAD E_APPROVAL_ACTION E_APPROVAL_NOT_YET E_APPROVAL_EXPIRED E_APPROVAL_POLICY E_APPROVAL_NONCE E_APPROVAL_BINDING E_APPROVAL_MFA E_APPROVAL_QUORUM E_DISCLOSURE_DIGEST E_COMMITMENT W_ERASED W_PAYLOAD_RAW W_APPROVAL_OPERATOR_ASSERTED W_APPROVAL_GLOBAL_UNCHECKED",
    "E_WITNESS_SIG E_WITNESS_QUORUM E_TSA_SIG E_TSA_IMPRINT E_TSA_VALIDITY E_ANCHOR_MISMATCH E_SPLIT_VIEW E_ROLLBACK E_BUNDLE_GAP P_END_UNPROVEN P_TAIL_UNANCHORED W_WITNESS_SAME_ADMIN W_ANCHOR_OVERDUE I_PROFILE"
  ];
  var STAGE_OF = /* @__PURE__ */ new Map();
  for (const [stage, codes] of BY_STAGE.entries()) for (const code2 of codes.split(" ")) STAGE_OF.set(code2, stage);
  var CODES = [...STAGE_OF.keys()];
  function stageOf(code2) {
    const stage = STAGE_OF.get(code2);
    if (stage === void 0) throw new Error(`no such code: ${code2}`);
    return stage;
  }

  // ../ts/src/json.ts
  var MAX_BYTES = 65535;
  var MAX_DEPTH = 16;
  var CanonicalError = class extends Error {
    constructor(code2, detail) {
      super(`${code2}: ${detail}`);
      this.code = code2;
      this.detail = detail;
    }
    code;
    detail;
  };
  function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
  }
  function checkDef(raw, limit = MAX_BYTES) {
    return check(raw, limit, true);
  }
  function checkStrict(raw, limit) {
    return check(raw, limit, false);
  }
  function check(raw, limit, named) {
    if (raw.length > limit) throw new CanonicalError("E_SIZE", `${raw.length} bytes, at most ${limit}`);
    const text = fromUtf8(raw);
    if (text === null) throw new CanonicalError("E_UTF8", "not UTF-8");
    if (depthOf(text) > MAX_DEPTH) throw new CanonicalError("E_DEPTH", `more than ${MAX_DEPTH} levels`);
    const reader = new Reader(text, named, true);
    const value = reader.document();
    if (reader.loneSurrogate) throw new CanonicalError("E_UTF8", "half of a surrogate pair");
    if (encodeText(value) !== text) throw new CanonicalError("E_CANON", "not in canonical form");
    return value;
  }
  function readWebObject(raw) {
    const text = fromUtf8(raw);
    if (text === null || depthOf(text) > MAX_DEPTH) return null;
    const reader = new Reader(text, false, false);
    try {
      const value = reader.document();
      return isObject(value) && !reader.loneSurrogate ? value : null;
    } catch (error) {
      if (error instanceof CanonicalError) return null;
      throw error;
    }
  }
  function encodeText(value) {
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value !== "object" || value === null) return String(value);
    if (Array.isArray(value)) return `[${value.map(encodeText).join(",")}]`;
    const keys = Object.keys(value).sort(compareText);
    return `{${keys.map((key) => `${JSON.stringify(key)}:${encodeText(value[key])}`).join(",")}}`;
  }
  function encode(value) {
    return utf8(encodeText(value));
  }
  function depthOf(text) {
    let depth = 0;
    let deepest = 0;
    let quoted = false;
    for (let at = 0; at < text.length; at++) {
      const char = text.charCodeAt(at);
      if (quoted) {
        if (char === 92) at++;
        else if (char === 34) quoted = false;
      } else if (char === 34) quoted = true;
      else if (char === 91 || char === 123) deepest = Math.max(deepest, ++depth);
      else if (char === 93 || char === 125) depth--;
    }
    return deepest;
  }
  var KEY = /^[a-z0-9_]{1,64}$/;
  var NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
  var PLAIN = /[^"\\\u0000-\u001f]*/y;
  var HEX4 = /[0-9a-fA-F]{4}/y;
  var SPACE = /[ \t\n\r]*/y;
  var ESCAPES = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    b: "\b",
    f: "\f",
    n: "\n",
    r: "\r",
    t: "	"
  };
  var Reader = class {
    constructor(text, named, integers2) {
      this.text = text;
      this.named = named;
      this.integers = integers2;
    }
    text;
    named;
    integers;
    loneSurrogate = false;
    at = 0;
    document() {
      this.space();
      const value = this.value();
      this.space();
      if (this.at !== this.text.length) throw this.notJson();
      return value;
    }
    value() {
      const char = this.text[this.at];
      if (char === '"') return this.string();
      if (char === "{") return this.object();
      if (char === "[") return this.array();
      for (const [word, value] of WORDS) {
        if (this.text.startsWith(word, this.at)) {
          this.at += word.length;
          return value;
        }
      }
      return this.number();
    }
    number() {
      const found = this.match(NUMBER);
      if (found === null) throw this.notJson();
      if (!this.integers) return webNumber(found);
      if (found[1] !== void 0 || found[2] !== void 0) {
        throw new CanonicalError("E_NUM", "a number that is not an integer");
      }
      const value = Number(found[0]);
      if (found[0] === "-0" || found[0].length > 17 || !Number.isSafeInteger(value)) {
        throw new CanonicalError("E_NUM", "an integer beyond 2^53-1, or -0");
      }
      return value;
    }
    array() {
      const items = [];
      this.at++;
      this.space();
      if (this.take("]")) return items;
      for (; ; ) {
        items.push(this.value());
        this.space();
        if (this.take("]")) return items;
        this.need(",");
        this.space();
      }
    }
    /** Keys are judged when the object ends, pair by pair. */
    object() {
      const pairs = [];
      this.at++;
      this.space();
      if (!this.take("}")) {
        for (; ; ) {
          if (this.text[this.at] !== '"') throw this.notJson();
          const key = this.string();
          this.space();
          this.need(":");
          this.space();
          pairs.push([key, this.value()]);
          this.space();
          if (this.take("}")) break;
          this.need(",");
          this.space();
        }
      }
      const found = record();
      for (const [key, value] of pairs) {
        if (key in found) throw new CanonicalError("E_DUP_KEY", "an object has the same key twice");
        if (this.named && !KEY.test(key)) throw new CanonicalError("E_KEYNAME", "a key is not [a-z0-9_]{1,64}");
        found[key] = value;
      }
      return found;
    }
    string() {
      let value = "";
      let escaped = false;
      this.at++;
      for (; ; ) {
        value += this.match(PLAIN)[0];
        const char = this.text[this.at++];
        if (char === '"') break;
        if (char !== "\\") throw this.notJson();
        escaped = true;
        value += this.escape();
      }
      if (escaped && hasLoneSurrogate(value)) this.loneSurrogate = true;
      return value;
    }
    escape() {
      const char = this.text[this.at++];
      if (char === "u") {
        const digits = this.match(HEX4);
        if (digits === null) throw this.notJson();
        return String.fromCharCode(parseInt(digits[0], 16));
      }
      const plain = char === void 0 ? void 0 : ESCAPES[char];
      if (plain === void 0) throw this.notJson();
      return plain;
    }
    match(pattern) {
      pattern.lastIndex = this.at;
      const found = pattern.exec(this.text);
      if (found !== null) this.at += found[0].length;
      return found;
    }
    space() {
      this.match(SPACE);
    }
    take(char) {
      if (this.text[this.at] !== char) return false;
      this.at++;
      return true;
    }
    need(char) {
      if (!this.take(char)) throw this.notJson();
    }
    notJson() {
      return new CanonicalError("E_CANON", `not JSON at character ${this.at}`);
    }
  };
  function webNumber(found) {
    const value = Number(found[0]);
    return found[1] === void 0 && found[2] === void 0 && Number.isSafeInteger(value) ? value : NaN;
  }
  var WORDS = [
    ["null", null],
    ["true", true],
    ["false", false]
  ];
  function hasLoneSurrogate(text) {
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit < 55296 || unit > 57343) continue;
      const next = text.charCodeAt(at + 1);
      if (unit > 56319 || !(next >= 56320 && next <= 57343)) return true;
      at++;
    }
    return false;
  }

  // ../ts/src/report.ts
  var REPORT = "def-verify/0";
  var MAX_PLACES = 16;
  var EXIT_CODES = { verified: 0, rejected: 1, prefix: 3, indeterminate: 4 };
  function place(member = "", detail = "", seq = -1, at = -1) {
    return { member, seq, detail, at };
  }
  var Findings = class {
    found = /* @__PURE__ */ new Map();
    add(code2, where = place()) {
      stageOf(code2);
      let entry2 = this.found.get(code2);
      if (entry2 === void 0) this.found.set(code2, entry2 = { code: code2, count: 0, places: [] });
      entry2.count++;
      if (entry2.places.length < MAX_PLACES) entry2.places.push(where);
    }
    /** Take over what another collection holds. */
    merge(other) {
      for (const { code: code2, count, places } of other.found.values()) {
        for (const where of places) this.add(code2, where);
        this.found.get(code2).count += count - places.length;
      }
    }
  };
  function verdictOf(codes) {
    const kinds = new Set(Array.from(codes, (code2) => code2.slice(0, 2)));
    if (kinds.has("E_")) return "rejected";
    if (kinds.has("I_")) return "indeterminate";
    return kinds.has("P_") ? "prefix" : "verified";
  }
  function ordered(findings, ...kinds) {
    return [...findings.found.values()].filter(({ code: code2 }) => kinds.includes(code2.slice(0, 2))).sort((one, other) => {
      const stages = stageOf(one.code) - stageOf(other.code);
      return stages || one.places[0].seq - other.places[0].seq || compareText(one.code, other.code);
    });
  }
  var Report = class extends Findings {
    bundle = "";
    origin = "";
    start = 0;
    end = 0;
    level = "L2";
    anchoredEnd = 0;
    anchoredAt = "";
    exposure = 0;
    witnesses = [];
    approvals = { certificates: 0, consumed: 0, operator_asserted: 0, valid: 0 };
    erased = 0;
    disclosed = 0;
    skipped = /* @__PURE__ */ new Set();
    unreadable = /* @__PURE__ */ new Set();
    /** A refusal of the container: each code once for a member, however often the member is read. */
    addContainer(error) {
      const key = `${error.code} ${error.member}`;
      if (this.unreadable.has(key)) return;
      this.unreadable.add(key);
      this.add(error.code, place(error.member, error.detail, -1, error.at));
    }
    /** Whether any code of the kinds `E_` and `I_VERSION` of stages 0 to `last` was found. */
    hasErrorUpTo(last) {
      return [...this.found.keys()].some((code2) => code2 === "I_VERSION" || code2[0] === "E" && stageOf(code2) <= last);
    }
    get verdict() {
      return verdictOf(this.found.keys());
    }
    get exitCode() {
      return EXIT_CODES[this.verdict];
    }
    /** The report as a DEF-JSON value. */
    document() {
      const refusals = ordered(this, "E_", "I_", "P_").map(entry);
      const document2 = {
        report: REPORT,
        bundle: this.bundle,
        origin: this.origin,
        start: this.start,
        end: this.end,
        level: this.level,
        verdict: this.verdict,
        first: refusals.length > 0 ? refusals[0]["code"] : "",
        codes: refusals,
        warnings: ordered(this, "W_").map(entry),
        anchored_end: this.anchoredEnd,
        unanchored: Math.max(0, this.end - Math.max(this.anchoredEnd, this.start)),
        exposure_us: this.exposure,
        witnesses: [...this.witnesses].sort(compareText),
        approvals: { ...this.approvals },
        erased: this.erased,
        disclosed: this.disclosed,
        skipped: [...this.skipped].sort(compareText)
      };
      if (this.anchoredAt !== "") document2["anchored_at"] = this.anchoredAt;
      return document2;
    }
    toBytes() {
      return encode(this.document());
    }
  };
  function entry({ code: code2, count, places }) {
    const where = places[0];
    const found = record();
    found["code"] = code2;
    found["count"] = count;
    if (where.member !== "") found["member"] = where.member;
    if (where.seq >= 0) found["seq"] = where.seq;
    return found;
  }

  // ../ts/src/keys.ts
  var ED25519 = "ed25519";
  var P256 = "ecdsa-p256-sha256";
  var RSA = "rsa-pkcs1-sha256";
  var PlatformError = class extends Error {
  };
  var ED25519_SPKI = fromHex("302a300506032b6570032100");
  var P256_SPKI = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
  var RSA_ALGORITHM = fromHex("300d06092a864886f70d0101010500");
  var FIELD = 2n ** 255n - 19n;
  var SMALL_ORDER_Y = /* @__PURE__ */ new Set([
    0n,
    1n,
    FIELD - 1n,
    2707385501144840649318225287225658788936804267575313519463743609750303402022n,
    55188659117513257062467267217118295137698188065244968500265048394206261417927n
  ]);
  var P256_FIELD = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
  var P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
  var P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  function isKnown(algorithm) {
    return algorithm === ED25519 || algorithm === P256 || algorithm === RSA;
  }
  function spki(algorithm, key) {
    if (algorithm === ED25519) return concat([ED25519_SPKI, key]);
    return algorithm === P256 ? concat([P256_SPKI, key]) : key;
  }
  function keyId(algorithm, key) {
    return sha256Hex(spki(algorithm, key));
  }
  function isWeak(algorithm, key) {
    if (algorithm === ED25519) return isWeakPoint(key);
    if (algorithm === P256) return !isP256Point(key);
    return algorithm !== RSA || !isStrictRsa(key);
  }
  function isWeakPoint(point) {
    if (point.length !== 32) return true;
    const y = number(point.slice().reverse()) & 2n ** 255n - 1n;
    return y >= FIELD || SMALL_ORDER_Y.has(y);
  }
  function isP256Point(point) {
    if (point.length !== 65 || point[0] !== 4) return false;
    const x = number(point.subarray(1, 33));
    const y = number(point.subarray(33));
    return x < P256_FIELD && y < P256_FIELD && (y * y - (x * x * x - 3n * x + P256_B)) % P256_FIELD === 0n;
  }
  function isStrictRsa(key) {
    const outer = readDer(key, 48);
    if (outer === null || outer.rest.length > 0 || !equal(outer.value.subarray(0, 15), RSA_ALGORITHM)) return false;
    const bits = readDer(outer.value.subarray(15), 3);
    if (bits === null || bits.rest.length > 0 || bits.value[0] !== 0) return false;
    const pair = readDer(bits.value.subarray(1), 48);
    if (pair === null || pair.rest.length > 0) return false;
    const modulus = readDer(pair.value, 2);
    if (modulus === null || !isPositive(modulus.value)) return false;
    const exponent = readDer(modulus.rest, 2);
    if (exponent === null || exponent.rest.length > 0 || hex(exponent.value) !== "010001") return false;
    const size = number(modulus.value).toString(2).length;
    return size >= 2048 && size <= 8192;
  }
  function isPositive(value) {
    if (value.length === 0 || value[0] >= 128) return false;
    return value[0] !== 0 || value.length > 1 && value[1] >= 128;
  }
  function readDer(raw, tag) {
    if (raw.length < 2 || raw[0] !== tag) return null;
    let size = raw[1];
    let start = 2;
    if (size >= 128) {
      const wide = size - 128;
      if (wide < 1 || wide > 2 || raw.length < 2 + wide) return null;
      size = wide === 1 ? raw[2] : raw[2] << 8 | raw[3];
      if (size < (wide === 1 ? 128 : 256)) return null;
      start += wide;
    }
    if (raw.length < start + size) return null;
    return { value: raw.subarray(start, start + size), rest: raw.subarray(start + size) };
  }
  function number(raw) {
    return raw.length === 0 ? 0n : BigInt(`0x${hex(raw)}`);
  }
  function rawEcdsa(signature) {
    const outer = readDer(signature, 48);
    if (outer === null || outer.rest.length > 0) return null;
    const r = readDer(outer.value, 2);
    const s = r === null ? null : readDer(r.rest, 2);
    if (r === null || s === null || s.rest.length > 0) return null;
    const raw = new Uint8Array(64);
    for (const [at, part] of [[32, r.value], [64, s.value]]) {
      if (!isPositive(part) || number(part) >= P256_ORDER) return null;
      const digits = part[0] === 0 ? part.subarray(1) : part;
      raw.set(digits, at - digits.length);
    }
    return raw;
  }
  var imported = /* @__PURE__ */ new Map();
  var SCHEMES = {
    [ED25519]: { format: "raw", key: { name: "Ed25519" }, verify: { name: "Ed25519" } },
    [P256]: {
      format: "raw",
      key: { name: "ECDSA", namedCurve: "P-256" },
      verify: { name: "ECDSA", hash: "SHA-256" }
    },
    [RSA]: {
      format: "spki",
      key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
      verify: { name: "RSASSA-PKCS1-v1_5" }
    }
  };
  function buffer(raw) {
    return raw.slice().buffer;
  }
  function importKey(algorithm, key) {
    const name = `${algorithm} ${hex(key)}`;
    let found = imported.get(name);
    if (found === void 0) {
      const scheme = SCHEMES[algorithm];
      found = crypto.subtle.importKey(scheme.format, buffer(key), scheme.key, false, ["verify"]).then(
        (ready) => ready,
        () => null
      );
      if (imported.size > 4096) imported.clear();
      imported.set(name, found);
    }
    return found;
  }
  async function verifies(algorithm, key, signature, message) {
    if (!isKnown(algorithm)) return false;
    if (algorithm === P256) {
      const raw = rawEcdsa(signature);
      return raw !== null && verifiesRaw(algorithm, key, raw, message);
    }
    return verifiesRaw(algorithm, key, signature, message);
  }
  async function verifiesRaw(algorithm, key, signature, message) {
    if (algorithm !== RSA && signature.length !== 64) return false;
    if (algorithm === ED25519 && isWeakPoint(signature.subarray(0, 32))) return false;
    if (isWeak(algorithm, key)) return false;
    const ready = await importKey(algorithm, key);
    if (ready === null) return false;
    return crypto.subtle.verify(SCHEMES[algorithm].verify, ready, buffer(signature), buffer(message));
  }
  function hmacSha256(key, message) {
    const pad = (fill) => {
      const block = new Uint8Array(64).fill(fill);
      for (let at = 0; at < key.length; at++) block[at] ^= key[at];
      return block;
    };
    return sha256(concat([pad(92), sha256(concat([pad(54), message]))]));
  }
  async function requirePlatform() {
    if (globalThis.crypto?.subtle === void 0) {
      throw new PlatformError(
        "This page has no WebCrypto, so no signature can be checked. Open it from a file or over HTTPS, in a current browser."
      );
    }
    const key = fromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    const signature = fromHex(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
    if (!await verifies(ED25519, key, signature, new Uint8Array(0))) {
      throw new PlatformError(
        "This browser's WebCrypto has no Ed25519, so no signature can be checked. Use a current browser, or clyra verify."
      );
    }
  }

  // ../ts/src/bindings.ts
  var WEBAUTHN = "webauthn";
  var OIDC = "oidc_nonce";
  var SESSION = "session";
  var TOKEN_SKEW_S = 60;
  var HEAD_BYTES = 37;
  var USER_PRESENT = 1;
  var USER_VERIFIED = 4;
  var ATTESTED = 64;
  var EXTENSIONS = 128;
  var ORIGIN = /^(?:https:\/\/([a-z0-9.-]{1,253})(?::[0-9]{1,5})?|http:\/\/(localhost)(?::[0-9]{1,5})?)$/;
  var JWS_ALGORITHMS = {
    [ED25519]: ["EdDSA", "Ed25519"],
    [P256]: ["ES256"],
    [RSA]: ["RS256"]
  };
  var BindingError = class extends Error {
  };
  function demand(good, detail) {
    if (!good) throw new BindingError(detail);
  }
  function decode(text) {
    const raw = fromBase64url(text);
    demand(raw !== null, "base64url is not canonical");
    return raw;
  }
  function object(text) {
    const found = readWebObject(decode(text));
    demand(found !== null, "not a plain JSON object");
    return found;
  }
  function parts(token) {
    const found = token.split(".");
    demand(found.length === 3, "not a compact JWS");
    return found;
  }
  function challengeOf({ challenge, payload }) {
    return base64url(sha256(concat([utf8(`clyra-appr/0${challenge.nonce}`), fromHex(payload.sha256)])));
  }
  function checkChallenge(binding, approval) {
    if (binding.kind === SESSION) return true;
    let answered;
    try {
      answered = binding.kind === WEBAUTHN ? object(binding.client_data)["challenge"] : object(parts(binding.id_token)[1])["nonce"];
    } catch (error) {
      if (error instanceof BindingError) return true;
      throw error;
    }
    return typeof answered !== "string" || answered === challengeOf(approval);
  }
  async function prove(binding, approval, key) {
    if (binding.kind === SESSION) return { kind: SESSION, userVerified: false, methods: [] };
    demand(key !== null, "its key is not trusted");
    return binding.kind === WEBAUTHN ? proveAssertion(binding, key) : proveToken(binding, approval, key);
  }
  async function proveAssertion(binding, key) {
    const raw = decode(binding.client_data);
    const data = decode(binding.authenticator_data);
    const client = object(binding.client_data);
    const { rpId } = key.about;
    demand(client["type"] === "webauthn.get", "not an assertion");
    demand(typeof client["challenge"] === "string", "no challenge");
    demand(!("crossOrigin" in client) || client["crossOrigin"] === false, "made inside a foreign page");
    demand(isOriginOf(client["origin"], rpId), "made for another site");
    demand(data.length >= HEAD_BYTES && equal(data.subarray(0, 32), sha256(utf8(rpId))), "another relying party");
    const flags = data[32];
    demand((flags & USER_PRESENT) !== 0, "nobody was present");
    demand(data.length === HEAD_BYTES || (flags & (ATTESTED | EXTENSIONS)) !== 0, "data of wrong length");
    const message = concat([data, sha256(raw)]);
    demand(await key.verifies(decode(binding.signature), message), "the assertion is not signed by its key");
    return { kind: WEBAUTHN, userVerified: (flags & USER_VERIFIED) !== 0, methods: [] };
  }
  function isOriginOf(origin, rpId) {
    const match = typeof origin === "string" ? ORIGIN.exec(origin) : null;
    const host = match?.[1] ?? match?.[2];
    return host !== void 0 && rpId !== "" && (host === rpId || host.endsWith(`.${rpId}`));
  }
  async function proveToken(binding, approval, key) {
    const [head, body2, tail] = parts(binding.id_token);
    const header = object(head);
    const claims = object(body2);
    demand(JWS_ALGORITHMS[key.alg].includes(header["alg"]) && !("crit" in header), "another JWS algorithm");
    demand(typeof claims["nonce"] === "string", "no nonce");
    checkClaims(claims, approval, fromHex(binding.subject_salt));
    const signed = await verifiesRaw(key.alg, key.key, decode(tail), utf8(`${head}.${body2}`));
    demand(signed, "the token is not signed by its key");
    return { kind: OIDC, userVerified: false, methods: claims["amr"] ?? [] };
  }
  function checkClaims(claims, { approver, challenge }, salt) {
    demand(claims["iss"] === approver.iss, "another issuer");
    const { sub, aud, iat, exp } = claims;
    const person = typeof sub === "string" ? hex(hmacSha256(salt, utf8(`${approver.iss}\0${sub}`))) : "";
    demand(person === approver.sub_c, "the token is about another person");
    const audience = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
    demand(audience === challenge.aud, "for another audience");
    demand(Number.isSafeInteger(iat) && Number.isSafeInteger(exp), "no times");
    const [issued, expires] = [iat, exp];
    const fresh = issued >= challenge.iat - TOKEN_SKEW_S && issued <= challenge.exp + TOKEN_SKEW_S;
    demand(fresh && expires >= issued, "issued outside the challenge's time");
    for (const name of ["auth_time", "acr", "amr"]) {
      if (name in claims) demand(isSame(claims[name], approver[name] ?? null), `the token has another ${name}`);
    }
  }
  function isSame(claimed, said) {
    if (!Array.isArray(said)) return claimed === said;
    return Array.isArray(claimed) && claimed.length === said.length && claimed.every((one, i) => one === said[i]);
  }

  // ../ts/src/dsse.ts
  var MAX_ENVELOPE = 16 << 20;
  var MAX_SIGNATURES = 16;
  var DsseError = class extends Error {
    constructor(code2, detail) {
      super(`${code2}: ${detail}`);
      this.code = code2;
      this.detail = detail;
    }
    code;
    detail;
  };
  var Envelope = class {
    constructor(payload, payloadType, signatures) {
      this.payload = payload;
      this.payloadType = payloadType;
      this.signatures = signatures;
    }
    payload;
    payloadType;
    signatures;
    /** Pre-authentication encoding: what is really signed. */
    get message() {
      const type = utf8(this.payloadType);
      return concat([utf8(`DSSEv1 ${type.length} `), type, utf8(` ${this.payload.length} `), this.payload]);
    }
    /** Key ids of `keys` with a valid signature here, in the order of the file. */
    async signers(keys) {
      const { message } = this;
      const found = [];
      for (const [name, value] of this.signatures) {
        if (await keys.get(name)?.verifies(value, message)) found.push(name);
      }
      return found;
    }
  };
  function malformed(detail) {
    return new DsseError("E_DSSE_FORMAT", detail);
  }
  function hasKeys(value, ...names) {
    return isObject(value) && Object.keys(value).length === names.length && names.every((name) => name in value);
  }
  function parseEnvelope(raw, payloadType) {
    if (raw.length > MAX_ENVELOPE) throw malformed("the envelope is too long");
    if (raw[raw.length - 1] !== 10) throw malformed("not in the compact form");
    try {
      return envelopeOf(checkStrict(raw.subarray(0, -1), MAX_ENVELOPE), payloadType);
    } catch (error) {
      if (error instanceof CanonicalError) throw malformed(error.detail);
      throw error;
    }
  }
  function envelopeOf(document2, payloadType) {
    if (!isObject(document2) || !hasKeys(document2, "payload", "payloadType", "signatures")) {
      throw malformed("not a DSSE envelope");
    }
    if (document2["payloadType"] !== payloadType) throw new DsseError("E_DSSE_TYPE", `not ${payloadType}`);
    const listed = document2["signatures"];
    if (!Array.isArray(listed) || listed.length < 1 || listed.length > MAX_SIGNATURES) {
      throw malformed("1 to 16 signatures expected");
    }
    return new Envelope(decode2(document2["payload"]), payloadType, listed.map(signatureOf));
  }
  function signatureOf(item) {
    if (!isObject(item) || !hasKeys(item, "keyid", "sig") || typeof item["keyid"] !== "string") {
      throw malformed("a signature has keyid and sig");
    }
    return [item["keyid"], decode2(item["sig"])];
  }
  function decode2(text) {
    const raw = typeof text === "string" ? fromBase64(text) : null;
    if (raw === null) throw malformed("bad base64");
    return raw;
  }

  // ../ts/src/schema.ts
  var ANNOTATIONS = /* @__PURE__ */ new Set(["$schema", "$id", "$comment", "title", "description", "$defs", "then", "else"]);
  function compileSchema(schema, root = schema) {
    if (typeof schema === "boolean") return () => schema;
    if (!isObject(schema)) throw new Error("a schema is an object or a boolean");
    const checks = [];
    for (const [keyword, argument] of Object.entries(schema)) {
      if (ANNOTATIONS.has(keyword)) continue;
      checks.push(compileKeyword(keyword, argument, schema, root));
    }
    return (value) => {
      for (const check3 of checks) if (!check3(value)) return false;
      return true;
    };
  }
  function compileKeyword(keyword, argument, schema, root) {
    const compile2 = (inner) => compileSchema(inner, root);
    const each = () => argument.map(compile2);
    switch (keyword) {
      case "type":
        return typeCheck(argument);
      case "const":
        return equals(argument);
      case "enum": {
        const known = new Set(argument.map(encodeText));
        return (value) => known.has(encodeText(value));
      }
      case "pattern": {
        const pattern = new RegExp(argument, "u");
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
        const item = compile2(argument);
        return (value) => !Array.isArray(value) || value.every(item);
      }
      case "required": {
        const names = argument;
        return (value) => !isObject(value) || names.every((name) => name in value);
      }
      case "properties": {
        const known = Object.entries(argument).map(([name, inner]) => [name, compile2(inner)]);
        return (value) => !isObject(value) || known.every(([name, check3]) => !(name in value) || check3(value[name]));
      }
      case "additionalProperties":
        return additional(argument, schema, compile2);
      case "minProperties":
        return (value) => !isObject(value) || Object.keys(value).length >= Number(argument);
      case "maxProperties":
        return (value) => !isObject(value) || Object.keys(value).length <= Number(argument);
      case "propertyNames": {
        const name = compile2(argument);
        return (value) => !isObject(value) || Object.keys(value).every(name);
      }
      case "allOf": {
        const all = each();
        return (value) => all.every((check3) => check3(value));
      }
      case "anyOf": {
        const any = each();
        return (value) => any.some((check3) => check3(value));
      }
      case "oneOf": {
        const one = each();
        return (value) => one.filter((check3) => check3(value)).length === 1;
      }
      case "not": {
        const refused = compile2(argument);
        return (value) => !refused(value);
      }
      case "if":
        return conditional(argument, schema, compile2);
      case "$ref":
        return reference(argument, root);
      default:
        throw new Error(`the schema keyword ${keyword} is not known here`);
    }
  }
  function onText(check3) {
    return (value) => typeof value !== "string" || check3(value);
  }
  function equals(wanted) {
    if (typeof wanted !== "object" || wanted === null) return (value) => value === wanted;
    const text = encodeText(wanted);
    return (value) => encodeText(value) === text;
  }
  function typeCheck(argument) {
    if (Array.isArray(argument)) {
      const any = argument.map(typeCheck);
      return (value) => any.some((check3) => check3(value));
    }
    switch (argument) {
      case "object":
        return isObject;
      case "array":
        return Array.isArray;
      case "integer":
      case "number":
        return (value) => typeof value === "number";
      // every number that gets here is an integer
      case "null":
        return (value) => value === null;
      case "string":
      case "boolean":
        return (value) => typeof value === argument;
      default:
        throw new Error(`the schema type ${encodeText(argument)} is not known here`);
    }
  }
  function additional(argument, schema, compile2) {
    const known = new Set(Object.keys(schema["properties"] ?? {}));
    const check3 = compile2(argument);
    return (value) => !isObject(value) || Object.keys(value).every((name) => known.has(name) || check3(value[name]));
  }
  function conditional(argument, schema, compile2) {
    const condition = compile2(argument);
    const then = compile2(schema["then"] ?? true);
    const otherwise = compile2(schema["else"] ?? true);
    return (value) => condition(value) ? then(value) : otherwise(value);
  }
  function reference(argument, root) {
    const path = String(argument).split("/");
    if (path.length !== 3 || path[0] !== "#" || path[1] !== "$defs") throw new Error(`cannot follow ${String(argument)}`);
    const target = root["$defs"]?.[path[2]];
    if (target === void 0) throw new Error(`nothing at ${String(argument)}`);
    let compiled2 = null;
    return (value) => (compiled2 ??= compileSchema(target, root))(value);
  }

  // ../ts/src/schemas.json
  var schemas_default = {
    envelope: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      additionalProperties: false,
      properties: {
        act: {
          additionalProperties: false,
          properties: {
            host: {
              maxLength: 300,
              minLength: 1,
              type: "string"
            },
            method: {
              maxLength: 32,
              minLength: 1,
              type: "string"
            },
            op: {
              maxLength: 64,
              minLength: 1,
              type: "string"
            },
            proto: {
              maxLength: 32,
              minLength: 1,
              type: "string"
            },
            rows: {
              minimum: 0,
              type: "integer"
            },
            target: {
              maxLength: 1024,
              type: "string"
            },
            tool: {
              maxLength: 256,
              type: "string"
            }
          },
          required: [
            "op",
            "proto",
            "method",
            "target"
          ],
          type: "object"
        },
        agent: {
          additionalProperties: false,
          properties: {
            auth: {
              enum: [
                "mtls",
                "oauth",
                "spiffe",
                "proxy",
                "process",
                "kubernetes",
                "header",
                "none"
              ]
            },
            instance_uid: {
              maxLength: 256,
              type: "string"
            },
            tenant: {
              maxLength: 256,
              type: "string"
            },
            uid: {
              maxLength: 256,
              minLength: 1,
              type: "string"
            },
            version: {
              maxLength: 64,
              type: "string"
            }
          },
          required: [
            "uid",
            "auth"
          ],
          type: "object"
        },
        appr: {
          additionalProperties: false,
          properties: {
            cert_sha256: {
              pattern: "^[0-9a-f]{64}$",
              type: "string"
            },
            id: {
              maxLength: 64,
              minLength: 1,
              type: "string"
            },
            state: {
              enum: [
                "requested",
                "granted",
                "denied",
                "consumed",
                "expired"
              ]
            }
          },
          required: [
            "id",
            "state"
          ],
          type: "object"
        },
        boot: {
          pattern: "^[0-9a-f]{8}$",
          type: "string"
        },
        claim: {
          additionalProperties: false,
          properties: {
            model: {
              maxLength: 128,
              type: "string"
            },
            reason: {
              maxLength: 512,
              type: "string"
            },
            session: {
              maxLength: 256,
              type: "string"
            },
            turn: {
              maxLength: 128,
              type: "string"
            }
          },
          required: [],
          type: "object"
        },
        data: {
          type: "object"
        },
        gov: {
          additionalProperties: false,
          properties: {
            acc: {
              additionalProperties: false,
              properties: {
                bp: {
                  maximum: 1e4,
                  minimum: 0,
                  type: "integer"
                },
                m: {
                  maxLength: 64,
                  type: "string"
                },
                n: {
                  minimum: 0,
                  type: "integer"
                }
              },
              required: [
                "bp",
                "m"
              ],
              type: "object"
            },
            ovs: {
              additionalProperties: false,
              properties: {
                mode: {
                  enum: [
                    "none",
                    "in_loop",
                    "on_loop",
                    "dual"
                  ]
                },
                n: {
                  minimum: 0,
                  type: "integer"
                },
                override: {
                  type: "boolean"
                }
              },
              required: [
                "mode"
              ],
              type: "object"
            },
            rel: {
              additionalProperties: false,
              properties: {
                bp: {
                  maximum: 1e4,
                  minimum: 0,
                  type: "integer"
                },
                m: {
                  maxLength: 64,
                  type: "string"
                },
                n: {
                  minimum: 0,
                  type: "integer"
                }
              },
              required: [
                "bp",
                "m"
              ],
              type: "object"
            },
            trn: {
              additionalProperties: false,
              properties: {
                bp: {
                  maximum: 1e4,
                  minimum: 0,
                  type: "integer"
                },
                m: {
                  maxLength: 64,
                  type: "string"
                },
                n: {
                  minimum: 0,
                  type: "integer"
                }
              },
              required: [
                "bp",
                "m"
              ],
              type: "object"
            }
          },
          required: [],
          type: "object"
        },
        io: {
          additionalProperties: false,
          properties: {
            req: {
              additionalProperties: false,
              properties: {
                c: {
                  pattern: "^[0-9a-f]{64}$",
                  type: "string"
                },
                len: {
                  minimum: 0,
                  type: "integer"
                },
                mt: {
                  maxLength: 128,
                  type: "string"
                }
              },
              required: [
                "len"
              ],
              type: "object"
            },
            res: {
              additionalProperties: false,
              properties: {
                c: {
                  pattern: "^[0-9a-f]{64}$",
                  type: "string"
                },
                len: {
                  minimum: 0,
                  type: "integer"
                },
                mt: {
                  maxLength: 128,
                  type: "string"
                },
                status: {
                  maximum: 999,
                  minimum: 0,
                  type: "integer"
                }
              },
              required: [
                "len"
              ],
              type: "object"
            }
          },
          required: [],
          type: "object"
        },
        mono_us: {
          minimum: 0,
          type: "integer"
        },
        origin: {
          maxLength: 200,
          minLength: 1,
          type: "string"
        },
        perf: {
          additionalProperties: false,
          properties: {
            bytes_in: {
              minimum: 0,
              type: "integer"
            },
            bytes_out: {
              minimum: 0,
              type: "integer"
            },
            eval_us: {
              minimum: 0,
              type: "integer"
            },
            proxy_us: {
              minimum: 0,
              type: "integer"
            },
            queue_us: {
              minimum: 0,
              type: "integer"
            },
            upstream_us: {
              minimum: 0,
              type: "integer"
            }
          },
          required: [],
          type: "object"
        },
        prev: {
          pattern: "^[0-9a-f]{64}$",
          type: "string"
        },
        refs: {
          items: {
            additionalProperties: false,
            properties: {
              rel: {
                enum: [
                  "answers",
                  "caused_by",
                  "retry_of",
                  "snapshot",
                  "supersedes"
                ]
              },
              seq: {
                minimum: 0,
                type: "integer"
              },
              sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              }
            },
            required: [
              "rel",
              "sha256"
            ],
            type: "object"
          },
          maxItems: 16,
          type: "array"
        },
        sd: {
          items: {
            pattern: "^[A-Za-z0-9_-]{43}$",
            type: "string"
          },
          maxItems: 64,
          type: "array"
        },
        sec: {
          additionalProperties: false,
          properties: {
            dlp_hits: {
              minimum: 0,
              type: "integer"
            },
            egress_class: {
              maxLength: 64,
              type: "string"
            },
            inj_bp: {
              maximum: 1e4,
              minimum: 0,
              type: "integer"
            },
            pii: {
              items: {
                maxLength: 64,
                type: "string"
              },
              maxItems: 32,
              type: "array"
            },
            taint: {
              maxLength: 64,
              type: "string"
            },
            tls: {
              maxLength: 32,
              type: "string"
            }
          },
          required: [],
          type: "object"
        },
        seq: {
          minimum: 0,
          type: "integer"
        },
        src: {
          additionalProperties: false,
          properties: {
            id: {
              pattern: "^[a-z0-9][a-z0-9._-]{0,63}$",
              type: "string"
            },
            mac: {
              pattern: "^[0-9a-f]{64}$",
              type: "string"
            },
            seq: {
              minimum: 1,
              type: "integer"
            }
          },
          required: [
            "id",
            "seq"
          ],
          type: "object"
        },
        trace: {
          additionalProperties: false,
          properties: {
            flags: {
              pattern: "^[0-9a-f]{2}$",
              type: "string"
            },
            parent_span_id: {
              pattern: "^[0-9a-f]{16}$",
              type: "string"
            },
            span_id: {
              pattern: "^[0-9a-f]{16}$",
              type: "string"
            },
            trace_id: {
              pattern: "^[0-9a-f]{32}$",
              type: "string"
            }
          },
          required: [
            "trace_id",
            "span_id",
            "flags"
          ],
          type: "object"
        },
        ts: {
          pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
          type: "string"
        },
        typ: {
          maxLength: 64,
          minLength: 1,
          type: "string"
        },
        v: {
          const: "def/0"
        },
        verdict: {
          additionalProperties: false,
          properties: {
            decision: {
              enum: [
                "allow",
                "deny",
                "modify",
                "require_approval",
                "observe"
              ]
            },
            engine: {
              maxLength: 64,
              minLength: 1,
              type: "string"
            },
            eval_us: {
              minimum: 0,
              type: "integer"
            },
            mode: {
              enum: [
                "enforce",
                "shadow"
              ]
            },
            policy_sha256: {
              pattern: "^[0-9a-f]{64}$",
              type: "string"
            },
            reason: {
              maxLength: 64,
              minLength: 1,
              type: "string"
            },
            rule: {
              maxLength: 128,
              type: "string"
            }
          },
          required: [
            "decision",
            "reason",
            "policy_sha256",
            "engine",
            "mode",
            "eval_us"
          ],
          type: "object"
        }
      },
      required: [
        "v",
        "typ",
        "origin",
        "seq",
        "prev",
        "ts",
        "boot",
        "mono_us",
        "src",
        "data"
      ],
      title: "Fields of every record",
      type: "object"
    },
    records: {
      "def.anchor": {
        title: "A checkpoint of this log was put where others keep it",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              kind: {
                enum: [
                  "warehouse",
                  "git",
                  "object"
                ]
              },
              location: {
                maxLength: 1024,
                minLength: 1,
                type: "string"
              },
              owner: {
                maxLength: 128,
                type: "string"
              },
              query_id: {
                maxLength: 256,
                type: "string"
              },
              receipt_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              root: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              size: {
                minimum: 1,
                type: "integer"
              },
              version: {
                maxLength: 256,
                type: "string"
              },
              written: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              }
            },
            required: [
              "kind",
              "size",
              "root",
              "location"
            ],
            type: "object"
          },
          typ: {
            const: "def.anchor"
          }
        }
      },
      "def.query": {
        title: "A statement that ran in a warehouse",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              bytes: {
                minimum: 0,
                type: "integer"
              },
              dataset: {
                maxLength: 256,
                type: "string"
              },
              dbt_node: {
                maxLength: 512,
                type: "string"
              },
              dialect: {
                maxLength: 32,
                type: "string"
              },
              error: {
                maxLength: 256,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              job: {
                maxLength: 256,
                type: "string"
              },
              kind: {
                enum: [
                  "select",
                  "insert",
                  "update",
                  "delete",
                  "merge",
                  "ddl",
                  "grant",
                  "copy",
                  "call",
                  "multiple",
                  "opaque",
                  "other"
                ]
              },
              platform: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              query_id: {
                maxLength: 256,
                minLength: 1,
                type: "string"
              },
              reads: {
                items: {
                  maxLength: 256,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 32,
                type: "array"
              },
              result: {
                enum: [
                  "completed",
                  "failed",
                  "cancelled",
                  "unknown"
                ]
              },
              result_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              role: {
                maxLength: 128,
                type: "string"
              },
              rows: {
                minimum: 0,
                type: "integer"
              },
              run: {
                maxLength: 128,
                type: "string"
              },
              started: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              },
              statement_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              tag_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              took_us: {
                minimum: 0,
                type: "integer"
              },
              warehouse: {
                maxLength: 128,
                type: "string"
              },
              writes: {
                items: {
                  maxLength: 256,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 32,
                type: "array"
              }
            },
            required: [
              "platform",
              "query_id",
              "kind"
            ],
            type: "object"
          },
          typ: {
            const: "def.query"
          }
        }
      },
      "def.schema": {
        title: "The shape of a table, seen or changed",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              change: {
                enum: [
                  "seen",
                  "created",
                  "changed",
                  "dropped",
                  "locked",
                  "unlocked"
                ]
              },
              changes: {
                items: {
                  additionalProperties: false,
                  properties: {
                    breaking: {
                      type: "boolean"
                    },
                    kind: {
                      enum: [
                        "added",
                        "removed",
                        "type",
                        "nullable",
                        "renamed",
                        "key",
                        "other"
                      ]
                    },
                    path: {
                      maxLength: 512,
                      minLength: 1,
                      type: "string"
                    }
                  },
                  required: [
                    "path",
                    "kind"
                  ],
                  type: "object"
                },
                maxItems: 64,
                type: "array"
              },
              changes_total: {
                minimum: 0,
                type: "integer"
              },
              columns: {
                minimum: 0,
                type: "integer"
              },
              dataset: {
                maxLength: 256,
                type: "string"
              },
              dbt_node: {
                maxLength: 512,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              job: {
                maxLength: 256,
                type: "string"
              },
              lock_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              platform: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              previous_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              query_id: {
                maxLength: 256,
                type: "string"
              },
              run: {
                maxLength: 128,
                type: "string"
              },
              schema_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              table: {
                maxLength: 256,
                minLength: 1,
                type: "string"
              }
            },
            required: [
              "platform",
              "table",
              "change",
              "schema_sha256"
            ],
            type: "object"
          },
          typ: {
            const: "def.schema"
          }
        }
      },
      "def.snapshot": {
        allOf: [
          {
            if: {
              properties: {
                data: {
                  required: [
                    "rows_root"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "c14n",
                    "salt_key"
                  ]
                }
              }
            }
          }
        ],
        title: "A version of a table, and a commitment to its rows",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              base_id: {
                maxLength: 256,
                type: "string"
              },
              c14n: {
                const: "row/0"
              },
              coverage: {
                enum: [
                  "full",
                  "incremental",
                  "sample"
                ]
              },
              dataset: {
                maxLength: 256,
                type: "string"
              },
              dbt_node: {
                maxLength: 512,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              job: {
                maxLength: 256,
                type: "string"
              },
              platform: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              query_id: {
                maxLength: 256,
                type: "string"
              },
              row_count: {
                minimum: 0,
                type: "integer"
              },
              rows_root: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              run: {
                maxLength: 128,
                type: "string"
              },
              salt_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              schema_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              snapshot_id: {
                maxLength: 256,
                minLength: 1,
                type: "string"
              },
              table: {
                maxLength: 256,
                minLength: 1,
                type: "string"
              },
              taken: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              }
            },
            required: [
              "platform",
              "table",
              "snapshot_id",
              "schema_sha256",
              "row_count"
            ],
            type: "object"
          },
          typ: {
            const: "def.snapshot"
          }
        }
      },
      "def.write": {
        title: "Rows of a table changed",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              after_id: {
                maxLength: 256,
                type: "string"
              },
              before_id: {
                maxLength: 256,
                type: "string"
              },
              dataset: {
                maxLength: 256,
                type: "string"
              },
              dbt_node: {
                maxLength: 512,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              job: {
                maxLength: 256,
                type: "string"
              },
              keys_root: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              operation: {
                enum: [
                  "insert",
                  "update",
                  "upsert",
                  "delete",
                  "merge",
                  "truncate",
                  "replace",
                  "copy",
                  "other"
                ]
              },
              platform: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              query_id: {
                maxLength: 256,
                type: "string"
              },
              result: {
                enum: [
                  "completed",
                  "failed",
                  "partial",
                  "unknown"
                ]
              },
              rows: {
                minimum: 0,
                type: "integer"
              },
              run: {
                maxLength: 128,
                type: "string"
              },
              salt_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              table: {
                maxLength: 256,
                minLength: 1,
                type: "string"
              }
            },
            required: [
              "platform",
              "table",
              "operation"
            ],
            type: "object"
          },
          typ: {
            const: "def.write"
          }
        }
      },
      "pef.approval.consume": {
        allOf: [
          {
            properties: {
              appr: {
                properties: {
                  state: {
                    const: "consumed"
                  }
                },
                required: [
                  "cert_sha256"
                ]
              }
            },
            required: [
              "appr",
              "agent",
              "act",
              "verdict"
            ]
          }
        ],
        title: "An approval is used up, before the call it allows is released",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              certificates: {
                items: {
                  pattern: "^[0-9a-f]{64}$",
                  type: "string"
                },
                maxItems: 16,
                minItems: 1,
                type: "array"
              },
              deployer_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              group: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              payload_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              requester_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              token_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              }
            },
            required: [
              "payload_sha256"
            ],
            type: "object"
          },
          typ: {
            const: "pef.approval.consume"
          }
        }
      },
      "pef.approval.deny": {
        allOf: [
          {
            properties: {
              appr: {
                properties: {
                  state: {
                    const: "denied"
                  }
                }
              }
            },
            required: [
              "appr"
            ]
          }
        ],
        title: "A person refused a request",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              acr: {
                maxLength: 128,
                type: "string"
              },
              amr: {
                items: {
                  maxLength: 32,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 16,
                type: "array"
              },
              approver_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              binding: {
                items: {
                  enum: [
                    "webauthn",
                    "oidc_nonce",
                    "session"
                  ]
                },
                maxItems: 3,
                type: "array"
              },
              comment_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              delegated_from_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              domain: {
                maxLength: 253,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              group: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              have: {
                maximum: 16,
                minimum: 0,
                type: "integer"
              },
              iss: {
                maxLength: 256,
                type: "string"
              },
              mfa: {
                type: "boolean"
              },
              need: {
                maximum: 16,
                minimum: 1,
                type: "integer"
              },
              payload_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              phishing_resistant: {
                type: "boolean"
              },
              reason: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              waited_ms: {
                minimum: 0,
                type: "integer"
              }
            },
            required: [
              "payload_sha256",
              "reason"
            ],
            type: "object"
          },
          typ: {
            const: "pef.approval.deny"
          }
        }
      },
      "pef.approval.expire": {
        allOf: [
          {
            properties: {
              appr: {
                properties: {
                  state: {
                    const: "expired"
                  }
                }
              }
            },
            required: [
              "appr"
            ]
          }
        ],
        title: "A request or an approval ended without being used",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              certificates: {
                items: {
                  pattern: "^[0-9a-f]{64}$",
                  type: "string"
                },
                maxItems: 16,
                minItems: 1,
                type: "array"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              payload_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              reason: {
                enum: [
                  "expired",
                  "superseded",
                  "unreachable",
                  "cancelled",
                  "policy_changed"
                ]
              },
              superseded_by: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              waited_ms: {
                minimum: 0,
                type: "integer"
              }
            },
            required: [
              "reason"
            ],
            type: "object"
          },
          typ: {
            const: "pef.approval.expire"
          }
        }
      },
      "pef.approval.grant": {
        allOf: [
          {
            properties: {
              appr: {
                properties: {
                  state: {
                    const: "granted"
                  }
                },
                required: [
                  "cert_sha256"
                ]
              }
            },
            required: [
              "appr"
            ]
          }
        ],
        title: "A person approved exactly one payload",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              acr: {
                maxLength: 128,
                type: "string"
              },
              amr: {
                items: {
                  maxLength: 32,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 16,
                type: "array"
              },
              approver_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              binding: {
                items: {
                  enum: [
                    "webauthn",
                    "oidc_nonce",
                    "session"
                  ]
                },
                maxItems: 3,
                minItems: 1,
                type: "array"
              },
              delegated_from_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              domain: {
                maxLength: 253,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              expires: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              },
              group: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              have: {
                maximum: 16,
                minimum: 0,
                type: "integer"
              },
              iss: {
                maxLength: 256,
                type: "string"
              },
              mfa: {
                type: "boolean"
              },
              need: {
                maximum: 16,
                minimum: 1,
                type: "integer"
              },
              payload_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              phishing_resistant: {
                type: "boolean"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              waited_ms: {
                minimum: 0,
                type: "integer"
              }
            },
            required: [
              "payload_sha256",
              "approver_c",
              "binding"
            ],
            type: "object"
          },
          typ: {
            const: "pef.approval.grant"
          }
        }
      },
      "pef.approval.request": {
        allOf: [
          {
            properties: {
              appr: {
                properties: {
                  state: {
                    const: "requested"
                  }
                }
              }
            },
            required: [
              "appr",
              "agent",
              "act",
              "verdict"
            ]
          }
        ],
        title: "A request waits for a person: the approval packet",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              action_class: {
                enum: [
                  "A",
                  "B",
                  "C"
                ]
              },
              amount: {
                additionalProperties: false,
                properties: {
                  currency: {
                    pattern: "^[A-Z]{3}$",
                    type: "string"
                  },
                  value: {
                    pattern: "^[0-9]{1,24}([.][0-9]{1,9})?$",
                    type: "string"
                  }
                },
                required: [
                  "value",
                  "currency"
                ],
                type: "object"
              },
              challenge_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              deadline: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              },
              escalation: {
                minimum: 0,
                type: "integer"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              group: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              notified: {
                items: {
                  enum: [
                    "webhook",
                    "slack",
                    "email",
                    "page",
                    "cli"
                  ]
                },
                maxItems: 5,
                type: "array"
              },
              payload: {
                additionalProperties: false,
                properties: {
                  c14n: {
                    enum: [
                      "jcs",
                      "raw"
                    ]
                  },
                  display_sha256: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  len: {
                    minimum: 0,
                    type: "integer"
                  },
                  sha256: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  }
                },
                required: [
                  "sha256",
                  "c14n"
                ],
                type: "object"
              },
              quorum: {
                additionalProperties: false,
                properties: {
                  need: {
                    maximum: 16,
                    minimum: 1,
                    type: "integer"
                  },
                  of: {
                    maximum: 1024,
                    minimum: 1,
                    type: "integer"
                  },
                  role: {
                    maxLength: 64,
                    type: "string"
                  }
                },
                required: [
                  "need",
                  "of"
                ],
                type: "object"
              },
              replaces: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              requester_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              risks: {
                items: {
                  additionalProperties: false,
                  properties: {
                    bp: {
                      maximum: 1e4,
                      minimum: 0,
                      type: "integer"
                    },
                    reason: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    rule: {
                      maxLength: 128,
                      minLength: 1,
                      type: "string"
                    }
                  },
                  required: [
                    "rule",
                    "reason"
                  ],
                  type: "object"
                },
                maxItems: 32,
                type: "array"
              },
              risks_total: {
                minimum: 0,
                type: "integer"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              summary_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              wait: {
                enum: [
                  "inline",
                  "deferred"
                ]
              }
            },
            required: [
              "action_class",
              "payload",
              "deadline",
              "quorum"
            ],
            type: "object"
          },
          typ: {
            const: "pef.approval.request"
          }
        }
      },
      "pef.bypass": {
        title: "Checks were suspended, or came back",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              actor: {
                maxLength: 128,
                type: "string"
              },
              actor_auth: {
                maxLength: 32,
                type: "string"
              },
              actor_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              approver_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              bypass: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              change: {
                enum: [
                  "begin",
                  "extend",
                  "end",
                  "expired"
                ]
              },
              channel: {
                enum: [
                  "cli",
                  "signal",
                  "file",
                  "api",
                  "page",
                  "policy",
                  "automatic"
                ]
              },
              checks: {
                items: {
                  maxLength: 64,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 64,
                minItems: 1,
                type: "array"
              },
              passed: {
                minimum: 0,
                type: "integer"
              },
              reason: {
                maxLength: 512,
                minLength: 1,
                type: "string"
              },
              scope: {
                enum: [
                  "global",
                  "tenant",
                  "agent",
                  "destination",
                  "tool"
                ]
              },
              target: {
                maxLength: 256,
                type: "string"
              },
              until: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              }
            },
            required: [
              "bypass",
              "change",
              "checks",
              "reason",
              "until"
            ],
            type: "object"
          },
          typ: {
            const: "pef.bypass"
          }
        }
      },
      "pef.contradiction": {
        title: "Rules of a policy that cannot all mean what they say",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              actor: {
                maxLength: 128,
                type: "string"
              },
              actor_auth: {
                maxLength: 32,
                type: "string"
              },
              actor_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              channel: {
                enum: [
                  "cli",
                  "signal",
                  "file",
                  "api",
                  "page",
                  "policy",
                  "automatic"
                ]
              },
              contradiction: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              found_by: {
                enum: [
                  "check",
                  "reload",
                  "review",
                  "pipeline"
                ]
              },
              kind: {
                enum: [
                  "contradicts",
                  "shadows",
                  "never_matches",
                  "unreachable",
                  "no_approver",
                  "breaks_enforced",
                  "schema_disagrees"
                ]
              },
              policy_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              reason: {
                maxLength: 512,
                type: "string"
              },
              rules: {
                items: {
                  maxLength: 128,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 16,
                minItems: 1,
                type: "array"
              },
              severity: {
                enum: [
                  "info",
                  "warning",
                  "error"
                ]
              },
              state: {
                enum: [
                  "open",
                  "accepted",
                  "resolved"
                ]
              },
              witness: {
                additionalProperties: false,
                properties: {
                  agent: {
                    maxLength: 256,
                    type: "string"
                  },
                  host: {
                    maxLength: 300,
                    type: "string"
                  },
                  method: {
                    maxLength: 32,
                    minLength: 1,
                    type: "string"
                  },
                  target: {
                    maxLength: 1024,
                    type: "string"
                  }
                },
                required: [
                  "method",
                  "target"
                ],
                type: "object"
              },
              witness_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              }
            },
            required: [
              "policy_sha256",
              "kind",
              "rules",
              "severity",
              "state"
            ],
            type: "object"
          },
          typ: {
            const: "pef.contradiction"
          }
        }
      },
      "pef.halt": {
        allOf: [
          {
            if: {
              properties: {
                data: {
                  properties: {
                    cause: {
                      const: "manual"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "reason"
                  ]
                }
              }
            }
          }
        ],
        title: "The kill switch changed",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              actor: {
                maxLength: 128,
                type: "string"
              },
              actor_auth: {
                maxLength: 32,
                type: "string"
              },
              actor_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              cause: {
                enum: [
                  "manual",
                  "data",
                  "genai",
                  "errors",
                  "upstream",
                  "recorder",
                  "recovery",
                  "expiry"
                ]
              },
              change: {
                enum: [
                  "halt",
                  "resume",
                  "probe",
                  "extend",
                  "override"
                ]
              },
              channel: {
                enum: [
                  "cli",
                  "signal",
                  "file",
                  "api",
                  "page",
                  "policy",
                  "automatic"
                ]
              },
              generation: {
                minimum: 0,
                type: "integer"
              },
              halt: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              measured: {
                additionalProperties: false,
                properties: {
                  limit: {
                    minimum: 0,
                    type: "integer"
                  },
                  name: {
                    maxLength: 64,
                    minLength: 1,
                    type: "string"
                  },
                  sample: {
                    minimum: 0,
                    type: "integer"
                  },
                  value: {
                    minimum: 0,
                    type: "integer"
                  },
                  window_s: {
                    maximum: 31536e3,
                    minimum: 1,
                    type: "integer"
                  }
                },
                required: [
                  "name",
                  "value",
                  "limit"
                ],
                type: "object"
              },
              probes: {
                minimum: 0,
                type: "integer"
              },
              reason: {
                maxLength: 512,
                type: "string"
              },
              rule: {
                maxLength: 128,
                type: "string"
              },
              scope: {
                enum: [
                  "global",
                  "tenant",
                  "agent",
                  "destination",
                  "tool"
                ]
              },
              streams_cut: {
                minimum: 0,
                type: "integer"
              },
              target: {
                maxLength: 256,
                type: "string"
              },
              took_ms: {
                minimum: 0,
                type: "integer"
              },
              until: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              }
            },
            required: [
              "halt",
              "change",
              "scope",
              "cause",
              "channel"
            ],
            type: "object"
          },
          typ: {
            const: "pef.halt"
          }
        }
      },
      "pef.http_call": {
        allOf: [
          {
            else: {
              required: [
                "agent",
                "act",
                "verdict"
              ]
            },
            if: {
              properties: {
                data: {
                  properties: {
                    phase: {
                      const: "outcome"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "result"
                  ]
                }
              }
            }
          },
          {
            else: {
              required: [
                "verdict"
              ]
            },
            if: {
              properties: {
                data: {
                  properties: {
                    result: {
                      const: "unknown"
                    }
                  },
                  required: [
                    "result"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "cause"
                  ]
                }
              }
            }
          }
        ],
        title: "One HTTP exchange, or one WebSocket session, that passed the proxy",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              action: {
                enum: [
                  "allow",
                  "mark",
                  "redact",
                  "approve",
                  "block"
                ]
              },
              action_class: {
                enum: [
                  "A",
                  "B",
                  "C"
                ]
              },
              address: {
                maxLength: 64,
                type: "string"
              },
              bec: {
                additionalProperties: false,
                properties: {
                  score_bp: {
                    maximum: 1e4,
                    minimum: 0,
                    type: "integer"
                  },
                  signals: {
                    items: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    maxItems: 16,
                    type: "array"
                  }
                },
                required: [
                  "score_bp"
                ],
                type: "object"
              },
              cause: {
                enum: [
                  "deadline",
                  "source_lost"
                ]
              },
              caused_by: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              coverage: {
                additionalProperties: false,
                properties: {
                  req: {
                    maxLength: 96,
                    type: "string"
                  },
                  res: {
                    maxLength: 96,
                    type: "string"
                  }
                },
                required: [],
                type: "object"
              },
              deadline_s: {
                maximum: 604800,
                minimum: 1,
                type: "integer"
              },
              detectors: {
                items: {
                  additionalProperties: false,
                  properties: {
                    answer_sha256: {
                      pattern: "^[0-9a-f]{64}$",
                      type: "string"
                    },
                    id: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    kind: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    result: {
                      enum: [
                        "ok",
                        "timeout",
                        "error",
                        "skipped",
                        "open_circuit"
                      ]
                    },
                    score_bp: {
                      maximum: 1e4,
                      minimum: 0,
                      type: "integer"
                    },
                    us: {
                      minimum: 0,
                      type: "integer"
                    }
                  },
                  required: [
                    "id",
                    "kind",
                    "result"
                  ],
                  type: "object"
                },
                maxItems: 8,
                type: "array"
              },
              error: {
                maxLength: 256,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              findings: {
                items: {
                  additionalProperties: false,
                  properties: {
                    action: {
                      enum: [
                        "allow",
                        "mark",
                        "redact",
                        "approve",
                        "block"
                      ]
                    },
                    check: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    error: {
                      type: "boolean"
                    },
                    mode: {
                      enum: [
                        "enforce",
                        "shadow"
                      ]
                    },
                    path: {
                      maxLength: 512,
                      type: "string"
                    },
                    phase: {
                      maxLength: 32,
                      minLength: 1,
                      type: "string"
                    },
                    reason: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    row: {
                      minimum: 0,
                      type: "integer"
                    },
                    rule: {
                      maxLength: 128,
                      minLength: 1,
                      type: "string"
                    }
                  },
                  required: [
                    "check",
                    "rule",
                    "reason",
                    "action",
                    "mode",
                    "phase"
                  ],
                  type: "object"
                },
                maxItems: 32,
                type: "array"
              },
              findings_total: {
                minimum: 0,
                type: "integer"
              },
              generation: {
                minimum: 0,
                type: "integer"
              },
              headers: {
                items: {
                  maxLength: 64,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 64,
                type: "array"
              },
              idempotency: {
                additionalProperties: false,
                properties: {
                  key_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  replayed: {
                    type: "boolean"
                  }
                },
                required: [
                  "key_c"
                ],
                type: "object"
              },
              opaque: {
                type: "boolean"
              },
              phase: {
                enum: [
                  "intent",
                  "outcome",
                  "whole"
                ]
              },
              released: {
                additionalProperties: false,
                properties: {
                  req: {
                    minimum: 0,
                    type: "integer"
                  },
                  res: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [],
                type: "object"
              },
              result: {
                enum: [
                  "completed",
                  "refused",
                  "failed",
                  "unknown"
                ]
              },
              route: {
                maxLength: 256,
                type: "string"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              target_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              taxonomy: {
                items: {
                  pattern: "^[A-Za-z0-9.:_-]{1,64}$",
                  type: "string"
                },
                maxItems: 16,
                type: "array"
              },
              verdict_id: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              voice: {
                additionalProperties: false,
                properties: {
                  attestation: {
                    enum: [
                      "A",
                      "B",
                      "C",
                      "none",
                      "unknown"
                    ]
                  },
                  audio_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  barge_in: {
                    type: "boolean"
                  },
                  call: {
                    maxLength: 64,
                    minLength: 1,
                    type: "string"
                  },
                  campaign: {
                    maxLength: 64,
                    type: "string"
                  },
                  codec: {
                    maxLength: 32,
                    type: "string"
                  },
                  consent: {
                    enum: [
                      "written",
                      "express",
                      "none",
                      "revoked",
                      "unknown"
                    ]
                  },
                  direction: {
                    enum: [
                      "inbound",
                      "outbound"
                    ]
                  },
                  disclosure: {
                    enum: [
                      "given",
                      "not_given",
                      "not_required",
                      "unknown"
                    ]
                  },
                  do_not_call: {
                    enum: [
                      "clear",
                      "listed",
                      "exempt",
                      "unknown"
                    ]
                  },
                  duration_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  handoff: {
                    type: "boolean"
                  },
                  interrupted_at_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  language: {
                    maxLength: 35,
                    type: "string"
                  },
                  local_time: {
                    pattern: "^[0-9]{2}:[0-9]{2}$",
                    type: "string"
                  },
                  number_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  opt_out: {
                    type: "boolean"
                  },
                  party: {
                    enum: [
                      "caller",
                      "agent",
                      "human",
                      "system"
                    ]
                  },
                  recording: {
                    enum: [
                      "announced",
                      "not_announced",
                      "off",
                      "unknown"
                    ]
                  },
                  region: {
                    maxLength: 16,
                    type: "string"
                  },
                  started_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  transcript_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  turn: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [
                  "call"
                ],
                type: "object"
              },
              websocket: {
                type: "boolean"
              },
              would_action: {
                enum: [
                  "allow",
                  "mark",
                  "redact",
                  "approve",
                  "block"
                ]
              }
            },
            required: [
              "phase",
              "exchange"
            ],
            type: "object"
          },
          typ: {
            const: "pef.http_call"
          }
        }
      },
      "pef.llm_call": {
        allOf: [
          {
            else: {
              required: [
                "agent",
                "act",
                "verdict"
              ]
            },
            if: {
              properties: {
                data: {
                  properties: {
                    phase: {
                      const: "outcome"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "result"
                  ]
                }
              }
            }
          },
          {
            else: {
              required: [
                "verdict"
              ]
            },
            if: {
              properties: {
                data: {
                  properties: {
                    result: {
                      const: "unknown"
                    }
                  },
                  required: [
                    "result"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "cause"
                  ]
                }
              }
            }
          },
          {
            else: {
              properties: {
                data: {
                  required: [
                    "llm"
                  ]
                }
              }
            },
            if: {
              properties: {
                data: {
                  properties: {
                    phase: {
                      const: "outcome"
                    }
                  }
                }
              }
            }
          }
        ],
        title: "One call of a language, speech or embedding model",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              action: {
                enum: [
                  "allow",
                  "mark",
                  "redact",
                  "approve",
                  "block"
                ]
              },
              action_class: {
                enum: [
                  "A",
                  "B",
                  "C"
                ]
              },
              address: {
                maxLength: 64,
                type: "string"
              },
              bec: {
                additionalProperties: false,
                properties: {
                  score_bp: {
                    maximum: 1e4,
                    minimum: 0,
                    type: "integer"
                  },
                  signals: {
                    items: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    maxItems: 16,
                    type: "array"
                  }
                },
                required: [
                  "score_bp"
                ],
                type: "object"
              },
              cause: {
                enum: [
                  "deadline",
                  "source_lost"
                ]
              },
              caused_by: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              coverage: {
                additionalProperties: false,
                properties: {
                  req: {
                    maxLength: 96,
                    type: "string"
                  },
                  res: {
                    maxLength: 96,
                    type: "string"
                  }
                },
                required: [],
                type: "object"
              },
              deadline_s: {
                maximum: 604800,
                minimum: 1,
                type: "integer"
              },
              detectors: {
                items: {
                  additionalProperties: false,
                  properties: {
                    answer_sha256: {
                      pattern: "^[0-9a-f]{64}$",
                      type: "string"
                    },
                    id: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    kind: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    result: {
                      enum: [
                        "ok",
                        "timeout",
                        "error",
                        "skipped",
                        "open_circuit"
                      ]
                    },
                    score_bp: {
                      maximum: 1e4,
                      minimum: 0,
                      type: "integer"
                    },
                    us: {
                      minimum: 0,
                      type: "integer"
                    }
                  },
                  required: [
                    "id",
                    "kind",
                    "result"
                  ],
                  type: "object"
                },
                maxItems: 8,
                type: "array"
              },
              error: {
                maxLength: 256,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              findings: {
                items: {
                  additionalProperties: false,
                  properties: {
                    action: {
                      enum: [
                        "allow",
                        "mark",
                        "redact",
                        "approve",
                        "block"
                      ]
                    },
                    check: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    error: {
                      type: "boolean"
                    },
                    mode: {
                      enum: [
                        "enforce",
                        "shadow"
                      ]
                    },
                    path: {
                      maxLength: 512,
                      type: "string"
                    },
                    phase: {
                      maxLength: 32,
                      minLength: 1,
                      type: "string"
                    },
                    reason: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    row: {
                      minimum: 0,
                      type: "integer"
                    },
                    rule: {
                      maxLength: 128,
                      minLength: 1,
                      type: "string"
                    }
                  },
                  required: [
                    "check",
                    "rule",
                    "reason",
                    "action",
                    "mode",
                    "phase"
                  ],
                  type: "object"
                },
                maxItems: 32,
                type: "array"
              },
              findings_total: {
                minimum: 0,
                type: "integer"
              },
              generation: {
                minimum: 0,
                type: "integer"
              },
              headers: {
                items: {
                  maxLength: 64,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 64,
                type: "array"
              },
              idempotency: {
                additionalProperties: false,
                properties: {
                  key_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  replayed: {
                    type: "boolean"
                  }
                },
                required: [
                  "key_c"
                ],
                type: "object"
              },
              llm: {
                additionalProperties: false,
                properties: {
                  api: {
                    maxLength: 64,
                    type: "string"
                  },
                  completion_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  drift: {
                    items: {
                      enum: [
                        "system",
                        "tools",
                        "model"
                      ]
                    },
                    maxItems: 3,
                    type: "array"
                  },
                  finish: {
                    maxLength: 64,
                    type: "string"
                  },
                  first_token_us: {
                    minimum: 0,
                    type: "integer"
                  },
                  messages: {
                    additionalProperties: false,
                    properties: {
                      assistant: {
                        minimum: 0,
                        type: "integer"
                      },
                      other: {
                        minimum: 0,
                        type: "integer"
                      },
                      system: {
                        minimum: 0,
                        type: "integer"
                      },
                      tool: {
                        minimum: 0,
                        type: "integer"
                      },
                      user: {
                        minimum: 0,
                        type: "integer"
                      }
                    },
                    required: [],
                    type: "object"
                  },
                  model: {
                    maxLength: 128,
                    type: "string"
                  },
                  model_served: {
                    maxLength: 128,
                    type: "string"
                  },
                  operation: {
                    enum: [
                      "chat",
                      "completion",
                      "embedding",
                      "rerank",
                      "moderation",
                      "image",
                      "speech",
                      "transcription",
                      "realtime",
                      "batch",
                      "other"
                    ]
                  },
                  prompt_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  provider: {
                    maxLength: 64,
                    minLength: 1,
                    type: "string"
                  },
                  response_id: {
                    maxLength: 128,
                    type: "string"
                  },
                  run: {
                    maxLength: 128,
                    type: "string"
                  },
                  step: {
                    minimum: 0,
                    type: "integer"
                  },
                  streamed: {
                    type: "boolean"
                  },
                  structured: {
                    enum: [
                      "valid",
                      "invalid",
                      "not_asked"
                    ]
                  },
                  system_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  tool_calls: {
                    minimum: 0,
                    type: "integer"
                  },
                  tools_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  tools_offered: {
                    minimum: 0,
                    type: "integer"
                  },
                  usage: {
                    additionalProperties: false,
                    properties: {
                      cached: {
                        minimum: 0,
                        type: "integer"
                      },
                      input: {
                        minimum: 0,
                        type: "integer"
                      },
                      output: {
                        minimum: 0,
                        type: "integer"
                      },
                      reasoning: {
                        minimum: 0,
                        type: "integer"
                      },
                      source: {
                        enum: [
                          "reported",
                          "counted"
                        ]
                      }
                    },
                    required: [
                      "source"
                    ],
                    type: "object"
                  }
                },
                required: [
                  "provider",
                  "operation"
                ],
                type: "object"
              },
              opaque: {
                type: "boolean"
              },
              phase: {
                enum: [
                  "intent",
                  "outcome",
                  "whole"
                ]
              },
              released: {
                additionalProperties: false,
                properties: {
                  req: {
                    minimum: 0,
                    type: "integer"
                  },
                  res: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [],
                type: "object"
              },
              result: {
                enum: [
                  "completed",
                  "refused",
                  "failed",
                  "unknown"
                ]
              },
              route: {
                maxLength: 256,
                type: "string"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              target_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              taxonomy: {
                items: {
                  pattern: "^[A-Za-z0-9.:_-]{1,64}$",
                  type: "string"
                },
                maxItems: 16,
                type: "array"
              },
              verdict_id: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              voice: {
                additionalProperties: false,
                properties: {
                  attestation: {
                    enum: [
                      "A",
                      "B",
                      "C",
                      "none",
                      "unknown"
                    ]
                  },
                  audio_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  barge_in: {
                    type: "boolean"
                  },
                  call: {
                    maxLength: 64,
                    minLength: 1,
                    type: "string"
                  },
                  campaign: {
                    maxLength: 64,
                    type: "string"
                  },
                  codec: {
                    maxLength: 32,
                    type: "string"
                  },
                  consent: {
                    enum: [
                      "written",
                      "express",
                      "none",
                      "revoked",
                      "unknown"
                    ]
                  },
                  direction: {
                    enum: [
                      "inbound",
                      "outbound"
                    ]
                  },
                  disclosure: {
                    enum: [
                      "given",
                      "not_given",
                      "not_required",
                      "unknown"
                    ]
                  },
                  do_not_call: {
                    enum: [
                      "clear",
                      "listed",
                      "exempt",
                      "unknown"
                    ]
                  },
                  duration_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  handoff: {
                    type: "boolean"
                  },
                  interrupted_at_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  language: {
                    maxLength: 35,
                    type: "string"
                  },
                  local_time: {
                    pattern: "^[0-9]{2}:[0-9]{2}$",
                    type: "string"
                  },
                  number_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  opt_out: {
                    type: "boolean"
                  },
                  party: {
                    enum: [
                      "caller",
                      "agent",
                      "human",
                      "system"
                    ]
                  },
                  recording: {
                    enum: [
                      "announced",
                      "not_announced",
                      "off",
                      "unknown"
                    ]
                  },
                  region: {
                    maxLength: 16,
                    type: "string"
                  },
                  started_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  transcript_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  turn: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [
                  "call"
                ],
                type: "object"
              },
              websocket: {
                type: "boolean"
              },
              would_action: {
                enum: [
                  "allow",
                  "mark",
                  "redact",
                  "approve",
                  "block"
                ]
              }
            },
            required: [
              "phase",
              "exchange"
            ],
            type: "object"
          },
          typ: {
            const: "pef.llm_call"
          }
        }
      },
      "pef.promotion": {
        allOf: [
          {
            if: {
              properties: {
                data: {
                  properties: {
                    change: {
                      const: "promote"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "what",
                    "before_sha256",
                    "after_sha256",
                    "forced"
                  ]
                }
              }
            }
          },
          {
            if: {
              properties: {
                data: {
                  properties: {
                    change: {
                      const: "review"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "verdict",
                    "right"
                  ]
                }
              }
            }
          }
        ],
        title: "A person judged a verdict in shadow, or put what ran in shadow into force",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              actor: {
                maxLength: 128,
                minLength: 1,
                type: "string"
              },
              actor_auth: {
                maxLength: 32,
                type: "string"
              },
              after_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              before_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              change: {
                enum: [
                  "review",
                  "promote"
                ]
              },
              channel: {
                enum: [
                  "cli",
                  "api",
                  "page",
                  "policy",
                  "automatic"
                ]
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              failing: {
                items: {
                  maxLength: 256,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 64,
                minItems: 1,
                type: "array"
              },
              forced: {
                type: "boolean"
              },
              line_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              reason: {
                maxLength: 512,
                type: "string"
              },
              right: {
                type: "boolean"
              },
              rules: {
                items: {
                  maxLength: 128,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 64,
                minItems: 1,
                type: "array"
              },
              verdict: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              what: {
                enum: [
                  "rules",
                  "candidate"
                ]
              }
            },
            required: [
              "change",
              "line_sha256",
              "actor",
              "channel"
            ],
            type: "object"
          },
          typ: {
            const: "pef.promotion"
          }
        }
      },
      "pef.receipt": {
        allOf: [
          {
            required: [
              "agent",
              "act"
            ]
          }
        ],
        title: "What an action did, as the system that carried it out answered",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              action: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              action_class: {
                enum: [
                  "A",
                  "B",
                  "C"
                ]
              },
              attempts: {
                minimum: 0,
                type: "integer"
              },
              deployer_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              external_id_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              finished: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              },
              packet: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              query_id: {
                maxLength: 128,
                type: "string"
              },
              receipt: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              result: {
                enum: [
                  "completed",
                  "partial",
                  "failed",
                  "unknown"
                ]
              },
              result_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              rows: {
                minimum: 0,
                type: "integer"
              },
              status: {
                maximum: 999,
                minimum: 0,
                type: "integer"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              verdict_id: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              }
            },
            required: [
              "receipt",
              "exchange",
              "action",
              "result",
              "result_c",
              "finished"
            ],
            type: "object"
          },
          typ: {
            const: "pef.receipt"
          }
        }
      },
      "pef.rows": {
        allOf: [
          {
            else: {
              required: [
                "agent",
                "act",
                "verdict"
              ]
            },
            if: {
              properties: {
                data: {
                  properties: {
                    phase: {
                      const: "outcome"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "result"
                  ]
                }
              }
            }
          },
          {
            else: {
              required: [
                "verdict"
              ]
            },
            if: {
              properties: {
                data: {
                  properties: {
                    result: {
                      const: "unknown"
                    }
                  },
                  required: [
                    "result"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "cause"
                  ]
                }
              }
            }
          },
          {
            else: {
              properties: {
                data: {
                  required: [
                    "rows"
                  ]
                }
              }
            },
            if: {
              properties: {
                data: {
                  properties: {
                    phase: {
                      const: "outcome"
                    }
                  }
                }
              }
            }
          }
        ],
        title: "One batch of rows on its way into another system",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              action: {
                enum: [
                  "allow",
                  "mark",
                  "redact",
                  "approve",
                  "block"
                ]
              },
              action_class: {
                enum: [
                  "A",
                  "B",
                  "C"
                ]
              },
              address: {
                maxLength: 64,
                type: "string"
              },
              bec: {
                additionalProperties: false,
                properties: {
                  score_bp: {
                    maximum: 1e4,
                    minimum: 0,
                    type: "integer"
                  },
                  signals: {
                    items: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    maxItems: 16,
                    type: "array"
                  }
                },
                required: [
                  "score_bp"
                ],
                type: "object"
              },
              cause: {
                enum: [
                  "deadline",
                  "source_lost"
                ]
              },
              caused_by: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              coverage: {
                additionalProperties: false,
                properties: {
                  req: {
                    maxLength: 96,
                    type: "string"
                  },
                  res: {
                    maxLength: 96,
                    type: "string"
                  }
                },
                required: [],
                type: "object"
              },
              deadline_s: {
                maximum: 604800,
                minimum: 1,
                type: "integer"
              },
              detectors: {
                items: {
                  additionalProperties: false,
                  properties: {
                    answer_sha256: {
                      pattern: "^[0-9a-f]{64}$",
                      type: "string"
                    },
                    id: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    kind: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    result: {
                      enum: [
                        "ok",
                        "timeout",
                        "error",
                        "skipped",
                        "open_circuit"
                      ]
                    },
                    score_bp: {
                      maximum: 1e4,
                      minimum: 0,
                      type: "integer"
                    },
                    us: {
                      minimum: 0,
                      type: "integer"
                    }
                  },
                  required: [
                    "id",
                    "kind",
                    "result"
                  ],
                  type: "object"
                },
                maxItems: 8,
                type: "array"
              },
              error: {
                maxLength: 256,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              findings: {
                items: {
                  additionalProperties: false,
                  properties: {
                    action: {
                      enum: [
                        "allow",
                        "mark",
                        "redact",
                        "approve",
                        "block"
                      ]
                    },
                    check: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    error: {
                      type: "boolean"
                    },
                    mode: {
                      enum: [
                        "enforce",
                        "shadow"
                      ]
                    },
                    path: {
                      maxLength: 512,
                      type: "string"
                    },
                    phase: {
                      maxLength: 32,
                      minLength: 1,
                      type: "string"
                    },
                    reason: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    row: {
                      minimum: 0,
                      type: "integer"
                    },
                    rule: {
                      maxLength: 128,
                      minLength: 1,
                      type: "string"
                    }
                  },
                  required: [
                    "check",
                    "rule",
                    "reason",
                    "action",
                    "mode",
                    "phase"
                  ],
                  type: "object"
                },
                maxItems: 32,
                type: "array"
              },
              findings_total: {
                minimum: 0,
                type: "integer"
              },
              generation: {
                minimum: 0,
                type: "integer"
              },
              headers: {
                items: {
                  maxLength: 64,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 64,
                type: "array"
              },
              idempotency: {
                additionalProperties: false,
                properties: {
                  key_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  replayed: {
                    type: "boolean"
                  }
                },
                required: [
                  "key_c"
                ],
                type: "object"
              },
              opaque: {
                type: "boolean"
              },
              phase: {
                enum: [
                  "intent",
                  "outcome",
                  "whole"
                ]
              },
              released: {
                additionalProperties: false,
                properties: {
                  req: {
                    minimum: 0,
                    type: "integer"
                  },
                  res: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [],
                type: "object"
              },
              result: {
                enum: [
                  "completed",
                  "refused",
                  "failed",
                  "unknown"
                ]
              },
              route: {
                maxLength: 256,
                type: "string"
              },
              rows: {
                additionalProperties: false,
                properties: {
                  batch: {
                    maxLength: 128,
                    type: "string"
                  },
                  deletes: {
                    minimum: 0,
                    type: "integer"
                  },
                  destination: {
                    maxLength: 128,
                    type: "string"
                  },
                  duplicates: {
                    minimum: 0,
                    type: "integer"
                  },
                  forwarded: {
                    minimum: 0,
                    type: "integer"
                  },
                  key: {
                    maxLength: 128,
                    type: "string"
                  },
                  null_overwrites: {
                    minimum: 0,
                    type: "integer"
                  },
                  object: {
                    maxLength: 256,
                    type: "string"
                  },
                  offered: {
                    minimum: 0,
                    type: "integer"
                  },
                  operation: {
                    enum: [
                      "insert",
                      "update",
                      "upsert",
                      "delete",
                      "merge",
                      "event",
                      "mixed",
                      "other"
                    ]
                  },
                  profile: {
                    maxLength: 64,
                    minLength: 1,
                    type: "string"
                  },
                  quarantine: {
                    maxLength: 64,
                    type: "string"
                  },
                  quarantined: {
                    minimum: 0,
                    type: "integer"
                  },
                  refused: {
                    minimum: 0,
                    type: "integer"
                  },
                  rejected: {
                    minimum: 0,
                    type: "integer"
                  },
                  rejections: {
                    items: {
                      additionalProperties: false,
                      properties: {
                        index: {
                          minimum: 0,
                          type: "integer"
                        },
                        path: {
                          maxLength: 512,
                          type: "string"
                        },
                        reason: {
                          maxLength: 64,
                          minLength: 1,
                          type: "string"
                        },
                        rule: {
                          maxLength: 128,
                          minLength: 1,
                          type: "string"
                        }
                      },
                      required: [
                        "index",
                        "rule",
                        "reason"
                      ],
                      type: "object"
                    },
                    maxItems: 64,
                    type: "array"
                  },
                  run: {
                    maxLength: 128,
                    type: "string"
                  },
                  snapshot: {
                    additionalProperties: false,
                    properties: {
                      batch_root: {
                        pattern: "^[0-9a-f]{64}$",
                        type: "string"
                      },
                      included: {
                        minimum: 0,
                        type: "integer"
                      },
                      missing: {
                        minimum: 0,
                        type: "integer"
                      },
                      proofs_sha256: {
                        pattern: "^[0-9a-f]{64}$",
                        type: "string"
                      },
                      rows_root: {
                        pattern: "^[0-9a-f]{64}$",
                        type: "string"
                      },
                      seq: {
                        minimum: 0,
                        type: "integer"
                      }
                    },
                    required: [
                      "seq",
                      "rows_root",
                      "batch_root",
                      "included",
                      "missing"
                    ],
                    type: "object"
                  },
                  sync: {
                    maxLength: 128,
                    type: "string"
                  }
                },
                required: [
                  "profile",
                  "operation",
                  "offered"
                ],
                type: "object"
              },
              sql: {
                additionalProperties: false,
                properties: {
                  dialect: {
                    maxLength: 32,
                    type: "string"
                  },
                  estimated_rows: {
                    minimum: 0,
                    type: "integer"
                  },
                  keyed: {
                    type: "boolean"
                  },
                  kind: {
                    enum: [
                      "select",
                      "insert",
                      "update",
                      "delete",
                      "merge",
                      "ddl",
                      "grant",
                      "copy",
                      "call",
                      "multiple",
                      "opaque",
                      "other"
                    ]
                  },
                  query_id: {
                    maxLength: 128,
                    type: "string"
                  },
                  statement_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  tables: {
                    items: {
                      maxLength: 256,
                      minLength: 1,
                      type: "string"
                    },
                    maxItems: 32,
                    type: "array"
                  }
                },
                required: [
                  "kind"
                ],
                type: "object"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              target_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              taxonomy: {
                items: {
                  pattern: "^[A-Za-z0-9.:_-]{1,64}$",
                  type: "string"
                },
                maxItems: 16,
                type: "array"
              },
              verdict_id: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              voice: {
                additionalProperties: false,
                properties: {
                  attestation: {
                    enum: [
                      "A",
                      "B",
                      "C",
                      "none",
                      "unknown"
                    ]
                  },
                  audio_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  barge_in: {
                    type: "boolean"
                  },
                  call: {
                    maxLength: 64,
                    minLength: 1,
                    type: "string"
                  },
                  campaign: {
                    maxLength: 64,
                    type: "string"
                  },
                  codec: {
                    maxLength: 32,
                    type: "string"
                  },
                  consent: {
                    enum: [
                      "written",
                      "express",
                      "none",
                      "revoked",
                      "unknown"
                    ]
                  },
                  direction: {
                    enum: [
                      "inbound",
                      "outbound"
                    ]
                  },
                  disclosure: {
                    enum: [
                      "given",
                      "not_given",
                      "not_required",
                      "unknown"
                    ]
                  },
                  do_not_call: {
                    enum: [
                      "clear",
                      "listed",
                      "exempt",
                      "unknown"
                    ]
                  },
                  duration_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  handoff: {
                    type: "boolean"
                  },
                  interrupted_at_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  language: {
                    maxLength: 35,
                    type: "string"
                  },
                  local_time: {
                    pattern: "^[0-9]{2}:[0-9]{2}$",
                    type: "string"
                  },
                  number_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  opt_out: {
                    type: "boolean"
                  },
                  party: {
                    enum: [
                      "caller",
                      "agent",
                      "human",
                      "system"
                    ]
                  },
                  recording: {
                    enum: [
                      "announced",
                      "not_announced",
                      "off",
                      "unknown"
                    ]
                  },
                  region: {
                    maxLength: 16,
                    type: "string"
                  },
                  started_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  transcript_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  turn: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [
                  "call"
                ],
                type: "object"
              },
              websocket: {
                type: "boolean"
              },
              would_action: {
                enum: [
                  "allow",
                  "mark",
                  "redact",
                  "approve",
                  "block"
                ]
              }
            },
            required: [
              "phase",
              "exchange"
            ],
            type: "object"
          },
          typ: {
            const: "pef.rows"
          }
        }
      },
      "pef.shadow_diff": {
        title: "What a second policy or a second upstream made of the same exchange",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              differences: {
                minimum: 0,
                type: "integer"
              },
              error: {
                maxLength: 256,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              kind: {
                enum: [
                  "policy",
                  "mirror"
                ]
              },
              live: {
                additionalProperties: false,
                properties: {
                  action: {
                    enum: [
                      "allow",
                      "mark",
                      "redact",
                      "approve",
                      "block"
                    ]
                  },
                  c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  decision: {
                    enum: [
                      "allow",
                      "deny",
                      "modify",
                      "require_approval",
                      "observe"
                    ]
                  },
                  len: {
                    minimum: 0,
                    type: "integer"
                  },
                  policy_sha256: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  reason: {
                    maxLength: 64,
                    type: "string"
                  },
                  rule: {
                    maxLength: 128,
                    type: "string"
                  },
                  status: {
                    maximum: 999,
                    minimum: 0,
                    type: "integer"
                  },
                  us: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [],
                type: "object"
              },
              noise: {
                minimum: 0,
                type: "integer"
              },
              paths: {
                items: {
                  maxLength: 512,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 32,
                type: "array"
              },
              same: {
                type: "boolean"
              },
              sampled_bp: {
                maximum: 1e4,
                minimum: 0,
                type: "integer"
              },
              shadow: {
                additionalProperties: false,
                properties: {
                  action: {
                    enum: [
                      "allow",
                      "mark",
                      "redact",
                      "approve",
                      "block"
                    ]
                  },
                  c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  decision: {
                    enum: [
                      "allow",
                      "deny",
                      "modify",
                      "require_approval",
                      "observe"
                    ]
                  },
                  len: {
                    minimum: 0,
                    type: "integer"
                  },
                  policy_sha256: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  reason: {
                    maxLength: 64,
                    type: "string"
                  },
                  rule: {
                    maxLength: 128,
                    type: "string"
                  },
                  status: {
                    maximum: 999,
                    minimum: 0,
                    type: "integer"
                  },
                  us: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [],
                type: "object"
              },
              withheld: {
                type: "boolean"
              }
            },
            required: [
              "exchange",
              "kind",
              "same",
              "live",
              "shadow"
            ],
            type: "object"
          },
          typ: {
            const: "pef.shadow_diff"
          }
        }
      },
      "pef.tool_call": {
        allOf: [
          {
            else: {
              required: [
                "agent",
                "act",
                "verdict"
              ]
            },
            if: {
              properties: {
                data: {
                  properties: {
                    phase: {
                      const: "outcome"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "result"
                  ]
                }
              }
            }
          },
          {
            else: {
              required: [
                "verdict"
              ]
            },
            if: {
              properties: {
                data: {
                  properties: {
                    result: {
                      const: "unknown"
                    }
                  },
                  required: [
                    "result"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "cause"
                  ]
                }
              }
            }
          },
          {
            else: {
              properties: {
                data: {
                  required: [
                    "tool"
                  ]
                }
              }
            },
            if: {
              properties: {
                data: {
                  properties: {
                    phase: {
                      const: "outcome"
                    }
                  }
                }
              }
            }
          }
        ],
        title: "One call of a tool by an agent",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              action: {
                enum: [
                  "allow",
                  "mark",
                  "redact",
                  "approve",
                  "block"
                ]
              },
              action_class: {
                enum: [
                  "A",
                  "B",
                  "C"
                ]
              },
              address: {
                maxLength: 64,
                type: "string"
              },
              bec: {
                additionalProperties: false,
                properties: {
                  score_bp: {
                    maximum: 1e4,
                    minimum: 0,
                    type: "integer"
                  },
                  signals: {
                    items: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    maxItems: 16,
                    type: "array"
                  }
                },
                required: [
                  "score_bp"
                ],
                type: "object"
              },
              cause: {
                enum: [
                  "deadline",
                  "source_lost"
                ]
              },
              caused_by: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              coverage: {
                additionalProperties: false,
                properties: {
                  req: {
                    maxLength: 96,
                    type: "string"
                  },
                  res: {
                    maxLength: 96,
                    type: "string"
                  }
                },
                required: [],
                type: "object"
              },
              deadline_s: {
                maximum: 604800,
                minimum: 1,
                type: "integer"
              },
              detectors: {
                items: {
                  additionalProperties: false,
                  properties: {
                    answer_sha256: {
                      pattern: "^[0-9a-f]{64}$",
                      type: "string"
                    },
                    id: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    kind: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    result: {
                      enum: [
                        "ok",
                        "timeout",
                        "error",
                        "skipped",
                        "open_circuit"
                      ]
                    },
                    score_bp: {
                      maximum: 1e4,
                      minimum: 0,
                      type: "integer"
                    },
                    us: {
                      minimum: 0,
                      type: "integer"
                    }
                  },
                  required: [
                    "id",
                    "kind",
                    "result"
                  ],
                  type: "object"
                },
                maxItems: 8,
                type: "array"
              },
              error: {
                maxLength: 256,
                type: "string"
              },
              exchange: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              findings: {
                items: {
                  additionalProperties: false,
                  properties: {
                    action: {
                      enum: [
                        "allow",
                        "mark",
                        "redact",
                        "approve",
                        "block"
                      ]
                    },
                    check: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    error: {
                      type: "boolean"
                    },
                    mode: {
                      enum: [
                        "enforce",
                        "shadow"
                      ]
                    },
                    path: {
                      maxLength: 512,
                      type: "string"
                    },
                    phase: {
                      maxLength: 32,
                      minLength: 1,
                      type: "string"
                    },
                    reason: {
                      maxLength: 64,
                      minLength: 1,
                      type: "string"
                    },
                    row: {
                      minimum: 0,
                      type: "integer"
                    },
                    rule: {
                      maxLength: 128,
                      minLength: 1,
                      type: "string"
                    }
                  },
                  required: [
                    "check",
                    "rule",
                    "reason",
                    "action",
                    "mode",
                    "phase"
                  ],
                  type: "object"
                },
                maxItems: 32,
                type: "array"
              },
              findings_total: {
                minimum: 0,
                type: "integer"
              },
              generation: {
                minimum: 0,
                type: "integer"
              },
              headers: {
                items: {
                  maxLength: 64,
                  minLength: 1,
                  type: "string"
                },
                maxItems: 64,
                type: "array"
              },
              idempotency: {
                additionalProperties: false,
                properties: {
                  key_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  replayed: {
                    type: "boolean"
                  }
                },
                required: [
                  "key_c"
                ],
                type: "object"
              },
              opaque: {
                type: "boolean"
              },
              phase: {
                enum: [
                  "intent",
                  "outcome",
                  "whole"
                ]
              },
              released: {
                additionalProperties: false,
                properties: {
                  req: {
                    minimum: 0,
                    type: "integer"
                  },
                  res: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [],
                type: "object"
              },
              result: {
                enum: [
                  "completed",
                  "refused",
                  "failed",
                  "unknown"
                ]
              },
              route: {
                maxLength: 256,
                type: "string"
              },
              sql: {
                additionalProperties: false,
                properties: {
                  dialect: {
                    maxLength: 32,
                    type: "string"
                  },
                  estimated_rows: {
                    minimum: 0,
                    type: "integer"
                  },
                  keyed: {
                    type: "boolean"
                  },
                  kind: {
                    enum: [
                      "select",
                      "insert",
                      "update",
                      "delete",
                      "merge",
                      "ddl",
                      "grant",
                      "copy",
                      "call",
                      "multiple",
                      "opaque",
                      "other"
                    ]
                  },
                  query_id: {
                    maxLength: 128,
                    type: "string"
                  },
                  statement_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  tables: {
                    items: {
                      maxLength: 256,
                      minLength: 1,
                      type: "string"
                    },
                    maxItems: 32,
                    type: "array"
                  }
                },
                required: [
                  "kind"
                ],
                type: "object"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              target_c: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              taxonomy: {
                items: {
                  pattern: "^[A-Za-z0-9.:_-]{1,64}$",
                  type: "string"
                },
                maxItems: 16,
                type: "array"
              },
              tool: {
                additionalProperties: false,
                properties: {
                  arguments_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  arguments_len: {
                    minimum: 0,
                    type: "integer"
                  },
                  call: {
                    maxLength: 128,
                    type: "string"
                  },
                  definition_sha256: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  failed: {
                    type: "boolean"
                  },
                  name: {
                    maxLength: 256,
                    minLength: 1,
                    type: "string"
                  },
                  operation: {
                    maxLength: 64,
                    type: "string"
                  },
                  pinned: {
                    enum: [
                      "first",
                      "same",
                      "changed",
                      "unpinned"
                    ]
                  },
                  protocol: {
                    enum: [
                      "mcp",
                      "openai",
                      "anthropic",
                      "google",
                      "a2a",
                      "process",
                      "other"
                    ]
                  },
                  result_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  result_len: {
                    minimum: 0,
                    type: "integer"
                  },
                  run: {
                    maxLength: 128,
                    type: "string"
                  },
                  server: {
                    maxLength: 256,
                    type: "string"
                  },
                  step: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [
                  "protocol",
                  "name"
                ],
                type: "object"
              },
              verdict_id: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              voice: {
                additionalProperties: false,
                properties: {
                  attestation: {
                    enum: [
                      "A",
                      "B",
                      "C",
                      "none",
                      "unknown"
                    ]
                  },
                  audio_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  barge_in: {
                    type: "boolean"
                  },
                  call: {
                    maxLength: 64,
                    minLength: 1,
                    type: "string"
                  },
                  campaign: {
                    maxLength: 64,
                    type: "string"
                  },
                  codec: {
                    maxLength: 32,
                    type: "string"
                  },
                  consent: {
                    enum: [
                      "written",
                      "express",
                      "none",
                      "revoked",
                      "unknown"
                    ]
                  },
                  direction: {
                    enum: [
                      "inbound",
                      "outbound"
                    ]
                  },
                  disclosure: {
                    enum: [
                      "given",
                      "not_given",
                      "not_required",
                      "unknown"
                    ]
                  },
                  do_not_call: {
                    enum: [
                      "clear",
                      "listed",
                      "exempt",
                      "unknown"
                    ]
                  },
                  duration_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  handoff: {
                    type: "boolean"
                  },
                  interrupted_at_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  language: {
                    maxLength: 35,
                    type: "string"
                  },
                  local_time: {
                    pattern: "^[0-9]{2}:[0-9]{2}$",
                    type: "string"
                  },
                  number_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  opt_out: {
                    type: "boolean"
                  },
                  party: {
                    enum: [
                      "caller",
                      "agent",
                      "human",
                      "system"
                    ]
                  },
                  recording: {
                    enum: [
                      "announced",
                      "not_announced",
                      "off",
                      "unknown"
                    ]
                  },
                  region: {
                    maxLength: 16,
                    type: "string"
                  },
                  started_ms: {
                    minimum: 0,
                    type: "integer"
                  },
                  transcript_c: {
                    pattern: "^[0-9a-f]{64}$",
                    type: "string"
                  },
                  turn: {
                    minimum: 0,
                    type: "integer"
                  }
                },
                required: [
                  "call"
                ],
                type: "object"
              },
              websocket: {
                type: "boolean"
              },
              would_action: {
                enum: [
                  "allow",
                  "mark",
                  "redact",
                  "approve",
                  "block"
                ]
              }
            },
            required: [
              "phase",
              "exchange"
            ],
            type: "object"
          },
          typ: {
            const: "pef.tool_call"
          }
        }
      },
      "sys.anchor": {
        title: "A checkpoint of this log was confirmed from outside: everything after this is younger than that",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              anchors: {
                items: {
                  additionalProperties: false,
                  properties: {
                    kind: {
                      enum: [
                        "witness",
                        "rfc3161",
                        "warehouse",
                        "git",
                        "object"
                      ]
                    },
                    location: {
                      maxLength: 512,
                      type: "string"
                    },
                    name: {
                      maxLength: 128,
                      type: "string"
                    },
                    sha256: {
                      pattern: "^[0-9a-f]{64}$",
                      type: "string"
                    },
                    time: {
                      minimum: 0,
                      type: "integer"
                    },
                    version: {
                      maxLength: 256,
                      type: "string"
                    }
                  },
                  required: [
                    "kind",
                    "sha256"
                  ],
                  type: "object"
                },
                maxItems: 16,
                minItems: 1,
                type: "array"
              },
              interval_s: {
                maximum: 31536e3,
                minimum: 1,
                type: "integer"
              },
              root: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              size: {
                minimum: 1,
                type: "integer"
              }
            },
            required: [
              "size",
              "root",
              "interval_s",
              "anchors"
            ],
            type: "object"
          },
          typ: {
            const: "sys.anchor"
          }
        }
      },
      "sys.clock": {
        title: "The wall clock moved against the monotonic one",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              cause: {
                enum: [
                  "step",
                  "restart"
                ]
              },
              new: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              },
              old: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              }
            },
            required: [
              "old",
              "new",
              "cause"
            ],
            type: "object"
          },
          typ: {
            const: "sys.clock"
          }
        }
      },
      "sys.close": {
        title: "The log ends here for good",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              cause: {
                maxLength: 256,
                minLength: 1,
                type: "string"
              }
            },
            required: [
              "cause"
            ],
            type: "object"
          },
          typ: {
            const: "sys.close"
          }
        }
      },
      "sys.config": {
        title: "The recorder started, or changed its configuration",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              cause: {
                enum: [
                  "start",
                  "reload"
                ]
              },
              config_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              open_intents: {
                minimum: 0,
                type: "integer"
              },
              schemas_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              version: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              }
            },
            required: [
              "cause",
              "version",
              "config_sha256",
              "schemas_sha256"
            ],
            type: "object"
          },
          typ: {
            const: "sys.config"
          }
        }
      },
      "sys.erasure": {
        title: "A subject key was destroyed: what it committed to can no longer be disclosed",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              basis: {
                maxLength: 512,
                minLength: 1,
                type: "string"
              },
              bodies: {
                minimum: 0,
                type: "integer"
              },
              from_seq: {
                minimum: 0,
                type: "integer"
              },
              records: {
                minimum: 0,
                type: "integer"
              },
              requested_at: {
                pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
                type: "string"
              },
              subject_key: {
                pattern: "^[0-9a-f]{32}$",
                type: "string"
              },
              to_seq: {
                minimum: 0,
                type: "integer"
              }
            },
            required: [
              "subject_key",
              "from_seq",
              "to_seq",
              "basis"
            ],
            type: "object"
          },
          typ: {
            const: "sys.erasure"
          }
        }
      },
      "sys.gap": {
        title: "Events of a source that are not in the log, declared",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              cause: {
                enum: [
                  "overflow",
                  "lost",
                  "invalid",
                  "spool_full",
                  "unknown"
                ]
              },
              count: {
                minimum: 1,
                type: "integer"
              },
              detail: {
                maxLength: 256,
                type: "string"
              },
              first: {
                minimum: 1,
                type: "integer"
              },
              last: {
                minimum: 1,
                type: "integer"
              },
              source: {
                pattern: "^[a-z0-9][a-z0-9._-]{0,63}$",
                type: "string"
              }
            },
            required: [
              "source",
              "first",
              "last",
              "count",
              "cause"
            ],
            type: "object"
          },
          typ: {
            const: "sys.gap"
          }
        }
      },
      "sys.genesis": {
        title: "First record of a log",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              log_keyid: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              producer: {
                maxLength: 64,
                minLength: 1,
                type: "string"
              },
              seal_keyid: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              }
            },
            required: [
              "producer",
              "log_keyid",
              "seal_keyid"
            ],
            type: "object"
          },
          typ: {
            const: "sys.genesis"
          }
        }
      },
      "sys.key": {
        allOf: [
          {
            else: {
              properties: {
                data: {
                  properties: {
                    pub: {
                      pattern: "^04[0-9a-f]{128}$",
                      type: "string"
                    }
                  }
                }
              }
            },
            if: {
              properties: {
                data: {
                  properties: {
                    alg: {
                      const: "ed25519"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  properties: {
                    pub: {
                      pattern: "^[0-9a-f]{64}$",
                      type: "string"
                    }
                  }
                }
              }
            }
          },
          {
            if: {
              properties: {
                data: {
                  properties: {
                    role: {
                      const: "log"
                    }
                  }
                }
              }
            },
            then: {
              properties: {
                data: {
                  properties: {
                    alg: {
                      const: "ed25519"
                    }
                  }
                }
              }
            }
          },
          {
            if: {
              properties: {
                data: {
                  required: [
                    "kind"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "size",
                    "statement_sha256"
                  ]
                }
              }
            }
          },
          {
            if: {
              properties: {
                data: {
                  properties: {
                    kind: {
                      const: "rotation"
                    }
                  },
                  required: [
                    "kind"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "replaces",
                    "possession"
                  ]
                }
              }
            }
          },
          {
            if: {
              properties: {
                data: {
                  properties: {
                    kind: {
                      const: "recovery"
                    }
                  },
                  required: [
                    "kind"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "replaces",
                    "possession"
                  ]
                }
              }
            }
          },
          {
            if: {
              properties: {
                data: {
                  properties: {
                    kind: {
                      const: "delegation"
                    }
                  },
                  required: [
                    "kind"
                  ]
                }
              }
            },
            then: {
              properties: {
                data: {
                  required: [
                    "replaces",
                    "until_size",
                    "possession"
                  ]
                }
              }
            }
          }
        ],
        title: "A key of the recorder and its state from here on",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              alg: {
                enum: [
                  "ed25519",
                  "ecdsa-p256-sha256"
                ]
              },
              compromised_from_size: {
                minimum: 0,
                type: "integer"
              },
              keyid: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              kind: {
                enum: [
                  "rotation",
                  "recovery",
                  "revocation",
                  "delegation"
                ]
              },
              possession: {
                pattern: "^[0-9a-f]{16,160}$",
                type: "string"
              },
              pub: {
                pattern: "^[0-9a-f]{64,130}$",
                type: "string"
              },
              reason: {
                maxLength: 256,
                type: "string"
              },
              replaces: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              role: {
                enum: [
                  "log",
                  "seal"
                ]
              },
              size: {
                minimum: 0,
                type: "integer"
              },
              state: {
                enum: [
                  "active",
                  "retired",
                  "compromised"
                ]
              },
              statement_sha256: {
                pattern: "^[0-9a-f]{64}$",
                type: "string"
              },
              until_size: {
                minimum: 0,
                type: "integer"
              }
            },
            required: [
              "role",
              "keyid",
              "alg",
              "pub",
              "state"
            ],
            type: "object"
          },
          typ: {
            const: "sys.key"
          }
        }
      },
      "sys.spool": {
        title: "What follows from this source was kept in its spool while the recorder was away",
        properties: {
          data: {
            additionalProperties: false,
            properties: {
              count: {
                minimum: 1,
                type: "integer"
              },
              first: {
                minimum: 1,
                type: "integer"
              },
              last: {
                minimum: 1,
                type: "integer"
              },
              source: {
                pattern: "^[a-z0-9][a-z0-9._-]{0,63}$",
                type: "string"
              }
            },
            required: [
              "source",
              "first",
              "last",
              "count"
            ],
            type: "object"
          },
          typ: {
            const: "sys.spool"
          }
        }
      }
    },
    statements: {
      "pef.approval": {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        title: "Statement that a person approved or refused one payload",
        type: "object",
        additionalProperties: false,
        required: [
          "_type",
          "subject",
          "predicateType",
          "predicate"
        ],
        properties: {
          _type: {
            const: "https://in-toto.io/Statement/v1"
          },
          subject: {
            type: "array",
            maxItems: 2,
            minItems: 2,
            items: {
              type: "object",
              additionalProperties: false,
              required: [
                "name",
                "digest"
              ],
              properties: {
                name: {
                  enum: [
                    "payload",
                    "action"
                  ]
                },
                digest: {
                  type: "object",
                  additionalProperties: false,
                  required: [
                    "sha256"
                  ],
                  properties: {
                    sha256: {
                      type: "string",
                      pattern: "^[0-9a-f]{64}$"
                    }
                  }
                }
              }
            }
          },
          predicateType: {
            const: "https://clyra.dev/ns/pef/approval/v0"
          },
          predicate: {
            type: "object",
            additionalProperties: false,
            required: [
              "id",
              "decision",
              "payload",
              "action",
              "approver",
              "challenge",
              "one_time",
              "quorum",
              "sod",
              "policy",
              "binding"
            ],
            properties: {
              id: {
                type: "string",
                pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
              },
              decision: {
                enum: [
                  "grant",
                  "deny"
                ]
              },
              payload: {
                type: "object",
                additionalProperties: false,
                required: [
                  "sha256",
                  "c14n",
                  "display_sha256"
                ],
                properties: {
                  sha256: {
                    type: "string",
                    pattern: "^[0-9a-f]{64}$"
                  },
                  c14n: {
                    enum: [
                      "jcs",
                      "raw"
                    ]
                  },
                  display_sha256: {
                    type: "string",
                    pattern: "^[0-9a-f]{64}$"
                  }
                }
              },
              action: {
                type: "object",
                additionalProperties: false,
                required: [
                  "op",
                  "target"
                ],
                properties: {
                  op: {
                    type: "string",
                    maxLength: 64,
                    minLength: 1
                  },
                  target: {
                    type: "string",
                    maxLength: 1024
                  },
                  method: {
                    type: "string",
                    maxLength: 32,
                    minLength: 1
                  },
                  host: {
                    type: "string",
                    maxLength: 300,
                    minLength: 1
                  },
                  tool: {
                    type: "string",
                    maxLength: 256
                  },
                  tenant: {
                    type: "string",
                    maxLength: 256
                  }
                }
              },
              amount: {
                type: "object",
                additionalProperties: false,
                required: [
                  "value",
                  "currency"
                ],
                properties: {
                  value: {
                    type: "string",
                    pattern: "^[0-9]{1,24}([.][0-9]{1,9})?$"
                  },
                  currency: {
                    type: "string",
                    pattern: "^[A-Z]{3}$"
                  }
                }
              },
              approver: {
                type: "object",
                additionalProperties: false,
                required: [
                  "iss",
                  "sub_c",
                  "amr",
                  "mfa",
                  "phishing_resistant"
                ],
                properties: {
                  iss: {
                    type: "string",
                    maxLength: 256,
                    minLength: 1
                  },
                  sub_c: {
                    type: "string",
                    pattern: "^[0-9a-f]{64}$"
                  },
                  domain: {
                    type: "string",
                    maxLength: 253
                  },
                  auth_time: {
                    type: "integer",
                    minimum: 0,
                    maximum: 253402300799
                  },
                  acr: {
                    type: "string",
                    maxLength: 128
                  },
                  amr: {
                    type: "array",
                    maxItems: 16,
                    items: {
                      type: "string",
                      maxLength: 32,
                      minLength: 1
                    }
                  },
                  mfa: {
                    type: "boolean"
                  },
                  phishing_resistant: {
                    type: "boolean"
                  }
                }
              },
              challenge: {
                type: "object",
                additionalProperties: false,
                required: [
                  "nonce",
                  "iat",
                  "exp",
                  "aud"
                ],
                properties: {
                  nonce: {
                    type: "string",
                    pattern: "^[A-Za-z0-9_-]{16,128}$"
                  },
                  iat: {
                    type: "integer",
                    minimum: 0,
                    maximum: 253402300799
                  },
                  exp: {
                    type: "integer",
                    minimum: 0,
                    maximum: 253402300799
                  },
                  aud: {
                    type: "string",
                    maxLength: 256,
                    minLength: 1
                  }
                }
              },
              one_time: {
                const: true
              },
              quorum: {
                type: "object",
                additionalProperties: false,
                required: [
                  "need",
                  "of",
                  "role"
                ],
                properties: {
                  need: {
                    type: "integer",
                    minimum: 1,
                    maximum: 16
                  },
                  of: {
                    type: "integer",
                    minimum: 1,
                    maximum: 1024
                  },
                  role: {
                    type: "string",
                    maxLength: 64
                  },
                  group: {
                    type: "string",
                    maxLength: 64,
                    minLength: 1
                  }
                }
              },
              sod: {
                type: "object",
                additionalProperties: false,
                required: [
                  "requester_c",
                  "distinct"
                ],
                properties: {
                  requester_c: {
                    type: "string",
                    pattern: "^[0-9a-f]{64}$"
                  },
                  distinct: {
                    type: "boolean"
                  }
                }
              },
              policy: {
                type: "object",
                additionalProperties: false,
                required: [
                  "sha256"
                ],
                properties: {
                  sha256: {
                    type: "string",
                    pattern: "^[0-9a-f]{64}$"
                  }
                }
              },
              binding: {
                type: "array",
                maxItems: 4,
                items: {
                  anyOf: [
                    {
                      type: "object",
                      additionalProperties: false,
                      required: [
                        "kind",
                        "key",
                        "client_data",
                        "authenticator_data",
                        "signature"
                      ],
                      properties: {
                        kind: {
                          const: "webauthn"
                        },
                        key: {
                          type: "string",
                          pattern: "^[0-9a-f]{64}$"
                        },
                        client_data: {
                          type: "string",
                          pattern: "^[A-Za-z0-9_-]{1,8192}$"
                        },
                        authenticator_data: {
                          type: "string",
                          pattern: "^[A-Za-z0-9_-]{1,4096}$"
                        },
                        signature: {
                          type: "string",
                          pattern: "^[A-Za-z0-9_-]{1,2048}$"
                        }
                      }
                    },
                    {
                      type: "object",
                      additionalProperties: false,
                      required: [
                        "kind",
                        "key",
                        "id_token",
                        "jwks_sha256",
                        "subject_salt"
                      ],
                      properties: {
                        kind: {
                          const: "oidc_nonce"
                        },
                        key: {
                          type: "string",
                          pattern: "^[0-9a-f]{64}$"
                        },
                        id_token: {
                          type: "string",
                          pattern: "^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$",
                          maxLength: 16384
                        },
                        jwks_sha256: {
                          type: "string",
                          pattern: "^[0-9a-f]{64}$"
                        },
                        subject_salt: {
                          type: "string",
                          pattern: "^[0-9a-f]{64}$"
                        }
                      }
                    },
                    {
                      type: "object",
                      additionalProperties: false,
                      required: [
                        "kind"
                      ],
                      properties: {
                        kind: {
                          const: "session"
                        },
                        session_c: {
                          type: "string",
                          pattern: "^[0-9a-f]{64}$"
                        }
                      }
                    }
                  ]
                }
              }
            }
          }
        }
      }
    }
  };

  // ../ts/src/schemas.ts
  var ENVELOPE = schemas_default.envelope;
  var TYPES = new Map(Object.entries(schemas_default.records));
  var STATEMENTS = schemas_default.statements;
  var compiled = /* @__PURE__ */ new Map();
  function check2(name, schema) {
    let found = compiled.get(name);
    if (found === void 0) compiled.set(name, found = compileSchema(schema()));
    return found;
  }
  function recordTypes() {
    return [...TYPES.keys()];
  }
  function isKnownType(typ) {
    return typeof typ === "string" && TYPES.has(typ);
  }
  function recordSchema(typ) {
    const own = TYPES.get(typ);
    const properties = { ...ENVELOPE["properties"], ...own["properties"] };
    return { ...ENVELOPE, ...own, properties };
  }
  function isRecord(typ, record2) {
    return check2(typ, () => recordSchema(typ))(record2);
  }
  function isEnveloped(record2) {
    return check2("", () => ENVELOPE)(record2);
  }
  function isStatement(name, statement) {
    return check2(`statement ${name}`, () => STATEMENTS[name])(statement);
  }

  // ../ts/src/statement.ts
  var NAMESPACE = "https://clyra.dev/ns";
  var FORMAT = "def/0";
  var STATEMENT_PAYLOAD = "application/vnd.in-toto+json";
  var STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
  var PREDICATE_TYPE = `${NAMESPACE}/def/bundle/v0`;
  var MAX_INTEGER = Number.MAX_SAFE_INTEGER;
  var STATEMENT = "statement.dsse.json";
  var RECORDS = "records.jsonl";
  var FRONTIER = "tree/frontier";
  var TREE_START = "tree/start";
  var TREE_END = "tree/end";
  var CONSISTENCY = "tree/consistency";
  var LEAVES = "tree/leaves";
  var ROTATIONS = "keys/rotations.dsse.jsonl";
  function closed(properties, optional = []) {
    const required = Object.keys(properties).filter((name) => !optional.includes(name));
    return { type: "object", additionalProperties: false, required, properties };
  }
  var HEX64 = { type: "string", pattern: "^[0-9a-f]{64}$" };
  var COUNT = { type: "integer", minimum: 0, maximum: MAX_INTEGER };
  var ORIGIN2 = { type: "string", minLength: 1, maxLength: 200 };
  var DIGEST = closed({ sha256: HEX64 });
  var TEXT = { type: "string" };
  var TS = {
    type: "string",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"
  };
  var PREDICATE = closed(
    {
      origin: ORIGIN2,
      start: COUNT,
      end: COUNT,
      start_root: HEX64,
      end_root: HEX64,
      prev_bundle: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
      period: closed({ from: TS, to: TS }),
      producer: closed({ name: TEXT, version: TEXT, config_sha256: HEX64 }),
      policy: { type: "array", items: closed({ uri: TEXT, digest: DIGEST }) },
      counts: { type: "object", additionalProperties: COUNT },
      sources: { type: "array", items: closed({ id: TEXT, first: COUNT, last: COUNT, lost: COUNT }) },
      retain_until: { type: "string", pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
      profile: { type: "array", items: TEXT },
      tail: { enum: ["open", "closed"] }
    },
    ["prev_bundle"]
  );
  var SUBJECT = closed({ name: { type: "string", pattern: "^[a-z0-9._/-]{1,100}$" }, digest: DIGEST });
  var isBundleStatement = compileSchema(
    closed({
      _type: { const: STATEMENT_TYPE },
      subject: { type: "array", minItems: 1, maxItems: 65536, items: SUBJECT },
      predicateType: { const: PREDICATE_TYPE },
      predicate: PREDICATE
    })
  );
  function bundleDigest(payload) {
    return `sha256:${sha256Hex(payload)}`;
  }
  var Tally = class {
    counts = /* @__PURE__ */ new Map();
    sources = /* @__PURE__ */ new Map();
    policies = /* @__PURE__ */ new Set();
    firstTs = "";
    lastTs = "";
    lastTyp = "";
    add(typ, ts, sourceId, sourceSeq, policy) {
      this.counts.set(typ, (this.counts.get(typ) ?? 0) + 1);
      const known = this.sources.get(sourceId);
      if (known === void 0) this.sources.set(sourceId, { first: sourceSeq, last: sourceSeq, lost: 0 });
      else known.last = sourceSeq;
      if (policy !== "") this.policies.add(policy);
      if (this.firstTs === "") this.firstTs = ts;
      if (ts > this.lastTs) this.lastTs = ts;
      this.lastTyp = typ;
    }
    /** A `sys.gap`, after it was added as a record. */
    addGap(source, first, last, count) {
      let known = this.sources.get(source);
      if (known === void 0) this.sources.set(source, known = { first, last, lost: 0 });
      known.last = Math.max(known.last, last);
      known.lost += count;
    }
    /** Names of the predicate's members that do not follow from the records. */
    differences(predicate) {
      const part = {
        counts: Object.fromEntries(this.counts),
        sources: [...this.sources].sort(([one], [other]) => compareText(one, other)).map(([id, { first, last, lost }]) => ({ id, first, last, lost })),
        policy: [...this.policies].sort(compareText).map((digest) => ({ uri: `${NAMESPACE}/policy/${digest}`, digest: { sha256: digest } })),
        period: { from: this.firstTs, to: this.lastTs },
        tail: this.lastTyp === "sys.close" ? "closed" : "open"
      };
      return Object.keys(part).filter((name) => encodeText(part[name]) !== encodeText(predicate[name]));
    }
  };

  // ../ts/src/time.ts
  function timestamp(seconds) {
    return `${new Date(seconds * 1e3).toISOString().slice(0, 19)}.000000Z`;
  }
  function microseconds(ts) {
    const part = (from, to) => Number(ts.slice(from, to));
    let year = part(0, 4);
    let month = part(5, 7);
    if (month <= 2) {
      year -= 1;
      month += 12;
    }
    const days = 365 * year + Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400) + Math.floor((153 * (month - 3) + 2) / 5) + part(8, 10) - 719469;
    const seconds = ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60 + part(17, 19);
    return BigInt(seconds) * 1000000n + BigInt(part(20, 26));
  }

  // ../ts/src/approvals.ts
  var MAX_CERTIFICATE = 1 << 20;
  var FOLDER = "approvals/";
  var SUFFIX = ".dsse.json";
  var FailedError = class extends Error {
    constructor(code2, detail) {
      super(detail);
      this.code = code2;
      this.detail = detail;
    }
    code;
    detail;
  };
  async function checkApprovals(consumes, members, keys, start) {
    const check3 = new Check(keys);
    for (const [member, raw] of members) check3.addCertificate(member, raw);
    const findings = [];
    if (consumes.length > 0 && start > 0) {
      const seq = consumes[0]["seq"];
      findings.push({ code: "W_APPROVAL_GLOBAL_UNCHECKED", seq, member: RECORDS, detail: "" });
    }
    const counts = { operator_asserted: 0, valid: 0 };
    for (const record2 of consumes) {
      const { held, found } = await check3.consume(record2);
      findings.push(...found);
      if (!held) continue;
      counts.valid++;
      if (found.some(({ code: code2 }) => code2 === "W_APPROVAL_OPERATOR_ASSERTED")) counts.operator_asserted++;
    }
    return { findings, counts };
  }
  function memberName(digest) {
    return `${FOLDER}${digest}${SUFFIX}`;
  }
  var Check = class {
    constructor(keys) {
      this.keys = keys;
    }
    keys;
    known = /* @__PURE__ */ new Map();
    /** Why a member is no certificate, "" when it could not be read at all. */
    broken = /* @__PURE__ */ new Map();
    byId = /* @__PURE__ */ new Map();
    used = /* @__PURE__ */ new Set();
    addCertificate(member, raw) {
      const digest = member.slice(FOLDER.length, -SUFFIX.length);
      if (raw === null) {
        this.broken.set(digest, "");
        return;
      }
      const parsed = parseCertificate(raw);
      if (parsed === null || member !== memberName(parsed.digest)) {
        this.broken.set(digest, "it is not the certificate it is named after");
        return;
      }
      this.known.set(digest, parsed);
      this.byId.set(parsed.approval.id, [...this.byId.get(parsed.approval.id) ?? [], parsed]);
    }
    /** Judge one consume record: whether all its certificates hold, and what is to be said of them. */
    async consume(record2) {
      const { seq, appr, data } = record2;
      const digests = [.../* @__PURE__ */ new Set([appr.cert_sha256, ...data.certificates ?? []])];
      const together = digests.flatMap((digest) => this.known.get(digest) ?? []);
      const found = [];
      let held = true;
      for (const digest of digests) {
        const member = memberName(digest);
        if (this.broken.get(digest) === "") {
          held = false;
          continue;
        }
        try {
          const proofs = await this.judge(digest, record2, together);
          found.push(...warningsOf(this.known.get(digest), proofs).map((code2) => ({ code: code2, seq, member, detail: "" })));
        } catch (error) {
          if (!(error instanceof FailedError)) throw error;
          held = false;
          found.push({ code: error.code, seq, member, detail: error.detail });
        }
      }
      for (const id of [appr.id, ...together.map(({ approval }) => approval.id)]) this.used.add(id);
      return { held, found };
    }
    /** All questions about one certificate, in order. Throws FailedError at the first it fails. */
    async judge(digest, record2, together) {
      const certificate = await this.find(digest, record2);
      const keys = this.approverKeys(certificate, record2.seq);
      askAboutRecord(certificate, record2);
      const proofs = await proveBindings(certificate, keys);
      checkFactors(certificate, proofs);
      checkQuorum(certificate, together);
      return proofs;
    }
    async find(digest, record2) {
      const found = this.known.get(digest);
      const broken = this.broken.get(digest);
      if (broken !== void 0) throw new FailedError("E_APPROVAL_SIG", broken);
      if (found === void 0 || digest === record2.appr.cert_sha256 && found.approval.id !== record2.appr.id) {
        throw new FailedError("E_APPROVAL_MISSING", "no certificate of that digest and id");
      }
      const group = groupOf(found);
      const others = this.byId.get(found.approval.id).filter((one) => one.digest !== digest);
      if (others.some((one) => !(groupOf(one) !== "" && groupOf(one) === group))) {
        throw new FailedError("E_APPROVAL_AMBIGUOUS", "another certificate has the same id");
      }
      if (!await this.isSealed(found, record2.seq)) {
        throw new FailedError("E_APPROVAL_SIG", "not signed by a trusted seal key");
      }
      if (this.used.has(found.approval.id)) throw new FailedError("E_APPROVAL_REUSED", "it was consumed before");
      return found;
    }
    /** Every signature good and by a seal key, one of them not compromised. A key may have retired since. */
    async isSealed({ envelope }, size) {
      const seals = new Map([...this.keys].filter(([, key]) => key.role === "seal"));
      const signers = await envelope.signers(seals);
      const sound = signers.some((id) => seals.get(id).refusalAt(size) !== "E_KEY_COMPROMISED");
      return sound && signers.length === envelope.signatures.length;
    }
    /** The key of each binding, which must be this approver's. */
    approverKeys({ approval }, size) {
      return approval.binding.map((binding) => {
        if (binding.kind === SESSION) return null;
        const key = this.keys.get(binding.key);
        if (key === void 0 || key.refusalAt(size) !== "" || !belongsTo(key, binding.kind, approval.approver)) {
          throw new FailedError("E_APPROVAL_APPROVER", "the key of the binding is not this approver's");
        }
        return key;
      });
    }
  };
  function groupOf({ approval }) {
    return approval.quorum.group ?? "";
  }
  function belongsTo(key, kind, approver) {
    const { iss, subC, rpId } = key.about;
    const named = kind === WEBAUTHN ? subC !== "" && rpId !== "" : kind === OIDC && iss !== "";
    const same = (iss === "" || iss === approver.iss) && (subC === "" || subC === approver.sub_c);
    return key.role === "approver_idp" && named && same;
  }
  function parseCertificate(raw) {
    if (raw.length > MAX_CERTIFICATE) return null;
    try {
      const envelope = parseEnvelope(raw, STATEMENT_PAYLOAD);
      const document2 = checkStrict(envelope.payload, MAX_CERTIFICATE);
      if (!isStatement("pef.approval", document2)) return null;
      const { subject, predicate } = document2;
      if (subject[0].name !== "payload" || subject[1].name !== "action") return null;
      const [payload, action] = subject.map(({ digest: digest2 }) => digest2.sha256);
      const digest = sha256Hex(envelope.payload);
      return { digest, envelope, approval: predicate, payloadSubject: payload, actionSubject: action };
    } catch (error) {
      if (error instanceof DsseError || error instanceof CanonicalError) return null;
      throw error;
    }
  }
  function askAboutRecord(certificate, record2) {
    const { approval } = certificate;
    const { sod, payload, challenge } = approval;
    const ask = (good, code2, detail) => {
      if (!good) throw new FailedError(code2, detail);
    };
    ask(sod.distinct && sod.requester_c !== approval.approver.sub_c, "E_APPROVAL_SOD", "the approver is the requester");
    const samePayload = record2.data.payload_sha256 === payload.sha256 && certificate.payloadSubject === payload.sha256;
    ask(samePayload, "E_APPROVAL_PAYLOAD", "another payload was approved");
    ask(isSameAction(certificate, record2), "E_APPROVAL_ACTION", "another action was approved");
    ask(record2.ts >= timestamp(challenge.iat), "E_APPROVAL_NOT_YET", "it was used before it was asked for");
    ask(record2.ts <= timestamp(challenge.exp), "E_APPROVAL_EXPIRED", "it was used after its time");
    ask(approval.decision === "grant", "E_APPROVAL_POLICY", "it is a refusal");
    const samePolicy = approval.policy.sha256 === record2.verdict.policy_sha256;
    ask(samePolicy, "E_APPROVAL_POLICY", "it was given under another policy");
    const answered = approval.binding.every((binding) => checkChallenge(binding, approval));
    ask(answered, "E_APPROVAL_NONCE", "it answers another challenge");
  }
  function isSameAction({ approval, actionSubject }, { act, agent }) {
    const { action } = approval;
    const bound = ["op", "target", "tool", ...["method", "host"].filter((name) => name in action)];
    const same = bound.every((name) => action[name] === act[name]) && action["tenant"] === agent["tenant"];
    return same && sha256Hex(encode(action)) === actionSubject;
  }
  async function proveBindings({ approval }, keys) {
    if (approval.binding.length === 0) throw new FailedError("E_APPROVAL_BINDING", "nothing ties it to a person");
    const proofs = [];
    try {
      for (const [i, binding] of approval.binding.entries()) proofs.push(await prove(binding, approval, keys[i]));
    } catch (error) {
      if (error instanceof BindingError) throw new FailedError("E_APPROVAL_BINDING", error.message);
      throw error;
    }
    return proofs;
  }
  function checkFactors({ approval }, proofs) {
    const { approver } = approval;
    const asserted = proofs.every(({ kind }) => kind === SESSION);
    const multiple = asserted ? approver.amr.includes("mfa") : proofs.some(({ userVerified, methods }) => userVerified || methods.includes("mfa"));
    if (approver.mfa && !multiple) throw new FailedError("E_APPROVAL_MFA", "no second factor is shown");
    if (approver.phishing_resistant && !proofs.some(({ kind }) => kind === WEBAUTHN)) {
      throw new FailedError("E_APPROVAL_MFA", "no authenticator is shown");
    }
  }
  function checkQuorum(certificate, together) {
    const { need } = certificate.approval.quorum;
    const group = groupOf(certificate);
    const persons = new Set(
      together.filter((one) => groupOf(one) === group).map(({ approval }) => approval.approver.sub_c)
    );
    if (need > 1 && (group === "" || persons.size < need)) {
      throw new FailedError("E_APPROVAL_QUORUM", `${persons.size} of ${need} approvers`);
    }
  }
  function warningsOf({ approval }, proofs) {
    return [
      ...proofs.every(({ kind }) => kind === SESSION) ? ["W_APPROVAL_OPERATOR_ASSERTED"] : [],
      ...approval.payload.c14n === "raw" ? ["W_PAYLOAD_RAW"] : []
    ];
  }

  // ../ts/src/attestations.ts
  var RESULTS = [
    `${NAMESPACE}/compliance/result/v0`,
    "https://in-toto.io/attestation/svr/v0.2"
  ];
  async function attestationRefusal(raw, ring, bundle, end) {
    let envelope;
    try {
      envelope = parseEnvelope(raw, STATEMENT_PAYLOAD);
    } catch (error) {
      if (error instanceof DsseError) return error.code;
      throw error;
    }
    const keys = new Map([...ring.ofRole("seal"), ...ring.ofRole("auditor")]);
    const signers = await envelope.signers(keys);
    const named = envelope.signatures.filter(([id]) => keys.has(id)).length;
    if (signers.length !== named || signers.every((id) => keys.get(id).refusalAt(end, false) !== "")) {
      return "E_DSSE_SIG";
    }
    return statementRefusal(envelope.payload, bundle);
  }
  function statementRefusal(payload, bundle) {
    let document2;
    try {
      document2 = checkStrict(payload, MAX_ENVELOPE);
    } catch (error) {
      if (error instanceof CanonicalError) return "E_STMT_TYPE";
      throw error;
    }
    if (!isObject(document2) || document2["_type"] !== STATEMENT_TYPE) return "E_STMT_TYPE";
    const subjects = document2["subject"];
    if (!Array.isArray(subjects)) return "E_STMT_TYPE";
    if (!RESULTS.includes(document2["predicateType"])) return "E_STMT_PREDICATE";
    return subjects.some((subject) => `sha256:${digestOf(subject)}` === bundle) ? "" : "E_MEMBER_DIGEST";
  }
  function digestOf(subject) {
    const digest = isObject(subject) ? subject["digest"] : void 0;
    const found = isObject(digest) ? digest["sha256"] : void 0;
    return typeof found === "string" ? found : "";
  }

  // ../ts/src/disclosures.ts
  var FORMAT2 = "def-disclosure/0";
  var MAX_LINE = 16 << 20;
  function factsOf(record2) {
    const commitments = /* @__PURE__ */ new Map();
    const io = record2["io"];
    for (const name of ["req", "res"]) {
      const part = io?.[name];
      if (typeof part?.["c"] === "string") commitments.set(name, part["c"]);
    }
    const target = record2["data"]["target_c"];
    if (typeof target === "string") commitments.set("target", target);
    return { commitments, digests: new Set(record2["sd"] ?? []) };
  }
  var malformed2 = { code: "E_DISCLOSURE_DIGEST", detail: "it is not a disclosure" };
  function checkDisclosures(facts2, raw) {
    if (facts2 === void 0) {
      return { wrong: [{ code: "E_DISCLOSURE_DIGEST", detail: "there is no such record to compare with" }], good: 0 };
    }
    const wrong = [];
    let good = 0;
    let at = 0;
    for (let stop = raw.indexOf(10); stop >= 0; stop = raw.indexOf(10, at)) {
      const refused = judge(raw.subarray(at, stop), facts2);
      if (refused === null) good++;
      else wrong.push(refused);
      at = stop + 1;
    }
    if (at < raw.length) wrong.push({ code: "E_DISCLOSURE_DIGEST", detail: "the last line has no end" });
    return { wrong, good };
  }
  function judge(line, facts2) {
    let document2;
    try {
      document2 = checkStrict(line, MAX_LINE);
    } catch (error) {
      if (error instanceof CanonicalError) return malformed2;
      throw error;
    }
    if (!isObject(document2) || document2["v"] !== FORMAT2) return malformed2;
    const names = Object.keys(document2).sort().join();
    const { kind, disclosure, field, salt, value } = document2;
    if (kind === "sd") {
      if (names !== "disclosure,kind,v" || typeof disclosure !== "string" || !/^[A-Za-z0-9_-]+$/.test(disclosure)) {
        return malformed2;
      }
      const known = facts2.digests.has(base64url(sha256(utf8(disclosure))));
      return known ? null : { code: "E_DISCLOSURE_DIGEST", detail: "the record has no such digest" };
    }
    if (kind !== "body" || names !== "field,kind,salt,v,value" || typeof field !== "string") return malformed2;
    if (!["req", "res", "target"].includes(field) || typeof salt !== "string" || typeof value !== "string") {
      return malformed2;
    }
    const body2 = fromBase64(value);
    if (!/^[0-9a-f]{64}$/.test(salt) || body2 === null) return malformed2;
    const same = hex(hmacSha256(fromHex(salt), body2)) === facts2.commitments.get(field);
    return same ? null : { code: "E_COMMITMENT", detail: `the record committed to another ${field}` };
  }

  // ../ts/src/details.ts
  var MAX_DISCLOSURES = 64 << 20;
  async function checkDetails(report, members, ring, pass) {
    report.erased = pass.erased;
    const names = members.approvals();
    report.approvals.certificates = names.length;
    report.approvals.consumed = pass.consumes.length;
    if (names.length > 0 || pass.consumes.length > 0) {
      if (ring === null) report.skipped.add("approvals");
      else await approvals(report, members, names, ring, pass);
    }
    for (const { number: seq, name } of members.disclosures()) {
      const raw = await members.small(name, MAX_DISCLOSURES);
      if (raw === null) continue;
      const { wrong, good } = checkDisclosures(pass.facts.get(seq), raw);
      report.disclosed += good;
      for (const { code: code2, detail } of wrong) report.add(code2, place(name, detail, seq));
    }
  }
  async function approvals(report, members, names, ring, pass) {
    const certificates = /* @__PURE__ */ new Map();
    for (const name of names) certificates.set(name, await members.small(name));
    const { findings, counts } = await checkApprovals(pass.consumes, certificates, ring.keys, report.start);
    Object.assign(report.approvals, counts);
    for (const { code: code2, seq, member, detail } of findings) report.add(code2, place(member, detail, seq));
  }
  async function checkAttestations(report, members, ring, brought) {
    const judge2 = async (name, raw) => {
      const code2 = await attestationRefusal(raw, ring, report.bundle, report.end);
      if (code2 !== "") report.add(code2, place(name));
    };
    for (const name of members.attestations()) {
      const raw = await members.small(name, MAX_ENVELOPE);
      if (raw !== null) await judge2(name, raw);
    }
    for (const raw of brought) await judge2("attestation", raw);
  }

  // ../ts/src/merkle.ts
  var HASH_SIZE = 32;
  var ProofError = class extends Error {
  };
  function leafHash(line) {
    return sha256(concat([Uint8Array.of(0), line]));
  }
  var PAIR = new Uint8Array(1 + 2 * HASH_SIZE);
  PAIR[0] = 1;
  function nodeHash(left, right) {
    PAIR.set(left, 1);
    PAIR.set(right, 1 + HASH_SIZE);
    return sha256(PAIR);
  }
  function ones(size) {
    let count = 0;
    for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
    return count;
  }
  var Frontier = class {
    constructor(size = 0, nodes = []) {
      this.size = size;
      this.nodes = nodes;
      if (nodes.length !== ones(size)) {
        throw new ProofError(`a frontier of size ${size} has ${ones(size)} nodes, not ${nodes.length}`);
      }
      if (nodes.some((node) => node.length !== HASH_SIZE)) throw new ProofError("a frontier node is 32 bytes");
    }
    size;
    nodes;
    /** Add one leaf hash: merge as many perfect subtrees as the size has trailing one bits. */
    append(leaf) {
      let node = leaf;
      for (let size = this.size; size % 2 === 1; size = (size - 1) / 2) node = nodeHash(this.nodes.pop(), node);
      this.nodes.push(node);
      this.size++;
    }
    root() {
      if (this.nodes.length === 0) return sha256(new Uint8Array(0));
      return this.nodes.reduceRight((root, node) => nodeHash(node, root));
    }
  };
  var half = (value) => Math.floor(value / 2);
  var odd = (value) => value % 2 === 1;
  function verifyConsistency(first, second, proof, firstRoot, secondRoot) {
    if (!(0 < first && first <= second)) throw new ProofError("the sizes are out of order, or from the empty tree");
    if (first === second) {
      if (proof.length > 0 || !equal(firstRoot, secondRoot)) throw new ProofError("equal trees need equal roots");
      return;
    }
    const path = ones(first) === 1 ? [firstRoot, ...proof] : [...proof];
    if (path.length === 0) throw new ProofError("the proof is empty");
    let at = first - 1;
    let last = second - 1;
    while (odd(at)) {
      at = half(at);
      last = half(last);
    }
    let before = path[0];
    let after = path[0];
    for (const node of path.slice(1)) {
      if (last === 0) throw new ProofError("the proof is too long");
      if (odd(at) || at === last) {
        before = nodeHash(node, before);
        after = nodeHash(node, after);
        while (!odd(at) && at !== 0) {
          at = half(at);
          last = half(last);
        }
      } else {
        after = nodeHash(after, node);
      }
      at = half(at);
      last = half(last);
    }
    if (last !== 0 || !equal(before, firstRoot) || !equal(after, secondRoot)) {
      throw new ProofError("the proof does not lead to both roots");
    }
  }

  // ../ts/src/note.ts
  var MAX_NOTE = 65536;
  var MAX_SIGNATURES2 = 16;
  var CHECKPOINT_KEY = 1;
  var COSIGNATURE_KEY = 4;
  var NAME2 = /^[^+\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{1,200}$/u;
  var DECIMAL = /^(0|[1-9][0-9]{0,18})$/;
  var NoteError = class extends Error {
    constructor(code2, detail) {
      super(`${code2}: ${detail}`);
      this.code = code2;
      this.detail = detail;
    }
    code;
    detail;
  };
  function malformed3(detail) {
    return new NoteError("E_CKPT_FORMAT", detail);
  }
  function splitNote(raw) {
    if (raw.length > MAX_NOTE) throw malformed3("the note is too long");
    const decoded2 = fromUtf8(raw);
    if (decoded2 === null) throw malformed3("the note is not UTF-8");
    if (/[\u0000-\u0009\u000b-\u001f]/.test(decoded2)) throw malformed3("the note has a control character");
    const split = decoded2.lastIndexOf("\n\n");
    if (split < 0 || !decoded2.endsWith("\n") || decoded2.length === split + 2) {
      throw malformed3("no signature block after an empty line");
    }
    const lines = decoded2.slice(split + 2, -1).split("\n");
    if (lines.length > MAX_SIGNATURES2) throw malformed3("too many signatures");
    return { text: decoded2.slice(0, split + 1), signatures: lines.map(parseSignature) };
  }
  function parseSignature(line) {
    const parts2 = line.split(" ");
    const [mark, name, blob] = parts2;
    if (parts2.length !== 3 || mark !== "\u2014" || !NAME2.test(name)) {
      throw malformed3("a signature line is not `\u2014 name base64`");
    }
    const raw = strictBase64(blob);
    if (raw.length < 5) throw malformed3("a signature is too short");
    return { name, keyId: raw.subarray(0, 4), value: raw.subarray(4) };
  }
  function isKeyName(name) {
    return NAME2.test(name);
  }
  function canonicalDecimal(text) {
    if (!DECIMAL.test(text)) return null;
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : null;
  }
  function parseCheckpoint(raw) {
    const { text, signatures } = splitNote(raw);
    const lines = text.split("\n").slice(0, -1);
    if (lines.length > 3) throw new NoteError("E_CKPT_EXT", "extension lines are not used in this format");
    if (lines.length < 3 || lines[0] === "") throw malformed3("a checkpoint has three lines: origin, size, root");
    const size = canonicalDecimal(lines[1]);
    if (size === null) throw malformed3("the size is not a canonical decimal");
    return { origin: lines[0], size, root: strictBase64(lines[2], HASH_SIZE), text: utf8(text), signatures };
  }
  function strictBase64(text, size) {
    const raw = fromBase64(text);
    if (raw === null) throw malformed3("bad base64");
    if (size !== void 0 && raw.length !== size) throw malformed3("base64 of the wrong length");
    return raw;
  }
  function noteKeyId(name, kind, key) {
    return sha256(concat([utf8(`${name}
`), Uint8Array.of(kind), key])).subarray(0, 4);
  }
  async function signersOf(checkpoint, name, keys) {
    const found = [];
    for (const candidate of keys) {
      const wanted = noteKeyId(name, CHECKPOINT_KEY, candidate.key);
      for (const line of checkpoint.signatures) {
        if (line.name !== name || !equal(line.keyId, wanted)) continue;
        if (!await verifies(ED25519, candidate.key, line.value, checkpoint.text)) continue;
        found.push(candidate);
        break;
      }
    }
    return found;
  }

  // ../ts/src/members.ts
  var MAX_SMALL = 1 << 20;
  var ANCHOR = /^anchors\/(0|[1-9][0-9]{0,15})\.(cosig|tsr|wh\.json)$/;
  var DISCLOSURE = /^disclosures\/(0|[1-9][0-9]{0,15})\.jsonl$/;
  var ATTESTATION = /^attestations\/[a-z0-9._-]+\.dsse\.json$/;
  var APPROVAL = /^approvals\/.*\.dsse\.json$/;
  var BESIDE = /* @__PURE__ */ new Set([STATEMENT, TREE_START, TREE_END, CONSISTENCY, LEAVES]);
  var Members = class {
    constructor(report, container, host) {
      this.report = report;
      this.container = container;
      this.host = host;
      this.names = new Set(container.names);
      for (const damage of container.damage) report.addContainer(damage);
    }
    report;
    container;
    host;
    names;
    has(name) {
      return this.names.has(name);
    }
    /** The member's bytes in chunks. Throws ContainerError. */
    stream(name) {
      return this.container.stream(name);
    }
    /** A member that is there, whole, or null after saying why it cannot be read. */
    small(name, limit = MAX_SMALL) {
      return this.orReport(() => readMember(this.container, name, limit));
    }
    /** Hex SHA-256 of a member, or null after saying why it cannot be read. */
    digest(name) {
      return this.orReport(async () => {
        const digest = this.host.digest();
        for await (const chunk of this.container.stream(name)) digest.update(chunk);
        return hex(digest.final());
      });
    }
    /** What `read` gives, or null after reporting a container's refusal. */
    async orReport(read) {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof ContainerError)) throw error;
        this.report.addContainer(error);
        return null;
      }
    }
    /** Members that nothing covers and that have no place beside the statement, by name. */
    unlisted(subjects) {
      const beside = /* @__PURE__ */ new Set([...BESIDE, ...[...this.anchors(), ...this.disclosures()].map(({ name }) => name)]);
      return [...this.names].filter((name) => !subjects.has(name) && !beside.has(name) && !ATTESTATION.test(name)).sort(compareText);
    }
    /** `anchors/<size>.<kind>` by size, then name. */
    anchors() {
      return this.numbered(ANCHOR);
    }
    /** `disclosures/<seq>.jsonl` by place of the record. */
    disclosures() {
      return this.numbered(DISCLOSURE);
    }
    attestations() {
      return [...this.names].filter((name) => ATTESTATION.test(name)).sort(compareText);
    }
    approvals() {
      return [...this.names].filter((name) => APPROVAL.test(name)).sort(compareText);
    }
    numbered(pattern) {
      return [...this.names].flatMap((name) => {
        const match = pattern.exec(name);
        const number2 = match === null ? null : canonicalDecimal(match[1]);
        return match === null || number2 === null ? [] : [{ name, number: number2, kind: match[2] ?? "" }];
      }).sort((one, other) => one.number - other.number || compareText(one.name, other.name));
    }
  };

  // ../ts/src/signatures.ts
  async function statementRefusal2(envelope, ring, size) {
    const keys = ring.ofRole("seal");
    const failed = ring.failedOfRole("seal");
    const signers = await envelope.signers(new Map([...failed, ...keys]));
    if (signers.length !== envelope.signatures.length) return "E_DSSE_SIG";
    const good = signers.flatMap((id) => keys.get(id) ?? []);
    const refusals = good.map((key) => key.refusalAt(size, false)).sort();
    if (refusals.includes("") || signers.some((id) => failed.has(id))) return "";
    return refusals[0];
  }
  async function checkpointRefusal(checkpoint, ring, origin, lower) {
    const signers = await signersOf(checkpoint, origin, [...ring.ofRole("log").values()]);
    const refusals = signers.map((key) => key.refusalAt(checkpoint.size, lower)).sort();
    if (refusals.includes("")) return "";
    if (refusals.length > 0) return refusals[0];
    const failed = await signersOf(checkpoint, origin, [...ring.failedOfRole("log").values()]);
    return failed.length > 0 ? "" : "E_CKPT_SIG";
  }
  async function isLogSigned(checkpoint, ring) {
    if (ring === null) return true;
    const signers = await signersOf(checkpoint, checkpoint.origin, [...ring.ofRole("log").values()]);
    return signers.some((key) => key.refusalAt(checkpoint.size, false) === "");
  }

  // ../ts/src/outside.ts
  var MAX_TIME = 253402300799;
  var SKEW_S = 300;
  var isDefAnchor = compileSchema(
    closed(
      {
        v: { const: "def-anchor/0" },
        kind: { enum: ["warehouse", "git", "object"] },
        origin: ORIGIN2,
        size: { type: "integer", minimum: 1 },
        root: HEX64,
        location: { type: "string", maxLength: 1024 },
        version: { type: "string", maxLength: 256 },
        written_at: { type: "string", maxLength: 64 }
      },
      ["version", "written_at"]
    )
  );
  var Outside = class {
    constructor(report, members, predicate, trust, ring, brought) {
      this.report = report;
      this.members = members;
      this.predicate = predicate;
      this.trust = trust;
      this.ring = ring;
      this.brought = brought;
      this.sizes = /* @__PURE__ */ new Set([predicate.start, predicate.end]);
    }
    report;
    members;
    predicate;
    trust;
    ring;
    brought;
    /** Tree sizes whose roots are wanted. */
    sizes;
    limits = [];
    inside = /* @__PURE__ */ new Map();
    files = [];
    cosignatures = /* @__PURE__ */ new Map();
    anchored = /* @__PURE__ */ new Set();
    accepted = [];
    consistency = null;
    treeEnd = null;
    /** Read what may be asked about roots. end: the bundle's own last checkpoint, if nothing speaks against it. */
    async gather(end) {
      const { files, predicate } = this;
      for (const { name, number: size, kind } of this.windowMembers()) {
        this.sizes.add(size);
        const raw = kind === "cosig" ? await this.members.small(name, MAX_NOTE) : null;
        if (raw === null) continue;
        const source = await this.readNote(raw, name);
        const problem = source.problem === "" && source.size !== size ? "of another size than its name says" : "";
        this.inside.set(name, problem === "" ? source : { ...source, problem });
      }
      for (const raw of this.brought.checkpoints ?? []) files.push(await this.readNote(raw, "checkpoint"));
      for (const raw of this.brought.anchors ?? []) {
        files.push(raw[0] === 123 ? this.readPlaced(raw) : await this.readNote(raw, "anchor"));
      }
      this.consistency = await this.readConsistency();
      const remembered = this.brought.memory?.of(predicate.origin)?.size ?? -1;
      for (const size of [...files.filter(({ problem }) => problem === "").map(({ size: size2 }) => size2), remembered]) {
        if (size >= predicate.start && size <= predicate.end) this.sizes.add(size);
      }
      if (end !== null) {
        this.treeEnd = { member: TREE_END, size: end.size, root: end.root, checkpoint: end, problem: "" };
      }
      for (const source of this.notes()) await this.readCosignatures(source);
    }
    /** Compare with the computed roots (null: they are not the log's, or there are none). */
    judge(roots, receipts) {
      this.judgeMembers(roots, receipts);
      for (const source of this.files) this.judgeFile(source, roots);
      this.judgeMemory(roots);
      this.judgeConsistency(roots);
      if (roots === null) this.report.skipped.add("anchors");
      else this.judgeWitnesses();
      this.result();
    }
    /** The warehouse receipts inside the window. */
    async receipts() {
      const found = /* @__PURE__ */ new Map();
      for (const { name, kind } of this.windowMembers()) {
        const raw = kind === "wh.json" ? await this.members.small(name, MAX_NOTE) : null;
        if (raw !== null) found.set(name, raw);
      }
      return found;
    }
    // -- gathering -------------------------------------------------------------------------------------------------
    windowMembers() {
      return this.members.anchors().filter(({ number: number2 }) => this.isInside(number2));
    }
    isInside(size) {
      return size > this.predicate.start && size <= this.predicate.end;
    }
    async readNote(raw, member) {
      let found;
      try {
        found = parseCheckpoint(raw);
      } catch (error) {
        if (!(error instanceof NoteError)) throw error;
        return { member, size: 0, root: new Uint8Array(0), checkpoint: null, problem: error.detail };
      }
      let problem = "";
      if (found.origin !== this.predicate.origin) problem = "it is of another log";
      else if (!await isLogSigned(found, this.ring)) problem = "it is not signed by the log's key";
      return { member, size: found.size, root: found.root, checkpoint: found, problem };
    }
    readPlaced(raw) {
      const found = parsePlaced(raw);
      const { size, root } = found ?? { size: 0, root: new Uint8Array(0) };
      const problem = found === null ? "malformed" : found.origin === this.predicate.origin ? "" : "of another log";
      return { member: "anchor", size, root, checkpoint: null, problem };
    }
    async readConsistency() {
      if (!this.members.has(CONSISTENCY)) return null;
      const raw = await this.members.small(CONSISTENCY);
      if (raw === null) return null;
      const lines = fromLatin1(raw).split("\n");
      const rest = lines.pop();
      const size = canonicalDecimal(lines[0] ?? "");
      try {
        const proof = lines.slice(1).map((line) => strictBase64(line, HASH_SIZE));
        if (rest === "" && size !== null && size > 0 && size < this.predicate.end) return { size, proof };
      } catch (error) {
        if (!(error instanceof NoteError)) throw error;
      }
      this.report.add("E_PROOF_FORMAT", place(CONSISTENCY));
      return null;
    }
    /** Notes of this log, of sizes in (start, end], in order. */
    notes() {
      const inside = this.windowMembers().flatMap(({ name }) => this.inside.get(name) ?? []);
      return [...this.treeEnd === null ? [] : [this.treeEnd], ...inside, ...this.files].filter(
        (source) => source.checkpoint !== null && source.problem === "" && this.isInside(source.size)
      );
    }
    async readCosignatures(source) {
      const found = [];
      let wrong = 0;
      for (const key of this.ring?.ofRole("witness").values() ?? []) {
        const told = await cosigned(source.checkpoint, key);
        wrong += told.wrong;
        if (key.refusalAt(source.size) === "") found.push(...told.found);
      }
      this.cosignatures.set(source, { found, wrong });
      for (const { size, time } of found) this.limits.push({ size, ts: timestamp(Math.min(time + SKEW_S, MAX_TIME)) });
    }
    // -- judging ---------------------------------------------------------------------------------------------------
    judgeMembers(roots, receipts) {
      for (const { name, number: size, kind } of this.members.anchors()) {
        if (!this.isInside(size)) {
          this.report.skipped.add(`${name}: outside the window`);
        } else if (roots !== null) {
          const source = this.inside.get(name);
          const receipt = receipts.get(name);
          if (source !== void 0) this.compare(source, roots);
          else if (receipt !== void 0) this.judgeReceipt(name, size, receipt, roots);
          else if (kind === "tsr") this.report.skipped.add(`${name}: profile time`);
        }
      }
    }
    judgeReceipt(name, size, raw, roots) {
      const found = parsePlaced(raw);
      const fits = found?.origin === this.predicate.origin && found.size === size && equal(found.root, roots.get(size));
      if (fits) this.report.skipped.add(`${name}: does not anchor`);
      else this.fail("E_ANCHOR_MISMATCH", name, "malformed, or it shows another root");
    }
    judgeFile(source, roots) {
      const { member, size } = source;
      if (source.problem !== "") {
        this.fail("E_ANCHOR_MISMATCH", member, source.problem);
      } else if (size > this.predicate.end) {
        if (this.brought.older === true) this.report.skipped.add(`${member}: newer than the bundle`);
        else this.fail("E_ROLLBACK", member, `the log already had ${size} records`);
      } else if (size < this.predicate.start) {
        if (this.consistency?.size !== size) this.report.skipped.add(`${member}: older than the window`);
      } else if (roots !== null && this.compare(source, roots)) {
        this.anchored.add(size);
      }
    }
    /** Whether an outside root is the computed one; reports it when not. */
    compare(source, roots) {
      if (source.problem !== "") {
        this.fail("E_ANCHOR_MISMATCH", source.member, source.problem);
        return false;
      }
      if (!equal(roots.get(source.size), source.root)) {
        const code2 = source.checkpoint === null ? "E_ANCHOR_MISMATCH" : "E_SPLIT_VIEW";
        this.fail(code2, source.member, `at size ${source.size}`);
        return false;
      }
      if (source.checkpoint !== null) this.accepted.push(source);
      return true;
    }
    judgeMemory(roots) {
      const seen = this.brought.memory?.of(this.predicate.origin);
      if (seen === void 0) return;
      const { start, end } = this.predicate;
      if (seen.size > end) {
        if (this.brought.older === true) this.report.skipped.add("memory: newer than the bundle");
        else this.fail("E_ROLLBACK", "memory", `the log already had ${seen.size} records`);
      } else if (seen.size < start) {
        this.fail("E_BUNDLE_GAP", "memory", `records ${seen.size} to ${start - 1} were never seen`);
      } else if (roots !== null) {
        if (equal(roots.get(seen.size), seen.root)) this.anchored.add(seen.size);
        else this.fail("E_SPLIT_VIEW", "memory", `at size ${seen.size}`);
      }
    }
    judgeConsistency(roots) {
      if (this.consistency === null || roots === null) return;
      const { size, proof } = this.consistency;
      const { start, end } = this.predicate;
      const known = this.files.filter((source) => source.problem === "" && source.size === size).map(({ root }) => ({ root, anchors: size < start }));
      const seen = this.brought.memory?.of(this.predicate.origin);
      if (seen?.size === size) known.push({ root: seen.root, anchors: false });
      if (known.length === 0) this.report.skipped.add("tree/consistency: no outside root of its size");
      for (const { root, anchors } of known) {
        try {
          verifyConsistency(size, end, proof, root, roots.get(end));
          if (anchors) this.anchored.add(size);
        } catch (error) {
          if (!(error instanceof ProofError)) throw error;
          this.fail("E_CONSISTENCY", CONSISTENCY, error.message);
        }
      }
    }
    judgeWitnesses() {
      if (this.trust === null) return;
      if (this.treeEnd !== null) this.accepted.unshift(this.treeEnd);
      const bySize = /* @__PURE__ */ new Map();
      for (const source of this.accepted) {
        const { found, wrong } = this.cosignatures.get(source) ?? { found: [], wrong: 0 };
        for (let i = 0; i < wrong; i++) this.fail("E_WITNESS_SIG", source.member, `at size ${source.size}`);
        for (const one of found) bySize.set(one.size, [...bySize.get(one.size) ?? [], one]);
      }
      const need = Math.max(1, this.trust.witnessNeed);
      const namesAt = (size) => new Set(bySize.get(size).map(({ key }) => key.about.name));
      const quorate = [...bySize.keys()].filter((size) => namesAt(size).size >= need);
      if (quorate.length === 0) {
        if (this.trust.witnessNeed > 0) this.fail("E_WITNESS_QUORUM", "", `${need} needed`);
        return;
      }
      const largest = Math.max(...quorate);
      const counted = bySize.get(largest);
      if (counted.every(({ key }) => key.about.sameAdmin)) this.fail("W_WITNESS_SAME_ADMIN", "", "");
      for (const size of quorate) this.anchored.add(size);
      if (largest === Math.max(...this.anchored)) this.nameWitnesses(counted, need);
    }
    nameWitnesses(counted, need) {
      const earliest = /* @__PURE__ */ new Map();
      for (const { key, time } of counted) {
        earliest.set(key.about.name, Math.min(time, earliest.get(key.about.name) ?? time));
      }
      this.report.witnesses = [...earliest.keys()];
      this.report.anchoredAt = timestamp([...earliest.values()].sort((one, other) => one - other)[need - 1]);
    }
    result() {
      const { end } = this.predicate;
      this.report.anchoredEnd = Math.max(0, ...this.anchored);
      if (this.report.anchoredEnd < end) this.fail("P_TAIL_UNANCHORED", "", "");
      const proven = this.members.has(TREE_END) || this.accepted.some(({ size }) => size === end);
      if (!proven) this.fail("P_END_UNPROVEN", TREE_END, "");
    }
    fail(code2, member, detail) {
      this.report.add(code2, place(member, detail));
    }
  };
  function parsePlaced(raw) {
    try {
      const document2 = checkDef(raw[raw.length - 1] === 10 ? raw.subarray(0, -1) : raw);
      if (!isDefAnchor(document2)) return null;
      const { origin, size, root } = document2;
      return { origin, size, root: fromHex(root) };
    } catch (error) {
      if (error instanceof CanonicalError) return null;
      throw error;
    }
  }
  async function cosigned(checkpoint, key) {
    const wanted = noteKeyId(key.about.name, COSIGNATURE_KEY, key.key);
    const found = [];
    let wrong = 0;
    for (const line of checkpoint.signatures) {
      if (line.name !== key.about.name || !equal(line.keyId, wanted)) continue;
      const time = await timeOf(line.value, checkpoint.text, key.key);
      if (time === null) wrong++;
      else found.push({ key, size: checkpoint.size, time });
    }
    return { found, wrong };
  }
  async function timeOf(value, text, key) {
    if (value.length !== 72) return null;
    const time = Number(BigInt(`0x${hex(value.subarray(0, 8))}`));
    if (time > MAX_TIME) return null;
    const message = concat([utf8(`cosignature/v1
time ${time}
`), text]);
    return await verifies(ED25519, key, value.subarray(8), message) ? time : null;
  }

  // ../ts/src/matching.ts
  var MARGIN = 512;
  var QUOTE = 34;
  var BACKSLASH = 92;
  var COMMA = 44;
  var MINUS = 45;
  var ZERO = 48;
  var bytes = new Uint8Array(0);
  var view = new DataView(new ArrayBuffer(0));
  function setBuffer(buffer2) {
    if (buffer2 === bytes) return;
    bytes = buffer2;
    view = new DataView(buffer2.buffer, buffer2.byteOffset, buffer2.byteLength);
  }
  var NONE = -1;
  var PLAIN2 = 0;
  var END = 1;
  var ESCAPE = 2;
  var BAD = 3;
  var WIDE = 4;
  var KIND = new Uint8Array(256).fill(BAD, 0, 32).fill(WIDE, 128);
  KIND[QUOTE] = END;
  KIND[BACKSLASH] = ESCAPE;
  var SHORT_ESCAPE = new Uint8Array(256);
  for (const char of '"\\bfnrt') SHORT_ESCAPE[char.charCodeAt(0)] = 1;
  function escapeSize(from) {
    const b = bytes;
    if (SHORT_ESCAPE[b[from + 1]] === 1) return 2;
    if (b[from + 1] !== 117 || b[from + 2] !== ZERO || b[from + 3] !== ZERO) return 0;
    const high = b[from + 4];
    const low = b[from + 5];
    if (high !== ZERO && high !== 49) return 0;
    if (!(low >= ZERO && low <= 57 || low >= 97 && low <= 102)) return 0;
    const value = (high - ZERO) * 16 + (low <= 57 ? low - ZERO : low - 87);
    return value === 8 || value === 9 || value === 10 || value === 12 || value === 13 ? 0 : 6;
  }
  function sequenceSize(from) {
    const b = bytes;
    const first = b[from];
    const second = b[from + 1];
    const continues2 = (offset) => (b[from + offset] & 192) === 128;
    if (first >= 194 && first <= 223) return continues2(1) ? 2 : 0;
    if (first >= 224 && first <= 239) {
      if (first === 224 && second < 160 || first === 237 && second > 159) return 0;
      return continues2(1) && continues2(2) ? 3 : 0;
    }
    if (first >= 240 && first <= 244) {
      if (first === 240 && second < 144 || first === 244 && second > 143) return 0;
      return continues2(1) && continues2(2) && continues2(3) ? 4 : 0;
    }
    return 0;
  }
  function pastPlain(from) {
    const words = view;
    for (let i = from; ; i += 4) {
      const four = words.getInt32(i, true);
      const quotes = (four ^ 572662306) - 16843009;
      const backslashes = (four ^ 1549556828) - 16843009;
      if (((four - 538976288 | four | quotes | backslashes) & 2155905152) !== 0) return i;
    }
  }
  function textMatch(min, max) {
    return (from) => {
      const b = bytes;
      if (b[from] !== QUOTE) return NONE;
      let less = 0;
      let i = from + 1;
      for (; ; ) {
        i = pastPlain(i);
        let kind = KIND[b[i]];
        while (kind === PLAIN2) kind = KIND[b[++i]];
        if (kind === END) break;
        const size = kind === ESCAPE ? escapeSize(i) : kind === WIDE ? sequenceSize(i) : 0;
        if (size === 0) return NONE;
        i += size;
        less += size - 1;
      }
      const count = i - from - 1 - less;
      return count >= min && count <= max ? i + 1 : NONE;
    };
  }
  function textOf(raw) {
    const words = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const rest = [];
    for (let offset = 4; offset < raw.length; offset += 4) rest.push(words.getInt32(Math.min(offset, raw.length - 4), true));
    return { size: raw.length, head: words.getInt32(0, true), rest: Int32Array.from(rest) };
  }
  function continues({ size, rest }, from) {
    const words = view;
    const last = rest.length - 1;
    for (let i = 0; i < last; i++) if (words.getInt32(from + 4 + 4 * i, true) !== rest[i]) return false;
    return last < 0 || words.getInt32(from + size - 4, true) === rest[last];
  }
  var UnknownRuleError = class extends Error {
  };
  function constantMatch(texts) {
    const encoded = texts.map(utf8);
    if (encoded.some(({ length }) => length > MARGIN)) throw new UnknownRuleError("a long constant");
    const short = encoded.filter(({ length }) => length < 4);
    const long = encoded.filter(({ length }) => length >= 4).map(textOf);
    return (from) => {
      const head = view.getInt32(from, true);
      for (let i = 0; i < long.length; i++) {
        const one = long[i];
        if (one.head === head && continues(one, from)) return from + one.size;
      }
      for (const one of short) if (isAt(one, from)) return from + one.length;
      return NONE;
    };
  }
  function isAt(wanted, from) {
    const b = bytes;
    for (let i = 0; i < wanted.length; i++) if (b[from + i] !== wanted[i]) return false;
    return true;
  }
  var integer = 0;
  function integerMatch(min, max) {
    return (from) => {
      const b = bytes;
      const negative = b[from] === MINUS;
      const start = negative ? from + 1 : from;
      let i = start;
      let value = 0;
      for (let digit = b[i] - ZERO; digit >= 0 && digit <= 9; digit = b[i] - ZERO) {
        value = value * 10 + digit;
        i++;
      }
      const size = i - start;
      if (size === 0 || size > 16 || value > Number.MAX_SAFE_INTEGER) return NONE;
      if (b[start] === ZERO && (size > 1 || negative)) return NONE;
      integer = negative ? -value : value;
      return integer >= min && integer <= max ? i : NONE;
    };
  }
  function arrayMatch(item, min, max) {
    return (from) => {
      if (bytes[from] !== 91) return NONE;
      if (bytes[from + 1] === 93) return min === 0 ? from + 2 : NONE;
      let i = from;
      for (let count = 1; ; count++) {
        i = item(i + 1);
        if (i === NONE) return NONE;
        if (bytes[i] === 93) return count >= min && count <= max ? i + 1 : NONE;
        if (bytes[i] !== COMMA) return NONE;
      }
    };
  }
  var MAX_SLOTS = 64;
  var starts = new Int32Array(MAX_SLOTS);
  var ends = new Int32Array(MAX_SLOTS);
  var integers = new Float64Array(MAX_SLOTS);
  function objectMatch(members) {
    const count = members.length;
    const keys = members.map(({ key }) => key);
    const heads = Int32Array.from(keys, ({ head }) => head);
    const required = members.map((member) => member.required);
    const matches = members.map(({ match }) => match);
    const slots = members.map(({ slot }) => slot);
    return (from) => {
      if (bytes[from] !== 123) return NONE;
      let next = 0;
      let i = from + 1;
      let end = bytes[i];
      while (end !== 125) {
        const head = view.getInt32(i, true);
        for (; next < count; next++) {
          if (heads[next] === head && continues(keys[next], i)) break;
          if (required[next] === true) return NONE;
        }
        if (next === count) return NONE;
        const start = i + keys[next].size;
        i = matches[next](start);
        if (i === NONE) return NONE;
        const slot = slots[next];
        if (slot >= 0) {
          starts[slot] = start;
          ends[slot] = i;
          integers[slot] = integer;
        }
        next++;
        end = bytes[i];
        if (end === COMMA) {
          i++;
          if (bytes[i] === 125) return NONE;
        } else if (end !== 125) return NONE;
      }
      for (; next < count; next++) if (required[next] === true) return NONE;
      return i + 1;
    };
  }

  // ../ts/src/patterns.ts
  function patternMatch(pattern) {
    const hex2 = /^\^\[0-9a-f\]\{([0-9]+)\}\$$/.exec(pattern);
    if (hex2 !== null && Number(hex2[1]) % 4 === 0) return hexMatch(Number(hex2[1]));
    const runs = parsePattern(pattern);
    if (runs === null) return null;
    return runs.every(({ min, max }) => min === max) ? fixedMatch(runs) : runsMatch(runs);
  }
  function hexMatch(size) {
    return (from) => {
      const words = view;
      const end = from + 1 + size;
      if (bytes[from] !== QUOTE || bytes[end] !== QUOTE) return NONE;
      for (let i = from + 1; i < end; i += 4) {
        const four = words.getInt32(i, true);
        const digit = four + 1347440720 & ~(four + 1179010630);
        const letter = four + 522133279 & ~(four + 421075225);
        if ((four & 2155905152) !== 0 || ((digit | letter) & 2155905152) !== (2155905152 | 0)) return NONE;
      }
      return end + 1;
    };
  }
  function fixedMatch(runs) {
    const classes = runs.flatMap(({ known, min }) => Array.from({ length: min }, () => known));
    const size = classes.length;
    return (from) => {
      const b = bytes;
      const start = from + 1;
      if (b[from] !== QUOTE || b[start + size] !== QUOTE) return NONE;
      for (let i = 0; i < size; i++) if (classes[i][b[start + i]] !== 1) return NONE;
      return start + size + 1;
    };
  }
  function runsMatch(runs) {
    return (from) => {
      const b = bytes;
      if (b[from] !== QUOTE) return NONE;
      let i = from + 1;
      for (const { known, min, max } of runs) {
        const stop = i + max;
        const least = i + min;
        while (i < stop && known[b[i]] === 1) i++;
        if (i < least) return NONE;
      }
      return b[i] === QUOTE ? i + 1 : NONE;
    };
  }
  var PATTERN_PART = /(?:\[([a-zA-Z0-9._:-]+)\]|\\?([a-zA-Z0-9:.-]))(?:\{([0-9]+)(?:,([0-9]+))?\})?/y;
  function parsePattern(pattern) {
    if (!pattern.startsWith("^") || !pattern.endsWith("$")) return null;
    const runs = [];
    for (let from = 1; from < pattern.length - 1; from = PATTERN_PART.lastIndex) {
      PATTERN_PART.lastIndex = from;
      const match = PATTERN_PART.exec(pattern);
      if (match === null) return null;
      const [whole, group, single, min, max] = match;
      if (single !== void 0 && whole.startsWith("\\") !== (single === ".")) return null;
      const known = group === void 0 ? characters(single) : classOf(group);
      if (known === null) return null;
      const least = min === void 0 ? 1 : Number(min);
      runs.push({ known, min: least, max: max === void 0 ? least : Number(max) });
    }
    return runs;
  }
  function characters(text) {
    const known = new Uint8Array(256);
    for (const char of text) known[char.charCodeAt(0)] = 1;
    return known;
  }
  function classOf(group) {
    let text = "";
    for (let i = 0; i < group.length; i++) {
      if (group[i + 1] === "-" && i + 2 < group.length) {
        for (let code2 = group.charCodeAt(i); code2 <= group.charCodeAt(i + 2); code2++) text += String.fromCharCode(code2);
        i += 2;
      } else {
        text += group[i];
      }
    }
    return text === "" ? null : characters(text);
  }

  // ../ts/src/compiling.ts
  var ANNOTATIONS2 = /* @__PURE__ */ new Set(["$schema", "title"]);
  var Slots = class {
    byPath = /* @__PURE__ */ new Map();
    of(path) {
      let slot = this.byPath.get(path);
      if (slot === void 0) {
        slot = this.byPath.size;
        if (slot === MAX_SLOTS) throw new UnknownRuleError("too many watched members");
        this.byPath.set(path, slot);
      }
      return slot;
    }
    known(path) {
      return this.byPath.get(path) ?? -1;
    }
    get count() {
      return this.byPath.size;
    }
  };
  function only(schema, ...known) {
    for (const keyword of Object.keys(schema)) {
      if (!known.includes(keyword) && !ANNOTATIONS2.has(keyword)) throw new UnknownRuleError(keyword);
    }
  }
  function compile(schema, path, slots, depth) {
    if (!isObject(schema) || depth > MAX_DEPTH) throw new UnknownRuleError(path);
    if ("const" in schema) {
      only(schema, "const");
      return constantMatch([encodeText(schema["const"])]);
    }
    if ("enum" in schema) {
      only(schema, "enum");
      return constantMatch(schema["enum"].map(encodeText));
    }
    const number2 = (name, otherwise) => schema[name] ?? otherwise;
    switch (schema["type"]) {
      case "string": {
        if (!("pattern" in schema)) {
          only(schema, "type", "minLength", "maxLength");
          return textMatch(number2("minLength", 0), number2("maxLength", Infinity));
        }
        only(schema, "type", "pattern");
        const match = patternMatch(schema["pattern"]);
        if (match === null) throw new UnknownRuleError(`pattern of ${path}`);
        return match;
      }
      case "integer":
        only(schema, "type", "minimum", "maximum");
        return integerMatch(number2("minimum", -Infinity), number2("maximum", Infinity));
      case "boolean":
        only(schema, "type");
        return constantMatch(["true", "false"]);
      case "array":
        only(schema, "type", "items", "minItems", "maxItems");
        return arrayMatch(
          compile(schema["items"], `${path}[]`, slots, depth + 1),
          number2("minItems", 0),
          number2("maxItems", Infinity)
        );
      case "object":
        only(schema, "type", "properties", "required", "additionalProperties");
        return compileObject(schema, path, slots, depth);
      default:
        throw new UnknownRuleError(path);
    }
  }
  function compileObject(schema, path, slots, depth) {
    if (schema["additionalProperties"] !== false) throw new UnknownRuleError(`open object ${path}`);
    const properties = schema["properties"];
    const required = schema["required"] ?? [];
    if (!required.every((name) => name in properties)) throw new UnknownRuleError(`required of ${path}`);
    const members = Object.keys(properties).sort().map((name) => {
      const inner = path === "" ? name : `${path}.${name}`;
      return {
        key: textOf(utf8(`"${name}":`)),
        match: compile(properties[name], inner, slots, depth + 1),
        required: required.includes(name),
        slot: slots.known(inner)
      };
    });
    return objectMatch(members);
  }
  function compileCondition(schema, path, slots) {
    if (!isObject(schema)) throw new UnknownRuleError(path);
    only(schema, "const", "properties", "required", "allOf", "if", "then", "else");
    const all = [];
    const inner = (name) => path === "" ? name : `${path}.${name}`;
    if ("const" in schema) {
      const wanted = utf8(encodeText(schema["const"]));
      const slot = slots.of(path);
      all.push(() => ends[slot] - starts[slot] === wanted.length && isAt(wanted, starts[slot]));
    }
    for (const name of schema["required"] ?? []) {
      const slot = slots.of(inner(name));
      all.push(() => starts[slot] >= 0);
    }
    for (const [name, rule] of Object.entries(schema["properties"] ?? {})) {
      const slot = slots.of(inner(name));
      const match = compileCondition(rule, inner(name), slots);
      all.push(() => starts[slot] < 0 || match());
    }
    for (const rule of schema["allOf"] ?? []) all.push(compileCondition(rule, path, slots));
    if ("if" in schema) {
      const when = compileCondition(schema["if"], path, slots);
      const then = compileCondition(schema["then"] ?? {}, path, slots);
      const otherwise = compileCondition(schema["else"] ?? {}, path, slots);
      all.push(() => when() ? then() : otherwise());
    }
    return () => {
      for (const match of all) if (!match()) return false;
      return true;
    };
  }

  // ../ts/src/scanner.ts
  var Remembered = class {
    raw = new Uint8Array(256);
    size = -1;
    text = "";
    read(slot) {
      const b = bytes;
      const raw = this.raw;
      const from = starts[slot] + 1;
      const size = ends[slot] - 1 - from;
      let same = size === this.size;
      for (let i = 0; same && i < size; i++) same = b[from + i] === raw[i];
      if (same) return this.text;
      for (let i = 0; i < size; i++) raw[i] = b[from + i];
      this.size = size;
      this.text = String.fromCharCode.apply(null, raw.subarray(0, size));
      return this.text;
    }
  };
  var WATCHED = ["origin", "seq", "prev", "ts", "boot", "mono_us", "src.id", "src.seq", "verdict.policy_sha256", "appr"];
  var ORIGIN3 = 0;
  var SEQ = 1;
  var PREV = 2;
  var TS2 = 3;
  var BOOT = 4;
  var MONO = 5;
  var SOURCE_ID = 6;
  var SOURCE_SEQ = 7;
  var POLICY = 8;
  var APPROVAL2 = 9;
  var TypeReader = class {
    constructor(name, schema) {
      this.name = name;
      this.schema = schema;
      this.typ = utf8(`"typ":"${name}"`);
    }
    name;
    schema;
    typ;
    match = null;
    condition = () => true;
    slots = new Slots();
    /** Whether exactly [from, to) is a sound record. */
    read(from, to) {
      if (this.match === null) this.compile();
      starts.fill(-1, 0, this.slots.count);
      return this.match(from) === to && this.condition();
    }
    /** With a rule that is not known here, no record is taken. */
    compile() {
      const { allOf, ...closed2 } = this.schema();
      try {
        for (const path of WATCHED) this.slots.of(path);
        this.condition = compileCondition({ allOf: allOf ?? [] }, "", this.slots);
        this.match = compile(closed2, "", this.slots, 1);
      } catch (error) {
        if (!(error instanceof UnknownRuleError)) throw error;
        this.match = () => NONE;
      }
    }
  };
  var TYP = utf8('"typ":"');
  var Scanner = class {
    typ = "";
    ts = "";
    boot = "";
    sourceId = "";
    policy = "";
    seq = 0;
    mono = 0;
    sourceSeq = 0;
    isOfOrigin = false;
    readers;
    origin;
    boots = new Remembered();
    sources = new Remembered();
    policies = new Remembered();
    times = new Remembered();
    last;
    lastDistance = 0;
    /** types: those that may be read this way; schema: the schema of one. */
    constructor(types, schema, origin) {
      this.origin = utf8(JSON.stringify(origin));
      this.readers = types.map((name) => new TypeReader(name, () => schema(name)));
      this.last = this.readers[0];
    }
    /** Whether the line [from, to) of a buffer is surely a sound record, with nothing that needs a closer look. */
    read(buffer2, from, to) {
      if (to - from > MAX_BYTES) return false;
      setBuffer(buffer2);
      const reader = this.readerFor(from, to);
      if (reader === null) return false;
      if (!reader.read(from, to) || starts[APPROVAL2] >= 0) return false;
      this.typ = reader.name;
      this.ts = this.times.read(TS2);
      this.boot = this.boots.read(BOOT);
      this.sourceId = this.sources.read(SOURCE_ID);
      this.policy = starts[POLICY] < 0 ? "" : this.policies.read(POLICY);
      this.seq = integers[SEQ];
      this.mono = integers[MONO];
      this.sourceSeq = integers[SOURCE_SEQ];
      this.isOfOrigin = ends[ORIGIN3] - starts[ORIGIN3] === this.origin.length && isAt(this.origin, starts[ORIGIN3]);
      return true;
    }
    /** Whether `prev` of the last record is this hash. */
    follows(leaf) {
      let from = starts[PREV] + 1;
      for (let i = 0; i < leaf.length; i++) {
        const value = leaf[i];
        if (bytes[from++] !== HEX2[value >> 4] || bytes[from++] !== HEX2[value & 15]) return false;
      }
      return true;
    }
    /** The type is named near the end, often as far from it as in the last record. Only a guess: the match decides. */
    readerFor(from, to) {
      if (isAt(this.last.typ, to - this.lastDistance)) return this.last;
      for (let i = to - TYP.length; i > from; i--) {
        if (bytes[i] !== QUOTE || bytes[i + 1] !== 116 || !isAt(TYP, i)) continue;
        const found = this.readers.find((reader) => isAt(reader.typ, i));
        if (found === void 0) return null;
        this.last = found;
        this.lastDistance = to - i;
        return found;
      }
      return null;
    }
  };
  var HEX2 = utf8("0123456789abcdef");

  // ../ts/src/records.ts
  var NEWLINE = 10;
  var LEAF_PREFIX = 0;
  var MAX_LINE2 = MAX_BYTES + 1;
  var SPECIAL = /* @__PURE__ */ new Set(["sys.gap", "sys.clock", "sys.key", "sys.erasure", "sys.anchor", "pef.approval.consume"]);
  var PLAIN3 = recordTypes().filter((name) => !SPECIAL.has(name));
  var RecordPass = class {
    constructor(wanted, frontier, host) {
      this.wanted = wanted;
      this.frontier = frontier;
      this.host = host;
      this.start = frontier.size;
      this.leaves = host.digest();
      if (frontier.size === 0) this.prev = new Uint8Array(HASH_SIZE);
      else if (frontier.size % 2 === 1) this.prev = frontier.nodes[frontier.nodes.length - 1];
      this.scanner = wanted.contents ? new Scanner(PLAIN3, recordSchema, wanted.origin) : null;
      this.noteRoot();
    }
    wanted;
    frontier;
    host;
    findings = new Findings();
    tally = new Tally();
    roots = /* @__PURE__ */ new Map();
    /** `ts` of the record before each wanted size, where it was read. */
    times = /* @__PURE__ */ new Map();
    facts = /* @__PURE__ */ new Map();
    consumes = [];
    /** Digest of all leaf hashes, one after the other. */
    leaves;
    erased = 0;
    firstTs = "";
    lastTs = "";
    keyRecords = /* @__PURE__ */ new Set();
    consumed = /* @__PURE__ */ new Set();
    counters = /* @__PURE__ */ new Map();
    start;
    /** Hash of the leaf before, null when it is not known. */
    prev = null;
    scanner;
    offset = 0;
    boot = "";
    mono = -1;
    afterStep = false;
    anchor = null;
    /** `ts` of the first record after it that is not part of anchoring itself. */
    since = "";
    tooLate = false;
    /** Go through the member's bytes; its SHA-256. onChunk: called after each chunk. */
    async run(chunks, onChunk) {
      const digest = this.host.digest();
      const rest = new Uint8Array(MAX_LINE2 + MARGIN);
      let held = 0;
      for await (const chunk of chunks) {
        digest.update(chunk);
        let at = 0;
        for (; ; ) {
          const stop = chunk.indexOf(NEWLINE, at);
          const end = stop < 0 ? chunk.length : stop;
          if (stop >= 0 && held === 0 && stop + MARGIN <= chunk.length) {
            this.line(chunk, at, end);
          } else {
            const part = chunk.subarray(at, Math.min(end, at + MAX_LINE2 - held));
            rest.set(part, held);
            held += part.length;
            rest[held] = NEWLINE;
            if (stop >= 0) {
              this.line(rest, 0, held);
              held = 0;
            }
          }
          if (stop < 0) break;
          at = stop + 1;
        }
        onChunk();
      }
      if (held > 0) {
        if (this.wanted.contents) this.fail("E_CANON", "the last line has no end");
        this.line(rest, 0, held);
      }
      this.checkInterval(this.lastTs);
      this.checkKeyLines();
      return digest.final();
    }
    /** Go through leaf hashes instead of records. False when the last one is cut short. */
    async runLeaves(chunks) {
      const leaf = new Uint8Array(HASH_SIZE);
      let held = 0;
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length; ) {
          const part = chunk.subarray(at, at + HASH_SIZE - held);
          leaf.set(part, held);
          held += part.length;
          at += part.length;
          if (held < HASH_SIZE) break;
          this.frontier.append(leaf.slice());
          this.noteRoot();
          held = 0;
        }
      }
      return held === 0;
    }
    /** One line, [from, to) of a buffer that has a newline after it. */
    line(buffer2, from, to) {
      const end = Math.min(to, from + MAX_LINE2);
      if (this.wanted.contents && !this.readQuickly(buffer2, from, to)) this.judge(buffer2.subarray(from, end));
      const leaf = this.leafOf(buffer2, from, end);
      if (this.wanted.leaves) this.leaves.update(leaf);
      this.frontier.append(leaf);
      this.prev = leaf;
      this.offset += to - from + 1;
      this.noteRoot();
    }
    prefixed = new Uint8Array(MAX_LINE2 + 1);
    /** The leaf hash of a line, without a copy where the byte before it can stand in for the prefix meanwhile. */
    leafOf(buffer2, from, to) {
      if (from === 0) {
        this.prefixed.set(buffer2.subarray(0, to), 1);
        return this.host.sha256(this.prefixed.subarray(0, to + 1));
      }
      const before = buffer2[from - 1];
      buffer2[from - 1] = LEAF_PREFIX;
      const leaf = this.host.sha256(buffer2.subarray(from - 1, to));
      buffer2[from - 1] = before;
      return leaf;
    }
    /** Take a plainly sound record; false for any other line. */
    readQuickly(buffer2, from, to) {
      const { scanner, wanted } = this;
      if (wanted.disclosed.has(this.frontier.size) || scanner === null || !scanner.read(buffer2, from, to)) return false;
      if (wanted.onRecord !== null) {
        const line = buffer2.subarray(from, to);
        wanted.onRecord(JSON.parse(fromUtf8(line)), this.frontier.size, line);
      }
      const follows = this.prev === null || scanner.follows(this.prev);
      this.checkPlace(scanner.isOfOrigin, scanner.seq, follows);
      this.checkTime(scanner.typ, scanner.ts, scanner.boot, scanner.mono);
      this.checkSource(scanner.sourceId, scanner.sourceSeq);
      this.count(scanner.typ, scanner.ts, scanner.sourceId, scanner.sourceSeq, scanner.policy);
      return true;
    }
    judge(line) {
      let value;
      try {
        value = checkDef(line);
      } catch (error) {
        if (!(error instanceof CanonicalError)) throw error;
        this.fail(error.code, error.detail);
        return;
      }
      this.wanted.onRecord?.(value, this.frontier.size, line);
      if (!isObject(value) || value["v"] !== FORMAT) {
        this.fail(isObject(value) && "v" in value ? "I_VERSION" : "E_SCHEMA", "not a def/0 record");
        return;
      }
      const typ = value["typ"];
      if (isKnownType(typ)) {
        if (!isRecord(typ, value)) {
          this.fail("E_SCHEMA", "it does not satisfy the schema of its type");
          return;
        }
      } else if (isEnveloped(value)) {
        this.fail("W_TYPE_UNKNOWN", "");
      } else {
        this.fail("E_SCHEMA", "the envelope does not satisfy its schema");
        return;
      }
      this.read(value);
    }
    /** A record that can be read: is it in its place, in order, and does it agree with the others? */
    read(value) {
      const typ = value["typ"];
      const ts = value["ts"];
      const src = value["src"];
      const sourceId = src["id"];
      const sourceSeq = src["seq"];
      const follows = this.prev === null || value["prev"] === hex(this.prev);
      this.checkPlace(value["origin"] === this.wanted.origin, value["seq"], follows);
      this.checkTime(typ, ts, value["boot"], value["mono_us"]);
      this.checkSource(sourceId, sourceSeq);
      this.special(typ, ts, value);
      const verdict = value["verdict"];
      this.count(typ, ts, sourceId, sourceSeq, verdict?.["policy_sha256"] ?? "");
      if (typ === "sys.gap") {
        const gap = value["data"];
        this.tally.addGap(gap["source"], gap["first"], gap["last"], gap["count"]);
      }
      if (this.wanted.disclosed.has(this.frontier.size)) this.facts.set(this.frontier.size, factsOf(value));
    }
    count(typ, ts, sourceId, sourceSeq, policy) {
      this.tally.add(typ, ts, sourceId, sourceSeq, policy);
      if (this.firstTs === "") this.firstTs = ts;
      if (this.since === "" && this.anchor !== null && typ !== "sys.anchor" && typ !== "def.anchor") this.since = ts;
      if (this.wanted.sizes.has(this.frontier.size + 1)) this.times.set(this.frontier.size + 1, ts);
    }
    checkPlace(isOfOrigin, seq, follows) {
      if (!isOfOrigin) this.fail("E_ORIGIN", "");
      if (seq !== this.frontier.size) this.fail("E_SEQ", `it says ${seq}`);
      if (!follows) this.fail("E_PREV", `record ${this.frontier.size - 1} is not the one that stood here`);
    }
    checkTime(typ, ts, boot, mono) {
      if (ts < this.lastTs && !this.afterStep) this.fail("E_TS_ROLLBACK", `${this.lastTs} is followed by ${ts}`);
      if (boot === this.boot && mono <= this.mono) this.fail("E_MONO", "");
      this.lastTs = ts;
      this.boot = boot;
      this.mono = mono;
      this.afterStep = typ === "sys.clock";
      if (!this.tooLate && this.wanted.limits.some((limit) => this.frontier.size < limit.size && ts > limit.ts)) {
        this.tooLate = true;
        this.fail("E_TS_FUTURE", "later than a witness that saw it");
      }
    }
    checkSource(id, seq) {
      const known = this.counters.get(id);
      if (known !== void 0 && seq !== known + 1) this.fail("E_SRC_GAP", `source ${id} goes from ${known} to ${seq}`);
      this.counters.set(id, seq);
    }
    special(typ, ts, value) {
      const data = value["data"];
      switch (typ) {
        case "sys.gap":
          this.gap(data["source"], data["first"], data["last"]);
          break;
        case "sys.clock":
          this.fail("W_CLOCK_STEP", `from ${String(data["old"])} to ${String(data["new"])}`);
          break;
        case "sys.key":
          this.key(data);
          break;
        case "sys.erasure":
          this.erased++;
          this.fail("W_ERASED", "");
          break;
        case "sys.anchor":
          this.checkInterval(ts);
          this.anchor = { seq: this.frontier.size, interval: data["interval_s"] };
          this.since = "";
          break;
        case "pef.approval.consume":
          this.consumes.push({ ...value, seq: this.frontier.size });
          this.consumed.add(value["appr"]["id"]);
          break;
      }
      if (typ !== "pef.approval.consume") this.approval(value["appr"]);
    }
    approval(appr) {
      if (appr?.["state"] !== "consumed" || this.start !== 0 || this.wanted.ring === null) return;
      if (!this.consumed.has(appr["id"])) this.fail("E_APPROVAL_MISSING", "no record says that it was used up");
    }
    gap(source, first, last) {
      const known = this.counters.get(source);
      if (known !== void 0 && first !== known + 1) {
        this.fail("E_SRC_GAP", `the declared gap of source ${source} does not follow its last event`);
      }
      this.counters.set(source, last);
      this.fail("W_GAP_DECLARED", `events of source ${source}`);
    }
    key(data) {
      const { ring } = this.wanted;
      if (ring === null) return;
      const statement = data["statement_sha256"];
      if (statement === void 0) {
        if (data["state"] === "active" && !ring.trusted.has(data["keyid"])) {
          this.fail("E_ROTATION_UNENDORSED", `${String(data["role"])} key ${String(data["keyid"]).slice(0, 16)}`);
        }
        return;
      }
      this.keyRecords.add(this.frontier.size);
      const line = ring.lines.get(this.frontier.size);
      if (line?.statement !== statement || line?.possession !== (data["possession"] ?? "")) {
        this.fail("E_ROTATION_UNENDORSED", "its statement is not in the bundle");
      }
    }
    /** Every line of the rotations about this window has its record. */
    checkKeyLines() {
      if (this.wanted.ring === null || !this.wanted.contents) return;
      for (const seq of this.wanted.ring.lines.keys()) {
        if (seq < this.start || seq >= this.frontier.size || this.keyRecords.has(seq)) continue;
        this.findings.add("E_ROTATION_UNENDORSED", place("keys/rotations.dsse.jsonl", "no such record", seq));
      }
    }
    /** Up to `ts`, from the first record after the newest anchor: a log at rest needs none. */
    checkInterval(ts) {
      if (this.anchor === null || this.since === "") return;
      if (microseconds(ts) - microseconds(this.since) <= 2000000n * BigInt(this.anchor.interval)) return;
      this.findings.add("W_ANCHOR_OVERDUE", place(RECORDS, `nothing from ${this.since} to ${ts}`, this.anchor.seq));
    }
    fail(code2, detail) {
      this.findings.add(code2, place(RECORDS, detail, this.frontier.size, this.offset));
    }
    noteRoot() {
      if (this.wanted.sizes.has(this.frontier.size)) this.roots.set(this.frontier.size, this.frontier.root());
    }
  };

  // ../ts/src/trust.ts
  var PAYLOAD_TYPE = "application/vnd.clyra.trust+json";
  var MAX_TRUST = 1 << 20;
  var ALGORITHMS = {
    root: [ED25519, P256],
    log: [ED25519],
    seal: [ED25519, P256],
    approver_idp: [ED25519, P256, RSA],
    witness: [ED25519],
    auditor: [ED25519, P256]
  };
  var SIZE = { type: "integer", minimum: 0 };
  var TEXT2 = { type: "string", minLength: 1, maxLength: 256 };
  var KEY2 = closed(
    {
      keyid: HEX64,
      alg: { type: "string", maxLength: 64 },
      pub: { type: "string", pattern: "^([0-9a-f]{2})+$", maxLength: 4096 },
      role: { enum: Object.keys(ALGORITHMS) },
      valid_from_size: SIZE,
      valid_until_size: SIZE,
      state: { enum: ["active", "retired", "compromised"] },
      compromised_from_size: SIZE,
      name: { type: "string", minLength: 1, maxLength: 200 },
      same_admin: { type: "boolean" },
      iss: TEXT2,
      sub_c: HEX64,
      rp_id: TEXT2,
      credential_sha256: HEX64
    },
    [
      "valid_until_size",
      "compromised_from_size",
      "name",
      "same_admin",
      "iss",
      "sub_c",
      "rp_id",
      "credential_sha256"
    ]
  );
  var isTrustDocument = compileSchema(
    closed(
      {
        v: { const: "def-trust/0" },
        version: { type: "integer", minimum: 1 },
        origin: ORIGIN2,
        threshold: { type: "integer", minimum: 1, maximum: 16 },
        expires_size: SIZE,
        keys: { type: "array", minItems: 1, maxItems: 256, items: KEY2 },
        witness: closed({ need: { type: "integer", minimum: 0, maximum: 16 } }),
        tsa: {
          type: "array",
          maxItems: 16,
          items: closed({ name: TEXT2, certificate: { type: "string", maxLength: 32768 } })
        }
      },
      ["expires_size", "witness", "tsa"]
    )
  );
  var TrustError = class extends Error {
    constructor(code2, detail) {
      super(`${code2}: ${detail}`);
      this.code = code2;
      this.detail = detail;
    }
    code;
    detail;
  };
  var PublicKey = class {
    constructor(keyId2, alg, key) {
      this.keyId = keyId2;
      this.alg = alg;
      this.key = key;
    }
    keyId;
    alg;
    key;
    verifies(signature, message) {
      return verifies(this.alg, this.key, signature, message);
    }
  };
  var NOBODY = { name: "", sameAdmin: false, iss: "", subC: "", rpId: "" };
  var TrustedKey = class _TrustedKey extends PublicKey {
    constructor(keyId2, alg, key, bounds, about = NOBODY) {
      super(keyId2, alg, key);
      this.bounds = bounds;
      this.about = about;
    }
    bounds;
    about;
    get role() {
      return this.bounds.role;
    }
    /** The code for using this key at a tree size, or "". lower: whether it may be too new for that size. */
    refusalAt(size, lower = true) {
      const { validFrom, until, compromisedFrom, delegated } = this.bounds;
      if (size >= compromisedFrom) return "E_KEY_COMPROMISED";
      if (size > until) return delegated ? "E_DELEGATION_RANGE" : "E_KEY_NOT_VALID_AT_SIZE";
      return lower && size < validFrom ? "E_KEY_NOT_VALID_AT_SIZE" : "";
    }
    /** The same key with bounds that are at most these. An earlier end than a delegation's own is no delegation's. */
    tightened(until, compromisedFrom) {
      const bounds = {
        ...this.bounds,
        delegated: this.bounds.delegated && this.bounds.until <= until,
        until: Math.min(this.bounds.until, until),
        compromisedFrom: Math.min(this.bounds.compromisedFrom, compromisedFrom)
      };
      return new _TrustedKey(this.keyId, this.alg, this.key, bounds, this.about);
    }
  };
  function byId(keys) {
    return new Map(keys.map((key) => [key.keyId, key]));
  }
  async function loadTrust(raw) {
    const { envelope, document: document2 } = parseTrust(raw);
    const keys = document2["keys"].map(parseKey);
    if (new Set(keys.map(({ key }) => hex(key))).size !== keys.length) {
      throw new TrustError("E_KEY_DUP", "one public key is listed twice; one key has one role");
    }
    const roots = keys.filter(({ role }) => role === "root");
    const known = byId(roots);
    const signers = await envelope.signers(known);
    if (signers.length !== envelope.signatures.filter(([id]) => known.has(id)).length) {
      throw new TrustError("E_TRUST_SIG", "a root key's signature on the trust file is wrong");
    }
    const threshold = document2["threshold"];
    if (new Set(signers).size < threshold) {
      throw new TrustError("E_TRUST_THRESHOLD", `${new Set(signers).size} root signatures, ${threshold} needed`);
    }
    return {
      origin: document2["origin"],
      version: document2["version"],
      threshold,
      roots,
      keys,
      expiresSize: document2["expires_size"] ?? Infinity,
      witnessNeed: document2["witness"]?.["need"] ?? 0,
      envelope
    };
  }
  async function checkSuccession(trust, before) {
    if (trust.origin !== before.origin) throw new TrustError("E_TRUST_SIG", "the file before it is of another log");
    if (trust.version < before.version) throw new TrustError("E_TRUST_SIG", "an older version than one seen before");
    const signers = new Set(await trust.envelope.signers(byId(before.roots)));
    if (signers.size < before.threshold) {
      throw new TrustError("E_TRUST_THRESHOLD", `${signers.size} of the roots before it, ${before.threshold} needed`);
    }
  }
  function parseTrust(raw) {
    try {
      const envelope = parseEnvelope(raw, PAYLOAD_TYPE);
      const document2 = checkDef(envelope.payload, MAX_TRUST);
      if (isTrustDocument(document2)) return { envelope, document: document2 };
    } catch (error) {
      if (!(error instanceof DsseError || error instanceof CanonicalError)) throw error;
      throw new TrustError("E_TRUST_SIG", `not a trust file: ${error.detail}`);
    }
    throw new TrustError("E_TRUST_SIG", "the trust document does not satisfy its schema");
  }
  function parseKey(item) {
    const { role, alg, pub, keyid } = item;
    const key = fromHex(pub);
    if (!ALGORITHMS[role].includes(alg)) throw new TrustError("E_KEY_ALG", `a ${role} key cannot be of this algorithm`);
    if (isWeak(alg, key)) throw new TrustError("E_KEY_WEAK", "a public key is weak or not canonical");
    if (keyId(alg, key) !== keyid) throw new TrustError("E_TRUST_SIG", "a key id is not the digest of its key");
    const text = (name) => item[name] ?? "";
    const size = (name) => item[name] ?? Infinity;
    if (role === "witness" && !isKeyName(text("name"))) {
      throw new TrustError("E_TRUST_SIG", "a witness needs the name of its note key");
    }
    const stated = size("compromised_from_size");
    return new TrustedKey(
      keyid,
      alg,
      key,
      {
        role,
        validFrom: item["valid_from_size"],
        until: size("valid_until_size"),
        compromisedFrom: stated === Infinity && item["state"] === "compromised" ? 0 : stated,
        delegated: false
      },
      {
        name: text("name"),
        sameAdmin: item["same_admin"] === true,
        iss: text("iss"),
        subC: text("sub_c"),
        rpId: text("rp_id")
      }
    );
  }

  // ../ts/src/rotation.ts
  var MAX_ROTATIONS = 64 << 20;
  var MAX_DELEGATION = 2 ** 32;
  var isRotationStatement = compileSchema(
    closed({
      _type: { const: STATEMENT_TYPE },
      subject: { type: "array", minItems: 1, maxItems: 1, items: closed({ name: { const: "key" }, digest: DIGEST }) },
      predicateType: { const: `${NAMESPACE}/def/key-rotation/v0` },
      predicate: closed(
        {
          origin: ORIGIN2,
          kind: { enum: ["rotation", "recovery", "revocation", "delegation"] },
          role: { enum: ["log", "seal"] },
          keyid: HEX64,
          alg: { enum: [ED25519, P256] },
          pub: { type: "string", pattern: "^[0-9a-f]{64,130}$" },
          replaces: HEX64,
          size: COUNT,
          until_size: COUNT,
          compromised_from_size: COUNT,
          reason: { type: "string", minLength: 1, maxLength: 256 }
        },
        ["replaces", "until_size", "compromised_from_size"]
      )
    })
  );
  var Refusal = class extends Error {
    constructor(code2, detail) {
      super(detail);
      this.code = code2;
      this.detail = detail;
    }
    code;
    detail;
  };
  function unendorsed(detail) {
    return new Refusal("E_ROTATION_UNENDORSED", detail);
  }
  var KeyRing = class {
    trusted;
    keys;
    failed = /* @__PURE__ */ new Map();
    lines = /* @__PURE__ */ new Map();
    failures = [];
    constructor(own) {
      this.trusted = new Set(own.map(({ keyId: id }) => id));
      this.keys = new Map(own.map((key) => [key.keyId, key]));
    }
    ofRole(role) {
      return new Map([...this.keys].filter(([, key]) => key.role === role));
    }
    failedOfRole(role) {
      return new Map([...this.failed].filter(([, key]) => key.role === role));
    }
  };
  async function effectiveKeys(trust, origin, end, member) {
    const ring = new KeyRing(trust.origin === origin ? trust.keys : []);
    let last = -1;
    for (let at = 0; at < member.length; ) {
      const stop = member.indexOf(10, at);
      const line = member.subarray(at, stop < 0 ? member.length : stop);
      at = stop < 0 ? member.length : stop + 1;
      const entry2 = parseLine(line);
      if (entry2 === null || entry2.seq <= last) {
        ring.failures.push({ code: "E_ROTATION_UNENDORSED", seq: -1, detail: "a line cannot be read or does not ascend" });
        return ring;
      }
      last = entry2.seq;
      await apply(ring, trust, origin, end, entry2);
    }
    if (member.length > 0 && member[member.length - 1] !== 10) {
      ring.failures.push({ code: "E_ROTATION_UNENDORSED", seq: -1, detail: "the last line has no end" });
    }
    return ring;
  }
  function parseLine(line) {
    try {
      const found = checkStrict(line, MAX_ROTATIONS);
      if (!isObject(found) || Object.keys(found).sort().join() !== "envelope,possession,seq") return null;
      const { seq, possession } = found;
      if (typeof seq !== "number" || seq < 0 || typeof possession !== "string" || codePoints(possession) > 160) return null;
      return { seq, possession, envelope: envelopeOf(found["envelope"], STATEMENT_PAYLOAD) };
    } catch (error) {
      if (error instanceof CanonicalError || error instanceof DsseError) return null;
      throw error;
    }
  }
  async function apply(ring, trust, origin, end, entry2) {
    const { seq, envelope, possession } = entry2;
    ring.lines.set(seq, { statement: sha256Hex(envelope.payload), possession });
    let change = null;
    try {
      change = parseChange(envelope.payload);
      checkPlace(ring, change, origin, end, seq);
      if (change.kind === "delegation") checkRange(change, seq);
      if (change.kind === "revocation" || !ring.trusted.has(change.keyId)) {
        await checkEndorsement(ring, trust, envelope, change, seq + 1);
      }
      if (!await provesPossession(change, possession)) {
        throw new Refusal("E_ROTATION_POP", "the new key does not prove possession");
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      ring.failures.push({ code: error.code, seq, detail: error.detail });
      if (change !== null && change.kind !== "revocation" && !ring.keys.has(change.keyId)) {
        ring.failed.set(change.keyId, newKey(change, seq + 1));
      }
      return;
    }
    takeEffect(ring, change, seq + 1);
  }
  function checkPlace(ring, change, origin, end, seq) {
    if (change.origin !== origin || change.size > seq + 1 || seq >= end) {
      throw unendorsed("it is about another log or another place in it");
    }
    const known = ring.keys.get(change.keyId);
    if (change.kind !== "revocation" && known !== void 0) {
      if (known.role !== change.role) throw unendorsed("one key cannot have two roles");
      if (!ring.trusted.has(change.keyId)) throw unendorsed("the key was brought in before");
    }
  }
  function parseChange(payload) {
    let document2;
    try {
      document2 = checkStrict(payload, MAX_ROTATIONS);
    } catch (error) {
      if (error instanceof CanonicalError) throw unendorsed(`the statement: ${error.detail}`);
      throw error;
    }
    if (!isRotationStatement(document2)) throw unendorsed("the statement does not satisfy its schema");
    const { predicate, subject } = document2;
    const text = (name) => predicate[name] ?? "";
    const size = (name) => predicate[name];
    const pub = text("pub");
    if (pub.length % 2 !== 0) throw unendorsed("the public key is not whole bytes");
    const change = {
      origin: text("origin"),
      kind: text("kind"),
      role: text("role"),
      keyId: text("keyid"),
      alg: text("alg"),
      key: fromHex(pub),
      size: size("size"),
      replaces: text("replaces"),
      until: size("until_size"),
      compromisedFrom: size("compromised_from_size")
    };
    checkChange(change, subject[0].digest.sha256);
    return change;
  }
  function checkChange(change, subject) {
    const { kind, alg, key, role, replaces } = change;
    if (subject !== change.keyId) throw unendorsed("the subject is not the key");
    if (isWeak(alg, key)) throw unendorsed("the public key is weak or malformed");
    if (keyId(alg, key) !== change.keyId) throw unendorsed("the key id is not the digest of the key");
    if (role === "log" && alg !== ED25519) throw unendorsed("a log key is an Ed25519 key");
    if (replaces !== "" === (kind === "revocation") || replaces === change.keyId) {
      throw unendorsed("`replaces` names the other key that goes, in every kind but a revocation");
    }
    if (change.until !== void 0 !== (kind === "delegation")) {
      throw unendorsed("`until_size` belongs to a delegation, and to nothing else");
    }
    if (change.compromisedFrom !== void 0 && kind !== "recovery" && kind !== "revocation") {
      throw unendorsed("`compromised_from_size` belongs to a recovery or a revocation");
    }
    if (kind === "delegation" && role !== "log") throw unendorsed("only a log key is delegated");
  }
  function checkRange(change, seq) {
    const until = change.until ?? 0;
    if (!(seq < until && until <= seq + MAX_DELEGATION)) {
      throw new Refusal("E_DELEGATION_RANGE", `from ${seq + 1} until ${until}`);
    }
  }
  async function checkEndorsement(ring, trust, envelope, change, size) {
    if (change.kind === "recovery" || change.kind === "revocation") {
      const signers = await envelope.signers(new Map(trust.roots.map((root) => [root.keyId, root])));
      if (trust.origin !== change.origin || new Set(signers).size < trust.threshold) {
        throw unendorsed("too few root keys signed it");
      }
      return;
    }
    const old = ring.keys.get(change.replaces);
    const entitled = change.kind === "delegation" ? ring.ofRole("seal") : new Map(old !== void 0 && old.role === change.role ? [[old.keyId, old]] : []);
    const refusals = new Set((await envelope.signers(entitled)).map((id) => entitled.get(id).refusalAt(size)));
    if (refusals.has("")) return;
    for (const code2 of ["E_KEY_COMPROMISED", "E_DELEGATION_RANGE"]) {
      if (refusals.has(code2)) throw new Refusal(code2, "by a key that may not sign at that size");
    }
    const known = new Map([...ring.ofRole("log"), ...ring.ofRole("seal")]);
    if (change.kind === "delegation" && (await envelope.signers(known)).length > 0) {
      throw new Refusal("E_DELEGATION_RANGE", "a delegation is signed by a seal key in force");
    }
    throw unendorsed("not signed by a key that is entitled to");
  }
  async function provesPossession(change, possession) {
    if (change.kind === "revocation") return possession === "";
    if (!/^([0-9a-f]{2})*$/.test(possession)) return false;
    const zero = Uint8Array.of(0);
    const message = concat([
      utf8("def/0 possession"),
      zero,
      utf8(change.origin),
      zero,
      utf8(change.keyId),
      zero,
      utf8(String(change.size))
    ]);
    return verifies(change.alg, change.key, fromHex(possession), message);
  }
  function takeEffect(ring, change, size) {
    if (change.kind !== "revocation" && !ring.keys.has(change.keyId)) {
      ring.keys.set(change.keyId, newKey(change, size));
      ring.failed.delete(change.keyId);
    }
    const gone = ring.keys.get(change.kind === "revocation" ? change.keyId : change.replaces);
    if (gone === void 0 || gone.role !== change.role) return;
    const ends2 = change.kind !== "revocation" || change.compromisedFrom === void 0;
    ring.keys.set(gone.keyId, gone.tightened(ends2 ? size : Infinity, change.compromisedFrom ?? Infinity));
  }
  function newKey(change, size) {
    return new TrustedKey(change.keyId, change.alg, change.key, {
      role: change.role,
      validFrom: size,
      until: change.until ?? Infinity,
      compromisedFrom: Infinity,
      delegated: change.kind === "delegation"
    });
  }

  // ../ts/src/verify.ts
  async function verifyContainer(container, host, options) {
    const run = new Run(container, host, options);
    await run.all();
    return { report: run.report, trust: run.trust, endRoot: run.endRoot };
  }
  function refuse(error, options) {
    const report = new Report();
    report.level = options.level ?? "L2";
    report.addContainer(error);
    return { report, trust: null, endRoot: null };
  }
  var Run = class {
    constructor(container, host, options) {
      this.host = host;
      this.options = options;
      this.report.level = options.level ?? "L2";
      this.members = new Members(this.report, container, host);
    }
    host;
    options;
    report = new Report();
    trust = null;
    endRoot = null;
    members;
    predicate;
    ring = null;
    digests = /* @__PURE__ */ new Map();
    end = null;
    async all() {
      const { report } = this;
      if (this.options.profile === "time") report.add("I_PROFILE");
      await this.readTrust();
      if (!await this.readStatement()) {
        report.skipped.add("records");
        return;
      }
      await this.checkMembers();
      await this.checkpoint(TREE_START, "start");
      this.end = await this.checkpoint(TREE_END, "end");
      const { members, predicate, trust, ring } = this;
      const outside = new Outside(report, members, predicate, trust, ring, this.options);
      await outside.gather(this.end);
      const pass = await this.records(outside);
      if (pass !== null && report.level === "L2") await checkDetails(report, members, ring, pass);
      if (ring !== null) await checkAttestations(report, members, ring, this.options.attestations ?? []);
      const sound = pass !== null && !["E_FRONTIER", "E_TREE_SIZE", "E_ROOT"].some((code2) => report.found.has(code2));
      outside.judge(sound ? pass.roots : null, sound ? await outside.receipts() : /* @__PURE__ */ new Map());
      this.exposure(pass);
      this.endRoot = fromHex(this.predicate.end_root);
    }
    // -- S1 --------------------------------------------------------------------------------------------------------
    async readTrust() {
      const { report, options } = this;
      if (options.trust === void 0) {
        report.add("I_TRUST_MISSING");
        report.skipped.add("signatures");
        return;
      }
      await requirePlatform();
      let member = "trust file";
      try {
        const trust = await loadTrust(options.trust);
        const before = [];
        if (options.trustFrom !== void 0) {
          member = "old trust file";
          before.push(await loadTrust(options.trustFrom));
          member = "trust file";
        }
        const remembered = options.memory?.authority(trust.origin);
        if (remembered !== void 0) before.push(remembered);
        for (const authority of before) await checkSuccession(trust, authority);
        this.trust = trust;
      } catch (error) {
        if (!(error instanceof TrustError)) throw error;
        report.add(error.code, place(member, error.detail));
        report.skipped.add("signatures");
      }
    }
    // -- S2 --------------------------------------------------------------------------------------------------------
    async readStatement() {
      const { report } = this;
      if (!this.members.has(STATEMENT)) {
        this.fail("E_MEMBER_MISSING", STATEMENT, "");
        return false;
      }
      const raw = await this.members.small(STATEMENT, MAX_ENVELOPE);
      if (raw === null) return false;
      let envelope;
      try {
        envelope = parseEnvelope(raw, STATEMENT_PAYLOAD);
      } catch (error) {
        if (!(error instanceof DsseError)) throw error;
        this.fail(error.code, STATEMENT, error.detail);
        return false;
      }
      report.bundle = bundleDigest(envelope.payload);
      const refusal = this.takeStatement(envelope.payload);
      if (refusal !== "") {
        this.fail(refusal, STATEMENT, "");
        return false;
      }
      ({ origin: report.origin, start: report.start, end: report.end } = this.predicate);
      if (this.predicate.profile.some((name) => name !== "core" && name !== "time")) {
        this.fail("I_PROFILE", STATEMENT, "a profile this verifier does not have");
      }
      await this.readKeys();
      const code2 = this.ring === null ? "" : await statementRefusal2(envelope, this.ring, report.end);
      if (code2 !== "") this.fail(code2, STATEMENT, "it is not signed by a seal key in force");
      return true;
    }
    /** Take over a statement of the one form the format allows, or return the code of what it breaks. */
    takeStatement(payload) {
      let document2;
      try {
        document2 = checkStrict(payload, MAX_ENVELOPE);
      } catch (error) {
        if (error instanceof CanonicalError) return "E_STMT_TYPE";
        throw error;
      }
      if (!isObject(document2) || document2["_type"] !== STATEMENT_TYPE) return "E_STMT_TYPE";
      if (document2["predicateType"] !== PREDICATE_TYPE) return "I_VERSION";
      if (!isBundleStatement(document2)) return "E_STMT_PREDICATE";
      const predicate = document2["predicate"];
      const subjects = document2["subject"];
      const digests = new Map(subjects.map(({ name, digest }) => [name, digest.sha256]));
      if (predicate.start >= predicate.end || digests.size !== subjects.length) return "E_STMT_PREDICATE";
      this.predicate = predicate;
      this.digests = digests;
      return "";
    }
    async readKeys() {
      const { trust, predicate } = this;
      if (trust === null) return;
      if (trust.origin === predicate.origin && predicate.end > trust.expiresSize) this.report.add("E_TRUST_EXPIRED", place("trust file"));
      const member = this.members.has(ROTATIONS) ? await this.members.small(ROTATIONS, MAX_ROTATIONS) : null;
      this.ring = await effectiveKeys(trust, predicate.origin, predicate.end, member ?? new Uint8Array(0));
      for (const { code: code2, seq, detail } of this.ring.failures) this.report.add(code2, place(ROTATIONS, detail, seq));
    }
    // -- members ---------------------------------------------------------------------------------------------------
    async checkMembers() {
      const { members, digests } = this;
      for (const name of members.unlisted(digests)) this.fail("E_MEMBER_UNLISTED", name, "");
      let missing = [.../* @__PURE__ */ new Set([...digests.keys(), RECORDS, FRONTIER])].filter((name) => !members.has(name));
      if (!members.has(RECORDS) && members.has(LEAVES)) {
        missing = missing.filter((name) => name !== RECORDS && !name.startsWith("approvals/"));
        this.report.level = "L0";
      }
      for (const name of missing.sort()) this.fail("E_MEMBER_MISSING", name, "");
      for (const [name, wanted] of [...digests].sort(([one], [other]) => compareText(one, other))) {
        if (name === RECORDS || !members.has(name)) continue;
        const found = await members.digest(name);
        if (found !== null && found !== wanted) this.fail("E_MEMBER_DIGEST", name, "");
      }
    }
    // -- S3 --------------------------------------------------------------------------------------------------------
    /** The checkpoint, if nothing speaks against it. */
    async checkpoint(name, end) {
      const size = this.predicate[end];
      if (!this.members.has(name)) {
        if (end === "start" && size > 0) this.fail("E_MEMBER_MISSING", name, "");
        return null;
      }
      const raw = await this.members.small(name, MAX_NOTE);
      if (raw === null) return null;
      let found;
      try {
        found = parseCheckpoint(raw);
      } catch (error) {
        if (!(error instanceof NoteError)) throw error;
        this.fail(error.code, name, error.detail);
        return null;
      }
      const codes = [];
      if (found.origin !== this.predicate.origin) codes.push("E_CKPT_ORIGIN");
      if (found.size !== size || hex(found.root) !== this.predicate[`${end}_root`]) codes.push("E_CKPT_SIZE");
      const refused = this.ring === null ? "" : await checkpointRefusal(found, this.ring, this.predicate.origin, end === "end");
      if (refused !== "") codes.push(refused);
      for (const code2 of codes) this.fail(code2, name, "");
      return codes.length === 0 ? found : null;
    }
    // -- S4 to S7 --------------------------------------------------------------------------------------------------
    /** Pass over the records, or the leaf hashes; null when they cannot be read. */
    async records(outside) {
      const { report, members } = this;
      const frontier = await this.frontier();
      const fromLeaves = report.level === "L0" && members.has(LEAVES);
      const member = fromLeaves ? LEAVES : RECORDS;
      if (report.level !== "L2") report.skipped.add("record contents");
      if (frontier === null || !members.has(member)) {
        report.skipped.add("records");
        return null;
      }
      const pass = new RecordPass(
        {
          origin: report.origin,
          contents: report.level === "L2",
          ring: this.ring,
          sizes: outside.sizes,
          limits: outside.limits,
          disclosed: new Set(members.disclosures().map(({ number: number2 }) => number2)),
          leaves: !fromLeaves && report.level !== "L0" && members.has(LEAVES),
          onRecord: this.options.onRecord ?? null
        },
        frontier,
        this.host
      );
      const done = await members.orReport(async () => {
        if (fromLeaves) this.tree(pass, member, await pass.runLeaves(members.stream(LEAVES)));
        else await this.lines(pass);
        return true;
      });
      if (done === null) {
        report.skipped.add("records");
        return null;
      }
      report.merge(pass.findings);
      this.aggregates(pass);
      return pass;
    }
    async lines(pass) {
      const { start, end, level } = this.report;
      const digest = await pass.run(
        this.members.stream(RECORDS),
        () => this.options.onProgress?.(pass.frontier.size - start, end - start)
      );
      if (level !== "L0" && hex(digest) !== this.digests.get(RECORDS)) pass.findings.add("E_MEMBER_DIGEST", place(RECORDS));
      this.tree(pass, RECORDS, true);
      if (level === "L0" || !this.members.has(LEAVES)) return;
      const leaves = await this.members.digest(LEAVES);
      if (leaves !== null && leaves !== hex(pass.leaves.final())) pass.findings.add("E_ROOT", place(LEAVES));
    }
    /** Whether the leaves lead to the end root. whole: false when the last leaf hash is cut. */
    tree(pass, member, whole) {
      const { start, end, end_root: root } = this.predicate;
      const { frontier, findings } = pass;
      if (!whole || frontier.size !== end) {
        findings.add("E_TREE_SIZE", place(member, `${frontier.size - start} records, ${end - start} expected`));
      } else if (hex(frontier.root()) !== root) {
        findings.add("E_ROOT", place(member));
      }
    }
    async frontier() {
      if (!this.members.has(FRONTIER)) return null;
      const raw = await this.members.small(FRONTIER);
      if (raw === null) return null;
      const text = fromLatin1(raw);
      const lines = text.split("\n");
      const rest = lines.pop();
      try {
        const frontier = new Frontier(
          this.predicate.start,
          lines.map((line) => strictBase64(line, HASH_SIZE))
        );
        if (rest !== "") this.fail("E_FRONTIER", FRONTIER, "bytes after the last line");
        if (hex(frontier.root()) !== this.predicate.start_root) this.fail("E_FRONTIER", FRONTIER, "");
        return frontier;
      } catch (error) {
        if (!(error instanceof NoteError || error instanceof ProofError)) throw error;
        this.fail("E_FRONTIER", FRONTIER, error.message);
        return null;
      }
    }
    /** Only where every record could be read: otherwise a difference says nothing new. */
    aggregates(pass) {
      if (this.report.level !== "L2" || this.report.hasErrorUpTo(7)) return;
      for (const name of pass.tally.differences(this.predicate)) this.fail("E_AGGREGATE", STATEMENT, name);
    }
    // -- S9 --------------------------------------------------------------------------------------------------------
    exposure(pass) {
      const { report } = this;
      const { start, end } = this.predicate;
      if (this.report.level !== "L2" || pass === null || pass.lastTs === "" || report.anchoredEnd >= end) return;
      const from = report.anchoredEnd > start ? pass.times.get(report.anchoredEnd) ?? pass.firstTs : pass.firstTs;
      const exposed = microseconds(pass.lastTs) - microseconds(from);
      const most = BigInt(Number.MAX_SAFE_INTEGER);
      report.exposure = Number(exposed < 0n ? 0n : exposed > most ? most : exposed);
    }
    // -- parts -----------------------------------------------------------------------------------------------------
    fail(code2, member, detail) {
      this.report.add(code2, place(member, detail));
    }
  };

  // ../ts/src/zip_form.ts
  var STORED2 = 0;
  var BIG = 4294967295;
  var MANY = 65535;
  var DOS_DATE = 33;
  var MODE = 33060;
  function pack(...fields) {
    const raw = new Uint8Array(fields.reduce((size, [width]) => size + width, 0));
    const view2 = new DataView(raw.buffer);
    let at = 0;
    for (const [width, value] of fields) {
      if (width === 2) view2.setUint16(at, value, true);
      else if (width === 4) view2.setUint32(at, value, true);
      else view2.setBigUint64(at, BigInt(value), true);
      at += width;
    }
    return raw;
  }
  var Entry = class {
    constructor(name, method, crc, packed, size, offset) {
      this.name = name;
      this.method = method;
      this.crc = crc;
      this.packed = packed;
      this.size = size;
      this.offset = offset;
    }
    name;
    method;
    crc;
    packed;
    size;
    offset;
    get zip64() {
      return this.packed >= BIG || this.size >= BIG;
    }
    shared(extra) {
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
        [2, extra]
      ];
    }
    localHeader() {
      const extra = this.zip64 ? pack([2, 1], [2, 16], [8, this.size], [8, this.packed]) : new Uint8Array(0);
      return concat([pack([4, 67324752], ...this.shared(extra.length)), utf8(this.name), extra]);
    }
    centralHeader() {
      const values = [...this.zip64 ? [this.size, this.packed] : [], ...this.offset >= BIG ? [this.offset] : []];
      const wide = values.map((value) => [8, value]);
      const extra = values.length > 0 ? pack([2, 1], [2, 8 * values.length], ...wide) : new Uint8Array(0);
      const [version] = this.shared(0);
      const head = pack([4, 33639248], [2, 3 << 8 | version[1]], ...this.shared(extra.length));
      const rest = pack([2, 0], [2, 0], [2, 0], [2, 0], [2, MODE], [4, Math.min(this.offset, BIG)]);
      return concat([head, rest, utf8(this.name), extra]);
    }
    get data() {
      return this.offset + this.localHeader().length;
    }
  };
  function endRecords(count, size, at) {
    const end = pack(
      [4, 101010256],
      [2, 0],
      [2, 0],
      [2, Math.min(count, MANY)],
      [2, Math.min(count, MANY)],
      [4, Math.min(size, BIG)],
      [4, Math.min(at, BIG)],
      [2, 0]
    );
    if (at < BIG && size < BIG && count < MANY) return end;
    const end64 = pack(
      [4, 101075792],
      [8, 44],
      [2, 3 << 8 | 45],
      [2, 45],
      [4, 0],
      [4, 0],
      [8, count],
      [8, count],
      [8, size],
      [8, at]
    );
    return concat([end64, pack([4, 117853008], [4, 0], [8, at + size], [4, 1]), end]);
  }

  // ../ts/src/zip.ts
  var MAX_DIRECTORY = 16 << 20;
  var MAX_LISTING = 16 << 20;
  var CHUNK2 = 262144;
  var TRANSPORT = "transport.sha256";
  var LISTED = /^([0-9a-f]{64}) {2}([a-z0-9._/-]{1,100})$/;
  var DEFLATED = 8;
  var CENTRAL_SIZE = 46;
  var END_SIZE = 22;
  var END64_SIZE = 56;
  var LOCATOR64_SIZE = 20;
  var ZipContainer = class {
    constructor(source, host) {
      this.source = source;
      this.host = host;
    }
    source;
    host;
    damage = [];
    entries = /* @__PURE__ */ new Map();
    get names() {
      return [...this.entries.keys()].filter((name) => name !== TRANSPORT);
    }
    size(name) {
      return this.entries.get(name).size;
    }
    async *stream(name) {
      const entry2 = this.entries.get(name);
      let crc = 0;
      let size = 0;
      const chunks = entry2.method === STORED2 ? this.packed(entry2) : this.host.inflate(this.source, entry2.data, entry2.packed, entry2.size);
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
      if (size !== entry2.size || crc !== entry2.crc) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "its bytes do not match its header", name);
      }
    }
    async *packed(entry2) {
      const first = entry2.data;
      for (let done = 0; done < entry2.packed; ) {
        const chunk = await this.source.read(first + done, Math.min(CHUNK2, entry2.packed - done));
        if (chunk.length === 0) {
          throw new ContainerError("E_ARCHIVE_FORMAT", "the file ends inside a member", entry2.name, first + done);
        }
        done += chunk.length;
        yield chunk;
      }
    }
    /** Parse from the end, then demand that a strict writer would have written exactly these headers. */
    async readDirectory() {
      const total2 = this.source.size;
      const { count, size, at } = await this.readEnd(total2);
      if (count > MAX_MEMBERS || size > MAX_DIRECTORY) throw new ContainerError("E_ARCHIVE_LIMIT", "too many members");
      if (at + size > total2) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "the central directory lies outside the file");
      }
      const directory = await this.source.read(at, size);
      if (!equal(await this.source.read(at + size, total2 - at - size), endRecords(count, size, at))) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "the end is not in the strict form", "", at + size);
      }
      let position = 0;
      let offset = 0;
      let last = "";
      for (let i = 0; i < count; i++) {
        const [entry2, used] = parseCentral(directory, position, at);
        const { name } = entry2;
        if (this.entries.has(name)) throw new ContainerError("E_ARCHIVE_DUP", "a member name occurs twice", name);
        if (name < last || entry2.offset !== offset) {
          throw new ContainerError("E_ARCHIVE_FORMAT", "members are not sorted and contiguous", name);
        }
        const header = entry2.localHeader();
        if (!equal(await this.source.read(offset, header.length), header)) {
          throw new ContainerError("E_ARCHIVE_FORMAT", "its two headers disagree", name, offset);
        }
        this.entries.set(name, entry2);
        position += used;
        last = name;
        offset += header.length + entry2.packed;
        if (offset > at) throw new ContainerError("E_ARCHIVE_FORMAT", "it reaches into the directory", name);
      }
      if (position !== size || offset !== at) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "bytes that belong to no member", "", offset);
      }
    }
    async readEnd(total2) {
      if (total2 < END_SIZE) throw new ContainerError("E_ARCHIVE_FORMAT", "not a zip archive: too short");
      const end = viewOf(await this.source.read(total2 - END_SIZE, END_SIZE));
      if (end.getUint32(0, true) !== 101010256) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "no end record at the end", "", total2 - END_SIZE);
      }
      const count = end.getUint16(8, true);
      const size = end.getUint32(12, true);
      const at = end.getUint32(16, true);
      if (count !== MANY && size !== BIG && at !== BIG) return { count, size, at };
      const where = total2 - END_SIZE - LOCATOR64_SIZE - END64_SIZE;
      if (where < 0) throw new ContainerError("E_ARCHIVE_FORMAT", "the zip64 end record is missing");
      const wide = viewOf(await this.source.read(where, END64_SIZE));
      return { count: uint64(wide, 32), size: uint64(wide, 40), at: uint64(wide, 48) };
    }
    /** Every packed byte against the transport list. What differs is noted, so that the rest can still be read. */
    async checkTransport() {
      const entry2 = this.entries.get(TRANSPORT);
      if (entry2 === void 0) throw new ContainerError("E_MEMBER_MISSING", "the transport list is missing", TRANSPORT);
      if (entry2.method !== STORED2 || entry2.size > MAX_LISTING) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "the transport list is not stored plainly", TRANSPORT);
      }
      const lines = fromLatin1(await readMember(this, TRANSPORT, MAX_LISTING)).split("\n");
      const rest = lines.pop();
      const found = lines.map((line) => LISTED.exec(line));
      if (rest !== "" || found.some((match) => match === null)) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "the transport list is malformed", TRANSPORT);
      }
      const names = this.names;
      if (found.length !== names.length || found.some((match, i) => match[2] !== names[i])) {
        throw new ContainerError("E_ARCHIVE_FORMAT", "the transport list names other members", TRANSPORT);
      }
      for (const match of found) await this.checkPacked(this.entries.get(match[2]), match[1]);
    }
    async checkPacked(entry2, wanted) {
      const digest = this.host.digest();
      for await (const chunk of this.packed(entry2)) digest.update(chunk);
      if (hex(digest.final()) === wanted) return;
      const first = entry2.data;
      const detail = `damaged between byte ${first} and ${first + entry2.packed - 1} of the file`;
      this.damage.push(new ContainerError("E_ARCHIVE_FORMAT", detail, entry2.name, first));
    }
  };
  function viewOf(raw) {
    return new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  }
  function uint64(view2, at) {
    return Number(view2.getBigUint64(at, true));
  }
  function parseCentral(directory, position, base) {
    const start = position + CENTRAL_SIZE;
    const view2 = viewOf(directory);
    const names = start > directory.length ? Infinity : view2.getUint16(position + 28, true) + view2.getUint16(position + 30, true);
    if (start + names > directory.length) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "the central directory ends early", "", base + position);
    }
    const method = view2.getUint16(position + 10, true);
    const crc = view2.getUint32(position + 16, true);
    let packed = view2.getUint32(position + 20, true);
    let size = view2.getUint32(position + 24, true);
    let offset = view2.getUint32(position + 42, true);
    const middle = start + view2.getUint16(position + 28, true);
    const name = fromLatin1(directory.subarray(start, middle));
    const extra = directory.subarray(middle, middle + view2.getUint16(position + 30, true));
    if (!isMemberName(name)) {
      throw new ContainerError("E_ARCHIVE_NAME", "a member name is not allowed", "", base + start);
    }
    if (method !== STORED2 && method !== DEFLATED) {
      throw new ContainerError("E_ARCHIVE_TYPE", "packed by a method that is not allowed", name, base + position);
    }
    const values = [];
    if ([12, 20, 28].includes(extra.length)) {
      for (let at = 4; at < extra.length; at += 8) values.push(uint64(viewOf(extra), at));
    }
    if (packed === BIG && values.length >= 2) [size, packed] = values.splice(0, 2);
    if (offset === BIG && values.length > 0) offset = values[0];
    if (Math.max(size, packed, offset) > Number.MAX_SAFE_INTEGER) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "a size beyond every file", name, base + position);
    }
    const entry2 = new Entry(name, method, crc, packed, size, offset);
    const wanted = entry2.centralHeader();
    if (!equal(directory.subarray(position, position + wanted.length), wanted)) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "its directory entry is not in the strict form", name, base + position);
    }
    if (method === STORED2 && packed !== size) {
      throw new ContainerError("E_ARCHIVE_FORMAT", "stored with two sizes", name, base + position);
    }
    return [entry2, wanted.length];
  }
  async function openZip(source, host) {
    const container = new ZipContainer(source, host);
    await container.readDirectory();
    await container.checkTransport();
    return container;
  }

  // ../ts/src/api.ts
  function resultOf({ report }) {
    return {
      report: report.document(),
      reportBytes: report.toBytes(),
      exitCode: report.exitCode,
      places: ordered(report, "E_", "I_", "P_", "W_")
    };
  }
  async function verifyOpened(open, host, options) {
    let container;
    try {
      container = await open();
    } catch (error) {
      if (error instanceof ContainerError) return refuse(error, options);
      throw error;
    }
    const verification = await verifyContainer(container, host, options);
    const { report, trust, endRoot } = verification;
    if (options.memory !== void 0 && endRoot !== null && ["verified", "prefix"].includes(report.verdict)) {
      options.memory.remember(report.origin, report.end, endRoot, trust);
    }
    return verification;
  }
  async function verifyBundle(bytes2, options = {}) {
    return resultOf(await verifyOpened(() => openZip(memorySource(bytes2), portableHost), portableHost, options));
  }

  // src/dom.ts
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === void 0 || value === false) continue;
      if (typeof value === "function") made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : String(value));
    }
    append(made, children);
    return made;
  }
  function append(parent, children) {
    for (const child of children) if (child !== null && child !== void 0) parent.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
  }
  function show(parent, ...children) {
    parent.replaceChildren();
    append(parent, children);
  }
  function byId2(id) {
    const found = document.getElementById(id);
    if (found === null) throw new Error(`The page has no element ${id}.`);
    return found;
  }
  function facts(pairs) {
    const list = element("dl", { class: "facts" });
    for (const [name, value] of pairs)
      if (value !== null && value !== void 0 && value !== "") append(list, [element("dt", {}, name), element("dd", {}, value)]);
    return list;
  }
  function table(caption, heads, rows) {
    const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
    const body2 = rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))));
    return element(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
      element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body2))
    );
  }
  function code(text) {
    return element("code", {}, text);
  }
  function grouped(value) {
    return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202F");
  }

  // src/model.ts
  function textAt(value, ...path) {
    let found = value;
    for (const name of path) found = isObject(found) ? found[name] : void 0;
    return typeof found === "string" ? found : typeof found === "number" ? String(found) : "";
  }
  function objectAt(value, name) {
    const found = isObject(value) ? value[name] : void 0;
    return isObject(found) ? found : {};
  }
  function listAt(value, name) {
    const found = isObject(value) ? value[name] : void 0;
    return Array.isArray(found) ? found : [];
  }
  var Records = class {
    constructor(bytes2, start) {
      this.bytes = bytes2;
      let at = 0;
      for (let seq = start; at < bytes2.length; seq++) {
        let end = bytes2.indexOf(10, at);
        if (end < 0) end = bytes2.length;
        this.rows.push(rowOf(this.parse(at, end - at), seq, at, end - at));
        at = end + 1;
      }
    }
    bytes;
    rows = [];
    /** The whole record of a row; null when its line is not JSON. */
    record(row) {
      return this.parse(row.at, row.size);
    }
    line(row) {
      return this.bytes.subarray(row.at, row.at + row.size);
    }
    parse(at, size) {
      const text = fromUtf8(this.bytes.subarray(at, at + size));
      if (text === null) return null;
      try {
        return JSON.parse(text);
      } catch {
        return null;
      }
    }
  };
  function rowOf(value, seq, at, size) {
    const typ = textAt(value, "typ");
    const data = objectAt(value, "data");
    const row = {
      seq,
      at,
      size,
      typ: typ || "not a record",
      ts: textAt(value, "ts"),
      phase: textAt(data, "phase"),
      decision: textAt(value, "verdict", "decision"),
      reason: textAt(value, "verdict", "reason"),
      mode: textAt(value, "verdict", "mode"),
      agent: textAt(value, "agent", "uid"),
      host: textAt(value, "act", "host"),
      action: actionOf(value, typ, data),
      result: textAt(data, "result") || textAt(value, "io", "res", "status"),
      trace: textAt(value, "trace", "trace_id"),
      exchange: textAt(data, "exchange"),
      approval: textAt(value, "appr", "id")
    };
    const search = [row.typ, row.reason, row.agent, row.host, row.action, row.trace, row.exchange, row.approval];
    return { ...row, search: search.join("\0").toLowerCase() };
  }
  function actionOf(value, typ, data) {
    const method = textAt(value, "act", "method");
    if (method) return `${method} ${textAt(value, "act", "tool") || textAt(value, "act", "target")}`;
    if (typ === "sys.gap") return `${textAt(data, "count")} events of ${textAt(data, "source")} missing: ${textAt(data, "cause")}`;
    if (typ === "sys.key") return `${textAt(data, "role")} key ${textAt(data, "keyid").slice(0, 16)} ${textAt(data, "state")}`;
    if (typ === "sys.clock") return `clock from ${textAt(data, "old")} to ${textAt(data, "new")}`;
    if (typ === "sys.erasure") return `subject key ${textAt(data, "subject_key").slice(0, 16)} deleted`;
    return textAt(data, "cause") || textAt(data, "reason") || textAt(data, "class");
  }
  function chainOf(records, row) {
    const key = (one) => [one.trace && `t${one.trace}`, one.exchange && `e${one.exchange}`, one.approval && `a${one.approval}`].filter(Boolean);
    const wanted = new Set(key(row));
    const numbers = /* @__PURE__ */ new Set([row.seq, ...refsOf(records.record(row))]);
    for (let grown = -1; grown !== wanted.size + numbers.size; ) {
      grown = wanted.size + numbers.size;
      for (const one of records.rows)
        if (numbers.has(one.seq) || key(one).some((name) => wanted.has(name))) {
          numbers.add(one.seq);
          for (const name of key(one)) wanted.add(name);
        }
    }
    return records.rows.filter((one) => numbers.has(one.seq));
  }
  function refsOf(value) {
    return listAt(value, "refs").flatMap((ref) => isObject(ref) && typeof ref["seq"] === "number" ? [ref["seq"]] : []);
  }
  function stepOf(row) {
    if (row.typ === "pef.approval.request") return "approval asked";
    if (row.typ === "pef.approval.grant") return "approved";
    if (row.typ === "pef.approval.deny") return "approval refused";
    if (row.typ === "pef.approval.consume") return "approval used";
    if (row.typ === "pef.approval.expire") return "approval ran out";
    if (row.typ === "pef.receipt") return "receipt";
    if (row.phase === "intent") return "decision";
    if (row.phase === "outcome") return "outcome";
    if (row.phase === "whole") return "decision and outcome";
    return row.typ.startsWith("sys.") ? "recorder" : "record";
  }

  // src/moments.ts
  function microseconds2(ts) {
    return Date.parse(`${ts.slice(0, 19)}Z`) * 1e3 + Number(ts.slice(20, 26));
  }
  function timestampOf(micros) {
    const whole = Math.floor(micros / 1e6);
    return `${new Date(whole * 1e3).toISOString().slice(0, 19)}.${String(micros - whole * 1e6).padStart(6, "0")}Z`;
  }
  function duration(micros) {
    const seconds = micros / 1e6;
    if (seconds < 1) return `${Math.round(micros / 1e3)} ms`;
    if (seconds < 120) return `${seconds.toFixed(1)} s`;
    if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
    return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86400).toFixed(1)} days`;
  }

  // src/certificates.ts
  var STATEMENT2 = "application/vnd.in-toto+json";
  function predicateOf(raw) {
    try {
      return objectAt(checkStrict(parseEnvelope(raw, STATEMENT2).payload, raw.length), "predicate");
    } catch {
      return null;
    }
  }
  function moment(seconds) {
    return seconds ? timestampOf(Number(seconds) * 1e6).replace(".000000", "") : "";
  }
  function drawCertificates(place2, members, found, openRecord) {
    if (members.size === 0) return show(place2, element("p", {}, "The bundle has no approval certificates."));
    show(place2, ...[...members].map(([name, raw]) => drawOne(name, predicateOf(raw), found, openRecord)));
  }
  function drawOne(name, predicate, found, openRecord) {
    const about = found.flatMap((one) => one.places.filter((where) => where.member === name).map((where) => [one.code, where.seq]));
    const said = about.length ? element("ul", { class: "said" }, ...about.map(([text, seq]) => element("li", { class: text.startsWith("E_") ? "bad" : "warned" }, `${text} `, seq < 0 ? null : element("button", { type: "button", class: "link", onclick: () => openRecord(seq) }, `record ${seq}`)))) : element("p", { class: "good" }, "The verifier found nothing wrong with it.");
    if (predicate === null) return element("article", {}, element("h3", {}, code(name)), said, element("p", {}, "It cannot be read."));
    const approver = objectAt(predicate, "approver");
    const amount = objectAt(predicate, "amount");
    const kinds = listAt(predicate, "binding").map((one) => textAt(one, "kind"));
    return element(
      "article",
      {},
      element("h3", {}, `${textAt(predicate, "decision") || "approval"} of ${textAt(predicate, "action", "op")} ${textAt(predicate, "action", "target")}`),
      said,
      facts([
        ["Approval", code(textAt(predicate, "id"))],
        ["Tool", textAt(predicate, "action", "tool")],
        ["Tenant", textAt(predicate, "action", "tenant")],
        ["Amount", textAt(amount, "value") && `${textAt(amount, "value")} ${textAt(amount, "currency")}`],
        ["Exact payload", code(textAt(predicate, "payload", "sha256"))],
        ["What was displayed", code(textAt(predicate, "payload", "display_sha256"))],
        ["Approver, by commitment", code(textAt(approver, "sub_c"))],
        ["Identity from", textAt(approver, "iss")],
        ["Second factor", `${objectAt(predicate, "approver")["mfa"] === true ? "yes" : "no"}${approver["phishing_resistant"] === true ? ", phishing resistant" : ""}`],
        ["Bound by", kinds.map((kind) => kind === "session" ? "the operator's word only (session)" : kind).join(", ")],
        ["Valid", `${moment(textAt(predicate, "challenge", "iat"))} to ${moment(textAt(predicate, "challenge", "exp"))}`],
        ["Needed", `${textAt(predicate, "quorum", "need")} of ${textAt(predicate, "quorum", "of")} ${textAt(predicate, "quorum", "role")}`],
        ["Policy", code(textAt(predicate, "policy", "sha256"))],
        ["Certificate", code(name)]
      ])
    );
  }

  // src/detail.ts
  var MAX_CHAIN = 200;
  function drawDetail(place2, records, row, open) {
    const value = records.record(row);
    const heading = element("h3", { tabindex: -1 }, `Record ${row.seq}: ${row.typ}`);
    show(
      place2,
      heading,
      drawChain(records, row, open),
      drawVerdict(value),
      facts([
        ["Time", row.ts],
        ["Agent", agentOf(value)],
        ["Action", row.action],
        ["Host", row.host],
        ["Request", body(value, "req")],
        ["Response", body(value, "res")],
        ["Trace", row.trace && code(row.trace)],
        ["Exchange", row.exchange && code(row.exchange)],
        ["Approval", row.approval && code(row.approval)],
        ["Source", `${textAt(value, "src", "id")}, its event ${textAt(value, "src", "seq")}`],
        ["Leaf hash", code(hex(leafHash(records.line(row))))],
        ["Hash of the record before", code(textAt(value, "prev"))]
      ]),
      element("details", {}, element("summary", {}, "Every field, as recorded"), element("pre", {}, JSON.stringify(value, null, 2)))
    );
    heading.focus();
  }
  function drawChain(records, row, open) {
    const chain = chainOf(records, row);
    const steps = chain.slice(0, MAX_CHAIN).map(
      (one) => element(
        "li",
        { class: one.seq === row.seq ? "here" : "" },
        element("button", { type: "button", "aria-current": one.seq === row.seq ? "true" : void 0, onclick: () => open(one) }, element("span", { class: "step" }, stepOf(one)), ` ${one.decision || one.result || one.typ} `, element("small", {}, `record ${one.seq}`))
      )
    );
    const more = chain.length > MAX_CHAIN ? element("p", {}, `and ${chain.length - MAX_CHAIN} more`) : null;
    return element("nav", { "aria-label": "Chain of this record" }, element("ol", { class: "chain" }, ...steps), more);
  }
  function drawVerdict(value) {
    const verdict = objectAt(value, "verdict");
    if (!textAt(verdict, "decision")) return null;
    const findings = listAt(objectAt(value, "data"), "findings");
    return element(
      "section",
      {},
      element("h4", {}, "Verdict"),
      facts([
        ["Decision", `${textAt(verdict, "decision")} (${textAt(verdict, "mode")})`],
        ["Reason", textAt(verdict, "reason")],
        ["Rule", textAt(verdict, "rule")],
        ["Policy", code(textAt(verdict, "policy_sha256"))],
        ["Engine", textAt(verdict, "engine")],
        ["Time to decide", `${textAt(verdict, "eval_us")} \xB5s`]
      ]),
      findings.length ? table("What the checks found", ["Check", "Rule", "Reason", "Action", "Mode", "Where"], findings.map((one) => ["check", "rule", "reason", "action", "mode", "path"].map((name) => textAt(one, name)))) : null
    );
  }
  function agentOf(value) {
    const how = textAt(value, "agent", "auth");
    return textAt(value, "agent", "uid") && `${textAt(value, "agent", "uid")} (identity by ${how === "none" ? "nothing" : how})`;
  }
  function body(value, side) {
    const io = objectAt(objectAt(value, "io"), side);
    if (!isObject(io) || textAt(io, "len") === "") return null;
    const status = textAt(io, "status");
    const said = `${status ? `status ${status}, ` : ""}${textAt(io, "len")} bytes${textAt(io, "mt") ? ` of ${textAt(io, "mt")}` : ""}`;
    return element("span", {}, said, textAt(io, "c") ? element("span", {}, ", commitment ", code(textAt(io, "c"))) : null);
  }

  // src/filters.ts
  var FIELDS = ["typ", "decision", "reason", "agent", "host"];
  var NAMES = {
    typ: "Type",
    decision: "Decision",
    reason: "Reason",
    agent: "Agent",
    host: "Host"
  };
  var MAX_CHOICES = 500;
  var Filters = class {
    constructor(records, changed) {
      this.records = records;
      this.changed = changed;
      this.words = element("input", { type: "search", id: "words", placeholder: "target, trace, exchange, approval", oninput: changed });
      this.form = element("form", { class: "filters", role: "search", "aria-label": "Filter records", onsubmit: (event) => event.preventDefault() });
      for (const field of FIELDS) this.form.append(this.choice(field));
      this.form.append(element("label", { for: "words" }, "Words", this.words), element("button", { type: "button", onclick: () => this.clear() }, "Clear"));
    }
    records;
    changed;
    form;
    selects = /* @__PURE__ */ new Map();
    words;
    from = "";
    to = "";
    /** Only records from `from` up to, not including, `to`; "" is open. */
    between(from, to) {
      [this.from, this.to] = [from, to];
      this.changed();
    }
    clear() {
      for (const select of this.selects.values()) select.value = "";
      this.words.value = "";
      this.between("", "");
    }
    rows() {
      const wanted = [...this.selects].filter(([, select]) => select.value !== "").map(([field, select]) => [field, select.value]);
      const words = this.words.value.toLowerCase().split(/\s+/).filter(Boolean);
      return this.records.rows.filter(
        (row) => wanted.every(([field, value]) => row[field] === value) && words.every((word) => row.search.includes(word) || String(row.seq) === word) && (this.from === "" || row.ts >= this.from) && (this.to === "" || row.ts < this.to)
      );
    }
    choice(field) {
      const counts = /* @__PURE__ */ new Map();
      for (const row of this.records.rows) if (row[field]) counts.set(row[field], (counts.get(row[field]) ?? 0) + 1);
      const common = [...counts].sort((one, other) => other[1] - one[1]).slice(0, MAX_CHOICES).sort(([one], [other]) => one < other ? -1 : 1);
      const options = common.map(([value, count]) => element("option", { value }, `${value} (${count})`));
      const select = element("select", { id: `filter-${field}`, onchange: this.changed }, element("option", { value: "" }, "all"), ...options);
      this.selects.set(field, select);
      return element("label", { for: select.id }, NAMES[field], select);
    }
  };

  // src/list.ts
  var PAGE = 100;
  var HEADS = ["Record", "Time (UTC)", "Type", "Decision", "Action", "Reason", "Agent", "Host", "Result"];
  var List = class {
    /** bad: numbers of records that the verifier found something about. */
    constructor(place2, open, bad) {
      this.open = open;
      this.bad = bad;
      const head = element("tr", {}, ...HEADS.map((text) => element("th", { scope: "col" }, text)));
      const caption = element("caption", {}, "Records. Arrow keys move from row to row, Enter opens one.");
      show(
        place2,
        this.count,
        element("div", { class: "scroll" }, element("table", { class: "records" }, caption, element("thead", {}, head), this.body)),
        element("p", { class: "pager" }, this.before, this.after)
      );
    }
    open;
    bad;
    rows = [];
    page = 0;
    body = element("tbody", { onkeydown: (event) => this.key(event) });
    count = element("p", { class: "count", role: "status" });
    before = element("button", { type: "button", onclick: () => this.turn(-1) }, "Previous page");
    after = element("button", { type: "button", onclick: () => this.turn(1) }, "Next page");
    show(rows, total2) {
      this.rows = rows;
      this.page = 0;
      this.count.textContent = `${grouped(rows.length)} of ${grouped(total2)} records`;
      this.draw();
    }
    draw() {
      const shown = this.rows.slice(this.page * PAGE, (this.page + 1) * PAGE);
      show(this.body, ...shown.map((row, number2) => this.line(row, number2 === 0)));
      this.before.disabled = this.page === 0;
      this.after.disabled = (this.page + 1) * PAGE >= this.rows.length;
    }
    line(row, first) {
      const decision = row.decision ? element("span", { class: `decision ${row.decision}` }, row.mode === "shadow" ? `${row.decision} (shadow)` : row.decision) : null;
      const cells = [row.ts.slice(0, 23).replace("T", " "), row.phase ? `${row.typ} ${row.phase}` : row.typ, decision, row.action, row.reason, row.agent, row.host, row.result];
      const number2 = element("th", { scope: "row" }, String(row.seq));
      if (this.bad.has(row.seq)) append(number2, [" ", element("strong", { class: "mark", title: "the verifier found something here" }, "!")]);
      return element("tr", { tabindex: first ? 0 : -1, "data-seq": row.seq, onclick: () => this.open(row) }, number2, ...cells.map((cell) => element("td", { title: typeof cell === "string" && cell.length > 24 ? cell : void 0 }, cell)));
    }
    key(event) {
      const row = event.target.closest("tr");
      if (row === null) return;
      const step = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: this.body.firstElementChild, End: this.body.lastElementChild }[event.key];
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        const found = this.rows.find((one) => String(one.seq) === row.dataset["seq"]);
        if (found) this.open(found);
      } else if (step instanceof HTMLElement) {
        event.preventDefault();
        row.tabIndex = -1;
        step.tabIndex = 0;
        step.focus();
      }
    }
    turn(by) {
      this.page += by;
      this.draw();
      this.body.firstElementChild?.focus();
    }
  };

  // src/outside.ts
  function drawOutside(place2, members, records) {
    const notes = [...members].filter(([name]) => /^tree\/(start|end)$|\.cosig$/.test(name));
    const others = [...members].filter(([name]) => /\.(tsr|wh\.json)$|^attestations\/|^disclosures\//.test(name));
    const anchors = records.rows.filter((row) => row.typ === "sys.anchor");
    show(
      place2,
      ...notes.map(([name, raw]) => element("figure", {}, element("figcaption", {}, name), element("pre", {}, fromUtf8(raw) ?? "not text"))),
      others.length ? table("Other detached members", ["Member", "Bytes"], others.map(([name, raw]) => [code(name), String(raw.length)])) : null,
      anchors.length ? table("Anchors that the log itself remembers", ["Record", "Time", "Size", "What"], anchors.map((row) => {
        const data = objectAt(records.record(row), "data");
        return [String(row.seq), row.ts, textAt(data, "size"), JSON.stringify(data["anchors"] ?? data["kind"] ?? "")];
      })) : element("p", {}, "The window has no anchor record.")
    );
  }
  function drawKeys(place2, records) {
    const keys = records.rows.filter((row) => row.typ === "sys.key");
    const rows = keys.map((row) => {
      const data = objectAt(records.record(row), "data");
      return [String(row.seq), textAt(data, "role"), textAt(data, "kind") || "first", textAt(data, "state"), textAt(data, "alg"), code(textAt(data, "keyid"))];
    });
    show(place2, rows.length ? table("Changes of keys in this window", ["Record", "Role", "Kind", "State", "Algorithm", "Key id"], rows) : element("p", {}, "No key changed in this window."));
  }

  // src/summary.ts
  var SAYS = {
    verified: ["Verified", "Intact, and something outside confirms the end."],
    prefix: ["Intact, end not anchored", "Every record is what was signed. Nothing outside confirms that the last ones were not remade, or later ones kept back."],
    indeterminate: ["Not decided", "Something that is needed to check the signatures is missing."],
    rejected: ["Rejected", "Something is wrong with this bundle. Do not rely on it."]
  };
  var FIRST = 3;
  function drawVerdict2(place2, report) {
    const verdict = textAt(report, "verdict");
    const [title, words] = SAYS[verdict] ?? [verdict, ""];
    place2.className = `verdict ${verdict}`;
    show(place2, element("h2", { id: "verdict-title" }, title), element("p", {}, words));
  }
  function drawSummary(place2, report, places, words, openRecord) {
    const number2 = (name) => Number(textAt(report, name));
    const records = number2("end") - number2("start");
    show(
      place2,
      facts([
        ["Log", textAt(report, "origin")],
        ["Records", records > 0 ? `${grouped(number2("start"))} to ${grouped(number2("end") - 1)} (${grouped(records)})` : ""],
        ["Bundle", code(textAt(report, "bundle"))],
        ["Checked", `level ${textAt(report, "level")}`],
        ["Confirmed from outside", number2("anchored_end") ? `up to record ${grouped(number2("anchored_end") - 1)}` : "nothing"],
        ["Exposure", number2("unanchored") ? `${grouped(number2("unanchored"))} records, ${duration(number2("exposure_us"))}, could still be remade by whoever holds the log's keys` : "none"],
        ["Witnesses", listAt(report, "witnesses").join(", ")],
        ["Confirmed at", textAt(report, "anchored_at")],
        ["Not checked", listAt(report, "skipped").join("; ")]
      ]),
      element("h3", {}, "Checks"),
      element("ol", { class: "stages" }, ...STAGES.map((name, stage) => drawStage(name, places.filter((found) => stageOf(found.code) === stage), words, openRecord)))
    );
  }
  function drawStage(name, found, words, openRecord) {
    const [short, ...rest] = name.split(" ");
    const worst = found.some((one) => one.code.startsWith("E_")) ? "bad" : found.some((one) => /^[IP]_/.test(one.code)) ? "open" : found.length ? "warned" : "good";
    const state = { bad: "failed", open: "open", warned: "passed, with notes", good: "nothing found" }[worst];
    return element(
      "li",
      { class: worst },
      element("span", { class: "stage" }, `${short} ${rest.join(" ")}`),
      element("span", { class: "state" }, state),
      found.length ? element("ul", {}, ...found.map((one) => drawCode(one, words, openRecord))) : null
    );
  }
  function drawCode(found, words, openRecord) {
    const where = found.places.filter((place2) => place2.seq >= 0 || place2.member || place2.detail).map((place2) => {
      const said = [place2.member, place2.detail].filter(Boolean).join(": ");
      return place2.seq < 0 ? element("li", {}, said) : element("li", {}, element("button", { type: "button", class: "link", onclick: () => openRecord(place2.seq) }, `record ${place2.seq}`), ` ${said}`);
    });
    const unseen = found.count - found.places.length;
    const rest = [...where.slice(FIRST), unseen > 0 ? element("li", {}, `and ${grouped(unseen)} more`) : null];
    return element(
      "li",
      {},
      element("strong", {}, found.code),
      ` ${words[found.code] ?? ""}`,
      where.length ? element("ul", {}, ...where.slice(0, FIRST)) : null,
      where.length > FIRST ? element("details", {}, element("summary", {}, `${grouped(found.count - FIRST)} more places`), element("ul", {}, ...rest)) : null
    );
  }
  function drawNotAsserted(place2) {
    show(
      place2,
      element(
        "ul",
        {},
        element("li", {}, "That the recorder was told the truth. Integrity is not truth."),
        element("li", {}, "That an event which never reached the recorder happened or did not, beyond what source counters and declared gaps show."),
        element("li", {}, "That the operator has no second log, unless an outside checkpoint says so."),
        element("li", {}, "That a body is what its commitment suggests, unless the body and its salt are disclosed."),
        element("li", {}, "That this page is honest: it was made by whoever gave it to you, and so was the verifier inside it. For proof, check evidence.zip with a verifier and a trust file that you got another way.")
      )
    );
  }
  function drawCounts(place2, counts) {
    const rows = [...counts].sort(([one], [other]) => one < other ? -1 : 1).map(([typ, count]) => [typ, grouped(count)]);
    show(place2, table("Records by type", ["Type", "Records"], rows));
  }

  // src/timeline.ts
  var BARS = 60;
  var KINDS = ["deny", "require_approval", "modify", "allow", "other"];
  var WORDS2 = {
    deny: "denied",
    require_approval: "held for approval",
    modify: "changed",
    allow: "allowed",
    other: "other records"
  };
  function kindOf(row) {
    return KINDS.includes(row.decision) ? row.decision : "other";
  }
  function drawTimeline(place2, rows, choose) {
    const times = rows.filter((row) => row.ts).map((row) => [microseconds2(row.ts), kindOf(row)]);
    if (times.length === 0) return show(place2, element("p", {}, "No record has a time."));
    const first = times.reduce((least, [at]) => Math.min(least, at), Infinity);
    const last = times.reduce((most, [at]) => Math.max(most, at), -Infinity);
    const width = Math.max(1, Math.ceil((last - first + 1) / BARS));
    const bars = Array.from({ length: Math.ceil((last - first + 1) / width) }, () => ({ deny: 0, require_approval: 0, modify: 0, allow: 0, other: 0 }));
    for (const [at, kind] of times) bars[Math.floor((at - first) / width)][kind]++;
    const tallest = Math.max(...bars.map(total));
    show(
      place2,
      element("ol", { class: "bars", "aria-label": "Records over time" }, ...bars.map((counts, number2) => bar(counts, first + number2 * width, width, tallest, choose))),
      element("p", { class: "axis" }, element("time", {}, timestampOf(first)), element("time", {}, timestampOf(last))),
      element("ul", { class: "legend" }, ...KINDS.map((kind) => element("li", { class: kind }, WORDS2[kind])))
    );
  }
  function total(counts) {
    return KINDS.reduce((sum, kind) => sum + counts[kind], 0);
  }
  function bar(counts, from, width, tallest, choose) {
    const said = KINDS.filter((kind) => counts[kind]).map((kind) => `${counts[kind]} ${WORDS2[kind]}`);
    const label = `${timestampOf(from)}: ${said.join(", ") || "no records"}`;
    const parts2 = KINDS.filter((kind) => counts[kind]).map((kind) => {
      const part = element("span", { class: `part ${kind}` });
      part.style.height = `${100 * counts[kind] / tallest}%`;
      return part;
    });
    const button = element("button", { type: "button", title: label, "aria-label": label, disabled: parts2.length === 0, onclick: () => choose(timestampOf(from), timestampOf(from + width)) }, ...parts2);
    return element("li", {}, button);
  }

  // src/main.ts
  var RECORDS2 = "records.jsonl";
  var MAX_MEMBER = 1 << 30;
  function decoded(text) {
    const raw = fromBase64(text.trim());
    if (raw === null) throw new Error("The page is damaged: what it carries is not base64.");
    return raw;
  }
  var Viewer = class {
    page = JSON.parse(byId2("page").textContent ?? "");
    bundle = decoded(byId2("bundle").textContent ?? "");
    trust = this.page.trust ? decoded(this.page.trust) : void 0;
    records = new Records(new Uint8Array(), 0);
    async start() {
      drawNotAsserted(byId2("not-asserted"));
      byId2("own-trust").addEventListener("change", (event) => void this.useOwnTrust(event.target));
      await this.verify("the page's maker put it in");
    }
    async useOwnTrust(input) {
      const file = input.files?.[0];
      if (file === void 0) return;
      this.trust = new Uint8Array(await file.arrayBuffer());
      await this.verify(`your file ${file.name}`);
    }
    async verify(whose) {
      byId2("progress").textContent = "Verifying\u2026";
      const onProgress = (done, total2) => {
        byId2("progress").textContent = `Verifying\u2026 ${done} of ${total2} records`;
      };
      const { checkpoints, anchors } = this.page;
      const result = await verifyBundle(this.bundle, {
        trust: this.trust,
        checkpoints: checkpoints.map(decoded),
        anchors: anchors.map(decoded),
        onProgress
      });
      byId2("progress").textContent = "";
      await this.drawTrust(whose);
      await this.draw(result);
      document.body.dataset["verdict"] = textAt(result.report, "verdict");
    }
    /** Whose word the signatures were held against. */
    async drawTrust(whose) {
      if (this.trust === void 0) return show(byId2("trust"), "No trust file: no signature could be checked. Choose one that you got from the log's operator by a way you trust.");
      try {
        const trust = await loadTrust(this.trust);
        const roots = trust.keys.filter((key) => key.role === "root").map((key) => element("li", {}, code(key.keyId)));
        show(byId2("trust"), element("p", {}, `Trust file, version ${trust.version}: ${whose}. Its root keys; compare them with those you were told:`), element("ul", {}, ...roots));
      } catch (error) {
        show(byId2("trust"), `The trust file cannot be used: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    async draw(result) {
      const { report, places } = result;
      drawVerdict2(byId2("verdict"), report);
      const members = await this.members();
      const start = Number(textAt(report, "start"));
      this.records = new Records(members.get(RECORDS2) ?? new Uint8Array(), start);
      const open = (row) => drawDetail(byId2("detail"), this.records, row, open);
      const openRecord = (seq) => {
        const row = this.records.rows[seq - start];
        if (row !== void 0) open(row);
      };
      drawSummary(byId2("summary"), report, places, this.page.words, openRecord);
      const approvals2 = new Map([...members].filter(([name]) => name.startsWith("approvals/")));
      drawCertificates(byId2("approvals"), approvals2, places, openRecord);
      drawOutside(byId2("outside"), members, this.records);
      drawKeys(byId2("keys"), this.records);
      const counts = /* @__PURE__ */ new Map();
      for (const row of this.records.rows) counts.set(row.typ, (counts.get(row.typ) ?? 0) + 1);
      drawCounts(byId2("counts"), counts);
      const bad = new Set(places.flatMap((found) => found.places.map((place2) => place2.seq)));
      const list = new List(byId2("list"), open, bad);
      const filters = new Filters(this.records, () => list.show(filters.rows(), this.records.rows.length));
      show(byId2("filters"), filters.form);
      drawTimeline(byId2("timeline"), this.records.rows, (from, to) => filters.between(from, to));
      filters.clear();
    }
    /** Every member that can be read; a bundle that cannot be opened has none to show. */
    async members() {
      const found = /* @__PURE__ */ new Map();
      let container;
      try {
        container = await openZip(memorySource(this.bundle), portableHost);
      } catch {
        return found;
      }
      for (const name of container.names) {
        try {
          found.set(name, await readMember(container, name, MAX_MEMBER));
        } catch {
          continue;
        }
      }
      return found;
    }
  };
  async function main() {
    try {
      await new Viewer().start();
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      byId2("verdict").className = "verdict indeterminate";
      show(byId2("verdict"), element("h2", {}, "This page could not verify the bundle"), element("p", {}, said));
      document.body.dataset["verdict"] = "failed";
    }
  }
  void main();
})();
