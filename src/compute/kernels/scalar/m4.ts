/**
 * M4 (Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014): of each pixel column the
 * first, lowest, highest and last value, which draw the same line as all of them. One pass over the rows.
 */

export interface M4Job {
  /** Ascending; equal times are allowed. */
  readonly times: Float64Array;
  /** NaN is a missing value, never picked. */
  readonly values: Float64Array;
  /** The picture's left edge, belonging to it. */
  readonly from: number;
  /** Its right edge, not belonging to it. */
  readonly to: number;
  /** Pixel columns; column k ends before from + k × (to − from) ÷ columns. */
  readonly columns: number;
  /** Rows to draw, ascending and each once: 4 × columns at most. */
  readonly picked: Uint32Array;
}

/** Answers how many rows were picked. */
export function m4({ times, values, from, to, columns, picked }: M4Job): number {
  const span = to - from;
  let row = 0;
  let written = 0;
  while (row < times.length && (times[row] ?? 0) < from) row += 1;
  for (let column = 1; column <= columns; column += 1) {
    const bound = column === columns ? to : from + (column * span) / columns;
    let [first, lowest, highest, last] = [-1, -1, -1, -1];
    for (; row < times.length && (times[row] ?? 0) < bound; row += 1) {
      const value = values[row] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      if (first < 0) [first, lowest, highest] = [row, row, row];
      if (value < (values[lowest] ?? 0)) lowest = row;
      if (value > (values[highest] ?? 0)) highest = row;
      last = row;
    }
    if (first < 0) continue;
    const rows = [first, Math.min(lowest, highest), Math.max(lowest, highest), last];
    for (const [at, one] of rows.entries()) {
      if (at > 0 && one === rows[at - 1]) continue;
      picked[written] = one;
      written += 1;
    }
  }
  return written;
}
