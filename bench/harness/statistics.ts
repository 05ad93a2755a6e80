/** Value below which the given share of the samples lies (nearest rank). */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('no samples');
  return value;
}

export interface Line {
  /** Per unit of `at`. */
  readonly slope: number;
  /** Standard error of the slope, as if the samples were independent. */
  readonly slopeError: number;
  /** Of the line, at the first sample. */
  readonly first: number;
}

/** Least squares through samples in order of `at`. */
export function linearFit(samples: readonly { readonly at: number; readonly value: number }[]): Line {
  if (samples.length < 3) throw new RangeError('a line needs three samples');
  const mean = (pick: (sample: { at: number; value: number }) => number): number =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const [at, value] = [mean((sample) => sample.at), mean((sample) => sample.value)];
  const spread = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0);
  if (spread === 0) throw new RangeError('all samples are of one time');
  const slope = samples.reduce((sum, s) => sum + (s.at - at) * (s.value - value), 0) / spread;
  const left = samples.reduce((sum, s) => sum + (s.value - value - slope * (s.at - at)) ** 2, 0);
  const first = value + slope * ((samples[0]?.at ?? at) - at);
  return { slope, slopeError: Math.sqrt(left / (samples.length - 2) / spread), first };
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);
