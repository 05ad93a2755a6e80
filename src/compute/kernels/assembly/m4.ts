/**
 * M4 (Jugel et al., VLDB 2014): of each pixel column the first, lowest, highest and last value, which draw the same
 * line as all of them. A column's rows are found by search, then its extremes by value, then their places.
 */

/** First row from `from` on whose time is not below the bound: strides that double, then halving. */
function rowAt(times: usize, from: i32, length: i32, bound: f64): i32 {
  if (from >= length || load<f64>(times + ((<usize>from) << 3)) >= bound) return from;
  let low = from;
  let stride = 1;
  while (low + stride < length && load<f64>(times + ((<usize>(low + stride)) << 3)) < bound) {
    low += stride;
    stride <<= 1;
  }
  let high = low + stride < length ? low + stride : length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (load<f64>(times + ((<usize>middle) << 3)) < bound) low = middle;
    else high = middle;
  }
  return high;
}

function valueAt(values: usize, row: i32): f64 {
  return load<f64>(values + ((<usize>row) << 3));
}

/** The first row that holds this value, which one of them does. */
function rowOf(values: usize, row: i32, value: f64): i32 {
  const wanted = f64x2.splat(value);
  let at = values + ((<usize>row) << 3);
  // Whole pairs before the last row only are sure to lie inside: the caller has seen the value further on.
  while (true) {
    if (load<f64>(at) === value) return row;
    const pair = f64x2.eq(v128.load(at), wanted);
    if (i64x2.bitmask(pair) !== 0) return row + 1;
    at += 16;
    row += 2;
  }
}

/** Writes the rows to draw, ascending and each once; answers how many. */
export function m4(
  picked: usize,
  times: usize,
  values: usize,
  length: i32,
  from: f64,
  to: f64,
  columns: i32,
): i32 {
  const span = to - from;
  let row = rowAt(times, 0, length, from);
  let written = 0;
  for (let column = 1; column <= columns && row < length; column += 1) {
    const end = rowAt(
      times,
      row,
      length,
      column === columns ? to : from + (<f64>column * span) / <f64>columns,
    );
    written += pick(picked + ((<usize>written) << 2), values, row, end);
    row = end;
  }
  return written;
}

function pick(picked: usize, values: usize, row: i32, end: i32): i32 {
  while (row < end && isNaN(valueAt(values, row))) row += 1;
  if (row === end) return 0;
  let last = end - 1;
  while (isNaN(valueAt(values, last))) last -= 1;

  let lows = f64x2.splat(Infinity);
  let highs = f64x2.splat(-Infinity);
  let at = row;
  for (; at + 4 <= last + 1; at += 4) {
    const a = v128.load(values + ((<usize>at) << 3));
    const b = v128.load(values + ((<usize>at) << 3), 16);
    lows = f64x2.pmin(f64x2.pmin(lows, a), b);
    highs = f64x2.pmax(f64x2.pmax(highs, a), b);
  }
  let low = f64x2.extract_lane(lows, 0);
  let high = f64x2.extract_lane(highs, 0);
  if (f64x2.extract_lane(lows, 1) < low) low = f64x2.extract_lane(lows, 1);
  if (f64x2.extract_lane(highs, 1) > high) high = f64x2.extract_lane(highs, 1);
  for (; at <= last; at += 1) {
    const value = valueAt(values, at);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const lowest = rowOf(values, row, low);
  const highest = rowOf(values, row, high);
  return writeOnce(
    picked,
    row,
    lowest < highest ? lowest : highest,
    lowest < highest ? highest : lowest,
    last,
  );
}

/** Four ascending rows, those that are the same once. */
function writeOnce(picked: usize, first: i32, second: i32, third: i32, last: i32): i32 {
  store<i32>(picked, first);
  let written = 1;
  if (second !== first) {
    store<i32>(picked + ((<usize>written) << 2), second);
    written += 1;
  }
  if (third !== second) {
    store<i32>(picked + ((<usize>written) << 2), third);
    written += 1;
  }
  if (last !== third) {
    store<i32>(picked + ((<usize>written) << 2), last);
    written += 1;
  }
  return written;
}
