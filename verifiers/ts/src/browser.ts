/** The browser bundle: `ClyraVerify.verifyBundle(bytes, options)`. */

import { readMember, type Container } from "./container.js";
import { memorySource, portableHost } from "./host.js";
import { openZip } from "./zip.js";

export { verifyBundle, type Result } from "./api.js";
export { CODES, STAGES, stageOf } from "./codes.js";
export { checkDef, checkStrict } from "./json.js";
export { PlatformError } from "./keys.js";
export { Memory } from "./memory.js";
export { parseEnvelope } from "./dsse.js";
export { parseCheckpoint } from "./note.js";
export { verifyRecord, type RecordResult } from "./proof.js";
export { loadTrust } from "./trust.js";

/** The members of an `evidence.zip`, to look at. Throws ContainerError. */
export async function openBundle(bytes: Uint8Array): Promise<Container> {
  return openZip(memorySource(bytes), portableHost);
}

export { readMember };
