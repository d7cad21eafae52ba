/** Times as records write them: fixed-width UTC text, so that the order of texts is the order of times. */

/** Text of seconds since the epoch, up to the year 9999. */
export function timestamp(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.000000Z`;
}

/** Microseconds since the epoch of a `ts`, by arithmetic alone: any digits give a number. */
export function microseconds(ts: string): bigint {
  const part = (from: number, to: number): number => Number(ts.slice(from, to));
  let year = part(0, 4);
  let month = part(5, 7);
  if (month <= 2) {
    year -= 1;
    month += 12;
  }
  const days =
    365 * year +
    Math.floor(year / 4) -
    Math.floor(year / 100) +
    Math.floor(year / 400) +
    Math.floor((153 * (month - 3) + 2) / 5) +
    part(8, 10) -
    719_469;
  const seconds = ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60 + part(17, 19);
  return BigInt(seconds) * 1_000_000n + BigInt(part(20, 26));
}
