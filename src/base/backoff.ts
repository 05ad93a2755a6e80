import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Share of the delay that is random, 0..1, so that many waiters do not return as one. */
  readonly jitter?: number;
}

/** Exponential back-off: delay before attempt `attempt` (0 = first retry), in milliseconds. */
export function backoffMs(attempt: number, options: BackoffOptions, random: Random): number {
  const full = Math.min(options.maxMs, options.initialMs * 2 ** attempt);
  const jitter = options.jitter ?? 0.2;
  return full * (1 - jitter + jitter * random.next());
}
