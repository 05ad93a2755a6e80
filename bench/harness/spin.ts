/** Work of a given length that no optimizer takes away: the same for every pool. */
export function spin(turns: number): number {
  let state = turns | 1;
  for (let turn = 0; turn < turns; turn += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state;
}

const CALIBRATION_TURNS = 2_000_000;
const CALIBRATIONS = 7;

/** Turns of one microsecond on this machine: the best of some tries, as neighbours only make it slower. */
export function turnsPerUs(): number {
  let best = Number.POSITIVE_INFINITY;
  for (let trial = 0; trial < CALIBRATIONS; trial += 1) {
    const begun = performance.now();
    spin(CALIBRATION_TURNS);
    best = Math.min(best, performance.now() - begun);
  }
  return CALIBRATION_TURNS / (best * 1_000);
}
