/** Times of records as numbers and back: microseconds since the epoch, exact below 2^53. */

/** Of `YYYY-MM-DDTHH:MM:SS.ffffffZ`. */
export function microseconds(ts: string): number {
  return Date.parse(`${ts.slice(0, 19)}Z`) * 1000 + Number(ts.slice(20, 26));
}

export function timestampOf(micros: number): string {
  const whole = Math.floor(micros / 1_000_000);
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${String(micros - whole * 1_000_000).padStart(6, "0")}Z`;
}

/** A length of time in the unit that a person would choose. */
export function duration(micros: number): string {
  const seconds = micros / 1_000_000;
  if (seconds < 1) return `${Math.round(micros / 1000)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`;
}
