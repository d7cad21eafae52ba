/**
 * SHA-256 (FIPS 180-4), synchronous. WebCrypto's digest is asynchronous and one-shot: too slow for millions of small
 * inputs, and unable to hash a stream. A host may bring a faster implementation of the same interface (`Hashing`).
 */

import { hex } from "./bytes.js";

/** Hashing of a stream. */
export interface Digest {
  update(data: Uint8Array): void;
  /** The hash; the digest is not used afterwards. */
  final(): Uint8Array;
}

/** SHA-256 of one input and of a stream; what a host may do faster. */
export interface Hashing {
  sha256(data: Uint8Array): Uint8Array;
  digest(): Digest;
}

// The constants are the first 32 bits of the fractions of cube and square roots of the first 64 primes.
const PRIMES: bigint[] = [];
for (let n = 2n; PRIMES.length < 64; n++) if (PRIMES.every((prime) => n % prime !== 0n)) PRIMES.push(n);
const K = Int32Array.from(PRIMES, (prime) => rootFraction(prime, 3n));
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => rootFraction(prime, 2n));

function rootFraction(value: bigint, degree: bigint): number {
  const wanted = value << (32n * degree);
  let root = 0n;
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) if ((root | bit) ** degree <= wanted) root |= bit;
  return Number(BigInt.asIntN(32, root));
}

const W = new Int32Array(64);

