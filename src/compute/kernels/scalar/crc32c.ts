/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes a step: "slicing-by-8", Kounavis and Berry 2005. */

/** Reflected form of 0x1EDC6F41. */
const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256 words, one behind the other. */
function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const crc = tables[at - 256] ?? 0;
    tables[at] = (tables[crc & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return tables;
}

let tables: Uint32Array | undefined;

/** Continues from the checksum of what came before; 0 to begin. */
export function crc32c(bytes: Uint8Array, before: number): number {
  tables ??= makeTables();
  const table = tables;
  const look = (slice: number, byte: number): number => table[slice * 256 + (byte & 0xff)] ?? 0;
  const turns = bytes.length - (bytes.length % 8);
  let crc = ~before;
  let at = 0;
  for (; at < turns; at += 8) {
    crc =
      look(7, crc ^ (bytes[at] ?? 0)) ^
      look(6, (crc >>> 8) ^ (bytes[at + 1] ?? 0)) ^
      look(5, (crc >>> 16) ^ (bytes[at + 2] ?? 0)) ^
      look(4, (crc >>> 24) ^ (bytes[at + 3] ?? 0)) ^
      look(3, bytes[at + 4] ?? 0) ^
      look(2, bytes[at + 5] ?? 0) ^
      look(1, bytes[at + 6] ?? 0) ^
      look(0, bytes[at + 7] ?? 0);
  }
  for (; at < bytes.length; at += 1) crc = look(0, crc ^ (bytes[at] ?? 0)) ^ (crc >>> 8);
  return ~crc >>> 0;
}
