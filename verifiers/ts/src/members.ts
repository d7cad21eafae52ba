/**
 * The members of one bundle under verification: what is there, what may stand where. Nothing of a member that cannot be
 * read whole is judged: the code of the container is the whole answer.
 */

import { compareText, hex } from "./bytes.js";
import { ContainerError, readMember, type Container } from "./container.js";
import type { Host } from "./host.js";
import { canonicalDecimal } from "./note.js";
import type { Report } from "./report.js";
import { CONSISTENCY, LEAVES, STATEMENT, TREE_END, TREE_START } from "./statement.js";

export const MAX_SMALL = 1 << 20;
const ANCHOR = /^anchors\/(0|[1-9][0-9]{0,15})\.(cosig|tsr|wh\.json)$/;
const DISCLOSURE = /^disclosures\/(0|[1-9][0-9]{0,15})\.jsonl$/;
const ATTESTATION = /^attestations\/[a-z0-9._-]+\.dsse\.json$/;
const APPROVAL = /^approvals\/.*\.dsse\.json$/;
/** Members that need not be subjects: the statement, checkpoints, whose roots are in the predicate, and proofs. */
const BESIDE = new Set([STATEMENT, TREE_START, TREE_END, CONSISTENCY, LEAVES]);

/** A member whose name has a number: a tree size, or the place of a record. */
export interface Numbered {
  readonly name: string;
  readonly number: number;
  readonly kind: string;
}

/** Reads members for one verification and reports what cannot be read. */
export class Members {
  readonly names: ReadonlySet<string>;

  constructor(
    private readonly report: Report,
    private readonly container: Container,
    private readonly host: Host,
  ) {
    this.names = new Set(container.names);
    for (const damage of container.damage) report.addContainer(damage);
  }

  has(name: string): boolean {
    return this.names.has(name);
  }

  /** The member's bytes in chunks. Throws ContainerError. */
  stream(name: string): AsyncIterable<Uint8Array> {
    return this.container.stream(name);
  }

  /** A member that is there, whole, or null after saying why it cannot be read. */
  small(name: string, limit: number = MAX_SMALL): Promise<Uint8Array | null> {
    return this.orReport(() => readMember(this.container, name, limit));
  }

  /** Hex SHA-256 of a member, or null after saying why it cannot be read. */
  digest(name: string): Promise<string | null> {
    return this.orReport(async () => {
      const digest = this.host.digest();
      for await (const chunk of this.container.stream(name)) digest.update(chunk);
      return hex(digest.final());
    });
  }

  /** What `read` gives, or null after reporting a container's refusal. */
  async orReport<Value>(read: () => Promise<Value>): Promise<Value | null> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      this.report.addContainer(error);
      return null;
    }
  }

  /** Members that nothing covers and that have no place beside the statement, by name. */
  unlisted(subjects: ReadonlyMap<string, string>): string[] {
    const beside = new Set([...BESIDE, ...[...this.anchors(), ...this.disclosures()].map(({ name }) => name)]);
    return [...this.names]
      .filter((name) => !subjects.has(name) && !beside.has(name) && !ATTESTATION.test(name))
      .sort(compareText);
  }

  /** `anchors/<size>.<kind>` by size, then name. */
  anchors(): Numbered[] {
    return this.numbered(ANCHOR);
  }

  /** `disclosures/<seq>.jsonl` by place of the record. */
  disclosures(): Numbered[] {
    return this.numbered(DISCLOSURE);
  }

  attestations(): string[] {
    return [...this.names].filter((name) => ATTESTATION.test(name)).sort(compareText);
  }

  approvals(): string[] {
    return [...this.names].filter((name) => APPROVAL.test(name)).sort(compareText);
  }

  private numbered(pattern: RegExp): Numbered[] {
    return [...this.names]
      .flatMap((name) => {
        const match = pattern.exec(name);
        const number = match === null ? null : canonicalDecimal(match[1]!);
        return match === null || number === null ? [] : [{ name, number, kind: match[2] ?? "" }];
      })
      .sort((one, other) => one.number - other.number || compareText(one.name, other.name));
  }
}