/** Work `count` blocks of 64 bytes from `at` into `state`. */
function compress(state: Int32Array, data: Uint8Array, at: number, count: number): void {
  const w = W;
  const k = K;
  for (; count > 0; count--, at += 64) {
    for (let t = 0, i = at; t < 16; t++, i += 4) {
      w[t] = (data[i]! << 24) | (data[i + 1]! << 16) | (data[i + 2]! << 8) | data[i + 3]!;
    }
    for (let t = 16; t < 64; t++) {
      const x = w[t - 2]!;
      const y = w[t - 15]!;
      const s1 = ((x >>> 17) | (x << 15)) ^ ((x >>> 19) | (x << 13)) ^ (x >>> 10);
      const s0 = ((y >>> 7) | (y << 25)) ^ ((y >>> 18) | (y << 14)) ^ (y >>> 3);
      w[t] = (s1 + w[t - 7]! + s0 + w[t - 16]!) | 0;
    }
    let a = state[0]!;
    let b = state[1]!;
    let c = state[2]!;
    let d = state[3]!;
    let e = state[4]!;
    let f = state[5]!;
    let g = state[6]!;
    let h = state[7]!;
    // Eight rounds a turn, so that the variables need not be moved about.
    for (let t = 0; t < 64; t += 8) {
      h = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + ((e & f) ^ (~e & g)) + k[t + 0]! + w[t + 0]!) | 0;
      d = (d + h) | 0;
      h = (h + (((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      g = (g + (((d >>> 6) | (d << 26)) ^ ((d >>> 11) | (d << 21)) ^ ((d >>> 25) | (d << 7))) + ((d & e) ^ (~d & f)) + k[t + 1]! + w[t + 1]!) | 0;
      c = (c + g) | 0;
      g = (g + (((h >>> 2) | (h << 30)) ^ ((h >>> 13) | (h << 19)) ^ ((h >>> 22) | (h << 10))) + ((h & a) ^ (h & b) ^ (a & b))) | 0;
      f = (f + (((c >>> 6) | (c << 26)) ^ ((c >>> 11) | (c << 21)) ^ ((c >>> 25) | (c << 7))) + ((c & d) ^ (~c & e)) + k[t + 2]! + w[t + 2]!) | 0;
      b = (b + f) | 0;
      f = (f + (((g >>> 2) | (g << 30)) ^ ((g >>> 13) | (g << 19)) ^ ((g >>> 22) | (g << 10))) + ((g & h) ^ (g & a) ^ (h & a))) | 0;
      e = (e + (((b >>> 6) | (b << 26)) ^ ((b >>> 11) | (b << 21)) ^ ((b >>> 25) | (b << 7))) + ((b & c) ^ (~b & d)) + k[t + 3]! + w[t + 3]!) | 0;
      a = (a + e) | 0;
      e = (e + (((f >>> 2) | (f << 30)) ^ ((f >>> 13) | (f << 19)) ^ ((f >>> 22) | (f << 10))) + ((f & g) ^ (f & h) ^ (g & h))) | 0;
      d = (d + (((a >>> 6) | (a << 26)) ^ ((a >>> 11) | (a << 21)) ^ ((a >>> 25) | (a << 7))) + ((a & b) ^ (~a & c)) + k[t + 4]! + w[t + 4]!) | 0;
      h = (h + d) | 0;
      d = (d + (((e >>> 2) | (e << 30)) ^ ((e >>> 13) | (e << 19)) ^ ((e >>> 22) | (e << 10))) + ((e & f) ^ (e & g) ^ (f & g))) | 0;
      c = (c + (((h >>> 6) | (h << 26)) ^ ((h >>> 11) | (h << 21)) ^ ((h >>> 25) | (h << 7))) + ((h & a) ^ (~h & b)) + k[t + 5]! + w[t + 5]!) | 0;
      g = (g + c) | 0;
      c = (c + (((d >>> 2) | (d << 30)) ^ ((d >>> 13) | (d << 19)) ^ ((d >>> 22) | (d << 10))) + ((d & e) ^ (d & f) ^ (e & f))) | 0;
      b = (b + (((g >>> 6) | (g << 26)) ^ ((g >>> 11) | (g << 21)) ^ ((g >>> 25) | (g << 7))) + ((g & h) ^ (~g & a)) + k[t + 6]! + w[t + 6]!) | 0;
      f = (f + b) | 0;
      b = (b + (((c >>> 2) | (c << 30)) ^ ((c >>> 13) | (c << 19)) ^ ((c >>> 22) | (c << 10))) + ((c & d) ^ (c & e) ^ (d & e))) | 0;
      a = (a + (((f >>> 6) | (f << 26)) ^ ((f >>> 11) | (f << 21)) ^ ((f >>> 25) | (f << 7))) + ((f & g) ^ (~f & h)) + k[t + 7]! + w[t + 7]!) | 0;
      e = (e + a) | 0;
      a = (a + (((b >>> 2) | (b << 30)) ^ ((b >>> 13) | (b << 19)) ^ ((b >>> 22) | (b << 10))) + ((b & c) ^ (b & d) ^ (c & d))) | 0;
    }
    state[0] = (state[0]! + a) | 0;
    state[1] = (state[1]! + b) | 0;
    state[2] = (state[2]! + c) | 0;
    state[3] = (state[3]! + d) | 0;
    state[4] = (state[4]! + e) | 0;
    state[5] = (state[5]! + f) | 0;
    state[6] = (state[6]! + g) | 0;
    state[7] = (state[7]! + h) | 0;
  }
}

const TAIL = new Uint8Array(128);

/** Pad the last `rest.length` < 64 bytes of `length` in all, and write the state out. */
function finish(state: Int32Array, rest: Uint8Array, length: number): Uint8Array {
  const blocks = rest.length < 56 ? 1 : 2;
  TAIL.fill(0);
  TAIL.set(rest);
  TAIL[rest.length] = 0x80;
  const end = blocks * 64;
  const high = Math.floor(length / 0x20000000);
  const low = (length << 3) >>> 0;
  for (let i = 0; i < 4; i++) {
    TAIL[end - 8 + i] = (high >>> (24 - 8 * i)) & 0xff;
    TAIL[end - 4 + i] = (low >>> (24 - 8 * i)) & 0xff;
  }
  compress(state, TAIL, 0, blocks);
  const out = new Uint8Array(32);
  for (let i = 0; i < 32; i++) out[i] = (state[i >> 2]! >>> (24 - 8 * (i & 3))) & 0xff;
  return out;
}

/** SHA-256 of `data`. */
export function sha256(data: Uint8Array): Uint8Array {
  const state = START.slice();
  const whole = data.length >> 6;
  compress(state, data, 0, whole);
  return finish(state, data.subarray(whole << 6), data.length);
}

export function sha256Hex(data: Uint8Array): string {
  return hex(sha256(data));
}

/** SHA-256 of a stream. */
export class Sha256 implements Digest {
  private readonly state = START.slice();
  private readonly rest = new Uint8Array(64);
  private held = 0;
  private length = 0;

  update(data: Uint8Array): void {
    let at = 0;
    this.length += data.length;
    if (this.held > 0) {
      at = Math.min(64 - this.held, data.length);
      this.rest.set(data.subarray(0, at), this.held);
      this.held += at;
      if (this.held < 64) return;
      compress(this.state, this.rest, 0, 1);
    }
    const blocks = (data.length - at) >> 6;
    compress(this.state, data, at, blocks);
    at += blocks << 6;
    this.rest.set(data.subarray(at));
    this.held = data.length - at;
  }

  final(): Uint8Array {
    return finish(this.state, this.rest.subarray(0, this.held), this.length);
  }
}

/** The hashing every host has. */
export const portableHashing: Hashing = { sha256, digest: () => new Sha256() };
