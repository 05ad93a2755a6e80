/**
 * Largest triangle, three buckets (Steinarsson 2013, "Downsampling Time Series for Visual Representation"): of each
 * bucket the value that makes the largest triangle with the one chosen before and the mean of the bucket behind.
 */

export interface LttbJob {
  readonly times: Float64Array;
  /** Missing (NaN) and infinite values count as not there; a bucket without any gives no row. */
  readonly values: Float64Array;
  /** Rows to draw, ascending; its length, 3 or more, is how many are wanted. */
  readonly picked: Uint32Array;
}

interface Point {
  readonly time: number;
  readonly value: number;
}

/** Answers how many rows were picked: all that are there, where they are no more than wanted. */
export function lttb({ times, values, picked }: LttbJob): number {
  const isThere = (row: number): boolean => Number.isFinite(values[row]);
  const first = values.findIndex(Number.isFinite);
  if (first < 0) return 0;
  const last = values.findLastIndex(Number.isFinite);
  let written = 0;
  const write = (row: number): void => {
    picked[written] = row;
    written += 1;
  };
  if (last - first < picked.length) {
    for (let row = first; row <= last; row += 1) if (isThere(row)) write(row);
    return written;
  }
  const buckets = picked.length - 2;
  const every = (last - first - 1) / buckets;
  const edge = (bucket: number): number => (bucket < buckets ? first + 1 + Math.floor(bucket * every) : last);
  let chosen = first;
  let [means, meansOf]: [Point | undefined, number] = [undefined, 0];
  write(first);
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const fallback = firstThere(values, edge(bucket), edge(bucket + 1));
    if (fallback < 0) continue;
    if (meansOf <= bucket) [means, meansOf] = [undefined, bucket];
    // The next bucket that is not empty; the last row, which is there, ends the search.
    while (means === undefined) {
      meansOf += 1;
      means = meanOf(times, values, edge(meansOf), meansOf < buckets ? edge(meansOf + 1) : last + 1);
    }
    const rows = { times, values, begin: edge(bucket), end: edge(bucket + 1) };
    const best = largest(rows, { time: times[chosen] ?? 0, value: values[chosen] ?? 0 }, means);
    chosen = best < 0 ? fallback : best;
    write(chosen);
  }
  write(last);
  return written;
}

function firstThere(values: Float64Array, begin: number, end: number): number {
  for (let row = begin; row < end; row += 1) if (Number.isFinite(values[row])) return row;
  return -1;
}

/** Two stripes, even and odd rows counted from the first; a single last row is added to their sum. */
function meanOf(times: Float64Array, values: Float64Array, begin: number, end: number): Point | undefined {
  const timeSums = [0, 0, 0];
  const valueSums = [0, 0, 0];
  let count = 0;
  for (let row = begin; row < end; row += 1) {
    const value = values[row] ?? 0;
    if (!Number.isFinite(value)) continue;
    const single = row === end - 1 && (end - begin) % 2 === 1;
    const stripe = single ? 2 : (row - begin) % 2;
    timeSums[stripe] = (timeSums[stripe] ?? 0) + (times[row] ?? 0);
    valueSums[stripe] = (valueSums[stripe] ?? 0) + value;
    count += 1;
  }
  if (count === 0) return undefined;
  return { time: total(timeSums) / count, value: total(valueSums) / count };
}

const total = ([a = 0, b = 0, c = 0]: readonly number[]): number => a + b + c;

interface Rows {
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly begin: number;
  readonly end: number;
}

/** The row of the largest triangle (twice its area, to be exact), the first of equal ones; -1 where none is a number. */
function largest({ times, values, begin, end }: Rows, chosen: Point, means: Point): number {
  const base = chosen.time - means.time;
  const rise = means.value - chosen.value;
  let best = -1;
  let bestRow = -1;
  for (let row = begin; row < end; row += 1) {
    const across = base * ((values[row] ?? 0) - chosen.value);
    const area = Math.abs(across - (chosen.time - (times[row] ?? 0)) * rise);
    if (area > best) {
      best = area;
      bestRow = row;
    }
  }
  return bestRow;
}
