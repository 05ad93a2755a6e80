/** Element-wise work on columns of f64. Source and target are the same column or do not touch. */

export function scale(target: usize, source: usize, length: usize, factor: f64, offset: f64): void {
  const factors = f64x2.splat(factor);
  const offsets = f64x2.splat(offset);
  const end = source + (length << 3);
  const turns = source + ((length >> 3) << 6);
  while (source < turns) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    const c = v128.load(source, 32);
    const d = v128.load(source, 48);
    v128.store(target, f64x2.add(f64x2.mul(a, factors), offsets));
    v128.store(target, f64x2.add(f64x2.mul(b, factors), offsets), 16);
    v128.store(target, f64x2.add(f64x2.mul(c, factors), offsets), 32);
    v128.store(target, f64x2.add(f64x2.mul(d, factors), offsets), 48);
    source += 64;
    target += 64;
  }
  for (; source < end; source += 8, target += 8) store<f64>(target, load<f64>(source) * factor + offset);
}

export function zScore(target: usize, source: usize, length: usize, mean: f64, deviation: f64): void {
  const means = f64x2.splat(mean);
  const deviations = f64x2.splat(deviation);
  const end = source + (length << 3);
  const turns = source + ((length >> 2) << 5);
  while (source < turns) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    v128.store(target, f64x2.div(f64x2.sub(a, means), deviations));
    v128.store(target, f64x2.div(f64x2.sub(b, means), deviations), 16);
    source += 32;
    target += 32;
  }
  for (; source < end; source += 8, target += 8) store<f64>(target, (load<f64>(source) - mean) / deviation);
}

/** Two bits: which of the two values is beyond a limit; a missing one compares with nothing. */
function beyond(values: v128, lows: v128, highs: v128): i32 {
  return i64x2.bitmask(v128.or(f64x2.lt(values, lows), f64x2.gt(values, highs)));
}

export function outOfRange(mask: usize, source: usize, length: usize, low: f64, high: f64): i32 {
  const lows = f64x2.splat(low);
  const highs = f64x2.splat(high);
  const end = source + (length << 3);
  const turns = source + ((length >> 3) << 6);
  let found = 0;
  while (source < turns) {
    const bits =
      beyond(v128.load(source), lows, highs) |
      (beyond(v128.load(source, 16), lows, highs) << 2) |
      (beyond(v128.load(source, 32), lows, highs) << 4) |
      (beyond(v128.load(source, 48), lows, highs) << 6);
    store<u8>(mask, <u8>bits);
    found += popcnt(bits);
    source += 64;
    mask += 1;
  }
  if (source === end) return found;
  let rest = 0;
  for (let bit = 0; source < end; source += 8, bit += 1) {
    const value = load<f64>(source);
    if (value < low || value > high) rest |= 1 << bit;
  }
  store<u8>(mask, <u8>rest);
  return found + popcnt(rest);
}
