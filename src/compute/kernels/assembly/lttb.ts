/**
 * Largest triangle, three buckets (Steinarsson 2013): of each bucket the value that makes the largest triangle with
 * the one chosen before and the mean of the bucket behind. Missing and infinite values count as not there.
 */

let meanTime: f64 = 0;
let meanValue: f64 = 0;

function isThere(values: usize, row: i32): bool {
  const value = load<f64>(values + ((<usize>row) << 3));
  return value - value === 0;
}

/** First row of a bucket; the bucket behind the last is the last row alone. */
function edge(bucket: i32, buckets: i32, every: f64, first: i32, last: i32): i32 {
  return bucket < buckets ? first + 1 + <i32>(<f64>bucket * every) : last;
}

/** Sets the means of what is there; false where nothing is. Two stripes, even and odd rows counted from `row`. */
function takeMeans(times: usize, values: usize, row: i32, end: i32): bool {
  const zero = f64x2.splat(0);
  let timeSums = zero;
  let valueSums = zero;
  let counts = i64x2.splat(0);
  for (; row + 2 <= end; row += 2) {
    const value = v128.load(values + ((<usize>row) << 3));
    const there = f64x2.eq(f64x2.sub(value, value), zero);
    timeSums = f64x2.add(timeSums, v128.and(v128.load(times + ((<usize>row) << 3)), there));
    valueSums = f64x2.add(valueSums, v128.and(value, there));
    counts = i64x2.sub(counts, there);
  }
  let timeSum = f64x2.extract_lane(timeSums, 0) + f64x2.extract_lane(timeSums, 1);
  let valueSum = f64x2.extract_lane(valueSums, 0) + f64x2.extract_lane(valueSums, 1);
  let count = <f64>(i64x2.extract_lane(counts, 0) + i64x2.extract_lane(counts, 1));
  if (row < end && isThere(values, row)) {
    timeSum += load<f64>(times + ((<usize>row) << 3));
    valueSum += load<f64>(values + ((<usize>row) << 3));
    count += 1;
  }
  if (count === 0) return false;
  meanTime = timeSum / count;
  meanValue = valueSum / count;
  return true;
}

/** The row of the largest triangle, the first of equal ones; -1 where no area is a number. */
function largest(times: usize, values: usize, row: i32, end: i32, chosen: i32): i32 {
  const chosenTime = load<f64>(times + ((<usize>chosen) << 3));
  const base = chosenTime - meanTime;
  const rise = meanValue - load<f64>(values + ((<usize>chosen) << 3));
  const bases = f64x2.splat(base);
  const rises = f64x2.splat(rise);
  const chosenTimes = f64x2.splat(chosenTime);
  const chosenValues = f64x2.splat(load<f64>(values + ((<usize>chosen) << 3)));
  let areas = f64x2.splat(-1);
  let rows = f64x2.splat(-1);
  let here = f64x2.replace_lane(f64x2.splat(<f64>row), 1, <f64>row + 1);
  for (; row + 2 <= end; row += 2) {
    const time = v128.load(times + ((<usize>row) << 3));
    const value = v128.load(values + ((<usize>row) << 3));
    const area = f64x2.abs(
      f64x2.sub(
        f64x2.mul(bases, f64x2.sub(value, chosenValues)),
        f64x2.mul(f64x2.sub(chosenTimes, time), rises),
      ),
    );
    const larger = f64x2.gt(area, areas);
    areas = v128.bitselect(area, areas, larger);
    rows = v128.bitselect(here, rows, larger);
    here = f64x2.add(here, f64x2.splat(2));
  }
  let best = f64x2.extract_lane(areas, 0);
  let bestRow = f64x2.extract_lane(rows, 0);
  const other = f64x2.extract_lane(areas, 1);
  const otherRow = f64x2.extract_lane(rows, 1);
  if (other > best || (other === best && otherRow < bestRow)) {
    best = other;
    bestRow = otherRow;
  }
  if (row < end) {
    const value = load<f64>(values + ((<usize>row) << 3));
    const time = load<f64>(times + ((<usize>row) << 3));
    const chosenValue = load<f64>(values + ((<usize>chosen) << 3));
    if (abs(base * (value - chosenValue) - (chosenTime - time) * rise) > best) bestRow = <f64>row;
  }
  return <i32>bestRow;
}

function firstThere(values: usize, row: i32, end: i32): i32 {
  while (row < end && !isThere(values, row)) row += 1;
  return row < end ? row : -1;
}

/** Writes at most `points` rows, ascending; answers how many. */
export function lttb(picked: usize, times: usize, values: usize, length: i32, points: i32): i32 {
  const first = firstThere(values, 0, length);
  if (first < 0) return 0;
  let last = length - 1;
  while (!isThere(values, last)) last -= 1;
  if (last - first < points) {
    let written = 0;
    for (let row = first; row <= last; row += 1) {
      if (!isThere(values, row)) continue;
      store<i32>(picked + ((<usize>written) << 2), row);
      written += 1;
    }
    return written;
  }
  const buckets = points - 2;
  const every = <f64>(last - first - 1) / <f64>buckets;
  let chosen = first;
  let meansOf = 0;
  store<i32>(picked, first);
  let written = 1;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const row = edge(bucket, buckets, every, first, last);
    const end = edge(bucket + 1, buckets, every, first, last);
    const fallback = firstThere(values, row, end);
    if (fallback < 0) continue;
    // The next bucket that is not empty; the last row, which is there, ends the search.
    if (meansOf <= bucket) {
      meansOf = bucket + 1;
      while (
        !takeMeans(
          times,
          values,
          edge(meansOf, buckets, every, first, last),
          meansOf < buckets ? edge(meansOf + 1, buckets, every, first, last) : last + 1,
        )
      ) {
        meansOf += 1;
      }
    }
    const best = largest(times, values, row, end, chosen);
    chosen = best < 0 ? fallback : best;
    store<i32>(picked + ((<usize>written) << 2), chosen);
    written += 1;
  }
  store<i32>(picked + ((<usize>written) << 2), last);
  return written + 1;
}
