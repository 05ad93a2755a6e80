/**
 * Exponentially weighted mean and variance of a column, and the z-score of each value against what stood before it
 * (Finch 2009, "Incremental calculation of weighted mean and variance", section 9). Four values at a time, in the
 * order the vector kernel has; against the plain recurrence the results differ by rounding only.
 */

interface EwmaState {
  /** NaN until the first value. */
  mean: number;
  variance: number;
}

export interface EwmaJob {
  readonly values: Float64Array;
  /** Weight of a new value, 0 < alpha ≤ 1. */
  readonly alpha: number;
  /** What came before; moved on to the last value. */
  readonly state: EwmaState;
  /** The mean after each value. */
  readonly means: Float64Array;
  /** (value − mean before) ÷ deviation before; NaN where the value is missing or no deviation is known. */
  readonly scores: Float64Array;
}

export function ewma(job: EwmaJob): void {
  const { values, state } = job;
  const turns = values.length - (values.length % 4);
  let at = 0;
  for (; at < turns; at += 4) {
    if (!Number.isNaN(state.mean) && fourAreFinite(values, at)) takeFour(job, at);
    else for (let one = at; one < at + 4; one += 1) takeOne(job, one);
  }
  for (; at < values.length; at += 1) takeOne(job, at);
}

function fourAreFinite(values: Float64Array, at: number): boolean {
  for (let one = at; one < at + 4; one += 1) if (!Number.isFinite(values[one])) return false;
  return true;
}

const score = (difference: number, variance: number): number =>
  variance > 0 ? difference / Math.sqrt(variance) : Number.NaN;

/** A missing or infinite value leaves the state as it is. */
function takeOne({ values, alpha, state, means, scores }: EwmaJob, at: number): void {
  const value = values[at] ?? Number.NaN;
  scores[at] = Number.NaN;
  if (Number.isFinite(value)) {
    if (Number.isNaN(state.mean)) {
      state.mean = value;
    } else {
      const keep = 1 - alpha;
      const difference = value - state.mean;
      scores[at] = score(difference, state.variance);
      state.mean = value * alpha + state.mean * keep;
      state.variance = difference * difference * (alpha * keep) + state.variance * keep;
    }
  }
  means[at] = state.mean;
}

/** Four steps of y = x + keep × y: combined in pairs, the pairs with each other, then with what stood before. */
function takeFour({ values, alpha, state, means, scores }: EwmaJob, at: number): void {
  const keep = 1 - alpha;
  const keep2 = keep * keep;
  const keep3 = keep2 * keep;
  const keep4 = keep2 * keep2;
  const gain = alpha * keep;
  const { mean, variance } = state;
  const a = values[at] ?? 0;
  const b = values[at + 1] ?? 0;
  const c = values[at + 2] ?? 0;
  const d = values[at + 3] ?? 0;

  // Adding zero, as the vector does to the first of each pair, turns -0 into 0.
  const p1 = a * alpha + 0;
  const p2 = b * alpha + a * alpha * keep;
  const m1 = p1 + mean * keep;
  const m2 = p2 + mean * keep2;
  const m3 = c * alpha + 0 + p2 * keep + mean * keep3;
  const m4 = d * alpha + c * alpha * keep + p2 * keep2 + mean * keep4;

  const sa = (a - mean) * (a - mean) * gain;
  const sb = (b - m1) * (b - m1) * gain;
  const sc = (c - m2) * (c - m2) * gain;
  const sd = (d - m3) * (d - m3) * gain;
  const u2 = sb + sa * keep;
  const v1 = sa + variance * keep;
  const v2 = u2 + variance * keep2;
  const v3 = sc + u2 * keep + variance * keep3;

  means[at] = m1;
  means[at + 1] = m2;
  means[at + 2] = m3;
  means[at + 3] = m4;
  scores[at] = score(a - mean, variance);
  scores[at + 1] = score(b - m1, v1);
  scores[at + 2] = score(c - m2, v2);
  scores[at + 3] = score(d - m3, v3);
  state.mean = m4;
  state.variance = sd + sc * keep + u2 * keep2 + variance * keep4;
}
