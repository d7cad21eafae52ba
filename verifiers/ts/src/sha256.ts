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
    for (let t = 0; t < 64; t++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const one = (h + s1 + ((e & f) ^ (~e & g)) + k[t]! + w[t]!) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + one) | 0;
      d = c;
      c = b;
      b = a;
      a = (one + two) | 0;
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
