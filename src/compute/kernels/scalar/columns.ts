/** Element-wise work on columns of numbers. `source` may be `target`; NaN is a missing value. */

/** value × factor + offset. */
export function scale(target: Float64Array, source: Float64Array, factor: number, offset: number): void {
  for (let at = 0; at < source.length; at += 1) target[at] = (source[at] ?? 0) * factor + offset;
}

/** (value − mean) ÷ deviation. */
export function zScore(target: Float64Array, source: Float64Array, mean: number, deviation: number): void {
  for (let at = 0; at < source.length; at += 1) target[at] = ((source[at] ?? 0) - mean) / deviation;
}

/** Sets bit i mod 8 of byte i div 8 where value i is below `low` or above `high`; answers how many are. */
export function outOfRange(mask: Uint8Array, source: Float64Array, low: number, high: number): number {
  let found = 0;
  for (let begin = 0; begin < source.length; begin += 8) {
    const end = Math.min(begin + 8, source.length);
    let bits = 0;
    for (let at = begin; at < end; at += 1) {
      const value = source[at] ?? 0;
      if (value < low || value > high) {
        bits |= 1 << (at - begin);
        found += 1;
      }
    }
    mask[begin >> 3] = bits;
  }
  return found;
}
