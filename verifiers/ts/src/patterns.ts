/** Patterns that are rows of character classes with counts, as rules over bytes. */

import { bytes, NONE, QUOTE, view, type Match } from "./matching.js";

/** Part of a pattern: `min` to `max` characters of a class. */
interface Run {
  readonly known: Uint8Array;
  readonly min: number;
  readonly max: number;
}

/**
 * A pattern that is a row of character classes with counts, read greedily; null for any other. Reading greedily may
 * refuse what the pattern allows, never the other way round. A class holds no quote and no backslash.
 */
export function patternMatch(pattern: string): Match | null {
  const hex = /^\^\[0-9a-f\]\{([0-9]+)\}\$$/.exec(pattern);
  if (hex !== null && Number(hex[1]) % 4 === 0) return hexMatch(Number(hex[1]));
  const runs = parsePattern(pattern);
  if (runs === null) return null;
  return runs.every(({ min, max }) => min === max) ? fixedMatch(runs) : runsMatch(runs);
}

/** A number of hex digits, a multiple of four. */
function hexMatch(size: number): Match {
  return (from) => {
    const words = view;
    const end = from + 1 + size;
    if (bytes[from] !== QUOTE || bytes[end] !== QUOTE) return NONE;
    for (let i = from + 1; i < end; i += 4) {
      // In each byte the top bit says: at least "0", above "9", at least "a", above "f".
      const four = words.getInt32(i, true);
      const digit = (four + 0x50505050) & ~(four + 0x46464646);
      const letter = (four + 0x1f1f1f1f) & ~(four + 0x19191919);
      if ((four & 0x80808080) !== 0 || ((digit | letter) & 0x80808080) !== (0x80808080 | 0)) return NONE;
    }
    return end + 1;
  };
}

/** Characters of given classes, one after the other. */
function fixedMatch(runs: readonly Run[]): Match {
  const classes = runs.flatMap(({ known, min }) => Array.from({ length: min }, () => known));
  const size = classes.length;
  return (from) => {
    const b = bytes;
    const start = from + 1;
    if (b[from] !== QUOTE || b[start + size] !== QUOTE) return NONE;
    for (let i = 0; i < size; i++) if (classes[i]![b[start + i]!] !== 1) return NONE;
    return start + size + 1;
  };
}

function runsMatch(runs: readonly Run[]): Match {
  return (from) => {
    const b = bytes;
    if (b[from] !== QUOTE) return NONE;
    let i = from + 1;
    for (const { known, min, max } of runs) {
      const stop = i + max;
      const least = i + min;
      while (i < stop && known[b[i]!] === 1) i++;
      if (i < least) return NONE;
    }
    return b[i] === QUOTE ? i + 1 : NONE;
  };
}

const PATTERN_PART = /(?:\[([a-zA-Z0-9._:-]+)\]|\\?([a-zA-Z0-9:.-]))(?:\{([0-9]+)(?:,([0-9]+))?\})?/y;

function parsePattern(pattern: string): Run[] | null {
  if (!pattern.startsWith("^") || !pattern.endsWith("$")) return null;
  const runs: Run[] = [];
  for (let from = 1; from < pattern.length - 1; from = PATTERN_PART.lastIndex) {
    PATTERN_PART.lastIndex = from;
    const match = PATTERN_PART.exec(pattern);
    if (match === null) return null;
    const [whole, group, single, min, max] = match;
    if (single !== undefined && (whole.startsWith("\\") !== (single === "."))) return null;
    const known = group === undefined ? characters(single!) : classOf(group);
    if (known === null) return null;
    const least = min === undefined ? 1 : Number(min);
    runs.push({ known, min: least, max: max === undefined ? least : Number(max) });
  }
  return runs;
}

function characters(text: string): Uint8Array {
  const known = new Uint8Array(256);
  for (const char of text) known[char.charCodeAt(0)] = 1;
  return known;
}

function classOf(group: string): Uint8Array | null {
  let text = "";
  for (let i = 0; i < group.length; i++) {
    if (group[i + 1] === "-" && i + 2 < group.length) {
      for (let code = group.charCodeAt(i); code <= group.charCodeAt(i + 2); code++) text += String.fromCharCode(code);
      i += 2;
    } else {
      text += group[i]!;
    }
  }
  return text === "" ? null : characters(text);
}
