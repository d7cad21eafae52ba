/**
 * The Merkle tree of RFC 6962 section 2.1 over records. A frontier (compact range) is the list of roots of the perfect
 * subtrees that make up a tree of a given size, largest first; with it a tree is continued from a window's start.
 */

import { concat, equal } from "./bytes.js";
import { sha256 } from "./sha256.js";

export const HASH_SIZE = 32;

/** A proof does not lead from what is known to what is claimed. */
export class ProofError extends Error {}

export function leafHash(line: Uint8Array): Uint8Array {
  return sha256(concat([Uint8Array.of(0), line]));
}

const PAIR = new Uint8Array(1 + 2 * HASH_SIZE);
PAIR[0] = 1;

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  PAIR.set(left, 1);
  PAIR.set(right, 1 + HASH_SIZE);
  return sha256(PAIR);
}

/** Number of one bits of a size below 2^53. */
export function ones(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

export class Frontier {
  constructor(
    public size = 0,
    readonly nodes: Uint8Array[] = [],
  ) {
    if (nodes.length !== ones(size)) {
      throw new ProofError(`a frontier of size ${size} has ${ones(size)} nodes, not ${nodes.length}`);
    }
    if (nodes.some((node) => node.length !== HASH_SIZE)) throw new ProofError("a frontier node is 32 bytes");
  }

  /** Add one leaf hash: merge as many perfect subtrees as the size has trailing one bits. */
  append(leaf: Uint8Array): void {
    let node = leaf;
    for (let size = this.size; size % 2 === 1; size = (size - 1) / 2) node = nodeHash(this.nodes.pop()!, node);
    this.nodes.push(node);
    this.size++;
  }

  root(): Uint8Array {
    if (this.nodes.length === 0) return sha256(new Uint8Array(0));
    return this.nodes.reduceRight((root, node) => nodeHash(node, root));
  }
}

const half = (value: number): number => Math.floor(value / 2);
const odd = (value: number): boolean => value % 2 === 1;

/** RFC 9162 section 2.1.3.2. Throws ProofError. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void {
  if (index < 0 || index >= size) throw new ProofError("the index is outside the tree");
  let at = index;
  let last = size - 1;
  let node = leaf;
  for (const sibling of proof) {
    if (last === 0) throw new ProofError("the proof is too long");
    if (odd(at) || at === last) {
      node = nodeHash(sibling, node);
      while (!odd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      node = nodeHash(node, sibling);
    }
    at = half(at);
    last = half(last);
  }
  if (last !== 0 || !equal(node, root)) throw new ProofError("the proof does not lead to the root");
}

/** RFC 9162 section 2.1.4.2. Throws ProofError. */
export function verifyConsistency(
  first: number,
  second: number,
  proof: readonly Uint8Array[],
  firstRoot: Uint8Array,
  secondRoot: Uint8Array,
): void {
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
  let before = path[0]!;
  let after = path[0]!;
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
