/** CRC-32 as zip uses it (reflected polynomial 0xEDB88320), eight bytes a step. */

const TABLES = new Int32Array(8 * 256);
for (let n = 0; n < 256; n++) {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  TABLES[n] = value;
}
for (let n = 256; n < 8 * 256; n++) TABLES[n] = TABLES[TABLES[n - 256]! & 255]! ^ (TABLES[n - 256]! >>> 8);

/** Continue `crc` (0 at the start) over `data`; an unsigned 32-bit number. */
export function crc32(data: Uint8Array, crc = 0): number {
  const table = TABLES;
  let value = ~crc;
  let at = 0;
  for (const end = data.length - 7; at < end; at += 8) {
    const low = value ^ (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24));
    value =
      table[1792 + (low & 255)]! ^
      table[1536 + ((low >>> 8) & 255)]! ^
      table[1280 + ((low >>> 16) & 255)]! ^
      table[1024 + (low >>> 24)]! ^
      table[768 + data[at + 4]!]! ^
      table[512 + data[at + 5]!]! ^
      table[256 + data[at + 6]!]! ^
      table[data[at + 7]!]!;
  }
  for (; at < data.length; at++) value = table[(value ^ data[at]!) & 255]! ^ (value >>> 8);
  return ~value >>> 0;
}
