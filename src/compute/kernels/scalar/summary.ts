/**
 * Count, extremes and sums of a column in the order the vector kernel has: whole turns of eight values go to stripes
 * (i mod 8 for sums, i mod 4 for extremes), which are folded; the rest is added in order.
 */

export interface Summary {
  /** Values that are there; the others are NaN. */
  count: number;
  /** Infinity where nothing is there. */
  min: number;
  /** -Infinity where nothing is there. */
  max: number;
  sum: number;
  sumOfSquares: number;
}

const lower = (a: number, b: number): number => (b < a ? b : a);
const higher = (a: number, b: number): number => (a < b ? b : a);

export function summarize(values: Float64Array): Summary {
  const turns = values.length - (values.length % 8);
  const sums = new Float64Array(8);
  const squares = new Float64Array(8);
  const lows = new Float64Array(4).fill(Infinity);
  const highs = new Float64Array(4).fill(-Infinity);
  let count = 0;
  for (let at = 0; at < turns; at += 1) {
    const value = values[at] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    const stripe = at & 7;
    count += 1;
    sums[stripe] = (sums[stripe] ?? 0) + value;
    squares[stripe] = (squares[stripe] ?? 0) + value * value;
    lows[stripe & 3] = lower(lows[stripe & 3] ?? 0, value);
    highs[stripe & 3] = higher(highs[stripe & 3] ?? 0, value);
  }
  const summary: Summary = {
    count,
    min: folded(lows, lower),
    max: folded(highs, higher),
    sum: foldedSum(sums),
    sumOfSquares: foldedSum(squares),
  };
  for (let at = turns; at < values.length; at += 1) addLast(summary, values[at] ?? Number.NaN);
  return summary;
}

function addLast(summary: Summary, value: number): void {
  if (Number.isNaN(value)) return;
  summary.count += 1;
  summary.min = lower(summary.min, value);
  summary.max = higher(summary.max, value);
  summary.sum += value;
  summary.sumOfSquares += value * value;
}

/** Stripes 0 and 2, 1 and 3, then both. */
function folded(stripes: Float64Array, choose: (a: number, b: number) => number): number {
  const [a = 0, b = 0, c = 0, d = 0] = stripes;
  return choose(choose(a, c), choose(b, d));
}

/** The four accumulators of two stripes, halves last. */
function foldedSum(stripes: Float64Array): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = stripes;
  return a + e + (c + g) + (b + f + (d + h));
}
