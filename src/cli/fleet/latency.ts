const LATENCY_MAX_MS = 10_000;

/** Latencies to the millisecond, those beyond ten seconds in the last cell. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(LATENCY_MAX_MS + 1);
  #total = 0;

  record(ms: number): void {
    const cell = Math.min(LATENCY_MAX_MS, Math.max(0, Math.round(ms)));
    this.#counts[cell] = (this.#counts[cell] ?? 0) + 1;
    this.#total += 1;
  }

  /** `quantile` 0..1; undefined without a sample. */
  at(quantile: number): number | undefined {
    if (this.#total === 0) return undefined;
    let left = Math.ceil(this.#total * quantile);
    for (const [ms, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return ms;
    }
    return LATENCY_MAX_MS;
  }
}
