/**
 * Count, minimum, maximum, sum and sum of squares of a column; NaN is a missing value. Eight stripes: value i belongs
 * to stripe i mod 8 of the sums and i mod 4 of the extremes; two stripes share an accumulator, and accumulators are
 * folded in a fixed order, which the twin follows.
 */

/** The results; globals of the instance, since its memory is shared with other threads. */
export let count: f64 = 0;
export let min: f64 = Infinity;
export let max: f64 = -Infinity;
export let sum: f64 = 0;
export let sumOfSquares: f64 = 0;

function present(values: v128): v128 {
  return v128.and(values, f64x2.eq(values, values));
}

function foldSums(a: v128, b: v128, c: v128, d: v128): f64 {
  const folded = f64x2.add(f64x2.add(a, c), f64x2.add(b, d));
  return f64x2.extract_lane(folded, 0) + f64x2.extract_lane(folded, 1);
}

export function summarize(source: usize, length: usize): void {
  const end = source + (length << 3);
  const turns = source + ((length >> 3) << 6);
  const none = f64x2.splat(0);
  let counts = i64x2.splat(0);
  let l0 = f64x2.splat(Infinity);
  let l1 = f64x2.splat(Infinity);
  let h0 = f64x2.splat(-Infinity);
  let h1 = f64x2.splat(-Infinity);
  let s0 = none;
  let s1 = none;
  let s2 = none;
  let s3 = none;
  let q0 = none;
  let q1 = none;
  let q2 = none;
  let q3 = none;
  for (; source < turns; source += 64) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    const c = v128.load(source, 32);
    const d = v128.load(source, 48);
    // pmin and pmax keep what they have where the new value is missing.
    l0 = f64x2.pmin(f64x2.pmin(l0, a), c);
    l1 = f64x2.pmin(f64x2.pmin(l1, b), d);
    h0 = f64x2.pmax(f64x2.pmax(h0, a), c);
    h1 = f64x2.pmax(f64x2.pmax(h1, b), d);
    // A comparison that holds is -1 in each lane: subtracting it counts.
    counts = i64x2.sub(counts, i64x2.add(f64x2.eq(a, a), f64x2.eq(b, b)));
    counts = i64x2.sub(counts, i64x2.add(f64x2.eq(c, c), f64x2.eq(d, d)));
    const pa = present(a);
    const pb = present(b);
    const pc = present(c);
    const pd = present(d);
    s0 = f64x2.add(s0, pa);
    s1 = f64x2.add(s1, pb);
    s2 = f64x2.add(s2, pc);
    s3 = f64x2.add(s3, pd);
    q0 = f64x2.add(q0, f64x2.mul(pa, pa));
    q1 = f64x2.add(q1, f64x2.mul(pb, pb));
    q2 = f64x2.add(q2, f64x2.mul(pc, pc));
    q3 = f64x2.add(q3, f64x2.mul(pd, pd));
  }
  count = <f64>(i64x2.extract_lane(counts, 0) + i64x2.extract_lane(counts, 1));
  const lows = f64x2.pmin(l0, l1);
  const highs = f64x2.pmax(h0, h1);
  min = lower(f64x2.extract_lane(lows, 0), f64x2.extract_lane(lows, 1));
  max = higher(f64x2.extract_lane(highs, 0), f64x2.extract_lane(highs, 1));
  sum = foldSums(s0, s1, s2, s3);
  sumOfSquares = foldSums(q0, q1, q2, q3);
  for (; source < end; source += 8) addLast(load<f64>(source));
}

function lower(a: f64, b: f64): f64 {
  return b < a ? b : a;
}

function higher(a: f64, b: f64): f64 {
  return a < b ? b : a;
}

/** The up to seven values behind the last whole turn are added to the folded sums, in order. */
function addLast(value: f64): void {
  if (value !== value) return;
  count += 1;
  min = lower(min, value);
  max = higher(max, value);
  sum += value;
  sumOfSquares += value * value;
}
