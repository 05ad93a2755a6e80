import type { MetricName } from '../metrics.ts';

type Labels = Readonly<Record<string, string>>;

/** Metrics as rooms see them. Hot paths keep a plain number and register it with `collect`. */
export interface Meter {
  add(name: MetricName, value?: number, labels?: Labels): void;
  /** One sample of a histogram; seconds where the name says seconds. */
  observe(name: MetricName, value: number, labels?: Labels): void;
  /** Reads a gauge, or a counter kept elsewhere (absolute value), when scraped. Returns the deregistration. */
  collect(name: MetricName, read: () => number, labels?: Labels): () => void;
}

export const silentMeter: Meter = {
  add: () => undefined,
  observe: () => undefined,
  collect: () => () => undefined,
};
