/**
 * Exponentially weighted mean and variance, and how far each value stands from what was expected. Both are linear
 * recurrences: four values are first combined among themselves, then joined to the state by one multiplication and
 * one addition, which is all that one turn waits for the one before.
 */

/** State after the last value; globals of the instance, since its memory is shared with other threads. */
export let ewmaMean: f64 = NaN;
export let ewmaVariance: f64 = 0;

/** Low and high half of a pair whose first value carries `first` and whose second carries `second`. */
function pair(first: f64, second: f64): v128 {
  return f64x2.replace_lane(f64x2.splat(first), 1, second);
}

/** (0, low half): the first value moved to the place of the second. */
function second(values: v128): v128 {
  return v128.shuffle<f64>(f64x2.splat(0), values, 0, 2);
}

/** (high half of a, low half of b): the values one place earlier. */
function earlier(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(a, b, 1, 2);
}

function highHalves(values: v128): v128 {
  return v128.shuffle<f64>(values, values, 1, 1);
}

/** Deviation in units of the expected one; NaN where none is known yet. */
function score(difference: v128, variance: v128): v128 {
  const scores = f64x2.div(difference, f64x2.sqrt(variance));
  return v128.bitselect(scores, f64x2.splat(NaN), f64x2.gt(variance, f64x2.splat(0)));
}

export function ewma(
  means: usize,
  scores: usize,
  source: usize,
  length: usize,
  alpha: f64,
  mean: f64,
  variance: f64,
): void {
  let before = f64x2.splat(mean);
  let spreadBefore = f64x2.splat(variance);
  const keep = 1 - alpha;
  const keep2 = keep * keep;
  const keeps = f64x2.splat(keep);
  const alphas = f64x2.splat(alpha);
  const gains = f64x2.splat(alpha * keep);
  const oneTwo = pair(keep, keep2);
  const threeFour = pair(keep2 * keep, keep2 * keep2);
  const end = source + (length << 3);
  const turns = source + ((length >> 2) << 5);
  while (source < turns) {
    const x = v128.load(source);
    const y = v128.load(source, 16);
    const whole = v128.and(
      f64x2.eq(f64x2.sub(x, x), f64x2.splat(0)),
      f64x2.eq(f64x2.sub(y, y), f64x2.splat(0)),
    );
    if (i64x2.all_true(v128.and(whole, f64x2.eq(before, before)))) {
      const ax = f64x2.mul(x, alphas);
      const ay = f64x2.mul(y, alphas);
      const px = f64x2.add(ax, f64x2.mul(second(ax), keeps));
      const qy = f64x2.add(ay, f64x2.mul(second(ay), keeps));
      const py = f64x2.add(qy, f64x2.mul(highHalves(px), oneTwo));
      const mx = f64x2.add(px, f64x2.mul(before, oneTwo));
      const my = f64x2.add(py, f64x2.mul(before, threeFour));

      const dx = f64x2.sub(x, earlier(before, mx));
      const dy = f64x2.sub(y, earlier(mx, my));
      const sx = f64x2.mul(f64x2.mul(dx, dx), gains);
      const sy = f64x2.mul(f64x2.mul(dy, dy), gains);
      const ux = f64x2.add(sx, f64x2.mul(second(sx), keeps));
      const wy = f64x2.add(sy, f64x2.mul(second(sy), keeps));
      const uy = f64x2.add(wy, f64x2.mul(highHalves(ux), oneTwo));
      const vx = f64x2.add(ux, f64x2.mul(spreadBefore, oneTwo));
      const vy = f64x2.add(uy, f64x2.mul(spreadBefore, threeFour));

      v128.store(means, mx);
      v128.store(means, my, 16);
      v128.store(scores, score(dx, earlier(spreadBefore, vx)));
      v128.store(scores, score(dy, earlier(vx, vy)), 16);
      before = highHalves(my);
      spreadBefore = highHalves(vy);
    } else {
      ewmaMean = f64x2.extract_lane(before, 0);
      ewmaVariance = f64x2.extract_lane(spreadBefore, 0);
      for (let at: usize = 0; at < 32; at += 8) step(means + at, scores + at, load<f64>(source + at), alpha);
      before = f64x2.splat(ewmaMean);
      spreadBefore = f64x2.splat(ewmaVariance);
    }
    source += 32;
    means += 32;
    scores += 32;
  }
  ewmaMean = f64x2.extract_lane(before, 0);
  ewmaVariance = f64x2.extract_lane(spreadBefore, 0);
  for (; source < end; source += 8, means += 8, scores += 8) step(means, scores, load<f64>(source), alpha);
}

/** One value; a missing or infinite one leaves the state as it is. */
function step(means: usize, scores: usize, value: f64, alpha: f64): void {
  if (value - value !== 0) {
    store<f64>(scores, NaN);
  } else if (ewmaMean !== ewmaMean) {
    ewmaMean = value;
    store<f64>(scores, NaN);
  } else {
    const keep = 1 - alpha;
    const difference = value - ewmaMean;
    store<f64>(scores, ewmaVariance > 0 ? difference / sqrt(ewmaVariance) : NaN);
    ewmaMean = value * alpha + ewmaMean * keep;
    ewmaVariance = difference * difference * (alpha * keep) + ewmaVariance * keep;
  }
  store<f64>(means, ewmaMean);
}
