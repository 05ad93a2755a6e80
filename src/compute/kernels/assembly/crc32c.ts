/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), sixteen bytes a step: "slicing-by-N", Kounavis and Berry 2005. Only
 * the first four bytes wait for the step before. WebAssembly has no carry-less multiplication, which hardware uses.
 */

/** Reflected form of 0x1EDC6F41. */
const POLYNOMIAL: u32 = 0x82f63b78;
/** Sixteen tables of 256 words in the head of the memory, which is left to this module. */
const TABLES: usize = 1024;
const TABLE: usize = 1024;

/** Each thread's instance writes the same words, so that it does not matter who was first. */
export function makeCrcTables(): void {
  for (let byte: u32 = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    store<u32>(TABLES + ((<usize>byte) << 2), crc);
  }
  for (let byte: usize = 0; byte < 256; byte += 1) {
    let crc = load<u32>(TABLES + (byte << 2));
    for (let table: usize = 1; table < 16; table += 1) {
      crc = load<u32>(TABLES + ((<usize>(crc & 0xff)) << 2)) ^ (crc >>> 8);
      store<u32>(TABLES + table * TABLE + (byte << 2), crc);
    }
  }
}

function look(table: usize, byte: u32): u32 {
  return load<u32>(TABLES + table * TABLE + ((<usize>(byte & 0xff)) << 2));
}

/** Four bytes, the first of which has `table` + 3 tables' worth of bytes behind it. */
function lookFour(table: usize, word: u32): u32 {
  return (
    look(table + 3, word) ^
    look(table + 2, word >>> 8) ^
    look(table + 1, word >>> 16) ^
    look(table, word >>> 24)
  );
}

/** Continues from the checksum of what came before; 0 to begin. */
export function crc32c(source: usize, length: usize, before: u32): u32 {
  const end = source + length;
  const turns = source + ((length >> 4) << 4);
  let crc = ~before;
  for (; source < turns; source += 16) {
    const rest =
      lookFour(8, load<u32>(source, 4)) ^
      lookFour(4, load<u32>(source, 8)) ^
      lookFour(0, load<u32>(source, 12));
    crc = lookFour(12, load<u32>(source) ^ crc) ^ rest;
  }
  for (; source < end; source += 1) crc = look(0, crc ^ load<u8>(source)) ^ (crc >>> 8);
  return ~crc;
}
