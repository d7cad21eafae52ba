/** What a page or a program calls. */

import { ContainerError, type Container } from "./container.js";
import { memorySource, portableHost, type Host } from "./host.js";
import type { JsonObject } from "./json.js";
import { ordered, type Found } from "./report.js";
import { refuse, verifyContainer, type Options, type Verification } from "./verify.js";
import { openZip } from "./zip.js";

/** A finished verification. places: every code with its first 16 places (member, record, words, byte). */
export interface Result {
  readonly report: JsonObject;
  readonly reportBytes: Uint8Array;
  readonly exitCode: number;
  readonly places: readonly Found[];
}

export function resultOf({ report }: Verification): Result {
  return {
    report: report.document(),
    reportBytes: report.toBytes(),
    exitCode: report.exitCode,
    places: ordered(report, "E_", "I_", "P_", "W_"),
  };
}

/** Open with `open`, verify, and remember an accepted bundle. */
export async function verifyOpened(open: () => Promise<Container>, host: Host, options: Options): Promise<Verification> {
  let container: Container;
  try {
    container = await open();
  } catch (error) {
    if (error instanceof ContainerError) return refuse(error, options);
    throw error;
  }
  const verification = await verifyContainer(container, host, options);
  const { report, trust, endRoot } = verification;
  if (options.memory !== undefined && endRoot !== null && ["verified", "prefix"].includes(report.verdict)) {
    options.memory.remember(report.origin, report.end, endRoot, trust);
  }
  return verification;
}

/** Verify the bytes of an `evidence.zip`. Throws PlatformError when WebCrypto lacks what is needed. */
export async function verifyBundle(bytes: Uint8Array, options: Options = {}): Promise<Result> {
  return resultOf(await verifyOpened(() => openZip(memorySource(bytes), portableHost), portableHost, options));
}
